/*
 * watchdog.h - a loop that is stuck in one step is reported while it still is (see watchdog.c).
 */
#ifndef WEFT_RUNTIME_SCHED_WATCHDOG_H
#define WEFT_RUNTIME_SCHED_WATCHDOG_H

#include <pthread.h>

#include "runtime/sched/loop.h"

/* A run that is watched, in the frame of who runs. Its owner writes the first part before it is on
 * the list; the rest is under the watchdog's lock. */
struct watched {
    struct weft_loop *loop; /* NULL: it is not watched */
    int64_t limit_ns;
    pthread_t thread;
    uintptr_t low, high; /* of the thread's own stack; 0: unknown */
    bool was_blocked;    /* the signal was */

    struct watched *prev, *next;
    uint64_t steps;   /* the heart beat that was seen last */
    uint32_t waits;   /* the same */
    int64_t since_ns; /* first seen then */
    bool reported;    /* this stall was */
    bool busy;        /* a report about it is being made */
};

/* Around a run, on its thread, which has an alternate signal stack (else loop is NULL). */
void wf_watchdog_begin(struct watched *watched, struct weft_loop *loop);
void wf_watchdog_end(struct watched *watched);

/* Around the loop's waits: while the count is odd, it may take as long as it likes. */
static inline void watchdog_wait(struct weft_loop *loop)
{
    /* Ours alone; the watchdog sees the values some time, in this order. */
    uint32_t waits = atomic_load_explicit(&loop->waits, memory_order_relaxed);
    atomic_store_explicit(&loop->waits, waits + 1, memory_order_relaxed);
}

/* Around a fork; in the child nothing is watched. */
void wf_watchdog_lock(void);
void wf_watchdog_unlock(void);
void wf_watchdog_forget(void);

#endif
