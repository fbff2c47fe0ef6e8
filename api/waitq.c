/*
 * waitq.c - how a task in line is cancelled, and what becomes of it when its loop is closed.
 */
#include "api/waitq.h"

bool wf_queued_cancel(struct wait *wait, struct task *task, weft_error *error)
{
    struct queued *q = container_of(wait, struct queued, wait);
    uint32_t bits = guard_lock(q->guard);
    bool pending = q->state == QUEUED_PENDING;

    if (pending) {
        q->state = QUEUED_CANCELLED;
        q->error = weft_error_ref(error);
    }
    guard_unlock(q->guard, bits);
    if (pending)
        task_unpark(future_loop(&task->future), task); /* which may not be running */
    return pending;
}

void wf_queued_abandon(struct wait *wait, struct task *task)
{
    struct queued *q = container_of(wait, struct queued, wait);
    const struct waitq_kind *kind = container_of(wait->ops, struct waitq_kind, ops);
    uint32_t bits = guard_lock(q->guard);

    waitq_leave(q);
    bool woken = q->state == QUEUED_WOKEN;
    if (q->state == QUEUED_PENDING)
        q->state = QUEUED_CANCELLED; /* nobody wakes it any more */
    guard_unlock(q->guard, bits);
    /* Who woke it still has the task in hand, until it finds the loop closed. */
    while (woken && q->remote && !task_was_dropped(task))
        cpu_relax();
    weft_error_unref(q->error);
    q->error = NULL;
    kind->abandoned(q, woken);
}

size_t wf_waitq_count(const struct waitq *line, _Atomic uint32_t *guard)
{
    uint32_t bits = guard_lock(guard);
    size_t count = 0;
    for (const struct queued *q = line->first; q; q = q->next)
        count++;
    guard_unlock(guard, bits);
    return count;
}
