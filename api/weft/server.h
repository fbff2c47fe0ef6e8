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
    size_t limit;      /* of the readers, in bytes; 0: WEFT_STREAM_LIMIT */
    int family, flags; /* of the look-up: AF_INET, AF_INET6; flags 0: AI_PASSIVE */
    weft_socket *sock; /* instead of an address: bound; owned by the call if it succeeds */
    int backlog; /* so many connections wait in the system, and are accepted in one turn of the
                          loop; 0: 100 */
    bool no_reuse_address; /* reuse_address=False */
    bool reuse_port;
    bool keep_alive;
    bool no_start_serving; /* start_serving=False */
    bool keep_socket;      /* cleanup_socket=False */
    bool plain; /* the handler is called directly in the loop, and may not suspend (SRVR-02) */
    int loops;  /* 0: this one; WEFT_ALL_LOOPS: a listener on each loop of the runtime */
    size_t stack_size;     /* of the handlers, in bytes; 0: the default */
    weft_ssl_context *ssl; /* borrowed, until the server is closed and its connections are gone */
    double ssl_handshake_timeout, ssl_shutdown_timeout; /* seconds; 0: the default */
} weft_server_options;

/**
 * weft_start_server - listen on a host and port
 * @client_connected: see above
 * @arg:     for the handler; must stay until the server is closed and its handlers have ended
 * @host:    a name, a numeric address, several separated by commas, or NULL or "" for all interfaces
 * @port:    a number as text, "0" for any free one, or a service name
 * @options: may be NULL
 * @ret_server: owned by the caller, see weft_server_unref()
 *
 * One listening socket for each distinct address; what is none of this machine is left out, as long
 * as there is another one.
 *
 * With WEFT_ALL_LOOPS each loop of the runtime has listening sockets of its own, and runs the
 * handlers of the connections that it accepts. The system deals the connections out (SO_REUSEPORT).
 *
 * When a connection cannot be accepted, for want of descriptors or memory, that is reported, and
 * none is accepted for a second.
 *
 * Context:      a task, on whose loop the server is from now on: the calls below are for that
 * Cancellation: nothing is left open
 * Return:       0; -EADDRINUSE and the like with a message that names the address; -EINVAL for
 *               options that contradict each other; the resolver's error; WEFT_ECANCELLED;
 *               WEFT_ENOTASK; -EAGAIN when a loop cannot be started; -EMFILE; -ENOMEM
 * asyncio:      start_server(client_connected_cb, host, port, ...)
 */
WEFT_API int weft_start_server(weft_client_connected client_connected, void *arg, const char *host,
                               const char *port, const weft_server_options *options,
                               weft_server **ret_server);

/**
 * weft_start_unix_server - listen on a Unix socket
 * @path: of the socket. A socket that is there already is removed first; NULL with options->sock
 *
 * When the server is closed the file is removed, if it is the same still. With WEFT_ALL_LOOPS all
 * loops accept from the one socket.
 *
 * Otherwise as weft_start_server(). asyncio: start_unix_server(client_connected_cb, path, ...)
 */
WEFT_API int weft_start_unix_server(weft_client_connected client_connected, void *arg,
                                    const char *path, const weft_server_options *options,
                                    weft_server **ret_server);

/* The same at an address of weft_address_unix(), which may be abstract: there is no file then. */
WEFT_API int weft_start_unix_server_at(weft_client_connected client_connected, void *arg,
                                       const weft_address *address,
                                       const weft_server_options *options,
                                       weft_server **ret_server);

/**
 * weft_server_start_serving - begin to accept, after options->no_start_serving
 *
 * Nothing when it does so already. When the call returns, connections are accepted.
 *
 * Context:      a task of the server's loop
 * Cancellation: it has begun
 * Return:       0; WEFT_ERUNTIME on a closed server; -EADDRINUSE and other errors of listen();
 *               WEFT_ECANCELLED; WEFT_ENOTASK; WEFT_EWRONGTHREAD
 * asyncio:      await server.start_serving()
 */
WEFT_API int weft_server_start_serving(weft_server *server);

/**
 * weft_server_serve_forever - serve until the task is cancelled or the server closed
 *
 * Context:      a task of the server's loop
 * Cancellation: closes the server, and waits for its connections to end
 * Return:       WEFT_ECANCELLED, also after weft_server_close(); WEFT_ERUNTIME on a closed server,
 *               or while another task is in this call; otherwise as weft_server_start_serving()
 * asyncio:      await server.serve_forever()
 */
WEFT_API int weft_server_serve_forever(weft_server *server);

/* Whether connections are accepted. Loop. */
WEFT_API bool weft_server_is_serving(const weft_server *server);

/* Stops accepting and closes the listening sockets; connections live on. Idempotent. NULL is allowed.
 * Loop. asyncio: server.close() */
WEFT_API void weft_server_close(weft_server *server);

/**
 * weft_server_wait_closed - wait until the server is closed and all its connections are gone
 *
 * Context:      tasks of the server's loop, any number of them
 * Cancellation: nothing has changed
 * Return:       0, at once if it is so already; WEFT_ECANCELLED; WEFT_ENOTASK; WEFT_EWRONGTHREAD
 * asyncio:      await server.wait_closed()
 */
WEFT_API int weft_server_wait_closed(weft_server *server);

/**
 * weft_server_exit - close a server and wait for it, as the end of a block
 * @server: weft_server *; its reference stays the caller's
 *
 * For weft_exit_stack_push().
 *
 * Context: a task of the server's loop
 * Return:  code; or why the wait failed
 * asyncio: async with server:
 */
WEFT_API int weft_server_exit(void *server, int code);

/* Closes every connection, once what is buffered has been sent. Loop. asyncio: close_clients() */
WEFT_API void weft_server_close_clients(weft_server *server);

/* Drops every connection, with what is buffered. Loop. asyncio: abort_clients() */
WEFT_API void weft_server_abort_clients(weft_server *server);

/* How many listening sockets, of all loops; the first max of them are copied. None after close. Loop.
 * asyncio: server.sockets */
WEFT_API int weft_server_sockets(const weft_server *server, weft_transport_socket *ret_sockets,
                                 int max);

WEFT_API weft_loop *weft_server_get_loop(const weft_server *server); /* any thread */

/* Another reference. Any thread. */
WEFT_API weft_server *weft_server_ref(weft_server *server);

/* Gives a reference back; NULL is allowed. A server that is not closed goes on without any, until its
 * loop is closed. Any thread. */
WEFT_API void weft_server_unref(weft_server *server);

WEFT_END

#endif
