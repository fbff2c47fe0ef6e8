/*
 * sleep.c - a task waits for a time.
 */
#include <errno.h>

#include "runtime/base/likely.h"
#include "runtime/park.h"
#include "runtime/sched/future_ops.h"
#include "runtime/sched/scheduler.h"

struct sleep_wait {
    struct wait wait;
    struct task_timer timer;
    bool cancelled;
    weft_error *error; /* the message of the cancellation; owned */
};

static bool sleep_cancel(struct wait *wait, struct task *task, weft_error *error)
{
    struct sleep_wait *sleep = container_of(wait, struct sleep_wait, wait);
    if (sleep->timer.loop_timer.over)
        return false;
    sleep->timer.loop_timer.over = true;
    sleep->cancelled = true;
    sleep->error = weft_error_ref(error);
    task_unpark(future_loop(&task->future), task); /* which may not be running */
    return true;
}

static void sleep_abandon(struct wait *wait, struct task *task)
{
    struct sleep_wait *sleep = container_of(wait, struct sleep_wait, wait);
    (void)task;
    sleep->timer.loop_timer.over = true;
    wheel_cancel(&loop_current()->wheel, &sleep->timer.loop_timer.timer);
    weft_error_unref(sleep->error);
    sleep->error = NULL;
}

static const struct wait_ops sleep_ops = {sleep_cancel, sleep_abandon, "sleep"};

static int sleep_for(struct weft_loop *loop, struct task *task, double delay)
{
    struct sleep_wait sleep = {
        .wait = {&sleep_ops, NULL},
        .timer = {.loop_timer.fire.run = wf_timer_wake, .task = task},
    };
    loop_arm(loop, &sleep.timer.loop_timer.timer, clock_ns(delay));
    wf_park(loop, task, &sleep.wait);
    wheel_cancel(&loop->wheel, &sleep.timer.loop_timer.timer);
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
