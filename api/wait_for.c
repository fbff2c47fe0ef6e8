/*
 * wait_for.c - await a future, for a limited time.
 *
 * The deadline is a timer that cancels the waiting task, as asyncio.timeout() does: when it strikes
 * while the task is suspended, the task gets WEFT_ECANCELLED out of its await, takes its own
 * request back, and turns the error into WEFT_ETIMEDOUT.
 */
#include <errno.h>

#include <weft/timeout.h>

#include "runtime/base/likely.h"
#include "runtime/park.h"
#include "runtime/sched/future_ops.h"

/* A block of its own, since its entry may still be queued when the wait is over. */
struct deadline {
    struct loop_timer timer;
    struct task *task; /* NULL: the wait is over, and `fire` frees it */
    bool struck;
};
_Static_assert(sizeof(struct deadline) <= BLOCK_SMALL_BYTES, "a deadline is a small block");

static void deadline_fire(struct runnable *r, struct weft_loop *loop)
{
    struct deadline *deadline = container_of(r, struct deadline, timer.fire);
    struct weft_loop *here = loop ? loop : loop_current();

    if (!deadline->task) {
        block_put(&here->blocks, BLOCK_SMALL, deadline);
        return;
    }
    deadline->struck = true;
    if (loop)
        wf_task_cancel(deadline->task, NULL);
}

/* The wait is over: true if the deadline struck. */
static bool deadline_end(struct weft_loop *loop, struct deadline *deadline)
{
    bool struck = deadline->struck;

    if (timer_is_armed(&deadline->timer.timer)) {
        wheel_cancel(&loop->wheel, &deadline->timer.timer);
    } else if (!struck) { /* due, and its entry still queued: that gives it back */
        deadline->task = NULL;
        return false;
    }
    block_put(&loop->blocks, BLOCK_SMALL, deadline);
    return struck;
}

/* No time at all: what is done gives its outcome, anything else is cancelled and awaited (WFOR-10,
 * 11). */
static int without_time(weft_future *future, void **ret_result)
{
    if (future_is_done(future))
        return weft_await(future, ret_result);
    wf_future_cancel(future, NULL);
    int rc = weft_await(future, ret_result);
    if (rc != WEFT_ECANCELLED || weft_cancelling(weft_current_task()))
        return rc;
    return weft_fail_from(weft_error_current(), WEFT_ETIMEDOUT, NULL);
}

int weft_wait_for(weft_future *future, double timeout, void **ret_result)
{
    struct weft_loop *loop = loop_current();
    struct task *task = likely(loop != NULL) ? loop->current : NULL;

    if (unlikely(!task))
        return weft_fail(WEFT_ENOTASK, "only a task can wait");
    if (unlikely(!future) || unlikely(isnan(timeout)))
        return -EINVAL;
    if (unlikely(timeout <= 0))
        return without_time(future, ret_result);
    if (timeout == WEFT_FOREVER || future_is_done(future))
        return weft_await(future, ret_result);

    struct deadline *deadline = block_get(&loop->blocks, BLOCK_SMALL);
    if (unlikely(!deadline))
        return -ENOMEM;
    deadline->timer.timer = (struct timer){0};
    deadline->timer.fire.run = deadline_fire;
    deadline->timer.over = false;
    deadline->task = task;
    deadline->struck = false;
    uint16_t cancelling = task->cancelling;
    loop_arm_after(loop, &deadline->timer.timer, clock_ns(timeout));
    int rc = weft_await(future, ret_result);
    if (likely(!deadline_end(loop, deadline)))
        return rc;
    /* Our own request goes back; if others asked as well, it stays a cancellation (TMO-18). */
    if (weft_uncancel(&task->future) <= cancelling && rc == WEFT_ECANCELLED)
        return weft_fail_from(weft_error_current(), WEFT_ETIMEDOUT, NULL);
    return rc;
}
