/*
 * probes.h - jobs to test a pool with, and those who wait for room in one.
 *
 * Nothing here waits for time to pass: a job is held at a gate until the test opens it, and what
 * happens on other threads is waited for as a condition.
 */
#ifndef WEFT_TESTS_THREADPOOL_PROBES_H
#define WEFT_TESTS_THREADPOOL_PROBES_H

#include <check.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>

#include "runtime/base/clock.h"
#include "threadpool/pool.h"

#define WAIT_FOR(condition)  \
    do {                     \
        while (!(condition)) \
            sched_yield();   \
    } while (0)

/* Jobs stop here until it is opened. */
struct gate {
    atomic_int inside;
    atomic_int most;
    atomic_bool open;
};

struct probe {
    struct pool_job job;
    atomic_int runs, drops;
    struct gate *gate; /* or NULL */
    int order;         /* of its start among those that share started */
    atomic_int *started;
    pthread_t thread;
};

static inline void gate_pass(struct gate *gate)
{
    int inside = atomic_fetch_add(&gate->inside, 1) + 1;
    int most = atomic_load(&gate->most);
    while (inside > most && !atomic_compare_exchange_weak(&gate->most, &most, inside))
        ;
    WAIT_FOR(atomic_load(&gate->open));
    atomic_fetch_sub(&gate->inside, 1);
}

static inline void probe_run(struct pool_job *job)
{
    struct probe *probe = (struct probe *)job;
    probe->thread = pthread_self();
    if (probe->started)
        probe->order = atomic_fetch_add(probe->started, 1);
    if (probe->gate)
        gate_pass(probe->gate);
    atomic_fetch_add(&probe->runs, 1);
}

static inline void probe_drop(struct pool_job *job)
{
    atomic_fetch_add(&((struct probe *)job)->drops, 1);
}

static inline void probe_init(struct probe *probe, struct gate *gate)
{
    memset(probe, 0, sizeof(*probe));
    probe->job.run = probe_run;
    probe->job.drop = probe_drop;
    probe->job.name_of = probe;
    probe->gate = gate;
}

static inline struct pool_counts counts_of(struct pool *pool)
{
    struct pool_counts counts;
    wf_pool_count(pool, &counts);
    return counts;
}

static inline struct pool *pool_with(int max_threads, unsigned queue_max)
{
    struct pool *pool = NULL;
    struct pool_options options = {.max_threads = max_threads, .queue_max = queue_max};
    ck_assert_int_eq(wf_pool_new(&pool, &options), 0);
    return pool;
}

static inline void submit_ok(struct pool *pool, struct probe *probe)
{
    ck_assert_int_eq(wf_pool_submit(pool, &probe->job, POOL_TRY), 0);
}

static inline void close_and_free(struct pool *pool)
{
    ck_assert_int_eq(wf_pool_close(pool, CLOCK_NEVER, false, NULL, 0, NULL), 0);
    wf_pool_free(pool);
}

/* Occupies a pool of one thread with a queue of one: the first job runs, the second is queued. */
static inline void fill(struct pool *pool, struct probe probes[2], struct gate *gate)
{
    for (int i = 0; i < 2; i++) {
        probe_init(&probes[i], gate);
        submit_ok(pool, &probes[i]);
        WAIT_FOR(atomic_load(&gate->inside) == 1);
    }
}

struct blocking_submit {
    struct pool *pool;
    struct probe probe;
    int rc;
};

static inline void *blocking_submit_main(void *arg)
{
    struct blocking_submit *submit = arg;
    submit->rc = wf_pool_submit(submit->pool, &submit->probe.job, POOL_BLOCK);
    return NULL;
}

/* Somebody who waits for room without a thread of his own. */
struct room_probe {
    struct pool_waiter waiter;
    struct probe probe;
    atomic_int calls;
    int status;
    int order;
    atomic_int *let_in;
};

static inline void room_called(struct pool_waiter *waiter, int status)
{
    struct room_probe *room = (struct room_probe *)waiter;
    room->status = status;
    if (room->let_in)
        room->order = atomic_fetch_add(room->let_in, 1);
    atomic_fetch_add(&room->calls, 1);
}

static inline void room_init(struct room_probe *room, atomic_int *let_in)
{
    memset(room, 0, sizeof(*room));
    probe_init(&room->probe, NULL);
    room->waiter.room = room_called;
    room->let_in = let_in;
}

#endif
