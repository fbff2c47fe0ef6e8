/*
 * error_timeout.c - a time-out that came out of a block as another error.
 */
#include "runtime/task/error_timeout.h"

#include "runtime/base/mem.h"
#include "runtime/task/error_object.h"

/* Errors that led to each other, in a line longer than this, are left as they are. */
#define DEPTH_MAX 64

/* The time-out that this cancellation was. NULL: no memory. */
static weft_error *timeout_from(weft_error *cancelled)
{
    weft_error *timeout = wf_error_make(WEFT_ETIMEDOUT, NULL, NULL, 0);
    if (timeout) {
        timeout->cause = weft_error_ref(cancelled);
        timeout->context = weft_error_ref(cancelled);
    }
    return timeout;
}

/* What replaces the error: a reference, to the same one if nothing changes. */
static weft_error *mention(weft_error *error, unsigned depth)
{
    weft_error *context = error->context, *changed = NULL;

    if (context && context->code == WEFT_ECANCELLED)
        changed = timeout_from(context);
    else if (context && depth < DEPTH_MAX)
        changed = mention(context, depth + 1);
    weft_error *copy = changed && changed != context ? wf_error_copy(error, changed) : NULL;
    weft_error_unref(changed);
    return copy ? copy : weft_error_ref(error);
}

/* The group with its members replaced; it is made for this, and nobody else has it. */
static void mention_in_members(weft_error *group)
{
    for (size_t i = 0; i < group->count; i++) {
        weft_error *member = group->members[i];
        group->members[i] = mention(member, 0);
        weft_error_unref(member);
    }
}

weft_error *wf_error_mention_timeout(weft_error *error)
{
    weft_error *changed = mention(error, 0);

    if (error->count && changed == error) { /* a group of our own, to change its members */
        weft_error *copy = wf_error_copy(error, error->context);
        if (copy) {
            weft_error_unref(changed);
            changed = copy;
        }
    }
    if (changed != error)
        mention_in_members(changed);
    weft_error_unref(error);
    return changed;
}
