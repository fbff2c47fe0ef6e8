/*
 * await.c - a task waits for a future: of its own loop, of another, or of none.
 *
 * A1  The waiting task stays until the future is done: a cancellation is passed on to the future,
 * and ends the wait by ending that. So whoever completes the future is the one party that makes the
 * task ready.
 */
#include "runtime/sched/await.h"

#include <errno.h>

#include "runtime/sched/task_ops.h"

/* The same from elsewhere. */
struct remote_wait {
    struct wait wait;
    struct waker waker;
    bool asked;   /* a cancellation was sent to the future, a task, which may end before it comes */
    bool retries; /* or could not be sent yet */
    weft_error *error;       /* its message; owned */
    struct loop_timer retry; /* fire is never queued; its run is wf_await_retry */
};

static bool future_wait_cancel(struct wait *wait, struct task *task, weft_error *error)
{
    (void)task;
    return wf_future_cancel(wait->object, error) == 1;
}

static void local_wait_abandon(struct wait *wait, struct task *task)
{
    (void)task;
    (void)waiter_take_back(wait->object, &container_of(wait, struct future_wait, wait)->waiter);
}

static bool remote_wait_cancel(struct wait *wait, struct task *task, weft_error *error)
{
    struct remote_wait *w = container_of(wait, struct remote_wait, wait);
    struct weft_loop *loop = future_loop(&task->future);
    if (w->retries)
        return true;
    int rc = wf_future_cancel(wait->object, error);
    bool first = !w->asked && future_is_task(wait->object);
    if (unlikely(rc == -ENOMEM) && first && loop == loop_current()) {
        w->retries = true;
        w->retry.fire.run = wf_await_retry;
        loop_arm(loop, &w->retry.timer, NO_MEMORY_RETRY_NS);
        rc = 1;
    }
    if (rc == 1 && first) {
        w->asked = true; /* if it ends before, the request has reached nobody too */
        w->error = weft_error_ref(error);
    }
    return rc == 1;
}

void wf_await_retry(struct runnable *r, struct weft_loop *loop)
{
    struct remote_wait *w = container_of(r, struct remote_wait, retry.fire);

    if (!loop) /* it is being closed */
        return;
    w->retries = false;
    if (wf_future_cancel(w->wait.object, w->error) == -ENOMEM) {
        w->retries = true;
        loop_arm(loop, &w->retry.timer, NO_MEMORY_RETRY_NS);
    }
}

static void remote_wait_abandon(struct wait *wait, struct task *task)
{
    struct remote_wait *w = container_of(wait, struct remote_wait, wait);
    /* Taken back, or dropped by who tells it: until then another thread has it in its hands. */
    while (!wf_future_remove_waker(wait->object, &w->waker) && !task_was_dropped(task))
        cpu_relax();
    wheel_cancel(&loop_current()->wheel, &w->retry.timer);
    weft_error_unref(w->error);
}

const struct wait_ops wf_await_ops = {future_wait_cancel, local_wait_abandon, "future"};
static const struct wait_ops remote_ops = {remote_wait_cancel, remote_wait_abandon, "future"};

static bool await_leave(const struct task *task)
{
    struct wait *wait = task->wait;
    if (wait && wait->ops == &remote_ops) {
        struct remote_wait *w = container_of(wait, struct remote_wait, wait);
        return wf_future_remove_waker(wait->object, &w->waker);
    }
    if (!wait || wait->ops != &wf_await_ops)
        return false;
    return waiter_take_back(wait->object, &container_of(wait, struct future_wait, wait)->waiter);
}

bool wf_await_leave(struct task *task)
{
    bool left = await_leave(task);
    if (left) /* the next request finds no wait: it goes no further, nor makes the task ready again */
        task->wait = NULL;
    return left;
}

struct task *wf_awaited_task(const struct task *task)
{
    const struct wait *wait = task->wait;
    if (!wait || wait->ops != &wf_await_ops)
        return NULL;
    struct weft_future *f = wait->object;
    return future_is_task(f) && !future_is_done(f) ? task_of(f) : NULL;
}

/* A cancellation was sent to a task elsewhere, which is done now: if it was so before, the request
 * has reached nobody, and stays with this one (CANC-12). */
static void remote_wait_asked(struct task *task, struct weft_future *f, weft_error *error)
{
    if (task->must_cancel || outcome_value(&f->outcome) == OUTCOME_CANCELLED ||
        task_of(f)->cancel_heard) {
        weft_error_unref(error);
        return;
    }
    task_ask_later(task, error);
}

struct task *wf_await_elsewhere(struct weft_loop *loop, struct task *task, struct weft_future *f)
{
    struct remote_wait w;

    w.wait = (struct wait){&remote_ops, f};
    w.waker = (struct waker){.loop = loop, .ready = &task->future.entry};
    w.asked = w.retries = false;
    w.error = NULL;
    w.retry.timer.next = NULL; /* not armed */
    task_expect_remote(task);
    wf_future_add_waker(f, &w.waker);
    task = park(loop, task, &w.wait);
    if (unlikely(w.asked)) {
        wheel_cancel(&loop->wheel, &w.retry.timer);
        remote_wait_asked(task, f, w.error);
    }
    return task;
}

bool wf_await_cancelled(struct task *task, const struct weft_future *f)
{
    void *value = outcome_value(&f->outcome);

    if (value != OUTCOME_CANCELLED && (value != OUTCOME_FAILED || f->code != WEFT_ECANCELLED))
        return wf_task_deliver_cancel(task); /* CANC-12 */
    /* The future's own CancelledError says it, whether it was cancelled or failed with one, as a
     * gather does: the first message counts (CANC-16). */
    task->must_cancel = false;
    return false;
}

static __attribute__((noinline)) int await_refused(struct task *task, struct weft_future *f)
{
    if (!f)
        return -EINVAL;
    return task ? weft_fail(WEFT_ESELFAWAIT, "a task cannot await itself")
                : weft_fail(WEFT_ENOTASK, "only a task can await");
}

/* What suspends has a function and a frame of its own, so that what does not needs none. */
static __attribute__((noinline)) int await_pending(struct weft_loop *loop, struct task *task,
                                                   struct weft_future *f, void **ret_result)
{
    return await(loop, task, f, ret_result);
}

int weft_await(weft_future *future, void **ret_result)
{
    struct task *task = task_current();
    if (unlikely(!future) || unlikely(!task) || unlikely(future == &task->future))
        return await_refused(task, future);
    void *value = outcome_value(&future->outcome);
    if (!outcome_value_is_done(value))
        return await_pending(loop_current(), task, future, ret_result);
    return future_take(future, value, ret_result);
}

static __attribute__((noinline)) int join_refused(struct task *task, struct weft_future *f)
{
    if (!f) /* as a constructor that failed left it */
        return errno > 0 ? -errno : -EINVAL;
    int rc = await_refused(task, f);
    wf_future_unref(f);
    return rc;
}

static __attribute__((noinline)) int join_pending(struct weft_loop *loop, struct task *task,
                                                  struct weft_future *f, void **ret_result)
{
    task = await_done(loop, task, f);
    loop = future_loop(&task->future);
    void *value = outcome_value(&f->outcome);
    if (unlikely(task->must_cancel) && wf_await_cancelled(task, f)) {
        future_unref_at(loop, f);
        return WEFT_ECANCELLED;
    }
    return future_take_last(loop, f, value, ret_result);
}

int weft_join(weft_future *future, void **ret_result)
{
    struct task *task = task_current();
    if (unlikely(!future) || unlikely(!task) || unlikely(future == &task->future))
        return join_refused(task, future);
    struct weft_loop *loop = loop_current();
    void *value = outcome_value(&future->outcome);
    if (!outcome_value_is_done(value))
        return join_pending(loop, task, future, ret_result);
    return future_take_last(loop, future, value, ret_result);
}
