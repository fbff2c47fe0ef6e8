/*
 * socket_transport.h - transports over connected stream sockets: TCP and Unix.
 */
#ifndef WEFT_API_SOCKET_TRANSPORT_H
#define WEFT_API_SOCKET_TRANSPORT_H

#include <weft/socket.h>

#include "api/transport.h"

struct socket_transport;
struct source;

/* The transports that somebody looks after, such as a server its clients. On one loop. */
struct socket_group {
    struct socket_transport *first; /* the newest */
    size_t count;
    /* One of them is closed, and connection_lost over: it is not among them any more. From the loop. */
    void (*left)(struct socket_group *group);
};

/* All zero: as asyncio's create_connection(). */
struct socket_transport_options {
    const weft_address *peer; /* NULL: the system is asked */
    int proto;                /* of the socket; 0: TCP for an internet one */
    bool nodelay_set;         /* the socket has TCP_NODELAY already */
    /* Gets NULL as its result once connection_made was called and reading has begun, unless it is
     * done. Borrowed: a reference is taken. */
    weft_future *waiter;
    struct socket_group *group; /* joined */
    struct source *source;      /* that has the descriptor so far: moved. Else NULL */
};

/*
 * A transport over a connected, non-blocking stream socket. connection_made is called from the ready
 * queue, then reading begins (TRAN-05). It keeps itself alive until then: the caller may give its
 * reference back at once, if the protocol takes one in connection_made.
 *
 * @fd: the transport's, once the call succeeds; registered with no poller, unless by options->source
 *
 * Owned by the caller; NULL with errno ENOMEM: fd is still the caller's. On the loop's thread. The
 * protocol's functions run in a copy of the current context.
 */
weft_transport *wf_socket_transport_new(struct weft_loop *loop, int fd, weft_protocol *protocol,
                                        const struct socket_transport_options *options);

/* The transport of a member of a group has another one above it, such as TLS, which lives as long: to
 * close the member is to close that. */
void wf_socket_transport_set_upper(weft_transport *transport, weft_transport *upper);

/* Closes or aborts all: none of the protocols is told before the loop's next turn. */
void wf_socket_group_close(struct socket_group *group);
void wf_socket_group_abort(struct socket_group *group);

/* Whoever looks after the group is gone: its members belong to none. */
void wf_socket_group_disband(struct socket_group *group);

#endif
