/*
 * watch.h - word of a future's end, for who goes on meanwhile: a done callback that is part of a
 * larger thing (a gather, a group, a wait for several) and needs no memory of its own.
 *
 * W1  Of a watch that was begun, exactly one of these happens: its fn is called, on its loop, in
 *     the iteration after the future was done; or wf_watch_stop() returns true.
 * W2  When fn is called with a NULL loop the watch was dropped: its loop is closed. Only memory is
 *     to be given back then.
 * W3  It holds a reference to its future until either has happened.
 *
 * Everything here is used on the thread of the watch's loop (or by who holds that loop).
 */
#ifndef WEFT_RUNTIME_SCHED_WATCH_H
#define WEFT_RUNTIME_SCHED_WATCH_H

#include "runtime/sched/future_ops.h"

struct watch;

/*
 * Called on whatever stack is at hand, with no task current: neither calls the user nor suspends.
 * It may free the watch.
 */
typedef void (*watch_fn)(struct watch *watch, struct weft_future *future, struct weft_loop *loop);

struct watch {
    struct runnable told; /* queued when the future is done */
    watch_fn fn;
    struct weft_future *future; /* W3 */
    bool local;                 /* the future is the loop's own */
    union {
        struct waiter waiter; /* local */
        struct waker waker;
    };
};

/* Begins: fn will be called on `loop` (W1), at the earliest in the next iteration. */
void wf_watch_begin(struct watch *watch, struct weft_loop *loop, struct weft_future *future,
                    watch_fn fn);

/*
 * True: fn will not be called, and the watch is the caller's again. False: the word is on its way,
 * and fn will be called.
 */
bool wf_watch_stop(struct watch *watch);

/* told.run of every watch. */
void wf_watch_told(struct runnable *r, struct weft_loop *loop);

#endif
