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
 * out as well.
 *
 * Q1  state leaves PENDING once, under the guard. Who moves it makes the task ready, once.
 * Q2  A woken task is made ready after the guard was given back (wakes_send()): from then on nothing
 *     of the object is touched, since the task may free it.
 * Q3  A task that is in line stays there when it is woken or cancelled, until it runs: so those
 *     behind it, and newcomers, see that its turn is still to come (LOCK-05, LOCK-06).
 * Q4  A task that was woken but never runs again, since its loop was closed, passes its wake-up on:
 *     kind->abandoned().
 */
#ifndef WEFT_API_WAITQ_H
#define WEFT_API_WAITQ_H

#include "runtime/base/guard.h"
#include "runtime/park.h"

struct queued;

struct waitq_kind {
    struct wait_ops ops; /* WAITQ_OPS("lock") */
    /* Q4. Out of line already; woken: it had been woken. May wake others. */
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
    uint8_t state;     /* enum queued_state (Q1) */
    bool remote;       /* woken by another thread than its loop's */
    weft_error *error; /* CANCELLED: the message; owned */
};

struct waitq {
    struct queued *first, *last;
};

bool wf_queued_cancel(struct wait *wait, struct task *task, weft_error *error);
void wf_queued_abandon(struct wait *wait, struct task *task);

#define WAITQ_OPS(what_)                                                          \
    {                                                                             \
        .cancel = wf_queued_cancel, .abandon = wf_queued_abandon, .what = (what_) \
    }

/* Guarded: in line, behind all others. task is the running one. */
static inline void waitq_join(struct waitq *line, struct queued *q, const struct waitq_kind *kind,
                              void *object, _Atomic uint32_t *guard, struct task *task)
{
    *q = (struct queued){.wait = {&kind->ops, object},
                         .prev = line->last,
                         .line = line,
                         .guard = guard,
                         .task = task};
    *(line->last ? &line->last->next : &line->first) = q;
    line->last = q;
    task_expect_remote(task);
}

/* Guarded: out of line, wherever it stands; nothing if it is out already. */
static inline void waitq_leave(struct queued *q)
{
    struct waitq *line = q->line;
    if (!line)
        return;
    *(q->prev ? &q->prev->next : &line->first) = q->next;
    *(q->next ? &q->next->prev : &line->last) = q->prev;
    q->line = NULL;
}

/* Guarded: the first that is neither woken nor cancelled, or NULL. */
static inline struct queued *waitq_first_pending(const struct waitq *line)
{
    struct queued *q = line->first;
    while (q && q->state != QUEUED_PENDING)
        q = q->next;
    return q;
}

/* Guarded: somebody in line is not cancelled. */
static inline bool waitq_is_wanted(const struct waitq *line)
{
    const struct queued *q = line->first;
    while (q && q->state == QUEUED_CANCELLED)
        q = q->next;
    return q != NULL;
}

/* How many are in line; takes the guard. */
size_t wf_waitq_count(const struct waitq *line, _Atomic uint32_t *guard);

/* Those that are woken while the guard is held, in order. */
struct wakes {
    struct queued *first, *last;
};

/* Guarded: wakes it. False: it is woken or cancelled already. */
static inline bool waitq_wake(struct queued *q, struct wakes *wakes)
{
    if (q->state != QUEUED_PENDING)
        return false;
    q->state = QUEUED_WOKEN;
    q->remote = future_loop(&q->task->future) != loop_current();
    q->wake_next = NULL;
    *(wakes->first ? &wakes->last->wake_next : &wakes->first) = q;
    wakes->last = q;
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
    return wait_outcome(q->task, q->state == QUEUED_CANCELLED, q->error);
}

#endif
