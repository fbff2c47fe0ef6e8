/*
 * sleep.c - a task waits for a time.
 *
 * The timer of a sleeper is a block of its own, one cache line. On the task's stack it would lie on a page of its
 * own, and a wheel that moves a crowd of sleepers down would miss the cache and the TLB for each of them.
 */
#include <errno.h>

#include "runtime/base/likely.h"
#include "runtime/park.h"
#include "runtime/sched/future_ops.h"
#include "runtime/sched/scheduler.h"

struct sleep_wait {
    struct wait wait;
    struct task_timer *timer; /* a block, or `spare` where there is no memory */
    bool cancelled;
    weft_error *error; /* the message of the cancellation; owned */
    struct task_timer spare;
};

static bool sleep_cancel(struct wait *wait, struct task *task, weft_error *error)
{
    struct sleep_wait *sleep = container_of(wait, struct sleep_wait, wait);
    struct weft_loop *loop = future_loop(&task->future); /* which may not be running */
    if (!sleep->timer->task)
        return false;
    sleep->timer->task = NULL;
    wheel_cancel(&loop->wheel, &sleep->timer->loop_timer.timer);
    sleep->cancelled = true;
    sleep->error = weft_error_ref(error);
    task_unpark(loop, task);
    return true;
}

/* The entry of the timer is in no queue any more. */
static inline void sleep_end(struct weft_loop *loop, struct sleep_wait *sleep)
{
    wheel_cancel(&loop->wheel, &sleep->timer->loop_timer.timer);
    if (likely(sleep->timer != &sleep->spare))
        block_put(&loop->blocks, BLOCK_LINE, sleep->timer);
}

static void sleep_abandon(struct wait *wait, struct task *task)
{
    struct sleep_wait *sleep = container_of(wait, struct sleep_wait, wait);
    (void)task;
    sleep_end(loop_current(), sleep);
    weft_error_unref(sleep->error);
    sleep->error = NULL;
}

static const struct wait_ops sleep_ops = {sleep_cancel, sleep_abandon, "sleep"};

static int sleep_for(struct weft_loop *loop, struct task *task, double delay)
{
    struct sleep_wait sleep;
    struct task_timer *timer = block_get(&loop->blocks, BLOCK_LINE);

    if (unlikely(!timer))
        timer = &sleep.spare;
    timer->loop_timer.timer = (struct timer){0};
    timer->loop_timer.fire.run = wf_timer_wake;
    timer->task = task;
    sleep.wait = (struct wait){&sleep_ops, NULL};
    sleep.timer = timer;
    sleep.cancelled = false;
    sleep.error = NULL;
    loop_arm(loop, &timer->loop_timer.timer, clock_ns(delay));
    wf_park(loop, task, &sleep.wait);
    sleep_end(loop, &sleep);
    return wait_outcome(task, sleep.cancelled, sleep.error);
}

int weft_sleep(double delay)
{
    struct weft_loop *loop = loop_current();
    struct task *task = likely(loop != NULL) ? loop->current : NULL;

    if (unlikely(!task))
        return weft_fail(WEFT_ENOTASK, "only a task can sleep");
    if (unlikely(isnan(delay)))
        return weft_fail(-EINVAL, "the delay is not a number");
    return delay > 0 ? sleep_for(loop, task, delay) : weft_yield();
}

int weft_sleep_result(double delay, void *value, void **ret_value)
{
    int rc = weft_sleep(delay);
    if (!rc && ret_value)
        *ret_value = value;
    return rc;
}
