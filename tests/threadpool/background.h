/*
 * background.h - a runtime of two loops in the background, for each test, and tasks to submit.
 */
#ifndef WEFT_TESTS_THREADPOOL_BACKGROUND_H
#define WEFT_TESTS_THREADPOOL_BACKGROUND_H

#include <semaphore.h>
#include <stdbool.h>

#include "tests/support/sim.h"

static weft_runner runner;
static weft_loop *loop;

/* A runtime of two loops in the background, as in an existing server. */
static inline void open_runtime(void)
{
    weft_runner_options options = {.loops = 2};
    ck_assert_int_eq(weft_runner_init(&runner, &options), 0);
    ck_assert_int_eq(weft_runner_start(&runner), 0);
    loop = weft_runner_get_loop(&runner);
    weft_loop_set_exception_handler(loop, report_record, NULL);
}

static inline void close_runtime(void)
{
    ck_assert_int_eq(weft_runner_close(&runner), 0);
}

static inline int give(void *arg, void **result)
{
    *result = arg;
    return 0;
}

static inline int swallow(void *arg, void **result)
{
    sem_post(arg);
    ck_assert_int_eq(weft_sleep(WEFT_FOREVER), WEFT_ECANCELLED);
    *result = arg;
    sem_post(arg);
    return 0;
}

#endif
