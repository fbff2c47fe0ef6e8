/*
 * pool_threads_test.c - the threads of a pool: started on demand, reused, ended when idle, and
 * missed when they cannot be created.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "runtime/base/fault.h"
#include "tests/support/suite.h"
#include "tests/threadpool/probes.h"
#include "threadpool/pool.h"

/* EXEC-09: threads are started on demand, one as long as one is enough, and reused when idle. */
START_TEST(threads_start_on_demand_and_are_reused)
{
    struct pool *pool = pool_with(4, 0);
    pthread_t thread = pthread_self();
    ck_assert_uint_eq(counts_of(pool).threads, 0);
    for (int i = 0; i < 100; i++) {
        struct probe probe;
        probe_init(&probe, NULL);
        submit_ok(pool, &probe);
        WAIT_FOR(atomic_load(&probe.runs) == 1); /* it may count as idle until it has the job */
        WAIT_FOR(counts_of(pool).idle == 1);
        ck_assert_uint_eq(counts_of(pool).threads, 1);
        ck_assert(i == 0 || pthread_equal(thread, probe.thread));
        thread = probe.thread;
    }
    close_and_free(pool);
}
END_TEST

static void exit_run(struct pool_job *job)
{
    atomic_fetch_add(&((struct probe *)job)->runs, 1);
    pthread_exit(NULL);
}

/* EXEC-20: a job that ends its thread does not end the pool: the jobs behind it are run. */
START_TEST(job_may_end_its_thread)
{
    enum { JOBS = 200 };
    struct pool *pool = pool_with(2, 0);
    struct probe probes[JOBS];
    for (int i = 0; i < JOBS; i++) {
        probe_init(&probes[i], NULL);
        if (i % 3 == 0)
            probes[i].job.run = exit_run;
        submit_ok(pool, &probes[i]);
    }
    close_and_free(pool);
    for (int i = 0; i < JOBS; i++)
        ck_assert_int_eq(probes[i].runs, 1);
}
END_TEST

static void signals_run(struct pool_job *job)
{
    sigset_t set;
    pthread_sigmask(SIG_BLOCK, NULL, &set);
    ((struct probe *)job)->order = sigismember(&set, SIGINT) && sigismember(&set, SIGTERM);
    probe_run(job);
}

/* The program's signals are not delivered to pool threads. */
START_TEST(signals_are_blocked)
{
    struct pool *pool = pool_with(1, 0);
    struct probe probe;
    probe_init(&probe, NULL);
    probe.job.run = signals_run;
    submit_ok(pool, &probe);
    close_and_free(pool);
    ck_assert_int_eq(probe.order, 1);
}
END_TEST

/* Threads without work end after the time-out, down to none; the next job starts one again. */
START_TEST(idle_threads_end)
{
    struct pool *pool;
    struct pool_options options = {.max_threads = 4, .idle_timeout_ns = 1000000};
    ck_assert_int_eq(wf_pool_new(&pool, &options), 0);
    for (int round = 0; round < 3; round++) {
        struct gate gate = {0};
        struct probe probes[4];
        for (int i = 0; i < 4; i++) {
            probe_init(&probes[i], &gate);
            submit_ok(pool, &probes[i]);
        }
        WAIT_FOR(atomic_load(&gate.inside) == 4);
        atomic_store(&gate.open, true);
        WAIT_FOR(counts_of(pool).threads == 0);
        ck_assert_uint_eq(counts_of(pool).idle, 0);
    }
    close_and_free(pool);
}
END_TEST

/* Jobs that come just as threads time out are not lost. */
START_TEST(job_meets_the_time_out)
{
    struct pool *pool;
    struct pool_options options = {.max_threads = 2, .idle_timeout_ns = 20000, .spin_ns = -1};
    ck_assert_int_eq(wf_pool_new(&pool, &options), 0);
    unsigned seed = 7;
    for (int i = 0; i < 3000; i++) {
        struct probe probe;
        probe_init(&probe, NULL);
        submit_ok(pool, &probe);
        WAIT_FOR(atomic_load(&probe.runs));
        for (int spin = rand_r(&seed) % 4000; spin > 0; spin--)
            atomic_load(&probe.runs);
        WAIT_FOR(counts_of(pool).idle == counts_of(pool).threads);
    }
    close_and_free(pool);
}
END_TEST

/* Without any thread, a submit fails with the error of thread creation, and the job is not taken:
 * it does not lie there for ever (tokio #8406). */
START_TEST(no_thread_at_all_fails_the_submit)
{
    struct pool *pool = pool_with(4, 0);
    struct probe probe;
    probe_init(&probe, NULL);
    wf_fault_arm(FAULT_THREAD, 1, EAGAIN, true);
    ck_assert_int_eq(wf_pool_submit(pool, &probe.job, POOL_TRY), -EAGAIN);
    ck_assert_int_eq(wf_pool_submit(pool, &probe.job, POOL_BLOCK), -EAGAIN);
    ck_assert_uint_eq(counts_of(pool).queued, 0);
    ck_assert_uint_eq(counts_of(pool).threads, 0);
    ck_assert_int_eq(probe.runs, 0);
    wf_fault_reset();
    submit_ok(pool, &probe);
    close_and_free(pool);
    ck_assert_int_eq(probe.runs, 1);
}
END_TEST

/* With the n-th creation failing, once or from then on, every job that was accepted is run. */
START_TEST(some_threads_are_enough)
{
    enum { JOBS = 64 };
    unsigned long nth = (unsigned long)_i / 2 + 1;
    bool sticky = _i % 2;
    struct pool *pool = pool_with(6, JOBS);
    struct gate gate = {0};
    struct probe probes[JOBS];
    wf_fault_arm(FAULT_THREAD, nth, EAGAIN, sticky);
    for (int i = 0; i < JOBS; i++) {
        probe_init(&probes[i], &gate);
        int rc = wf_pool_submit(pool, &probes[i].job, POOL_TRY);
        if (nth == 1 && (sticky || i == 0)) {
            ck_assert_int_eq(rc, -EAGAIN);
            probes[i].runs = 1; /* not taken, so not waited for */
        } else {
            ck_assert_int_eq(rc, 0);
        }
    }
    if (sticky)
        WAIT_FOR(atomic_load(&gate.inside) == (int)nth - 1);
    atomic_store(&gate.open, true);
    close_and_free(pool);
    for (int i = 0; i < JOBS; i++)
        ck_assert_int_eq(probes[i].runs, 1);
}
END_TEST

/* A creation that failed is tried again later: the pool is not crippled for good. */
START_TEST(threads_are_started_again)
{
    struct pool *pool = pool_with(3, 0);
    struct gate gate = {0};
    struct probe probes[3], more;
    wf_fault_arm(FAULT_THREAD, 2, EAGAIN, false);
    for (int i = 0; i < 3; i++) {
        probe_init(&probes[i], &gate);
        submit_ok(pool, &probes[i]);
    }
    while (atomic_load(&gate.inside) < 3) { /* each submit may try */
        probe_init(&more, NULL);
        submit_ok(pool, &more);
        if (!wf_pool_cancel(pool, &more.job))
            WAIT_FOR(atomic_load(&more.runs));
    }
    ck_assert_uint_eq(wf_fault_calls(FAULT_THREAD), 4);
    atomic_store(&gate.open, true);
    close_and_free(pool);
}
END_TEST

static void exit_when_open_run(struct pool_job *job)
{
    struct probe *probe = (struct probe *)job;
    gate_pass(probe->gate);
    atomic_fetch_add(&probe->runs, 1);
    pthread_exit(NULL);
}

/* When the last thread is lost and none can be had, closing drops what is queued. */
START_TEST(orphaned_jobs_are_dropped)
{
    enum { JOBS = 5 };
    struct pool *pool = pool_with(1, 0);
    struct gate gate = {0};
    struct probe first, probes[JOBS];
    probe_init(&first, &gate);
    first.job.run = exit_when_open_run;
    submit_ok(pool, &first);
    for (int i = 0; i < JOBS; i++) {
        probe_init(&probes[i], NULL);
        submit_ok(pool, &probes[i]);
    }
    wf_fault_arm(FAULT_THREAD, 1, EAGAIN, true);
    atomic_store(&gate.open, true);
    if (_i == 0)
        WAIT_FOR(counts_of(pool).threads == 0);
    close_and_free(pool);
    for (int i = 0; i < JOBS; i++) {
        ck_assert_int_eq(probes[i].runs, 0);
        ck_assert_int_eq(probes[i].drops, 1);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pool threads");
    TCase *tcase = tcase_create("pool threads");

    tcase_add_checked_fixture(tcase, NULL, wf_fault_reset);
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, threads_start_on_demand_and_are_reused);
    tcase_add_test(tcase, job_may_end_its_thread);
    tcase_add_test(tcase, signals_are_blocked);
    tcase_add_test(tcase, idle_threads_end);
    tcase_add_test(tcase, job_meets_the_time_out);
    tcase_add_test(tcase, no_thread_at_all_fails_the_submit);
    tcase_add_loop_test(tcase, some_threads_are_enough, 0, 14);
    tcase_add_test(tcase, threads_are_started_again);
    tcase_add_loop_test(tcase, orphaned_jobs_are_dropped, 0, 2);
    suite_add_tcase(suite, tcase);
    return suite_main(suite);
}
