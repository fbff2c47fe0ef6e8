/*
 * future.c - the public face of futures: weft/future.h.
 */
#include <errno.h>
#include <string.h>

#include "runtime/base/likely.h"
#include "runtime/sched/callback.h"
#include "runtime/sched/future_ops.h"
#include "runtime/sched/occupy.h"
#include "runtime/sched/task_ops.h"

/* Out of the way of weft_create_future(), which then needs no frame. */
static __attribute__((noinline)) weft_future *future_create_slow(void)
{
    struct weft_loop *loop = loop_current();
    if (!loop)
        loop = weft_get_event_loop(); /* one that was set for this thread will do (FUT-02) */
    return loop ? weft_future_new(loop) : NULL;
}

weft_future *weft_create_future(void)
{
    struct weft_loop *loop = loop_current();
    struct plain_future *f = likely(loop != NULL) ? block_reuse(&loop->blocks, BLOCK_SMALL) : NULL;
    if (unlikely(!f))
        return future_create_slow();
    plain_init(f, loop, BLOCK_SMALL, loop->bias, 1);
    return &f->base;
}

weft_future *weft_future_new(weft_loop *loop)
{
    weft_future *f = wf_future_make(loop);
    if (!f)
        errno = ENOMEM;
    return f;
}

weft_future *weft_ref(weft_future *future)
{
    if (future)
        wf_future_ref(future);
    return future;
}

void weft_unref(weft_future *future)
{
    if (future)
        wf_future_unref(future);
}

int weft_future_set_drop(weft_future *future, weft_drop drop)
{
    if (!future)
        return -EINVAL;
    future->drop = drop;
    return 0;
}

/* Not on a line of its own, it makes a round trip of two tasks 5 ns longer. */
ON_A_LINE int weft_future_set_result(weft_future *future, void *result)
{
    if (unlikely(!future))
        return -EINVAL;
    if (unlikely(future_is_task(future)))
        return weft_fail(WEFT_ERUNTIME, "a task's result is what its coroutine returns");
    return future_succeed(future, result);
}

int weft_future_set_exception(weft_future *future, int code)
{
    if (!future || code >= 0)
        return -EINVAL;
    if (future_is_task(future))
        return weft_fail(WEFT_ERUNTIME, "a task's error is what its coroutine returns");
    weft_error *error = wf_error_slot_take(wf_error_slot(), code);
    return wf_future_fail(future, OUTCOME_FAILED, code, error);
}

int weft_cancel(weft_future *future)
{
    return future ? wf_future_cancel(future, NULL) : -EINVAL;
}

int weft_cancel_msg(weft_future *future, const char *message)
{
    if (!future)
        return -EINVAL;
    weft_error *error = NULL;
    if (message) {
        error = weft_error_new(WEFT_ECANCELLED, "%s", message);
        if (!error)
            return -ENOMEM;
    }
    int rc = wf_future_cancel(future, error);
    weft_error_unref(error);
    return rc;
}

int weft_done(const weft_future *future)
{
    return future && future_is_done(future);
}

int weft_cancelled(const weft_future *future)
{
    return future && outcome_value(&future->outcome) == OUTCOME_CANCELLED;
}

int weft_result(weft_future *future, void **ret_result)
{
    if (!future)
        return -EINVAL;
    void *value = outcome_value(&future->outcome);
    if (!outcome_value_is_done(value))
        return weft_fail(WEFT_EINVALIDSTATE, "the result is not set");
    return future_take(future, value, ret_result);
}

int weft_exception(weft_future *future, weft_error **ret_error)
{
    if (!future || !ret_error)
        return -EINVAL;
    void *value = outcome_value(&future->outcome);
    if (!outcome_value_is_done(value))
        return weft_fail(WEFT_EINVALIDSTATE, "the exception is not set");
    if (value == OUTCOME_CANCELLED)
        return wf_future_take(future);
    weft_error *error = NULL;
    if (value == OUTCOME_FAILED) {
        error = future->error ? weft_error_ref(future->error) : weft_error_new(future->code, NULL);
        if (!error)
            return -ENOMEM;
        atomic_store_explicit(&future->taken, 1, memory_order_relaxed);
    }
    *ret_error = error;
    return 0;
}

weft_loop *weft_future_get_loop(const weft_future *future)
{
    return future ? future_loop(future) : NULL;
}

/* "pending", "cancelled", "finished result=..." and the like. */
static void state_format(const struct weft_future *f, char *buffer, size_t bytes)
{
    void *value = outcome_value(&f->outcome);

    if (value == OUTCOME_CANCELLED)
        snprintf(buffer, bytes, "cancelled");
    else if (value == OUTCOME_FAILED && f->error && weft_error_message(f->error))
        snprintf(buffer, bytes, "finished exception=%s(%s)", weft_error_name(f->code),
                 weft_error_message(f->error));
    else if (value == OUTCOME_FAILED)
        snprintf(buffer, bytes, "finished exception=%s", weft_error_name(f->code));
    else if (outcome_value_is_done(value))
        snprintf(buffer, bytes, "finished result=%p", value);
    else
        snprintf(buffer, bytes, "pending");
}

int weft_future_format(const weft_future *future, char *buffer, size_t bytes)
{
    if (!future)
        return snprintf(buffer, bytes, "<no future>");
    char state[192], callbacks[96] = "";
    struct weft_loop *loop = future_loop(future);
    struct loop_visit visit;
    bool mine = loop && wf_loop_enter(loop, &visit);
    int length;

    state_format(future, state, sizeof(state));
    if (mine && !future_is_done(future))
        wf_callbacks_format(future, callbacks, sizeof(callbacks));
    if (!future_is_task(future))
        length = snprintf(buffer, bytes, "<%s %s%s>",
                          future->kind == FUTURE_CONCURRENT ? "ConcurrentFuture" : "Future", state,
                          callbacks);
    else
        length = wf_task_format(task_of((weft_future *)(uintptr_t)future), mine, state, callbacks,
                                buffer, bytes);
    if (mine)
        wf_loop_leave(loop, &visit);
    return length;
}
