/*
 * suspend.h - the way from a task that has to wait to the next one, inlined where tasks wait most.
 *
 * The usual case is here: the next runnable is a task that has begun, and one switch leads to it.
 * Everything else is in scheduler.c.
 */
#ifndef WEFT_RUNTIME_SCHED_SUSPEND_H
#define WEFT_RUNTIME_SCHED_SUSPEND_H

#include "runtime/base/likely.h"
#include "runtime/sched/scheduler.h"

/* The unusual ways: back to who started the task eagerly; to whatever r is. Both return when it is
 * resumed. */
void wf_suspend_eager(struct weft_loop *loop, struct task *task);
void wf_suspend_to(struct weft_loop *loop, struct task *task, struct runnable *r);

/* A cancellation is still to be delivered to a task that parks: it goes to what it would wait on
 * (CANC-09). */
void wf_park_cancelled(struct task *task, struct wait *wait);

static inline struct task *task_of_ready(struct runnable *r)
{
    return container_of(r, struct task, ready);
}

/* The running task is suspended: continues whatever is next. Returns when the task is resumed. */
CONTEXT_INLINE void suspend(struct weft_loop *loop, struct task *task)
{
    if (unlikely(task->resumer != NULL)) {
        wf_suspend_eager(loop, task);
        return;
    }
    struct runnable *r = ready_next(loop);
    if (likely(r != NULL) && likely(r->run == wf_task_step)) {
        struct task *next = task_of_ready(r);
        loop->current = next;
        if (likely(next != task))
            context_switch(&task->context, &next->context);
        return;
    }
    wf_suspend_to(loop, task, r);
}

/* wf_park(), inlined. */
CONTEXT_INLINE void park(struct weft_loop *loop, struct task *task, struct wait *wait)
{
    task->wait = wait;
    if (unlikely(task->must_cancel))
        wf_park_cancelled(task, wait);
    suspend(loop, task);
    task->wait = NULL;
}

#endif
