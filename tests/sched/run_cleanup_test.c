/*
 * run_cleanup_test.c - the clean-up at the end of weft_run(): what is cancelled, awaited, reported
 * and left.
 */
#include <sched.h>
#include <stdatomic.h>

#include "tests/sched/runs.h"
#include "tests/support/faults.h"
#include "tests/support/suite.h"

static atomic_bool leftover_is_done, job_is_done;

COROUTINE(job_after_leftover)
{
    while (!atomic_load(&leftover_is_done))
        sched_yield();
    atomic_store(&job_is_done, true);
    return 0;
}

/* Uses the pool after it was cancelled. */
COROUTINE(leftover_with_job)
{
    int rc = weft_sleep(WEFT_FOREVER);
    ck_assert_int_eq(rc, WEFT_ECANCELLED);
    ck_assert_int_eq(weft_join(weft_to_thread(quick_job, NULL), NULL), 0);
    trace("leftover");
    atomic_store(&leftover_is_done, true);
    return rc;
}

COROUTINE(end_as_told)
{
    weft_unref(weft_create_task(leftover_with_job, NULL, NULL));
    weft_future *job = weft_to_thread(job_after_leftover, NULL);
    ck_assert_ptr_nonnull(job);
    weft_unref(job);
    weft_yield();
    int code = *(int *)arg;
    if (code == WEFT_ECANCELLED) {
        weft_cancel(weft_current_task());
        return weft_sleep(1);
    }
    return code;
}

/* The clean-up cancels the tasks and waits for them, then for the pool, whether main returned,
 * failed or was cancelled: the pool works while tasks end, and a job that ends only after them is
 * waited for (RUN-09, RUN-19). */
START_TEST(the_clean_up_has_an_order)
{
    int codes[] = {0, -EIO, WEFT_ECANCELLED};
    for (int i = 0; i < 3; i++) {
        atomic_store(&leftover_is_done, false);
        atomic_store(&job_is_done, false);
        ck_assert_int_eq(
            weft_run_with(&(weft_runner_options){.loops = 1}, end_as_told, &codes[i], NULL),
            codes[i]);
        ck_assert(atomic_load(&job_is_done));
        ck_assert_trace("leftover");
    }
}
END_TEST

static weft_task *kept[3];

COROUTINE(leave_behind)
{
    weft_loop_set_exception_handler(weft_get_running_loop(), report_record, NULL);
    kept[0] = weft_create_task(sim_sleep, NULL, NULL);
    kept[1] = weft_create_task(clean_up_slowly, NULL, NULL);
    weft_yield();
    kept[2] = weft_create_task(sim_sleep, NULL, NULL);
    return 0;
}

/* Tasks that main leaves behind, one of them just made, are cancelled and awaited, and nothing is
 * reported about them (RUN-10, RUN-12). */
START_TEST(leftovers_are_cancelled)
{
    ck_assert_int_eq(run(leave_behind, NULL, NULL), 0);
    ck_assert_trace("cleaned");
    for (int i = 0; i < 3; i++) {
        ck_assert(weft_cancelled(kept[i]));
        weft_unref(kept[i]);
    }
    ck_assert_int_eq(reports_count, 0);
}
END_TEST

COROUTINE(break_on_cancel)
{
    ck_assert_int_eq(weft_sleep(WEFT_FOREVER), WEFT_ECANCELLED);
    return weft_fail(-EPIPE, "while ending");
}

COROUTINE(swallow_cancel)
{
    ck_assert_int_eq(weft_sleep(WEFT_FOREVER), WEFT_ECANCELLED);
    return 0;
}

COROUTINE(leave_behind_breaking)
{
    weft_loop_set_exception_handler(weft_get_running_loop(), report_record, NULL);
    kept[0] = weft_create_task(break_on_cancel, NULL, NULL);
    weft_unref(weft_create_task(swallow_cancel, NULL, NULL));
    weft_yield();
    *result = values;
    return 0;
}

/* A leftover that fails while it is cancelled is reported, with its error and itself, and the
 * result stays; one that swallows the cancellation is not (RUN-11, RUN-12). */
START_TEST(a_failing_leftover_is_reported)
{
    void *result = NULL;
    ck_assert_int_eq(run(leave_behind_breaking, NULL, &result), 0);
    ck_assert_ptr_eq(result, values);
    ck_assert_int_eq(reports_count, 1);
    ck_assert_int_eq(reports_code, -EPIPE);
    ck_assert_str_eq(reports_error, "while ending");
    ck_assert_ptr_nonnull(strstr(reports_message, "shutdown"));
    ck_assert_ptr_eq(reports_future, kept[0]);
    weft_unref(kept[0]);
}
END_TEST

COROUTINE(take_long)
{
    for (int i = 0; i < 10; i++)
        (void)weft_sleep(100); /* cancelled once, it goes on */
    *(double *)arg = weft_loop_time(weft_get_running_loop());
    return 0;
}

COROUTINE(leave_behind_long)
{
    weft_unref(weft_create_task(take_long, arg, NULL));
    return weft_yield();
}

/* There is no time limit for leftovers (RUN-13). */
START_TEST(leftovers_may_take_long)
{
    double ended = 0;
    ck_assert_int_eq(run(leave_behind_long, &ended, NULL), 0);
    ck_assert_double_eq(ended, 900);
}
END_TEST

static int drops;

static void drop(void *value)
{
    (void)value;
    drops++;
}

COROUTINE(create_another)
{
    (void)weft_sleep(WEFT_FOREVER);
    kept[0] = weft_create_task(sim_sleep, NULL, &(weft_task_options){.name = "late"});
    kept[1] = weft_create_task_on(weft_get_running_loop(), sim_sleep, values,
                                  &(weft_task_options){.arg_drop = drop});
    return 0;
}

COROUTINE(leave_behind_creating)
{
    weft_loop_set_exception_handler(weft_get_running_loop(), report_record, NULL);
    weft_unref(weft_create_task(create_another, NULL, NULL));
    return weft_yield();
}

/* Leftovers are collected once: a task made while they end is not awaited, but destroyed with its
 * loop and reported so (RUN-14). */
START_TEST(late_tasks_are_destroyed)
{
    ck_assert_int_eq(run(leave_behind_creating, NULL, NULL), 0);
    ck_assert_int_eq(reports_count, 2);
    ck_assert_str_eq(reports_message, "Task was destroyed but it is pending!");
    ck_assert(weft_done(kept[0]));
    ck_assert(weft_done(kept[1]));
    weft_unref(kept[0]);
    weft_unref(kept[1]);
}
END_TEST

static atomic_bool job_may_end, job_ended;

COROUTINE(stuck_job)
{
    while (!atomic_load(&job_may_end))
        sched_yield();
    atomic_store(&job_ended, true);
    return 0;
}

COROUTINE(start_stuck_job)
{
    weft_loop_set_exception_handler(weft_get_running_loop(), report_record, NULL);
    kept[0] = weft_to_thread(stuck_job, NULL);
    return 0;
}

/* When the pool does not end in time, that is reported, and the run is over all the same
 * (RUN-15). */
START_TEST(a_stuck_pool_is_left)
{
    weft_runner_options options = {.loops = 1, .shutdown_timeout = 0.001};
    ck_assert_int_eq(weft_run_with(&options, start_stuck_job, NULL, NULL), 0);
    ck_assert(!atomic_load(&job_ended));
    ck_assert_int_eq(reports_count, 1);
    ck_assert_ptr_nonnull(strstr(reports_message, "still running"));
    atomic_store(&job_may_end, true);
    ck_assert_int_eq(weft_future_wait(kept[0], WEFT_FOREVER, NULL), 0);
    weft_unref(kept[0]);
}
END_TEST

COROUTINE(cleans_up_fatally)
{
    int rc = weft_sleep(100);
    trace("cleaning");
    return rc ? WEFT_ESYSTEMEXIT : 0;
}

COROUTINE(leaves_two)
{
    weft_unref(weft_create_task(cleans_up_fatally, NULL, NULL));
    weft_unref(weft_create_task(clean_up_slowly, NULL, NULL));
    return weft_yield();
}

/* A leftover that fails fatally ends the winding down too: what is left then is ended with the loop,
 * and nothing of it is lost. */
START_TEST(a_fatal_leftover)
{
    ck_assert_int_eq(run(leaves_two, NULL, NULL), 0);
    ck_assert_trace("cleaning");
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        the_clean_up_has_an_order, leftovers_are_cancelled,  a_failing_leftover_is_reported,
        leftovers_may_take_long,   late_tasks_are_destroyed, a_stuck_pool_is_left,
        a_fatal_leftover,
    };
    Suite *suite = suite_create("run_cleanup");
    TCase *tcase = tcase_create("clean-up");
    for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
        tcase_add_test(tcase, tests[i]);
    suite_add_tcase(suite, tcase);
    return suite_main(suite);
}
