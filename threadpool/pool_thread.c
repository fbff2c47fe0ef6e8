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
#include "threadpool/pool_core.h"

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

/* Spins until notified; false: in vain, and now asleep in the eyes of notifiers. */
static bool worker_spin(struct worker *worker)
{
    int64_t end_ns = worker->idle_since_ns + worker->pool->spin_ns;
    do {
        for (int i = 0; i < 32; i++) {
            if (atomic_load_explicit(&worker->word, memory_order_relaxed) == WORKER_NOTIFIED)
                return true;
            cpu_relax();
        }
    } while (clock_now_ns() < end_ns);

    /* Relaxed, as all accesses to the word: what a notified worker reads, it reads under the lock.
     */
    uint32_t word = WORKER_SPINS;
    return !atomic_compare_exchange_strong_explicit(&worker->word, &word, WORKER_SLEEPS,
                                                    memory_order_relaxed, memory_order_relaxed);
}

/* Sleeps until notified or the time-out has passed: the lock will tell. */
static void worker_sleep(struct worker *worker)
{
    int64_t end_ns = clock_add_ns(worker->idle_since_ns, worker->pool->idle_timeout_ns);
    while (atomic_load_explicit(&worker->word, memory_order_relaxed) == WORKER_SLEEPS)
        if (sys_futex_wait(&worker->word, WORKER_SLEEPS, end_ns) == -ETIMEDOUT)
            return;
}

/* A job came gap_ns after the last one: an average tells whether spinning pays. */
static void gap_add(struct pool *pool, int64_t gap_ns)
{
    int64_t max_ns = GAP_MAX_SPINS * pool->spin_ns;
    pool->gap_ns += ((gap_ns < max_ns ? gap_ns : max_ns) - pool->gap_ns) / 8;
}

static void idle_push(struct pool *pool, struct worker *worker)
{
    worker->idle = true;
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
    bool spins = pool->gap_ns < pool->spin_ns &&
                 !(pool->spinner && atomic_load_explicit(&pool->spinner->word,
                                                         memory_order_relaxed) == WORKER_SPINS);

    worker->idle_since_ns = clock_now_ns();
    worker->gap_ns = -1;
    idle_push(pool, worker);
    if (spins)
        pool->spinner = worker;
    atomic_store_explicit(&worker->word, spins ? WORKER_SPINS : WORKER_SLEEPS,
                          memory_order_relaxed);
    pool_unlock(&pool->lock);

    bool spun = spins && worker_spin(worker);
    if (spun)
        worker->gap_ns = clock_now_ns() - worker->idle_since_ns;
    else
        worker_sleep(worker);

    pool_lock(&pool->lock);
    if (worker->idle) { /* timed out, and nobody has notified us just now */
        wf_pool_idle_remove(pool, worker);
        return pool->live == 1 && pool->starting; /* C5 */
    }
    if (worker->gap_ns >= 0)
        gap_add(pool, worker->gap_ns);
    return true;
}

/* Takes the first job, or returns NULL. What has to be done after unlocking goes into todo. */
static struct pool_job *worker_take(struct worker *worker, struct pool_todo *todo)
{
    struct pool *pool = worker->pool;
    struct pool_job *job = pool->first;

    if (worker->notified) {
        worker->notified = false;
        pool->notified--;
    }
    if (!job)
        return NULL;
    wf_pool_queue_remove(pool, job);
    job->state = POOL_JOB_TAKEN;
    worker->busy = true;
    worker->name_of = job->name_of;
    wf_pool_admit(pool, todo);
    /* An error is for a submitter: we are here and run what is queued. */
    wf_pool_notify(pool, todo, false);
    return job;
}

static void worker_run(struct worker *worker)
{
    struct pool *pool = worker->pool;

    for (;;) {
        struct pool_todo todo = {0};
        struct pool_job *job = worker_take(worker, &todo);
        if (job) {
            pool_unlock(&pool->lock);
            wf_pool_do(pool, &todo);
            job->run(job);
            pool_lock(&pool->lock);
            worker->busy = false;
        } else if (pool->closed || !worker_idle(worker)) {
            return;
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
    pool_lock(&worker->pool->lock);
    worker->busy = false;
    worker_leave(worker);
}

struct worker *wf_pool_current(void)
{
    return current;
}

void *wf_pool_thread(void *arg)
{
    struct pool *pool = arg;
    struct worker worker = {.pool = pool, .notified = true};

    current = &worker;
    pthread_setname_np(pthread_self(), pool->name);
    pool_lock(&pool->lock);
    pool->starting--;
    pool->live++;
    worker.next = pool->workers;
    if (pool->workers)
        pool->workers->prev = &worker;
    pool->workers = &worker;

    pthread_cleanup_push(worker_died, &worker);
    worker_run(&worker);
    pthread_cleanup_pop(0);
    worker_leave(&worker);
    return NULL;
}
