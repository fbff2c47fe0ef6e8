/*
 * pool_thread.c - the life of a pool thread: take a job, run it, take the next one, idle
 * (pool_idle.c), end. See pool_core.h for the invariants.
 */
#include "threadpool/pool_core.h"

/* See worker_rest(). A rest is tried at every so many returns to the submitters' side, and repeated
 * as long as so many jobs have come meanwhile. */
#define REST_NS    1000
#define REST_EVERY 32
#define REST_JOBS  4

static _Thread_local struct worker *current; /* of this thread; NULL outside any pool */

bool wf_pool_is_inside(const struct pool *pool)
{
    return current && current->pool == pool;
}

/*
 * A worker that outruns a loop which submits one job after the other takes each of them singly, and
 * the loop pays for the cache lines that go to and fro, 130 ns a job. So it stays away for a
 * moment, and then finds several. Whether it is that or a loop that waits for each answer shows
 * only in what a rest brings: hence one is tried now and then.
 */
static void worker_rest(void)
{
    int64_t end_ns = clock_now_ns() + REST_NS;
    do {
        for (int i = 0; i < 16; i++)
            cpu_relax();
    } while (clock_now_ns() < end_ns);
}

/* Takes the first job; what has to be done after unlocking goes into todo. NULL: there is none, and
 * the lock is held. */
static struct pool_job *worker_take(struct worker *worker, struct pool_todo *todo)
{
    struct pool *pool = worker->pool;
    bool rested = false;

    pool_lock(&pool->out_lock);
    bool arrives = worker->place == WORKER_ON_ITS_WAY;
    if (!arrives && !pool->out_first && pool->rest_in == 0 &&
        wf_pool_submitter_is_elsewhere(pool)) {
        pool_unlock(&pool->out_lock);
        worker_rest();
        rested = true;
        pool_lock(&pool->out_lock);
    }
    bool both = arrives || !pool->out_first || pool->crowded;
    if (both) {
        pool_lock(&pool->lock);
        if (!pool->out_first) {
            pool->out_first = pool->in_first;
            pool->in_first = NULL;
            if (rested)
                pool->rest_in = pool_queued(pool) < REST_JOBS ? REST_EVERY : 0;
            else if (pool->rest_in > 0)
                pool->rest_in--;
        }
        if (arrives) {
            worker->place = WORKER_ACTIVE;
            pool->notified--;
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
            if (pool->closed || !wf_pool_worker_idle(worker))
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

    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL); /* a job may have asked for it */
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
