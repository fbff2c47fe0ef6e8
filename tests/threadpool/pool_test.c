/*
 * pool_test.c - the bounded pool: each accepted job is accounted for once, whatever happens.
 *
 * Nothing here waits for time to pass: a job is held at a gate until the test opens it, and what
 * happens on other threads is waited for as a condition.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/clock.h"
#include "runtime/base/fault.h"
#include "tests/support/suite.h"
#include "threadpool/pool.h"

#define WAIT_FOR(condition)  \
    do {                     \
        while (!(condition)) \
            sched_yield();   \
    } while (0)

/* ---- jobs to test with ---- */

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

static void gate_pass(struct gate *gate)
{
    int inside = atomic_fetch_add(&gate->inside, 1) + 1;
    int most = atomic_load(&gate->most);
    while (inside > most && !atomic_compare_exchange_weak(&gate->most, &most, inside))
        ;
    WAIT_FOR(atomic_load(&gate->open));
    atomic_fetch_sub(&gate->inside, 1);
}

static void probe_run(struct pool_job *job)
{
    struct probe *probe = (struct probe *)job;
    probe->thread = pthread_self();
    if (probe->started)
        probe->order = atomic_fetch_add(probe->started, 1);
    if (probe->gate)
        gate_pass(probe->gate);
    atomic_fetch_add(&probe->runs, 1);
}

static void probe_drop(struct pool_job *job)
{
    atomic_fetch_add(&((struct probe *)job)->drops, 1);
}

static void probe_init(struct probe *probe, struct gate *gate)
{
    memset(probe, 0, sizeof(*probe));
    probe->job.run = probe_run;
    probe->job.drop = probe_drop;
    probe->job.name_of = probe;
    probe->gate = gate;
}

static struct pool_counts counts_of(struct pool *pool)
{
    struct pool_counts counts;
    wf_pool_count(pool, &counts);
    return counts;
}

static struct pool *pool_with(int max_threads, unsigned queue_max)
{
    struct pool *pool = NULL;
    struct pool_options options = {.max_threads = max_threads, .queue_max = queue_max};
    ck_assert_int_eq(wf_pool_new(&pool, &options), 0);
    return pool;
}

static void submit_ok(struct pool *pool, struct probe *probe)
{
    ck_assert_int_eq(wf_pool_submit(pool, &probe->job, POOL_TRY), 0);
}

static void close_and_free(struct pool *pool)
{
    ck_assert_int_eq(wf_pool_close(pool, CLOCK_NEVER, false, NULL, 0, NULL), 0);
    wf_pool_free(pool);
}

/* ---- making a pool ---- */

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

/* ---- running ---- */

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

/* ---- the bound of the queue ---- */

/* Occupies a pool of one thread with a queue of one: the first job runs, the second is queued. */
static void fill(struct pool *pool, struct probe probes[2], struct gate *gate)
{
    for (int i = 0; i < 2; i++) {
        probe_init(&probes[i], gate);
        submit_ok(pool, &probes[i]);
        WAIT_FOR(atomic_load(&gate->inside) == 1);
    }
}

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

struct blocking_submit {
    struct pool *pool;
    struct probe probe;
    int rc;
};

static void *blocking_submit_main(void *arg)
{
    struct blocking_submit *submit = arg;
    submit->rc = wf_pool_submit(submit->pool, &submit->probe.job, POOL_BLOCK);
    return NULL;
}

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

/* Somebody who waits for room without a thread of his own. */
struct room_probe {
    struct pool_waiter waiter;
    struct probe probe;
    atomic_int calls;
    int status;
    int order;
    atomic_int *let_in;
};

static void room_called(struct pool_waiter *waiter, int status)
{
    struct room_probe *room = (struct room_probe *)waiter;
    room->status = status;
    if (room->let_in)
        room->order = atomic_fetch_add(room->let_in, 1);
    atomic_fetch_add(&room->calls, 1);
}

static void room_init(struct room_probe *room, atomic_int *let_in)
{
    memset(room, 0, sizeof(*room));
    probe_init(&room->probe, NULL);
    room->waiter.room = room_called;
    room->let_in = let_in;
}

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

/* ---- cancelling ---- */

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

/* ---- threads that cannot be created ---- */

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

/* ---- closing ---- */

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

/* ---- everything at once ---- */

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

static Suite *pool_suite(void)
{
    Suite *suite = suite_create("pool");
    TCase *making = tcase_create("making"), *running = tcase_create("running");
    TCase *bound = tcase_create("bound"), *cancelling = tcase_create("cancelling");
    TCase *creation = tcase_create("creation"), *closing = tcase_create("closing");
    TCase *all = tcase_create("all at once");

    tcase_add_test(making, default_size_follows_usable_cpus);
    tcase_add_test(making, negative_size_is_refused);
    tcase_add_test(making, no_memory_is_an_error);
    tcase_add_test(making, unused_pool_closes);

    tcase_add_test(running, each_job_runs_once_elsewhere);
    tcase_add_test(running, blocking_jobs_run_together_up_to_the_bound);
    tcase_add_loop_test(running, blocked_job_delays_nobody, 0, 2);
    tcase_add_test(running, jobs_start_in_order);
    tcase_add_test(running, threads_start_on_demand_and_are_reused);
    tcase_add_test(running, job_may_end_its_thread);
    tcase_add_test(running, signals_are_blocked);
    tcase_add_test(running, idle_threads_end);
    tcase_add_test(running, job_meets_the_time_out);

    tcase_add_test(bound, full_queue_refuses_an_attempt);
    tcase_add_test(bound, full_queue_blocks_a_thread);
    tcase_add_test(bound, full_queue_lets_waiters_in_by_turns);
    tcase_add_test(bound, waiter_is_let_in_at_once);
    tcase_add_test(bound, waiter_is_not_needed_with_room);
    tcase_add_test(bound, job_submits_beyond_the_bound);

    tcase_add_test(cancelling, cancelled_job_never_runs);

    tcase_add_test(creation, no_thread_at_all_fails_the_submit);
    tcase_add_loop_test(creation, some_threads_are_enough, 0, 14);
    tcase_add_test(creation, threads_are_started_again);
    tcase_add_loop_test(creation, orphaned_jobs_are_dropped, 0, 2);

    tcase_add_test(closing, closed_pool_takes_nothing);
    tcase_add_test(closing, close_runs_what_is_queued);
    tcase_add_test(closing, close_drops_what_is_queued);
    tcase_add_test(closing, close_refuses_waiters);
    tcase_add_test(closing, close_names_what_still_runs);
    tcase_add_test(closing, close_tells_when_ended);
    tcase_add_test(closing, free_leaves_running_jobs_alone);
    tcase_add_test(closing, ended_callback_may_free);
    tcase_add_test(closing, job_cannot_wait_for_its_own_pool);
    tcase_add_test(closing, many_may_close);

    tcase_add_loop_test(all, every_job_is_accounted_for, 0, 4);

    TCase *cases[] = {making, running, bound, cancelling, creation, closing, all};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        tcase_add_checked_fixture(cases[i], NULL, wf_fault_reset);
        tcase_set_timeout(cases[i], 120);
        suite_add_tcase(suite, cases[i]);
    }
    return suite;
}

int main(void)
{
    return suite_main(pool_suite());
}
