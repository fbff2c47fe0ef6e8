/*
 * timeout.c - a block of code that is interrupted at a time.
 *
 *     created --> entered --the deadline strikes--> expiring --> expired
 *                    '----------- left ---------------------> exited
 */
#include <errno.h>

#include <weft/timeout.h>

#include "api/deadline.h"
#include "api/host.h"
#include "runtime/task/error_timeout.h"

enum timeout_state {
    TIMEOUT_CREATED,
    TIMEOUT_ENTERED, /* expiring once struck_ is set */
    TIMEOUT_EXPIRED,
    TIMEOUT_EXITED,
};

int weft_timeout_init(weft_timeout *timeout, double delay)
{
    struct weft_loop *loop = loop_current();

    if (!timeout || isnan(delay))
        return weft_fail(-EINVAL, "the delay is not a number");
    if (!loop)
        return weft_fail(WEFT_ENOLOOP, "a delay is counted by a loop's clock");
    double when = delay == WEFT_FOREVER ? WEFT_FOREVER : weft_loop_time(loop) + delay;
    return weft_timeout_init_at(timeout, when);
}

int weft_timeout_init_at(weft_timeout *timeout, double when)
{
    if (!timeout || isnan(when))
        return weft_fail(-EINVAL, "the time is not a number");
    *timeout = (weft_timeout){.when_ = when};
    return 0;
}

/* The deadline is armed; or, when it has passed, queued. 0 or -ENOMEM. */
static int timeout_arm(weft_timeout *timeout)
{
    struct task *task = task_of(timeout->task_);
    struct weft_loop *loop = future_loop(&task->future);

    if (timeout->when_ == WEFT_FOREVER)
        return 0;
    struct deadline *deadline = deadline_new(loop, task, &timeout->struck_);
    if (!deadline)
        return -ENOMEM;
    int64_t when_ns = clock_ns(timeout->when_);
    if (when_ns <= loop_now_ns(loop)) /* TMO-12 */
        ready_push(loop, &deadline->timer.fire);
    else
        wheel_arm(&loop->wheel, &deadline->timer.timer, when_ns);
    timeout->deadline_ = deadline;
    return 0;
}

static void timeout_disarm(weft_timeout *timeout)
{
    if (timeout->deadline_ && !timeout->struck_)
        deadline_end(future_loop(timeout->task_), timeout->deadline_);
    timeout->deadline_ = NULL;
}

int weft_timeout_begin(weft_timeout *timeout)
{
    struct task *task = task_current();

    if (!timeout)
        return -EINVAL;
    if (timeout->state_ != TIMEOUT_CREATED)
        return weft_fail(WEFT_ERUNTIME, "the timeout has already been entered");
    if (!task)
        return weft_fail(WEFT_ENOTASK, "a timeout belongs to a task");
    timeout->task_ = &task->future;
    timeout->cancelling_ = weft_cancelling(&task->future);
    struct host *host;
    int rc = host_keep(task, &host);
    if (unlikely(rc))
        return rc;
    timeout->host_ = host;
    rc = timeout_arm(timeout);
    if (likely(!rc))
        timeout->state_ = TIMEOUT_ENTERED;
    else
        host_release(host);
    return rc;
}

int weft_timeout_reschedule(weft_timeout *timeout, double when)
{
    if (!timeout || isnan(when))
        return weft_fail(-EINVAL, "the time is not a number");
    if (timeout->state_ == TIMEOUT_CREATED)
        return weft_fail(WEFT_ERUNTIME, "the timeout has not been entered");
    if (timeout->state_ != TIMEOUT_ENTERED || timeout->struck_)
        return weft_fail(WEFT_ERUNTIME, "the timeout has struck, or was left");
    if (future_loop(timeout->task_) != loop_current())
        return weft_fail(WEFT_EWRONGTHREAD, "the timeout belongs to another loop");
    struct deadline *old = timeout->deadline_;
    double old_when = timeout->when_;
    timeout->when_ = when;
    timeout->deadline_ = NULL;
    int rc = timeout_arm(timeout);
    if (rc) {
        timeout->when_ = old_when;
        timeout->deadline_ = old;
    } else if (old) {
        deadline_end(loop_current(), old);
    }
    return rc;
}

/* The block failed in another way than by our cancellation: its error says what led there (TMO-15,
 * TMO-28). */
static void mention_timeout(struct task *task, int code)
{
    weft_error *error = wf_error_slot_take(&task->errors, code);
    if (error)
        error_slot_set(&task->errors, wf_error_mention_timeout(error));
}

int weft_timeout_end(weft_timeout *timeout, int code)
{
    struct task *task = task_current();

    if (!timeout || code > 0)
        return -EINVAL;
    if (timeout->state_ != TIMEOUT_ENTERED || !task ||
        !host_lets_leave(timeout->host_, timeout->task_, task))
        return weft_fail(WEFT_ERUNTIME, "this task is not in the timeout");
    timeout_disarm(timeout);
    timeout->state_ = timeout->struck_ ? TIMEOUT_EXPIRED : TIMEOUT_EXITED;
    /* Our own request goes back; if others asked as well, it stays a cancellation (TMO-18). */
    bool ours = timeout->struck_ && weft_uncancel(timeout->task_) <= timeout->cancelling_;
    host_release(timeout->host_);
    if (!ours || !code)
        return code;
    if (code == WEFT_ECANCELLED)
        return wf_timed_out();
    mention_timeout(task, code);
    return code;
}

double weft_timeout_when(const weft_timeout *timeout)
{
    return timeout ? timeout->when_ : (double)NAN;
}

int weft_timeout_expired(const weft_timeout *timeout)
{
    return timeout && timeout->struck_;
}

int weft_timeout_format(const weft_timeout *timeout, char *buffer, size_t bytes)
{
    static const char *const names[] = {"created", "active", "expired", "finished"};

    if (!timeout)
        return -EINVAL;
    if (timeout->state_ != TIMEOUT_ENTERED)
        return snprintf(buffer, bytes, "<weft_timeout [%s]>", names[timeout->state_]);
    if (timeout->struck_)
        return snprintf(buffer, bytes, "<weft_timeout [expiring]>");
    if (timeout->when_ == WEFT_FOREVER)
        return snprintf(buffer, bytes, "<weft_timeout [active] when=never>");
    return snprintf(buffer, bytes, "<weft_timeout [active] when=%.3f>", timeout->when_);
}
