/*
 * weft/server.h - servers: listening sockets, and a handler for each connection.
 */
#ifndef WEFT_SERVER_H
#define WEFT_SERVER_H

#include <weft/stream.h>

WEFT_BEGIN

typedef struct weft_server weft_server;

/*
 * What a server does with a connection. It runs as a task of the loop that accepted it. The reader and
 * the writer are its own: it gives both back. Returning does not close the connection; giving the
 * writer back does (SRVR-05, WRIT-24). A negative return is reported, and closes the connection
 * (SRVR-03); WEFT_ECANCELLED closes it with no report.
 */
typedef int (*weft_client_connected)(weft_stream_reader *reader, weft_stream_writer *writer,
                                     void *arg);

#define WEFT_ALL_LOOPS (-1)

/* Options of weft_start_server() and weft_start_unix_server(): all zero is asyncio's default. */
typedef struct weft_server_options {
    size_t limit; /* of the readers, in bytes; 0: WEFT_STREAM_LIMIT */
    int family, flags;
    weft_socket *sock;     /* instead of an address: bound; owned by the call if it succeeds */
    int backlog;           /* 0: 100 */
    bool no_reuse_address; /* reuse_address=False */
    bool reuse_port;
    bool keep_alive;
    bool no_start_serving; /* start_serving=False */
    bool keep_socket;      /* cleanup_socket=False */
    bool plain; /* the handler is called directly in the loop, and may not suspend (SRVR-02) */
    int loops;  /* 0: this one; WEFT_ALL_LOOPS: a listener on each loop of the runtime */
    size_t stack_size; /* of the handlers, in bytes; 0: the default */
    weft_ssl_context *ssl;
    double ssl_handshake_timeout, ssl_shutdown_timeout; /* seconds; 0: the default */
} weft_server_options;

/**
 * weft_start_server - listen on a host and port
 * @client_connected: see above
 * @arg:     for the handler
 * @host:    a name, a numeric address, several separated by commas, or NULL or "" for all interfaces
 * @port:    a number as text, "0" for any free one, or a service name
 * @options: may be NULL
 *
 * Context:      a task
 * Cancellation: nothing is left open
 * Return:       0; -EADDRINUSE with a message that names the address; ...
 * asyncio:      start_server(client_connected_cb, host, port, ...)
 */
WEFT_API int weft_start_server(weft_client_connected client_connected, void *arg, const char *host,
                               const char *port, const weft_server_options *options,
                               weft_server **ret_server);
WEFT_API int weft_start_unix_server(weft_client_connected client_connected, void *arg,
                                    const char *path, const weft_server_options *options,
                                    weft_server **ret_server);

WEFT_API int weft_server_start_serving(weft_server *server);
WEFT_API int weft_server_serve_forever(weft_server *server); /* a task */
WEFT_API bool weft_server_is_serving(const weft_server *server);
WEFT_API void weft_server_close(weft_server *server);
WEFT_API int weft_server_wait_closed(weft_server *server); /* a task */
WEFT_API void weft_server_close_clients(weft_server *server);
WEFT_API void weft_server_abort_clients(weft_server *server);
/* How many listening sockets; the first max of them are copied. None after close. */
WEFT_API int weft_server_sockets(const weft_server *server, weft_transport_socket *ret_sockets,
                                 int max);
WEFT_API weft_loop *weft_server_get_loop(const weft_server *server);
WEFT_API weft_server *weft_server_ref(weft_server *server);
WEFT_API void weft_server_unref(weft_server *server);

WEFT_END

#endif
