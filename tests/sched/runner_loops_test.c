/*
 * runner_loops_test.c - a runner of several loops: which tasks run where, and when a loop is
 * started.
 */
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>

#include "runtime/task/future.h"
#include "tests/sched/runners.h"
#include "tests/support/faults.h"
#include "tests/support/suite.h"

static char values[4];

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

COROUTINE(cross_loops)
{
    weft_runner *runner = arg;
    for (int i = 0; i < 100; i++) {
        weft_future *future = weft_create_future();
        weft_task *other =
            weft_create_task_on(weft_runner_loop_at(runner, 1), sim_await, future, NULL);
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

COROUTINE(cancel_beside_the_end)
{
    struct held_up *h = arg;
    weft_task *busy =
        weft_create_task_on(weft_runner_loop_at(&h->runner, 1), hold_the_thread, h, NULL);
    while (sem_wait(&h->entered))
        ck_assert_int_eq(errno, EINTR);
    weft_task *waiting = weft_create_task(sim_await, busy, NULL);
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

int main(void)
{
    const TTest *const tests[] = {
        spawn_uses_all_loops,
        spawned_tasks_run_once_each,
        loops_start_when_needed,
        the_number_of_loops_has_a_default,
        a_loop_can_be_named,
        no_threads_lose_no_tasks,
        a_runner_with_faults,
        loops_work_without_membarrier,
        a_cancellation_on_its_way_is_not_lost,
    };
    Suite *suite = suite_create("runner_loops");
    TCase *tcase = tcase_create("several loops");
    for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
        tcase_add_test(tcase, tests[i]);
    suite_add_tcase(suite, tcase);
    return suite_main(suite);
}
