/*
 * queues.c - queues of numbers.
 */
#include "tests/oracle/body.h"
#include "tests/oracle/statements.h"
#include "tests/oracle/values.h"

static void *item(const struct call *call)
{
    return value_of_number(call->statement->arguments[1].number);
}

/* An item that was taken, or not. */
static int taken(struct call *call, int rc, void *value)
{
    if (rc)
        return rc;
    say(call, "ok ");
    write_value(&call->run->out, value);
    return FLOW_ON;
}

int statement_put(struct call *call)
{
    return weft_queue_put(call->objects[0]->queue, item(call));
}

int statement_get(struct call *call)
{
    void *value = NULL;
    int rc = weft_queue_get(call->objects[0]->queue, &value);
    return taken(call, rc, value);
}

int statement_put_nowait(struct call *call)
{
    return weft_queue_put_nowait(call->objects[0]->queue, item(call));
}

int statement_get_nowait(struct call *call)
{
    void *value = NULL;
    int rc = weft_queue_get_nowait(call->objects[0]->queue, &value);
    return taken(call, rc, value);
}

int statement_task_done(struct call *call)
{
    return weft_queue_task_done(call->objects[0]->queue);
}

int statement_join(struct call *call)
{
    return weft_queue_join(call->objects[0]->queue);
}

int statement_shutdown(struct call *call)
{
    return weft_queue_shutdown(call->objects[0]->queue, call->statement->arguments[1].given);
}

int statement_qsize(struct call *call)
{
    const weft_queue *queue = call->objects[0]->queue;
    say(call, "%zu empty %d full %d", weft_queue_qsize(queue), weft_queue_empty(queue),
        weft_queue_full(queue));
    return FLOW_ON;
}
