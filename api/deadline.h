/*
 * deadline.h - cancels a task at a time, unless it is called off before.
 *
 * A block of its own, since its entry may still be queued when it is called off. Everything on the
 * task's loop.
 */
#ifndef WEFT_API_DEADLINE_H
#define WEFT_API_DEADLINE_H

#include "runtime/base/likely.h"
#include "runtime/park.h"
#include "runtime/sched/future_ops.h"

struct deadline {
    struct loop_timer timer;
    struct task *task; /* NULL: called off, and its entry only frees */
    bool *struck;      /* set when it strikes, which frees it */
};
_Static_assert(sizeof(struct deadline) <= BLOCK_SMALL_BYTES, "a deadline is a small block");

/* timer.fire.run of every deadline. */
void wf_deadline_fire(struct runnable *r, struct weft_loop *loop);

/* One that is not armed yet; NULL when there is no memory. */
static inline struct deadline *deadline_new(struct weft_loop *loop, struct task *task, bool *struck)
{
    struct deadline *deadline = block_get(&loop->blocks, BLOCK_SMALL);
    if (unlikely(!deadline))
        return NULL;
    deadline->timer.timer = (struct timer){0};
    deadline->timer.fire.run = wf_deadline_fire;
    deadline->task = task;
    deadline->struck = struck;
    return deadline;
}

/* Calls off one that has not struck. */
static inline void deadline_end(struct weft_loop *loop, struct deadline *deadline)
{
    if (likely(timer_is_armed(&deadline->timer.timer))) {
        wheel_cancel(&loop->wheel, &deadline->timer.timer);
        block_put(&loop->blocks, BLOCK_SMALL, deadline);
    } else {
        deadline->task = NULL; /* due, and its entry still queued: that gives it back */
    }
}

/* WEFT_ETIMEDOUT as the current error, with the cancellation that it was, the current one until
 * now, as cause (WFOR-03). */
int wf_timed_out(void);

#endif
