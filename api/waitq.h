/*
 * waitq.h - tasks in line: what locks, events, semaphores, barriers and queues wait in.
 *
 *     waitq:  first <-> ... <-> last      each a struct queued on its task's stack
 *
 *     state:  PENDING --waitq_wake()--> WOKEN          by anybody, who then makes the task ready
 *                     --a cancellation-> CANCELLED     by the task's own loop
 *
 * A line and the states of those in it are guarded by the guard of the object they wait for
 * (guard.h). The task that waits puts itself in line and takes itself out; who wakes it may take it
 * out as well (waitq_pop()).
 *
 * Q1  state leaves PENDING once, under the guard. Who moves it makes the task ready, once.
 * Q2  A woken task is made ready after the guard was given back (wakes_send()): from then on nothing
 *     of the object is touched, since the task may free it.
 * Q3  A task that is woken where it stands, or cancelled, stays in line until it runs: so those
 *     behind it, and newcomers, see that its turn is still to come (LOCK-05, LOCK-06).
 * Q4  A task that was woken but never runs again, since its loop was closed, passes its wake-up on:
 *     kind->abandoned().
 * Q5  `pending` is the first in line that is PENDING, `wanted` the number of those in line that are
 *     not cancelled. So every step but a wake-up of all takes the same time, however long the line.
 */
#ifndef WEFT_API_WAITQ_H
#define WEFT_API_WAITQ_H

#include "runtime/base/guard.h"
#ifdef WEFT_MODEL
#include "tests/model/played_tasks.h" /* the tests explore all that is below, on tasks of theirs */
#else
#include "runtime/park.h"
#endif

struct queued;

struct waitq_kind {
    struct wait_ops ops; /* WAITQ_OPS("lock") */
    /*
     * Q4. Out of line already; woken: it had been woken. May wake others. NULL: those who are woken
     * are out of line, and have nothing to pass on.
     */
    void (*abandoned)(struct queued *queued, bool woken);
};

enum queued_state {
    QUEUED_PENDING,
    QUEUED_WOKEN,
    QUEUED_CANCELLED,
};

struct queued {
    struct wait wait; /* its ops are a waitq_kind's; object: what the task waits for */
    struct queued *prev, *next;
    struct waitq *line; /* NULL: not in line */
    _Atomic uint32_t *guard;
    struct task *task;
    struct queued *wake_next;
    _Atomic uint8_t state; /* enum queued_state (Q1); written under the guard */
    bool remote;           /* woken by another thread than its loop's */
    weft_error *error;     /* CANCELLED: the message; owned */
};

/* The same memory as the public weft_waitq_. */
struct __attribute__((may_alias)) waitq {
    struct queued *first, *last;
    struct queued *pending; /* Q5 */
    size_t wanted;          /* Q5 */
};

bool wf_queued_cancel(struct wait *wait, struct task *task, weft_error *error);
void wf_queued_abandon(struct wait *wait, struct task *task);

#define WAITQ_OPS(what_)                                                          \
    {                                                                             \
        .cancel = wf_queued_cancel, .abandon = wf_queued_abandon, .what = (what_) \
    }

/* Guarded, or of one's own: relaxed, since the guard, or the way that woke the task, orders it. */
static inline enum queued_state queued_state(const struct queued *q)
{
    return (enum queued_state)atomic_load_explicit(&q->state, memory_order_relaxed);
}

/* Guarded: in line, behind all others. task is the running one. */
static inline void waitq_join(struct waitq *line, struct queued *q, const struct waitq_kind *kind,
                              void *object, _Atomic uint32_t *guard, struct task *task)
{
    struct queued *last = plain_load(&line->last);

    q->wait.ops = &kind->ops;
    q->wait.object = object;
    q->prev = last;
    q->next = NULL;
    q->line = line;
    q->guard = guard;
    q->task = task;
    atomic_store_explicit(&q->state, QUEUED_PENDING, memory_order_relaxed); /* ours alone, still */
    q->error = NULL;
    *(last ? &last->next : &line->first) = q;
    plain_store(&line->last, q);
    if (!line->pending)
        line->pending = q;
    line->wanted++;
    task_expect_remote(task);
}

/* Guarded: it is not the first pending one any more. */
static inline void waitq_pass_over(struct waitq *line, const struct queued *q)
{
    if (line->pending != q)
        return;
    struct queued *next = q->next;
    while (next && queued_state(next) != QUEUED_PENDING)
        next = next->next;
    line->pending = next;
}

/* Guarded: out of line, wherever it stands; nothing if it is out already. */
static inline void waitq_leave(struct queued *q)
{
    struct waitq *line = q->line;
    if (!line)
        return;
    waitq_pass_over(line, q);
    if (queued_state(q) != QUEUED_CANCELLED)
        line->wanted--;
    *(q->prev ? &q->prev->next : &line->first) = q->next;
    if (q->next)
        q->next->prev = q->prev;
    else
        plain_store(&line->last, q->prev);
    q->line = NULL;
}

/* Guarded: cancelled where it stands (Q3). */
static inline void waitq_cancel(struct queued *q)
{
    waitq_pass_over(q->line, q);
    q->line->wanted--;
    /* Relaxed: read under the guard, or by this thread. */
    atomic_store_explicit(&q->state, QUEUED_CANCELLED, memory_order_relaxed);
}

/* Guarded: somebody in line is not cancelled. */
static inline bool waitq_is_wanted(const struct waitq *line)
{
    return line->wanted > 0;
}

/* How many are in line; takes the guard. */
size_t wf_waitq_count(const struct waitq *line, _Atomic uint32_t *guard);

/* Those that are woken while the guard is held, in order. */
struct wakes {
    struct queued *first, *last;
};

/* Guarded: wakes it where it stands (Q3). False: it is woken or cancelled already. */
static inline bool waitq_wake(struct queued *q, struct wakes *wakes)
{
    if (queued_state(q) != QUEUED_PENDING)
        return false;
    waitq_pass_over(q->line, q);
    q->remote = future_loop(&q->task->future) != loop_current();
    q->wake_next = NULL;
    *(wakes->first ? &wakes->last->wake_next : &wakes->first) = q;
    wakes->last = q;
    /* Release, with the acquire in wf_queued_abandon(), which need not take the guard. */
    atomic_store_explicit(&q->state, QUEUED_WOKEN, memory_order_release);
    return true;
}

/* Guarded: wakes the first that is pending, where it stands; false: nobody is. */
static inline bool waitq_wake_next(struct waitq *line, struct wakes *wakes)
{
    return line->pending && waitq_wake(line->pending, wakes);
}

/* Guarded: wakes the first that is pending and takes it out of line; false: nobody is. */
static inline bool waitq_pop(struct waitq *line, struct wakes *wakes)
{
    struct queued *q = line->pending;
    if (!q)
        return false;
    (void)waitq_wake(q, wakes);
    waitq_leave(q);
    return true;
}

/* After the guard was given back: makes them ready (Q2). */
static inline void wakes_send(const struct wakes *wakes)
{
    struct queued *q = wakes->first;
    while (q) {
        struct queued *next = q->wake_next;
        if (q->remote)
            wf_task_unpark_remote(q->task);
        else
            task_unpark(future_loop(&q->task->future), q->task);
        q = next;
    }
}

/*
 * Suspends the task, which is in line, until it is woken or cancelled. 0, or WEFT_ECANCELLED as the
 * current error; it may have been woken even then (q->state). The caller takes it out of line.
 */
static inline int queued_wait(struct queued *q)
{
    wf_park(future_loop(&q->task->future), q->task, &q->wait);
    return wait_outcome(q->task, queued_state(q) == QUEUED_CANCELLED, q->error);
}

#endif
