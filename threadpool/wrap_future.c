/*
 * wrap_future.c - a future of the running loop that mirrors one of another loop, or of none.
 *
 *     source done, in any thread --inbox--> loop: the mirror gets the outcome (XTHR-20)
 *     mirror cancelled           ---------> the source is cancelled, or asked to end (XTHR-19)
 *
 * M1  A mirror is one block. Its waker in the source's list holds a reference to it, until it was
 *     told or dropped; and the mirror holds one to the source, until then or until it is cancelled.
 */
#include <errno.h>

#include "runtime/sched/future_ops.h"
#include "runtime/sched/trace.h"
#include <weft/thread.h>

struct mirror {
    struct plain_future future; /* first: future_free() gives the block back */
    struct waker waker;         /* in the source's list */
    struct runnable told;
    _Atomic(struct weft_future *) source; /* a reference, of whoever takes it out first: the waker,
                                             or who cancels the mirror */
};
_Static_assert(sizeof(struct mirror) <= BLOCK_TASK_BYTES, "a mirror fits where a task does");

/* The reference to the source, or NULL. */
static struct weft_future *mirror_take_source(struct mirror *mirror)
{
    /* Acquire and release: the taker is alone with the reference. */
    return atomic_exchange_explicit(&mirror->source, NULL, memory_order_acq_rel);
}

/* The source's outcome becomes the mirror's, and with a result also the duty to drop it. A mirror
 * that was cancelled meanwhile takes nothing. */
static void mirror_complete(struct mirror *mirror, struct weft_future *source)
{
    struct weft_future *f = &mirror->future.base;
    void *value = outcome_value(&source->outcome);

    if (future_is_done(f))
        return;
    if (value == OUTCOME_FAILED || value == OUTCOME_CANCELLED) {
        weft_error *error;
        int code = wf_future_take_error(source, &error);
        (void)wf_future_fail(f, value, code, error);
        return;
    }
    f->drop = source->drop;
    if (!wf_future_succeed(f, value))
        (void)future_take(source, value, NULL);
}

static void mirror_told(struct runnable *r, struct weft_loop *loop)
{
    struct mirror *mirror = container_of(r, struct mirror, told);
    struct weft_future *source = mirror_take_source(mirror);

    if (loop && source) /* else the loop is closed: dropped (XTHR-21); or the mirror is cancelled */
        mirror_complete(mirror, source);
    weft_unref(source);
    wf_future_unref(&mirror->future.base);
}

static void mirror_cancelled(struct weft_future *f)
{
    struct weft_future *source = mirror_take_source((struct mirror *)(void *)f);
    if (source)
        (void)weft_cancel(source);
    weft_unref(source);
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
    enum block_class block = BLOCK_TASK;
    struct mirror *mirror = trace_block_get(loop, loop, &block);
    if (!mirror) {
        errno = ENOMEM;
        return NULL;
    }
    plain_init(&mirror->future, loop, block, loop->bias, 2); /* M1 */
    mirror->future.ops = &mirror_ops;
    mirror->told.run = mirror_told;
    mirror->waker.loop = loop;
    mirror->waker.ready = &mirror->told;
    atomic_init(&mirror->source, weft_ref(future));
    wf_future_add_waker(future, &mirror->waker);
    return &mirror->future.base;
}
