/*
 * weft/datagram.h - datagram endpoints: UDP, and datagrams over Unix sockets, with a protocol.
 *
 * The transport calls connection_made, then datagram_received for each datagram, empty ones too, and
 * error_received for errors of the system that do not end the endpoint, such as a port that nobody
 * listens on. For blocking-looking calls there are weft_sock_recvfrom() and weft_sock_sendto().
 */
#ifndef WEFT_DATAGRAM_H
#define WEFT_DATAGRAM_H

#include <weft/socket.h>
#include <weft/transport.h>

WEFT_BEGIN

/* Options of weft_create_datagram_endpoint(): all zero is asyncio's default. */
typedef struct weft_datagram_options {
    /* Bound to; each NULL: not. A port as in weft_getaddrinfo(). */
    const char *local_host, *local_port;
    /* Connected to: only that peer is heard, and it is the default target. */
    const char *remote_host, *remote_port;
    /* The same as addresses, of any family; borrowed. A stale socket file at a local path is removed. */
    const weft_address *local_address, *remote_address;
    int family;       /* needed where no address is given; 0: any */
    int proto, flags; /* for getaddrinfo */
    bool reuse_port;
    bool allow_broadcast; /* the remote address is then the target only, not connected to */
    weft_socket *sock; /* instead of all others; owned by the call if it succeeds or is cancelled */
} weft_datagram_options;

/**
 * weft_create_datagram_endpoint - make an endpoint for datagrams
 * @protocol:      borrowed, until its connection_lost returns; nothing is called when nothing was
 *                 opened
 * @options:       an address, a family, or a socket is needed
 * @ret_transport: owned by the caller, see weft_transport_unref()
 *
 * The protocol's connection_made has been called when the call returns 0. If it fails after that, it
 * has called connection_lost as well.
 *
 * Context:      a task
 * Cancellation: nothing is left open
 * Return:       0; -errno of bind(), connect(), ... with a message that names the address; the
 *               resolver's error; -EADDRNOTAVAIL: no address was found; -EINVAL; WEFT_ECANCELLED;
 *               WEFT_ENOTASK; -ENOMEM
 * asyncio:      loop.create_datagram_endpoint(protocol_factory, local_addr, remote_addr, ...)
 */
WEFT_API int weft_create_datagram_endpoint(weft_protocol *protocol,
                                           const weft_datagram_options *options,
                                           weft_transport **ret_transport);

/**
 * weft_datagram_sendto - send one datagram, at once if the system takes it; else it is copied
 * @transport: from weft_create_datagram_endpoint()
 * @data:      may be NULL when @bytes is 0; an empty datagram is sent, too
 * @address:   NULL: the remote address of the endpoint
 *
 * Order and boundaries are kept. Errors of the system go to the protocol's error_received, within the
 * call if it sends at once. Each datagram that waits counts 8 bytes more than it has, against the
 * marks at which pause_writing is called. After close it does nothing; from the fifth time on that is
 * reported.
 *
 * Context: loop; never suspends
 * Return:  0; -EINVAL: not an endpoint, no address, or another than the remote one; -ENOMEM: it was not
 *          taken
 * asyncio: transport.sendto(data, addr)
 */
WEFT_API int weft_datagram_sendto(weft_transport *transport, const void *data, size_t bytes,
                                  const weft_address *address);

WEFT_END

#endif
