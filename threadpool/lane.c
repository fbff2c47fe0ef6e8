/*
 * lane.c - the line, and the carriers that take from it.
 */
#include "threadpool/lane.h"

#include "runtime/base/mem.h"
#include "threadpool/executor.h"

/* A job of the pool that does the lane's work until none is left. It frees itself. */
struct carrier {
    struct pool_job job;
    struct pool_waiter waiter;
    weft_executor *executor; /* a reference */
};

void wf_lane_init(struct lane *lane, int pool_threads)
{
    (void)pthread_mutex_init(&lane->lock, NULL); /* cannot fail for a plain one */
    lane->max = pool_threads > 1 ? (unsigned)pool_threads / 2 : 1;
    lane->running = 0;
    lane->first = lane->last = NULL;
}

void wf_lane_fini(struct lane *lane)
{
    (void)pthread_mutex_destroy(&lane->lock);
}

/* With the lock held. */
static void lane_append(struct lane *lane, struct lane_work *work)
{
    work->queued = true;
    work->next = NULL;
    work->prev = lane->last;
    *(lane->last ? &lane->last->next : &lane->first) = work;
    lane->last = work;
}

/* With the lock held. */
static void lane_remove(struct lane *lane, struct lane_work *work)
{
    work->queued = false;
    *(work->prev ? &work->prev->next : &lane->first) = work->next;
    *(work->next ? &work->next->prev : &lane->last) = work->prev;
}

/* For a carrier: its next work; NULL: there is none, and it counts no more (L4). */
static struct lane_work *lane_take(struct lane *lane)
{
    pthread_mutex_lock(&lane->lock);
    struct lane_work *work = lane->first;
    if (work)
        lane_remove(lane, work);
    else
        lane->running--;
    pthread_mutex_unlock(&lane->lock);
    return work;
}

static void carrier_free(struct carrier *carrier)
{
    wf_executor_unref(carrier->executor);
    mem_free(carrier, sizeof(*carrier));
}

static void carrier_run(struct pool_job *job)
{
    struct carrier *carrier = container_of(job, struct carrier, job);
    struct lane_work *work;

    while ((work = lane_take(&carrier->executor->lane)))
        work->run(work);
    carrier_free(carrier);
}

/* The pool will not run the carrier. Others may still run, and compete for what is queued. */
static void carrier_give_up(struct carrier *carrier, int status)
{
    struct lane_work *work;

    while ((work = lane_take(&carrier->executor->lane)))
        work->drop(work, status);
    carrier_free(carrier);
}

static void carrier_drop(struct pool_job *job)
{
    carrier_give_up(container_of(job, struct carrier, job), WEFT_ECANCELLED);
}

static void carrier_room(struct pool_waiter *waiter, int status)
{
    /* Accepted: it may have run by now, and be gone. */
    if (status)
        carrier_give_up(container_of(waiter, struct carrier, waiter), status);
}

static int carrier_start(weft_executor *executor)
{
    struct carrier *carrier = mem_alloc(sizeof(*carrier));
    if (!carrier)
        return -ENOMEM;
    carrier->job = (struct pool_job){
        .run = carrier_run, .drop = carrier_drop, .name_of = (void *)(uintptr_t)carrier_run};
    carrier->waiter = (struct pool_waiter){.room = carrier_room};
    carrier->executor = executor;
    wf_executor_ref(executor);
    int rc = executor->when_full == WEFT_FULL_WAIT
                 ? wf_pool_submit_wait(executor->pool, &carrier->job, &carrier->waiter)
                 : wf_pool_submit(executor->pool, &carrier->job, POOL_TRY);
    if (rc < 0)
        carrier_free(carrier);
    return rc < 0 ? rc : 0;
}

int wf_lane_submit(weft_executor *executor, struct lane_work *work)
{
    struct lane *lane = &executor->lane;
    int rc = 0;

    /* The lock is held while a carrier starts: until that is known, nobody relies on it. */
    pthread_mutex_lock(&lane->lock);
    lane_append(lane, work);
    if (lane->running < lane->max) {
        rc = carrier_start(executor);
        if (!rc)
            lane->running++;
        else if (lane->running)
            rc = 0; /* those that there are will do it */
        else
            lane_remove(lane, work);
    }
    pthread_mutex_unlock(&lane->lock);
    return rc;
}

bool wf_lane_withdraw(weft_executor *executor, struct lane_work *work)
{
    struct lane *lane = &executor->lane;

    pthread_mutex_lock(&lane->lock);
    bool queued = work->queued;
    if (queued)
        lane_remove(lane, work);
    pthread_mutex_unlock(&lane->lock);
    return queued;
}
