/*
 * future_ops.h - making, completing and freeing futures: what the layers above the loop build on.
 *
 * A completer holds a reference, its own or its caller's, for as long as the call lasts.
 */
#ifndef WEFT_RUNTIME_SCHED_FUTURE_OPS_H
#define WEFT_RUNTIME_SCHED_FUTURE_OPS_H

#include "runtime/base/likely.h"
#include "runtime/sched/loop.h"

/* A waiter from another thread, or with a runnable of its own: told through the inbox of its loop,
 * or with no loop, by a call in the completing thread. */
struct waker {
    struct remote_waiter link;
    struct weft_loop *loop;
    struct runnable *ready;
};

/* Fills in a future that nobody knows yet. loop may be NULL. */
static inline void future_init(struct weft_future *f, struct weft_loop *loop, enum future_kind kind,
                               enum block_class block, uint32_t bias, uint32_t refs)
{
    outcome_init(&f->outcome, (enum outcome_bias)bias, refs);
    atomic_init(&f->loop, loop);
    f->summary = FUTURE_FRESH(kind, block);
    f->waiters = NULL;
    f->error = NULL;
    atomic_init(&f->removing, 0);
    f->life = loop ? loop_life(loop) : 0;
    f->drop = NULL;
}

/* As future_init(), for one that is no task. */
static inline void plain_init(struct plain_future *f, struct weft_loop *loop,
                              enum block_class block, uint32_t bias, uint32_t refs)
{
    future_init(&f->base, loop, loop ? FUTURE_PLAIN : FUTURE_CONCURRENT, block, bias, refs);
    f->ops = NULL;
}

/* What a future made by this thread begins with: shared, unless the thread runs its loop. */
static inline uint32_t future_bias(const struct weft_loop *loop, const struct weft_loop *here)
{
    return loop && loop == here ? loop->bias : BIAS_SHARED;
}

/* A plain or (without a loop) concurrent future; NULL when there is no memory. */
struct weft_future *wf_future_make(struct weft_loop *loop);

/* One more, one less; any thread. */
void wf_future_ref(struct weft_future *f);
void wf_future_unref(struct weft_future *f);

/* The last reference is gone. */
void wf_future_free(struct weft_loop *here, struct weft_future *f);
void wf_future_unref_shared(struct weft_loop *here, struct weft_future *f);

/* Whether a task holds nothing but what every task has: no name, no context. */
static inline bool task_is_bare(const struct task *task)
{
    return !task->named && !task->scope.word && !task->cancel_error;
}

/* Frees a future with a result that was taken, or whatever it has. */
static inline void future_free(struct weft_loop *here, struct weft_future *f)
{
    if (likely(!f->error) && likely(!f->drop) && likely(f->code == 0) &&
        likely(f->kind != FUTURE_COMPOUND) &&
        likely(f->kind != FUTURE_TASK || task_is_bare(task_of(f))))
        block_put(&here->blocks, (enum block_class)f->block, f);
    else
        wf_future_free(here, f);
}

/* As wf_future_unref(), in the thread that runs `here` (which may be NULL). */
static inline void future_unref_at(struct weft_loop *here, struct weft_future *f)
{
    bool mine = likely(here != NULL) && likely(future_loop(f) == here);

    if (likely(mine) && likely(outcome_is_mine_alone(&f->outcome))) {
        future_free(here, f);
        return;
    }
    if (mine && outcome_enter(&f->outcome, &here->touching)) {
        bool last = outcome_unref_inside(&f->outcome);
        outcome_leave(&here->touching);
        if (last)
            future_free(here, f);
        return;
    }
    wf_future_unref_shared(here, f);
}

/* Completes with a result. 0 or WEFT_EINVALIDSTATE. Not for tasks. */
int wf_future_succeed(struct weft_future *f, void *result);
int wf_future_succeed_shared(struct weft_future *f, void *result);

/* Completes with an error: OUTCOME_FAILED or OUTCOME_CANCELLED. error (may be NULL) is owned by the
 * call. */
int wf_future_fail(struct weft_future *f, void *mark, int code, weft_error *error);

/* Puts a task on its loop's list of unfinished tasks, and takes it off. On the loop's thread. */
static inline void task_enlist(struct weft_loop *loop, struct task *task)
{
    task->next = NULL;
    task->prev = loop->tasks_last;
    *(loop->tasks_last ? &loop->tasks_last->next : &loop->tasks_first) = task;
    loop->tasks_last = task;
}

static inline void task_delist(struct weft_loop *loop, struct task *task)
{
    *(task->prev ? &task->prev->next : &loop->tasks_first) = task->next;
    *(task->next ? &task->next->prev : &loop->tasks_last) = task->prev;
}

/* Completes a task of the running loop, which holds a reference and gives it back by this. Same
 * ownership. */
void wf_task_complete(struct weft_loop *loop, struct task *task, void *value, int code,
                      weft_error *error);

/* Queues the waiters of the future's own loop, which is the caller's. */
static inline void wake_local(struct weft_loop *loop, struct weft_future *f)
{
    struct waiter *w = f->waiters;

    if (!w)
        return;
    f->waiters = NULL;
    do {
        struct waiter *next = w->next; /* w lives on the stack of a task that now may run */
        ready_push(loop, w->ready);
        w = next;
    } while (unlikely(w != NULL));
}

/* wf_future_succeed(), inlined. */
static inline int future_succeed(struct weft_future *f, void *result)
{
    struct weft_loop *loop = loop_current();

    if (unlikely(!loop) || unlikely(future_loop(f) != loop) ||
        unlikely(!outcome_enter(&f->outcome, &loop->touching)))
        return wf_future_succeed_shared(f, result);
    bool first = outcome_set_inside(&f->outcome, result);
    outcome_leave(&loop->touching);
    if (unlikely(!first))
        return WEFT_EINVALIDSTATE;
    wake_local(loop, f);
    return 0;
}

/* The same for a task that ends with a result. */
static inline void task_succeed(struct weft_loop *loop, struct task *task, void *result)
{
    struct weft_future *f = &task->future;

    if (unlikely(task->errors.current != NULL) ||
        unlikely(!outcome_enter(&f->outcome, &loop->touching))) {
        wf_task_complete(loop, task, result, 0, NULL);
        return;
    }
    outcome_set_inside(&f->outcome, result);
    task_delist(loop, task);
    wake_local(loop, f);
    bool last = outcome_unref_inside(&f->outcome);
    outcome_leave(&loop->touching); /* O5 */
    if (unlikely(last))
        wf_future_free(loop, f);
}

/* Cancels with an error object (borrowed, may be NULL) as message: 1, 0 or -ENOMEM, as
 * weft_cancel(). */
int wf_future_cancel(struct weft_future *f, weft_error *error);

/* How a done future failed, which is then retrieved: 0 if it did not; else its code, and the object
 * with it, owned by the caller (or NULL). */
int wf_future_take_error(struct weft_future *f, weft_error **ret_error);

/* The same, as the current error. */
int wf_future_take(struct weft_future *f);

/* As future_take(), and a reference is given back. */
int wf_future_take_slow(struct weft_loop *here, struct weft_future *f, void *value,
                        void **ret_result);

static inline int future_take(struct weft_future *f, void *value, void **ret_result)
{
    if (unlikely(!outcome_value_is_result(value)))
        return wf_future_take(f);
    atomic_store_explicit(&f->taken, 1,
                          memory_order_relaxed); /* a flag for the last unref: no order */
    if (ret_result)
        *ret_result = value;
    return 0;
}

/*
 * In the thread that runs `here`, after its future got this result: takes it, and gives the
 * reference back. Where that is the only one the end of a taken result is known beforehand: there
 * is no error, nothing to drop, and with the bias no callback.
 */
static inline int future_take_last(struct weft_loop *here, struct weft_future *f, void *value,
                                   void **ret_result)
{
    bool alone = likely(future_loop(f) == here) && likely(outcome_is_mine_alone(&f->outcome));

    if (likely(alone) && likely(outcome_value_is_result(value))) {
        if (ret_result)
            *ret_result = value;
        if (f->summary == FUTURE_FRESH(FUTURE_PLAIN, BLOCK_SMALL)) {
            block_put(&here->blocks, BLOCK_SMALL, f);
            return 0;
        }
        if (f->summary == FUTURE_FRESH(FUTURE_TASK, BLOCK_TASK) &&
            likely(task_is_bare(task_of(f)))) {
            block_put(&here->blocks, BLOCK_TASK, f);
            return 0;
        }
    }
    return wf_future_take_slow(here, f, value, ret_result);
}

/* Any thread but the loop's (or for futures of no loop): adds a waker, or tells it at once if it is
 * done. */
void wf_future_add_waker(struct weft_future *f, struct waker *waker);

/*
 * Takes back the wakers that are wanted: they will not be told, and are the caller's, as a chain.
 * One that is not among them was told, or is being told.
 */
typedef bool (*waker_predicate)(const struct waker *waker, void *arg);
struct remote_waiter *wf_future_remove_wakers(struct weft_future *f, waker_predicate wanted,
                                              void *arg);

/* The same for one: false if it was told, or is being told. */
bool wf_future_remove_waker(struct weft_future *f, struct waker *waker);

/* Makes a future usable by the calling thread with atomic operations. */
static inline void future_share(struct weft_future *f)
{
    struct weft_loop *loop = future_loop(f);
    if (loop && atomic_load_explicit(&f->outcome.bias, memory_order_acquire) != BIAS_SHARED) {
        outcome_share(&f->outcome, &loop->touching);
        /* Relaxed: advice to the loop. */
        atomic_store_explicit(&loop->revoked, true, memory_order_relaxed);
    }
}

/* The task is asked to end; from another thread by a message. As wf_future_cancel(). */
int wf_task_cancel(struct task *task, weft_error *error);

/* The unfinished task of the same loop that a suspended task awaits, or NULL. On the loop's thread.
 */
struct task *wf_awaited_task(const struct task *task);

/* Takes a task that awaits a future out of its wait: true if the caller has to make it ready. On the
 * loop's thread. */
bool wf_await_leave(struct task *task);

/* Whether membarrier can be had; registers the process for it. If not, every future is made shared.
 */
bool wf_outcome_barrier_works(void);

#endif
