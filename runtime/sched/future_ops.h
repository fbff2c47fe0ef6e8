/*
 * future_ops.h - making, completing and freeing futures: what the layers above the loop build on.
 *
 * A completer holds a reference, its own or its caller's, for as long as the call lasts.
 */
#ifndef WEFT_RUNTIME_SCHED_FUTURE_OPS_H
#define WEFT_RUNTIME_SCHED_FUTURE_OPS_H

#include "runtime/sched/loop.h"

/* A waiter from another thread, or with a runnable of its own: told through the inbox of its loop,
 * or with no loop, by a call in the completing thread. */
struct waker {
    struct remote_waiter link;
    struct weft_loop *loop;
    struct runnable *ready;
};

/* Fills in a future that nobody knows yet. loop may be NULL. refs: 1, for the maker. */
void wf_future_init(struct weft_future *f, struct weft_loop *loop, enum future_kind kind,
                    bool shared);

/* A plain or concurrent future; NULL when there is no memory. */
struct weft_future *wf_future_make(struct weft_loop *loop, enum future_kind kind, bool shared);

/* One more, one less; any thread. */
void wf_future_ref(struct weft_future *f);
void wf_future_unref(struct weft_future *f);

/* Completes with a result. 0 or WEFT_EINVALIDSTATE. Not for tasks. */
int wf_future_succeed(struct weft_future *f, void *result);

/* Completes with an error: OUTCOME_FAILED or OUTCOME_CANCELLED. error (may be NULL) is owned by the
 * call. */
int wf_future_fail(struct weft_future *f, void *mark, int code, weft_error *error);

/* Completes a task of the running loop, which holds a reference and gives it back by this. Same
 * ownership. */
void wf_task_complete(struct weft_loop *loop, struct task *task, void *value, int code,
                      weft_error *error);

/* Cancels with an error object (borrowed, may be NULL) as message: 1, 0 or -ENOMEM, as
 * weft_cancel(). */
int wf_future_cancel(struct weft_future *f, weft_error *error);

/* The outcome of a done future: code, and the current error. As weft_result(). */
int wf_future_take(struct weft_future *f, void *value, void **ret_result);

/* Any thread but the loop's (or for futures of no loop): adds a waker, or tells it at once if it is
 * done. */
void wf_future_add_waker(struct weft_future *f, struct waker *waker);

/*
 * Takes back the wakers that are wanted: they will not be told, and are the caller's, as a chain.
 * One that is not among them was told, is being told, or is in the hands of another thread that
 * takes some back.
 */
typedef bool (*waker_predicate)(const struct waker *waker, void *arg);
struct remote_waiter *wf_future_remove_wakers(struct weft_future *f, waker_predicate wanted,
                                              void *arg);

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

/* Whether membarrier can be had; registers the process for it. If not, every future is made shared.
 */
bool wf_outcome_barrier_works(void);

#endif
