/*
 * await.h - a task waits for a future, inlined where tasks wait most.
 *
 * Each function between a task and its switch is one more return that the processor predicts wrong when the task goes
 * on, since another task has called and returned meanwhile.
 */
#ifndef WEFT_RUNTIME_SCHED_AWAIT_H
#define WEFT_RUNTIME_SCHED_AWAIT_H

#include "runtime/base/likely.h"
#include "runtime/sched/future_ops.h"
#include "runtime/sched/suspend.h"

struct future_wait {
    struct wait wait;
    struct waiter waiter; /* on the future's own loop */
};

extern const struct wait_ops wf_await_ops;

/* The future of another loop, or of none. Returns the task. */
struct task *wf_await_elsewhere(struct weft_loop *loop, struct task *task, struct weft_future *f);

/* timer.fire.run of a wait whose cancellation found no memory for its message: it is sent again. Called
 * when the timer is due, never queued. */
void wf_await_retry(struct runnable *r, struct weft_loop *loop);

/* A cancellation was asked for, and its task is resumed by a future that is done: true if it has to be delivered here. */
bool wf_await_cancelled(struct task *task, const struct weft_future *f);

/* Suspends until the future is done. Returns the task. */
CONTEXT_INLINE struct task *await_done(struct weft_loop *loop, struct task *task,
                                       struct weft_future *f)
{
    struct future_wait w;

    if (unlikely(future_loop(f) != loop))
        return wf_await_elsewhere(loop, task, f);
    w.wait.object = f;
    w.wait.ops = &wf_await_ops;
    w.waiter.ready = &task->future.entry;
    waiter_append(f, &w.waiter);
    return park(loop, task, &w.wait);
}

/* The same, and takes the outcome. */
CONTEXT_INLINE int await(struct weft_loop *loop, struct task *task, struct weft_future *f,
                         void **ret_result)
{
    task = await_done(loop, task, f);
    void *value = outcome_value(&f->outcome);
    if (unlikely(task->must_cancel) && wf_await_cancelled(task, f))
        return WEFT_ECANCELLED;
    return future_take(f, value, ret_result);
}

#endif
