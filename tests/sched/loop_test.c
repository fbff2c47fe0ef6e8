/*
 * loop_test.c - a loop's life: what it runs and counts, what it refuses, and what it needs.
 */
#include <pthread.h>

#include "tests/sched/open_loop.h"
#include "tests/support/faults.h"
#include "tests/support/suite.h"

/* A run lasts until it is stopped, and another can follow (LIFE-01). */
START_TEST(runs_again_after_stop)
{
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(weft_call_soon(loop, note, "a", NULL), 0);
        ck_assert_int_eq(weft_call_later(loop, 1, stop, loop, NULL), 0);
        ck_assert_int_eq(weft_loop_run_forever(loop), 0);
        ck_assert_trace("a");
    }
    ck_assert_double_eq(weft_loop_time(loop), 3);
}
END_TEST

static int run_loop_inside(void *inner)
{
    weft_future *f = weft_future_new((weft_loop *)inner);
    ck_assert_int_eq(weft_loop_run_forever((weft_loop *)inner), WEFT_ELOOPRUNNING);
    ck_assert_int_eq(weft_loop_run_until_complete((weft_loop *)inner, f, NULL), WEFT_ELOOPRUNNING);
    weft_unref(f);
    trace("refused");
    return 0;
}

/* Neither the running loop nor another can be run inside a run, and the attempt leaves the run
 * undisturbed (LIFE-02, LIFE-26). */
START_TEST(does_not_nest)
{
    weft_loop *other = virtual_loop();

    weft_call_soon(loop, run_loop_inside, loop, NULL);
    weft_call_soon(loop, run_loop_inside, other, NULL);
    weft_call_later(loop, 1, note, "goes on", NULL);
    weft_call_later(loop, 2, stop, loop, NULL);
    ck_assert_int_eq(weft_loop_run_forever(loop), 0);
    ck_assert_trace("refused refused goes on");
    run_once(other);
    weft_loop_free(other);
}
END_TEST

static void *run_from_thread(void *arg)
{
    (void)arg;
    ck_assert_int_eq(weft_loop_run_forever(loop), WEFT_ELOOPRUNNING);
    ck_assert_int_eq(weft_loop_close(loop), WEFT_ELOOPRUNNING);
    ck_assert_int_eq(weft_loop_free(loop), WEFT_ELOOPRUNNING);
    return NULL;
}

static int run_elsewhere(void *arg)
{
    pthread_t thread;
    (void)arg;
    ck_assert_int_eq(pthread_create(&thread, NULL, run_from_thread, NULL), 0);
    pthread_join(thread, NULL);
    return weft_loop_stop(loop);
}

/* A loop that runs in one thread can be neither run nor closed by another (LIFE-02, LIFE-15). */
START_TEST(is_run_by_one_thread)
{
    weft_call_soon(loop, run_elsewhere, NULL, NULL);
    ck_assert_int_eq(weft_loop_run_forever(loop), 0);
}
END_TEST

/* A closed loop cannot be run (LIFE-03). */
START_TEST(does_not_run_when_closed)
{
    weft_future *f = weft_future_new(loop);
    ck_assert_int_eq(weft_loop_close(loop), 0);
    ck_assert_int_eq(weft_loop_run_forever(loop), WEFT_ELOOPCLOSED);
    ck_assert_int_eq(weft_loop_run_until_complete(loop, f, NULL), WEFT_ELOOPCLOSED);
    weft_unref(f);
}
END_TEST

/* A stop before the run allows exactly one iteration, which does not wait (LIFE-04). */
START_TEST(stop_before_run_gives_one_iteration)
{
    weft_call_soon(loop, note_and_queue, "a", NULL);
    weft_call_later(loop, 10, note, "late", NULL);
    run_once(loop);
    ck_assert_trace("a");
    ck_assert_double_eq(weft_loop_time(loop), 0);
    run_once(loop);
    ck_assert_trace("queued");
    run_once(loop);
    ck_assert_trace("");
    ck_assert_double_eq(weft_loop_time(loop), 0);
}
END_TEST

/* Stopped inside an iteration, the loop runs what was queued for it, and no more; the next run is
 * not affected by the stop (LIFE-05, LIFE-06). */
START_TEST(stop_finishes_the_iteration)
{
    weft_call_soon(loop, note, "a", NULL);
    weft_call_soon(loop, stop, loop, NULL);
    weft_call_soon(loop, note_and_queue, "b", NULL);
    weft_call_soon(loop, note, "c", NULL);
    ck_assert_int_eq(weft_loop_run_forever(loop), 0);
    ck_assert_trace("a b c");

    weft_call_soon(loop, note, "d", NULL);
    weft_call_later(loop, 1, stop, loop, NULL);
    ck_assert_int_eq(weft_loop_run_forever(loop), 0);
    ck_assert_trace("queued d");
    ck_assert_double_eq(weft_loop_time(loop), 1);
}
END_TEST

static weft_loop *real;

static void *stop_from_thread(void *arg)
{
    (void)arg;
    wait_until_parked(real);
    ck_assert_int_eq(weft_call_soon_threadsafe(real, stop, real, NULL), 0);
    return NULL;
}

/* Another thread stops a loop that waits without limit by a callback (LIFE-07, LIFE-23). */
START_TEST(is_stopped_from_a_thread)
{
    pthread_t thread;
    real = weft_new_event_loop(NULL);
    ck_assert_int_eq(pthread_create(&thread, NULL, stop_from_thread, NULL), 0);
    ck_assert_int_eq(weft_loop_run_forever(real), 0);
    pthread_join(thread, NULL);
    weft_loop_free(real);
}
END_TEST

/* Debug mode is off unless the environment or the maker of the loop says otherwise; the environment
 * is read when the loop is made, and an explicit wish beats it (DBG-01, DBG-02). */
START_TEST(debug_mode_has_three_sources)
{
    static const struct {
        const char *environment;
        int option, on;
    } cases[] = {
        {NULL, 0, 0}, {NULL, 1, 1}, {NULL, -1, 0}, {"", 0, 0},    {"", 1, 1},
        {"1", 0, 1},  {"0", 0, 1},  {"1", -1, 0},  {"yes", 1, 1},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        unsetenv("WEFT_DEBUG");
        if (cases[i].environment)
            setenv("WEFT_DEBUG", cases[i].environment, 1);
        weft_loop *l = weft_new_event_loop(&(weft_loop_options){.debug = cases[i].option});
        ck_assert_int_eq(weft_loop_get_debug(l), cases[i].on);
        unsetenv("WEFT_DEBUG");
        ck_assert_int_eq(weft_loop_get_debug(l), cases[i].on);
        ck_assert_int_eq(weft_loop_set_debug(l, !cases[i].on), 0);
        ck_assert_int_eq(weft_loop_get_debug(l), !cases[i].on);
        weft_loop_free(l);
    }
}
END_TEST

/* What is no loop, and options that mean nothing, are refused. */
START_TEST(bad_arguments_are_refused)
{
    weft_loop_stats stats;

    ck_assert_ptr_null(weft_new_event_loop(&(weft_loop_options){.clock = (weft_clock)7}));
    ck_assert_int_eq(errno, EINVAL);
    ck_assert_ptr_null(weft_new_event_loop(&(weft_loop_options){.stack_bytes = SIZE_MAX}));
    ck_assert_int_eq(errno, EINVAL);
    ck_assert_int_eq(weft_loop_run_forever(NULL), -EINVAL);
    ck_assert_int_eq(weft_loop_stop(NULL), -EINVAL);
    ck_assert_int_eq(weft_loop_close(NULL), -EINVAL);
    ck_assert_int_eq(weft_loop_free(NULL), 0);
    ck_assert_int_eq(weft_loop_set_debug(NULL, 1), -EINVAL);
    ck_assert_int_eq(weft_loop_get_stats(NULL, &stats), -EINVAL);
    ck_assert_int_eq(weft_loop_get_stats(loop, NULL), -EINVAL);
    ck_assert(isnan(weft_loop_time(NULL)));
    ck_assert(weft_loop_is_closed(NULL));
    ck_assert(!weft_loop_is_running(NULL));
}
END_TEST

/* The counters count: first steps, steps, turns. */
START_TEST(stats_count)
{
    weft_loop_stats stats;
    char bytes[2];

    weft_task *task = weft_create_task_on(loop, add_one, bytes, NULL);
    weft_call_soon(loop, note, "a", NULL);
    ck_assert_int_eq(weft_loop_run_until_complete(loop, task, NULL), 0);
    weft_unref(task);
    ck_assert_int_eq(weft_loop_get_stats(loop, &stats), 0);
    ck_assert_uint_eq(stats.tasks, 1);
    /* Its arrival and its first step, the callback, its wake-up, its second step, the stop. */
    ck_assert_uint_ge(stats.switches, 4);
    ck_assert_uint_le(stats.switches, 6);
    ck_assert_uint_ge(stats.iterations, 3);
    ck_assert_uint_eq(stats.stolen, 0);
}
END_TEST

/* A life from start to end, for faults to meet. */
static void life(void)
{
    char bytes[2];
    void *result = NULL;
    weft_loop *l = weft_new_event_loop(&(weft_loop_options){.clock = WEFT_CLOCK_VIRTUAL});
    if (!l) {
        ck_assert_int_eq(errno, ENOMEM);
        return;
    }
    weft_loop_set_exception_handler(l, report_record, NULL);
    weft_task *task = weft_create_task_on(l, add_one, bytes, NULL);
    int rc = task ? weft_loop_run_until_complete(l, task, &result) : -errno;
    if (!rc)
        ck_assert_ptr_eq(result, bytes + 1);
    else
        ck_assert_int_eq(rc, -ENOMEM);
    weft_unref(task);
    ck_assert_int_eq(weft_loop_free(l), 0);
}

/* Without memory a loop, a task or a run fails with ENOMEM, and nothing is lost; what is only a
 * matter of thrift is done without. */
START_TEST(life_without_memory)
{
    ck_assert_uint_ge(run_with_each_fault(FAULT_ALLOC, ENOMEM, life), 3);
    ck_assert_uint_ge(run_with_each_fault(FAULT_MMAP, ENOMEM, life), 2);
    ck_assert_uint_ge(run_with_each_fault(FAULT_MPROTECT, ENOMEM, life), 1);
    run_with_each_fault(FAULT_MADVISE, EINVAL, life);
}
END_TEST

/* What a task does, with no fault that it could notice. */
static void works(void)
{
    char bytes[2];
    weft_loop *l = virtual_loop();
    weft_task *task = weft_create_task_on(l, add_one, bytes, NULL);
    ck_assert_int_eq(weft_loop_run_until_complete(l, task, NULL), 0);
    weft_unref(task);
    weft_loop_free(l);
}

/* A thread that cannot have an alternate signal stack, or a process that cannot have a handler,
 * runs loops without. */
START_TEST(life_without_signal_stacks)
{
    ck_assert_uint_ge(run_with_each_fault(FAULT_SIGALTSTACK, EPERM, works), 1);
    ck_assert_uint_ge(run_with_each_fault(FAULT_SIGACTION, EPERM, works), 1);
    ck_assert_uint_ge(run_with_each_fault(FAULT_MEMBARRIER, ENOSYS, works), 1);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        runs_again_after_stop,
        does_not_nest,
        is_run_by_one_thread,
        does_not_run_when_closed,
        stop_before_run_gives_one_iteration,
        stop_finishes_the_iteration,
        is_stopped_from_a_thread,
        debug_mode_has_three_sources,
        bad_arguments_are_refused,
        stats_count,
    };
    Suite *suite = suite_create("loop");
    TCase *tcase = tcase_create("life cycle");
    tcase_add_checked_fixture(tcase, make_loop, free_loop);
    for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
        tcase_add_test(tcase, tests[i]);
    suite_add_tcase(suite, tcase);

    TCase *faults = tcase_create("faults");
    tcase_add_test(faults, life_without_memory);
    tcase_add_test(faults, life_without_signal_stacks);
    suite_add_tcase(suite, faults);
    return suite_main(suite);
}
