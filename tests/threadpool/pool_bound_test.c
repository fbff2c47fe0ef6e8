/*
 * pool_bound_test.c - the bound of a pool's queue, and who waits for room in it.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "tests/support/suite.h"
#include "tests/threadpool/probes.h"
#include "threadpool/pool.h"

/* Without room, an attempt fails and the job is left alone; with room again it is taken. */
START_TEST(full_queue_refuses_an_attempt)
{
    struct pool *pool = pool_with(1, 1);
    struct gate gate = {0};
    struct probe probes[2], more;
    fill(pool, probes, &gate);
    probe_init(&more, NULL);
    ck_assert_int_eq(wf_pool_submit(pool, &more.job, POOL_TRY), -EAGAIN);
    ck_assert_uint_eq(counts_of(pool).queued, 1);
    ck_assert(wf_pool_cancel(pool, &probes[1].job));
    submit_ok(pool, &more);
    atomic_store(&gate.open, true);
    close_and_free(pool);
    ck_assert_int_eq(probes[1].runs, 0);
    ck_assert_int_eq(more.runs, 1);
}
END_TEST

/* Without room, a foreign thread waits until there is some. */
START_TEST(full_queue_blocks_a_thread)
{
    enum { THREADS = 3 };
    struct pool *pool = pool_with(1, 1);
    struct gate gate = {0};
    struct probe probes[2];
    struct blocking_submit submits[THREADS];
    pthread_t threads[THREADS];
    atomic_int started = 0;
    fill(pool, probes, &gate);
    for (int i = 0; i < THREADS; i++) {
        submits[i].pool = pool;
        probe_init(&submits[i].probe, NULL);
        submits[i].probe.started = &started;
        ck_assert_int_eq(pthread_create(&threads[i], NULL, blocking_submit_main, &submits[i]), 0);
        WAIT_FOR(counts_of(pool).waiting == (unsigned)i + 1);
    }
    ck_assert_uint_eq(counts_of(pool).queued, 1);
    atomic_store(&gate.open, true);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    close_and_free(pool);
    for (int i = 0; i < THREADS; i++) {
        ck_assert_int_eq(submits[i].rc, 0);
        ck_assert_int_eq(submits[i].probe.runs, 1);
        ck_assert_int_eq(submits[i].probe.order, i);
    }
}
END_TEST

/* Without room, a waiter is called back when its job is accepted, in the order of arrival; one that
 * was cancelled is not, and its job does not run. */
START_TEST(full_queue_lets_waiters_in_by_turns)
{
    enum { WAITERS = 6, GONE = 2 };
    struct pool *pool = pool_with(1, 1);
    struct gate gate = {0};
    struct probe probes[2];
    struct room_probe rooms[WAITERS];
    atomic_int let_in = 0;
    fill(pool, probes, &gate);
    for (int i = 0; i < WAITERS; i++) {
        room_init(&rooms[i], &let_in);
        ck_assert_int_eq(wf_pool_submit_wait(pool, &rooms[i].probe.job, &rooms[i].waiter), 1);
    }
    ck_assert_uint_eq(counts_of(pool).waiting, WAITERS);
    ck_assert(wf_pool_waiter_cancel(pool, &rooms[GONE].waiter));
    ck_assert(!wf_pool_waiter_cancel(pool, &rooms[GONE].waiter));

    ck_assert(wf_pool_cancel(pool, &probes[1].job));
    ck_assert_int_eq(rooms[0].calls, 1);
    ck_assert_int_eq(rooms[1].calls, 0);
    ck_assert(!wf_pool_waiter_cancel(pool, &rooms[0].waiter));
    ck_assert_uint_eq(counts_of(pool).queued, 1);

    atomic_store(&gate.open, true);
    close_and_free(pool); /* refuses those that still wait */
    for (int i = 0, order = 0; i < WAITERS; i++) {
        ck_assert_int_eq(rooms[i].calls, i != GONE);
        ck_assert_int_eq(rooms[i].probe.runs, i != GONE && rooms[i].status == 0);
        if (i != GONE && rooms[i].status == 0)
            ck_assert_int_eq(rooms[i].order, order++);
    }
}
END_TEST

/* A waiter is let in as soon as any job is taken, also one that workers had set aside. */
START_TEST(waiter_is_let_in_at_once)
{
    struct pool *pool = pool_with(1, 2);
    struct gate gates[3] = {{0}};
    struct probe probes[4];
    struct room_probe room;
    for (int i = 0; i < 3; i++)
        probe_init(&probes[i], &gates[i]);
    probe_init(&probes[3], NULL);
    submit_ok(pool, &probes[0]);
    WAIT_FOR(atomic_load(&gates[0].inside));
    submit_ok(pool, &probes[1]);
    submit_ok(pool, &probes[2]);
    atomic_store(&gates[0].open, true);
    WAIT_FOR(atomic_load(&gates[1].inside));
    submit_ok(pool, &probes[3]);
    room_init(&room, NULL);
    ck_assert_int_eq(wf_pool_submit_wait(pool, &room.probe.job, &room.waiter), 1);
    atomic_store(&gates[1].open, true);
    WAIT_FOR(atomic_load(&gates[2].inside));
    WAIT_FOR(atomic_load(&room.calls));
    atomic_store(&gates[2].open, true);
    close_and_free(pool);
    ck_assert_int_eq(room.probe.runs, 1);
}
END_TEST

/* With room, there is nothing to wait for. */
START_TEST(waiter_is_not_needed_with_room)
{
    struct pool *pool = pool_with(1, 1);
    struct room_probe room;
    room_init(&room, NULL);
    ck_assert_int_eq(wf_pool_submit_wait(pool, &room.probe.job, &room.waiter), 0);
    close_and_free(pool);
    ck_assert_int_eq(room.calls, 0);
    ck_assert_int_eq(room.probe.runs, 1);
}
END_TEST

struct nested {
    struct pool_job job;
    struct pool *pool;
    struct probe children[5];
    int failures;
    atomic_bool done;
};

static void nested_run(struct pool_job *job)
{
    struct nested *nested = (struct nested *)job;
    for (int i = 0; i < 5; i++) {
        probe_init(&nested->children[i], NULL);
        nested->failures += wf_pool_submit(nested->pool, &nested->children[i].job, POOL_BLOCK) != 0;
    }
    atomic_store(&nested->done, true);
}

/* A job that submits to its own full pool goes on: it cannot wait for itself. */
START_TEST(job_submits_beyond_the_bound)
{
    struct pool *pool = pool_with(1, 1);
    struct nested nested = {.job.run = nested_run, .pool = pool};
    ck_assert_int_eq(wf_pool_submit(pool, &nested.job, POOL_TRY), 0);
    WAIT_FOR(atomic_load(&nested.done));
    close_and_free(pool);
    ck_assert_int_eq(nested.failures, 0);
    for (int i = 0; i < 5; i++)
        ck_assert_int_eq(nested.children[i].runs, 1);
}
END_TEST

enum { SUBMITTERS = 8, SUBMITS_EACH = 4000 };

struct stress {
    struct pool *pool;
    unsigned seed;
    struct room_probe *rooms;
    atomic_int submits;
    int refused, cancelled, waiters_cancelled;
};

static void *stress_main(void *arg)
{
    struct stress *stress = arg;
    for (int i = 0; i < SUBMITS_EACH; i++) {
        struct room_probe *room = &stress->rooms[i];
        room_init(room, NULL);
        atomic_fetch_add(&stress->submits, 1);
        unsigned dice = (unsigned)rand_r(&stress->seed);
        bool waits = false;
        int rc;
        if (dice % 4 == 0) {
            rc = wf_pool_submit(stress->pool, &room->probe.job, POOL_TRY);
        } else if (dice % 4 == 1) {
            rc = wf_pool_submit(stress->pool, &room->probe.job, POOL_BLOCK);
        } else {
            rc = wf_pool_submit_wait(stress->pool, &room->probe.job, &room->waiter);
            waits = rc == 1;
        }
        if (rc < 0) {
            ck_assert(rc == -ESHUTDOWN || (rc == -EAGAIN && dice % 4 == 0));
            stress->refused++;
            continue;
        }
        if (dice / 4 % 3 != 0)
            continue;
        if (waits && wf_pool_waiter_cancel(stress->pool, &room->waiter))
            stress->waiters_cancelled++;
        else if (wf_pool_cancel(stress->pool, &room->probe.job))
            stress->cancelled++;
    }
    return NULL;
}

/* Many threads submit in all ways, cancel, and are overtaken by the close: each job was run,
 * cancelled, dropped or refused, and exactly one of these. */
START_TEST(every_job_is_accounted_for)
{
    struct pool *pool;
    struct pool_options options = {
        .max_threads = 3, .queue_max = 8, .idle_timeout_ns = _i & 1 ? 50000 : 0};
    ck_assert_int_eq(wf_pool_new(&pool, &options), 0);
    struct stress stress[SUBMITTERS];
    pthread_t threads[SUBMITTERS];
    for (int i = 0; i < SUBMITTERS; i++) {
        memset(&stress[i], 0, sizeof(stress[i]));
        stress[i].pool = pool;
        stress[i].seed = 1000u * (unsigned)_i + (unsigned)i;
        stress[i].rooms = calloc(SUBMITS_EACH, sizeof(*stress[i].rooms));
        ck_assert_int_eq(pthread_create(&threads[i], NULL, stress_main, &stress[i]), 0);
    }
    if (_i & 2) /* close in the middle */
        WAIT_FOR(atomic_load(&stress[0].submits) > SUBMITS_EACH / 2);
    else
        for (int i = 0; i < SUBMITTERS; i++)
            pthread_join(threads[i], NULL);
    ck_assert_int_eq(wf_pool_close(pool, CLOCK_NEVER, _i & 1, NULL, 0, NULL), 0);
    if (_i & 2)
        for (int i = 0; i < SUBMITTERS; i++)
            pthread_join(threads[i], NULL);

    int runs = 0, drops = 0, refused = 0, cancelled = 0;
    for (int i = 0; i < SUBMITTERS; i++) {
        refused += stress[i].refused;
        cancelled += stress[i].cancelled + stress[i].waiters_cancelled;
        for (int k = 0; k < SUBMITS_EACH; k++) {
            struct room_probe *room = &stress[i].rooms[k];
            ck_assert_int_le(room->probe.runs + room->probe.drops, 1);
            ck_assert_int_le(room->calls, 1);
            runs += room->probe.runs;
            drops += room->probe.drops;
            refused += room->calls && room->status == -ESHUTDOWN;
        }
    }
    ck_assert_int_eq(runs + drops + refused + cancelled, SUBMITTERS * SUBMITS_EACH);
    wf_pool_free(pool);
    for (int i = 0; i < SUBMITTERS; i++)
        free(stress[i].rooms);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pool bound");
    TCase *tcase = tcase_create("pool bound");

    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, full_queue_refuses_an_attempt);
    tcase_add_test(tcase, full_queue_blocks_a_thread);
    tcase_add_test(tcase, full_queue_lets_waiters_in_by_turns);
    tcase_add_test(tcase, waiter_is_let_in_at_once);
    tcase_add_test(tcase, waiter_is_not_needed_with_room);
    tcase_add_test(tcase, job_submits_beyond_the_bound);
    tcase_add_loop_test(tcase, every_job_is_accounted_for, 0, 4);
    suite_add_tcase(suite, tcase);
    return suite_main(suite);
}
