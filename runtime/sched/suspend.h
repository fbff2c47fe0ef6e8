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

/* The unusual ways: back to who started the task eagerly; to whatever r is. Both return when the
 * task is resumed, and return it. */
struct task *wf_suspend_eager(struct task *task);
struct task *wf_suspend_to(struct weft_loop *loop, struct task *task, struct runnable *r);

/* A cancellation is still to be delivered to a task that parks: it goes to what it would wait on
 * (CANC-09). */
void wf_park_cancelled(struct task *task, struct wait *wait);

static inline struct task *task_of_ready(struct runnable *r)
{
    return container_of(r, struct task, future.entry);
}

/* From one task to another, or to itself. Returns `from`, when it is resumed. */
CONTEXT_INLINE struct task *task_switch(struct task *from, struct task *to)
{
#if defined(WEFT_ASAN) || defined(WEFT_TSAN)
    if (from == to)
        return from;
#endif
    return container_of(context_switch(&from->context, &to->context), struct task, context);
}

/*
 * Continues r, which was taken from the ready queue; NULL: the loop's own flow. Returns the running
 * task, when it is resumed: what is needed of it afterwards is cheaper had from this than kept in
 * the frame.
 */
CONTEXT_INLINE struct task *suspend_to(struct weft_loop *loop, struct task *task,
                                       struct runnable *r)
{
    if (unlikely(!r) || unlikely(r->run != wf_task_step))
        return wf_suspend_to(loop, task, r);
    struct task *next = task_of_ready(r);
    loop->current = next;
    return task_switch(task, next);
}

/* The running task is suspended: continues whatever is next. Returns it, when it is resumed. */
CONTEXT_INLINE struct task *suspend(struct weft_loop *loop, struct task *task)
{
    if (unlikely(task->resumer != NULL))
        return wf_suspend_eager(task);
    return suspend_to(loop, task, ready_next(loop));
}

/* wf_park(), inlined; returns the task. */
CONTEXT_INLINE struct task *park(struct weft_loop *loop, struct task *task, struct wait *wait)
{
    task->wait = wait;
    if (unlikely(task->must_cancel))
        wf_park_cancelled(task, wait);
    task = suspend(loop, task);
    task->wait = NULL;
    return task;
}

#endif
