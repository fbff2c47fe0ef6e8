/*
 * completion.c - a future's life: made, completed once, its waiters told, freed with the last
 * reference.
 *
 * Waiters on the future's own loop are queued there, in the order in which they came. Others are
 * told through the inbox of their loop, or by a call. A completer on another thread sends the
 * future itself to its loop, which then queues the local waiters: they can only be read there.
 */
#include <errno.h>
#include <sched.h>

#include "runtime/base/likely.h"
#include "runtime/base/sys.h"
#include "runtime/sched/callback.h"
#include "runtime/sched/future_ops.h"
#include "runtime/sched/report.h"
#include "runtime/sched/task_ops.h"
#include "runtime/sched/trace.h"

char wf_outcome_marks[4];

/* Whether membarrier works here; written once, when the first loop is made. */
static _Atomic int barrier_state;

bool wf_outcome_barrier_works(void)
{
    int state =
        atomic_load_explicit(&barrier_state, memory_order_relaxed); /* a constant once set */
    if (!state) {
        state = sys_membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) < 0 ? -1 : 1;
        atomic_store_explicit(&barrier_state, state, memory_order_relaxed);
    }
    return state > 0;
}

void wf_outcome_barrier(void)
{
    /* Registered, so it cannot fail; -EINTR does not exist for it. */
    (void)syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
}

struct weft_future *wf_future_make(struct weft_loop *loop)
{
    struct weft_loop *here = loop_current();
    enum block_class block = BLOCK_SMALL;
    struct plain_future *f = trace_block_get(here, loop, &block);
    if (unlikely(!f))
        return NULL;
    plain_init(f, loop, block, future_bias(loop, here), 1);
    return &f->base;
}

/* The loop whose exception handler hears of the future; NULL: it is gone, and a later one may have
 * its memory (L3 of loop.h). */
static struct weft_loop *reporting_loop(const struct weft_future *f)
{
    struct weft_loop *loop = future_loop(f);
    return loop && f->life == loop_life(loop) ? loop : NULL;
}

void wf_future_free(struct weft_loop *here, struct weft_future *f)
{
    void *value = outcome_value(&f->outcome);

    if (value == OUTCOME_FAILED) {
        if (!atomic_load_explicit(&f->taken, memory_order_relaxed)) {
            atomic_store_explicit(&f->outcome.refs, 1,
                                  memory_order_relaxed); /* while others look at it */
            wf_report(reporting_loop(f),
                      future_is_task(f) ? "Task exception was never retrieved"
                                        : "Future exception was never retrieved",
                      f->code, f->error, f, NULL);
        }
    } else if (outcome_value_is_done(value) && value != OUTCOME_CANCELLED && f->drop &&
               !atomic_load_explicit(&f->taken, memory_order_relaxed)) {
        f->drop(value);
    }
    wf_callbacks_drop(f);
    weft_error_unref(f->error);
    if (future_is_task(f)) {
        wf_task_drop_name(task_of(f));
        scope_fini(&task_of(f)->scope);
        weft_error_unref(task_of(f)->cancel_error);
    } else if (f->kind == FUTURE_COMPOUND)
        plain_of(f)->ops->fini(f);
    block_put(here ? &here->blocks : NULL, (enum block_class)f->block, f);
}

void wf_future_ref(struct weft_future *f)
{
    struct weft_loop *loop = future_loop(f);

    if (loop && loop == loop_current() && outcome_enter(&f->outcome, &loop->touching)) {
        outcome_ref_inside(&f->outcome);
        outcome_leave(&loop->touching);
        return;
    }
    future_share(f);
    outcome_ref(&f->outcome);
}

void wf_future_unref_shared(struct weft_loop *here, struct weft_future *f)
{
    if (future_loop(f) != here)
        future_share(f);
    if (outcome_unref(&f->outcome))
        wf_future_free(here, f);
}

void wf_future_unref(struct weft_future *f)
{
    future_unref_at(loop_current(), f);
}

/* Tells one waker of a future that the caller holds; afterwards it may be gone. */
static void waker_tell(struct waker *waker)
{
    struct weft_loop *loop = waker->loop;
    struct runnable *ready = waker->ready;

    wf_callback_hold(ready);
    if (!loop)
        ready->run(ready, NULL);
    else if (loop == loop_current())
        ready_push(loop, ready);
    else if (!wf_loop_post(loop, ready))
        ready->run(ready, NULL); /* closed: dropped (L4) */
}

static void wake_remote(struct remote_waiter *first)
{
    while (first) {
        struct remote_waiter *next = first->next;
        waker_tell(container_of(first, struct waker, link));
        first = next;
    }
}

/* The loop gets word that another thread completed its future. */
static void mail_run(struct runnable *r, struct weft_loop *loop)
{
    struct weft_future *f = container_of(r, struct weft_future, entry);
    if (loop) {
        wf_callbacks_hold(f);
        wake_local(loop, f);
    }
    wf_future_unref(f);
}

/* After a shared future of this thread's loop, or of another's, was completed. */
static void completion_spread(struct weft_future *f, struct weft_loop *loop, bool here)
{
    if (here) {
        wf_callbacks_hold(f);
        wake_local(loop, f);
    } else if (loop) {
        outcome_ref(&f->outcome);
        f->entry.run = mail_run;
        if (!wf_loop_post(loop, &f->entry))
            wf_future_unref(f); /* MULT-05 */
    }
    wake_remote(outcome_take_waiters(&f->outcome));
}

__attribute__((noinline)) int wf_future_succeed_shared(struct weft_future *f, void *result)
{
    struct weft_loop *loop = future_loop(f);
    bool here = loop && loop == loop_current();

    if (!here)
        future_share(f);
    if (!outcome_claim(&f->outcome, result))
        return WEFT_EINVALIDSTATE;
    completion_spread(f, loop, here);
    return 0;
}

int wf_future_succeed(struct weft_future *f, void *result)
{
    return future_succeed(f, result);
}

int wf_future_take_slow(struct weft_loop *here, struct weft_future *f, void *value,
                        void **ret_result)
{
    int rc = future_take(f, value, ret_result);
    future_unref_at(here, f);
    return rc;
}

int wf_future_fail(struct weft_future *f, void *mark, int code, weft_error *error)
{
    struct weft_loop *loop = future_loop(f);
    bool here = loop && loop == loop_current();

    if (here && outcome_enter(&f->outcome, &loop->touching)) {
        bool first = outcome_value(&f->outcome) == OUTCOME_PENDING;
        if (first) {
            f->code = code;
            f->error = error;
            outcome_set_inside(&f->outcome, mark);
        }
        outcome_leave(&loop->touching);
        if (!first)
            goto refuse;
        wake_local(loop, f);
        return 0;
    }
    if (!here)
        future_share(f);
    if (!outcome_claim(&f->outcome, OUTCOME_CLAIMED))
        goto refuse;
    f->code = code;
    f->error = error;
    outcome_publish(&f->outcome, mark);
    completion_spread(f, loop, here);
    return 0;

refuse:
    weft_error_unref(error);
    return WEFT_EINVALIDSTATE;
}

void wf_task_complete(struct weft_loop *loop, struct task *task, void *value, int code,
                      weft_error *error)
{
    struct weft_future *f = &task->future;
    bool last;

    task_delist(loop, task);
    wf_error_slot_fini(&task->errors);
    f->code = code;
    f->error = error;
    if (outcome_enter(&f->outcome, &loop->touching)) {
        outcome_set_inside(&f->outcome, value);
        wake_local(loop, f);
        last = outcome_unref_inside(&f->outcome);
        outcome_leave(&loop->touching); /* O5 */
    } else {
        outcome_publish(&f->outcome, value);
        wf_callbacks_hold(f);
        wake_local(loop, f);
        wake_remote(outcome_take_waiters(&f->outcome));
        last = outcome_unref(&f->outcome);
    }
    if (last)
        wf_future_free(loop, f);
}

int wf_future_cancel(struct weft_future *f, weft_error *error)
{
    if (future_is_task(f))
        return wf_task_cancel(task_of(f), error);
    if (future_is_done(f)) {
        void *value = outcome_value(&f->outcome);
        if (value == OUTCOME_FAILED) /* FUT-28 */
            atomic_store_explicit(&f->taken, 1, memory_order_relaxed);
        return f->kind == FUTURE_CONCURRENT && value == OUTCOME_CANCELLED; /* XTHR-07 */
    }
    const struct future_ops *ops = plain_of(f)->ops;
    if (ops && ops->cancel)
        return ops->cancel(f, error);
    if (wf_future_fail(f, OUTCOME_CANCELLED, WEFT_ECANCELLED, weft_error_ref(error)))
        return f->kind == FUTURE_CONCURRENT && outcome_value(&f->outcome) == OUTCOME_CANCELLED;
    if (ops && ops->cancelled)
        ops->cancelled(f);
    return 1;
}

/* Of a cancelled future: whether who asks now gets the message. CANC-15, CANC-24: that of a task
 * goes to the first. */
static bool message_is_due(struct weft_future *f)
{
    /* Relaxed: written before the task was done. */
    return !future_is_task(f) ||
           atomic_load_explicit(&f->message_spent, memory_order_relaxed) == MESSAGE_FOR_ALL ||
           atomic_exchange_explicit(&f->message_spent, MESSAGE_SPENT, memory_order_relaxed) ==
               MESSAGE_FOR_FIRST;
}

int wf_future_take_error(struct weft_future *f, weft_error **ret_error)
{
    void *value = outcome_value(&f->outcome);
    *ret_error = NULL;
    if (value != OUTCOME_FAILED && value != OUTCOME_CANCELLED)
        return 0;
    atomic_store_explicit(&f->taken, 1, memory_order_relaxed); /* as in future_take() */
    if (f->error && (value == OUTCOME_FAILED || message_is_due(f)))
        *ret_error = weft_error_ref(f->error);
    return f->code;
}

int wf_future_take(struct weft_future *f)
{
    if (!future_is_done(f)) /* its waiter was taken out of a circle, by who took the request back */
        return weft_fail(WEFT_ECANCELLED, NULL);
    weft_error *error;
    int code = wf_future_take_error(f, &error);
    wf_error_raise(wf_error_slot(), error);
    return code;
}

void wf_future_add_waker(struct weft_future *f, struct waker *waker)
{
    future_share(f);
    if (outcome_wait(&f->outcome, &waker->link))
        wake_remote(outcome_take_waiters(&f->outcome));
}

/*
 * One at a time takes the list apart: another would find it empty meanwhile, and miss its own. The
 * list is short and no code of the user runs, so it is a matter of a moment. Completers do not wait:
 * they find the list empty, and the remover tells those that it puts back.
 */
static void removing_lock(struct weft_future *f)
{
    /* Acquire, with the release in removing_unlock(): what the one before put back is seen. */
    for (unsigned looks = 1; atomic_exchange_explicit(&f->removing, 1, memory_order_acquire);
         looks++) {
        if (looks % 64)
            cpu_relax();
        else
            sched_yield();
    }
}

static void removing_unlock(struct weft_future *f)
{
    atomic_store_explicit(&f->removing, 0, memory_order_release);
}

struct remote_waiter *wf_future_remove_wakers(struct weft_future *f, waker_predicate wanted,
                                              void *arg)
{
    struct remote_waiter *removed = NULL;

    future_share(f);
    removing_lock(f);
    struct remote_waiter *rest = outcome_take_waiters(&f->outcome), *first = NULL, *last = NULL;
    while (rest) {
        struct remote_waiter *next = rest->next;
        if (wanted(container_of(rest, struct waker, link), arg)) {
            rest->next = removed;
            removed = rest;
        } else {
            /* Newest first, as the list has it. */
            rest->next = first;
            first = rest;
            if (!last)
                last = rest;
        }
        rest = next;
    }
    bool done = first && outcome_put_back(&f->outcome, first, last);
    removing_unlock(f);
    if (done)
        wake_remote(outcome_take_waiters(&f->outcome));
    return removed;
}

static bool is_this_waker(const struct waker *waker, void *arg)
{
    return waker == arg;
}

bool wf_future_remove_waker(struct weft_future *f, struct waker *waker)
{
    return wf_future_remove_wakers(f, is_this_waker, waker) != NULL;
}
