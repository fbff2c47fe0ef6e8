/*
 * pool_idle.c - idle threads: how they are called to work, and how they wait for that.
 *
 *   active --> spinning --> asleep --> timed out: ends
 *      ^          |            |
 *      |          v            v
 *      +------ on its way <-- notified
 *
 * A sleeper's wake-up takes some 30 us here, and costs the notifier 2 us. So one idle worker spins
 * before it sleeps, as long as that has paid lately. Measured on two processors whose cache lines
 * take 0.1 us for a round trip, trivial jobs, ns for each:
 *
 *                                  one after the other   two at once   1000 at once
 *   every idle worker sleeps               650               1500            35
 *   one spins                              260                160           100
 *   and workers rest, pool_thread.c        290                170            40
 *
 * (In the first line no worker ever gets to sleep, for its system calls are slow enough; let the
 * submitter pause, and it is 30000.)
 *
 * Tried and given up: an idle thread that wakes up every 100 us to help, so that a burst of trivial
 * jobs need not wake anybody. It saved nothing that could be measured, and jobs that block waited
 * for it.
 */
#include <sched.h>

#include "threadpool/pool_core.h"

/* After a failed creation, no thread is created for this long while others are there. */
#define START_AGAIN_NS INT64_C(100000000)

/* Between two looks of a spinner, and how many of them between two looks at the clock. */
#define SPIN_PAUSES 2
#define SPIN_LOOKS  16

/* The gap that counts as "spinning was in vain", in spins: one outweighs eight short ones. */
#define GAP_MAX_SPINS 8

/* ---- the idle list; with the lock held ---- */

static void idle_push(struct pool *pool, struct worker *worker)
{
    worker->place = WORKER_IDLE;
    worker->idle_prev = NULL;
    worker->idle_next = pool->idle;
    if (pool->idle)
        pool->idle->idle_prev = worker;
    pool->idle = worker;
    pool->num_idle++;
}

static void idle_remove(struct pool *pool, struct worker *worker)
{
    *(worker->idle_prev ? &worker->idle_prev->idle_next : &pool->idle) = worker->idle_next;
    if (worker->idle_next)
        worker->idle_next->idle_prev = worker->idle_prev;
    pool->num_idle--;
}

/* ---- notifying ---- */

_Atomic uint32_t *wf_pool_worker_notify(struct pool *pool, struct worker *worker)
{
    idle_remove(pool, worker);
    worker->place = WORKER_ON_ITS_WAY;
    pool->notified++;
    /* Relaxed: what the worker reads, it reads under the lock. */
    atomic_store_explicit(&worker->word, WORKER_NOTIFIED, memory_order_relaxed);
    return &worker->word;
}

int wf_pool_notify(struct pool *pool, struct pool_todo *todo, bool submits)
{
    if (pool->notified || (!submits && !pool_queued(pool)))
        return 0;

    if (pool->idle) {
        struct worker *worker = pool->idle;
        todo->wake = wf_pool_worker_notify(pool, worker);
        if (submits)
            worker->gap_ns = clock_now_ns() - worker->idle_since_ns;
        return 0;
    }

    unsigned threads = pool->live + pool->starting;
    if (threads == pool->max_threads)
        return 0;
    if (threads == 0) {
        pthread_t thread; /* knows itself */
        int rc = sys_thread_create(&thread, wf_pool_thread, pool);
        if (rc < 0)
            return rc;
    } else {
        if (pool->start_again_ns && clock_now_ns() < pool->start_again_ns)
            return 0;
        todo->start = true;
    }
    pool->starting++;
    pool->notified++;
    return 0;
}

/* A creation outside the lock failed. By C5 other threads are there for what is queued, unless a
 * job has ended the last one. */
static void start_failed(struct pool *pool)
{
    struct pool_todo todo = {0};
    struct pool_end end = {0};

    pool_lock(&pool->lock);
    pool->starting--;
    pool->notified--;
    pool->start_again_ns = clock_now_ns() + START_AGAIN_NS;
    wf_pool_settle(pool, &todo, &end);
    pool_unlock(&pool->lock);

    wf_pool_do(pool, &todo);
    wf_pool_do_end(pool, &end);
}

void wf_pool_do(struct pool *pool, struct pool_todo *todo)
{
    if (todo->wake)
        sys_futex_wake(todo->wake, 1);
    if (todo->start) {
        pthread_t thread;
        if (sys_thread_create(&thread, wf_pool_thread, pool) < 0)
            start_failed(pool);
    }
    if (todo->room)
        todo->room->room(todo->room, 0);
}

/* ---- waiting for it ---- */

bool wf_pool_submitter_is_elsewhere(const struct pool *pool)
{
    /* Relaxed: a guess. */
    return pool->spin_ns > 0 &&
           sched_getcpu() != atomic_load_explicit(&pool->submit_cpu, memory_order_relaxed);
}

/* A job came gap_ns after the last one: the average tells whether spinning pays. */
static void gap_add(struct pool *pool, int64_t gap_ns)
{
    int64_t max_ns = GAP_MAX_SPINS * pool->spin_ns;
    pool->gap_ns += ((gap_ns < max_ns ? gap_ns : max_ns) - pool->gap_ns) / 8;
}

/* Whether to look out for the next job before sleeping: if jobs have been coming soon enough,
 * nobody else does, and whoever submits can go on meanwhile. */
static bool spin_pays(const struct pool *pool)
{
    return pool->gap_ns < pool->spin_ns && !pool->spinning && wf_pool_submitter_is_elsewhere(pool);
}

/* Looks out for a job, with the lock given back meanwhile. False: in vain. */
static bool worker_spin(struct worker *worker)
{
    struct pool *pool = worker->pool;
    unsigned pushed = atomic_load_explicit(&pool->pushed, memory_order_relaxed);
    int64_t since_ns = clock_now_ns();
    int64_t now_ns;
    bool found;

    pool->spinning = true;
    pool->notified++;
    pool_unlock(&pool->lock);
    do {
        for (int look = 0; look < SPIN_LOOKS; look++) {
            for (int i = 0; i < SPIN_PAUSES; i++)
                cpu_relax();
            found = atomic_load_explicit(&pool->pushed, memory_order_relaxed) != pushed;
            if (found)
                break;
        }
        now_ns = clock_now_ns();
    } while (!found && now_ns - since_ns < pool->spin_ns);
    pool_lock(&pool->lock);
    pool->spinning = false;
    gap_add(pool, found ? now_ns - since_ns : CLOCK_NEVER);
    if (pool_queued(pool) || pool->closed) {
        worker->place = WORKER_ON_ITS_WAY;
        return true;
    }
    pool->notified--;
    return false;
}

/* Sleeps until notified or the deadline has passed: the place will tell. */
static void worker_sleep(struct worker *worker, int64_t deadline_ns)
{
    pool_unlock(&worker->pool->lock);
    while (atomic_load_explicit(&worker->word, memory_order_relaxed) == WORKER_SLEEPS)
        if (sys_futex_wait(&worker->word, WORKER_SLEEPS, deadline_ns) == -ETIMEDOUT)
            break;
    pool_lock(&worker->pool->lock);
}

bool wf_pool_worker_idle(struct worker *worker)
{
    struct pool *pool = worker->pool;

    if (spin_pays(pool) && worker_spin(worker))
        return true;

    worker->idle_since_ns = clock_now_ns();
    worker->gap_ns = -1;
    atomic_store_explicit(&worker->word, WORKER_SLEEPS, memory_order_relaxed);
    idle_push(pool, worker);
    worker_sleep(worker, clock_add_ns(worker->idle_since_ns, pool->idle_timeout_ns));
    if (worker->place == WORKER_IDLE) { /* timed out, and nobody has notified us just now */
        idle_remove(pool, worker);
        worker->place = WORKER_ACTIVE;
        return pool->live == 1 && pool->starting; /* C5 */
    }
    if (worker->gap_ns >= 0)
        gap_add(pool, worker->gap_ns);
    return true;
}
