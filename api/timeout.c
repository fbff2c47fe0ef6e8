/*
 * timeout.c - a block of code that is interrupted at a time.
 *
 *     created --> entered --the deadline strikes--> expiring --> expired
 *                    '----------- left ---------------------> exited
 *
 * A limit that is mostly not reached costs no exact reading of the clock (see loop_arm_limit()): a
 * long one is made with a bound from the coarse clock, and its deadline is fixed by the loop's next
 * reading, or by who asks for it first. It is never early, and at most a tick of that clock late.
 */
#include <errno.h>

#include <weft/timeout.h>

#include "api/host.h"
#include "api/timed_out.h"
#include "runtime/sched/limit.h"
#include "runtime/task/error_timeout.h"

enum timeout_state {
    TIMEOUT_CREATED,
    TIMEOUT_ENTERED, /* expiring once the limit has struck */
    TIMEOUT_EXPIRED,
    TIMEOUT_EXITED,
};

/* Seconds; its nanoseconds after any clock's reading are still far from the end of time. */
#define LONGEST_DELAY 1e9

_Static_assert(sizeof(struct limit) <= sizeof(((weft_timeout *)0)->limit_), "a limit has room");

static inline struct limit *limit_of(weft_timeout *timeout)
{
    return (struct limit *)(void *)&timeout->limit_;
}

static inline bool has_struck(const weft_timeout *timeout)
{
    return timeout->state_ != TIMEOUT_CREATED &&
           ((const struct limit *)(const void *)&timeout->limit_)->struck;
}

/* Of one that was entered. */
static inline weft_task *entered_by(weft_timeout *timeout)
{
    return &limit_of(timeout)->task->future;
}

static inline int64_t least_ns(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* The deadline is fixed at once; or there is none. */
__attribute__((noinline)) static int init_fixed(weft_timeout *timeout, double delay)
{
    struct weft_loop *loop = loop_current();

    if (!timeout || isnan(delay))
        return weft_fail(-EINVAL, "the delay is not a number");
    if (!loop)
        return weft_fail(WEFT_ENOLOOP, "a delay is counted by a loop's clock");
    double when = delay == WEFT_FOREVER ? WEFT_FOREVER : weft_loop_time(loop) + delay;
    return weft_timeout_init_at(timeout, when);
}

int weft_timeout_init(weft_timeout *timeout, double delay)
{
    struct weft_loop *loop = loop_current();

    if (unlikely(!timeout) || unlikely(!(delay < LONGEST_DELAY)) || unlikely(!loop) ||
        unlikely(!loop_is_long_limit(loop, delay)))
        return init_fixed(timeout, delay);
    int64_t delay_ns = (int64_t)(delay * 1e9) + 1;
    timeout->delay_ns_ = delay_ns;
    timeout->state_ = TIMEOUT_CREATED;
    timeout->fixed_ = false;
    timeout->latest_ns_ = clock_coarse_after_ns() + delay_ns;
    return 0;
}

int weft_timeout_init_at(weft_timeout *timeout, double when)
{
    if (!timeout || isnan(when))
        return weft_fail(-EINVAL, "the time is not a number");
    timeout->state_ = TIMEOUT_CREATED;
    timeout->fixed_ = true;
    timeout->when_ = when;
    return 0;
}

/* For a deadline that is fixed; one that has passed strikes next (TMO-12). 0; or -ENOMEM, and nothing
 * was done. */
static int arm_at(struct weft_loop *loop, struct limit *limit, double when)
{
    int64_t when_ns = clock_ns(when);

    if (when != WEFT_FOREVER && when_ns <= loop_now_ns(loop))
        return wf_limit_strike(loop, limit) ? 0 : -ENOMEM;
    limit_call_off(loop, limit);
    if (when != WEFT_FOREVER)
        wheel_arm(&loop->wheel, &limit->timer.timer, when_ns);
    return 0;
}

/* Fixes the deadline: whoever asked for it sees it stay. */
static double fix_deadline(weft_timeout *timeout)
{
    struct limit *limit = limit_of(timeout);
    struct timer *timer = &limit->timer.timer;
    bool entered = timeout->state_ == TIMEOUT_ENTERED;
    bool armed = entered && timer_is_armed(timer);
    struct weft_loop *loop = entered ? future_loop(entered_by(timeout)) : loop_current();
    int64_t when_ns = timeout->latest_ns_;

    if (has_struck(timeout) ||
        (entered && !armed)) /* or it is about to strike: it was fixed then */
        when_ns = least_ns(when_ns, timer->when_ns);
    else if (loop)
        when_ns = least_ns(when_ns, loop_now_ns(loop) + timeout->delay_ns_);
    if (armed && loop) { /* a task's future has one */
        wheel_cancel(&loop->wheel, timer);
        wheel_arm(&loop->wheel, timer, when_ns);
    }
    timeout->fixed_ = true;
    timeout->when_ = clock_seconds(when_ns);
    return timeout->when_;
}

double weft_timeout_when(const weft_timeout *timeout)
{
    if (!timeout)
        return (double)NAN;
    return timeout->fixed_ ? timeout->when_ : fix_deadline((weft_timeout *)timeout);
}

static inline void set_entered(weft_timeout *timeout, struct task *task, struct host *host)
{
    timeout->host_ = host;
    timeout->cancelling_ = task->cancelling;
    timeout->state_ = TIMEOUT_ENTERED;
}

__attribute__((noinline)) static int begin_otherwise(weft_timeout *timeout)
{
    struct task *task = task_current();
    struct host *host;

    if (!timeout)
        return -EINVAL;
    if (timeout->state_ != TIMEOUT_CREATED)
        return weft_fail(WEFT_ERUNTIME, "the timeout has already been entered");
    if (!task)
        return weft_fail(WEFT_ENOTASK, "a timeout belongs to a task");
    int rc = host_keep(task, &host);
    if (rc)
        return rc;
    limit_init(limit_of(timeout), task);
    rc = arm_at(future_loop(&task->future), limit_of(timeout), weft_timeout_when(timeout));
    if (rc)
        host_release(host);
    else
        set_entered(timeout, task, host);
    return rc;
}

int weft_timeout_begin(weft_timeout *timeout)
{
    struct weft_loop *loop = loop_current();
    struct task *task = likely(loop != NULL) ? loop->current : NULL;

    if (unlikely(!timeout) || unlikely(timeout->state_ != TIMEOUT_CREATED) ||
        unlikely(timeout->fixed_) || unlikely(!task) || unlikely(task->stack->inner) ||
        unlikely(timeout->latest_ns_ <= loop->wheel.now_ns))
        return begin_otherwise(timeout);
    struct limit *limit = limit_of(timeout);
    limit_init(limit, task);
    wheel_arm_within(&loop->wheel, &limit->timer.timer, timeout->delay_ns_, timeout->latest_ns_);
    set_entered(timeout, task, NULL);
    return 0;
}

int weft_timeout_reschedule(weft_timeout *timeout, double when)
{
    if (!timeout || isnan(when))
        return weft_fail(-EINVAL, "the time is not a number");
    if (timeout->state_ == TIMEOUT_CREATED)
        return weft_fail(WEFT_ERUNTIME, "the timeout has not been entered");
    if (timeout->state_ != TIMEOUT_ENTERED || has_struck(timeout))
        return weft_fail(WEFT_ERUNTIME, "the timeout has struck, or was left");
    if (future_loop(entered_by(timeout)) != loop_current())
        return weft_fail(WEFT_EWRONGTHREAD, "the timeout belongs to another loop");
    int rc = arm_at(loop_current(), limit_of(timeout), when);
    if (!rc) {
        timeout->fixed_ = true;
        timeout->when_ = when;
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

__attribute__((noinline)) static int end_otherwise(weft_timeout *timeout, int code)
{
    struct task *task = task_current();

    if (!timeout || code > 0)
        return -EINVAL;
    if (timeout->state_ != TIMEOUT_ENTERED || !task ||
        !host_lets_leave(timeout->host_, entered_by(timeout), task))
        return weft_fail(WEFT_ERUNTIME, "this task is not in the timeout");
    bool struck = limit_end(future_loop(&task->future), limit_of(timeout));
    timeout->state_ = struck ? TIMEOUT_EXPIRED : TIMEOUT_EXITED;
    /* Our own request goes back; if others asked as well, it stays a cancellation (TMO-18). */
    bool ours = struck && weft_uncancel(entered_by(timeout)) <= timeout->cancelling_;
    host_release(timeout->host_);
    if (!ours || !code)
        return code;
    if (code == WEFT_ECANCELLED)
        return wf_timed_out();
    mention_timeout(task, code);
    return code;
}

int weft_timeout_end(weft_timeout *timeout, int code)
{
    struct weft_loop *loop = loop_current();
    struct limit *limit = limit_of(timeout);

    if (unlikely(!timeout) || unlikely(code > 0) || unlikely(timeout->state_ != TIMEOUT_ENTERED) ||
        unlikely(!loop) || unlikely(limit->task != loop->current) ||
        unlikely(timeout->host_ != NULL) || unlikely(!timer_is_armed(&limit->timer.timer)))
        return end_otherwise(timeout, code);
    wheel_cancel(&loop->wheel, &limit->timer.timer); /* so it has not struck */
    timeout->state_ = TIMEOUT_EXITED;
    return code;
}

int weft_timeout_expired(const weft_timeout *timeout)
{
    return timeout && has_struck(timeout);
}

int weft_timeout_format(const weft_timeout *timeout, char *buffer, size_t bytes)
{
    static const char *const names[] = {"created", "active", "expired", "finished"};

    if (!timeout)
        return -EINVAL;
    if (timeout->state_ != TIMEOUT_ENTERED)
        return snprintf(buffer, bytes, "<weft_timeout [%s]>", names[timeout->state_]);
    if (has_struck(timeout))
        return snprintf(buffer, bytes, "<weft_timeout [expiring]>");
    double when = weft_timeout_when(timeout);
    if (when == WEFT_FOREVER)
        return snprintf(buffer, bytes, "<weft_timeout [active] when=never>");
    return snprintf(buffer, bytes, "<weft_timeout [active] when=%.3f>", when);
}
