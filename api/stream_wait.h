/*
 * stream_wait.h - tasks that wait for a stream: for data, for room to write, for its end.
 *
 * V1  A wait is in its list until it is ended: by a wake-up, by a cancellation, or because the loop
 *     is being closed. Who takes it out makes the task ready, but for the last. Afterwards the task
 *     uses its own stack only: the list may be gone.
 *
 * A list belongs to the thread of one loop, whose tasks are in it.
 */
#ifndef WEFT_API_STREAM_WAIT_H
#define WEFT_API_STREAM_WAIT_H

#include "runtime/park.h"

struct stream_wait;

/* In order of arrival. */
struct stream_waits {
    struct stream_wait *first, *last;
};

bool wf_stream_wait_cancel(struct wait *wait, struct task *task, weft_error *error);
void wf_stream_wait_abandon(struct wait *wait, struct task *task);

#define STREAM_WAIT_OPS(what_)                                                              \
    {                                                                                       \
        .cancel = wf_stream_wait_cancel, .abandon = wf_stream_wait_abandon, .what = (what_) \
    }

/*
 * Suspends the running task, of this loop, until it is woken. 0; what wf_stream_wake() was given, as
 * the current error; WEFT_ECANCELLED; WEFT_ENOTASK; WEFT_EWRONGTHREAD.
 */
int wf_stream_wait(struct weft_loop *loop, struct stream_waits *waits, const struct wait_ops *ops,
                   void *object);

/* All of them go on, in the next iteration, with this: 0, or an error with its object (borrowed, may
 * be NULL). */
void wf_stream_wake(struct stream_waits *waits, int code, weft_error *error);

#endif
