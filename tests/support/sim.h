/*
 * sim.h - a run on one loop and virtual time, with a record of what happened in which order.
 *
 * What the test sees goes into trace.h's record; the loop's reports are recorded beside it, by one
 * thread: any may read reports_count.
 */
#ifndef WEFT_TESTS_SUPPORT_SIM_H
#define WEFT_TESTS_SUPPORT_SIM_H

#include <check.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <weft/weft.h>

#include "tests/support/trace.h"

/* The head of a coroutine that need not use all that it is given. */
#define COROUTINE(name) \
    static int name(__attribute__((unused)) void *arg, __attribute__((unused)) void **result)

/* A test that is the main task of a run on virtual time. Its body is that of a coroutine. */
#define START_SIM(name)                                  \
    COROUTINE(name##_main);                              \
    START_TEST(name)                                     \
    {                                                    \
        ck_assert_int_eq(sim_run(name##_main, NULL), 0); \
    }                                                    \
    END_TEST                                             \
    COROUTINE(name##_main)

/* What the exception handler was told: how often, and the latest. */
static _Atomic int reports_count;
static char reports_message[128];
static char reports_error[128]; /* the error's message */
static int reports_code;
static const void *reports_future; /* only to compare */

__attribute__((unused)) static int report_record(weft_loop *loop, const weft_report *report,
                                                 void *arg)
{
    (void)loop;
    (void)arg;
    const char *message = weft_error_message(report->error);
    snprintf(reports_message, sizeof(reports_message), "%s", report->message);
    snprintf(reports_error, sizeof(reports_error), "%s", message ? message : "");
    reports_code = report->code;
    reports_future = report->future;
    reports_count++;
    return 0;
}

struct sim_body {
    weft_coroutine main;
    void *arg;
};

__attribute__((unused)) static int sim_main(void *arg, void **result)
{
    const struct sim_body *body = arg;
    weft_loop_set_exception_handler(weft_get_running_loop(), report_record, NULL);
    return body->main(body->arg, result);
}

/* Runs main as the first task of one loop on virtual time, with reports recorded. */
__attribute__((unused)) static int sim_run(weft_coroutine main, void *arg)
{
    weft_runner_options options = {.loops = 1, .clock = WEFT_CLOCK_VIRTUAL};
    struct sim_body body = {main, arg};
    return weft_run_with(&options, sim_main, &body, NULL);
}

/* How many descriptors the running loop's poller has open, once it has any. */
__attribute__((unused)) static int poller_descriptors(void)
{
    return strcmp(weft_loop_poller(weft_get_running_loop()), "io_uring") ? 2 : 3;
}

/* The number of the running iteration. */
__attribute__((unused)) static int sim_turn(void)
{
    weft_loop_stats stats;
    ck_assert_int_eq(weft_loop_get_stats(weft_get_running_loop(), &stats), 0);
    return (int)stats.iterations;
}

/* The running loop's time. */
__attribute__((unused)) static double sim_now(void)
{
    return weft_loop_time(weft_get_running_loop());
}

/* The message of the current error, or "-". */
__attribute__((unused)) static const char *sim_said(void)
{
    const char *message = weft_error_message(weft_error_current());
    return message ? message : "-";
}

/* Waits until the condition holds, which something that sets the event makes true. */
#define sim_await_told(event, condition)                 \
    do {                                                 \
        while (!(condition)) {                           \
            weft_event_clear(event);                     \
            ck_assert_int_eq(weft_event_wait(event), 0); \
        }                                                \
    } while (0)

/* Awaits the future that is its argument, and ends as that does. */
__attribute__((unused)) COROUTINE(sim_await)
{
    return weft_await(arg, result);
}

/* Sleeps until it is cancelled. */
__attribute__((unused)) COROUTINE(sim_sleep)
{
    return weft_sleep(WEFT_FOREVER);
}

/* Has the poller asked, and lets what it brings run: iterations alone ask it after 64 steps. Time passes. */
__attribute__((unused)) static void sim_ask_poller(void)
{
    ck_assert_int_eq(weft_sleep(1), 0);
}

/* Lets so many iterations pass. */
__attribute__((unused)) static void sim_pass(int turns)
{
    while (turns-- > 0)
        ck_assert_int_eq(weft_yield(), 0);
}

#endif
