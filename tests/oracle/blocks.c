/*
 * blocks.c - repeat and try.
 */
#include "tests/oracle/body.h"
#include "tests/oracle/statements.h"
#include "tests/oracle/trace.h"
#include "tests/oracle/values.h"

int block_repeat(struct frame *frame, const struct statement *statement)
{
    for (long i = 0; i < statement->arguments[0].number; i++) {
        int flow = frame_run(frame, &statement->block);
        if (flow != FLOW_ON)
            return flow;
    }
    return FLOW_ON;
}

/* Takes the current error, for later. */
static weft_error *set_aside(struct frame *frame, int code)
{
    weft_error *error = weft_catch(code);
    if (!error)
        die("out of memory");
    return run_keep_error(frame->run, error);
}

static int run_except(struct frame *frame, const struct clause *clause, int code)
{
    weft_error *outer = frame->handled;

    trace_error(frame->run, frame_who(frame), clause->line, "except", code, "");
    frame->handled = set_aside(frame, code);
    int flow = frame_run(frame, &clause->block);
    frame->handled = outer;
    return flow;
}

/* Whatever was under way goes on behind a finally that goes on. */
static int run_finally(struct frame *frame, const struct clause *final, int flow)
{
    weft_error *error = flow < 0 ? set_aside(frame, flow) : NULL;
    void *value = frame->value;

    trace_line(frame->run, frame_who(frame), final->line, "finally");
    int final_flow = frame_run(frame, &final->block);
    if (final_flow != FLOW_ON)
        return final_flow;
    frame->value = value;
    return error ? weft_raise(weft_error_ref(error)) : flow;
}

int block_try(struct frame *frame, const struct statement *statement)
{
    int flow = frame_run(frame, &statement->block);

    if (flow < 0 && !run_is_broken(frame->run)) {
        const struct clause *clause = statement->clauses;
        while (clause && !error_matches(clause->kind, flow))
            clause = clause->next;
        if (clause)
            flow = run_except(frame, clause, flow);
    }
    return statement->final ? run_finally(frame, statement->final, flow) : flow;
}
