/*
 * callbacks.c - funcs that the loop calls: soon, later, or when a future is done.
 */
#include "tests/oracle/body.h"
#include "tests/oracle/statements.h"
#include "tests/oracle/trace.h"
#include "tests/oracle/values.h"

/* A func that is a callback; of a future if there is one. */
struct callback {
    struct run *run;
    const struct body *body;
    const struct object *object;
    struct callback *next;
};

/* The callback of a func for an object (NULL: none). The same pair has the same one, so that it can
 * be removed. */
static struct callback *callback_get(struct run *run, const struct argument *func,
                                     const struct object *object)
{
    const struct body *body = func->name->body;

    for (struct callback *c = run->callbacks; c; c = c->next)
        if (c->body == body && c->object == object)
            return c;
    struct callback *callback = arena_get(&run->arena, sizeof(*callback));
    *callback = (struct callback){run, body, object, run->callbacks};
    run->callbacks = callback;
    return callback;
}

static int callback_run(const struct callback *callback)
{
    struct run *run = callback->run;
    struct frame frame = {.run = run, .task = WHO_NOBODY};

    text_reset(&run->out);
    text_add(&run->out, "%s", callback->body->name);
    if (callback->object) {
        text_add(&run->out, " ");
        write_state(run, &run->out, callback->object);
    }
    trace_outcome(run, WHO_NOBODY, callback->body->line, "func", text_get(&run->out));
    text_reset(&run->out);
    int flow = frame_run(&frame, &callback->body->block);
    return flow < 0 ? flow : 0;
}

static int func_called(void *arg)
{
    return callback_run(arg);
}

static int func_done(weft_future *future, void *arg)
{
    (void)future;
    return callback_run(arg);
}

int statement_add_done_callback(struct call *call)
{
    struct object *object = call->objects[0];
    return weft_add_done_callback(object->future, func_done,
                                  callback_get(call->run, &call->statement->arguments[1], object));
}

int statement_remove_done_callback(struct call *call)
{
    struct object *object = call->objects[0];
    int removed = weft_remove_done_callback(
        object->future, func_done, callback_get(call->run, &call->statement->arguments[1], object));
    if (removed >= 0)
        say(call, "%d", removed);
    return removed < 0 ? removed : FLOW_ON;
}

/* Sets the variable if there is one; the object keeps the handle either way. */
static int keep_handle(struct call *call, int argument, weft_handle *handle)
{
    struct object *object = object_new(call->run, TYPE_HANDLE);
    object->handle = handle;
    if (call->statement->arguments[argument].given)
        call_bind(call, argument, object);
    return FLOW_ON;
}

int statement_call_soon(struct call *call)
{
    weft_handle *handle;
    int rc = weft_call_soon(call->run->loop, func_called,
                            callback_get(call->run, &call->statement->arguments[0], NULL), &handle);
    return rc ? rc : keep_handle(call, 1, handle);
}

/* call_later and call_at: a time, the func, the variable. */
static int call_timed(struct call *call,
                      int (*timed)(weft_loop *loop, double time, weft_callback fn, void *arg,
                                   weft_handle **ret_handle))
{
    const struct argument *arguments = call->statement->arguments;
    weft_handle *handle;
    int rc = timed(call->run->loop, (double)arguments[0].number, func_called,
                   callback_get(call->run, &arguments[1], NULL), &handle);
    return rc ? rc : keep_handle(call, 2, handle);
}

int statement_call_later(struct call *call)
{
    return call_timed(call, weft_call_later);
}

int statement_call_at(struct call *call)
{
    return call_timed(call, weft_call_at);
}

int statement_cancel_handle(struct call *call)
{
    weft_handle_cancel(call->objects[0]->handle);
    return FLOW_ON;
}

int statement_handle_info(struct call *call)
{
    say(call, "cancelled %d", weft_handle_cancelled(call->objects[0]->handle));
    return FLOW_ON;
}
