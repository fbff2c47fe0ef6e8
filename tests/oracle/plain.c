/*
 * plain.c - statements that need nothing of the loop but its clock, and those of control flow.
 */
#include "tests/oracle/body.h"
#include "tests/oracle/statements.h"
#include "tests/oracle/trace.h"
#include "tests/oracle/values.h"

/* As many calls inside each other as a task's stack holds with ease. */
#define CALLS_MAX 40

int statement_log(struct call *call)
{
    say(call, "%s", call->statement->arguments[0].word);
    return FLOW_ON;
}

int statement_now(struct call *call)
{
    say(call, "%ld", trace_clock(call->run));
    return FLOW_ON;
}

int statement_work(struct call *call)
{
    return weft_loop_advance(call->run->loop, (double)call->statement->arguments[0].number);
}

int statement_incr(struct call *call)
{
    struct object *counter = call->objects[0];
    counter->number += call->statement->arguments[1].number;
    say(call, "%ld", counter->number);
    return FLOW_ON;
}

int statement_make(struct call *call)
{
    return object_declare(call->run, call->statement->arguments[0].declaration);
}

int statement_call(struct call *call)
{
    struct frame inner = {
        .run = call->run, .task = call->frame->task, .depth = call->frame->depth + 1};

    if (inner.depth > CALLS_MAX)
        return run_break(call->run, "more than %d calls in calls", CALLS_MAX);
    int flow = frame_run(&inner, &call->statement->arguments[0].name->body->block);
    if (flow < 0)
        return flow;
    say(call, "ok ");
    write_value(&call->run->out, inner.value);
    return FLOW_ON;
}

int statement_return(struct call *call)
{
    const struct argument *value = &call->statement->arguments[0];

    call->silent = call->frame->generator != NULL; /* which has no value to return */
    call->frame->value = value->given ? value_of_number(value->number) : NULL;
    write_value(&call->run->out, call->frame->value);
    return FLOW_RETURN;
}

int statement_raise(struct call *call)
{
    return raise_argument(&call->statement->arguments[0]);
}

int statement_reraise(struct call *call)
{
    return weft_raise(weft_error_ref(call->frame->handled));
}
