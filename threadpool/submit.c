/*
 * submit.c - coroutines from any thread: run_coroutine_threadsafe. The side of the thread; that of the loop is in
 * submit_run.c.
 */
#include <errno.h>
#include <string.h>

#include "threadpool/submit.h"
#include <weft/thread.h>

static int submission_set_name(struct submission_with_options *with, const char *name)
{
    size_t bytes = strlen(name) + 1;
    with->name = mem_alloc(bytes);
    if (!with->name)
        return -ENOMEM;
    memcpy(with->name, name, bytes);
    return 0;
}

/* A closed loop: what was passed is released (XTHR-14). */
static weft_future *refuse_closed(void *arg, const weft_task_options *options)
{
    if (options && options->arg_drop)
        options->arg_drop(arg);
    errno = -WEFT_ELOOPCLOSED;
    return NULL;
}

static void submission_cancelled(struct weft_future *f)
{
    struct submission *s = (struct submission *)(void *)f;
    struct weft_loop *loop = s->loop;

    wf_future_ref(f);
    s->cancel_mail.run = wf_submission_cancel;
    if (!wf_loop_post(loop, &s->cancel_mail))
        wf_future_unref(f);
}

static const struct future_ops submission_ops = {.cancelled = submission_cancelled};

weft_future *weft_run_coroutine_threadsafe_with(weft_coroutine fn, void *arg, weft_loop *loop,
                                                const weft_task_options *options)
{
    struct weft_loop *here = loop_current();
    size_t stack_bytes = options ? options->stack_bytes : 0;
    if (!fn || !loop || (stack_bytes && wf_stack_class_for(stack_bytes) == STACK_CLASSES)) {
        errno = EINVAL;
        return NULL;
    }
    if (loop_is_closed(loop))
        return refuse_closed(arg, options);
    bool plain = !options && likely(scope_is_empty(scope_current_at(here)));
    enum block_class block = plain ? BLOCK_SMALL : BLOCK_TASK;
    struct submission *s = block_get(here ? &here->blocks : NULL, block);
    if (!s) {
        errno = ENOMEM;
        return NULL;
    }
    plain_init(&s->future, NULL, block, BIAS_SHARED, 2); /* S1 */
    s->future.ops = &submission_ops;
    s->future.base.entry.run = plain ? wf_submission_start : wf_submission_start_with_options;
    s->loop = loop;
    s->fn = fn;
    s->arg = arg;
    struct submission_with_options *with = options_of(s);
    if (with) {
        s->future.base.drop = options ? options->result_drop : NULL;
        with->arg_drop = options ? options->arg_drop : NULL;
        with->stack_bytes = (uint32_t)stack_bytes;
        scope_init(&with->scope, options ? options->context : NULL, scope_current_at(here));
        with->name = NULL;
        if (options && options->name && submission_set_name(with, options->name)) {
            wf_submission_fini(with);
            block_put(here ? &here->blocks : NULL, block, s);
            errno = ENOMEM;
            return NULL;
        }
    }
    if (!wf_loop_post(loop, &s->future.base.entry)) {
        wf_submission_fini(with);
        block_put(here ? &here->blocks : NULL, block, s);
        return refuse_closed(arg, options);
    }
    return &s->future.base;
}

weft_future *weft_run_coroutine_threadsafe(weft_coroutine fn, void *arg, weft_loop *loop)
{
    return weft_run_coroutine_threadsafe_with(fn, arg, loop, NULL);
}
