/*
 * pool.h - the bounded pool of OS threads that runs functions which block.
 *
 * The pool runs jobs and calls back; it knows nothing of loops, tasks and futures. A job and a
 * waiter are embedded in the caller's own object, so that submitting allocates nothing.
 *
 *   submit ---> queue (at most queue_max jobs) ---> a pool thread runs it (at most max_threads)
 *     | full
 *     v
 *   waiters, in the order in which they came
 *
 * P1  Jobs start in the order in which they were accepted.
 * P2  A job that was accepted is run once, or cancelled once, or dropped once.
 * P3  While jobs are queued and a thread is idle or may be started, one is on its way to them: a
 *     job that blocks does not delay the ones behind it.
 * P4  A job is accepted only if a thread exists or could be created.
 *
 * Any thread may call any function here, pool threads included, unless it says otherwise. All
 * callbacks run with no lock held and may call back into the pool.
 */
#ifndef WEFT_THREADPOOL_POOL_H
#define WEFT_THREADPOOL_POOL_H

#include <stdbool.h>
#include <stdint.h>

struct pool;

/* Where a job is; protected by the pool's lock. */
enum pool_job_state {
    POOL_JOB_QUEUED = 1,
    POOL_JOB_WAITING, /* with a waiter, until there is room in the queue */
    POOL_JOB_TAKEN,   /* a thread runs it, or has run it */
    POOL_JOB_CANCELLED,
    POOL_JOB_DROPPED,
};

struct pool_job {
    struct pool_job *prev, *next; /* the pool's */
    uint32_t state;               /* the pool's: enum pool_job_state */

    /* Called once, on a pool thread. The pool does not touch the job afterwards: run may free it.
     * It returns to its caller; if it ends the thread instead (pthread_exit), the pool makes up for
     * the thread. */
    void (*run)(struct pool_job *job);

    /* Called instead of run when the pool is closed and told to drop what is queued. */
    void (*drop)(struct pool_job *job);

    const void *name_of; /* the user's function, for reports of what still runs; not NULL */
};

/* Somebody who waits for room in the queue without blocking a thread. */
struct pool_waiter {
    struct pool_waiter *prev, *next; /* the pool's */
    struct pool_job *job;            /* the pool's */
    int status;                      /* the pool's */

    /* Called once: with 0 when the job was accepted, or a negative code when it was not and never
     * will be (-ESHUTDOWN). The job may have run by then. The pool does not touch the waiter
     * afterwards. */
    void (*room)(struct pool_waiter *waiter, int status);
};

enum pool_when_full {
    POOL_TRY,   /* fail with -EAGAIN */
    POOL_BLOCK, /* the calling OS thread waits; a thread of this pool goes beyond the bound instead,
                   since it may be the one that has to make the room */
};

#define POOL_QUEUE_MAX       1024
#define POOL_IDLE_TIMEOUT_NS INT64_C(10000000000)
#define POOL_SPIN_NS         INT64_C(25000)

/* All zero: the defaults. */
struct pool_options {
    int max_threads;         /* 0: wf_pool_default_threads() */
    unsigned queue_max;      /* accepted jobs that no thread has taken; 0: POOL_QUEUE_MAX */
    int64_t idle_timeout_ns; /* a thread without work ends after it; 0: POOL_IDLE_TIMEOUT_NS,
                                CLOCK_NEVER: never */
    int64_t spin_ns;         /* how long one idle thread may look out before it sleeps, where that
                                pays; 0: POOL_SPIN_NS, negative: not at all */
    const char *name;        /* of the threads, at most 15 letters; copied; NULL: "weft-pool" */
};

/* min(32, usable CPUs + 4), as asyncio's default executor. */
int wf_pool_default_threads(void);

/* Starts no thread. 0, -EINVAL (negative bounds), -ENOMEM. */
int wf_pool_new(struct pool **ret_pool, const struct pool_options *options);

/*
 * Accepts the job, or leaves it alone and fails: -EAGAIN (POOL_TRY and no room), -ESHUTDOWN (the
 * pool is closed), or the error of thread creation where there is no thread to run it.
 */
int wf_pool_submit(struct pool *pool, struct pool_job *job, enum pool_when_full when_full);

/*
 * As wf_pool_submit, but without room it returns 1: waiter->room is called later, and until then
 * the waiter and the job must stay.
 */
int wf_pool_submit_wait(struct pool *pool, struct pool_job *job, struct pool_waiter *waiter);

/* After wf_pool_submit_wait() returned 1. True: it was still waiting and room will not be called.
 * False: room was or is about to be called. */
bool wf_pool_waiter_cancel(struct pool *pool, struct pool_waiter *waiter);

/* True: the job was queued and will never run. False: a thread has taken it (or it is no longer the
 * pool's). The job's memory must still be there. */
bool wf_pool_cancel(struct pool *pool, struct pool_job *job);

struct pool_counts {
    unsigned threads; /* idle ones included */
    unsigned idle;
    unsigned queued;
    unsigned waiting;
};
void wf_pool_count(struct pool *pool, struct pool_counts *ret_counts);

/* Whether the calling thread is one of this pool's. */
bool wf_pool_is_inside(const struct pool *pool);

/* Told when the last thread of a closed pool is about to end. */
struct pool_closing {
    struct pool_closing *next; /* the pool's */
    void (*ended)(struct pool_closing *closing);
};

/*
 * Stops accepting jobs, tells the waiters (-ESHUTDOWN), and with drop_queued drops what is queued;
 * otherwise that is still run. Does not wait. 1: no thread is left; 0: closing->ended (if given) is
 * called later by the last thread. May be called again.
 */
int wf_pool_close_start(struct pool *pool, bool drop_queued, struct pool_closing *closing);

/* True: closing->ended will not be called. False: it was or is about to be. */
bool wf_pool_close_forget(struct pool *pool, struct pool_closing *closing);

/* A function that was still running. */
struct pool_leftover {
    const void *name_of;
};

/*
 * wf_pool_close_start(), and waits until all jobs have ended and the threads are joined, or the
 * deadline (absolute, CLOCK_MONOTONIC; CLOCK_NEVER: none) has passed: then -ETIMEDOUT, at most max
 * leftovers, and how many there are. Both may be NULL. -EDEADLK from a thread of this pool. May be
 * called again.
 */
int wf_pool_close(struct pool *pool, int64_t deadline_ns, bool drop_queued,
                  struct pool_leftover *leftovers, unsigned max, unsigned *ret_count);

/*
 * Gives the pool up; nobody may use it any more. Closes it if that was not done, and does not wait
 * for running jobs: the memory is released with the last thread. Accepts NULL.
 */
void wf_pool_free(struct pool *pool);

#endif
