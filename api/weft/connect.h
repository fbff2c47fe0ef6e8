/*
 * weft/connect.h - connections for protocols of one's own. Most programs want streams instead:
 * weft_open_connection() (weft/stream.h).
 */
#ifndef WEFT_CONNECT_H
#define WEFT_CONNECT_H

#include <weft/stream.h>

WEFT_BEGIN

/**
 * weft_create_connection - connect to a host and port, with a protocol
 * @protocol:      borrowed, until its connection_lost returns; nothing is called when nothing was
 *                 connected
 * @host, @port:   as in weft_open_connection()
 * @options:       may be NULL; `limit` has no meaning here
 * @ret_transport: owned by the caller, see weft_transport_unref()
 *
 * The protocol's connection_made has been called when the call returns 0. If it fails after that, it
 * has called connection_lost as well: the protocol is the caller's again.
 *
 * Context:      a task
 * Cancellation: as weft_open_connection()
 * Return:       as weft_open_connection()
 * asyncio:      loop.create_connection(protocol_factory, host, port, ...)
 */
WEFT_API int weft_create_connection(weft_protocol *protocol, const char *host, const char *port,
                                    const weft_connection_options *options,
                                    weft_transport **ret_transport);

/* The same over a Unix socket; see weft_open_unix_connection() and weft_open_unix_connection_at().
 * asyncio: loop.create_unix_connection(protocol_factory, path, ...) */
WEFT_API int weft_create_unix_connection(weft_protocol *protocol, const char *path,
                                         const weft_connection_options *options,
                                         weft_transport **ret_transport);
WEFT_API int weft_create_unix_connection_at(weft_protocol *protocol, const weft_address *address,
                                            const weft_connection_options *options,
                                            weft_transport **ret_transport);

/* Options of weft_connect_accepted_socket(). */
typedef struct weft_accepted_options {
    weft_ssl_context *ssl;
    double ssl_handshake_timeout, ssl_shutdown_timeout; /* seconds; 0: the default */
} weft_accepted_options;

/**
 * weft_connect_accepted_socket - make a connection of a socket that was accepted elsewhere
 * @protocol:      as in weft_create_connection()
 * @sock:          a connected stream socket; owned by the call if it succeeds. It is closed, too, when
 *                 the call is cancelled or TLS fails
 * @options:       may be NULL
 * @ret_transport: owned by the caller
 *
 * Context:      a task
 * Cancellation: the connection is closed
 * Return:       0; -EINVAL; -EBUSY while others wait for the socket; a TLS error; WEFT_ECANCELLED;
 *               -ENOMEM
 * asyncio:      loop.connect_accepted_socket(protocol_factory, sock, ...)
 */
WEFT_API int weft_connect_accepted_socket(weft_protocol *protocol, weft_socket *sock,
                                          const weft_accepted_options *options,
                                          weft_transport **ret_transport);

WEFT_END

#endif
