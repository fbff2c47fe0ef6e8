/*
 * overflow.h - a runtime's unstarted tasks that are in no ring: what foreign threads spawn, and
 * what full rings spill. Any loop takes from it.
 *
 *      pushes -> incoming (an inbox, newest first)
 *                   |  the taker that finds `ready` empty takes it all and turns it round
 *                   v
 *      takes <-  ready (a chain, oldest first; a taker keeps some and puts the rest back)
 *
 * Who may run at the same time ("-" freely, "x" the caller must exclude):
 *
 *                push  take  close
 *         push    -     -      -
 *         take    -     -      x
 *         close   -     x      x
 *
 * O1  Every runnable of a push that returned true is given out exactly once.
 * O2  Who takes a runnable sees everything that was written before its push.
 * O3  The order is first in, first out, but for takers that run into each other: then what one
 *     of them could not keep goes behind what has come in meanwhile.
 * O4  What a taker puts back is invisible while it holds it. A taker that left something is
 *     therefore a submitter: it must call idle_pick(), as after a push.
 *
 * No step costs more than the number of runnables that it takes for good or turns round for the
 * first time, so a million spilled tasks are not walked again at every take; only takers that run
 * into each other walk further. Everything is lock-free.
 */
#ifndef WEFT_RUNTIME_SCHED_OVERFLOW_H
#define WEFT_RUNTIME_SCHED_OVERFLOW_H

#include <stdbool.h>

#include "runtime/base/atomic.h"
#include "runtime/base/runnable.h"
#include "runtime/sched/inbox.h"

struct overflow {
    struct inbox incoming;
    _Atomic(struct runnable *) ready; /* takers exchange it with NULL, and put a rest back */
};

static inline void overflow_init(struct overflow *overflow)
{
    inbox_init(&overflow->incoming);
    /* Relaxed: nobody else knows of it yet. */
    atomic_store_explicit(&overflow->ready, NULL, memory_order_relaxed);
}

/* Any thread: append the chain first -> ... -> last. False: closed, and it is still the caller's.
 */
static inline bool overflow_push(struct overflow *overflow, struct runnable *first,
                                 struct runnable *last)
{
    return inbox_push_chain(&overflow->incoming, first, last);
}

/*
 * Any thread: take up to `max` (at least 1) as a chain *ret_first -> ... -> NULL. Returns how
 * many. *ret_left: something was put back, and the caller has to call idle_pick() (O4).
 */
static inline unsigned overflow_take(struct overflow *overflow, unsigned max,
                                     struct runnable **ret_first, bool *ret_left)
{
    struct runnable *first = NULL;

    /* Relaxed: who finds nothing here and wants to sleep calls overflow_recheck(). */
    if (atomic_load_explicit(&overflow->ready, memory_order_relaxed))
        /* Acquire, with the CAS that put the rest there (O2). */
        first = atomic_exchange_explicit(&overflow->ready, NULL, memory_order_acquire);
    if (!first)
        first = inbox_drain(&overflow->incoming);
    if (!first)
        return 0;

    struct runnable *last = first;
    struct runnable *rest = runnable_next(first);
    unsigned count = 1;
    while (count < max && rest) {
        last = rest;
        rest = runnable_next(rest);
        count++;
    }
    runnable_link(last, NULL);
    *ret_first = first;
    *ret_left = rest != NULL;
    if (!rest)
        return count;

    struct runnable *none = NULL;
    /*
     * Release, with the exchange above (O2). Sequentially consistent, with overflow_recheck():
     * "put back, then look for sleepers" here, "say that I sleep, then look for work" there.
     */
    if (!atomic_compare_exchange_strong_explicit(&overflow->ready, &none, rest,
                                                 memory_order_seq_cst, memory_order_relaxed)) {
        last = rest;
        while (runnable_next(last))
            last = runnable_next(last);
        (void)overflow_push(overflow, rest, last); /* cannot be closed: close excludes take */
    }
    return count;
}

/* Relaxed: a poll, which may be late. */
static inline bool overflow_has_work(const struct overflow *overflow)
{
    return atomic_load_explicit(&overflow->ready, memory_order_relaxed) != NULL ||
           inbox_has_mail(&overflow->incoming);
}

/* A loop's last look before it sleeps, after idle_enter(). Sequentially consistent, with the CAS
 * in overflow_take() and, in the inbox, that of a push. */
static inline bool overflow_recheck(const struct overflow *overflow)
{
    return atomic_load_explicit(&overflow->ready, memory_order_seq_cst) != NULL ||
           inbox_recheck(&overflow->incoming);
}

/*
 * Once, when no loop takes any more: refuse all further pushes, and return what was left, as a
 * chain or NULL.
 */
static inline struct runnable *overflow_close(struct overflow *overflow)
{
    struct runnable *incoming = inbox_close(&overflow->incoming);
    /* Acquire, with the CAS that put the rest there (O2). */
    struct runnable *first = atomic_exchange_explicit(&overflow->ready, NULL, memory_order_acquire);

    if (!first)
        return incoming;
    struct runnable *last = first;
    while (runnable_next(last))
        last = runnable_next(last);
    runnable_link(last, incoming);
    return first;
}

#endif
