/*
 * run_until_complete_test.c - a loop that runs until a task or future is done.
 */
#include "tests/sched/open_loop.h"
#include "tests/support/suite.h"

static int fail_later(void *arg, void **result)
{
    (void)arg;
    (void)result;
    int rc = weft_sleep(1);
    return rc ? rc : weft_fail(-EIO, "disk %d", 3);
}

/* A run until a task is done gives its result or its error (LIFE-08). */
START_TEST(run_until_complete_gives_the_outcome)
{
    char bytes[2];
    void *result = NULL;
    weft_task *task = weft_create_task_on(loop, add_one, bytes, NULL);
    ck_assert_int_eq(weft_loop_run_until_complete(loop, task, &result), 0);
    ck_assert_ptr_eq(result, bytes + 1);
    weft_unref(task);

    result = NULL;
    task = weft_create_task_on(loop, fail_later, NULL, NULL);
    ck_assert_int_eq(weft_loop_run_until_complete(loop, task, &result), -EIO);
    ck_assert_ptr_null(result);
    ck_assert_str_eq(weft_error_message(weft_error_current()), "disk 3");
    weft_unref(task);
    ck_assert_double_eq(weft_loop_time(loop), 2);
}
END_TEST

/* Neither nothing nor a future of another loop can be run (LIFE-09). */
START_TEST(run_until_complete_refuses_strangers)
{
    weft_loop *other = virtual_loop();
    weft_future *theirs = weft_future_new(other), *nobodys = weft_future_new(NULL);
    ck_assert_int_eq(weft_loop_run_until_complete(loop, NULL, NULL), -EINVAL);
    ck_assert_int_eq(weft_loop_run_until_complete(NULL, theirs, NULL), -EINVAL);
    ck_assert_int_eq(weft_loop_run_until_complete(loop, theirs, NULL), -EINVAL);
    ck_assert_int_eq(weft_loop_run_until_complete(loop, nobodys, NULL), -EINVAL);
    weft_unref(theirs);
    weft_unref(nobodys);
    weft_loop_free(other);
}
END_TEST

/* Stopped before the future is done, the run fails, the future is still pending, and a later run
 * can finish it; the first run left no callback on it that would stop others (LIFE-10, LIFE-12). */
START_TEST(run_until_complete_can_be_resumed)
{
    char bytes[2];
    void *result = NULL;
    weft_task *task = weft_create_task_on(loop, add_one, bytes, NULL);
    weft_call_soon(loop, stop, loop, NULL);
    ck_assert_int_eq(weft_loop_run_until_complete(loop, task, &result), WEFT_ELOOPSTOPPED);
    ck_assert(!weft_done(task));
    ck_assert_ptr_null(result);

    weft_call_later(loop, 5, stop, loop, NULL);
    ck_assert_int_eq(weft_loop_run_forever(loop), 0);
    ck_assert_double_eq(weft_loop_time(loop), 5);
    ck_assert(weft_done(task));
    ck_assert_int_eq(weft_loop_run_until_complete(loop, task, &result), 0);
    ck_assert_ptr_eq(result, bytes + 1);
    weft_unref(task);
}
END_TEST

/* For a future that is done already, one iteration is run (LIFE-11). */
START_TEST(run_until_complete_of_a_done_future)
{
    int value;
    void *result = NULL;
    weft_future *f = weft_future_new(loop);
    weft_future_set_result(f, &value);
    weft_call_soon(loop, note_and_queue, "a", NULL);
    ck_assert_int_eq(weft_loop_run_until_complete(loop, f, &result), 0);
    ck_assert_ptr_eq(result, &value);
    ck_assert_trace("a");
    weft_unref(f);
}
END_TEST

static int interrupt(void *arg)
{
    return weft_fail(*(int *)arg, "enough");
}

/* A fatal error out of a callback ends a run at once with that error; the loop is not running then,
 * a future that was waited for has lost the run's callback, and what was queued runs in the next
 * run (LIFE-12, LIFE-13). */
START_TEST(a_fatal_error_ends_the_run)
{
    int codes[] = {WEFT_EINTERRUPTED, WEFT_ESYSTEMEXIT};
    for (int i = 0; i < 4; i++) {
        weft_future *f = weft_future_new(loop);
        weft_call_soon(loop, note, "a", NULL);
        weft_call_soon(loop, interrupt, &codes[i % 2], NULL);
        weft_call_soon(loop, note, "b", NULL);
        ck_assert_int_eq(i < 2 ? weft_loop_run_forever(loop)
                               : weft_loop_run_until_complete(loop, f, NULL),
                         codes[i % 2]);
        ck_assert_trace("a");
        ck_assert(!weft_loop_is_running(loop));

        weft_future_set_result(f, NULL);
        weft_call_later(loop, 1, stop, loop, NULL);
        ck_assert_int_eq(weft_loop_run_forever(loop), 0);
        ck_assert_trace("b");
        ck_assert_double_eq(weft_loop_time(loop), i + 1);
        weft_unref(f);
    }
}
END_TEST

static int end_fatally(void *arg, void **result)
{
    (void)result;
    int rc = weft_sleep(1);
    return rc ? rc : weft_fail(*(int *)arg, "the end");
}

/* A future that itself ends with a fatal error passes that to the run, counts as looked at, and
 * leaves no stop behind (LIFE-14). */
START_TEST(a_fatal_future_leaves_no_stop)
{
    int codes[] = {WEFT_EINTERRUPTED, WEFT_ESYSTEMEXIT};

    for (int i = 0; i < 2; i++) {
        double start = weft_loop_time(loop);
        weft_task *task = weft_create_task_on(loop, end_fatally, &codes[i], NULL);
        ck_assert_int_eq(weft_loop_run_until_complete(loop, task, NULL), codes[i]);
        ck_assert(weft_done(task));
        weft_unref(task);

        weft_call_later(loop, 10, stop, loop, NULL);
        ck_assert_int_eq(weft_loop_run_forever(loop), 0);
        ck_assert_double_eq(weft_loop_time(loop), start + 11);
    }
    ck_assert_int_eq(reports_count, 0);
}
END_TEST

/* A task can be cancelled while no thread runs its loop: it ends in the next run. */
START_TEST(cancels_between_runs)
{
    weft_task *sleeper = weft_create_task_on(loop, sim_sleep, NULL, NULL);
    weft_call_later(loop, 1, stop, loop, NULL);
    ck_assert_int_eq(weft_loop_run_forever(loop), 0);
    ck_assert_int_eq(weft_cancel(sleeper), 1);
    ck_assert_int_eq(weft_loop_run_until_complete(loop, sleeper, NULL), WEFT_ECANCELLED);
    weft_unref(sleeper);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        run_until_complete_gives_the_outcome,
        run_until_complete_refuses_strangers,
        run_until_complete_can_be_resumed,
        run_until_complete_of_a_done_future,
        a_fatal_error_ends_the_run,
        a_fatal_future_leaves_no_stop,
        cancels_between_runs,
    };
    Suite *suite = suite_create("run_until_complete");
    TCase *tcase = tcase_create("run until complete");
    tcase_add_checked_fixture(tcase, make_loop, free_loop);
    for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
        tcase_add_test(tcase, tests[i]);
    suite_add_tcase(suite, tcase);
    return suite_main(suite);
}
