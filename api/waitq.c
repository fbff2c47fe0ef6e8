/*
 * waitq.c - how a task in line is cancelled, and what becomes of it when its loop is closed.
 */
#include "api/waitq.h"

bool wf_queued_cancel(struct wait *wait, struct task *task, weft_error *error)
{
    struct queued *q = container_of(wait, struct queued, wait);
    if (queued_state(q) != QUEUED_PENDING) /* and the object may be gone (Q2) */
        return false;
    uint32_t bits = guard_lock(q->guard);
    bool pending = queued_state(q) == QUEUED_PENDING;

    if (pending) {
        waitq_cancel(q);
        q->error = weft_error_ref(error);
    }
    guard_unlock(q->guard, bits);
    if (pending)
        task_unpark(future_loop(&task->future), task); /* which may not be running */
    return pending;
}

/* Out of line, and nobody wakes it any more. True: it had been woken. */
static bool queued_withdraw(struct queued *q)
{
    uint32_t bits = guard_lock(q->guard);
    bool woken = queued_state(q) == QUEUED_WOKEN;

    if (q->line && queued_state(q) == QUEUED_PENDING)
        waitq_cancel(q);
    waitq_leave(q);
    guard_unlock(q->guard, bits);
    return woken;
}

void wf_queued_abandon(struct wait *wait, struct task *task)
{
    struct queued *q = container_of(wait, struct queued, wait);
    const struct waitq_kind *kind = container_of(wait->ops, struct waitq_kind, ops);
    /* Acquire, with the release in waitq_wake(): q->remote, and that it is out of line. */
    bool woken = atomic_load_explicit(&q->state, memory_order_acquire) == QUEUED_WOKEN;

    if (!woken || kind->abandoned) /* else the object may be gone */
        woken = queued_withdraw(q);
    /* Who woke it still has the task in hand, until it finds the loop closed. */
    while (woken && q->remote && !task_was_dropped(task))
        cpu_relax();
    weft_error_unref(q->error);
    q->error = NULL;
    if (kind->abandoned)
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
