/*
 * waits.c - gather, shield, wait, as_completed.
 */
#include <string.h>

#include "tests/oracle/body.h"
#include "tests/oracle/statements.h"
#include "tests/oracle/trace.h"
#include "tests/oracle/values.h"

/* The futures of the call's list, in memory that lives as long as the run. */
static weft_future **member_futures(struct call *call)
{
    weft_future **futures =
        arena_get(&call->run->arena, (call->member_count + 1) * sizeof(weft_future *));
    for (size_t i = 0; i < call->member_count; i++)
        futures[i] = call->members[i].object->future;
    return futures;
}

int statement_gather(struct call *call)
{
    struct run *run = call->run;
    bool collect = call->statement->arguments[1].number;
    weft_future *future =
        weft_gather(member_futures(call), call->member_count, collect ? WEFT_RETURN_EXCEPTIONS : 0);
    if (!future)
        return -errno;
    struct object *object = object_of_future(run, TYPE_AGG, future);
    object->children = arena_get(&run->arena, (call->member_count + 1) * sizeof(struct object *));
    object->count = call->member_count;
    for (size_t i = 0; i < call->member_count; i++)
        object->children[i] = call->members[i].object;
    call_bind(call, 0, object);
    return FLOW_ON;
}

int statement_shield(struct call *call)
{
    struct object *inner = call->objects[1];
    weft_future *future = weft_shield(inner->future);

    if (!future)
        return -errno;
    if (future == inner->future) { /* done already: it stands for itself */
        weft_unref(future);
        call_bind(call, 0, inner);
        return FLOW_ON;
    }
    struct object *object = object_of_future(call->run, TYPE_AGG, future);
    object->inner = inner;
    call_bind(call, 0, object);
    return FLOW_ON;
}

static bool is_among(weft_future *const *futures, size_t count, const weft_future *future)
{
    for (size_t i = 0; i < count; i++)
        if (futures[i] == future)
            return true;
    return false;
}

/* Says the names of the members that are among the futures. */
static void say_members(struct call *call, const char *title, weft_future *const *futures,
                        size_t count)
{
    const char *comma = "";
    say(call, "%s [", title);
    for (size_t i = 0; i < call->member_count; i++) {
        if (is_among(futures, count, call->members[i].object->future)) {
            say(call, "%s%s", comma, call->members[i].name);
            comma = ",";
        }
    }
    say(call, "]");
}

int statement_wait(struct call *call)
{
    static const weft_return_when whens[] = {WEFT_ALL_COMPLETED, WEFT_FIRST_COMPLETED,
                                             WEFT_FIRST_EXCEPTION};
    const struct argument *arguments = call->statement->arguments;
    weft_future **futures = member_futures(call);
    size_t done = 0;
    int rc = weft_wait(futures, call->member_count, argument_seconds(&arguments[1]),
                       whens[arguments[0].number], &done);
    if (rc)
        return rc;
    say_members(call, "done", futures, done);
    say_members(call, " pending", futures + done, call->member_count - done);
    return FLOW_ON;
}

static const struct member *member_of(const struct call *call, const weft_future *future)
{
    for (size_t i = 0; i < call->member_count; i++)
        if (call->members[i].object->future == future)
            return &call->members[i];
    return NULL;
}

/* Writes the line of an item, and empties the text for the next. */
static void write_item(struct call *call)
{
    trace_outcome(call->run, call->who, call->statement->line, "as_completed item",
                  text_get(&call->run->out));
    text_reset(&call->run->out);
}

/* Each of them is awaited; an error of one is an item, but for a cancellation. */
static int iterate_plain(struct call *call, weft_as_completed *iteration)
{
    for (size_t left = weft_as_completed_left(iteration); left > 0; left--) {
        weft_future *future = NULL;
        int rc = weft_as_completed_next(iteration, &future);
        if (!rc)
            rc = weft_result(future, NULL);
        if (rc == WEFT_ECANCELLED)
            return rc;
        if (rc)
            write_current_error(call->run, &call->run->out, rc);
        else
            write_result(call->run, &call->run->out, member_of(call, future)->object);
        write_item(call);
    }
    return FLOW_ON;
}

static int iterate_async(struct call *call, weft_as_completed *iteration)
{
    weft_future *future;
    int rc;

    while (!(rc = weft_as_completed_next(iteration, &future))) {
        const struct member *member = member_of(call, future);
        say(call, "%s ", member->name);
        write_state(call->run, &call->run->out, member->object);
        write_item(call);
    }
    return rc == WEFT_ESTOPITERATION ? FLOW_ON : rc;
}

int statement_as_completed(struct call *call)
{
    const struct argument *arguments = call->statement->arguments;
    struct object *object = object_new(call->run, TYPE_NONE);
    int rc = weft_as_completed_begin(&object->iteration, member_futures(call), call->member_count,
                                     argument_seconds(&arguments[1]));
    if (rc)
        return rc;
    object->iteration_begun = true;
    return arguments[0].number ? iterate_async(call, &object->iteration)
                               : iterate_plain(call, &object->iteration);
}
