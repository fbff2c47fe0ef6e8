/*
 * run_fault_test.c - weft_run() that is stopped, ends fatally, or finds no memory and no thread.
 */
#include "tests/sched/runs.h"
#include "tests/support/faults.h"
#include "tests/support/suite.h"

COROUTINE(stop_early)
{
    weft_loop_stop(weft_get_running_loop());
    int rc = weft_sleep(1);
    ck_assert_int_eq(rc, WEFT_ECANCELLED);
    trace("cancelled");
    *result = values;
    return 0;
}

/* When something stops the loop before main is done, the run fails, after a clean-up that has
 * cancelled main like any other task (RUN-20). */
START_TEST(a_stopped_run_fails)
{
    void *result = NULL;
    ck_assert_int_eq(run(stop_early, NULL, &result), WEFT_ELOOPSTOPPED);
    ck_assert_ptr_null(result);
    ck_assert_trace("cancelled");
}
END_TEST

COROUTINE(end_fatally)
{
    weft_unref(weft_create_task(clean_up_slowly, NULL, NULL));
    weft_yield();
    return weft_fail(*(int *)arg, "the end");
}

/* A fatal error of main comes out of the run like any other, after the clean-up. */
START_TEST(a_fatal_error_comes_out)
{
    int codes[] = {WEFT_EINTERRUPTED, WEFT_ESYSTEMEXIT};
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(run(end_fatally, &codes[i], NULL), codes[i]);
        ck_assert_trace("cleaned");
    }
}
END_TEST

static int mains_begun;

COROUTINE(counts_itself)
{
    mains_begun++;
    return 0;
}

static void run_counted(void)
{
    int rc = run(counts_itself, NULL, NULL);
    ck_assert(rc == 0 || rc == -ENOMEM);
    ck_assert_int_eq(mains_begun, rc == 0); /* or its clean-up had no memory, which is reported */
}

/* A run that cannot begin for want of memory does not begin main behind the caller's back. */
START_TEST(main_does_not_begin_later)
{
    ck_assert_uint_ge(run_with_each_fault(FAULT_ALLOC, ENOMEM, run_counted), 4);
}
END_TEST

COROUTINE(add)
{
    int rc = weft_sleep(0.001);
    *result = (char *)arg + 1;
    return rc;
}

/* Everything that a small program does: tasks, a timer, a callback, a job, a leftover. */
COROUTINE(small_program)
{
    void *sum = NULL;
    int rc = 0;
    weft_loop_set_exception_handler(weft_get_running_loop(), report_record, NULL);
    weft_task *leftover = weft_create_task(sim_sleep, NULL, NULL);
    if (!leftover)
        return -errno;
    weft_unref(leftover);
    rc = weft_join(weft_create_task(add, arg, &(weft_task_options){.name = "adder"}), &sum);
    if (rc)
        return rc;
    weft_future *called = weft_create_future();
    if (!called)
        return -errno;
    rc = weft_call_soon(weft_get_running_loop(), note, "called", NULL);
    weft_unref(called);
    if (rc)
        return rc;
    weft_future *job = weft_to_thread(quick_job, NULL);
    if (!job)
        return -errno;
    rc = weft_join(job, NULL);
    *result = sum;
    return rc;
}

static void run_small_program(void)
{
    void *result = NULL;
    int rc = weft_run_with(&(weft_runner_options){.loops = 1}, small_program, values, &result);
    ck_assert_msg(rc == 0 || rc == -ENOMEM || rc == -EAGAIN, "%s", weft_error_name(rc));
    ck_assert_ptr_eq(result, rc ? NULL : values + 1);
}

/* A run that meets a refusal gives its error, or does without; either way it is cleaned up. */
START_TEST(a_run_with_faults)
{
    ck_assert_uint_ge(run_with_each_fault(FAULT_ALLOC, ENOMEM, run_small_program), 8);
    ck_assert_uint_ge(run_with_each_fault(FAULT_MMAP, ENOMEM, run_small_program), 2);
    ck_assert_uint_ge(run_with_each_fault(FAULT_MPROTECT, ENOMEM, run_small_program), 1);
    run_with_each_fault(FAULT_MADVISE, EINVAL, run_small_program);
    ck_assert_uint_ge(run_with_each_fault(FAULT_THREAD, EAGAIN, run_small_program), 1);
}
END_TEST

COROUTINE(program_that_works)
{
    ck_assert_int_eq(small_program(arg, result), 0);
    return 0;
}

static void run_that_works(void)
{
    void *result = NULL;
    ck_assert_int_eq(
        weft_run_with(&(weft_runner_options){.loops = 1}, program_that_works, values, &result), 0);
    ck_assert_ptr_eq(result, values + 1);
    ck_assert_int_eq(reports_count, 0);
}

/* What only helps can be missing: signal stacks and handlers, membarrier, sleeping on a futex. */
START_TEST(a_run_without_helpers)
{
    run_with_fault(FAULT_SIGALTSTACK, 1, EPERM, true, run_that_works);
    run_with_fault(FAULT_SIGACTION, 1, EPERM, true, run_that_works);
    run_with_fault(FAULT_MEMBARRIER, 1, ENOSYS, true, run_that_works);
    run_with_fault(FAULT_FUTEX, 1, EINTR, true, run_that_works);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        a_stopped_run_fails, a_fatal_error_comes_out, main_does_not_begin_later,
        a_run_with_faults,   a_run_without_helpers,
    };
    Suite *suite = suite_create("run_fault");
    TCase *tcase = tcase_create("faults");
    for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
        tcase_add_test(tcase, tests[i]);
    suite_add_tcase(suite, tcase);
    return suite_main(suite);
}
