/*
 * pool_core.h - what pool.c, pool_thread.c and pool_close.c share: the pool's state and the rule
 * for waking threads.
 *
 * Everything below is protected by the pool's one lock, but for each worker's word, on which it
 * spins or sleeps, and the immutable options.
 *
 *   C1  notified counts the threads that have been created or woken and have not yet looked into
 * the queue. While jobs are queued, and a thread is idle or may be started, notified > 0 (P3). C2
 * So: who adds a job while notified is 0 notifies one thread, and a notified thread that takes a
 * job while others remain notifies the next one. A burst of trivial jobs is thus done by the few
 * threads that are awake, while jobs that block fan out to as many as there are. C3  A notified
 * worker is out of the idle list before its word changes, under the lock: each notification reaches
 * one thread, and a spurious return from the futex is nothing but that. C4  At most one worker
 * spins. C5  While a creation is in flight outside the lock (starting > 0), the last live thread
 * does not end for idleness; and the first thread is created under the lock. So when a creation
 * fails, either another thread is there for the jobs, or nothing has been accepted yet (P4). C6
 * waiting is empty unless the queue is full.
 */
#ifndef WEFT_THREADPOOL_POOL_CORE_H
#define WEFT_THREADPOOL_POOL_CORE_H

#include <pthread.h>
#include <stdalign.h>

#include "runtime/base/clock.h"
#include "runtime/base/mem.h"
#include "threadpool/pool.h"
#include "threadpool/pool_lock.h"

enum worker_word { WORKER_SPINS, WORKER_SLEEPS, WORKER_NOTIFIED };

/* One thread of the pool; lives on that thread's stack. */
struct worker {
    alignas(MEM_CACHE_LINE) _Atomic uint32_t word; /* notifiers write it under the lock (C3) */

    alignas(MEM_CACHE_LINE) struct pool *pool;
    struct worker *prev, *next;           /* all workers */
    struct worker *idle_prev, *idle_next; /* the idle ones, last come first */
    bool idle;
    bool notified;         /* counted in pool->notified */
    bool busy;             /* in a job's run */
    const void *name_of;   /* of that job */
    bool frees;            /* the pool was given up by a callback of this, its last, thread */
    int64_t idle_since_ns; /* CLOCK_MONOTONIC */
    int64_t gap_ns;        /* from then to the job that ended it; negative: not to be counted */
};

struct pool {
    alignas(MEM_CACHE_LINE) struct pool_lock lock;

    struct pool_job *first, *last; /* the queue */
    struct pool_waiter *waiting, *waiting_last;
    unsigned queued, num_waiting;

    unsigned live;     /* threads that run worker code */
    unsigned starting; /* creations in flight outside the lock, and threads on their way in */
    unsigned num_idle;
    unsigned notified;      /* C1 */
    struct worker *idle;    /* last come first */
    struct worker *spinner; /* the one that may be spinning; its word says */
    struct worker *workers;

    int64_t gap_ns;         /* moving average: from going idle to the next job; at most GAP_MAX */
    int64_t start_again_ns; /* no creation before it, after one failed; 0: none failed */

    bool closed;
    bool ended;     /* closed, and no thread is left */
    bool abandoned; /* the last thread frees the pool */
    bool has_zombie;
    pthread_t zombie; /* the last thread that ended; it has joined the one before it */
    bool joining;
    struct pool_closing *closings;

    unsigned max_threads, queue_max; /* immutable from here on */
    int64_t idle_timeout_ns, spin_ns;
    char name[16];

    alignas(MEM_CACHE_LINE) _Atomic uint32_t event; /* grows when ended or joined: closers wait */
};

/* What is to be done once the lock has been given back. */
struct pool_todo {
    _Atomic uint32_t *wake;   /* a worker's word to wake a sleeper on */
    bool start;               /* create a thread that has been counted in starting */
    struct pool_waiter *room; /* a waiter whose job was accepted */
};

/* Likewise, when the number of threads has fallen or the pool was closed. */
struct pool_end {
    struct pool_job *dropped;
    struct pool_closing *closings;
    bool ended; /* just now */
    bool frees; /* and the pool was given up */
};

/* ---- with the lock held ---- */

/* Restores C1. With no thread at all it creates one, under the lock; an error is that creation's.
 * submits: a job has come, so the gap since the last one can be told. */
int wf_pool_notify(struct pool *pool, struct pool_todo *todo, bool submits);

/* Takes the worker from the idle list (C3). True: it sleeps, and its word must be woken. */
bool wf_pool_worker_notify(struct pool *pool, struct worker *worker);
void wf_pool_idle_remove(struct pool *pool, struct worker *worker);

/* Accepts the job of the first waiter if there is room (C6). */
void wf_pool_admit(struct pool *pool, struct pool_todo *todo);

void wf_pool_queue_push(struct pool *pool, struct pool_job *job);
void wf_pool_queue_remove(struct pool *pool, struct pool_job *job);

/* After live or starting has fallen, or closed was set: what is queued gets a thread; in a closed
 * pool that cannot have one it is dropped; a closed pool without threads has ended. */
void wf_pool_settle(struct pool *pool, struct pool_todo *todo, struct pool_end *end);

/* ---- without it ---- */

void wf_pool_do(struct pool *pool, struct pool_todo *todo);

/* The pool may be gone afterwards. */
void wf_pool_do_end(struct pool *pool, struct pool_end *end);

/* A thread's main function; arg is the pool. */
void *wf_pool_thread(void *arg);

/* Of the calling thread; NULL outside any pool. */
struct worker *wf_pool_current(void);

#endif
