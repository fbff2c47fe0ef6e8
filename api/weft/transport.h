/*
 * weft/transport.h - transports and protocols: connections as a set of callbacks, without tasks.
 *
 * Streams (weft/stream.h) are made of these, and are what most programs want. A transport moves
 * bytes; a protocol is told what comes:
 *
 *     connection_made (data_received | get_buffer, buffer_updated)* eof_received? connection_lost
 *
 * Everything happens on the transport's loop, in callbacks: no protocol function may suspend. One
 * that fails with a negative code is reported to the loop's exception handler and aborts the
 * connection with that error (TRAN-10).
 *
 * A transport is counted: the one who made it owns a reference, the loop another until
 * connection_lost has been called. A protocol must live until its connection_lost (or dropped)
 * returns. Its functions run in a copy of the context that the transport was made in.
 */
#ifndef WEFT_TRANSPORT_H
#define WEFT_TRANSPORT_H

#include <stdbool.h>
#include <sys/types.h>
#include <sys/uio.h>

#include <weft/address.h>
#include <weft/base.h>
#include <weft/error.h>

WEFT_BEGIN

typedef struct weft_transport weft_transport;
typedef struct weft_protocol weft_protocol;

/* What a protocol answers to. Any member may be NULL: nothing happens then. */
typedef struct weft_protocol_ops {
    int (*connection_made)(weft_protocol *protocol, weft_transport *transport);
    /* The bytes are valid during the call. */
    int (*data_received)(weft_protocol *protocol, const void *data, size_t bytes);
    /* Instead of data_received, where the protocol has a buffer of its own: what is received is
     * written there. An empty buffer is an error (TRAN-14). hint < 0: any size. */
    int (*get_buffer)(weft_protocol *protocol, ssize_t hint, void **ret_buffer, size_t *ret_size);
    int (*buffer_updated)(weft_protocol *protocol, size_t bytes);
    /* 1: the writing side stays open; 0: the transport closes itself (TRAN-09). */
    int (*eof_received)(weft_protocol *protocol);
    /* The last call. code: 0, or the error that ended it, with its object or NULL (borrowed). */
    void (*connection_lost)(weft_protocol *protocol, int code, weft_error *error);
    void (*pause_writing)(weft_protocol *protocol);  /* the buffer is above the high-water mark */
    void (*resume_writing)(weft_protocol *protocol); /* it has sunk to the low one */
    /* Datagram endpoints: each datagram; errors of the system that do not end the endpoint. */
    int (*datagram_received)(weft_protocol *protocol, const void *data, size_t bytes,
                             const weft_address *sender);
    void (*error_received)(weft_protocol *protocol, int code, weft_error *error);
    /* Instead of connection_lost: the loop was closed with the connection open. Frees what the
     * protocol has; nothing that needs the loop can be called any more. */
    void (*dropped)(weft_protocol *protocol);
} weft_protocol_ops;

/* Embedded, as the first member, in what the program makes of it. */
struct weft_protocol {
    const weft_protocol_ops *ops;
};

WEFT_API weft_transport *weft_transport_ref(weft_transport *transport);

/* The last reference of the program to a transport that is still open: a warning is reported, and it is
 * closed (WRIT-24, PIPE-09). NULL is allowed. Loop. */
WEFT_API void weft_transport_unref(weft_transport *transport);

/**
 * weft_transport_write - send bytes, at once as far as the system takes them; the rest is copied
 *
 * After close it does nothing; from the fifth time on that is reported (WRIT-16).
 *
 * An error of the connection is none of this call: it closes the transport, and goes to
 * connection_lost.
 *
 * Context: loop; never suspends
 * Return:  0; -ENOMEM: none of it was taken, or, where a part was sent already, the transport is
 *          being closed with that error; -EINVAL; WEFT_ERUNTIME after weft_transport_write_eof() or
 *          during a sendfile
 * asyncio: transport.write(data)
 */
WEFT_API int weft_transport_write(weft_transport *transport, const void *data, size_t bytes);

/* The pieces in order, as one write of them all. asyncio: transport.writelines(list) */
WEFT_API int weft_transport_writelines(weft_transport *transport, const struct iovec *pieces,
                                       int count);

/* The end of the stream, after what is buffered; reading goes on. Nothing the second time. 0;
 * WEFT_ERUNTIME where there is no half-close. Loop. */
WEFT_API int weft_transport_write_eof(weft_transport *transport);
WEFT_API bool weft_transport_can_write_eof(const weft_transport *transport);

/* Stops reading, sends what is buffered, then closes; connection_lost comes later, from the loop.
 * Idempotent. Loop. */
WEFT_API void weft_transport_close(weft_transport *transport);

/* Drops what is buffered and closes; connection_lost comes later, with no error (TRAN-06). Loop. */
WEFT_API void weft_transport_abort(weft_transport *transport);
WEFT_API bool weft_transport_is_closing(const weft_transport *transport);

/* Idempotent, and nothing on a closing transport (TRAN-04). Loop. */
WEFT_API void weft_transport_pause_reading(weft_transport *transport);
WEFT_API void weft_transport_resume_reading(weft_transport *transport);
WEFT_API bool weft_transport_is_reading(const weft_transport *transport);

/* A mark that is to be had from the other: low is a quarter of high, high four times low; both: 64
 * KiB and 16 KiB (TRAN-01), over TLS 512 KiB and 128 KiB. */
#define WEFT_DEFAULT_MARK ((ssize_t)-1)

/* In bytes. 0; -EINVAL unless high >= low >= 0. Takes effect at once. Loop. */
WEFT_API int weft_transport_set_write_buffer_limits(weft_transport *transport, ssize_t high,
                                                    ssize_t low);
WEFT_API int weft_transport_get_write_buffer_limits(const weft_transport *transport,
                                                    size_t *ret_low, size_t *ret_high);
WEFT_API size_t weft_transport_get_write_buffer_size(const weft_transport *transport);

/* Later events go to this protocol. Loop. */
WEFT_API int weft_transport_set_protocol(weft_transport *transport, weft_protocol *protocol);
WEFT_API weft_protocol *weft_transport_get_protocol(const weft_transport *transport);

WEFT_API weft_loop *weft_transport_get_loop(const weft_transport *transport);

/**
 * weft_transport_get_extra_info - what is known of a connection, by asyncio's names
 * @name:     "peername", "sockname" (const weft_address *); "socket" (const weft_transport_socket *);
 *            "pipe" (const int *, the descriptor); for TLS also "sslcontext" (weft_ssl_context *),
 *            "peercert" (X509 *), "cipher", "compression" (const char *), "ssl_object" (SSL *)
 * @fallback: returned for a name that is not known
 *
 * Also after the connection closed (WRIT-21).
 *
 * Context: loop
 * Return:  borrowed from the transport
 * asyncio: transport.get_extra_info(name, default)
 */
WEFT_API const void *weft_transport_get_extra_info(const weft_transport *transport,
                                                   const char *name, const void *fallback);

/*
 * The socket under a transport, for questions and options; nothing that would disturb the transport.
 * asyncio: TransportSocket
 */
typedef struct weft_transport_socket {
    int fd; /* -1 once it is closed */
    int family, type, proto;
} weft_transport_socket;

WEFT_API int weft_transport_socket_getsockname(const weft_transport_socket *socket,
                                               weft_address *ret_address);
WEFT_API int weft_transport_socket_getpeername(const weft_transport_socket *socket,
                                               weft_address *ret_address);
WEFT_API int weft_transport_socket_getsockopt(const weft_transport_socket *socket, int level,
                                              int option, void *value, socklen_t *bytes);
WEFT_API int weft_transport_socket_setsockopt(const weft_transport_socket *socket, int level,
                                              int option, const void *value, socklen_t bytes);
WEFT_API int weft_transport_socket_shutdown(const weft_transport_socket *socket, int how);
/* An independent descriptor of the same connection, owned by the caller; or -errno. TSOC-04 */
WEFT_API int weft_transport_socket_dup(const weft_transport_socket *socket);
/* 0 for false; -EINVAL for true: the transport needs it non-blocking. TSOC-03 */
WEFT_API int weft_transport_socket_setblocking(const weft_transport_socket *socket, bool blocking);
WEFT_API int weft_transport_socket_settimeout(const weft_transport_socket *socket, double timeout);
WEFT_API double weft_transport_socket_gettimeout(const weft_transport_socket *socket);

/**
 * weft_transport_sendfile - send a part of a file over a transport, in order with other writes
 *
 * Arguments and result as those of weft_sock_sendfile() (weft/socket.h). Meanwhile writes fail with
 * WEFT_ERUNTIME. Over TLS it reads and writes.
 *
 * Context: a task of the transport's loop
 * Return:  how many bytes; WEFT_ERUNTIME on a closing transport; a connection's error
 * asyncio: loop.sendfile(transport, file, offset, count, fallback=...)
 */
WEFT_API ssize_t weft_transport_sendfile(weft_transport *transport, int fd, off_t offset,
                                         ssize_t count, bool fallback);

WEFT_END

#endif
