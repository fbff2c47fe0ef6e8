/*
 * weft/stream.h - streams: connections that are read and written by calls that look blocking.
 *
 *     weft_stream_reader *reader;
 *     weft_stream_writer *writer;
 *     int err = weft_open_connection("localhost", "8888", NULL, &reader, &writer);
 *     if (err)
 *         return err;
 *     weft_stream_write(writer, "hello\n", 6);
 *     err = weft_stream_drain(writer);
 *     char *line;
 *     ssize_t n = err ? err : weft_stream_readline(reader, &line);
 *     ...
 *     weft_stream_close(writer);
 *     weft_stream_wait_closed(writer);
 *     weft_stream_reader_unref(reader);
 *     weft_stream_writer_unref(writer);
 *
 * A reader and a writer belong to one loop, and are used by its tasks and callbacks only.
 */
#ifndef WEFT_STREAM_H
#define WEFT_STREAM_H

#include <stdbool.h>
#include <sys/types.h>
#include <sys/uio.h>

#include <weft/address.h>
#include <weft/base.h>
#include <weft/error.h>
#include <weft/socket.h>
#include <weft/transport.h>

WEFT_BEGIN

typedef struct weft_stream_reader weft_stream_reader;
typedef struct weft_stream_writer weft_stream_writer;
typedef struct weft_ssl_context weft_ssl_context; /* weft/tls.h */

#define WEFT_STREAM_LIMIT 65536 /* bytes: the default limit of a reader */

/*
 * What the reading calls hand out lies in the reader's own buffer: ended with a zero byte that is
 * not counted, valid until the next reading call on that reader, and free to be changed. They return
 * how many bytes, or a negative error. The limit is for lines and other records: it does not bound
 * what read and readexactly give. The transport is told to stop when twice as much is buffered.
 */

/**
 * weft_stream_read - read what is there, at most so many bytes, waiting until there are some
 * @reader:   borrowed
 * @max:      bytes; 0 returns 0 at once; < 0: everything until the end of the stream, whatever the limit
 * @ret_data: set to the bytes; see above
 *
 * Context:      a task of the reader's loop
 * Cancellation: nothing was read (RDER-21)
 * Return:       how many bytes, 0 at the end of the stream; the connection's error;
 *               WEFT_ECANCELLED; WEFT_ERUNTIME while another task reads; -ENOMEM; -EINVAL
 * asyncio:      reader.read(n)
 */
WEFT_API ssize_t weft_stream_read(weft_stream_reader *reader, ssize_t max, char **ret_data);

/* The same into the caller's buffer of so many bytes: what is there, at least one unless at the end. */
WEFT_API ssize_t weft_stream_read_into(weft_stream_reader *reader, void *buffer, size_t bytes);

/* A line with its newline; at the end of the stream what is left; 0 when nothing is. -EINVAL with a
 * message: it is longer than the limit (RDER-10). asyncio: reader.readline() */
WEFT_API ssize_t weft_stream_readline(weft_stream_reader *reader, char **ret_line);

/* Exactly so many bytes; WEFT_EINCOMPLETEREAD when the stream ends before
 * (weft_error_partial(), weft_error_expected()). asyncio: reader.readexactly(n) */
WEFT_API ssize_t weft_stream_readexactly(weft_stream_reader *reader, size_t bytes, char **ret_data);

/* Up to and including a separator; WEFT_EINCOMPLETEREAD; WEFT_ELIMITOVERRUN, and the buffer is
 * untouched. asyncio: reader.readuntil(separator) */
WEFT_API ssize_t weft_stream_readuntil(weft_stream_reader *reader, const void *separator,
                                       size_t bytes, char **ret_data);

/* The same with several separators: the match that ends first (RDER-17).
 * asyncio: reader.readuntil((separator, ...)) */
WEFT_API ssize_t weft_stream_readuntil_any(weft_stream_reader *reader,
                                           const struct iovec *separators, int count,
                                           char **ret_data);

WEFT_API bool weft_stream_at_eof(const weft_stream_reader *reader);
WEFT_API int weft_stream_exception(const weft_stream_reader *reader,
                                   weft_error **ret_error); /* code or 0; borrowed object */
WEFT_API weft_stream_reader *weft_stream_reader_ref(weft_stream_reader *reader);
WEFT_API void weft_stream_reader_unref(weft_stream_reader *reader); /* NULL is allowed. Loop */

/**
 * weft_stream_reader_new - make a reader that is fed by hand: for tests, and transports of one's own
 * @loop:  whose tasks will read; NULL: the running one, else the one set for this thread
 * @limit: in bytes, at least 1; see WEFT_STREAM_LIMIT
 *
 * Context: the loop's thread
 * Return:  owned by the caller, see weft_stream_reader_unref(); NULL with errno EINVAL, ENOMEM, or
 *          -WEFT_ENOLOOP
 * asyncio: StreamReader(limit, loop)
 */
WEFT_API weft_stream_reader *weft_stream_reader_new(weft_loop *loop, size_t limit);

/* These bytes came in: copied. A read that waits for some goes on. 0; WEFT_ERUNTIME after the end;
 * -ENOMEM: none of them was taken; -EINVAL. Loop. asyncio: reader.feed_data(data) */
WEFT_API int weft_stream_feed_data(weft_stream_reader *reader, const void *data, size_t bytes);

/* The end of the stream. 0 or -EINVAL. Loop. asyncio: reader.feed_eof() */
WEFT_API int weft_stream_feed_eof(weft_stream_reader *reader);

/* The connection has failed: every read does so from now on, a waiting one too. code: negative;
 * error: its object, which gets a reference, or NULL. 0 or -EINVAL. Loop. asyncio:
 * reader.set_exception(exception) */
WEFT_API int weft_stream_set_exception(weft_stream_reader *reader, int code, weft_error *error);

/* The transport that is paused while too much is buffered; borrowed, for as long as the reader is
 * used. 0; WEFT_ERUNTIME: it has one; -EINVAL. Loop. asyncio: reader.set_transport(transport) */
WEFT_API int weft_stream_set_transport(weft_stream_reader *reader, weft_transport *transport);

/**
 * weft_stream_protocol_new - a reader and a writer over a transport that is still to be made
 * @limit:      of the reader, in bytes; 0: WEFT_STREAM_LIMIT
 * @ret_reader: owned by the caller, see weft_stream_reader_unref()
 * @ret_writer: owned by the caller, see weft_stream_writer_unref()
 *
 * For transports that are made with a protocol, such as weft_connect_read_pipe()'s. The protocol lives
 * as long as the writer and the connection. Until the transport is made the writer cannot be used,
 * and whoever makes it keeps the writer; if that fails, both are given back.
 *
 *     weft_protocol *protocol = weft_stream_protocol_new(0, &reader, &writer);
 *     int err = protocol ? weft_connect_read_pipe(STDIN_FILENO, protocol, &transport) : -errno;
 *
 * Context: loop
 * Return:  borrowed from the writer; NULL with errno -WEFT_ENOLOOP, EINVAL or ENOMEM
 * asyncio: StreamReaderProtocol(reader); StreamWriter(transport, protocol, reader, loop)
 */
WEFT_API weft_protocol *weft_stream_protocol_new(size_t limit, weft_stream_reader **ret_reader,
                                                 weft_stream_writer **ret_writer);

/* Its state for people: bytes, end, limit, who waits, error, transport, paused. As snprintf(). Loop. */
WEFT_API int weft_stream_reader_text(const weft_stream_reader *reader, char *buffer, size_t size);

/**
 * weft_stream_write - send bytes, at once as far as the system takes them; the rest is copied
 * @writer: borrowed
 * @data:   @bytes bytes; the caller's again when the call returns
 *
 * A program that writes much calls weft_stream_drain() now and then, or the buffer grows without
 * bound. A connection that has failed says so there.
 *
 * Context: loop; never suspends
 * Return:  0; as weft_transport_write()
 * asyncio: writer.write(data)
 */
WEFT_API int weft_stream_write(weft_stream_writer *writer, const void *data, size_t bytes);

/* The pieces in order, as one write of them all. asyncio: writer.writelines(list) */
WEFT_API int weft_stream_writelines(weft_stream_writer *writer, const struct iovec *pieces,
                                    int count);

/* As weft_transport_write_eof(). asyncio: writer.write_eof() */
WEFT_API int weft_stream_write_eof(weft_stream_writer *writer);
WEFT_API bool weft_stream_can_write_eof(const weft_stream_writer *writer);

/**
 * weft_stream_drain - wait until the buffer has fallen, if it is above the high-water mark
 * @writer: borrowed. Several tasks may wait
 *
 * Returns at once otherwise; but on a closing connection it lets the loop run once.
 *
 * Context:      a task of the writer's loop
 * Cancellation: buffer and connection stay as they are (WRIT-08)
 * Return:       0; the connection's error; -ECONNRESET once the connection is lost;
 *               WEFT_ECANCELLED; -EINVAL
 * asyncio:      writer.drain()
 */
WEFT_API int weft_stream_drain(weft_stream_writer *writer);

/* Stops reading, sends what is buffered, then closes. Idempotent; does not suspend. Loop. asyncio:
 * writer.close() */
WEFT_API void weft_stream_close(weft_stream_writer *writer);
WEFT_API bool weft_stream_is_closing(const weft_stream_writer *writer);

/**
 * weft_stream_wait_closed - wait until the connection is really closed
 * @writer: borrowed. Several tasks may wait, any number of times
 *
 * Context:      a task of the writer's loop
 * Cancellation: concerns nobody else
 * Return:       0; the error that ended the connection, each time; WEFT_ECANCELLED; -EINVAL
 * asyncio:      writer.wait_closed()
 */
WEFT_API int weft_stream_wait_closed(weft_stream_writer *writer);

/* As weft_transport_get_extra_info(); also after the connection closed. */
WEFT_API const void *weft_stream_get_extra_info(const weft_stream_writer *writer, const char *name,
                                                const void *fallback);
WEFT_API weft_transport *weft_stream_transport(const weft_stream_writer *writer); /* borrowed */
WEFT_API weft_stream_writer *weft_stream_writer_ref(weft_stream_writer *writer);

/* The last reference to a writer that was not closed: that is reported, and it is closed (WRIT-24).
 * What is buffered is still sent. NULL is allowed. Loop. */
WEFT_API void weft_stream_writer_unref(weft_stream_writer *writer);

typedef struct weft_start_tls_options {
    const char *server_hostname;  /* a client's: the name to check; "": none. A server: NULL */
    double ssl_handshake_timeout; /* seconds; 0: 60 */
    double ssl_shutdown_timeout;  /* seconds; 0: 30 */
} weft_start_tls_options;

/**
 * weft_stream_start_tls - turn an open connection into a TLS one, in place
 * @writer:  borrowed; it and its reader stay the same objects. A server's handler is the server's
 *           side, everybody else the client's
 * @context: borrowed until the call returns
 * @options: may be NULL on the server's side
 *
 * Drains first. Nobody should read meanwhile. What was received and not read counts as sent over TLS: a
 * peer that begins at once loses nothing, and what somebody has slipped in before fails the handshake.
 *
 * Context:      a task of the writer's loop
 * Cancellation: closes the connection (TLSS-11)
 * Return:       0; the handshake's error: the connection is closed; -EINVAL with a message;
 *               WEFT_ERUNTIME: another task has not yet read what is there; as weft_stream_drain()
 * asyncio:      writer.start_tls(context, ...)
 */
WEFT_API int weft_stream_start_tls(weft_stream_writer *writer, weft_ssl_context *context,
                                   const weft_start_tls_options *options);

/* Options of weft_open_connection() and weft_open_unix_connection(): all zero is asyncio's default. */
typedef struct weft_connection_options {
    size_t limit;     /* of the reader, in bytes; 0: WEFT_STREAM_LIMIT */
    int family;       /* AF_INET, AF_INET6; 0: any */
    int proto, flags; /* for getaddrinfo */
    /* Instead of an address: connected. Owned by the call if it succeeds; it is closed, too, when the
     * call is cancelled or TLS fails. */
    weft_socket *sock;
    const char *local_host, *local_port; /* bound to before connecting; NULL: not */
    double happy_eyeballs_delay;         /* seconds; 0: one address after the other */
    int interleave; /* so many of the first family, then they alternate; 0: the default; < 0: no reordering */
    bool all_errors; /* fails with a group of every attempt's error */
    weft_ssl_context *ssl;
    const char *server_hostname;                        /* NULL: the host; "": no check */
    double ssl_handshake_timeout, ssl_shutdown_timeout; /* seconds; 0: the default */
} weft_connection_options;

/**
 * weft_open_connection - connect to a host and port
 * @host:       a name or numeric address; NULL with options->sock
 * @port:       a number as text, "" for 0, or a service name; NULL with options->sock
 * @options:    may be NULL
 * @ret_reader: owned by the caller, see weft_stream_reader_unref()
 * @ret_writer: owned by the caller, see weft_stream_writer_unref()
 *
 * Context:      a task
 * Cancellation: the attempts are given up, and their sockets closed (CONN-17)
 * Return:       0; -errno of the connection, with a message that names the address; the
 *               resolver's error; -EINVAL; a TLS error; WEFT_ECANCELLED; -ENOMEM
 * asyncio:      open_connection(host, port, ...)
 */
WEFT_API int weft_open_connection(const char *host, const char *port,
                                  const weft_connection_options *options,
                                  weft_stream_reader **ret_reader, weft_stream_writer **ret_writer);

/* The same over a Unix socket. path: text; an abstract one as "\0name" by
 * weft_open_unix_connection_at(). asyncio: open_unix_connection(path, ...) */
WEFT_API int weft_open_unix_connection(const char *path, const weft_connection_options *options,
                                       weft_stream_reader **ret_reader,
                                       weft_stream_writer **ret_writer);
WEFT_API int weft_open_unix_connection_at(const weft_address *address,
                                          const weft_connection_options *options,
                                          weft_stream_reader **ret_reader,
                                          weft_stream_writer **ret_writer);

WEFT_END

#endif
