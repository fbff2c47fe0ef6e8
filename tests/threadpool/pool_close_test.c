/*
 * pool_close_test.c - closing a pool: what is queued, who waits, who is told, and who may do it.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

#include "tests/support/suite.h"
#include "tests/threadpool/probes.h"
#include "threadpool/pool.h"

/* EXEC-21: a closed pool takes nothing; closing it again does no harm. */
START_TEST(closed_pool_takes_nothing)
{
    struct pool *pool = pool_with(2, 0);
    struct probe probe;
    struct room_probe room;
    probe_init(&probe, NULL);
    submit_ok(pool, &probe);
    ck_assert_int_eq(wf_pool_close(pool, CLOCK_NEVER, false, NULL, 0, NULL), 0);
    ck_assert_int_eq(probe.runs, 1);
    ck_assert_uint_eq(counts_of(pool).threads, 0);

    room_init(&room, NULL);
    ck_assert_int_eq(wf_pool_submit(pool, &probe.job, POOL_TRY), -ESHUTDOWN);
    ck_assert_int_eq(wf_pool_submit(pool, &probe.job, POOL_BLOCK), -ESHUTDOWN);
    ck_assert_int_eq(wf_pool_submit_wait(pool, &room.probe.job, &room.waiter), -ESHUTDOWN);
    ck_assert_int_eq(wf_pool_close_start(pool, true, NULL), 1);
    ck_assert_int_eq(wf_pool_close(pool, 0, true, NULL, 0, NULL), 0);
    ck_assert_int_eq(room.calls, 0);
    wf_pool_free(pool);
}
END_TEST

/* EXEC-14: closing waits for what is queued and running. */
START_TEST(close_runs_what_is_queued)
{
    enum { JOBS = 500 };
    struct pool *pool = pool_with(2, JOBS);
    struct gate gate = {0};
    struct probe probes[JOBS];
    for (int i = 0; i < JOBS; i++) {
        probe_init(&probes[i], &gate);
        submit_ok(pool, &probes[i]);
    }
    ck_assert_int_eq(wf_pool_close_start(pool, false, NULL), 0);
    ck_assert_uint_ge(counts_of(pool).queued, JOBS - 2);
    atomic_store(&gate.open, true);
    close_and_free(pool);
    for (int i = 0; i < JOBS; i++)
        ck_assert_int_eq(probes[i].runs, 1);
}
END_TEST

/* EXEC-21: closing can drop what is queued: each such job is told once and never runs. */
START_TEST(close_drops_what_is_queued)
{
    enum { JOBS = 50 };
    struct pool *pool = pool_with(1, JOBS);
    struct gate gate = {0};
    struct probe first, probes[JOBS];
    probe_init(&first, &gate);
    submit_ok(pool, &first);
    WAIT_FOR(atomic_load(&gate.inside) == 1);
    for (int i = 0; i < JOBS; i++) {
        probe_init(&probes[i], NULL);
        submit_ok(pool, &probes[i]);
    }
    ck_assert_int_eq(wf_pool_close_start(pool, true, NULL), 0);
    for (int i = 0; i < JOBS; i++) {
        ck_assert_int_eq(probes[i].drops, 1);
        ck_assert(!wf_pool_cancel(pool, &probes[i].job));
    }
    atomic_store(&gate.open, true);
    close_and_free(pool);
    ck_assert_int_eq(first.runs, 1);
    for (int i = 0; i < JOBS; i++)
        ck_assert_int_eq(probes[i].runs, 0);
}
END_TEST

/* Whoever waits for room is told that the pool was closed. */
START_TEST(close_refuses_waiters)
{
    struct pool *pool = pool_with(1, 1);
    struct gate gate = {0};
    struct probe probes[2];
    struct room_probe room;
    struct blocking_submit submit = {.pool = pool};
    pthread_t thread;
    fill(pool, probes, &gate);
    room_init(&room, NULL);
    ck_assert_int_eq(wf_pool_submit_wait(pool, &room.probe.job, &room.waiter), 1);
    probe_init(&submit.probe, NULL);
    ck_assert_int_eq(pthread_create(&thread, NULL, blocking_submit_main, &submit), 0);
    WAIT_FOR(counts_of(pool).waiting == 2);

    ck_assert_int_eq(wf_pool_close_start(pool, false, NULL), 0);
    ck_assert_int_eq(room.calls, 1);
    ck_assert_int_eq(room.status, -ESHUTDOWN);
    ck_assert(!wf_pool_waiter_cancel(pool, &room.waiter));
    pthread_join(thread, NULL);
    ck_assert_int_eq(submit.rc, -ESHUTDOWN);
    atomic_store(&gate.open, true);
    close_and_free(pool);
    ck_assert_int_eq(room.probe.runs + submit.probe.runs, 0);
    ck_assert_int_eq(probes[1].runs, 1);
}
END_TEST

/* EXEC-16: when the deadline passes, close names the functions that are still running; it can be
 * called again. */
START_TEST(close_names_what_still_runs)
{
    struct pool *pool = pool_with(3, 0);
    struct gate gate = {0};
    struct probe probes[3];
    struct pool_leftover leftovers[2] = {{NULL}, {NULL}};
    unsigned count = 0;
    for (int i = 0; i < 3; i++) {
        probe_init(&probes[i], &gate);
        submit_ok(pool, &probes[i]);
    }
    WAIT_FOR(atomic_load(&gate.inside) == 3);
    ck_assert_int_eq(wf_pool_close(pool, clock_now_ns() + 1000000, false, leftovers, 2, &count),
                     -ETIMEDOUT);
    ck_assert_uint_eq(count, 3);
    for (int i = 0; i < 2; i++) {
        const struct probe *named = leftovers[i].name_of;
        ck_assert(named == &probes[0] || named == &probes[1] || named == &probes[2]);
    }
    ck_assert_ptr_ne(leftovers[0].name_of, leftovers[1].name_of);
    ck_assert_int_eq(wf_pool_close(pool, 0, false, NULL, 0, NULL), -ETIMEDOUT);

    atomic_store(&gate.open, true);
    ck_assert_int_eq(wf_pool_close(pool, CLOCK_NEVER, false, leftovers, 2, &count), 0);
    ck_assert_uint_eq(count, 0);
    wf_pool_free(pool);
}
END_TEST

struct ended_probe {
    struct pool_closing closing;
    struct pool *frees;
    atomic_int calls;
};

static void ended_called(struct pool_closing *closing)
{
    struct ended_probe *ended = (struct ended_probe *)closing;
    if (ended->frees)
        wf_pool_free(ended->frees);
    atomic_fetch_add(&ended->calls, 1);
}

/* EXEC-14: closing does not have to block anybody: a callback tells when the last thread is done.
 */
START_TEST(close_tells_when_ended)
{
    struct pool *pool = pool_with(2, 0);
    struct gate gate = {0};
    struct probe probes[2];
    struct ended_probe ended[2] = {{.closing.ended = ended_called},
                                   {.closing.ended = ended_called}};
    struct ended_probe forgotten = {.closing.ended = ended_called};
    for (int i = 0; i < 2; i++) {
        probe_init(&probes[i], &gate);
        submit_ok(pool, &probes[i]);
    }
    WAIT_FOR(atomic_load(&gate.inside) == 2);
    ck_assert_int_eq(wf_pool_close_start(pool, false, &ended[0].closing), 0);
    ck_assert_int_eq(wf_pool_close_start(pool, false, &forgotten.closing), 0);
    ck_assert_int_eq(wf_pool_close_start(pool, false, &ended[1].closing), 0);
    ck_assert(wf_pool_close_forget(pool, &forgotten.closing));
    ck_assert(!wf_pool_close_forget(pool, &forgotten.closing));
    ck_assert_int_eq(ended[0].calls, 0);
    atomic_store(&gate.open, true);
    WAIT_FOR(atomic_load(&ended[0].calls) && atomic_load(&ended[1].calls));
    ck_assert(!wf_pool_close_forget(pool, &ended[0].closing));
    close_and_free(pool);
    ck_assert_int_eq(forgotten.calls, 0);
    ck_assert_int_eq(ended[0].calls, 1);
    ck_assert_int_eq(ended[1].calls, 1);
}
END_TEST

/* A pool may be given up while jobs run: they end in peace, and the last thread frees it. */
START_TEST(free_leaves_running_jobs_alone)
{
    struct pool *pool = pool_with(2, 0);
    struct gate gate = {0};
    struct probe probes[5];
    struct ended_probe ended = {.closing.ended = ended_called};
    for (int i = 0; i < 5; i++) {
        probe_init(&probes[i], &gate);
        submit_ok(pool, &probes[i]);
    }
    ck_assert_int_eq(wf_pool_close_start(pool, false, &ended.closing), 0);
    wf_pool_free(pool);
    atomic_store(&gate.open, true);
    WAIT_FOR(atomic_load(&ended.calls));
    for (int i = 0; i < 5; i++)
        ck_assert_int_eq(probes[i].runs, 1);
}
END_TEST

/* The callback that tells of the end may give the pool up. */
START_TEST(ended_callback_may_free)
{
    struct pool *pool = pool_with(2, 0);
    struct gate gate = {0};
    struct probe probes[2];
    struct ended_probe ended = {.closing.ended = ended_called, .frees = pool};
    for (int i = 0; i < 2; i++) {
        probe_init(&probes[i], &gate);
        submit_ok(pool, &probes[i]);
    }
    ck_assert_int_eq(wf_pool_close_start(pool, false, &ended.closing), 0);
    atomic_store(&gate.open, true);
    WAIT_FOR(atomic_load(&ended.calls));
}
END_TEST

struct closing_job {
    struct pool_job job;
    struct pool *pool;
    int rc;
};

static void closing_run(struct pool_job *job)
{
    struct closing_job *closing = (struct closing_job *)job;
    closing->rc = wf_pool_close(closing->pool, CLOCK_NEVER, false, NULL, 0, NULL);
}

/* A job that closes its own pool is told that it cannot wait for itself; the pool is closed. */
START_TEST(job_cannot_wait_for_its_own_pool)
{
    struct pool *pool = pool_with(1, 0);
    struct closing_job closing = {.job.run = closing_run, .pool = pool};
    ck_assert_int_eq(wf_pool_submit(pool, &closing.job, POOL_TRY), 0);
    close_and_free(pool);
    ck_assert_int_eq(closing.rc, -EDEADLK);
}
END_TEST

static void *close_main(void *arg)
{
    return (void *)(intptr_t)wf_pool_close(arg, CLOCK_NEVER, false, NULL, 0, NULL);
}

/* Several threads may close at once: each returns when the threads are joined. */
START_TEST(many_may_close)
{
    enum { CLOSERS = 4 };
    for (int round = 0; round < 50; round++) {
        struct pool *pool = pool_with(3, 0);
        struct probe probes[6];
        pthread_t threads[CLOSERS];
        for (int i = 0; i < 6; i++) {
            probe_init(&probes[i], NULL);
            submit_ok(pool, &probes[i]);
        }
        for (int i = 0; i < CLOSERS; i++)
            ck_assert_int_eq(pthread_create(&threads[i], NULL, close_main, pool), 0);
        for (int i = 0; i < CLOSERS; i++) {
            void *rc;
            pthread_join(threads[i], &rc);
            ck_assert_ptr_null(rc);
        }
        wf_pool_free(pool);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pool close");
    TCase *tcase = tcase_create("pool close");

    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, closed_pool_takes_nothing);
    tcase_add_test(tcase, close_runs_what_is_queued);
    tcase_add_test(tcase, close_drops_what_is_queued);
    tcase_add_test(tcase, close_refuses_waiters);
    tcase_add_test(tcase, close_names_what_still_runs);
    tcase_add_test(tcase, close_tells_when_ended);
    tcase_add_test(tcase, free_leaves_running_jobs_alone);
    tcase_add_test(tcase, ended_callback_may_free);
    tcase_add_test(tcase, job_cannot_wait_for_its_own_pool);
    tcase_add_test(tcase, many_may_close);
    suite_add_tcase(suite, tcase);
    return suite_main(suite);
}
