/*
 * runner_test.c - a runner of one loop: what its runs give, leave behind and refuse.
 */
#include "runtime/task/future.h"
#include "tests/sched/runners.h"
#include "tests/support/suite.h"

static char values[4];

COROUTINE(give_back)
{
    int rc = weft_sleep(1);
    *result = (char *)arg + 1;
    return rc;
}

COROUTINE(fail_at_once)
{
    return weft_fail(-EIO, "%s", (const char *)arg);
}

static int factory_calls;
static weft_loop *factory_made;

static weft_loop *make_loop(void *arg)
{
    (void)arg;
    factory_calls++;
    return factory_made = virtual_loop();
}

/* To prepare a runner makes no loop; the first run or get_loop() does, once, and it stays the same
 * until close (RNR-01, RNR-03, RNR-04, RNR-18). */
START_TEST(the_loop_is_made_when_needed)
{
    weft_runner runner;
    weft_runner_options options = {.loop_factory = make_loop, .debug = -1};
    for (int first = 0; first < 2; first++) {
        factory_calls = 0;
        ck_assert_int_eq(weft_runner_init(&runner, &options), 0);
        ck_assert_int_eq(factory_calls, 0);
        ck_assert_int_eq(weft_runner_loops(&runner), 0);
        if (first == 0)
            ck_assert_ptr_eq(weft_runner_get_loop(&runner), factory_made);
        for (int i = 0; i < 3; i++) {
            ck_assert_int_eq(weft_runner_run(&runner, give_back, values, NULL), 0);
            ck_assert_ptr_eq(weft_runner_get_loop(&runner), factory_made);
        }
        ck_assert_int_eq(factory_calls, 1);
        ck_assert_int_eq(weft_runner_loops(&runner), 1);
        ck_assert_ptr_eq(weft_runner_loop_at(&runner, 0), factory_made);
        ck_assert_int_eq(weft_runner_close(&runner), 0);
        ck_assert_int_eq(weft_runner_loops(&runner), 0);
    }
}
END_TEST

/* A run gives main's result or error, and one that failed leaves the runner as good as before
 * (RNR-07, RNR-10). */
START_TEST(a_run_gives_the_outcome)
{
    weft_runner runner;
    void *result = NULL;
    weft_runner_init(&runner, &virtual_time);
    ck_assert_int_eq(weft_runner_run(&runner, give_back, values, &result), 0);
    ck_assert_ptr_eq(result, values + 1);
    ck_assert_int_eq(weft_runner_run(&runner, fail_at_once, "first", &result), -EIO);
    ck_assert_str_eq(weft_error_message(weft_error_current()), "first");
    ck_assert_int_eq(weft_runner_run(&runner, give_back, values + 1, &result), 0);
    ck_assert_ptr_eq(result, values + 2);
    ck_assert_double_eq(weft_loop_time(weft_runner_get_loop(&runner)), 2);
    ck_assert_int_eq(weft_runner_close(&runner), 0);
}
END_TEST

/* What is no coroutine, and options out of range, are refused (RNR-08). */
START_TEST(bad_arguments_are_refused)
{
    weft_runner runner;
    ck_assert_int_eq(weft_runner_init(NULL, NULL), -EINVAL);
    ck_assert_int_eq(weft_runner_init(&runner, &(weft_runner_options){.loops = 100}), -EINVAL);
    ck_assert_int_eq(weft_runner_init(&runner, &virtual_time), 0);
    ck_assert_int_eq(weft_runner_run(&runner, NULL, NULL, NULL), -EINVAL);
    ck_assert_ptr_null(weft_runner_loop_at(&runner, -1));
    ck_assert_int_eq(errno, EINVAL);
    ck_assert_ptr_null(weft_runner_loop_at(&runner, 1));
    ck_assert_int_eq(errno, EINVAL);
    ck_assert_int_eq(weft_runner_close(&runner), 0);
    ck_assert_int_eq(weft_runner_close(NULL), -EINVAL);
    ck_assert_int_eq(weft_runner_loops(NULL), 0);
    ck_assert_ptr_null(weft_runner_get_loop(NULL));
}
END_TEST

COROUTINE(run_inside)
{
    weft_runner other;
    ck_assert_int_eq(weft_runner_run(arg, not_started, NULL, NULL), WEFT_ELOOPRUNNING);
    weft_runner_init(&other, &virtual_time);
    ck_assert_int_eq(weft_runner_run(&other, not_started, NULL, NULL), WEFT_ELOOPRUNNING);
    ck_assert_int_eq(weft_runner_close(&other), 0);
    ck_assert_int_eq(weft_runner_close(arg), WEFT_ELOOPRUNNING);
    ck_assert_int_eq(weft_runner_start(arg), WEFT_ELOOPRUNNING);
    return 0;
}

/* Inside a running loop no runner can be run, and a runner cannot be closed from inside (RNR-09). */
START_TEST(runs_do_not_nest)
{
    weft_runner runner;
    weft_runner_init(&runner, &virtual_time);
    ck_assert_int_eq(weft_runner_run(&runner, run_inside, &runner, NULL), 0);
    ck_assert_int_eq(weft_runner_close(&runner), 0);
}
END_TEST

static double resumed_at;

COROUTINE(sleep_long)
{
    int rc = weft_sleep(10);
    resumed_at = weft_loop_time(weft_get_running_loop());
    trace("%s", rc ? weft_error_name(rc) : "resumed");
    return rc;
}

COROUTINE(leave_behind)
{
    weft_unref(weft_create_task(sleep_long, NULL, NULL));
    return weft_yield();
}

COROUTINE(sleep_for)
{
    return weft_sleep(*(double *)arg);
}

/* Tasks that a run leaves unfinished are not cancelled: they go on in the next one (RNR-11). */
START_TEST(leftovers_go_on_in_the_next_run)
{
    weft_runner runner;
    double seconds = 20;
    weft_runner_init(&runner, &virtual_time);
    ck_assert_int_eq(weft_runner_run(&runner, leave_behind, NULL, NULL), 0);
    ck_assert_trace("");
    ck_assert_int_eq(weft_runner_run(&runner, sleep_for, &seconds, NULL), 0);
    ck_assert_trace("resumed");
    ck_assert_double_eq(resumed_at, 10);
    ck_assert_int_eq(weft_runner_close(&runner), 0);
}
END_TEST

COROUTINE(quick_job)
{
    trace("job");
    return 0;
}

COROUTINE(leave_much_behind)
{
    weft_unref(weft_create_task(sleep_long, NULL, NULL));
    weft_unref(weft_to_thread(quick_job, NULL));
    return weft_yield();
}

/* Close cancels and awaits what is left, and ends the pool and the loop; a second close does
 * nothing, and everything else is refused (RNR-02, RNR-12, RNR-13, RNR-15). */
START_TEST(close_ends_it_all)
{
    weft_runner runner;
    int threads = count_threads();
    weft_runner_init(&runner, &(weft_runner_options){.loops = 1});
    ck_assert_int_eq(weft_runner_run(&runner, leave_much_behind, NULL, NULL), 0);
    ck_assert_int_eq(weft_runner_close(&runner), 0);
    ck_assert(strstr(trace_text, "job"));
    ck_assert(strstr(trace_text, "WEFT_ECANCELLED"));
    ck_assert_int_eq(count_threads(), threads);
    ck_assert_int_eq(weft_runner_close(&runner), 0);
    ck_assert_int_eq(weft_runner_run(&runner, not_started, NULL, NULL), WEFT_ECLOSED);
    ck_assert_int_eq(weft_runner_start(&runner), WEFT_ECLOSED);
    ck_assert_ptr_null(weft_runner_get_loop(&runner));
    ck_assert_int_eq(errno, -WEFT_ECLOSED);
    ck_assert_ptr_null(weft_runner_loop_at(&runner, 0));
    ck_assert_int_eq(errno, -WEFT_ECLOSED);
}
END_TEST

/* Closing a runner that was never used leaves it usable (RNR-14). */
START_TEST(close_of_an_unused_runner_does_nothing)
{
    weft_runner runner;
    weft_runner_init(&runner, &virtual_time);
    ck_assert_int_eq(weft_runner_close(&runner), 0);
    ck_assert_int_eq(weft_runner_run(&runner, give_back, values, NULL), 0);
    ck_assert_int_eq(weft_runner_close(&runner), 0);
}
END_TEST

/* The runner sets its loop as the thread's current one when it is made, not at each run, and
 * unsets it in close; with a factory it does neither (RNR-16). */
START_TEST(the_current_loop_is_set_once)
{
    weft_runner runner;
    weft_loop *other = virtual_loop();
    weft_runner_init(&runner, &virtual_time);
    weft_loop *loop = weft_runner_get_loop(&runner);
    ck_assert_ptr_eq(weft_get_event_loop(), loop);
    weft_set_event_loop(other);
    ck_assert_int_eq(weft_runner_run(&runner, do_nothing, NULL, NULL), 0);
    ck_assert_ptr_eq(weft_get_event_loop(), other);
    weft_runner_close(&runner);
    ck_assert_ptr_null(weft_get_event_loop());

    weft_set_event_loop(other);
    weft_runner_init(&runner, &(weft_runner_options){.loop_factory = make_loop});
    ck_assert_int_eq(weft_runner_run(&runner, do_nothing, NULL, NULL), 0);
    ck_assert_ptr_eq(weft_get_event_loop(), other);
    weft_runner_close(&runner);
    ck_assert_ptr_eq(weft_get_event_loop(), other);
    weft_loop_free(other);
}
END_TEST

/* Debug mode is applied to the loop when it is made; unset leaves what it has (RNR-17). */
START_TEST(debug_mode_is_applied)
{
    for (int debug = -1; debug <= 1; debug++) {
        weft_runner runner;
        weft_runner_init(&runner, &(weft_runner_options){.loops = 2, .debug = debug});
        ck_assert_int_eq(weft_loop_get_debug(weft_runner_get_loop(&runner)), debug > 0);
        ck_assert_int_eq(weft_loop_get_debug(weft_runner_loop_at(&runner, 1)), debug > 0);
        weft_runner_close(&runner);
        weft_runner_init(&runner,
                         &(weft_runner_options){.loop_factory = make_loop, .debug = debug});
        ck_assert_int_eq(weft_loop_get_debug(weft_runner_get_loop(&runner)), debug > 0);
        weft_runner_close(&runner);
    }
}
END_TEST

/* A loop that the program has closed does not keep the runner from closing (RNR-19). */
START_TEST(close_copes_with_a_closed_loop)
{
    weft_runner runner;
    weft_runner_init(&runner, &virtual_time);
    ck_assert_int_eq(weft_runner_run(&runner, leave_behind, NULL, NULL), 0);
    weft_loop_set_exception_handler(weft_runner_get_loop(&runner), report_record, NULL);
    ck_assert_int_eq(weft_loop_close(weft_runner_get_loop(&runner)), 0);
    ck_assert_int_eq(reports_count, 1);
    ck_assert_int_eq(weft_runner_run(&runner, not_started, NULL, NULL), WEFT_ELOOPCLOSED);
    ck_assert_int_eq(weft_runner_close(&runner), 0);
    ck_assert_int_eq(weft_runner_run(&runner, not_started, NULL, NULL), WEFT_ECLOSED);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        the_loop_is_made_when_needed,
        a_run_gives_the_outcome,
        bad_arguments_are_refused,
        runs_do_not_nest,
        leftovers_go_on_in_the_next_run,
        close_ends_it_all,
        close_of_an_unused_runner_does_nothing,
        the_current_loop_is_set_once,
        debug_mode_is_applied,
        close_copes_with_a_closed_loop,
    };
    Suite *suite = suite_create("runner");
    TCase *tcase = tcase_create("runs");
    for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
        tcase_add_test(tcase, tests[i]);
    suite_add_tcase(suite, tcase);
    return suite_main(suite);
}
