/*
 * stream_protocol.h - the protocol behind a reader and a writer: for who makes connections.
 *
 *     client:  protocol = wf_stream_protocol_new(loop, limit, NULL)
 *              a transport is made with it, and calls connection_made
 *              wf_stream_protocol_take(protocol, &reader, &writer)
 *     server:  protocol = wf_stream_protocol_new(loop, limit, &handler)
 *              a transport is made with it; connection_made starts the handler
 *     failed:  wf_stream_protocol_give_up(protocol)
 *
 * The writer is the protocol, with what its transport tells it:
 *
 * P1  The object is freed when the program has given back its handles (`users`), no transport will
 *     call it any more (`connected`), and no handler runs whose end decides over the connection
 *     (`serving`).
 * P2  From connection_made on it has a reference to the transport, of the program's kind, until the
 *     last handle is given back; the reader borrows that, until connection_lost.
 * P3  Until the program has them, both handles are the protocol's own, which gives them back at
 *     connection_lost or wf_stream_protocol_give_up().
 *
 * P4  It lies behind its reader, in one block, which goes with the reader's last reference: the writer has
 *     one as long as it lives. So what a message touches is close together.
 *
 * All of it belongs to the thread of the loop.
 */
#ifndef WEFT_API_STREAM_PROTOCOL_H
#define WEFT_API_STREAM_PROTOCOL_H

#include <weft/server.h>
#include <weft/stream.h>

#include "api/stream_wait.h"

/* What a server does with each connection. */
struct stream_handler {
    weft_client_connected client_connected;
    void *arg;
    size_t stack_bytes; /* 0: the default */
    bool plain;         /* is called in the loop, not run as a task */
};

struct weft_stream_writer {
    weft_protocol protocol;
    weft_transport *transport;         /* P2; or NULL */
    struct weft_stream_reader *reader; /* owned (P4) */
    struct weft_loop *loop;
    uint32_t life;   /* of the loop (L3 in loop.h) */
    uint32_t users;  /* P1 */
    bool connected;  /* connection_made was called, connection_lost was not */
    bool lost;       /* connection_lost was called, or dropped */
    bool dropped;    /* the loop was closed before */
    bool closed;     /* the program has closed it, or was told that it has not (WRIT-24) */
    bool paused;     /* pause_writing was called */
    bool over_tls;   /* the end of the stream closes it */
    bool own_reader; /* P3 */
    bool own_writer; /* P3 */
    bool server;     /* it is a server's, and has what stands last */
    bool serving;    /* the handler runs */
    struct stream_waits drains; /* while writing is paused */
    struct stream_waits closers;
    int code;          /* the connection was lost with: 0, or an error */
    weft_error *error; /* its object; owned; may be NULL */

    /* Of a server. */
    int served_code; /* the handler's error */
    weft_error *served_error;
    struct runnable served; /* queued when the handler has ended */
    struct stream_handler handler;
};

/* limit of the reader, in bytes; handler is copied; NULL: a client. NULL with errno EINVAL, ENOMEM. */
weft_protocol *wf_stream_protocol_new(struct weft_loop *loop, size_t limit,
                                      const struct stream_handler *handler);

/* After connection_made: the program gets its handles. ret_writer NULL: what stays with the protocol
 * goes with the connection; ret_reader the same. */
void wf_stream_protocol_take(weft_protocol *protocol, weft_stream_reader **ret_reader,
                             weft_stream_writer **ret_writer);

/* Instead: nobody wants it. It is freed, at once or when a connection that was made, and is aborted
 * by this, has ended. The transport's maker gives its own reference back. */
void wf_stream_protocol_give_up(weft_protocol *protocol);

/* The handler's task, and what its end leads to (SRVR-01 to SRVR-06): stream_handler.c. 0, or why it
 * cannot be started: the handles are still the protocol's. */
int wf_stream_handler_start(weft_stream_writer *writer);

/* One of `users`, `connected` and `serving` has ended (P1). */
void wf_stream_release(weft_stream_writer *writer);

#endif
