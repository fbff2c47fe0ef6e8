/*
 * runners.h - what the suites of runners share: runners of so many loops, threads that are counted,
 * and bodies to run.
 */
#ifndef WEFT_TESTS_SCHED_RUNNERS_H
#define WEFT_TESTS_SCHED_RUNNERS_H

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "tests/sched/callbacks.h"
#include "tests/support/faults.h"

static const weft_runner_options virtual_time = {.clock = WEFT_CLOCK_VIRTUAL, .debug = -1};

#define WAIT_FOR(condition)  \
    do {                     \
        while (!(condition)) \
            sched_yield();   \
    } while (0)

static inline void open_runner(weft_runner *runner, int loops)
{
    ck_assert_int_eq(weft_runner_init(runner, &(weft_runner_options){.loops = loops, .debug = -1}),
                     0);
}

static inline void *nothing(void *arg)
{
    return arg;
}

/* The threads of the process; a sanitizer's own are counted from the start. */
static inline int count_threads(void)
{
    pthread_t first;
    ck_assert_int_eq(pthread_create(&first, NULL, nothing, NULL), 0);
    pthread_join(first, NULL);
    return count_entries("/proc/self/task");
}

__attribute__((unused)) COROUTINE(not_started)
{
    ck_abort_msg("this coroutine must not run");
    return 0;
}

__attribute__((unused)) COROUTINE(do_nothing)
{
    return 0;
}

enum { MANY = 2000 };

static atomic_int bodies;

__attribute__((unused)) COROUTINE(count_body)
{
    atomic_fetch_add(&bodies, 1);
    *result = arg;
    return 0;
}

__attribute__((unused)) COROUTINE(where_am_i)
{
    weft_yield();
    *result = weft_get_running_loop();
    return 0;
}

static atomic_int begun;
static atomic_int ended;

__attribute__((unused)) COROUTINE(sleep_until_cancelled)
{
    weft_loop *home = weft_get_running_loop();
    atomic_fetch_add(&begun, 1);
    int rc = weft_sleep(WEFT_FOREVER);
    ck_assert_int_eq(rc, WEFT_ECANCELLED);
    weft_yield();
    ck_assert_ptr_eq(weft_get_running_loop(), home);
    atomic_fetch_add(&ended, 1);
    return rc;
}

#endif
