/*
 * limit.h - a time limit of a wait: cancels the waiting task when it is reached.
 *
 * It lies in the waiter's storage, so arming and calling off allocate nothing. Its entry in the ready queue may still be
 * there when the wait is over, so that is a block of its own, made when the limit is reached.
 */
#ifndef WEFT_RUNTIME_SCHED_LIMIT_H
#define WEFT_RUNTIME_SCHED_LIMIT_H

#include "runtime/base/likely.h"
#include "runtime/sched/loop.h"

struct limit {
    struct loop_timer timer; /* fire is never queued; its run is wf_limit_due */
    struct task *task;
    struct strike *strike; /* the entry in the ready queue, while there is one */
    bool struck;           /* the task was cancelled */
};

/* The loop is being closed: takes all of its limits off, since from now on those who own them go. */
void wf_limits_drop(struct weft_loop *loop);

/* The limit is due: queues its strike. Without a loop, which is being closed: nothing. */
void wf_limit_due(struct runnable *r, struct weft_loop *loop);

/* Strikes next, whatever it was armed for. False: no memory, and nothing was done. */
bool wf_limit_strike(struct weft_loop *loop, struct limit *limit);

/* The strike that is queued cancels nobody. */
void wf_limit_call_off(struct limit *limit);

/* Not armed yet. */
static inline void limit_init(struct limit *limit, struct task *task)
{
    limit->timer.timer.next = NULL;
    limit->timer.fire.run = wf_limit_due;
    limit->task = task;
    limit->strike = NULL;
    limit->struck = false;
}

/* See loop_arm_limit(). */
static inline void limit_begin(struct weft_loop *loop, struct task *task, struct limit *limit,
                               double timeout)
{
    limit_init(limit, task);
    loop_arm_limit(loop, &limit->timer.timer, timeout);
}

static inline void limit_call_off(struct weft_loop *loop, struct limit *limit)
{
    if (likely(timer_is_armed(&limit->timer.timer)))
        wheel_cancel(&loop->wheel, &limit->timer.timer);
    else if (unlikely(limit->strike != NULL))
        wf_limit_call_off(limit);
}

/* The wait is over. True: the limit has struck. */
static inline bool limit_end(struct weft_loop *loop, struct limit *limit)
{
    limit_call_off(loop, limit);
    return unlikely(limit->struck);
}

#endif
