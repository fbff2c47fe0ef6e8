/*
 * weft/pipe.h - pipes, sockets, terminals and other character devices as transports.
 *
 * One direction each: a transport that is read calls its protocol, one that is written takes data. Most
 * programs want the streams of a weft_process (weft/subprocess.h), or weft_stream_protocol_new() as the
 * protocol, which makes a stream of the descriptor. A regular file never blocks in a
 * way that a loop could wait for: read and write it by weft_to_thread().
 */
#ifndef WEFT_PIPE_H
#define WEFT_PIPE_H

#include <weft/base.h>
#include <weft/error.h>
#include <weft/transport.h>

WEFT_BEGIN

/**
 * weft_connect_read_pipe - have a protocol called with what can be read from a descriptor
 * @fd:            of a pipe, socket or character device; the transport's once the call succeeds, and made
 *                 non-blocking
 * @protocol:      borrowed; must live until its connection_lost (or dropped) returns
 * @ret_transport: a reference, owned by the caller
 *
 * The end of the input is told by eof_received, then connection_lost. weft_transport_write() is refused.
 * EIO, as of a terminal that was closed, goes to connection_lost, and is not reported.
 *
 * Context:      a task
 * Cancellation: the transport is closed, and the protocol told so
 * Return:       0, after connection_made; -EINVAL for a regular file or directory; -EBADF; -EBUSY for
 *               one with callbacks (weft_loop_add_reader()); -ENOMEM; WEFT_ENOTASK: the descriptor is
 *               still the caller's then; WEFT_ECANCELLED
 * asyncio:      loop.connect_read_pipe(protocol_factory, pipe)
 */
WEFT_API int weft_connect_read_pipe(int fd, weft_protocol *protocol,
                                    weft_transport **ret_transport);

/**
 * weft_connect_write_pipe - a transport that writes to a descriptor
 *
 * Arguments and result as those of weft_connect_read_pipe(). SIGPIPE is never raised.
 * weft_transport_write_eof() closes it after what is buffered. When the other end of a pipe or socket
 * is closed, connection_lost is called: with -EPIPE if data were still to be sent, else with 0.
 *
 * Context: a task
 * asyncio: loop.connect_write_pipe(protocol_factory, pipe)
 */
WEFT_API int weft_connect_write_pipe(int fd, weft_protocol *protocol,
                                     weft_transport **ret_transport);

WEFT_END

#endif
