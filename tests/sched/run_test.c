/*
 * run_test.c - weft_run(): a runtime for one coroutine, from start to clean-up.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <unistd.h>

#include "tests/sched/callbacks.h"
#include "tests/support/faults.h"
#include "tests/support/suite.h"

static const weft_runner_options virtual_time = {.clock = WEFT_CLOCK_VIRTUAL, .debug = -1};

static int run(weft_coroutine main, void *arg, void **ret_result)
{
    return weft_run_with(&virtual_time, main, arg, ret_result);
}

COROUTINE(never)
{
    return weft_sleep(WEFT_FOREVER);
}

/* Not static, so that the address is no constant to the compiler. */
static char values[4];

/* ---- what main gives ---- */

COROUTINE(give_back)
{
    ck_assert_ptr_nonnull(weft_get_running_loop());
    ck_assert_ptr_nonnull(weft_current_task());
    int rc = weft_sleep(1);
    *result = (char *)arg + 1;
    return rc;
}

/* The main coroutine runs as a task on a loop of its own, and its result is given back (RUN-01). */
START_TEST(gives_the_result)
{
    void *result = NULL;
    ck_assert_int_eq(run(give_back, values, &result), 0);
    ck_assert_ptr_eq(result, values + 1);
    ck_assert_int_eq(weft_run(give_back, values, &result), 0);
    ck_assert_int_eq(run(give_back, values, NULL), 0);
    ck_assert_ptr_null(weft_get_running_loop());
}
END_TEST

COROUTINE(clean_up_slowly)
{
    int rc = weft_sleep(WEFT_FOREVER);
    ck_assert_int_eq(rc, WEFT_ECANCELLED);
    weft_sleep(5);
    trace("cleaned");
    return rc;
}

COROUTINE(fail_with_leftover)
{
    weft_unref(weft_create_task(clean_up_slowly, NULL, NULL));
    weft_yield();
    return weft_fail(-EIO, "disk %d", 7);
}

/* An error of main is handed on unchanged, with its object, after all of the clean-up (RUN-02). */
START_TEST(gives_the_error)
{
    void *result = values;
    ck_assert_int_eq(run(fail_with_leftover, NULL, &result), -EIO);
    ck_assert_ptr_eq(result, values);
    ck_assert_str_eq(weft_error_message(weft_error_current()), "disk 7");
    ck_assert_trace("cleaned");
}
END_TEST

COROUTINE(not_started)
{
    ck_abort_msg("this main must not run");
    return 0;
}

static int run_in_callback(void *arg)
{
    ck_assert_int_eq(weft_run(not_started, NULL, NULL), WEFT_ELOOPRUNNING);
    return weft_future_set_result(arg, NULL);
}

COROUTINE(run_inside)
{
    ck_assert_int_eq(weft_run(not_started, NULL, NULL), WEFT_ELOOPRUNNING);
    ck_assert_int_eq(run(not_started, NULL, NULL), WEFT_ELOOPRUNNING);
    weft_future *called = weft_create_future();
    weft_call_soon(weft_get_running_loop(), run_in_callback, called, NULL);
    return weft_join(called, NULL);
}

/* Inside any running loop it is refused, and main is not started (RUN-03). */
START_TEST(refuses_to_nest)
{
    ck_assert_int_eq(run(run_inside, NULL, NULL), 0);
}
END_TEST

/* What is no coroutine, and options that mean nothing, are refused (RUN-04). */
START_TEST(refuses_bad_arguments)
{
    const weft_runner_options bad[] = {
        {.loops = -1},
        {.loops = 65},
        {.loops = 2, .clock = WEFT_CLOCK_VIRTUAL},
        {.clock = (weft_clock)5},
        {.max_threads = -1},
        {.shutdown_timeout = -1},
        {.shutdown_timeout = NAN},
        {.stack_bytes = SIZE_MAX},
    };
    ck_assert_int_eq(weft_run(NULL, NULL, NULL), -EINVAL);
    ck_assert_int_eq(run(NULL, NULL, NULL), -EINVAL);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        ck_assert_int_eq(weft_run_with(&bad[i], not_started, NULL, NULL), -EINVAL);
}
END_TEST

COROUTINE(check_debug)
{
    ck_assert_int_eq(weft_loop_get_debug(weft_get_running_loop()), *(int *)arg);
    return 0;
}

/* The option switches debug mode; without it the environment does (RUN-05). */
START_TEST(debug_mode_is_an_option)
{
    int on = 1, off = 0;
    weft_runner_options options = {.loops = 1};
    for (int environment = 0; environment < 2; environment++) {
        if (environment)
            setenv("WEFT_DEBUG", "1", 1);
        else
            unsetenv("WEFT_DEBUG");
        options.debug = 0;
        ck_assert_int_eq(weft_run_with(&options, check_debug, environment ? &on : &off, NULL), 0);
        options.debug = 1;
        ck_assert_int_eq(weft_run_with(&options, check_debug, &on, NULL), 0);
        options.debug = -1;
        ck_assert_int_eq(weft_run_with(&options, check_debug, &off, NULL), 0);
    }
}
END_TEST

/* ---- which loop ---- */

static int factory_calls;
static weft_loop *factory_made;

static weft_loop *make_loop(void *arg)
{
    ck_assert_ptr_eq(arg, values);
    factory_calls++;
    factory_made = virtual_loop();
    return factory_made;
}

static weft_loop *make_nothing(void *arg)
{
    errno = *(int *)arg;
    return NULL;
}

COROUTINE(check_factory_loop)
{
    ck_assert_ptr_eq(weft_get_running_loop(), factory_made);
    weft_unref(weft_create_task(clean_up_slowly, NULL, NULL));
    return weft_yield();
}

/* A loop factory is called once, and the loop it makes is used, and closed; a factory that fails
 * fails the run (RUN-06). */
START_TEST(a_factory_makes_the_loop)
{
    int code = EMFILE;
    weft_runner_options options = {.loop_factory = make_loop, .loop_factory_arg = values};
    ck_assert_int_eq(weft_run_with(&options, check_factory_loop, NULL, NULL), 0);
    ck_assert_int_eq(factory_calls, 1);
    ck_assert_trace("cleaned");
    options = (weft_runner_options){.loop_factory = make_nothing, .loop_factory_arg = &code};
    ck_assert_int_eq(weft_run_with(&options, not_started, NULL, NULL), -EMFILE);
}
END_TEST

COROUTINE(set_another_loop)
{
    ck_assert_ptr_eq(weft_get_event_loop(), weft_get_running_loop());
    return weft_set_event_loop(arg);
}

/* The loop of a run is the thread's current one meanwhile; afterwards none is, whatever was before
 * (RUN-07). */
START_TEST(the_current_loop_is_unset_afterwards)
{
    weft_loop *before = virtual_loop();
    weft_set_event_loop(before);
    ck_assert_int_eq(run(give_back, values, NULL), 0);
    ck_assert_ptr_null(weft_get_event_loop());
    ck_assert_int_eq(errno, -WEFT_ENOLOOP);
    ck_assert_int_eq(run(set_another_loop, before, NULL), 0);
    ck_assert_ptr_null(weft_get_event_loop());
    weft_loop_free(before);
}
END_TEST

/* With a factory the thread's current loop is left as it is (RUN-08). */
START_TEST(a_factory_leaves_the_current_loop)
{
    weft_runner_options options = {.loop_factory = make_loop, .loop_factory_arg = values};
    weft_loop *before = virtual_loop();
    weft_set_event_loop(before);
    ck_assert_int_eq(weft_run_with(&options, give_back, values, NULL), 0);
    ck_assert_ptr_eq(weft_get_event_loop(), before);
    weft_set_event_loop(NULL);
    ck_assert_int_eq(weft_run_with(&options, give_back, values, NULL), 0);
    ck_assert_ptr_null(weft_get_event_loop());
    weft_loop_free(before);
}
END_TEST

/* ---- clean-up ---- */

static atomic_bool leftover_is_done, job_is_done;

COROUTINE(job_after_leftover)
{
    while (!atomic_load(&leftover_is_done))
        sched_yield();
    atomic_store(&job_is_done, true);
    return 0;
}

COROUTINE(quick_job)
{
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
    kept[0] = weft_create_task(never, NULL, NULL);
    kept[1] = weft_create_task(clean_up_slowly, NULL, NULL);
    weft_yield();
    kept[2] = weft_create_task(never, NULL, NULL);
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
    kept[0] = weft_create_task(never, NULL, &(weft_task_options){.name = "late"});
    kept[1] = weft_create_task_on(weft_get_running_loop(), never, values,
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

COROUTINE(use_much)
{
    weft_unref(weft_create_task(never, NULL, NULL));
    return weft_join(weft_create_task(give_back, values, NULL), result);
}

/* It can be called any number of times, each time with a fresh loop, and leaves nothing open
 * (RUN-16). */
START_TEST(runs_many_times)
{
    int descriptors = count_descriptors();
    for (int i = 0; i < 100; i++) {
        void *result = NULL;
        ck_assert_int_eq(run(use_much, NULL, &result), 0);
        ck_assert_ptr_eq(result, values + 1);
    }
    ck_assert_int_eq(count_descriptors(), descriptors);
}
END_TEST

enum { RUNS = 4 };
static atomic_int running;
static _Atomic(weft_loop *) loops[RUNS];

COROUTINE(meet)
{
    int number = atomic_fetch_add(&running, 1);
    atomic_store(&loops[number], weft_get_running_loop());
    while (atomic_load(&running) < RUNS)
        ck_assert_int_eq(weft_yield(), 0);
    *result = arg;
    return 0;
}

static void *run_in_thread(void *arg)
{
    void *result = NULL;
    ck_assert_int_eq(weft_run_with(&(weft_runner_options){.loops = 1}, meet, arg, &result), 0);
    ck_assert_ptr_eq(result, arg);
    return NULL;
}

/* Several threads can be inside it at the same time, each with loops of its own (RUN-17). */
START_TEST(threads_run_side_by_side)
{
    pthread_t threads[RUNS];
    for (int i = 0; i < RUNS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, run_in_thread, &values[i]), 0);
    for (int i = 0; i < RUNS; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < RUNS; i++)
        for (int j = 0; j < i; j++)
            ck_assert_ptr_ne(atomic_load(&loops[i]), atomic_load(&loops[j]));
}
END_TEST

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

/* ---- faults ---- */

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
    weft_task *leftover = weft_create_task(never, NULL, NULL);
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

static Suite *run_suite(void)
{
    const TTest *const tests[] = {
        gives_the_result,
        gives_the_error,
        refuses_to_nest,
        refuses_bad_arguments,
        debug_mode_is_an_option,
        a_factory_makes_the_loop,
        the_current_loop_is_unset_afterwards,
        a_factory_leaves_the_current_loop,
        the_clean_up_has_an_order,
        leftovers_are_cancelled,
        a_failing_leftover_is_reported,
        leftovers_may_take_long,
        late_tasks_are_destroyed,
        a_stuck_pool_is_left,
        runs_many_times,
        threads_run_side_by_side,
        a_stopped_run_fails,
        a_fatal_error_comes_out,
        a_fatal_leftover,
        main_does_not_begin_later,
        a_run_with_faults,
        a_run_without_helpers,
    };
    Suite *suite = suite_create("run");
    TCase *runs = tcase_create("runs");
    for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
        tcase_add_test(runs, tests[i]);
    suite_add_tcase(suite, runs);
    return suite;
}

int main(void)
{
    return suite_main(run_suite());
}
