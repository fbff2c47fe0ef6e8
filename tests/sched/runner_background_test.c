/*
 * runner_background_test.c - a runner whose loops run on threads of their own from the start.
 */
#include <stdatomic.h>

#include "tests/sched/runners.h"
#include "tests/support/faults.h"
#include "tests/support/suite.h"

/* A started runner runs its loops on threads of its own: it takes work from this one, runs no
 * second time, and is ended by close. */
START_TEST(a_runner_in_the_background)
{
    int threads = count_threads();
    for (int loops = 1; loops <= 3; loops += 2) {
        weft_runner runner;
        void *where = NULL;
        open_runner(&runner, loops);
        ck_assert_int_eq(weft_runner_start(&runner), 0);
        ck_assert_int_eq(weft_runner_start(&runner), WEFT_ELOOPRUNNING);
        ck_assert_int_eq(weft_runner_run(&runner, not_started, NULL, NULL), WEFT_ELOOPRUNNING);
        for (int i = 0; i < loops; i++) {
            weft_loop *loop = weft_runner_loop_at(&runner, i);
            weft_future *future = weft_run_coroutine_threadsafe(where_am_i, NULL, loop);
            ck_assert_ptr_nonnull(future);
            ck_assert_int_eq(weft_future_wait(future, WEFT_FOREVER, &where), 0);
            ck_assert_ptr_eq(where, loop);
            weft_unref(future);
            ck_assert(weft_loop_is_running(loop));
        }
        ck_assert_ptr_null(weft_get_running_loop());
        ck_assert_int_eq(weft_runner_close(&runner), 0);
        ck_assert_int_eq(weft_runner_start(&runner), WEFT_ECLOSED);
        ck_assert_int_eq(count_threads(), threads);
    }
}
END_TEST

/* Without a thread the start fails, and can be tried again. */
START_TEST(a_start_without_a_thread)
{
    weft_runner runner;
    open_runner(&runner, 2);
    ck_assert_ptr_nonnull(weft_runner_get_loop(&runner));
    wf_fault_arm(FAULT_THREAD, 1, EAGAIN, false);
    ck_assert_int_eq(weft_runner_start(&runner), -EAGAIN);
    wf_fault_reset();
    ck_assert_int_eq(weft_runner_run(&runner, do_nothing, NULL, NULL), 0);
    ck_assert_int_eq(weft_runner_start(&runner), 0);
    ck_assert_int_eq(weft_runner_close(&runner), 0);
}
END_TEST

/* Close right after start, before the thread may have got anywhere. */
START_TEST(close_right_after_start)
{
    for (int i = 0; i < 50; i++) {
        weft_runner runner;
        open_runner(&runner, 1 + i % 3);
        ck_assert_int_eq(weft_runner_start(&runner), 0);
        ck_assert_int_eq(weft_runner_close(&runner), 0);
    }
}
END_TEST

COROUTINE(stop_my_loop)
{
    weft_loop_stop(weft_get_running_loop());
    return 0;
}

COROUTINE(break_my_loop)
{
    return WEFT_EINTERRUPTED;
}

static atomic_int background_reports;

static int count_report(weft_loop *loop, const weft_report *report, void *arg)
{
    (void)loop;
    (void)arg;
    atomic_fetch_add(&background_reports, report->code == WEFT_EINTERRUPTED);
    return 0;
}

/* Neither stop() nor a fatal error, which is reported, keeps a loop of the background from going
 * on: close still finds it at work. */
START_TEST(background_loops_go_on)
{
    weft_runner runner;
    open_runner(&runner, 2);
    weft_loop_set_exception_handler(weft_runner_get_loop(&runner), count_report, NULL);
    ck_assert_int_eq(weft_runner_start(&runner), 0);
    for (int i = 0; i < 2; i++) {
        weft_loop *loop = weft_runner_loop_at(&runner, i);
        weft_coroutine bodies_to_run[] = {stop_my_loop, break_my_loop, do_nothing};
        int expected[] = {0, WEFT_EINTERRUPTED, 0};
        for (int j = 0; j < 3; j++) {
            weft_future *future = weft_run_coroutine_threadsafe(bodies_to_run[j], NULL, loop);
            ck_assert_int_eq(weft_future_wait(future, WEFT_FOREVER, NULL), expected[j]);
            weft_unref(future);
        }
    }
    ck_assert_int_eq(weft_runner_close(&runner), 0);
    ck_assert_int_ge(atomic_load(&background_reports), 2);
}
END_TEST

static void use_background(void)
{
    weft_runner runner;
    open_runner(&runner, 2);
    int rc = weft_runner_start(&runner);
    if (!rc) {
        weft_loop *loop = weft_runner_loop_at(&runner, 1);
        weft_future *future = weft_run_coroutine_threadsafe(
            where_am_i, NULL, loop ? loop : weft_runner_get_loop(&runner));
        if (future)
            rc = weft_future_wait(future, WEFT_FOREVER, NULL);
        weft_unref(future);
    }
    ck_assert_msg(rc == 0 || rc == -ENOMEM || rc == -EAGAIN, "%s", weft_error_name(rc));
    ck_assert_int_eq(weft_runner_close(&runner), 0);
}

static void close_with_sleepers(void)
{
    weft_runner runner;
    int made = 0;
    open_runner(&runner, 2);
    weft_loop *loop = weft_runner_get_loop(&runner);
    if (loop && weft_runner_start(&runner) == 0) {
        weft_loop_set_exception_handler(loop, report_record, NULL);
        for (int i = 0; i < 6; i++) {
            weft_loop *at = weft_runner_loop_at(&runner, i % 2);
            weft_task *task =
                at ? weft_create_task_on(at, sleep_until_cancelled, NULL, NULL) : NULL;
            made += task != NULL;
            weft_unref(task);
        }
        /* One may fail for want of a stack. */
        WAIT_FOR(atomic_load(&begun) >= made - 1);
    }
    ck_assert_int_eq(weft_runner_close(&runner), 0);
}

/* So does one in the background; none of its threads is lost to what it can do without. */
START_TEST(a_background_with_faults)
{
    ck_assert_uint_ge(run_with_each_fault(FAULT_ALLOC, ENOMEM, use_background), 5);
    ck_assert_uint_ge(run_with_each_fault(FAULT_THREAD, EAGAIN, use_background), 2);
    ck_assert_uint_ge(run_with_each_fault(FAULT_SIGALTSTACK, EPERM, use_background), 2);
    ck_assert_uint_ge(run_with_each_fault(FAULT_ALLOC, ENOMEM, close_with_sleepers), 10);
    run_with_fault(FAULT_SIGALTSTACK, 1, EPERM, true, use_background);
    run_with_fault(FAULT_SIGACTION, 1, EPERM, true, use_background);
    run_with_fault(FAULT_MMAP, 1, ENOMEM, true, use_background);
    run_with_fault(FAULT_FUTEX, 1, EINTR, true, use_background);
    run_with_fault(FAULT_FUTEX, 1, EAGAIN, false, use_background);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        a_runner_in_the_background, a_start_without_a_thread, close_right_after_start,
        background_loops_go_on,     a_background_with_faults,
    };
    Suite *suite = suite_create("runner_background");
    TCase *tcase = tcase_create("in the background");
    for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
        tcase_add_test(tcase, tests[i]);
    suite_add_tcase(suite, tcase);
    return suite_main(suite);
}
