/*
 * debug_test.c - debug mode: slow steps, and where things were made. (Its sources are in loop_test.c,
 * wrong threads in callback_test.c.)
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "tests/sched/callbacks.h"
#include "tests/support/faults.h"
#include "tests/support/suite.h"

static weft_loop *loop;

static void make_loop(void)
{
    loop = virtual_loop();
    ck_assert_int_eq(weft_loop_set_debug(loop, 1), 0);
}

static void free_loop(void)
{
    ck_assert_int_eq(weft_loop_free(loop), 0);
}

/* ---- slow steps ---- */

/* What takes so many milliseconds of the loop's clock. */
static int spend(void *ms)
{
    return weft_loop_advance(loop, *(const int *)ms / 1000.0);
}

COROUTINE(spend_in_a_task)
{
    int rc = spend(arg);
    weft_yield();
    return rc;
}

static int spend_when_done(weft_future *future, void *ms)
{
    (void)future;
    return spend(ms);
}

/* A callback that takes as long as is too long causes one report, which names it and the time; one
 * that takes less causes none (DBG-05). */
START_TEST(a_slow_callback_is_reported)
{
    int quick = 99, slow = 100;
    char name[32];

    snprintf(name, sizeof(name), "callback %p ", (void *)(uintptr_t)spend);
    weft_call_soon(loop, spend, &quick, NULL);
    run_once(loop);
    ck_assert_int_eq(reports_count, 0);
    weft_call_soon(loop, spend, &slow, NULL);
    weft_call_soon(loop, spend, &quick, NULL);
    run_once(loop);
    ck_assert_int_eq(reports_count, 1);
    ck_assert_ptr_nonnull(strstr(reports_message, name));
    ck_assert_ptr_nonnull(strstr(reports_message, "took 0.100 seconds"));
    ck_assert_int_eq(reports_code, 0);
}
END_TEST

/* So does a step of a task, be it the last one, and a done callback (DBG-05). */
START_TEST(a_slow_step_is_reported)
{
    int slow = 1500;
    weft_task *task =
        weft_create_task_on(loop, spend_in_a_task, &slow, &(weft_task_options){.name = "sloth"});

    run_once(loop);
    ck_assert_int_eq(reports_count, 1);
    ck_assert_ptr_nonnull(strstr(reports_message, "task sloth took 1.500 seconds"));
    ck_assert_ptr_eq(reports_future, task);
    ck_assert_int_eq(weft_add_done_callback(task, spend_when_done, &slow), 0);
    run_once(loop); /* its second step is quick */
    ck_assert(weft_done(task));
    ck_assert_int_eq(reports_count, 1);
    run_once(loop);
    ck_assert_int_eq(reports_count, 2);
    ck_assert_ptr_nonnull(strstr(reports_message, "took 1.500 seconds"));
    weft_unref(task);
}
END_TEST

COROUTINE(spend_at_the_end)
{
    return spend(arg);
}

/* A task that nobody keeps is named although it has ended in its slow step (DBG-05). */
START_TEST(a_slow_last_step_is_reported)
{
    int slow = 250;
    weft_unref(
        weft_create_task_on(loop, spend_at_the_end, &slow, &(weft_task_options){.name = "mayfly"}));
    run_once(loop);
    ck_assert_int_eq(reports_count, 1);
    ck_assert_ptr_nonnull(strstr(reports_message, "task mayfly took 0.250 seconds"));
}
END_TEST

static int shorten(void *seconds)
{
    return weft_loop_set_slow_callback_duration(loop, *(const double *)seconds);
}

/* What is too long is 0.1 s at first, and can be set at any time (DBG-05). */
START_TEST(the_duration_can_be_set)
{
    double less = 0.01, infinite = WEFT_FOREVER;
    int ms = 50;

    ck_assert(weft_loop_get_slow_callback_duration(loop) == 0.1);
    weft_call_soon(loop, spend, &ms, NULL);
    weft_call_soon(loop, shorten, &less, NULL);
    weft_call_soon(loop, spend, &ms, NULL);
    weft_call_soon(loop, shorten, &infinite, NULL);
    weft_call_soon(loop, spend, &ms, NULL);
    run_once(loop);
    ck_assert_int_eq(reports_count, 1);
    ck_assert(isinf(weft_loop_get_slow_callback_duration(loop)));
    ck_assert_int_eq(weft_loop_set_slow_callback_duration(loop, -1), -EINVAL);
    ck_assert_int_eq(weft_loop_set_slow_callback_duration(loop, (double)NAN), -EINVAL);
    ck_assert_int_eq(weft_loop_set_slow_callback_duration(NULL, 1), -EINVAL);
    ck_assert(isnan(weft_loop_get_slow_callback_duration(NULL)));
    ck_assert(isinf(weft_loop_get_slow_callback_duration(loop)));
}
END_TEST

static int switch_debug(void *on)
{
    return weft_loop_set_debug(loop, *(const int *)on);
}

/* Switched on or off in the middle of a turn, it counts for the steps behind (DBG-13). */
START_TEST(the_switch_works_at_once)
{
    int off = 0, on = 1, slow = 200;

    weft_call_soon(loop, switch_debug, &off, NULL);
    weft_call_soon(loop, spend, &slow, NULL);
    weft_call_soon(loop, switch_debug, &on, NULL);
    weft_unref(weft_create_task_on(loop, spend_in_a_task, &slow, NULL));
    weft_call_soon(loop, switch_debug, &off, NULL);
    weft_call_soon(loop, spend, &slow, NULL);
    run_once(loop);
    ck_assert_int_eq(reports_count, 1);
    ck_assert_ptr_nonnull(strstr(reports_message, "task Task-"));
    run_once(loop);
}
END_TEST

COROUTINE(yield_twice)
{
    trace("%s%d", (const char *)arg, sim_turn());
    weft_yield();
    trace("%s%d", (const char *)arg, sim_turn());
    weft_call_soon(loop, note, "soon", NULL);
    weft_yield();
    trace("%s%d", (const char *)arg, sim_turn());
    return 0;
}

/* Debug mode changes neither the order nor the number of turns. */
START_TEST(debug_mode_keeps_the_order)
{
    char expected[sizeof(trace_text)];

    for (int debug = 0; debug < 2; debug++) {
        free_loop();
        weft_loop *l = loop = virtual_loop();
        ck_assert_int_eq(weft_loop_set_debug(l, debug), 0);
        weft_task *a = weft_create_task_on(l, yield_twice, "a", NULL);
        weft_task *b = weft_create_task_on(l, yield_twice, "b", NULL);
        weft_future *both[] = {a, b};
        weft_future *all = NULL;
        weft_set_event_loop(l);
        all = weft_gather(both, 2, 0);
        ck_assert_int_eq(weft_loop_run_until_complete(l, all, NULL), 0);
        weft_loop_stats stats;
        weft_loop_get_stats(l, &stats);
        trace("%d", (int)stats.iterations);
        if (!debug)
            snprintf(expected, sizeof(expected), "%s", trace_text);
        ck_assert_trace(expected);
        weft_unref(a);
        weft_unref(b);
        weft_unref(all);
        weft_set_event_loop(NULL);
        trace_clear();
    }
}
END_TEST

/* ---- where it was made ---- */

/* Whether one of the calls is inside the function's first so many bytes. */
static bool called_in(void *const *frames, int count, uintptr_t function)
{
    for (int i = 0; i < count; i++) {
        if ((uintptr_t)frames[i] > function && (uintptr_t)frames[i] < function + 2048)
            return true;
    }
    return false;
}

static weft_future *made;
static weft_handle *handle;

static __attribute__((noinline)) int make_all(void *how)
{
    static int none;
    weft_future *two[2];

    switch (*(const int *)how) {
    case 0:
        made = weft_create_future();
        break;
    case 1:
        made = weft_create_task(spend_in_a_task, &none, NULL);
        break;
    case 2:
        made = weft_create_task(spend_in_a_task, &none, &(weft_task_options){.name = "named"});
        break;
    case 3:
        two[0] = weft_create_future();
        made = weft_gather(two, 1, 0);
        weft_unref(two[0]);
        break;
    default:
        ck_assert_int_eq(weft_call_soon(loop, note, "", &handle), 0);
    }
    __asm__ volatile("" : : "r"(&two) : "memory"); /* no call from here is a jump */
    return 0;
}

static int traced(void **frames, int max)
{
    return handle ? weft_handle_get_source_traceback(handle, frames, max)
                  : weft_future_get_source_traceback(made, frames, max);
}

static void drop_made(void)
{
    weft_handle_unref(handle);
    handle = NULL;
    weft_unref(made);
    made = NULL;
}

COROUTINE(make_all_in_a_task)
{
    int rc = make_all(arg);
    __asm__ volatile("" : : : "memory");
    return rc;
}

/* In debug mode futures, tasks and handles know the calls that they were made in, at most ten, be it
 * in a callback or in a task (DBG-07); outside they know nothing (DBG-13). */
START_TEST(what_is_made_knows_where)
{
    void *frames[32];

    for (int how = 0; how < 5; how++) {
        for (int debug = 1; debug >= 0; debug--) {
            weft_loop_set_debug(loop, debug);
            weft_call_soon(loop, make_all, &how, NULL);
            run_once(loop);
            int count = traced(frames, 32);
            ck_assert_int_le(count, 10);
            ck_assert_int_eq(called_in(frames, count, (uintptr_t)make_all), debug);
            ck_assert_int_eq(count > 0, debug);
            run_once(loop);
            run_once(loop);
            drop_made();
            weft_unref(weft_create_task_on(loop, make_all_in_a_task, &how, NULL));
            run_once(loop);
            count = traced(frames, 32);
            ck_assert_int_eq(called_in(frames, count, (uintptr_t)make_all), debug);
            ck_assert_int_eq(called_in(frames, count, (uintptr_t)make_all_in_a_task), debug);
            if (debug) { /* the latest of them */
                void *last[1];
                ck_assert_int_eq(traced(last, 1), 1);
                ck_assert_ptr_eq(last[0], frames[count - 1]);
            }
            run_once(loop);
            run_once(loop);
            drop_made();
        }
    }
    ck_assert_int_eq(weft_future_get_source_traceback(NULL, frames, 1), -EINVAL);
    ck_assert_int_eq(weft_handle_get_source_traceback(NULL, frames, 1), -EINVAL);
}
END_TEST

static bool told_where;

static int look_where(weft_loop *l, const weft_report *report, void *arg)
{
    told_where =
        called_in(report->source_traceback, report->source_traceback_count, (uintptr_t)arg);
    return report_record(l, report, NULL);
}

static int break_down(void *arg)
{
    (void)arg;
    return -EIO;
}

static __attribute__((noinline)) void register_failing(void)
{
    weft_call_soon(loop, break_down, NULL, NULL);
    __asm__ volatile("" : : : "memory");
}

static __attribute__((noinline)) void forget_failed(void)
{
    weft_future *future = weft_future_new(loop);
    weft_future_set_exception(future, -EIO);
    weft_unref(future);
    __asm__ volatile("" : : : "memory");
}

/* A report about a future or a handle shows where it was made (DBG-07, EXH-05). */
START_TEST(reports_show_where)
{
    weft_loop_set_exception_handler(loop, look_where, (void *)(uintptr_t)register_failing);
    register_failing();
    run_once(loop);
    ck_assert_int_eq(reports_count, 1);
    ck_assert(told_where);
    told_where = false;
    weft_loop_set_exception_handler(loop, look_where, (void *)(uintptr_t)forget_failed);
    forget_failed();
    run_once(loop); /* it hears of the end */
    ck_assert_int_eq(reports_count, 2);
    ck_assert(told_where);
}
END_TEST

static void make_in_debug_mode(void)
{
    weft_loop *l =
        weft_new_event_loop(&(weft_loop_options){.clock = WEFT_CLOCK_VIRTUAL, .debug = 1});
    if (!l)
        return;
    weft_future *future = weft_future_new(l);
    weft_task *task = weft_create_task_on(l, yield_twice, "x", NULL);
    weft_handle *h = NULL;
    ck_assert_int_eq(weft_call_soon(l, note, "", &h), h ? 0 : -ENOMEM);
    weft_cancel(task);
    run_once(l);
    ck_assert(!task || weft_cancelled(task));
    weft_handle_unref(h);
    weft_unref(task);
    weft_unref(future);
    ck_assert_int_eq(weft_loop_free(l), 0);
}

/* Without memory what is made in debug mode is refused as it is otherwise. */
START_TEST(faults_are_met)
{
    ck_assert_int_gt((int)run_with_each_fault(FAULT_ALLOC, ENOMEM, make_in_debug_mode), 2);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("debug");
    TCase *tcase = tcase_create("debug");

    tcase_add_checked_fixture(tcase, make_loop, free_loop);
    tcase_add_test(tcase, a_slow_callback_is_reported);
    tcase_add_test(tcase, a_slow_step_is_reported);
    tcase_add_test(tcase, a_slow_last_step_is_reported);
    tcase_add_test(tcase, the_duration_can_be_set);
    tcase_add_test(tcase, the_switch_works_at_once);
    tcase_add_test(tcase, debug_mode_keeps_the_order);
    tcase_add_test(tcase, what_is_made_knows_where);
    tcase_add_test(tcase, reports_show_where);
    tcase_add_test(tcase, faults_are_met);
    suite_add_tcase(suite, tcase);
    return suite_main(suite);
}
