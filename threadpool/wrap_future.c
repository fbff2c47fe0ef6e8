/*
 * wrap_future.c - a future of the running loop that mirrors one of another loop, or of none.
 */
#include <errno.h>

#include "runtime/sched/callback.h"
#include "runtime/sched/future_ops.h"
#include <weft/thread.h>

/* One block; the source's callback holds a reference to it until the source is done. */
struct mirror {
    struct plain_future future;           /* first: future_free() gives the block back */
    _Atomic(struct weft_future *) source; /* a reference, of whoever takes it out first: the
                                             callback, or who cancels the mirror */
};
_Static_assert(sizeof(struct mirror) <= BLOCK_TASK_BYTES, "a mirror fits where a task does");

static void mirror_drop_source(struct mirror *mirror, bool cancel)
{
    /* Acquire and release: the taker is alone with the reference. */
    struct weft_future *source =
        atomic_exchange_explicit(&mirror->source, NULL, memory_order_acq_rel);
    if (source && cancel)
        (void)weft_cancel(source);
    weft_unref(source);
}

static int mirror_source_done(weft_future *source, void *arg)
{
    struct mirror *mirror = arg;
    void *result = NULL;
    int code = weft_result(source, &result);

    if (!code)
        (void)wf_future_succeed(&mirror->future.base, result);
    else
        (void)wf_future_fail(&mirror->future.base,
                             weft_cancelled(source) ? OUTCOME_CANCELLED : OUTCOME_FAILED, code,
                             wf_error_slot_take(wf_error_slot(), code));
    mirror_drop_source(mirror, false);
    wf_future_unref(&mirror->future.base);
    return 0;
}

static void mirror_cancelled(struct weft_future *f)
{
    mirror_drop_source((struct mirror *)(void *)f, true);
}

static const struct future_ops mirror_ops = {.cancelled = mirror_cancelled};

weft_future *weft_wrap_future(weft_future *future)
{
    struct weft_loop *loop = loop_current();
    if (!future || !loop) {
        errno = future ? -WEFT_ENOLOOP : EINVAL;
        return NULL;
    }
    if (future_loop(future) == loop)
        return weft_ref(future);
    struct mirror *mirror = block_get(&loop->blocks, BLOCK_TASK);
    if (!mirror) {
        errno = ENOMEM;
        return NULL;
    }
    plain_init(&mirror->future, loop, BLOCK_TASK, loop->bias, 2);
    mirror->future.ops = &mirror_ops;
    atomic_init(&mirror->source, weft_ref(future));
    int rc = wf_add_done_callback_on(future, loop, NULL, mirror_source_done, mirror);
    if (rc) {
        weft_unref(future);
        block_put(&loop->blocks, BLOCK_TASK, mirror);
        errno = -rc;
        return NULL;
    }
    return &mirror->future.base;
}
