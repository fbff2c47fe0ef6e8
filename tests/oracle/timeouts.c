/*
 * timeouts.c - what can be asked of a timeout.
 */
#include "tests/oracle/body.h"
#include "tests/oracle/statements.h"
#include "tests/oracle/trace.h"

int statement_reschedule(struct call *call)
{
    const struct argument *delay = &call->statement->arguments[1];
    double now = weft_loop_time(call->run->loop);
    return weft_timeout_reschedule(&call->objects[0]->timeout, now + argument_seconds(delay));
}

int statement_reschedule_at(struct call *call)
{
    return weft_timeout_reschedule(&call->objects[0]->timeout,
                                   (double)call->statement->arguments[1].number);
}

int statement_timeout_info(struct call *call)
{
    const weft_timeout *timeout = &call->objects[0]->timeout;
    double when = weft_timeout_when(timeout);

    if (when == WEFT_FOREVER)
        say(call, "when none");
    else
        say(call, "when %.0f", when);
    say(call, " expired %d", weft_timeout_expired(timeout));
    return FLOW_ON;
}
