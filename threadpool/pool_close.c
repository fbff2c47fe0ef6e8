/*
 * pool_close.c - the end of a pool: no more jobs, then no more threads, then no more memory.
 *
 *   open -> closed (drop or run what is queued) -> ended (no thread left) -> joined -> freed
 *                                  \-> abandoned: the last thread frees it
 *
 * The step to ended is made under the lock by whoever takes live + starting to 0: a thread that
 * leaves, a creation that fails, or the closing call itself.
 */
#include "threadpool/pool_core.h"

/* Sleepers notified before the lock is given back to wake them. */
#define WAKE_BATCH 16

static void pool_destroy(struct pool *pool)
{
    if (pool->has_zombie) /* abandoned: nobody has joined the last thread */
        pthread_detach(pool->zombie);
    mem_free_line(pool, sizeof(*pool));
}

/* All that is queued. With both locks held, or one where no thread is left. */
static struct pool_job *drop_all(struct pool *pool)
{
    struct pool_job *dropped = pool->out_first;
    struct pool_job **end = &dropped;

    while (*end)
        end = &(*end)->next;
    *end = pool->in_first;
    pool->in_first = pool->out_first = NULL;
    pool_pushed_add(pool, -(int)pool_queued(pool));
    for (struct pool_job *job = dropped; job; job = job->next)
        job->state = POOL_JOB_DROPPED;
    return dropped;
}

void wf_pool_settle(struct pool *pool, struct pool_todo *todo, struct pool_end *end)
{
    int rc = wf_pool_notify(pool, todo, false);
    if (!pool->closed)
        return;
    if (rc < 0)
        end->dropped = drop_all(pool);
    if (pool->live + pool->starting > 0 || pool->ended)
        return;
    end->ended = pool->ended = true;
    end->frees = pool->abandoned;
    end->closings = pool->closings;
    pool->closings = NULL;
    /* Relaxed: closers look at the pool under the lock; the word only keeps them from sleeping. */
    atomic_fetch_add_explicit(&pool->event, 1, memory_order_relaxed);
}

void wf_pool_do_end(struct pool *pool, struct pool_end *end)
{
    struct worker *worker = wf_pool_current();

    while (end->dropped) {
        struct pool_job *job = end->dropped;
        end->dropped = job->next;
        job->drop(job);
    }
    if (!end->ended)
        return;
    sys_futex_wake(&pool->event, INT_MAX); /* no more than its address */
    while (end->closings) {
        struct pool_closing *closing = end->closings;
        end->closings = closing->next;
        closing->ended(closing);
    }
    if (end->frees || (worker && worker->pool == pool && worker->frees))
        pool_destroy(pool);
}

/* Wakes all idle threads: they find the pool closed. */
static void notify_all(struct pool *pool)
{
    unsigned num_wakes;
    do {
        _Atomic uint32_t *wakes[WAKE_BATCH];
        num_wakes = 0;
        pool_lock(&pool->lock);
        while (pool->idle && num_wakes < WAKE_BATCH)
            wakes[num_wakes++] = wf_pool_worker_notify(pool, pool->idle);
        pool_unlock(&pool->lock);
        for (unsigned i = 0; i < num_wakes; i++)
            sys_futex_wake(wakes[i], 1);
    } while (num_wakes);
}

int wf_pool_close_start(struct pool *pool, bool drop_queued, struct pool_closing *closing)
{
    struct pool_todo todo = {0};
    struct pool_end end = {0};

    wf_pool_lock_both(pool);
    pool->closed = true;
    struct pool_waiter *refused = pool->waiting;
    pool->waiting = pool->waiting_last = NULL;
    pool->num_waiting = 0;
    pool->crowded = false;
    for (struct pool_waiter *waiter = refused; waiter; waiter = waiter->next) {
        waiter->job->state = POOL_JOB_CANCELLED;
        waiter->job = NULL; /* wf_pool_waiter_cancel() comes too late */
    }
    struct pool_job *dropped = drop_queued ? drop_all(pool) : NULL;
    wf_pool_settle(pool, &todo, &end);
    if (dropped)
        end.dropped = dropped;
    bool ended = pool->ended;
    if (!ended && closing) {
        closing->next = pool->closings;
        pool->closings = closing;
    }
    wf_pool_unlock_both(pool);

    wf_pool_do(pool, &todo);
    if (!ended)
        notify_all(pool);
    while (refused) {
        struct pool_waiter *waiter = refused;
        refused = waiter->next;
        waiter->room(waiter, -ESHUTDOWN);
    }
    wf_pool_do_end(pool, &end);
    return ended;
}

bool wf_pool_close_forget(struct pool *pool, struct pool_closing *closing)
{
    bool found = false;

    pool_lock(&pool->lock);
    for (struct pool_closing **link = &pool->closings; *link; link = &(*link)->next)
        if (*link == closing) {
            *link = closing->next;
            found = true;
            break;
        }
    pool_unlock(&pool->lock);
    return found;
}

static unsigned leftovers_list(struct pool *pool, struct pool_leftover *leftovers, unsigned max)
{
    unsigned count = 0;
    for (struct worker *worker = pool->workers; worker; worker = worker->next) {
        /* Relaxed: which function it is says no more than that. */
        const void *name_of = atomic_load_explicit(&worker->name_of, memory_order_relaxed);
        if (!name_of)
            continue;
        if (leftovers && count < max)
            leftovers[count].name_of = name_of;
        count++;
    }
    return count;
}

/* With the lock held, which is given back meanwhile; false: the deadline has passed. */
static bool event_wait(struct pool *pool, int64_t deadline_ns)
{
    uint32_t event = atomic_load_explicit(&pool->event, memory_order_relaxed);
    pool_unlock(&pool->lock);
    int rc = sys_futex_wait(&pool->event, event, deadline_ns);
    pool_lock(&pool->lock);
    return rc != -ETIMEDOUT;
}

int wf_pool_close(struct pool *pool, int64_t deadline_ns, bool drop_queued,
                  struct pool_leftover *leftovers, unsigned max, unsigned *ret_count)
{
    wf_pool_close_start(pool, drop_queued, NULL);
    if (wf_pool_is_inside(pool))
        return -EDEADLK;

    pool_lock(&pool->lock);
    while (!pool->ended)
        if (!event_wait(pool, deadline_ns) && !pool->ended) {
            unsigned count = leftovers_list(pool, leftovers, max);
            pool_unlock(&pool->lock);
            if (ret_count)
                *ret_count = count;
            return -ETIMEDOUT;
        }

    while (pool->joining)
        event_wait(pool, CLOCK_NEVER);
    if (pool->has_zombie) {
        pool->joining = true;
        pool_unlock(&pool->lock);
        pthread_join(pool->zombie, NULL);
        pool_lock(&pool->lock);
        pool->joining = pool->has_zombie = false;
        atomic_fetch_add_explicit(&pool->event, 1, memory_order_relaxed);
        sys_futex_wake(&pool->event, INT_MAX);
    }
    pool_unlock(&pool->lock);
    if (ret_count)
        *ret_count = 0;
    return 0;
}

void wf_pool_free(struct pool *pool)
{
    if (!pool)
        return;
    wf_pool_close_start(pool, false, NULL);

    pool_lock(&pool->lock);
    bool ended = pool->ended;
    if (!ended)
        pool->abandoned = true; /* from here on the pool may be gone once the lock is given back */
    pool_unlock(&pool->lock);
    if (!ended)
        return;
    if (wf_pool_is_inside(pool)) { /* in a callback of wf_pool_do_end() */
        wf_pool_current()->frees = true;
        return;
    }
    wf_pool_close(pool, CLOCK_NEVER, false, NULL, 0, NULL);
    pool_destroy(pool);
}
