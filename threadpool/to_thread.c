/*
 * to_thread.c - blocking functions in the pool: to_thread, run_in_executor.
 *
 *     loop: call made --> pool: fn runs --> loop's inbox --> loop: the future is done
 *
 * C1  A call is one block: the future, and the job. It has a reference for its user and one
 *     for the job, which whoever ends the job gives back: the thread that ran it, the loop
 *     that it came home to, the canceller.
 * C2  The outcome is written by the pool thread and reaches the loop through its inbox; so
 *     the future is completed by its own loop (EXEC-19). With no loop, or a closed one, the
 *     pool thread completes it.
 * C3  `claim` is decided once: the thread runs fn, the pool drops the job, or the user cancels. The
 *     call's reference to the executor goes to who decided: to the canceller, which still has to
 *     take the job out of the queue; else it stays with the job.
 */
#include <errno.h>

#include "runtime/base/likely.h"
#include "runtime/park.h"
#include "runtime/sched/current_scope.h"
#include "runtime/sched/future_ops.h"
#include "runtime/sched/trace.h"
#include "threadpool/executor.h"
#include "threadpool/owned.h"

enum call_claim { CALL_OPEN, CALL_RUNNING, CALL_DROPPED, CALL_CANCELLED };

struct call {
    struct plain_future future; /* first: future_free() gives the block back */
    struct pool_job job;
    struct runnable home;    /* brings the outcome to the loop */
    weft_executor *executor; /* C3 */
    weft_coroutine fn;
    void *arg;
    weft_drop arg_drop; /* of an argument that is the call's, while fn has not had it; or NULL */
    /* The outcome, from the pool thread. */
    void *result;
    weft_error *error;
    int code;
    _Atomic uint32_t claim; /* enum call_claim; by CAS from CALL_OPEN (C3) */
    bool carries;       /* fn runs in `scope`, else in the pool thread's own (EXEC-04, EXEC-05) */
    struct scope scope; /* a copy of the caller's context; given back by who ends the job */
    uint64_t counted;   /* the life of the loop in whose `external` it is counted, or 0: the virtual
                         clock waits for it */
};
_Static_assert(sizeof(struct call) <= BLOCK_TASK_BYTES, "a call fits where a task does");

/* The job is over: its part of the call is given back. */
static void call_release(struct call *call)
{
    scope_fini(&call->scope);
    /* Relaxed: decided by now, before the job ended (C3). */
    uint32_t claim = atomic_load_explicit(&call->claim, memory_order_relaxed);
    if (call->arg_drop && claim != CALL_RUNNING)
        call->arg_drop(call->arg);
    if (claim != CALL_CANCELLED)
        wf_executor_unref(call->executor);
    wf_future_unref(&call->future.base);
}

static void call_complete(struct call *call)
{
    struct weft_future *f = &call->future.base;
    if (call->code) {
        (void)wf_future_fail(f, call->code == WEFT_ECANCELLED ? OUTCOME_CANCELLED : OUTCOME_FAILED,
                             call->code, call->error);
    } else if (wf_future_succeed(f, call->result) && f->drop) {
        f->drop(call->result); /* cancelled meanwhile (EXEC-07) */
    }
    call_release(call);
}

static void call_home(struct runnable *r, struct weft_loop *loop)
{
    struct call *call = container_of(r, struct call, home);
    if (loop && call->counted == loop->life) /* else it comes home to a later loop */
        loop->external--;
    call_complete(call);
}

static void call_send_home(struct call *call)
{
    struct weft_loop *loop = future_loop(&call->future.base);
    if (!loop || !wf_loop_post(loop, &call->home)) /* EXEC-18 */
        call_complete(call);
}

/* One of those who could, and nobody else, decides what becomes of the call (C3). Relaxed: what they
 * read was there before the job was submitted. */
static bool call_claim(struct call *call, enum call_claim how)
{
    uint32_t open = CALL_OPEN;
    return atomic_compare_exchange_strong_explicit(&call->claim, &open, how, memory_order_relaxed,
                                                   memory_order_relaxed);
}

/* On a pool thread. */
static void call_run(struct pool_job *job)
{
    struct call *call = container_of(job, struct call, job);

    if (likely(call_claim(call, CALL_RUNNING))) {
        struct error_slot *slot = wf_error_slot();
        if (call->carries)
            (void)scope_begin(&wf_scope_thread, &call->scope); /* a copy: nobody has entered it */
        int code = call->fn(call->arg, &call->result);
        if (call->carries) {
            scope_end(&wf_scope_thread, &call->scope);
            scope_fini(&call->scope);
        }
        call->error = code < 0 ? wf_error_slot_take(slot, code) : NULL;
        wf_error_slot_fini(slot);
        call->code = code <= 0 ? code : WEFT_EPANIC;
    } else {
        call->code = WEFT_ECANCELLED; /* the canceller was first, and the pool was quicker */
    }
    call_send_home(call);
}

/* The pool is closed and gives back what is queued. */
static void call_drop(struct pool_job *job)
{
    struct call *call = container_of(job, struct call, job);
    (void)call_claim(call, CALL_DROPPED);
    call->code = WEFT_ECANCELLED;
    call_send_home(call);
}

/* The canceller has claimed the call, and with it the executor (C3): takes it out of the queue. */
static void call_withdraw(struct call *call)
{
    weft_executor *executor = call->executor;
    if (wf_pool_cancel(executor->pool, &call->job)) {
        call->code = WEFT_ECANCELLED;
        call_send_home(call);
    }
    wf_executor_unref(executor);
}

/* The user cancelled a loop's future: work that no thread has taken never runs (EXEC-08). */
static void call_cancelled(struct weft_future *f)
{
    struct call *call = (struct call *)(void *)f;
    if (call_claim(call, CALL_CANCELLED))
        call_withdraw(call);
}

static const struct future_ops call_ops = {.cancelled = call_cancelled};

/* The user cancels a concurrent future: refused while the function runs (XTHR-22). */
static int call_cancel(struct weft_future *f, weft_error *error)
{
    struct call *call = (struct call *)(void *)f;
    bool claimed = call_claim(call, CALL_CANCELLED);
    if (!claimed && atomic_load_explicit(&call->claim, memory_order_relaxed) == CALL_RUNNING)
        return 0;
    (void)wf_future_fail(f, OUTCOME_CANCELLED, WEFT_ECANCELLED, weft_error_ref(error));
    if (claimed)
        call_withdraw(call);
    return outcome_value(&f->outcome) == OUTCOME_CANCELLED;
}

static const struct future_ops call_concurrent_ops = {.cancel = call_cancel};

/* A task that waits for room in the queue. */
struct room_wait {
    struct wait wait;
    struct pool_waiter waiter;
    struct pool *pool;
    struct task *task;
    int status;
    bool cancelled;
    weft_error *error;
};

static void room_found(struct pool_waiter *waiter, int status)
{
    struct room_wait *room = container_of(waiter, struct room_wait, waiter);
    room->status = status;
    wf_task_unpark_remote(room->task);
}

static bool room_cancel(struct wait *wait, struct task *task, weft_error *error)
{
    struct room_wait *room = container_of(wait, struct room_wait, wait);
    if (room->cancelled || !wf_pool_waiter_cancel(room->pool, &room->waiter))
        return false;
    room->cancelled = true;
    room->error = weft_error_ref(error);
    task_unpark(future_loop(&task->future), task); /* which may not be running */
    return true;
}

static void room_abandon(struct wait *wait, struct task *task)
{
    struct room_wait *room = container_of(wait, struct room_wait, wait);
    if (room->cancelled || wf_pool_waiter_cancel(room->pool, &room->waiter))
        return;
    while (!task_was_dropped(task)) /* a pool thread is about to tell it */
        cpu_relax();
}

static const struct wait_ops room_ops = {room_cancel, room_abandon, "room in the thread pool"};

/* Submits from a task: 0, or the error, with the job not taken. ECANCELED may come with the job
 * taken. */
static int submit_from_task(struct weft_loop *loop, struct task *task, struct call *call,
                            bool *ret_taken)
{
    struct pool *pool = call->executor->pool;
    struct room_wait room = {
        .wait = {&room_ops, NULL},
        .waiter.room = room_found,
        .pool = pool,
        .task = task,
    };
    task_expect_remote(task);
    int rc = wf_pool_submit_wait(pool, &call->job, &room.waiter);
    if (rc == 1) {
        loop->external++; /* a virtual clock waits for room, whatever loop the work is for */
        wf_park(loop, task, &room.wait);
        loop->external--;
        rc = wait_outcome(task, room.cancelled, room.error);
        *ret_taken = !room.cancelled && room.status == 0;
        return rc ? rc : room.status;
    }
    *ret_taken = rc == 0;
    return rc;
}

static struct call *call_make(struct weft_loop *loop, weft_executor *executor, weft_coroutine fn,
                              void *arg, bool carries)
{
    struct weft_loop *here = loop_current();
    enum block_class block = BLOCK_TASK;
    struct call *call = trace_block_get(here, loop, &block);
    if (!call)
        return NULL;
    plain_init(&call->future, loop, block, future_bias(loop, here), 2); /* C1 */
    call->future.ops = loop ? &call_ops : &call_concurrent_ops;
    call->job =
        (struct pool_job){.run = call_run, .drop = call_drop, .name_of = (void *)(uintptr_t)fn};
    call->home.run = call_home;
    call->carries = carries;
    scope_init(&call->scope, NULL, carries ? scope_current_at(here) : &(struct scope){0});
    call->executor = executor;
    call->fn = fn;
    call->arg = arg;
    call->arg_drop = NULL;
    call->result = NULL;
    call->error = NULL;
    call->code = 0;
    atomic_init(&call->claim, CALL_OPEN);
    return call;
}

static int to_errno(int code)
{
    return code == -ESHUTDOWN ? -WEFT_ESHUTDOWN : -code;
}

/* What is run, and whether it is run in a copy of the caller's context. */
struct work {
    weft_coroutine fn;
    void *arg;
    weft_drop drop; /* see owned.h; NULL: the argument is the caller's */
    bool carries;
};

static weft_future *refuse(const struct work *work, int error)
{
    if (work->drop)
        work->drop(work->arg);
    errno = error;
    return NULL;
}

static weft_future *run_in_executor(weft_loop *loop, weft_executor *executor,
                                    const struct work *work)
{
    struct weft_loop *here = loop_current();
    if (!work->fn)
        return refuse(work, EINVAL);
    if (!loop)
        loop = here;
    if (loop && loop_is_closed(loop))
        return refuse(work, -WEFT_ELOOPCLOSED);
    if (!executor) {
        if (!loop)
            return refuse(work, -WEFT_ENOLOOP);
        executor = wf_executor_default(loop);
        if (!executor)
            return refuse(work, errno);
    }
    struct call *call = call_make(loop, executor, work->fn, work->arg, work->carries);
    if (!call)
        return refuse(work, ENOMEM);
    call->arg_drop = call->future.base.drop = work->drop;
    /* Only the loop's own thread counts what is outside; another's work does not hold the clock
     * back. */
    bool mine = loop && loop == here;
    struct task *task = here ? here->current : NULL;
    bool wait = executor->when_full == WEFT_FULL_WAIT, taken = false;
    int rc;
    wf_executor_ref(executor);
    call->counted = mine ? loop->life : 0;
    if (mine)
        loop->external++;
    if (task && wait)
        rc = submit_from_task(here, task, call, &taken);
    else {
        rc = wf_pool_submit(executor->pool, &call->job, wait && !here ? POOL_BLOCK : POOL_TRY);
        taken = rc == 0;
    }
    if (likely(!rc))
        return &call->future.base;
    if (taken) {
        wf_future_cancel(&call->future.base, NULL);
    } else {
        if (mine)
            loop->external--;
        call_release(call);
    }
    wf_future_unref(&call->future.base);
    errno = to_errno(rc);
    return NULL;
}

weft_future *weft_run_in_executor(weft_loop *loop, weft_executor *executor, weft_coroutine fn,
                                  void *arg)
{
    return run_in_executor(loop, executor, &(struct work){fn, arg, NULL, false});
}

weft_future *wf_to_thread_owned(weft_coroutine fn, void *arg, weft_drop drop)
{
    const struct work work = {fn, arg, drop, true};
    if (!loop_current())
        return refuse(&work, -WEFT_ENOLOOP);
    return run_in_executor(NULL, NULL, &work);
}

weft_future *weft_to_thread(weft_coroutine fn, void *arg)
{
    return wf_to_thread_owned(fn, arg, NULL);
}
