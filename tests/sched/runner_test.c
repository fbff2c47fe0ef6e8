/*
 * runner_test.c - runners: one runtime for many runs, loops on every core, the background.
 *
 * What happens on other threads is waited for as a condition: a task holds its loop until others
 * have come as far.
 */
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <unistd.h>

#include "runtime/task/future.h"
#include "tests/sched/callbacks.h"
#include "tests/support/faults.h"
#include "tests/support/suite.h"

static const weft_runner_options virtual_time = {.clock = WEFT_CLOCK_VIRTUAL, .debug = -1};
static char values[4];

#define WAIT_FOR(condition)  \
    do {                     \
        while (!(condition)) \
            sched_yield();   \
    } while (0)

static void open_runner(weft_runner *runner, int loops)
{
    ck_assert_int_eq(weft_runner_init(runner, &(weft_runner_options){.loops = loops, .debug = -1}),
                     0);
}

static void *nothing(void *arg)
{
    return arg;
}

/* The threads of the process; a sanitizer's own are counted from the start. */
static int count_threads(void)
{
    pthread_t first;
    ck_assert_int_eq(pthread_create(&first, NULL, nothing, NULL), 0);
    pthread_join(first, NULL);
    return count_entries("/proc/self/task");
}

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

COROUTINE(not_started)
{
    ck_abort_msg("this coroutine must not run");
    return 0;
}

COROUTINE(do_nothing)
{
    return 0;
}

/* ---- one loop, many runs ---- */

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

/* ---- several loops ---- */

enum { MANY = 2000 };

/* Threads that have run something, each counted once. */
static pthread_mutex_t seen_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_t seen[64];
static atomic_int seen_count;

static void see_thread(void)
{
    pthread_mutex_lock(&seen_lock);
    int count = atomic_load(&seen_count), i = 0;
    while (i < count && !pthread_equal(seen[i], pthread_self()))
        i++;
    if (i == count) {
        seen[i] = pthread_self();
        atomic_store(&seen_count, count + 1);
    }
    pthread_mutex_unlock(&seen_lock);
}

/* Holds its loop until so many threads were seen. */
COROUTINE(hold_until_seen)
{
    see_thread();
    WAIT_FOR(atomic_load(&seen_count) >= *(int *)arg);
    return 0;
}

COROUTINE(spawn_holders)
{
    weft_task *tasks[8];
    for (int i = 0; i < 8; i++) {
        tasks[i] = weft_spawn(hold_until_seen, arg, NULL);
        ck_assert_ptr_nonnull(tasks[i]);
    }
    for (int i = 0; i < 8; i++)
        ck_assert_int_eq(weft_join(tasks[i], NULL), 0);
    return 0;
}

/* Spawned tasks run on all loops: some threads' tasks wait for the others', without giving up
 * their thread. */
START_TEST(spawn_uses_all_loops)
{
    for (int loops = 2; loops <= 4; loops++) {
        weft_runner runner;
        atomic_store(&seen_count, 0);
        open_runner(&runner, loops);
        ck_assert_int_eq(weft_runner_run(&runner, spawn_holders, &loops, NULL), 0);
        ck_assert_int_ge(atomic_load(&seen_count), loops);
        ck_assert_int_eq(weft_runner_loops(&runner), loops);
        weft_loop_stats stats;
        uint64_t stolen = 0, tasks = 0;
        for (int i = 0; i < loops; i++) {
            ck_assert_int_eq(weft_loop_get_stats(weft_runner_loop_at(&runner, i), &stats), 0);
            stolen += stats.stolen;
            tasks += stats.tasks;
        }
        ck_assert_uint_ge(stolen, 1);
        ck_assert_uint_eq(tasks, 9);
        ck_assert_int_eq(weft_runner_close(&runner), 0);
    }
}
END_TEST

static atomic_int bodies, drops;

static void drop(void *value)
{
    (void)value;
    atomic_fetch_add(&drops, 1);
}

COROUTINE(count_body)
{
    atomic_fetch_add(&bodies, 1);
    *result = arg;
    return 0;
}

COROUTINE(spawn_many)
{
    static weft_task *tasks[MANY];
    for (int i = 0; i < MANY; i++) {
        tasks[i] = weft_spawn(count_body, &values[i % 4], NULL);
        ck_assert_ptr_nonnull(tasks[i]);
    }
    for (int i = 0; i < MANY; i++) {
        void *value = NULL;
        ck_assert_int_eq(weft_join(tasks[i], &value), 0);
        ck_assert_ptr_eq(value, &values[i % 4]);
    }
    return 0;
}

/* More tasks than any ring holds are all run, once each. */
START_TEST(spawned_tasks_run_once_each)
{
    for (int loops = 1; loops <= 4; loops++) {
        weft_runner runner;
        atomic_store(&bodies, 0);
        open_runner(&runner, loops);
        for (int i = 0; i < 3; i++)
            ck_assert_int_eq(weft_runner_run(&runner, spawn_many, NULL, NULL), 0);
        ck_assert_int_eq(atomic_load(&bodies), 3 * MANY);
        ck_assert_int_eq(weft_runner_close(&runner), 0);
    }
}
END_TEST

static int threads_before;

COROUTINE(create_only)
{
    for (int i = 0; i < 100; i++)
        ck_assert_int_eq(weft_join(weft_create_task(count_body, NULL, NULL), NULL), 0);
    ck_assert_int_eq(count_threads(), threads_before);
    return 0;
}

/* Loops have no threads before spawned tasks need them, or somebody asks for one. */
START_TEST(loops_start_when_needed)
{
    weft_runner runner;
    threads_before = count_threads();
    open_runner(&runner, 4);
    ck_assert_ptr_nonnull(weft_runner_get_loop(&runner));
    ck_assert_int_eq(weft_runner_loops(&runner), 4);
    ck_assert_int_eq(weft_runner_run(&runner, create_only, NULL, NULL), 0);
    ck_assert_ptr_nonnull(weft_runner_loop_at(&runner, 1));
    ck_assert_int_eq(count_threads(), threads_before + 1);
    ck_assert_ptr_nonnull(weft_runner_loop_at(&runner, 3));
    ck_assert_int_eq(count_threads(), threads_before + 3);
    ck_assert_ptr_eq(weft_runner_loop_at(&runner, 3), weft_runner_loop_at(&runner, 3));
    ck_assert_ptr_ne(weft_runner_loop_at(&runner, 3), weft_runner_loop_at(&runner, 2));
    ck_assert_int_eq(weft_runner_close(&runner), 0);
    ck_assert_int_eq(count_threads(), threads_before);
}
END_TEST

/* By default there is one loop for each usable processor; on virtual time there is one. */
START_TEST(the_number_of_loops_has_a_default)
{
    weft_runner runner;
    cpu_set_t set;
    ck_assert_int_eq(sched_getaffinity(0, sizeof(set), &set), 0);
    open_runner(&runner, 0);
    weft_runner_get_loop(&runner);
    ck_assert_int_eq(weft_runner_loops(&runner), CPU_COUNT(&set) > 64 ? 64 : CPU_COUNT(&set));
    weft_runner_close(&runner);
    weft_runner_init(&runner, &virtual_time);
    weft_runner_get_loop(&runner);
    ck_assert_int_eq(weft_runner_loops(&runner), 1);
    weft_runner_close(&runner);
}
END_TEST

COROUTINE(where_am_i)
{
    weft_yield();
    *result = weft_get_running_loop();
    return 0;
}

COROUTINE(ask_all_loops)
{
    weft_runner *runner = arg;
    for (int i = 0; i < weft_runner_loops(runner); i++) {
        weft_loop *loop = weft_runner_loop_at(runner, i);
        void *where = NULL;
        weft_task *task = weft_create_task_on(loop, where_am_i, NULL, NULL);
        ck_assert_int_eq(weft_join(task, &where), 0);
        ck_assert_ptr_eq(where, loop);
    }
    return 0;
}

/* A task made on a named loop runs there. */
START_TEST(a_loop_can_be_named)
{
    weft_runner runner;
    open_runner(&runner, 4);
    ck_assert_int_eq(weft_runner_run(&runner, ask_all_loops, &runner, NULL), 0);
    ck_assert_int_eq(weft_runner_close(&runner), 0);
}
END_TEST

static void spawn_with_two_loops(void)
{
    weft_runner runner;
    open_runner(&runner, 3);
    weft_loop_set_exception_handler(weft_runner_get_loop(&runner), report_record, NULL);
    ck_assert_int_eq(weft_runner_run(&runner, spawn_many, NULL, NULL), 0);
    ck_assert_int_eq(atomic_load(&bodies), MANY);
    ck_assert_int_eq(weft_runner_close(&runner), 0);
    ck_assert_int_eq(reports_count, 0);
}

/* When a thread cannot be made, the loops that exist do the work; a loop that was asked for by
 * number gives the error, and comes later. */
START_TEST(no_threads_lose_no_tasks)
{
    ck_assert_uint_ge(run_with_each_fault(FAULT_THREAD, EAGAIN, spawn_with_two_loops), 1);
    run_with_fault(FAULT_THREAD, 1, EAGAIN, true, spawn_with_two_loops);

    weft_runner runner;
    open_runner(&runner, 3);
    ck_assert_ptr_nonnull(weft_runner_get_loop(&runner));
    wf_fault_arm(FAULT_THREAD, 1, EAGAIN, false);
    ck_assert_ptr_null(weft_runner_loop_at(&runner, 2));
    ck_assert_int_eq(errno, EAGAIN);
    wf_fault_reset();
    ck_assert_ptr_nonnull(weft_runner_loop_at(&runner, 2));
    ck_assert_int_eq(weft_runner_close(&runner), 0);
}
END_TEST

/* ---- in the background ---- */

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

/* ---- closing under load ---- */

static atomic_int begun, ended;

COROUTINE(sleep_until_cancelled)
{
    weft_loop *home = weft_get_running_loop();
    atomic_fetch_add(&begun, 1);
    int rc = weft_sleep(WEFT_FOREVER);
    ck_assert_int_eq(rc, WEFT_ECANCELLED);
    weft_yield();
    ck_assert_ptr_eq(weft_get_running_loop(), home);
    atomic_fetch_add(&ended, 1);
    return rc;
}

COROUTINE(work_until_cancelled)
{
    atomic_fetch_add(&begun, 1);
    int rc;
    while (!(rc = weft_yield()))
        continue;
    atomic_fetch_add(&ended, 1);
    return rc;
}

/* Close cancels and awaits the tasks of all loops, asleep or at work, and nothing is reported
 * (RNR-12). */
START_TEST(close_while_all_loops_work)
{
    enum { LOOPS = 4, TASKS = 20 };
    weft_runner runner;
    weft_task *tasks[LOOPS][TASKS];
    open_runner(&runner, LOOPS);
    weft_loop_set_exception_handler(weft_runner_get_loop(&runner), report_record, NULL);
    ck_assert_int_eq(weft_runner_start(&runner), 0);
    for (int i = 0; i < LOOPS; i++)
        for (int j = 0; j < TASKS; j++)
            tasks[i][j] = weft_create_task_on(weft_runner_loop_at(&runner, i),
                                              j % 2 ? sleep_until_cancelled : work_until_cancelled,
                                              NULL, NULL);
    WAIT_FOR(atomic_load(&begun) == LOOPS * TASKS);
    ck_assert_int_eq(weft_runner_close(&runner), 0);
    ck_assert_int_eq(atomic_load(&ended), LOOPS * TASKS);
    for (int i = 0; i < LOOPS; i++)
        for (int j = 0; j < TASKS; j++) {
            ck_assert(weft_cancelled(tasks[i][j]));
            weft_unref(tasks[i][j]);
        }
    ck_assert_int_eq(reports_count, 0);
}
END_TEST

static const weft_task_options dropping = {.arg_drop = drop};
static weft_task *held[MANY];

COROUTINE(spawn_and_leave)
{
    for (int i = 0; i < MANY; i++) {
        held[i] = weft_spawn(count_body, values, &dropping);
        ck_assert_ptr_nonnull(held[i]);
    }
    return 0;
}

static void check_unstarted(int loops)
{
    weft_runner runner;
    atomic_store(&bodies, 0);
    atomic_store(&drops, 0);
    open_runner(&runner, loops);
    weft_loop_set_exception_handler(weft_runner_get_loop(&runner), report_record, NULL);
    ck_assert_int_eq(weft_runner_run(&runner, spawn_and_leave, NULL, NULL), 0);
    ck_assert_int_eq(weft_runner_close(&runner), 0);
    int cancelled = 0;
    for (int i = 0; i < MANY; i++) {
        ck_assert(weft_done(held[i]));
        cancelled += weft_cancelled(held[i]);
        weft_unref(held[i]);
    }
    ck_assert_int_eq(atomic_load(&drops), cancelled);
    ck_assert_int_eq(atomic_load(&bodies) + cancelled, MANY);
    ck_assert_int_eq(reports_count, 0);
}

static void check_unstarted_alone(void)
{
    check_unstarted(3);
    /* None but the first loop could have begun any, in the turns that it had. */
    ck_assert_int_gt(atomic_load(&drops), 0);
}

/* Spawned tasks that no loop has begun at close are cancelled like any other, without a word, and
 * the argument of each is released once (RNR-12, CANC-07). */
START_TEST(unstarted_tasks_are_cancelled_at_close)
{
    for (int loops = 1; loops <= 4; loops++)
        check_unstarted(loops);
    run_with_fault(FAULT_THREAD, 1, EAGAIN, true, check_unstarted_alone);
}
END_TEST

COROUTINE(spawn_for_ever)
{
    for (;;) {
        weft_task *task = weft_spawn(count_body, values, &dropping);
        ck_assert_ptr_nonnull(task);
        weft_unref(task);
        atomic_fetch_add(&begun, 1);
        int rc = weft_yield();
        if (rc)
            return rc;
    }
}

/* Close in the midst of spawning on all loops: each spawned task ran or was dropped. */
START_TEST(close_while_all_loops_spawn)
{
    for (int round = 0; round < 5; round++) {
        weft_runner runner;
        atomic_store(&begun, 0);
        atomic_store(&bodies, 0);
        atomic_store(&drops, 0);
        open_runner(&runner, 3);
        weft_loop_set_exception_handler(weft_runner_get_loop(&runner), report_record, NULL);
        ck_assert_int_eq(weft_runner_start(&runner), 0);
        for (int i = 0; i < 6; i++)
            weft_unref(weft_create_task_on(weft_runner_loop_at(&runner, i % 3), spawn_for_ever,
                                           NULL, NULL));
        WAIT_FOR(atomic_load(&begun) > 1000);
        ck_assert_int_eq(weft_runner_close(&runner), 0);
        ck_assert_int_eq(atomic_load(&bodies) + atomic_load(&drops), atomic_load(&begun));
        ck_assert_int_eq(reports_count, 0);
    }
}
END_TEST

/* ---- who may close ---- */

COROUTINE(close_refused)
{
    ck_assert_int_eq(weft_runner_close(arg), WEFT_ELOOPRUNNING);
    return 0;
}

COROUTINE(close_in_the_pool)
{
    return weft_runner_close(arg);
}

/* Has the other runtime's runner closed on a pool thread, and waits for that. */
COROUTINE(hand_the_close_over)
{
    weft_future *closed = weft_to_thread(close_in_the_pool, arg);
    ck_assert_ptr_nonnull(closed);
    return weft_join(closed, NULL);
}

COROUTINE(await_far)
{
    return weft_await(arg, NULL);
}

COROUTINE(sleep_for_ever)
{
    return weft_sleep(WEFT_FOREVER);
}

/* No loop may close a runner, its own or another's: it would stand still meanwhile, and the tasks
 * that are ended may wait for it. Nothing happens then, and a thread of the pool may do it. */
START_TEST(no_loop_closes_a_runner)
{
    weft_runner runner, other;
    open_runner(&runner, 2);
    open_runner(&other, 1);
    ck_assert_int_eq(weft_runner_start(&runner), 0);
    for (int i = 0; i < 2; i++) {
        weft_task *inside =
            weft_create_task_on(weft_runner_loop_at(&runner, i), close_refused, &runner, NULL);
        ck_assert_int_eq(weft_future_wait(inside, WEFT_FOREVER, NULL), 0);
        weft_unref(inside);
    }
    ck_assert_int_eq(weft_runner_run(&other, close_refused, &runner, NULL), 0);
    ck_assert_int_eq(weft_runner_run(&other, close_refused, &other, NULL), 0);
    /* A task of the one waits for one of the other's, which its cancellation has to reach. */
    weft_task *far = weft_create_task_on(weft_runner_get_loop(&other), sleep_for_ever, NULL, NULL);
    weft_task *waits = weft_create_task_on(weft_runner_loop_at(&runner, 1), await_far, far, NULL);
    ck_assert_int_eq(weft_runner_run(&other, hand_the_close_over, &runner, NULL), 0);
    ck_assert(weft_cancelled(waits));
    ck_assert_int_eq(weft_runner_close(&runner), 0);
    ck_assert_int_eq(weft_runner_close(&other), 0);
    ck_assert(weft_cancelled(far));
    weft_unref(waits);
    weft_unref(far);
}
END_TEST

/* ---- faults ---- */

COROUTINE(use_loops)
{
    weft_task *there = weft_spawn(where_am_i, NULL, NULL);
    if (!there)
        return -errno;
    int rc = weft_join(there, NULL);
    if (rc)
        return rc;
    weft_loop *second = weft_runner_loop_at(arg, 1);
    if (!second)
        return -errno;
    there = weft_create_task_on(second, where_am_i, NULL, NULL);
    return there ? weft_join(there, NULL) : -errno;
}

static void use_runner(void)
{
    weft_runner runner;
    open_runner(&runner, 2);
    weft_loop *loop = weft_runner_get_loop(&runner);
    if (!loop)
        ck_assert_int_eq(errno, ENOMEM);
    else
        weft_loop_set_exception_handler(loop, report_record, NULL);
    int rc = weft_runner_run(&runner, use_loops, &runner, NULL);
    ck_assert_msg(rc == 0 || rc == -ENOMEM || rc == -EAGAIN, "%s", weft_error_name(rc));
    weft_unref(weft_run_coroutine_threadsafe(where_am_i, NULL, loop));
    ck_assert_int_eq(weft_runner_close(&runner), 0);
}

/* A runner of two loops that meets a refusal gives the error or does without, and closes. */
START_TEST(a_runner_with_faults)
{
    ck_assert_uint_ge(run_with_each_fault(FAULT_ALLOC, ENOMEM, use_runner), 8);
    ck_assert_uint_ge(run_with_each_fault(FAULT_MMAP, ENOMEM, use_runner), 2);
    ck_assert_uint_ge(run_with_each_fault(FAULT_THREAD, EAGAIN, use_runner), 1);
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

COROUTINE(await_it)
{
    return weft_await(arg, result);
}

COROUTINE(cross_loops)
{
    weft_runner *runner = arg;
    for (int i = 0; i < 100; i++) {
        weft_future *future = weft_create_future();
        weft_task *other =
            weft_create_task_on(weft_runner_loop_at(runner, 1), await_it, future, NULL);
        void *value = NULL;
        if (i % 4 == 0)
            weft_yield();
        if (i % 2) {
            ck_assert_int_eq(weft_future_set_result(future, values), 0);
            ck_assert_int_eq(weft_join(other, &value), 0);
            ck_assert_ptr_eq(value, values);
        } else {
            ck_assert_int_eq(weft_cancel(future), 1);
            ck_assert_int_eq(weft_join(other, &value), WEFT_ECANCELLED);
        }
        weft_unref(future);
    }
    return spawn_many(NULL, result);
}

static void work_across_loops(void)
{
    weft_runner runner;
    open_runner(&runner, 3);
    ck_assert_int_eq(weft_runner_run(&runner, cross_loops, &runner, NULL), 0);
    ck_assert_int_eq(weft_runner_close(&runner), 0);
}

COROUTINE(check_birth)
{
    weft_future *future = weft_create_future();
    enum outcome_bias expected = *(int *)arg ? BIAS_SHARED : BIAS_OWNER;
    ck_assert_uint_eq(atomic_load(&future->outcome.bias), expected);
    weft_unref(future);
    weft_task *task = weft_create_task(do_nothing, NULL, NULL);
    ck_assert_uint_eq(atomic_load(&task->outcome.bias), expected);
    return weft_join(task, NULL);
}

static void check_births(bool shared)
{
    int expected = shared;
    ck_assert_int_eq(weft_run_with(&virtual_time, check_birth, &expected, NULL), 0);
}

static void work_without_membarrier(void)
{
    check_births(true);
    work_across_loops();
}

/* Where the kernel has no membarrier, futures and tasks are shared from birth, and all works as
 * ever. */
START_TEST(loops_work_without_membarrier)
{
    ck_assert_uint_ge(run_with_fault(FAULT_MEMBARRIER, 1, ENOSYS, true, work_without_membarrier),
                      1);
    check_births(false);
    work_across_loops();
}
END_TEST

struct held_up {
    sem_t entered, open;
    weft_runner runner;
};

COROUTINE(hold_the_thread)
{
    struct held_up *h = arg;
    sem_post(&h->entered);
    while (sem_wait(&h->open))
        ck_assert_int_eq(errno, EINTR);
    return 0;
}

COROUTINE(await_task)
{
    return weft_await(arg, result);
}

COROUTINE(cancel_beside_the_end)
{
    struct held_up *h = arg;
    weft_task *busy =
        weft_create_task_on(weft_runner_loop_at(&h->runner, 1), hold_the_thread, h, NULL);
    while (sem_wait(&h->entered))
        ck_assert_int_eq(errno, EINTR);
    weft_task *waiting = weft_create_task(await_task, busy, NULL);
    ck_assert_int_eq(weft_yield(), 0);
    ck_assert_int_eq(weft_cancel(waiting), 1); /* cannot reach the busy one before it has ended */
    sem_post(&h->open);
    ck_assert_int_eq(weft_join(waiting, NULL), WEFT_ECANCELLED);
    return weft_join(busy, NULL);
}

/* A cancellation that is passed on to a task of another loop, and finds it done, is not lost
 * (CANC-12). */
START_TEST(a_cancellation_on_its_way_is_not_lost)
{
    weft_runner_options options = {.loops = 2};
    struct held_up h;
    sem_init(&h.entered, 0, 0);
    sem_init(&h.open, 0, 0);
    ck_assert_int_eq(weft_runner_init(&h.runner, &options), 0);
    ck_assert_int_eq(weft_runner_run(&h.runner, cancel_beside_the_end, &h, NULL), 0);
    ck_assert_int_eq(weft_runner_close(&h.runner), 0);
}
END_TEST

static Suite *runner_suite(void)
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
        spawn_uses_all_loops,
        spawned_tasks_run_once_each,
        loops_start_when_needed,
        the_number_of_loops_has_a_default,
        a_loop_can_be_named,
        no_threads_lose_no_tasks,
        a_cancellation_on_its_way_is_not_lost,
        a_runner_in_the_background,
        a_start_without_a_thread,
        close_right_after_start,
        background_loops_go_on,
        close_while_all_loops_work,
        unstarted_tasks_are_cancelled_at_close,
        close_while_all_loops_spawn,
        no_loop_closes_a_runner,
        a_runner_with_faults,
        a_background_with_faults,
        loops_work_without_membarrier,
    };
    Suite *suite = suite_create("runner");
    TCase *runners = tcase_create("runners");
    for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
        tcase_add_test(runners, tests[i]);
    suite_add_tcase(suite, runners);
    return suite;
}

int main(void)
{
    return suite_main(runner_suite());
}
