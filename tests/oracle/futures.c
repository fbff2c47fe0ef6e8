/*
 * futures.c - what can be asked of a future, and what completes it.
 */
#include "tests/oracle/body.h"
#include "tests/oracle/statements.h"
#include "tests/oracle/values.h"

/* The outcome of something that has just been awaited, or asked for its result. */
static int outcome(struct call *call, int rc)
{
    if (rc)
        return rc;
    say(call, "ok ");
    write_result(call->run, &call->run->out, call->objects[0]);
    return FLOW_ON;
}

int statement_await(struct call *call)
{
    return outcome(call, weft_await(call->objects[0]->future, NULL));
}

int statement_result(struct call *call)
{
    return outcome(call, weft_result(call->objects[0]->future, NULL));
}

int statement_wait_for(struct call *call)
{
    double timeout = argument_seconds(&call->statement->arguments[1]);
    return outcome(call, weft_wait_for(call->objects[0]->future, timeout, NULL));
}

int statement_exception(struct call *call)
{
    weft_error *error = NULL;
    int rc = weft_exception(call->objects[0]->future, &error);

    if (rc)
        return rc;
    say(call, "ok ");
    if (error)
        write_error(call->run, &call->run->out, weft_error_code(error), error);
    else
        say(call, "none");
    weft_error_unref(error);
    return FLOW_ON;
}

int statement_cancel(struct call *call)
{
    weft_future *future = call->objects[0]->future;
    const char *message = call->statement->arguments[1].word;
    int accepted = message ? weft_cancel_msg(future, message) : weft_cancel(future);

    if (accepted >= 0)
        say(call, "%d", accepted);
    return accepted < 0 ? accepted : FLOW_ON;
}

int statement_set_result(struct call *call)
{
    return weft_future_set_result(call->objects[0]->future,
                                  value_of_number(call->statement->arguments[1].number));
}

int statement_set_exception(struct call *call)
{
    int code = raise_argument(&call->statement->arguments[1]);
    return weft_future_set_exception(call->objects[0]->future, code);
}
