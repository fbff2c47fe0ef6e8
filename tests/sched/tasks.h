/*
 * tasks.h - bodies of tasks, and callbacks, that write down that they ran.
 */
#ifndef WEFT_TESTS_SCHED_TASKS_H
#define WEFT_TESTS_SCHED_TASKS_H

#include <errno.h>

#include "tests/support/sim.h"

/* Writes its name down. */
__attribute__((unused)) COROUTINE(note_name)
{
    trace("%s", (const char *)arg);
    return 0;
}

/* Gives its argument back. */
__attribute__((unused)) COROUTINE(give_value)
{
    *result = arg;
    return 0;
}

__attribute__((unused)) COROUTINE(fail_with_message)
{
    return weft_fail(-EIO, "broken");
}

__attribute__((unused)) COROUTINE(sleep_long)
{
    return weft_sleep(1000);
}

/* Of a task that is cancelled before its first step. */
__attribute__((unused)) COROUTINE(never_run)
{
    trace("ran");
    return 0;
}

static inline int note_soon(void *name)
{
    trace("%s", (const char *)name);
    return 0;
}

/* Writes down that an argument was released. */
static inline void note_drop(void *arg)
{
    trace("drop:%s", (const char *)arg);
}

static const weft_task_options with_drop = {.arg_drop = note_drop};

static inline weft_task *self(void)
{
    return weft_current_task();
}

#endif
