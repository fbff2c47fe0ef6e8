/*
 * lane.h - work that may occupy only a part of a pool's threads; what is too much waits in line.
 *
 *     wf_lane_submit() --> queue --> a carrier, which is a job of the pool, does one after the other
 *
 * L1  At most max carriers are in the pool at once, be they queued there, waiting for room or running.
 * L2  Work is begun in the order in which it was submitted.
 * L3  Work that was accepted is run once, or dropped once, or withdrawn once.
 * L4  While work is queued there is a carrier that has not looked at the queue for the last time.
 *
 * Any thread may call any function here. The callbacks run with no lock held.
 */
#ifndef WEFT_THREADPOOL_LANE_H
#define WEFT_THREADPOOL_LANE_H

#include <pthread.h>
#include <stdbool.h>

#include "threadpool/pool.h"

struct lane_work {
    struct lane_work *prev, *next; /* the lane's */
    bool queued;                   /* the lane's, under its lock */

    /* Called once, on a pool thread. The lane does not touch the work afterwards. */
    void (*run)(struct lane_work *work);

    /* Called instead, when the pool will never run it: WEFT_ECANCELLED, or -ESHUTDOWN. */
    void (*drop)(struct lane_work *work, int status);
};

struct lane {
    pthread_mutex_t lock;
    unsigned max;     /* of carriers; immutable */
    unsigned running; /* carriers (L1); under the lock */
    struct lane_work *first, *last;
};

/* For a pool of so many threads: half of them, at least one. */
void wf_lane_init(struct lane *lane, int pool_threads);
void wf_lane_fini(struct lane *lane);

struct weft_executor;

/* Accepts the work, or leaves it alone and fails: -ENOMEM, or as wf_pool_submit(). */
int wf_lane_submit(struct weft_executor *executor, struct lane_work *work);

/* True: it was queued, and nothing will be called. False: it was begun, or dropped. */
bool wf_lane_withdraw(struct weft_executor *executor, struct lane_work *work);

#endif
