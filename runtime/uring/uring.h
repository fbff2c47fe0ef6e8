/*
 * uring.h - what a loop's poller on io_uring is made of.
 *
 *     sources: sockets, pipes, ...  ----- flows: an operation in flight for a side ----+
 *     watchers (add_reader) -> epoll set --- its descriptor is polled in the ring -----+--> ring
 *     wakers -> eventfd --------------------- is polled in the ring -------------------+
 *
 * U1  The ring is made, entered and filled by one thread. A run that begins in another thread gives it
 *     up and makes its own; sources are added to that when somebody waits for them again.
 * U2  Completions are looked at by the loop's look at its poller alone: they queue, and
 *     run no code of the user's.
 * U3  An operation in flight has its flow: that lives until the last completion of it has
 *     come, or the ring is gone, whatever becomes of the source (flow.h). So no completion
 *     reaches a later source, nor does the kernel write to memory that is used for something else.
 * U4  A ring that fails is given up, and the loop goes on with epoll. What was received ahead is kept.
 */
#ifndef WEFT_RUNTIME_URING_URING_H
#define WEFT_RUNTIME_URING_URING_H

#include "runtime/io/poller.h"
#include "runtime/uring/buffers.h"
#include "runtime/uring/ring.h"

struct flow;

struct uring {
    struct ring ring;
    struct buffers buffers;
    struct flow *flows; /* all of them */
    int refused;        /* the error for which no ring can be had: epoll; 0 with a ring */
    bool receives;      /* buffers are registered: streams are received ahead */
    bool accepts;       /* connections are accepted ahead */
    bool wake_polled;   /* polls in flight: of the eventfd, */
    bool epoll_polled;  /* of the epoll descriptor */
};

/* What the completions are of: a flow's address and its operation, or, below 16, one of these. */
enum uring_data { URING_IGNORED, URING_WAKE, URING_EPOLL };

extern const struct poller_ops wf_uring_ops;

#endif
