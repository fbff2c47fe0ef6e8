/*
 * events.c - events and barriers.
 */
#include "tests/oracle/body.h"
#include "tests/oracle/statements.h"

int statement_ev_set(struct call *call)
{
    return weft_event_set(&call->objects[0]->event);
}

int statement_ev_clear(struct call *call)
{
    return weft_event_clear(&call->objects[0]->event);
}

int statement_ev_is_set(struct call *call)
{
    say(call, "%d", weft_event_is_set(&call->objects[0]->event));
    return FLOW_ON;
}

int statement_ev_wait(struct call *call)
{
    return weft_event_wait(&call->objects[0]->event);
}

int statement_bar_wait(struct call *call)
{
    int index = weft_barrier_wait(&call->objects[0]->barrier);
    if (index >= 0)
        say(call, "ok %d", index);
    return index < 0 ? index : FLOW_ON;
}

int statement_bar_reset(struct call *call)
{
    return weft_barrier_reset(&call->objects[0]->barrier);
}

int statement_bar_abort(struct call *call)
{
    return weft_barrier_abort(&call->objects[0]->barrier);
}

int statement_bar_info(struct call *call)
{
    const weft_barrier *barrier = &call->objects[0]->barrier;
    say(call, "parties %d waiting %d broken %d", weft_barrier_parties(barrier),
        weft_barrier_n_waiting(barrier), weft_barrier_broken(barrier));
    return FLOW_ON;
}
