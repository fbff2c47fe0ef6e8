/*
 * pool.c - the pool from the submitters' side: the queue and its bound, and cancelling. See pool.h
 * for what it promises and pool_core.h for its invariants.
 */
#include <sched.h>

#include "threadpool/pool_core.h"

/* Looks at a lock before sleeping for it: some microseconds, while it is held for a tenth of one.
 * Measured with a loop and a worker on two processors, a job after another: 20, 100 and 1000 looks
 * are alike (no more than one sleep in 10000 locks), none costs 1.5 times as much,
 * PTHREAD_MUTEX_ADAPTIVE_NP 1.2 times and a plain pthread mutex 2 to 4 times. */
#define LOCK_SPIN_MAX 200

int wf_pool_default_threads(void)
{
    int threads = sys_cpus_usable() + 4;
    return threads > 32 ? 32 : threads;
}

int wf_pool_new(struct pool **ret_pool, const struct pool_options *options)
{
    if (options->max_threads < 0 || options->idle_timeout_ns < 0)
        return -EINVAL;
    struct pool *pool = mem_alloc_line(sizeof(*pool));
    if (!pool)
        return -ENOMEM;
    memset(pool, 0, sizeof(*pool));

    bool alone = sys_cpus_usable() == 1; /* then nobody makes progress while we spin */
    pool_lock_init(&pool->lock, alone ? 0 : LOCK_SPIN_MAX);
    pool_lock_init(&pool->out_lock, alone ? 0 : LOCK_SPIN_MAX);
    pool->max_threads =
        (unsigned)(options->max_threads ? options->max_threads : wf_pool_default_threads());
    pool->queue_max = options->queue_max ? options->queue_max : POOL_QUEUE_MAX;
    pool->idle_timeout_ns =
        options->idle_timeout_ns ? options->idle_timeout_ns : POOL_IDLE_TIMEOUT_NS;
    pool->spin_ns = alone ? -1 : options->spin_ns ? options->spin_ns : POOL_SPIN_NS;
    pool->gap_ns = pool->spin_ns;
    strncpy(pool->name, options->name ? options->name : "weft-pool", sizeof(pool->name) - 1);
    *ret_pool = pool;
    return 0;
}

/* ---- the locks ---- */

void wf_pool_lock_slow(struct pool_lock *lock)
{
    for (uint32_t i = 0; i < lock->spin_max; i++) {
        uint32_t free = 0;
        cpu_relax();
        if (atomic_load_explicit(&lock->word, memory_order_relaxed) == 0 &&
            atomic_compare_exchange_strong_explicit(&lock->word, &free, 1, memory_order_acquire,
                                                    memory_order_relaxed))
            return;
    }
    /* Held as 2 from here on, also by us: whoever gives it back looks for another sleeper. Acquire
     * as in pool_lock(). */
    while (atomic_exchange_explicit(&lock->word, 2, memory_order_acquire) != 0)
        sys_futex_wait(&lock->word, 2, CLOCK_NEVER);
}

void wf_pool_lock_both(struct pool *pool)
{
    pool_lock(&pool->out_lock);
    pool_lock(&pool->lock);
}

void wf_pool_unlock_both(struct pool *pool)
{
    pool_unlock(&pool->lock);
    pool_unlock(&pool->out_lock);
}

/* ---- the queue ---- */

static void in_push(struct pool *pool, struct pool_job *job)
{
    job->state = POOL_JOB_QUEUED;
    job->prev = job->next = NULL;
    if (pool->in_first) {
        job->prev = pool->in_last;
        pool->in_last->next = job;
    } else {
        pool->in_first = job;
    }
    pool->in_last = job;
    pool_pushed_add(pool, 1);
}

/* Takes the job from wherever it is. With both locks held, or one where no thread is left. The prev
 * of a first job means nothing, and nobody needs the last of out. */
static void queue_remove(struct pool *pool, struct pool_job *job)
{
    if (job == pool->in_first)
        pool->in_first = job->next;
    else if (job == pool->out_first)
        pool->out_first = job->next;
    else
        job->prev->next = job->next;
    if (job->next)
        job->next->prev = job->prev;
    else if (pool->in_first && job == pool->in_last)
        pool->in_last = job->prev;
    pool_pushed_add(pool, -1);
}

/* With the lock held. */
static bool queue_is_full(struct pool *pool)
{
    unsigned pushed = atomic_load_explicit(&pool->pushed, memory_order_relaxed);
    if (pushed - pool->popped_seen < pool->queue_max)
        return false;
    /* Relaxed: a value that is too small makes it full for a moment longer. */
    pool->popped_seen = atomic_load_explicit(&pool->popped, memory_order_relaxed);
    return pushed - pool->popped_seen >= pool->queue_max;
}

static void waiting_push(struct pool *pool, struct pool_waiter *waiter, struct pool_job *job)
{
    waiter->job = job;
    job->state = POOL_JOB_WAITING;
    waiter->next = NULL;
    waiter->prev = pool->waiting_last;
    *(pool->waiting_last ? &pool->waiting_last->next : &pool->waiting) = waiter;
    pool->waiting_last = waiter;
    pool->num_waiting++;
    pool->crowded = true;
}

static void waiting_remove(struct pool *pool, struct pool_waiter *waiter)
{
    *(waiter->prev ? &waiter->prev->next : &pool->waiting) = waiter->next;
    *(waiter->next ? &waiter->next->prev : &pool->waiting_last) = waiter->prev;
    pool->num_waiting--;
    pool->crowded = pool->num_waiting > 0;
    waiter->job = NULL;
}

void wf_pool_admit(struct pool *pool, struct pool_todo *todo)
{
    struct pool_waiter *waiter = pool->waiting;
    if (!waiter || queue_is_full(pool))
        return;
    in_push(pool, waiter->job);
    waiting_remove(pool, waiter);
    todo->room = waiter;
}

/* ---- submitting ---- */

/* With the lock held: takes the job, or tells why not. */
static int accept_job(struct pool *pool, struct pool_job *job, struct pool_todo *todo)
{
    atomic_store_explicit(&pool->submit_cpu, sched_getcpu(), memory_order_relaxed);
    in_push(pool, job);
    int rc = wf_pool_notify(pool, todo, true);
    if (rc < 0) /* no thread is left */
        queue_remove(pool, job);
    return rc;
}

int wf_pool_submit_wait(struct pool *pool, struct pool_job *job, struct pool_waiter *waiter)
{
    int rc = wf_pool_submit(pool, job, POOL_TRY);
    if (rc != -EAGAIN)
        return rc;

    /* Most likely the queue is full, and then a waiter is for both locks. */
    struct pool_todo todo = {0};
    wf_pool_lock_both(pool);
    if (pool->closed) {
        rc = -ESHUTDOWN;
    } else if (queue_is_full(pool)) {
        waiting_push(pool, waiter, job);
        rc = 1;
    } else {
        rc = accept_job(pool, job, &todo);
    }
    wf_pool_unlock_both(pool);
    wf_pool_do(pool, &todo);
    return rc;
}

/* A thread that waits for room. */
struct blocked {
    struct pool_waiter waiter;
    int status;            /* written before told */
    _Atomic uint32_t told; /* written by blocked_room(), once */
};

static void blocked_room(struct pool_waiter *waiter, int status)
{
    struct blocked *blocked = (struct blocked *)waiter;
    _Atomic uint32_t *word = &blocked->told;
    blocked->status = status;
    /* Release, with the acquire in submit_blocking(). From here on the waiter may be gone: the wake
     * uses no more than its address. */
    atomic_store_explicit(word, 1, memory_order_release);
    sys_futex_wake(word, 1);
}

static int submit_blocking(struct pool *pool, struct pool_job *job)
{
    struct blocked blocked = {.waiter.room = blocked_room};
    int rc = wf_pool_submit_wait(pool, job, &blocked.waiter);
    if (rc != 1)
        return rc;
    while (!atomic_load_explicit(&blocked.told, memory_order_acquire))
        sys_futex_wait(&blocked.told, 0, CLOCK_NEVER);
    return blocked.status;
}

int wf_pool_submit(struct pool *pool, struct pool_job *job, enum pool_when_full when_full)
{
    struct pool_todo todo = {0};
    bool full = false;
    int rc;

    pool_lock(&pool->lock);
    if (pool->closed) {
        rc = -ESHUTDOWN;
    } else {
        full = queue_is_full(pool);
        if (full && when_full == POOL_BLOCK)
            full = !wf_pool_is_inside(pool);
        rc = full ? -EAGAIN : accept_job(pool, job, &todo);
    }
    pool_unlock(&pool->lock);
    wf_pool_do(pool, &todo);
    return full && when_full == POOL_BLOCK ? submit_blocking(pool, job) : rc;
}

bool wf_pool_cancel(struct pool *pool, struct pool_job *job)
{
    struct pool_todo todo = {0};

    wf_pool_lock_both(pool);
    bool queued = job->state == POOL_JOB_QUEUED;
    if (queued) {
        queue_remove(pool, job);
        job->state = POOL_JOB_CANCELLED;
        wf_pool_admit(pool, &todo);
    }
    wf_pool_unlock_both(pool);
    wf_pool_do(pool, &todo);
    return queued;
}

bool wf_pool_waiter_cancel(struct pool *pool, struct pool_waiter *waiter)
{
    wf_pool_lock_both(pool);
    bool waiting = waiter->job != NULL;
    if (waiting) {
        waiter->job->state = POOL_JOB_CANCELLED;
        waiting_remove(pool, waiter);
    }
    wf_pool_unlock_both(pool);
    return waiting;
}

void wf_pool_count(struct pool *pool, struct pool_counts *ret_counts)
{
    wf_pool_lock_both(pool);
    *ret_counts = (struct pool_counts){
        .threads = pool->live + pool->starting,
        .idle = pool->num_idle + pool->spinning,
        .queued = pool_queued(pool),
        .waiting = pool->num_waiting,
    };
    wf_pool_unlock_both(pool);
}
