/*
 * objects.c - what variables denote, from declaration to the line at the end.
 */
#include "tests/oracle/objects.h"

#include "tests/oracle/language.h"
#include "tests/oracle/locks.h"
#include "tests/oracle/values.h"

struct object *object_new(struct run *run, enum type type)
{
    struct object *object = arena_get(&run->arena, sizeof(*object));
    object->type = type;
    object->next = run->objects;
    run->objects = object;
    return object;
}

struct object *object_of_future(struct run *run, enum type type, weft_future *future)
{
    struct object *object = object_new(run, type);
    object->future = future;
    object->owned = true;
    return object;
}

static int compare_values(const void *a, const void *b)
{
    intptr_t first = (intptr_t)a, second = (intptr_t)b;
    return (first > second) - (first < second);
}

static int queue_init(struct object *object, weft_queue *queue)
{
    object->queue = queue;
    return queue ? 0 : -errno;
}

static int variable_init(struct object *object, const char *name, long number)
{
    weft_context_var model = WEFT_CONTEXT_VAR_DEFAULT(name, value_of_number(number));
    object->variable = weft_context_var_new(&model);
    return object->variable ? 0 : -errno;
}

/* Fills in an object. 0, or an error as a statement's. */
static int object_init(struct run *run, struct object *object,
                       const struct declaration *declaration)
{
    long number = declaration->number;

    switch (declaration->kind->id) {
    case DECLARE_FUTURE:
        object->future = weft_future_new(run->loop);
        object->owned = true;
        return object->future ? 0 : -errno;
    case DECLARE_EVENT:
        object->event = (weft_event)WEFT_EVENT_INIT;
        return 0;
    case DECLARE_LOCK:
        object->lock = (weft_lock)WEFT_LOCK_INIT;
        return 0;
    case DECLARE_QUEUE:
        return queue_init(object, weft_queue_new(number));
    case DECLARE_LIFOQUEUE:
        return queue_init(object, weft_lifo_queue_new(number));
    case DECLARE_PRIORITYQUEUE:
        return queue_init(object, weft_priority_queue_new(number, compare_values));
    case DECLARE_SEMAPHORE:
        return weft_semaphore_init(&object->semaphore, number);
    case DECLARE_BOUNDEDSEMAPHORE:
        return weft_bounded_semaphore_init(&object->semaphore, number);
    case DECLARE_CONDITION:
        if (declaration->lock && !declaration->lock->object)
            return run_break(run, "the lock of a condition is unset");
        object->condition = (weft_condition)WEFT_CONDITION_INIT(
            declaration->lock ? &declaration->lock->object->lock : NULL);
        return 0;
    case DECLARE_BARRIER:
        return weft_barrier_init(&object->barrier, (int)number);
    case DECLARE_CONTEXTVAR:
        return variable_init(object, declaration->name->text, number);
    case DECLARE_COUNTER:
        object->number = number;
        return 0;
    }
    return run_break(run, "no such declaration");
}

int object_declare(struct run *run, const struct declaration *declaration)
{
    struct object *object = object_new(run, declaration->kind->type);
    int rc = object_init(run, object, declaration);
    if (!rc)
        declaration->name->object = object;
    return rc;
}

void objects_end(struct run *run)
{
    for (struct object *object = run->objects; object; object = object->next)
        if (object->iteration_begun)
            weft_as_completed_end(&object->iteration);
}

void objects_free(struct run *run)
{
    for (struct object *object = run->objects; object; object = object->next) {
        if (object->owned)
            weft_unref(object->future);
        else if (object->type == TYPE_QUEUE)
            weft_queue_free(object->queue);
        else if (object->type == TYPE_CONTEXTVAR)
            weft_context_var_free(object->variable);
        else if (object->type == TYPE_TOKEN)
            weft_context_token_fini(&object->token);
        else if (object->type == TYPE_HANDLE)
            weft_handle_unref(object->handle);
        else if (object->type == TYPE_GENERATOR)
            weft_generator_unref(object->generator);
    }
}

void object_write_final(struct run *run, const struct declaration *declaration)
{
    struct text *trace = run->trace;
    struct object *object = declaration->name->object;

    if (object->type == TYPE_CONTEXTVAR)
        return;
    text_add(trace, "final %s %s ", declaration->kind->name, declaration->name->text);
    switch (object->type) {
    case TYPE_FUTURE:
        write_state(run, trace, object);
        break;
    case TYPE_EVENT:
        text_add(trace, "set %d", weft_event_is_set(&object->event));
        break;
    case TYPE_QUEUE:
        text_add(trace, "size %zu", weft_queue_qsize(object->queue));
        break;
    case TYPE_BARRIER:
        text_add(trace, "waiting %d broken %d", weft_barrier_n_waiting(&object->barrier),
                 weft_barrier_broken(&object->barrier));
        break;
    case TYPE_COUNTER:
        text_add(trace, "value %ld", object->number);
        break;
    default:
        text_add(trace, "locked %d", lock_is_locked(object));
        break;
    }
    text_add(trace, "\n");
}
