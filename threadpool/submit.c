/*
 * submit.c - coroutines from any thread: run_coroutine_threadsafe, and waiting for a future without
 * a loop.
 *
 *     thread: submission --inbox--> loop: task runs --> its outcome goes to the concurrent future
 *     thread: cancel     --inbox--> loop: the task is cancelled
 *
 * S1  A submission is one block: the concurrent future, the messages, and what is needed to make
 * the task. The loop's side holds a reference until the task is done and its outcome was passed on.
 */
#include <errno.h>
#include <string.h>

#include "runtime/base/sys.h"
#include "runtime/sched/current_scope.h"
#include "runtime/sched/future_ops.h"
#include "runtime/sched/report.h"
#include "runtime/sched/spin.h"
#include <weft/thread.h>

struct submission {
    struct plain_future future; /* first: future_free() gives the block back */
    struct runnable mail;       /* to the loop: start */
    struct runnable cancel_mail;
    struct runnable done; /* the task is done */
    struct waiter waiter; /* in the task's list */
    struct weft_loop *loop;
    weft_task *task; /* of the loop's side; a reference */
    weft_coroutine fn;
    void *arg;
    weft_drop arg_drop;
    char *name;         /* a copy, or NULL; of the loop's side */
    struct scope scope; /* of the task, until it is made */
    uint32_t stack_bytes;
    bool cancel_early; /* the cancellation came before the start */
};
_Static_assert(sizeof(struct submission) <= BLOCK_TASK_BYTES,
               "a submission fits where a task does");

static void submission_fail(struct submission *s, int code, weft_error *error)
{
    (void)wf_future_fail(&s->future.base,
                         code == WEFT_ECANCELLED ? OUTCOME_CANCELLED : OUTCOME_FAILED, code, error);
}

/* The task is done: its outcome becomes the future's (XTHR-06: unless that was cancelled). */
static void submission_done(struct runnable *r, struct weft_loop *loop)
{
    struct submission *s = container_of(r, struct submission, done);
    struct weft_future *task = s->task;
    (void)loop;
    void *value = outcome_value(&task->outcome), *result = NULL;
    int code = future_take(task, value, &result);

    if (code)
        submission_fail(s, code, wf_error_slot_take(wf_error_slot(), code));
    else if (wf_future_succeed(&s->future.base, result) && s->future.base.drop)
        s->future.base.drop(result);
    s->task = NULL; /* a cancellation may still be on its way */
    wf_future_unref(task);
    wf_future_unref(&s->future.base);
}

/* Gives back what is needed to make the task. */
static void submission_fini(struct submission *s)
{
    if (s->name)
        mem_free(s->name, strlen(s->name) + 1);
    s->name = NULL;
    scope_fini(&s->scope);
}

/* As weft_create_task() by a callback in the submitter's context (XTHR-23). */
static weft_task *submission_make_task(struct submission *s, struct weft_loop *loop)
{
    struct scope *current = scope_current_at(loop);
    weft_task_options options = {
        .name = s->name,
        .stack_bytes = s->stack_bytes,
        .arg_drop = s->arg_drop,
        .context = scope_context(&s->scope),
    };
    if (options.context)
        return weft_create_task(s->fn, s->arg, &options);
    (void)scope_begin(current, &s->scope); /* a copy: nobody has entered it */
    weft_task *task = weft_create_task(s->fn, s->arg, &options);
    int error = errno;
    scope_end(current, &s->scope);
    errno = error;
    return task;
}

static int submission_set_name(struct submission *s, const char *name)
{
    size_t bytes = strlen(name) + 1;
    s->name = mem_alloc(bytes);
    if (!s->name)
        return -ENOMEM;
    memcpy(s->name, name, bytes);
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

static void submission_start(struct runnable *r, struct weft_loop *loop)
{
    struct submission *s = container_of(r, struct submission, mail);

    if (!loop) { /* the loop closed before it came to this */
        submission_fini(s);
        if (s->arg_drop)
            s->arg_drop(s->arg);
        submission_fail(s, WEFT_ELOOPCLOSED, NULL);
        wf_future_unref(&s->future.base);
        return;
    }
    s->task = submission_make_task(s, loop);
    int code = s->task ? 0 : -errno;
    submission_fini(s);
    if (code) { /* XTHR-13 */
        if (s->arg_drop)
            s->arg_drop(s->arg);
        wf_report(loop, "A submitted coroutine could not be made a task", code, NULL,
                  &s->future.base, NULL);
        submission_fail(s, code, NULL);
        wf_future_unref(&s->future.base);
        return;
    }
    if (s->cancel_early)
        weft_cancel(s->task);
    s->waiter.ready = &s->done;
    if (future_is_done(s->task))
        ready_push(loop, &s->done);
    else
        waiter_append(s->task, &s->waiter);
}

/* The user cancelled the future: the task is asked to end. */
static void submission_cancel(struct runnable *r, struct weft_loop *loop)
{
    struct submission *s = container_of(r, struct submission, cancel_mail);
    if (loop && s->task && !future_is_done(s->task))
        weft_cancel(s->task);
    s->cancel_early = true;
    wf_future_unref(&s->future.base);
}

static void submission_cancelled(struct weft_future *f)
{
    struct submission *s = (struct submission *)(void *)f;
    wf_future_ref(f);
    if (!wf_loop_post(s->loop, &s->cancel_mail))
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
    struct submission *s = block_get(here ? &here->blocks : NULL, BLOCK_TASK);
    if (!s) {
        errno = ENOMEM;
        return NULL;
    }
    plain_init(&s->future, NULL, BLOCK_TASK, BIAS_SHARED, 2); /* S1 */
    s->future.ops = &submission_ops;
    s->mail.run = submission_start;
    s->cancel_mail.run = submission_cancel;
    s->done.run = submission_done;
    s->loop = loop;
    s->task = NULL;
    s->fn = fn;
    s->arg = arg;
    s->arg_drop = options ? options->arg_drop : NULL;
    s->future.base.drop = options ? options->result_drop : NULL;
    s->stack_bytes = (uint32_t)stack_bytes;
    s->cancel_early = false;
    scope_init(&s->scope, options ? options->context : NULL, scope_current_at(here));
    s->name = NULL;
    if (options && options->name && submission_set_name(s, options->name)) {
        submission_fini(s);
        block_put(here ? &here->blocks : NULL, BLOCK_TASK, s);
        errno = ENOMEM;
        return NULL;
    }
    if (!wf_loop_post(loop, &s->mail)) {
        submission_fini(s);
        block_put(here ? &here->blocks : NULL, BLOCK_TASK, s);
        return refuse_closed(arg, options);
    }
    return &s->future.base;
}

weft_future *weft_run_coroutine_threadsafe(weft_coroutine fn, void *arg, weft_loop *loop)
{
    return weft_run_coroutine_threadsafe_with(fn, arg, loop, NULL);
}
