/*
 * socket_state.h - what a socket transport is made of, for the files that make it up.
 */
#ifndef WEFT_API_SOCKET_STATE_H
#define WEFT_API_SOCKET_STATE_H

#include "api/byte_transport.h"
#include "api/socket_transport.h"
#include "api/transport_socket.h"

struct socket_transport {
    struct byte_transport bytes;
    struct socket_group *group;
    struct socket_transport *prev, *next; /* in the group */
    weft_transport *upper;                /* that is closed in its place; borrowed; or NULL */
    struct socket_names names;
};

static inline struct socket_transport *socket_of(const weft_transport *transport)
{
    return (struct socket_transport *)(uintptr_t)transport;
}

static inline weft_transport *socket_base(struct socket_transport *s)
{
    return &s->bytes.fd.base;
}

/* ---- socket_sendfile.c ---- */

int wf_socket_sendfile(weft_transport *transport, int fd, off_t offset, size_t count, size_t *sent);

/* ---- socket_group.c ---- */

void wf_socket_group_join(struct socket_group *group, struct socket_transport *s); /* NULL: none */
void wf_socket_group_leave(struct socket_transport *s);

#endif
