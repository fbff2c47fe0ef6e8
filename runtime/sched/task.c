/*
 * task.c - making tasks, and asking them to end.
 */
#include "runtime/sched/task_ops.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>

#include "runtime/base/likely.h"
#include "runtime/sched/current_scope.h"
#include "runtime/sched/future_ops.h"
#include "runtime/sched/occupy.h"
#include "runtime/sched/runtime.h"
#include "runtime/sched/scheduler.h"
#include "runtime/sched/trace.h"

_Static_assert(sizeof(struct task) <= BLOCK_TASK_BYTES, "a task is four cache lines");

int wf_task_set_name(struct task *task, const char *name)
{
    size_t bytes = strlen(name) + 1;
    char *copy = mem_alloc(bytes);
    if (!copy)
        return -ENOMEM;
    memcpy(copy, name, bytes);
    wf_task_drop_name(task);
    task->name = copy;
    task->named = true;
    return 0;
}

void wf_task_drop_name(struct task *task)
{
    if (task->named)
        mem_free(task->name, strlen(task->name) + 1);
    task->named = false;
}

/* All but the name and the context. Two references: the maker's and, until it is done, the loop's (T4). */
static inline void task_init(struct task *task, struct weft_loop *loop, enum block_class block,
                             uint32_t bias, uint8_t stack_class, weft_coroutine fn, void *arg)
{
    future_init(&task->future, loop, FUTURE_TASK, block, bias, 2);
    if (loop)
        birth_init_bound(&task->birth, loop);
    else
        birth_init_unowned(&task->birth);
    task->future.entry.run = wf_task_start;
    task->fn = fn;
    task->arg = arg;
    task->stack_class = stack_class;
    memset(&task->stack, 0, sizeof(*task) - offsetof(struct task, stack));
}

struct task *wf_task_make(struct weft_loop *loop, struct weft_loop *model, weft_coroutine fn,
                          void *arg, const weft_task_options *options)
{
    struct weft_loop *here = loop_current();
    enum stack_class class = (enum stack_class)model->stack_class;

    if (options && options->stack_bytes)
        class = wf_stack_class_for(options->stack_bytes);
    if (class == STACK_CLASSES) {
        errno = EINVAL;
        return NULL;
    }
    enum block_class block = BLOCK_TASK;
    struct task *task = trace_block_get(here, model, &block);
    if (!task) {
        errno = ENOMEM;
        return NULL;
    }
    task_init(task, loop, block, future_bias(loop, here), (uint8_t) class, fn, arg);
    scope_init(&task->scope, options ? options->context : NULL, scope_current_at(here));
    if (options) {
        task->arg_drop = options->arg_drop;
        task->future.drop = options->result_drop;
        if (options->name && wf_task_set_name(task, options->name)) {
            scope_fini(&task->scope);
            block_put(here ? &here->blocks : NULL, block, task);
            errno = ENOMEM;
            return NULL;
        }
    }
    if (!task->named)
        task->number = here ? loop_number(here) : wf_foreign_number();
    return task;
}

void wf_task_unmake(struct task *task)
{
    struct weft_loop *here = loop_current();
    wf_task_drop_name(task);
    scope_fini(&task->scope);
    block_put(here ? &here->blocks : NULL, (enum block_class)task->future.block, task);
}

/* A task made on another thread arrives at its loop. */
void wf_task_arrive(struct runnable *r, struct weft_loop *loop)
{
    struct task *task = container_of(r, struct task, future.entry);
    r->run = wf_task_start;
    if (loop) {
        task_enlist(loop, task);
        ready_push(loop, r);
        return;
    }
    /* Dropped: its loop closed before it came. The closing thread stands in for the loop. */
    struct weft_loop *home = future_loop(&task->future);
    task_enlist(home, task);
}

static weft_task *task_create_here(struct weft_loop *loop, weft_coroutine fn, void *arg,
                                   const weft_task_options *options, bool eager)
{
    struct task *task = wf_task_make(loop, loop, fn, arg, options);
    if (unlikely(!task))
        return NULL;
    task_enlist(loop, task);
    if (eager && wf_task_start_eager(loop, task)) {
        task->eager_done = future_is_done(&task->future); /* EAGR-14 */
        return &task->future;
    }
    ready_push(loop, &task->future.entry);
    return &task->future;
}

static weft_task *task_create_there(struct weft_loop *loop, weft_coroutine fn, void *arg,
                                    const weft_task_options *options)
{
    struct task *task = wf_task_make(loop, loop, fn, arg, options);
    if (!task)
        return NULL;
    task->future.entry.run = wf_task_arrive;
    if (!wf_loop_post(loop, &task->future.entry)) {
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
    if (likely(loop == loop_current()))
        return task_create_here(loop, fn, arg, options, options && options->eager_start > 0);
    return task_create_there(loop, fn, arg, options);
}

/* What is out of the ordinary. */
static __attribute__((noinline)) weft_task *task_create_slow(weft_coroutine fn, void *arg,
                                                             const weft_task_options *options)
{
    struct weft_loop *loop = loop_current();
    if (!loop) {
        errno = -WEFT_ENOLOOP;
        return NULL;
    }
    if (loop->task_factory)
        return loop->task_factory(loop, fn, arg, options, loop->task_factory_arg);
    if (options || !fn)
        return weft_task_new(loop, fn, arg, options);
    return task_create_here(loop, fn, arg, NULL, false);
}

/* The usual case, in one go and with no frame. */
weft_task *weft_create_task(weft_coroutine fn, void *arg, const weft_task_options *options)
{
    struct weft_loop *loop = loop_current();
    if (unlikely(!loop) || unlikely(loop->task_factory != NULL) || unlikely(options != NULL) ||
        unlikely(!fn) || unlikely(loop->number_next == loop->number_end) ||
        unlikely(!scope_is_empty(scope_current_at(loop))))
        return task_create_slow(fn, arg, options);
    struct task *task = block_reuse(&loop->blocks, BLOCK_TASK);
    if (unlikely(!task))
        return task_create_slow(fn, arg, options);
    task_init(task, loop, BLOCK_TASK, loop->bias, loop->stack_class, fn, arg);
    task->scope.word = 0;
    task->number = loop->number_next++;
    task_enlist(loop, task);
    ready_push(loop, &task->future.entry);
    return &task->future;
}

weft_task *weft_spawn(weft_coroutine fn, void *arg, const weft_task_options *options)
{
    struct weft_loop *loop = loop_current();
    if (!loop || !fn) {
        errno = loop ? EINVAL : -WEFT_ENOLOOP;
        return NULL;
    }
    if (unlikely(loop_is_closed(loop))) { /* what it drops at its end tries to */
        errno = -WEFT_ELOOPCLOSED;
        return NULL;
    }
    if (wf_runtime_is_single(loop))
        return weft_create_task(fn, arg, options);
    struct task *task = wf_task_make(NULL, loop, fn, arg, options);
    if (!task)
        return NULL;
    wf_runtime_spawn(loop, &task->future.entry);
    return &task->future;
}

/*
 * The way of a request through tasks of several loops, which await each other: it goes from loop to
 * loop by mail. If they do so in a circle, it comes round: that is seen, as in cancel_here(), by a
 * mark that moves ahead at doubling distances, of mails.
 */
struct cancel_way {
    struct task *mark; /* a reference, or NULL */
    unsigned steps, steps_max;
};

/* Of the request that this thread passes on at the moment, or NULL. */
static _Thread_local struct cancel_way *passing;

/* A request to cancel a task that another thread runs. */
struct cancel_mail {
    struct runnable mail;
    struct task *task; /* a reference */
    weft_error *error;
    struct cancel_way way;
};

/* One more; it does not wrap. */
static void count_request(struct task *task)
{
    if (task->cancelling < INT_MAX)
        task->cancelling++;
    task->cancel_heard = true;
}

/*
 * Tasks await each other in a line, of any length (so there is no recursion): each counts the
 * request, and the last one is asked to end (CANC-03). A line that runs in a circle can only be
 * ended by taking a task out of its wait; the circle is seen by comparing with a mark that moves
 * ahead at doubling distances.
 */
static int cancel_here(struct task *task, weft_error *error)
{
    if (future_is_done(&task->future)) {
        atomic_store_explicit(&task->future.taken, 1, memory_order_relaxed); /* FUT-28 */
        return 0;
    }
    struct task *mark = task, *next;
    unsigned steps = 0, steps_max = 1;
    count_request(task);
    while ((next = wf_awaited_task(task)) && next != mark) {
        task = next;
        count_request(task);
        if (++steps == steps_max) {
            steps = 0;
            steps_max *= 2;
            mark = task;
        }
    }
    if (next) {
        task_ask_later(task, weft_error_ref(error));
        if (wf_await_leave(task))
            task_unpark(future_loop(&task->future), task);
    } else if (!task->wait || !task->wait->ops->cancel(task->wait, task, error)) {
        task_ask_later(task, weft_error_ref(error));
    }
    return 1;
}

/* The request has come round: the task is taken out of its wait, as nothing else can end it. */
static void cancel_come_round(struct task *task, weft_error *error)
{
    count_request(task);
    task_ask_later(task, weft_error_ref(error));
    if (wf_await_leave(task))
        task_unpark(future_loop(&task->future), task);
}

static void cancel_pass(struct cancel_mail *mail)
{
    struct cancel_way *way = &mail->way, *outer = passing;
    struct task *task = mail->task;

    if (task == way->mark && task->wait && !future_is_done(&task->future)) {
        cancel_come_round(task, mail->error);
        return;
    }
    if (++way->steps == way->steps_max) {
        if (way->mark)
            wf_future_unref(&way->mark->future);
        wf_future_ref(&task->future);
        way->mark = task;
        way->steps = 0;
        way->steps_max *= 2;
    }
    passing = way;
    cancel_here(task, mail->error);
    passing = outer;
}

static void cancel_run(struct runnable *r, struct weft_loop *loop)
{
    struct cancel_mail *mail = container_of(r, struct cancel_mail, mail);
    if (loop)
        cancel_pass(mail);
    if (mail->way.mark)
        wf_future_unref(&mail->way.mark->future);
    weft_error_unref(mail->error);
    wf_future_unref(&mail->task->future);
    mem_free(mail, sizeof(*mail));
}

int wf_task_cancel(struct task *task, weft_error *error)
{
    struct weft_loop *loop = future_loop(&task->future);

    if (likely(loop != NULL)) {
        if (likely(loop == loop_current()))
            return cancel_here(task, error);
        /* Nobody runs the loop: it is kept from starting meanwhile. */
        struct loop_visit visit;
        if (wf_loop_enter(loop, &visit)) {
            int rc = cancel_here(task, error);
            wf_loop_leave(loop, &visit);
            return rc;
        }
    }
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
    mail->way = passing ? *passing : (struct cancel_way){.steps_max = 1};
    if (mail->way.mark)
        wf_future_ref(&mail->way.mark->future);
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
    if (task->cancelling > 0 && --task->cancelling == 0)
        task->must_cancel = false; /* CANC-20 */
    return task->cancelling;
}

void wf_task_unpark_remote(struct task *task)
{
    struct weft_loop *loop = future_loop(&task->future);
    if (!wf_loop_post(loop, &task->future.entry))
        task->future.entry.run(&task->future.entry, NULL); /* closed: dropped (L4) */
}
