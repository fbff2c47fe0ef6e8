/*
 * runs.h - a run on one loop and virtual time, and a task that the clean-up must end.
 */
#ifndef WEFT_TESTS_SCHED_RUNS_H
#define WEFT_TESTS_SCHED_RUNS_H

#include "tests/sched/callbacks.h"

static const weft_runner_options virtual_time = {.clock = WEFT_CLOCK_VIRTUAL, .debug = -1};

static inline int run(weft_coroutine main, void *arg, void **ret_result)
{
    return weft_run_with(&virtual_time, main, arg, ret_result);
}

static char values[4];

__attribute__((unused)) COROUTINE(clean_up_slowly)
{
    int rc = weft_sleep(WEFT_FOREVER);
    ck_assert_int_eq(rc, WEFT_ECANCELLED);
    weft_sleep(5);
    trace("cleaned");
    return rc;
}

__attribute__((unused)) COROUTINE(quick_job)
{
    return 0;
}

#endif
