/*
 * pool_thread.c - the life of a pool thread: take a job, run it, look out for the next one, sleep,
 * end.
 *
 *   created -> [look into the queue] -> run -> [look] ... nothing there -> idle: spin, sleep
 *                     ^                                                      |  |
 *                     +--------------------- notified -----------------------+  +-> timed out: end
 *
 * See pool_core.h for the invariants.
 */
#include <sched.h>

#include "threadpool/pool_core.h"

/* A spinner looks at the pool's line so rarely that submitters have it to themselves in between. */
#ifndef SPIN_PAUSES
#define SPIN_PAUSES 8
#endif
#define SPIN_LOOKS 4

/* How often a sentry looks, and for how long there is none after one had to help. */
#ifndef SENTRY_NS
#define SENTRY_NS INT64_C(100000)
#endif
#define SENTRY_REST_NS INT64_C(100000000)

/* The gap that counts as "spinning would have been in vain", in spins: one such gap outweighs eight
 * short ones. */
#define GAP_MAX_SPINS 8

/* A thread that has been idle for this long gives the memory it caches back. */
#define IDLE_FLUSH_NS INT64_C(1000000000)

static _Thread_local struct worker *current; /* of this thread; NULL outside any pool */

bool wf_pool_is_inside(const struct pool *pool)
{
    return current && current->pool == pool;
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
    return pool->gap_ns < pool->spin_ns && !pool->spinning && sched_getcpu() != pool->submit_cpu;
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

/* Stands sentry, in the idle list, until notified or not needed any more. */
static void worker_watch(struct worker *worker, int64_t now_ns)
{
    struct pool *pool = worker->pool;
    unsigned popped, pushed;

    pool->sentry = worker;
    do {
        popped = atomic_load_explicit(&pool->popped, memory_order_relaxed);
        pushed = atomic_load_explicit(&pool->pushed, memory_order_relaxed);
        now_ns += SENTRY_NS;
        worker_sleep(worker, now_ns);
        if (worker->place != WORKER_IDLE)
            return;
        if ((int)(atomic_load_explicit(&pool->popped, memory_order_relaxed) - pushed) < 0) {
            /* A job was here at the last look and still is, or was cancelled. */
            pool->no_sentry_ns = now_ns + SENTRY_REST_NS;
            wf_pool_worker_notify(pool, worker);
            return;
        }
    } while (atomic_load_explicit(&pool->popped, memory_order_relaxed) != popped);
    pool->sentry = NULL;
}

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

/* Waits to be notified, with the lock given back meanwhile. False: the time-out has passed. */
static bool worker_idle(struct worker *worker)
{
    struct pool *pool = worker->pool;

    pool->active--;
    if (spin_pays(pool) && worker_spin(worker))
        return true;

    worker->idle_since_ns = clock_now_ns();
    worker->gap_ns = -1;
    atomic_store_explicit(&worker->word, WORKER_SLEEPS, memory_order_relaxed);
    idle_push(pool, worker);
    if (!pool->sentry && pool->active && worker->idle_since_ns >= pool->no_sentry_ns)
        worker_watch(worker, worker->idle_since_ns);
    if (worker->place == WORKER_IDLE)
        worker_sleep(worker, clock_add_ns(worker->idle_since_ns, pool->idle_timeout_ns));
    if (worker->place == WORKER_IDLE) { /* timed out, and nobody has notified us just now */
        wf_pool_idle_remove(pool, worker);
        worker->place = WORKER_ACTIVE;
        pool->active++;
        return pool->live == 1 && pool->starting; /* C5 */
    }
    if (worker->gap_ns >= 0)
        gap_add(pool, worker->gap_ns);
    return true;
}

/* Takes the first job; what has to be done after unlocking goes into todo. NULL: there is none, and
 * the lock is held. */
static struct pool_job *worker_take(struct worker *worker, struct pool_todo *todo)
{
    struct pool *pool = worker->pool;

    pool_lock(&pool->out_lock);
    bool arrives = worker->place == WORKER_ON_ITS_WAY;
    bool both = arrives || !pool->out_first || pool->crowded;
    if (both) {
        pool_lock(&pool->lock);
        if (!pool->out_first) {
            pool->out_first = pool->in_first;
            pool->in_first = NULL;
        }
        if (arrives) {
            worker->place = WORKER_ACTIVE;
            pool->notified--;
            pool->active++;
        }
    }

    struct pool_job *job = pool->out_first;
    if (job) {
        pool->out_first = job->next;
        job->state = POOL_JOB_TAKEN;
        /* Relaxed: see the fields. */
        atomic_store_explicit(&pool->popped,
                              atomic_load_explicit(&pool->popped, memory_order_relaxed) + 1,
                              memory_order_relaxed);
        atomic_store_explicit(&worker->name_of, job->name_of, memory_order_relaxed);
        if (both) {
            wf_pool_admit(pool, todo);
            /* An error is for a submitter: we are here and run what is queued. */
            if (arrives)
                wf_pool_notify(pool, todo, false);
            pool_unlock(&pool->lock);
        }
    }
    pool_unlock(&pool->out_lock);
    return job;
}

/* Until the thread is to end; then the lock is held. */
static void worker_run(struct worker *worker)
{
    struct pool *pool = worker->pool;

    for (;;) {
        struct pool_todo todo = {0};
        struct pool_job *job = worker_take(worker, &todo);
        if (job) {
            wf_pool_do(pool, &todo);
            job->run(job);
            atomic_store_explicit(&worker->name_of, NULL, memory_order_relaxed);
        } else {
            if (pool->closed || !worker_idle(worker))
                return;
            pool_unlock(&pool->lock);
        }
    }
}

/* Called with the lock held, gives it back for good: the thread ends. */
static void worker_leave(struct worker *worker)
{
    struct pool *pool = worker->pool;
    struct pool_todo todo = {0};
    struct pool_end end = {0};

    *(worker->prev ? &worker->prev->next : &pool->workers) = worker->next;
    if (worker->next)
        worker->next->prev = worker->prev;
    pool->active--;
    pool->live--;
    wf_pool_settle(pool, &todo, &end);

    /* Each thread joins the one that ended before it: the last one stands for them all. */
    pthread_t zombie = pool->zombie;
    bool has_zombie = pool->has_zombie;
    pool->zombie = pthread_self();
    pool->has_zombie = true;
    pool_unlock(&pool->lock);

    wf_pool_do(pool, &todo);
    if (has_zombie)
        pthread_join(zombie, NULL);
    wf_pool_do_end(pool, &end);
    current = NULL;
}

/* A job called pthread_exit(), or was cancelled: the pool lives on. */
static void worker_died(void *arg)
{
    struct worker *worker = arg;
    atomic_store_explicit(&worker->name_of, NULL, memory_order_relaxed);
    pool_lock(&worker->pool->lock);
    worker_leave(worker);
}

struct worker *wf_pool_current(void)
{
    return current;
}

void *wf_pool_thread(void *arg)
{
    struct pool *pool = arg;
    struct worker worker = {.pool = pool, .place = WORKER_ON_ITS_WAY};

    current = &worker;
    pthread_setname_np(pthread_self(), pool->name);
    pool_lock(&pool->lock);
    pool->starting--;
    pool->live++;
    worker.next = pool->workers;
    if (pool->workers)
        pool->workers->prev = &worker;
    pool->workers = &worker;
    pool_unlock(&pool->lock);

    pthread_cleanup_push(worker_died, &worker);
    worker_run(&worker);
    pthread_cleanup_pop(0);
    worker_leave(&worker);
    return NULL;
}
