/*
 * pipe_transport.h - transports over one end of a pipe, or what can be used like one.
 */
#ifndef WEFT_API_PIPE_TRANSPORT_H
#define WEFT_API_PIPE_TRANSPORT_H

#include "api/transport.h"
#include "runtime/io/poller.h"

struct pipe_transport_options {
    enum poller_side side; /* reads or writes */
    bool socket;           /* a socket, not a pipe */
    bool hang_up;          /* of a writer: tells when the other end is closed */
    /* connection_made is called by the constructor, for a protocol that may be called from a task. */
    bool made_at_once;
    /* Else it is called from the ready queue, and then this gets NULL as its result, unless it is done.
     * Borrowed: a reference is taken; may be NULL. */
    weft_future *waiter;
};

/* @fd: non-blocking; the transport's once the call succeeds. Owned by the caller; NULL with errno ENOMEM, or
 * EBUSY when its descriptor has watchers. On the loop's thread. */
weft_transport *wf_pipe_transport_new(struct weft_loop *loop, int fd, weft_protocol *protocol,
                                      const struct pipe_transport_options *options);

#endif
