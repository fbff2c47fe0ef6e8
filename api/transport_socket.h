/*
 * transport_socket.h - what a transport on a socket tells of it: TransportSocket, and its two addresses.
 */
#ifndef WEFT_API_TRANSPORT_SOCKET_H
#define WEFT_API_TRANSPORT_SOCKET_H

#include <weft/transport.h>

struct socket_names {
    weft_transport_socket socket;
    weft_address sockname, peername; /* no bytes: the system says nothing */
};

/* Fills them in; peer: what is known, or NULL and the system is asked. */
void wf_socket_names_ask(struct socket_names *names, int fd, int type, const weft_address *peer);

/* "peername", "sockname", "socket"; NULL for others, and for what is not known. */
const void *wf_socket_names_get(const struct socket_names *names, const char *name);

#endif
