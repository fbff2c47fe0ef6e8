/*
 * callbacks.h - small callbacks, and a loop that is driven by hand on virtual time.
 */
#ifndef WEFT_TESTS_SCHED_CALLBACKS_H
#define WEFT_TESTS_SCHED_CALLBACKS_H

#include <check.h>
#include <sched.h>
#include <weft/weft.h>

#include "tests/support/sim.h"

/* Appends its argument to the record. */
static inline int note(void *word)
{
    trace("%s", (const char *)word);
    return 0;
}

/* Stops the loop that is its argument. */
static inline int stop(void *loop)
{
    return weft_loop_stop((weft_loop *)loop);
}

/* Runs one iteration of a loop that is not running. */
static inline void run_once(weft_loop *loop)
{
    ck_assert_int_eq(weft_loop_stop(loop), 0);
    ck_assert_int_eq(weft_loop_run_forever(loop), 0);
}

/* An open loop on virtual time that records its reports. */
static inline weft_loop *virtual_loop(void)
{
    weft_loop_options options = {.clock = WEFT_CLOCK_VIRTUAL, .debug = -1};
    weft_loop *loop = weft_new_event_loop(&options);
    ck_assert_ptr_nonnull(loop);
    weft_loop_set_exception_handler(loop, report_record, NULL);
    return loop;
}

/* Waits, on another thread, until the loop's has gone to sleep once. */
static inline void wait_until_parked(const weft_loop *loop)
{
    weft_loop_stats stats;
    do {
        sched_yield();
        ck_assert_int_eq(weft_loop_get_stats(loop, &stats), 0);
    } while (!stats.parks);
}

#endif
