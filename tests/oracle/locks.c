/*
 * locks.c - locks, semaphores and conditions.
 */
#include "tests/oracle/locks.h"

#include "tests/oracle/body.h"
#include "tests/oracle/statements.h"

int lock_acquire(struct object *object)
{
    if (object->type == TYPE_LOCK)
        return weft_lock_acquire(&object->lock);
    if (object->type == TYPE_SEMAPHORE)
        return weft_semaphore_acquire(&object->semaphore);
    return weft_condition_acquire(&object->condition);
}

int lock_release(struct object *object)
{
    if (object->type == TYPE_LOCK)
        return weft_lock_release(&object->lock);
    if (object->type == TYPE_SEMAPHORE)
        return weft_semaphore_release(&object->semaphore);
    return weft_condition_release(&object->condition);
}

int lock_is_locked(const struct object *object)
{
    if (object->type == TYPE_LOCK)
        return weft_lock_locked(&object->lock);
    if (object->type == TYPE_SEMAPHORE)
        return weft_semaphore_locked(&object->semaphore);
    return weft_condition_locked(&object->condition);
}

int statement_acquire(struct call *call)
{
    return lock_acquire(call->objects[0]);
}

int statement_release(struct call *call)
{
    return lock_release(call->objects[0]);
}

int statement_locked(struct call *call)
{
    say(call, "%d", lock_is_locked(call->objects[0]));
    return FLOW_ON;
}

int statement_cond_wait(struct call *call)
{
    return weft_condition_wait(&call->objects[0]->condition);
}

static int counter_is_enough(void *arg)
{
    const struct call *call = arg;
    return call->objects[1]->number >= call->statement->arguments[2].number;
}

int statement_cond_wait_for(struct call *call)
{
    int rc = weft_condition_wait_for(&call->objects[0]->condition, counter_is_enough, call);
    return rc < 0 ? rc : FLOW_ON;
}

int statement_notify(struct call *call)
{
    return weft_condition_notify(&call->objects[0]->condition,
                                 call->statement->arguments[1].number);
}

int statement_notify_all(struct call *call)
{
    return weft_condition_notify_all(&call->objects[0]->condition);
}
