/*
 * eager.h - eager tasks, and bodies for them.
 */
#ifndef WEFT_TESTS_SCHED_EAGER_H
#define WEFT_TESTS_SCHED_EAGER_H

#include <errno.h>

#include "tests/support/sim.h"

static const weft_task_options eager = {.eager_start = 1};

__attribute__((unused)) COROUTINE(note_name)
{
    trace("%s", (const char *)arg);
    return 0;
}

__attribute__((unused)) COROUTINE(give_value)
{
    trace("ran");
    *result = arg;
    return 0;
}

__attribute__((unused)) COROUTINE(fail_at_once)
{
    return weft_fail(-EIO, "at once");
}

__attribute__((unused)) COROUTINE(yield_in_the_middle)
{
    trace("%s1", (const char *)arg);
    int rc = weft_yield();
    trace("%s2", (const char *)arg);
    return rc;
}

#endif
