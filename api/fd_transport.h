/*
 * fd_transport.h - a transport on a descriptor: its life, whatever the descriptor is.
 *
 *     init, begin --step--> connection_made, reads and writes --close, error--> losing --step--> lost
 *
 * T1  Three runnables are embedded: one for each side of the descriptor, and `step`, which calls
 *     connection_made and connection_lost. A flag says of each whether it is queued, or watched for by
 *     the poller (`pending`). The transport is not freed while one is.
 * T2  A kind's `ready` functions do a bounded part of the work in a turn; the rest in the next one. A
 *     paused or closing transport is not read.
 * T3  Once `losing`, nothing is read, written or buffered any more: only connection_lost is to come.
 * T4  The descriptor is closed after connection_lost.
 * T5  A device that cannot be polled is always ready: its runnable is queued instead.
 */
#ifndef WEFT_API_FD_TRANSPORT_H
#define WEFT_API_FD_TRANSPORT_H

#include "api/transport.h"
#include "runtime/io/source.h"
#include "runtime/sched/resident.h"

struct fd_transport;

/* A kind of descriptor. */
struct fd_kind {
    /* A side may be ready; the transport is not losing. From the loop's own flow. */
    void (*ready[POLLER_SIDES])(struct fd_transport *t);
    bool reads;                             /* data are read, as long as the user wants them */
    void (*drop)(struct fd_transport *t);   /* what is buffered is thrown away */
    void (*closed)(struct fd_transport *t); /* the descriptor is closed; may be NULL */
};

struct fd_transport {
    struct weft_transport base;
    const struct fd_kind *kind;
    struct source source;
    struct source_wait wait[POLLER_SIDES];
    struct runnable ready[POLLER_SIDES];
    bool pending[POLLER_SIDES]; /* T1 */
    bool at_end;                /* the peer has ended the stream */
    bool made;                  /* connection_made was called */
    bool losing;                /* T3 */
    bool step_pending;          /* T1 */
    bool gone;                  /* the loop was closed; what is queued frees it */
    struct runnable step;
    int lost_code;          /* for connection_lost */
    weft_error *lost_error; /* owned, may be NULL */
    weft_future *waiter;    /* of connection_made; owned, may be NULL */
    struct resident resident;
};

static inline struct fd_transport *fd_of(const weft_transport *transport)
{
    return (struct fd_transport *)(uintptr_t)transport;
}

static inline bool fd_wants_to_read(const struct fd_transport *t)
{
    return t->base.reading && !t->base.closing && !t->at_end;
}

/* Fills in a zeroed transport; the descriptor is its own once it has begun. */
void wf_fd_init(struct fd_transport *t, const struct transport_ops *ops, const struct fd_kind *kind,
                struct weft_loop *loop, weft_protocol *protocol);

/* From here on it lives with its loop, and connection_made comes from the ready queue: then the waiter
 * gets NULL as its result, unless it is done (borrowed, may be NULL), and reading begins (TRAN-05). */
void wf_fd_begin(struct fd_transport *t, weft_future *waiter);

/* The same for a protocol that may be called from a task: connection_made is called at once. */
void wf_fd_begin_made(struct fd_transport *t);

/* Has `ready` of that side called when it may be ready; nothing if it is watched already. False: it cannot
 * be watched, and the transport is closed for that. */
bool wf_fd_watch(struct fd_transport *t, enum poller_side side);
void wf_fd_unwatch(struct fd_transport *t, enum poller_side side);

/* Has it called in the next turn. */
void wf_fd_again(struct fd_transport *t, enum poller_side side);

/* connection_lost is to be called (T3), unless it is already. error: borrowed. */
void wf_fd_lose(struct fd_transport *t, int code, weft_error *error);

/* Members of transport_ops. */
void wf_fd_close(weft_transport *transport); /* at once if nothing is buffered */
void wf_fd_force_close(weft_transport *transport, int code, weft_error *error);
void wf_fd_pause_reading(weft_transport *transport);
void wf_fd_resume_reading(weft_transport *transport);

#endif
