/*
 * park.h - the one way in which tasks wait: park the current task, unpark it from anywhere.
 *
 * Futures, sleeps, locks, queues and I/O are built on it. A waiting function puts a struct wait on
 * its stack and calls wf_park(); exactly one party then makes the task ready (T2 in task.h): on the
 * loop's thread with task_unpark(), elsewhere with wf_task_unpark_remote(). There are no spurious
 * returns.
 */
#ifndef WEFT_RUNTIME_PARK_H
#define WEFT_RUNTIME_PARK_H

#include "runtime/sched/loop.h"

/* The running task, or NULL with the reason: WEFT_ENOTASK. */
static inline struct task *task_current(void)
{
    struct weft_loop *loop = loop_current();
    return loop ? loop->current : NULL;
}

/*
 * Suspends the running task until somebody unparks it. A cancellation that is still to be delivered
 * goes to wait->cancel first. Afterwards the caller looks at its own state, and at
 * task_cancelled().
 */
void wf_park(struct weft_loop *loop, struct task *task, struct wait *wait);

/*
 * Another thread runs that loop, and it is not asleep, as far as can be seen from here: what one of
 * its tasks holds may be free again before a suspension here would be over. NULL is allowed.
 */
__attribute__((no_sanitize("thread"))) static inline bool
loop_is_busy_elsewhere(const struct weft_loop *loop)
{
    /* Relaxed: a guess, even of a loop that is just being made. Its memory is never given back (L3). */
    return loop && loop != loop_current() &&
           atomic_load_explicit(&loop->running, memory_order_relaxed) == LOOP_RUNNING &&
           atomic_load_explicit(&loop->parking.state, memory_order_relaxed) == PARKING_AWAKE;
}

/* On the task's loop: it runs in the next turn. */
static inline void task_unpark(struct weft_loop *loop, struct task *task)
{
    ready_push(loop, &task->future.entry);
}

/* From any other thread. */
void wf_task_unpark_remote(struct task *task);

/*
 * For waits that another thread may end: before the wait is announced to it; and when the wait is
 * abandoned although that thread has it in its hands, until it has let go of the task.
 */
static inline void task_expect_remote(struct task *task)
{
    atomic_store_explicit(&task->dropped, false, memory_order_relaxed); /* only we know of it */
}

static inline bool task_was_dropped(const struct task *task)
{
    /* Acquire, with the release in wf_task_step(): the other thread's uses of the task are over. */
    return atomic_load_explicit(&task->dropped, memory_order_acquire);
}

/*
 * After a wait: whether a cancellation has to be delivered, whatever else happened (CANC-12). If so
 * it is used up, its message is the current error, and the caller returns WEFT_ECANCELLED.
 */
bool wf_task_deliver_cancel(struct task *task);

static inline bool task_deliver_cancel(struct task *task)
{
    return __builtin_expect(task->must_cancel, 0) && wf_task_deliver_cancel(task);
}

/*
 * The end of a wait that a cancellation may have ended: `cancelled` says whether it did, and `error`
 * (owned by the call, may be NULL) is its message. 0, or WEFT_ECANCELLED as the current error: one
 * for all requests, with the first message (CANC-16).
 */
int wf_wait_cancelled(struct task *task, bool cancelled, weft_error *error);

static inline int wait_outcome(struct task *task, bool cancelled, weft_error *error)
{
    if (__builtin_expect(!cancelled, 1) && __builtin_expect(!task->must_cancel, 1))
        return 0;
    return wf_wait_cancelled(task, cancelled, error);
}

#endif
