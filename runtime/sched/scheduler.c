/*
 * scheduler.c - from one task to the next: start, suspend, end.
 *
 *     suspending task --switch--> next started task          (the usual way: one switch)
 *                     --switch--> a stack --> a new task      (its first step)
 *                     --switch--> the loop                    (a callback, or a slow look: loop.c)
 *     ending task     --call----> a new task on the same stack (no switch at all)
 *
 * S1  A task that suspends publishes nothing that another thread could act on before the
 *     switch: it can only be resumed by its own loop's thread, which is here.
 * S2  Callbacks of the user run on the loop's own stack; small steps of ours, and what a task's end
 *     sets off (an exception handler, a drop), run on whatever stack is at hand, with no current
 *     task.
 * S3  An eagerly started task's first suspension returns to its starter, not to the ready
 *     queue. That may be anything that S2 names: its flow is kept where it is, in its own frame.
 */
#include "runtime/sched/scheduler.h"

#include "runtime/base/likely.h"
#include "runtime/park.h"
#include "runtime/sched/future_ops.h"
#include "runtime/sched/report.h"
#include "runtime/sched/suspend.h"
#include "runtime/sched/task_ops.h"
#include "runtime/sched/watch.h"

static void task_entry(void *arg);

/* What runs with no current task is on the stack of `host` (S2); NULL: on the loop's own. Only
 * sanitizers have to know. */
static inline void loop_host(struct weft_loop *loop, const struct context *host)
{
#if defined(WEFT_ASAN) || defined(WEFT_TSAN)
    loop->host = host;
#else
    (void)loop;
    (void)host;
#endif
}

/* Runs one of our own small steps, on whatever stack this is (S2); false if r is anything else. */
static bool small_step(struct runnable *r, struct weft_loop *loop, const struct context *here)
{
    if (!r || (r->run != wf_timer_wake && r->run != wf_watch_told))
        return false;
    loop->current = NULL;
    loop_host(loop, here);
    r->run(r, loop);
    loop_host(loop, NULL);
    return true;
}

/* A task that goes on in the frame of one that ended: its context is of the same stack. */
static inline void context_adopt(struct context *context, const struct context *ended)
{
#if defined(WEFT_ASAN) || defined(WEFT_TSAN)
    *context = *ended;
#else
    (void)context; /* written whole when the task suspends */
    (void)ended;
#endif
}

/* Gives the task a stack with its first frame on it. False: no memory. */
static bool task_equip(struct weft_loop *loop, struct task *task)
{
    struct stack *stack = stack_get(&loop->stacks, (enum stack_class)task->stack_class);
    if (unlikely(!stack))
        return false;
    stack->owner = task;
    task->stack = stack;
    context_init(&task->context, stack, task_entry, loop);
    return true;
}

/* A task whose first step cannot be made, or need not be: it ends here. */
static void task_stillborn(struct weft_loop *loop, struct task *task, void *mark, int code)
{
    weft_drop drop = task->arg_drop;
    void *arg = task->arg;

    task->must_cancel = false;
    task->started = true;
    if (drop)
        drop(arg);
    wf_task_complete(loop, task, mark, code, weft_error_ref(task->cancel_error));
}

static void task_begin(struct weft_loop *loop, struct task *task)
{
    task->started = true;
    task->future.entry.run = wf_task_step;
    loop->started++;
}

__attribute__((noinline)) struct task *wf_suspend_eager(struct task *task)
{
    struct context *resumer = task->resumer;

    task->resumer = NULL;
    return container_of(context_switch(&task->context, resumer), struct task, context);
}

__attribute__((noinline)) struct task *wf_suspend_to(struct weft_loop *loop, struct task *task,
                                                     struct runnable *r)
{
    for (;; r = ready_next(loop)) {
        if (likely(r != NULL) && r->run == wf_task_start) {
            struct task *next = task_of_ready(r);
            if (likely(!next->must_cancel) && likely(task_equip(loop, next))) {
                task_begin(loop, next);
                loop->current = next;
                return task_switch(task, next);
            }
        } else if (small_step(r, loop, &task->context)) {
            continue;
        } else if (r && r->run == wf_task_step) { /* behind a small step */
            struct task *next = task_of_ready(r);
            loop->current = next;
            return task_switch(task, next);
        }
        loop->handed = r;
        loop->current = NULL;
        return container_of(context_switch(&task->context, &loop->context), struct task, context);
    }
}

/* What a body's end means: the value word of the outcome. error is what was raised. */
static void *task_outcome(struct task *task, int *code, void *result, weft_error **error)
{
    if (unlikely(*code > 0)) {
        *code = WEFT_EPANIC;
        *error = weft_error_new(WEFT_EPANIC, "a coroutine returned a positive number");
    }
    if (unlikely(task->must_cancel)) {
        task->must_cancel = false;
        if (*code == 0) { /* CANC-10: the request stands, the value is lost */
            if (task->future.drop)
                task->future.drop(result);
            *code = WEFT_ECANCELLED;
            *error = weft_error_ref(task->cancel_error);
            /* No error of the body carries the message: it is the task's own (CANC-24). */
            atomic_store_explicit(&task->future.message_spent, MESSAGE_FOR_ALL,
                                  memory_order_relaxed); /* published with the outcome */
        }
    }
    if (likely(*code == 0))
        return result;
    return *code == WEFT_ECANCELLED ? OUTCOME_CANCELLED : OUTCOME_FAILED;
}

/* The running task's body has ended in any other way than with a result. */
static void task_end_slow(struct weft_loop *loop, struct task *task, int code, void *result)
{
    weft_error *error = code < 0 ? wf_error_slot_take(&task->errors, code) : NULL;
    void *value = task_outcome(task, &code, result, &error);

    if (unlikely(code == WEFT_EINTERRUPTED || code == WEFT_ESYSTEMEXIT))
        loop_end_fatally(loop, code); /* TASK-18 */
    loop->current = NULL;
    wf_task_complete(loop, task, value, code, error);
}

static inline void task_end(struct weft_loop *loop, struct task *task, int code, void *result)
{
    if (unlikely(code != 0) || unlikely(task->must_cancel)) {
        task_end_slow(loop, task, code, result);
        return;
    }
    loop->current = NULL;
    task_succeed(loop, task, result);
}

/* The flow of every stack: bodies one after the other, for as long as the next task has not begun
 * yet. */
static void task_entry(void *arg)
{
    struct weft_loop *loop = arg;
    struct task *task = loop->current;

    for (;;) {
        struct stack *stack = task->stack;
        void *result = NULL;
        int code = task->fn(task->arg, &result);
        struct context *resumer = task->resumer;
        struct context gone;
#if defined(WEFT_ASAN) || defined(WEFT_TSAN)
        gone = task->context;
#endif
        loop_host(loop, &gone);
        task_end(loop, task, code, result); /* the task may be freed by it */
        loop_host(loop, NULL);

        if (unlikely(resumer != NULL)) { /* S3: it never suspended */
            stack_put(&loop->stacks, stack);
            context_exit(&gone, resumer);
        }
        struct runnable *r = unlikely(loop->fatal) ? NULL : ready_next(loop);
        while (small_step(r, loop, &gone))
            r = ready_next(loop);
        if (r && r->run == wf_task_start) {
            struct task *next = task_of_ready(r);
            if (likely(!next->must_cancel) && likely(next->stack_class == stack->class)) {
                /* The next one takes over the stack, and this very frame. */
                stack->owner = next;
                next->stack = stack;
                task_begin(loop, next);
                context_adopt(&next->context, &gone);
                loop->current = next;
                task = next;
                continue;
            }
        }
        stack_put(&loop->stacks,
                  stack); /* stays in this cache, and nobody else runs before the switch */
        if (r && r->run == wf_task_step) {
            struct task *next = task_of_ready(r);
            loop->current = next;
            context_exit(&gone, &next->context);
        }
        loop->handed = r;
        context_exit(&gone, &loop->context);
    }
}

void wf_task_step(struct runnable *r, struct weft_loop *loop)
{
    struct task *task = task_of_ready(r);
    if (!loop) { /* dropped (L4): the loop ends the task itself */
        /* Release, with the acquire in task_was_dropped(): our uses of the task are over. */
        atomic_store_explicit(&task->dropped, true, memory_order_release);
        return;
    }
    loop->current = task;
    context_switch(&loop->context, &task->context);
}

void wf_task_start(struct runnable *r, struct weft_loop *loop)
{
    if (!loop)
        return;
    struct task *task = task_of_ready(r);
    if (unlikely(task->must_cancel)) /* CANC-07 */
        task_stillborn(loop, task, OUTCOME_CANCELLED, WEFT_ECANCELLED);
    else if (unlikely(!task_equip(loop, task)))
        task_stillborn(loop, task, OUTCOME_FAILED, -ENOMEM);
    else {
        task_begin(loop, task);
        loop->current = task;
        context_switch(&loop->context, &task->context);
    }
}

bool wf_task_start_eager(struct weft_loop *loop, struct task *task)
{
    struct task *outer = loop->current;
    struct context own = {0}; /* of a flow that is no task's */
    struct context *here = outer ? &outer->context : &own;

    /* Who only holds the loop may be on another thread than the one that will run it. Relaxed: ours. */
    if (atomic_load_explicit(&loop->running, memory_order_relaxed) != LOOP_RUNNING ||
        !task_equip(loop, task))
        return false;
#if defined(WEFT_ASAN) || defined(WEFT_TSAN)
    const struct context *host = loop->host;
    context_move(&own, host ? host : &loop->context);
#endif
    task->resumer = here;
    task_begin(loop, task);
    loop->current = task;
    context_switch(here, &task->context);
    loop->current = outer;
#if defined(WEFT_ASAN) || defined(WEFT_TSAN)
    loop->host = host;
#endif
    return true;
}

void wf_timer_wake(struct runnable *r, struct weft_loop *loop)
{
    struct task_timer *timer = container_of(r, struct task_timer, loop_timer.fire);
    struct task *task = timer->task;
    if (!loop || !task)
        return;
    timer->task = NULL;
    task_unpark(loop, task);
}

void wf_park_cancelled(struct task *task, struct wait *wait)
{
    weft_error *error = weft_error_ref(task->cancel_error);

    /* First taken off: in a circle of tasks the request may come back (see task.c). */
    task->must_cancel = false;
    if (!wait->ops->cancel(wait, task, error))
        task_ask_later(task, weft_error_ref(error));
    weft_error_unref(error);
}

void wf_park(struct weft_loop *loop, struct task *task, struct wait *wait)
{
    park(loop, task, wait);
}

static __attribute__((noinline)) int yield_cancelled(struct task *task)
{
    wf_task_deliver_cancel(task);
    return WEFT_ECANCELLED;
}

/* A yield to something else than a task that has begun. Its frame is not weft_yield()'s. */
static __attribute__((noinline)) int yield_to(struct weft_loop *loop, struct task *task,
                                              struct runnable *r)
{
    task = wf_suspend_to(loop, task, r);
    return task_deliver_cancel(task) ? WEFT_ECANCELLED : 0;
}

static __attribute__((noinline)) int yield_eager(struct weft_loop *loop, struct task *task)
{
    ready_push(loop, &task->future.entry);
    task = wf_suspend_eager(task);
    return task_deliver_cancel(task) ? WEFT_ECANCELLED : 0;
}

static __attribute__((noinline)) int yield_refused(void)
{
    return weft_fail(WEFT_ENOTASK, "only a task can yield");
}

int weft_yield(void)
{
    struct weft_loop *loop = loop_current();
    struct task *task = likely(loop != NULL) ? loop->current : NULL;

    if (unlikely(!task))
        return yield_refused();
    if (unlikely(task->resumer != NULL))
        return yield_eager(loop, task);
    struct runnable *r = ready_next_after(loop, &task->future.entry);
    if (unlikely(!r) || unlikely(r->run != wf_task_step))
        return yield_to(loop, task, r);
    loop->current = task_of_ready(r);
    task = task_switch(task, task_of_ready(r));
    return likely(!task->must_cancel) ? 0 : yield_cancelled(task);
}

bool wf_task_deliver_cancel(struct task *task)
{
    task->must_cancel = false;
    wf_error_raise(&task->errors, weft_error_ref(task->cancel_error));
    return true;
}

int wf_wait_cancelled(struct task *task, bool cancelled, weft_error *error)
{
    if (!cancelled) {
        wf_task_deliver_cancel(task);
        return WEFT_ECANCELLED;
    }
    task->must_cancel = false;
    wf_error_raise(&task->errors, error);
    return WEFT_ECANCELLED;
}
