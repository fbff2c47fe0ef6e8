/*
 * task.c - making tasks, and asking them to end.
 */
#include "runtime/sched/task_ops.h"

#include <errno.h>
#include <stdlib.h>

#include "runtime/base/likely.h"
#include "runtime/sched/future_ops.h"
#include "runtime/sched/runtime.h"
#include "runtime/sched/scheduler.h"

_Static_assert(sizeof(struct task) <= BLOCK_TASK_BYTES, "a task is four cache lines");

int wf_task_set_name(struct task *task, const char *name)
{
    size_t bytes = strlen(name) + 1;
    char *copy = mem_alloc(bytes);
    if (!copy)
        return -ENOMEM;
    memcpy(copy, name, bytes);
    if (task->name)
        mem_free(task->name, strlen(task->name) + 1);
    task->name = copy;
    return 0;
}

/* The stack that the options ask for. STACK_CLASSES: none is so large. */
static enum stack_class task_stack_class(const weft_task_options *options, uint8_t usual)
{
    return options && options->stack_bytes ? wf_stack_class_for(options->stack_bytes)
                                           : (enum stack_class)usual;
}

struct task *wf_task_make(struct weft_loop *loop, struct weft_loop *numbers, weft_coroutine fn,
                          void *arg, const weft_task_options *options, bool shared)
{
    struct weft_loop *here = wf_loop_current();
    uint8_t usual = loop ? loop->stack_class : numbers->stack_class;
    enum stack_class class = task_stack_class(options, usual);
    if (unlikely(class == STACK_CLASSES)) {
        errno = EINVAL;
        return NULL;
    }
    struct task *task = block_get(here ? &here->blocks : NULL, BLOCK_TASK);
    if (unlikely(!task)) {
        errno = ENOMEM;
        return NULL;
    }
    wf_future_init(&task->future, loop, FUTURE_TASK, shared || !wf_outcome_barrier_works());
    if (loop)
        birth_init_bound(&task->birth, loop);
    else
        birth_init_unowned(&task->birth);
    task->ready.run = wf_task_start;
    task->stack = NULL;
    task->fn = fn;
    task->arg = arg;
    task->wait = NULL;
    task->resumer = NULL;
    task->outer = NULL;
    task->cancel_error = NULL;
    task->errors = (struct error_slot){0};
    task->prev = task->next = NULL;
    task->name = NULL;
    task->arg_drop = NULL;
    task->cancelling = 0;
    task->stack_class = (uint8_t) class;
    task->must_cancel = false;
    task->started = false;
    task->number = 0;
    if (unlikely(options != NULL)) {
        task->arg_drop = options->arg_drop;
        task->future.drop = options->result_drop;
        if (options->name && wf_task_set_name(task, options->name)) {
            block_put(here ? &here->blocks : NULL, BLOCK_TASK, task);
            errno = ENOMEM;
            return NULL;
        }
    }
    if (!task->name)
        task->number = here ? wf_loop_number(here) : wf_foreign_number();
    return task;
}

void wf_task_unmake(struct task *task)
{
    struct weft_loop *here = wf_loop_current();
    if (task->name)
        mem_free(task->name, strlen(task->name) + 1);
    block_put(here ? &here->blocks : NULL, BLOCK_TASK, task);
}

/* The loop's own reference: it keeps the task until that is done (T4). Not yet known to others. */
static void task_keep(struct task *task)
{
    outcome_ref_inside(&task->future.outcome);
}

void wf_task_enlist(struct weft_loop *loop, struct task *task)
{
    task->next = NULL;
    task->prev = loop->tasks_last;
    *(loop->tasks_last ? &loop->tasks_last->next : &loop->tasks_first) = task;
    loop->tasks_last = task;
}

/* A task made on another thread arrives at its loop. */
void wf_task_arrive(struct runnable *r, struct weft_loop *loop)
{
    struct task *task = container_of(r, struct task, ready);
    r->run = wf_task_start;
    if (loop) {
        wf_task_enlist(loop, task);
        ready_push(loop, r);
        return;
    }
    /* Dropped: its loop closed before it came. The closing thread stands in for the loop. */
    struct weft_loop *home = future_loop(&task->future);
    wf_task_enlist(home, task);
}

static weft_task *task_create_here(struct weft_loop *loop, weft_coroutine fn, void *arg,
                                   const weft_task_options *options, bool eager)
{
    struct task *task = wf_task_make(loop, loop, fn, arg, options, false);
    if (unlikely(!task))
        return NULL;
    task_keep(task);
    wf_task_enlist(loop, task);
    if (eager && wf_task_start_eager(loop, task))
        return &task->future;
    ready_push(loop, &task->ready);
    return &task->future;
}

static weft_task *task_create_there(struct weft_loop *loop, weft_coroutine fn, void *arg,
                                    const weft_task_options *options)
{
    struct task *task = wf_task_make(loop, loop, fn, arg, options, true);
    if (!task)
        return NULL;
    task_keep(task);
    task->ready.run = wf_task_arrive;
    if (!wf_loop_post(loop, &task->ready)) {
        wf_task_unmake(task);
        errno = -WEFT_ELOOPCLOSED;
        return NULL;
    }
    return &task->future;
}

/* The default factory. */
weft_task *weft_task_new(weft_loop *loop, weft_coroutine fn, void *arg,
                         const weft_task_options *options)
{
    if (unlikely(!loop || !fn)) {
        errno = EINVAL;
        return NULL;
    }
    if (unlikely(loop_is_closed(loop))) {
        errno = -WEFT_ELOOPCLOSED;
        return NULL;
    }
    if (likely(loop == wf_loop_current()))
        return task_create_here(loop, fn, arg, options, options && options->eager_start > 0);
    return task_create_there(loop, fn, arg, options);
}

weft_task *weft_eager_task_factory(weft_loop *loop, weft_coroutine fn, void *arg,
                                   const weft_task_options *options, void *factory_arg)
{
    (void)factory_arg;
    weft_task_options eager = options ? *options : (weft_task_options){0};
    if (eager.eager_start == 0)
        eager.eager_start = 1;
    return weft_task_new(loop, fn, arg, &eager);
}

weft_task *weft_create_task(weft_coroutine fn, void *arg, const weft_task_options *options)
{
    struct weft_loop *loop = wf_loop_current();
    if (unlikely(!loop)) {
        errno = -WEFT_ENOLOOP;
        return NULL;
    }
    if (unlikely(loop->task_factory != NULL))
        return loop->task_factory(loop, fn, arg, options, loop->task_factory_arg);
    return weft_task_new(loop, fn, arg, options);
}

weft_task *weft_create_task_on(weft_loop *loop, weft_coroutine fn, void *arg,
                               const weft_task_options *options)
{
    if (loop && loop == wf_loop_current())
        return weft_create_task(fn, arg, options);
    return weft_task_new(loop, fn, arg, options);
}

int weft_loop_set_task_factory(weft_loop *loop, weft_task_factory factory, void *arg)
{
    if (!loop)
        return -EINVAL;
    loop->task_factory = factory;
    loop->task_factory_arg = arg;
    return 0;
}

weft_task_factory weft_loop_get_task_factory(weft_loop *loop)
{
    return loop ? loop->task_factory : NULL;
}

weft_task *weft_spawn(weft_coroutine fn, void *arg, const weft_task_options *options)
{
    struct weft_loop *loop = wf_loop_current();
    if (!loop || !fn) {
        errno = loop ? EINVAL : -WEFT_ENOLOOP;
        return NULL;
    }
    if (wf_runtime_is_single(loop))
        return weft_create_task(fn, arg, options);
    struct task *task = wf_task_make(NULL, loop, fn, arg, options, true);
    if (!task)
        return NULL;
    task_keep(task);
    wf_runtime_spawn(loop, &task->ready);
    return &task->future;
}

/* A request to cancel a task that another thread runs. */
struct cancel_mail {
    struct runnable mail;
    struct task *task; /* a reference */
    weft_error *error;
};

static int cancel_here(struct task *task, weft_error *error)
{
    if (future_is_done(&task->future)) {
        atomic_store_explicit(&task->future.taken, 1, memory_order_relaxed); /* FUT-28 */
        return 0;
    }
    task->cancelling++;
    if (task->wait && task->wait->cancel(task->wait, task, error)) /* CANC-03 */
        return 1;
    task->must_cancel = true;
    weft_error_ref(error);
    weft_error_unref(task->cancel_error);
    task->cancel_error = error;
    return 1;
}

static void cancel_run(struct runnable *r, struct weft_loop *loop)
{
    struct cancel_mail *mail = container_of(r, struct cancel_mail, mail);
    if (loop)
        cancel_here(mail->task, mail->error);
    weft_error_unref(mail->error);
    wf_future_unref(&mail->task->future);
    mem_free(mail, sizeof(*mail));
}

int wf_task_cancel(struct task *task, weft_error *error)
{
    struct weft_loop *loop = future_loop(&task->future);

    if (likely(loop != NULL) && likely(loop_is_mine(loop)))
        return cancel_here(task, error);
    if (future_is_done(&task->future)) {
        atomic_store_explicit(&task->future.taken, 1, memory_order_relaxed);
        return 0;
    }
    struct cancel_mail *mail = mem_alloc(sizeof(*mail));
    if (!mail)
        return -ENOMEM;
    mail->mail.run = cancel_run;
    mail->task = task;
    mail->error = weft_error_ref(error);
    wf_future_ref(&task->future);
    loop = birth_post(&task->birth, &mail->mail);
    if (loop && !wf_loop_post(loop, &mail->mail)) {
        cancel_run(&mail->mail, NULL);
        return 0;
    }
    return 1;
}

int weft_cancelling(const weft_task *task)
{
    return task && future_is_task(task) ? ((const struct task *)(const void *)task)->cancelling
                                        : -EINVAL;
}

int weft_uncancel(weft_task *future)
{
    if (!future || !future_is_task(future))
        return -EINVAL;
    struct task *task = task_of(future);
    if (task->cancelling > 0 && --task->cancelling == 0 && task->must_cancel) { /* CANC-20 */
        task->must_cancel = false;
        weft_error_unref(task->cancel_error);
        task->cancel_error = NULL;
    }
    return task->cancelling;
}

void wf_task_unpark_remote(struct task *task)
{
    struct weft_loop *loop = future_loop(&task->future);
    (void)wf_loop_post(loop, &task->ready); /* closed: the task is gone with its loop */
}
