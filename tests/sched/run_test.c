/*
 * run_test.c - weft_run(): a runtime for one coroutine, from start to end.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "tests/sched/runs.h"
#include "tests/support/faults.h"
#include "tests/support/suite.h"

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

COROUTINE(use_much)
{
    weft_unref(weft_create_task(sim_sleep, NULL, NULL));
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

int main(void)
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
        runs_many_times,
        threads_run_side_by_side,
    };
    Suite *suite = suite_create("run");
    TCase *tcase = tcase_create("runs");
    for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
        tcase_add_test(tcase, tests[i]);
    suite_add_tcase(suite, tcase);
    return suite_main(suite);
}
