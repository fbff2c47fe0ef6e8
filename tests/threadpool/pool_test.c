/*
 * pool_test.c - the bounded pool: its size, and jobs that run once each, in order and side by side.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "runtime/base/fault.h"
#include "tests/support/suite.h"
#include "tests/threadpool/probes.h"
#include "threadpool/pool.h"

/* EXEC-10: the default size is the number of usable CPUs plus 4, at most 32. */
START_TEST(default_size_follows_usable_cpus)
{
    cpu_set_t set;
    ck_assert_int_eq(sched_getaffinity(0, sizeof(set), &set), 0);
    int cpus = CPU_COUNT(&set);
    ck_assert_int_eq(wf_pool_default_threads(), cpus + 4 < 32 ? cpus + 4 : 32);

    size_t first = 0;
    while (!CPU_ISSET(first, &set))
        first++;
    CPU_ZERO(&set);
    CPU_SET(first, &set);
    ck_assert_int_eq(sched_setaffinity(0, sizeof(set), &set), 0);
    ck_assert_int_eq(wf_pool_default_threads(), 5);
}
END_TEST

/* EXEC-22: a pool of a negative size is refused, and the out-parameter left alone. */
START_TEST(negative_size_is_refused)
{
    struct pool *pool = (struct pool *)&pool;
    ck_assert_int_eq(wf_pool_new(&pool, &(struct pool_options){.max_threads = -1}), -EINVAL);
    ck_assert_int_eq(wf_pool_new(&pool, &(struct pool_options){.idle_timeout_ns = -1}), -EINVAL);
    ck_assert_ptr_eq(pool, (struct pool *)&pool);
}
END_TEST

/* Without memory there is no pool and an error. */
START_TEST(no_memory_is_an_error)
{
    struct pool *pool;
    wf_fault_arm(FAULT_ALLOC, 1, ENOMEM, false);
    ck_assert_int_eq(wf_pool_new(&pool, &(struct pool_options){0}), -ENOMEM);
}
END_TEST

/* A pool that was never used can be closed and freed; so can none. */
START_TEST(unused_pool_closes)
{
    wf_pool_free(pool_with(0, 0));
    close_and_free(pool_with(0, 0));
    wf_pool_free(NULL);
}
END_TEST

/* EXEC-02: each job is run exactly once, on a thread that is not the submitter's. */
START_TEST(each_job_runs_once_elsewhere)
{
    enum { JOBS = 20000 };
    struct pool *pool = pool_with(4, JOBS);
    struct probe *probes = calloc(JOBS, sizeof(*probes));
    for (int i = 0; i < JOBS; i++) {
        probe_init(&probes[i], NULL);
        submit_ok(pool, &probes[i]);
    }
    close_and_free(pool);
    for (int i = 0; i < JOBS; i++) {
        ck_assert_int_eq(probes[i].runs, 1);
        ck_assert_int_eq(probes[i].drops, 0);
        ck_assert(!pthread_equal(probes[i].thread, pthread_self()));
    }
    free(probes);
}
END_TEST

/* EXEC-03: jobs run at the same time up to the size of the pool; further ones queue. */
START_TEST(blocking_jobs_run_together_up_to_the_bound)
{
    enum { THREADS = 5, JOBS = 12 };
    struct pool *pool = pool_with(THREADS, 0);
    struct probe probes[JOBS];
    struct gate gate = {0};
    for (int i = 0; i < JOBS; i++) {
        probe_init(&probes[i], &gate);
        submit_ok(pool, &probes[i]);
    }
    WAIT_FOR(atomic_load(&gate.inside) == THREADS);
    struct pool_counts counts = counts_of(pool);
    ck_assert_uint_eq(counts.threads, THREADS);
    ck_assert_uint_eq(counts.idle, 0);
    ck_assert_uint_eq(counts.queued, JOBS - THREADS);
    atomic_store(&gate.open, true);
    close_and_free(pool);
    ck_assert_int_eq(gate.most, THREADS);
}
END_TEST

/* A job that blocks does not delay the one behind it, however short the jobs before it were, and
 * whenever the second one comes. */
START_TEST(blocked_job_delays_nobody)
{
    enum { BRIEF = 300 };
    struct pool *pool = pool_with(2 + _i, BRIEF + 2);
    struct probe *brief = calloc(BRIEF, sizeof(*brief));
    unsigned seed = 3;
    for (int round = 0; round < 200; round++) {
        struct gate gate = {0};
        struct probe first, second;
        for (int i = 0; i < BRIEF; i++) {
            probe_init(&brief[i], NULL);
            submit_ok(pool, &brief[i]);
        }
        if (round % 8 < 4)
            WAIT_FOR(counts_of(pool).queued == 0);
        probe_init(&first, &gate);
        probe_init(&second, &gate);
        submit_ok(pool, &first);
        if (round % 2)
            WAIT_FOR(atomic_load(&gate.inside) == 1);
        for (int spin = round % 8 < 6 ? rand_r(&seed) % 300000 : 0; spin > 0; spin--)
            atomic_load(&gate.inside);
        submit_ok(pool, &second);
        WAIT_FOR(atomic_load(&gate.inside) == 2);
        atomic_store(&gate.open, true);
        WAIT_FOR(atomic_load(&first.runs) && atomic_load(&second.runs));
        for (int i = 0; i < BRIEF; i++)
            WAIT_FOR(atomic_load(&brief[i].runs));
        if (round % 4 < 2)
            WAIT_FOR(counts_of(pool).idle == counts_of(pool).threads);
    }
    close_and_free(pool);
    free(brief);
}
END_TEST

/* EXEC-03: jobs start in the order in which they were submitted. */
START_TEST(jobs_start_in_order)
{
    enum { JOBS = 1000 };
    struct pool *pool = pool_with(1, JOBS);
    struct probe *probes = calloc(JOBS, sizeof(*probes));
    atomic_int started = 0;
    for (int i = 0; i < JOBS; i++) {
        probe_init(&probes[i], NULL);
        probes[i].started = &started;
        submit_ok(pool, &probes[i]);
    }
    close_and_free(pool);
    for (int i = 0; i < JOBS; i++)
        ck_assert_int_eq(probes[i].order, i);
    free(probes);
}
END_TEST

/* EXEC-08: a job cancelled before a thread took it never runs; one that runs is not cancelled. */
START_TEST(cancelled_job_never_runs)
{
    enum { JOBS = 10 };
    struct pool *pool = pool_with(1, JOBS);
    struct gate gate = {0};
    struct probe first, probes[JOBS];
    atomic_int started = 0;
    probe_init(&first, &gate);
    submit_ok(pool, &first);
    WAIT_FOR(atomic_load(&gate.inside) == 1);
    for (int i = 0; i < JOBS; i++) {
        probe_init(&probes[i], NULL);
        probes[i].started = &started;
        submit_ok(pool, &probes[i]);
    }
    ck_assert(!wf_pool_cancel(pool, &first.job));
    for (int i = 0; i < JOBS; i += 3) { /* the first, the last, and some between */
        ck_assert(wf_pool_cancel(pool, &probes[i].job));
        ck_assert(!wf_pool_cancel(pool, &probes[i].job));
    }
    atomic_store(&gate.open, true);
    close_and_free(pool);
    ck_assert_int_eq(first.runs, 1);
    for (int i = 0, order = 0; i < JOBS; i++) {
        ck_assert_int_eq(probes[i].runs, i % 3 != 0);
        ck_assert_int_eq(probes[i].drops, 0);
        if (i % 3 != 0)
            ck_assert_int_eq(probes[i].order, order++);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pool");
    TCase *tcase = tcase_create("pool");

    tcase_add_checked_fixture(tcase, NULL, wf_fault_reset);
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, default_size_follows_usable_cpus);
    tcase_add_test(tcase, negative_size_is_refused);
    tcase_add_test(tcase, no_memory_is_an_error);
    tcase_add_test(tcase, unused_pool_closes);
    tcase_add_test(tcase, each_job_runs_once_elsewhere);
    tcase_add_test(tcase, blocking_jobs_run_together_up_to_the_bound);
    tcase_add_loop_test(tcase, blocked_job_delays_nobody, 0, 2);
    tcase_add_test(tcase, jobs_start_in_order);
    tcase_add_test(tcase, cancelled_job_never_runs);
    suite_add_tcase(suite, tcase);
    return suite_main(suite);
}
