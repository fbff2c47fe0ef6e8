/*
 * generator.c - asynchronous generators: requests, and the yields that answer them.
 */
#include "api/generator.h"

#include <errno.h>

#include "runtime/sched/report.h"

static void enlist(struct weft_loop *loop, weft_generator *g)
{
    struct generators *list = &loop->generators;

    g->entry = (struct generator_entry){.prev = list->last};
    *(list->last ? &list->last->next : &list->first) = &g->entry;
    list->last = &g->entry;
    list->ops = &wf_generators_ops;
    if (list->shut_down) { /* AGEN-24 */
        weft_report report = {.message = "an asynchronous generator was started after "
                                         "weft_loop_shutdown_asyncgens()",
                              .asyncgen = g};
        weft_loop_call_exception_handler(loop, &report);
    }
}

void wf_generator_delist(weft_generator *g)
{
    struct generators *list = &g->loop->generators;

    *(g->entry.prev ? &g->entry.prev->next : &list->first) = g->entry.next;
    *(g->entry.next ? &g->entry.next->prev : &list->last) = g->entry.prev;
}

void wf_generator_drop_stack(weft_generator *g)
{
    struct weft_loop *here = loop_current();
    struct stack_cache none;

    g->stack->inner = false;
    g->stack->owner = NULL;
    if (here) {
        stack_put(&here->stacks, g->stack);
    } else {
        wf_stack_cache_init(&none);
        stack_put(&none, g->stack);
        wf_stack_cache_fini(&none);
    }
    g->stack = NULL;
}

/* The flow of a generator's stack. */
static void generator_entry(void *arg)
{
    weft_generator *g = arg;
    g->outcome = g->fn(g, g->arg);
    g->state = GENERATOR_FINISHED;
    context_exit(&g->context, &g->asker);
}

/* Before its first step: 0 or -ENOMEM. */
static int generator_start(struct weft_loop *loop, weft_generator *g)
{
    uint8_t class = g->stack_class == STACK_CLASSES ? loop->stack_class : g->stack_class;
    struct stack *stack = stack_get(&loop->stacks, (enum stack_class) class);
    if (!stack)
        return -ENOMEM;
    g->stack = stack;
    g->loop = loop;
    g->life = loop->life;
    context_init(&g->context, stack, generator_entry, g);
    enlist(loop, g);
    return 0;
}

/* The except blocks of the body are inside those of whoever asks now. */
static void enter_handled(weft_generator *g, struct error_slot *slot)
{
    struct weft_except *outside = slot->handled;

    if (g->handled) {
        struct weft_except *outermost = g->handled;
        while (outermost->outer != g->handled_outside)
            outermost = outermost->outer;
        outermost->outer = outside;
        slot->handled = g->handled;
    }
    g->handled_outside = outside;
}

static void leave_handled(weft_generator *g, struct error_slot *slot)
{
    g->handled = slot->handled == g->handled_outside ? NULL : slot->handled;
    slot->handled = g->handled_outside;
}

/* Continues the body until it yields or ends (N1). */
static __attribute__((noinline)) void generator_continue(weft_generator *g, struct task *task)
{
    struct stack *outer = task->stack;

    g->state = GENERATOR_RUNNING;
    g->entered = scope_entered(&task->scope);
    g->back = (struct stack_caller){&g->asker, outer};
    g->stack->caller = &g->back;
    g->stack->inner = true;
    g->stack->owner = task;
    context_move(&g->asker, &task->context);
    context_move(&task->context, &g->context);
    task->stack = g->stack;
    enter_handled(g, &task->errors);
    context_switch(&g->asker, &g->context);
    leave_handled(g, &task->errors);
    task->stack = outer;
    context_move(&task->context, &g->asker);
}

/* What a finished body means to who asked. */
static int generator_end(weft_generator *g)
{
    wf_generator_delist(g);
    wf_generator_drop_stack(g);
    if (g->outcome == 0)
        return WEFT_ESTOPITERATION;
    if (g->outcome == WEFT_ESTOPITERATION) /* AGEN-06 */
        return weft_fail(WEFT_ERUNTIME, "the generator raised WEFT_ESTOPITERATION");
    if (g->outcome > 0)
        return weft_fail(WEFT_EPANIC, "a generator returned a positive number");
    return g->outcome;
}

/* Whether the running task may ask: 0, or why not. */
static int check_request(const weft_generator *g, const struct task *task)
{
    if (!g)
        return -EINVAL;
    if (!task)
        return weft_fail(WEFT_ENOTASK, "only a task can ask a generator");
    if (g->state == GENERATOR_RUNNING) /* AGEN-18 */
        return weft_fail(WEFT_ERUNTIME, "the generator is already running");
    if (g->state == GENERATOR_SUSPENDED && (g->loop != loop_current() || !generator_has_loop(g)))
        return weft_fail(WEFT_EWRONGTHREAD, "the generator belongs to another loop");
    return 0;
}

/* A request: value is sent, or the yield fails with `thrown` (owned error). 0 and the next value. */
static int request(weft_generator *g, struct task *task, void *value, int thrown, weft_error *error,
                   void **ret_value)
{
    if (g->state == GENERATOR_NEW) {
        int rc = generator_start(loop_current(), g);
        if (rc)
            return rc;
    }
    g->value = value;
    g->thrown = thrown;
    g->thrown_error = error;
    generator_continue(g, task);
    int rc = 0;
    if (g->state == GENERATOR_FINISHED)
        rc = generator_end(g);
    else if (ret_value)
        *ret_value = g->value;
    if (unlikely(g->left_over)) { /* given up meanwhile */
        g->left_over = false;
        weft_generator_unref(g);
    }
    return rc;
}

int weft_generator_send(weft_generator *g, void *value, void **ret_value)
{
    struct task *task = task_current();
    int rc = check_request(g, task);

    if (rc)
        return rc;
    if (g->state == GENERATOR_FINISHED)
        return WEFT_ESTOPITERATION;
    if (g->state == GENERATOR_NEW && value)
        return weft_fail(-EINVAL, "nothing can be sent to a generator that has not started");
    return request(g, task, value, 0, NULL, ret_value);
}

int weft_generator_next(weft_generator *g, void **ret_value)
{
    return weft_generator_send(g, NULL, ret_value);
}

int weft_generator_next_or(weft_generator *g, void *default_value, void **ret_value)
{
    int rc = weft_generator_next(g, ret_value);
    if (rc != WEFT_ESTOPITERATION)
        return rc;
    if (ret_value)
        *ret_value = default_value;
    return 0;
}

int weft_generator_throw(weft_generator *g, int code, void **ret_value)
{
    struct task *task = task_current();

    if (code >= 0)
        return weft_fail(-EINVAL, "an error's code is negative");
    weft_error *error = wf_error_slot_take(wf_error_slot(), code);
    int rc = check_request(g, task);
    if (rc) {
        weft_error_unref(error);
        return rc;
    }
    if (g->state == GENERATOR_SUSPENDED)
        return request(g, task, NULL, code, error, ret_value);
    if (g->state == GENERATOR_NEW) { /* AGEN-10 */
        g->state = GENERATOR_FINISHED;
        wf_error_raise(&task->errors, error);
        return code;
    }
    weft_error_unref(error); /* AGEN-11 */
    if (ret_value)
        *ret_value = NULL;
    return 0;
}

int weft_generator_close(weft_generator *g)
{
    struct task *task = task_current();
    int rc = check_request(g, task);

    if (rc)
        return rc;
    if (g->state != GENERATOR_SUSPENDED) { /* AGEN-16, AGEN-17 */
        g->state = GENERATOR_FINISHED;
        return 0;
    }
    rc = request(g, task, NULL, WEFT_EGENERATOREXIT, NULL, NULL);
    if (!rc) /* AGEN-14 */
        return weft_fail(WEFT_ERUNTIME, "the generator ignored its closing");
    return rc == WEFT_ESTOPITERATION || rc == WEFT_EGENERATOREXIT ? 0 : rc;
}

int weft_generator_yield(weft_generator *self, void *value, void **ret_sent)
{
    struct task *task = task_current();

    if (!self)
        return -EINVAL;
    if (!task || self->state != GENERATOR_RUNNING || task->stack != self->stack)
        return weft_fail(WEFT_ERUNTIME, "only its body can yield");
    if (unlikely(scope_entered(&task->scope) != self->entered)) /* it would go with who asked */
        return weft_fail(WEFT_ERUNTIME, "a generator cannot yield inside weft_context_run()");
    self->value = value;
    self->state = GENERATOR_SUSPENDED;
    context_switch(&self->context, &self->asker);
    if (self->thrown) {
        wf_error_raise(wf_error_slot(), self->thrown_error);
        return self->thrown;
    }
    if (ret_sent)
        *ret_sent = self->value;
    return 0;
}
