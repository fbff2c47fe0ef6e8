/*
 * pool_core.h - what the pool's files share: its state, and the rule by which threads are called to
 * work.
 *
 *    submitters                     in                           out          workers
 *    ----------> push [j] [j] [j] [j] ---- all at once, when ---> [j] [j] ----------->
 *                                          out is empty            pop
 *                under lock                under both              under out_lock
 *
 * Two locks, out_lock before lock. Submitters and workers meet only when out is empty: with one
 * lock, a loop that submits one job after the other pays 130 ns for each, nearly all of it for
 * cache lines that go to and fro, and with two 15 ns as long as the workers have something in out.
 *
 * C1  notified counts the threads that are on their way to the queue: created or woken and not yet
 *     there, or spinning, which is looking all the time. While jobs are queued and a thread is idle
 *     or may be started, notified > 0 (P3).
 * C2  So: who adds a job while notified is 0 notifies one thread, and a notified thread that takes
 *     a job and leaves others notifies the next one. A burst of trivial jobs is thus done by the
 *     threads that are awake, while jobs that block fan out to as many threads as there may be.
 * C3  A notified worker is out of the idle list before its word changes, under the lock: each
 *     notification reaches one thread, and a spurious return from the futex is nothing but that.
 * C4  At most one worker spins.
 * C5  While a creation is in flight outside the lock (starting > 0), the last live thread does not
 *     end for idleness; and the first thread is created under the lock. So when a creation fails,
 *     there is another thread for the jobs, or nothing has been accepted yet (P4).
 * C6  Nobody waits for room unless the queue is full.
 */
#ifndef WEFT_THREADPOOL_POOL_CORE_H
#define WEFT_THREADPOOL_POOL_CORE_H

#include <pthread.h>
#include <stdalign.h>

#include "runtime/base/clock.h"
#include "runtime/base/mem.h"
#include "threadpool/pool.h"
#include "threadpool/pool_lock.h"

enum worker_word { WORKER_SLEEPS, WORKER_NOTIFIED };

enum worker_place {
    WORKER_ON_ITS_WAY, /* counted in notified */
    WORKER_ACTIVE,     /* in a job, or about to look for the next */
    WORKER_IDLE,       /* in the idle list */
};

/* One thread of the pool; lives on that thread's stack. Protected by the pool's lock, but for what
 * is atomic. */
struct worker {
    alignas(CACHE_LINE) _Atomic uint32_t word; /* notifiers write it, under the lock (C3) */

    alignas(CACHE_LINE) struct pool *pool;
    _Atomic(const void *) name_of; /* of the job that it runs, or NULL; the worker writes it */
    struct worker *prev, *next;    /* all workers */
    struct worker *idle_prev, *idle_next; /* the idle ones, last come first */
    enum worker_place place;
    bool frees;            /* the pool was given up by a callback of this, its last, thread */
    int64_t idle_since_ns; /* CLOCK_MONOTONIC */
    int64_t gap_ns;        /* from then to the job that ended it; negative: not to be counted */
};

struct pool {
    /* What a submit needs is one cache line. */
    alignas(CACHE_LINE) struct pool_lock lock;
    struct pool_job *in_first, *in_last; /* in_last: if in_first */
    _Atomic unsigned pushed;             /* jobs so far; spinners read it without the lock */
    unsigned popped_seen;                /* popped at some time, so that its line is left alone */
    unsigned notified;                   /* C1 */
    struct worker *idle;                 /* last come first */
    _Atomic int submit_cpu; /* where the last job came from; read without the lock, as a guess */
    bool closed;
    bool spinning; /* somebody is (C4) */

    /* The workers' line, under out_lock. */
    alignas(CACHE_LINE) struct pool_lock out_lock;
    struct pool_job *out_first;
    _Atomic unsigned popped; /* jobs so far; pushed - popped are queued. Read without the lock where
                                too small a value does no harm */
    int rest_in;             /* returns to the submitters' side until a worker rests first */
    bool crowded;            /* somebody waits for room; written under both locks */

    /* Under lock again. */
    alignas(CACHE_LINE) struct pool_waiter *waiting;
    struct pool_waiter *waiting_last;
    unsigned num_waiting;
    unsigned live;     /* threads that run worker code */
    unsigned starting; /* creations in flight outside the lock, and threads on their way in */
    unsigned num_idle;
    struct worker *workers;
    int64_t gap_ns;         /* moving average: from going idle to the next job */
    int64_t start_again_ns; /* no creation before it, after one failed; 0: none failed */

    bool ended;     /* closed, and no thread is left */
    bool abandoned; /* the last thread frees the pool */
    bool has_zombie;
    bool joining;
    pthread_t zombie; /* the last thread that ended; it has joined the one before it */
    struct pool_closing *closings;

    unsigned max_threads, queue_max; /* immutable from here on */
    int64_t idle_timeout_ns, spin_ns;
    char name[16];

    alignas(CACHE_LINE) _Atomic uint32_t event; /* grows when ended or joined: closers wait */
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

static inline unsigned pool_queued(const struct pool *pool)
{
    /* Relaxed: pushed is the lock's; popped may be too small, see there. */
    return atomic_load_explicit(&pool->pushed, memory_order_relaxed) -
           atomic_load_explicit(&pool->popped, memory_order_relaxed);
}

/* By n jobs, n < 0 for those that were cancelled or dropped. Relaxed, as the spinners' loads: they
 * look at the queue itself under the lock. */
static inline void pool_pushed_add(struct pool *pool, int n)
{
    unsigned pushed = atomic_load_explicit(&pool->pushed, memory_order_relaxed);
    atomic_store_explicit(&pool->pushed, pushed + (unsigned)n, memory_order_relaxed);
}

/* Restores C1. With no thread at all it creates one, under the lock; an error is that creation's.
 * submits: a job has come, so the gap since the last one can be told. */
int wf_pool_notify(struct pool *pool, struct pool_todo *todo, bool submits);

/* Takes the worker from the idle list (C3); the word that must be woken. */
_Atomic uint32_t *wf_pool_worker_notify(struct pool *pool, struct worker *worker);

/* Waits to be notified, with the lock given back meanwhile. False: the time-out has passed. */
bool wf_pool_worker_idle(struct worker *worker);

/* After live or starting has fallen, or closed was set: what is queued gets a thread; in a closed
 * pool that cannot have one it is dropped; a closed pool without threads has ended. */
void wf_pool_settle(struct pool *pool, struct pool_todo *todo, struct pool_end *end);

/* ---- with both locks held ---- */

void wf_pool_lock_both(struct pool *pool);
void wf_pool_unlock_both(struct pool *pool);

/* Accepts the job of the first waiter if there is room (C6). */
void wf_pool_admit(struct pool *pool, struct pool_todo *todo);

/* ---- with none ---- */

void wf_pool_do(struct pool *pool, struct pool_todo *todo);

/* The pool may be gone afterwards. */
void wf_pool_do_end(struct pool *pool, struct pool_end *end);

/* Whether somebody can submit while the calling thread burns its processor: a guess. */
bool wf_pool_submitter_is_elsewhere(const struct pool *pool);

/* A thread's main function; arg is the pool. */
void *wf_pool_thread(void *arg);

/* Of the calling thread; NULL outside any pool. */
struct worker *wf_pool_current(void);

#endif
