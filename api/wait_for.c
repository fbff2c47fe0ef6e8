/*
 * wait_for.c - await a future, for a limited time.
 *
 * The deadline is a timer that cancels the waiting task, as asyncio.timeout() does: when it strikes
 * while the task is suspended, the task gets WEFT_ECANCELLED out of its await, takes its own
 * request back, and turns the error into WEFT_ETIMEDOUT. Without any time, the future is cancelled
 * and the task waits beside it, as asyncio's _cancel_and_wait() does.
 */
#include <errno.h>

#include <weft/timeout.h>

#include "api/timed_out.h"
#include "runtime/sched/await.h"
#include "runtime/sched/limit.h"

/*
 * A task that waits for a future's end beside it: a cancellation of the task ends the wait, and
 * does not reach the future. It resumes one iteration after those who await the future. A block of
 * its own, since the word of the end may still be on its way when the wait is over: it is shared by
 * the wait and the word, and freed by whichever of them ends last. A word that finds the loop closed
 * is dropped by the thread that brings it, while the loop's abandons the wait.
 */
struct bystander {
    struct wait wait;
    struct waiter waiter;  /* on the future's own loop */
    struct waker waker;    /* from elsewhere */
    struct runnable told;  /* the word of the end */
    struct task *task;     /* NULL: the wait is over */
    _Atomic uint32_t ends; /* of the wait and the word, those to come */
    bool over;             /* somebody has made the task ready */
    bool cancelled;
    weft_error *error; /* the message of the cancellation; owned */
};
_Static_assert(sizeof(struct bystander) <= BLOCK_TASK_BYTES, "a bystander is a block");

static void bystander_free(struct bystander *b)
{
    struct weft_loop *here = loop_current();
    weft_error_unref(b->error);
    block_put(here ? &here->blocks : NULL, BLOCK_TASK, b);
}

static void bystander_end_one(struct bystander *b)
{
    /* Release: our uses come before the free. Acquire: so do the other's. */
    if (atomic_fetch_sub_explicit(&b->ends, 1, memory_order_acq_rel) == 1)
        bystander_free(b);
}

static void bystander_told(struct runnable *r, struct weft_loop *loop)
{
    struct bystander *b = container_of(r, struct bystander, told);

    if (loop && b->task && !b->over) { /* dropped, it looks at nothing of the loop's thread */
        b->over = true;
        task_unpark(loop, b->task);
    }
    bystander_end_one(b);
}

/* Takes it from the future if it is there; else the word is on its way, or was heard. */
static bool bystander_leave(struct bystander *b)
{
    struct weft_future *f = b->wait.object;

    if (b->waker.loop)
        return wf_future_remove_waker(f, &b->waker);
    return waiter_take_back(f, &b->waiter);
}

static void bystander_end(struct bystander *b)
{
    b->task = NULL;
    /* Acquire, as in bystander_end_one(). With the word's end to come, the future may still have it. */
    if (atomic_load_explicit(&b->ends, memory_order_acquire) == 1 || bystander_leave(b))
        bystander_free(b);
    else
        bystander_end_one(b);
}

static bool bystander_cancel(struct wait *wait, struct task *task, weft_error *error)
{
    struct bystander *b = container_of(wait, struct bystander, wait);
    if (b->over)
        return false;
    b->over = b->cancelled = true;
    b->error = weft_error_ref(error);
    task_unpark(future_loop(&task->future), task); /* which may not be running */
    return true;
}

static void bystander_abandon(struct wait *wait, struct task *task)
{
    (void)task;
    bystander_end(container_of(wait, struct bystander, wait));
}

static const struct wait_ops bystander_ops = {bystander_cancel, bystander_abandon, "future"};

/* No time at all: what is done gives its outcome, anything else is cancelled and waited for
 * (WFOR-10, WFOR-11). */
static int without_time(struct weft_loop *loop, struct task *task, weft_future *future,
                        void **ret_result)
{
    if (future_is_done(future))
        return weft_await(future, ret_result);
    struct bystander *b = block_get(&loop->blocks, BLOCK_TASK);
    if (!b)
        return -ENOMEM;
    *b = (struct bystander){
        .wait = {&bystander_ops, future}, .told.run = bystander_told, .task = task, .ends = 2};
    if (future_loop(future) == loop) {
        b->waiter.ready = &b->told;
        waiter_append(future, &b->waiter);
    } else {
        b->waker.loop = loop;
        b->waker.ready = &b->told;
        wf_future_add_waker(future, &b->waker);
    }
    int asked = wf_future_cancel(future, NULL);
    if (unlikely(asked < 0)) { /* no memory to ask another loop's */
        bystander_end(b);
        return asked;
    }
    wf_park(loop, task, &b->wait);
    bool cancelled = b->cancelled;
    weft_error *error = b->error;
    b->error = NULL;
    bystander_end(b);
    int rc = wait_outcome(task, cancelled, error);
    if (rc)
        return rc;
    rc = weft_result(future, ret_result);
    return rc == WEFT_ECANCELLED ? wf_timed_out() : rc;
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
        return without_time(loop, task, future, ret_result);
    if (future_is_done(future) || unlikely(future == &task->future))
        return weft_await(future, ret_result);

    /* One await for both, with a limit or without: a place more to resume at is a return more that
     * the processor predicts wrong (await.h). */
    struct limit limit;
    bool limited = timeout != WEFT_FOREVER;
    int cancelling = task->cancelling;
    if (limited)
        limit_begin(loop, task, &limit, timeout);
    int rc = await(loop, task, future, ret_result);
    if (!limited || likely(!limit_end(loop, &limit)))
        return rc;
    /* Our own request goes back; if others asked as well, it stays a cancellation (TMO-18). */
    if (weft_uncancel(&task->future) <= cancelling && rc == WEFT_ECANCELLED)
        return wf_timed_out();
    return rc;
}
