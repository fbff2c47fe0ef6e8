/*
 * inbox.h - a loop's queue of messages from other threads: a Treiber stack that is taken whole.
 *
 *      head -> [c] -> [b] -> [a] -> NULL        pushed a, b, c; drained as a, b, c
 *      head -> CLOSED                           for good
 *
 * Who may run at the same time ("-" freely, "x" the caller must exclude):
 *
 *                push  drain  close
 *         push    -      -      -
 *         drain   -      -      x
 *         close   -      x      x
 *
 * I1  Every runnable whose push returned true is returned by exactly one drain or close.
 * I2  The pushes of one thread come out in the order in which they went in.
 * I3  Who drains a runnable sees everything that its pusher wrote before the push.
 * I4  Once closed, always closed: a push then fails and leaves the runnable with its caller.
 * I5  Whose push fails sees everything that the closer wrote before the close: that it is closed is
 *     no news then, however it is asked.
 *
 * Nodes are never popped singly, so a head that went away and came back (ABA) does no harm: what
 * lies under it is read only after all of it is ours. And a producer that is preempted in the
 * middle of a push hides nobody's message, unlike in a queue that swings its tail first.
 *
 * push is lock-free; drain and close take one exchange, then walk what they took.
 */
#ifndef WEFT_RUNTIME_SCHED_INBOX_H
#define WEFT_RUNTIME_SCHED_INBOX_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/base/atomic.h"
#include "runtime/base/runnable.h"

#define INBOX_CLOSED ((struct runnable *)(uintptr_t)1)

struct inbox {
    _Atomic(struct runnable *) head; /* any thread; the embedder gives it a cache line */
};

static inline void inbox_init(struct inbox *inbox)
{
    /* Relaxed: nobody else knows of the inbox yet. */
    atomic_store_explicit(&inbox->head, NULL, memory_order_relaxed);
}

/* Put the stack newest -> ... -> oldest on top in one step. False: closed. */
static inline bool inbox_push_stack(struct inbox *inbox, struct runnable *newest,
                                    struct runnable *oldest)
{
    /* Relaxed, here and when the CAS fails: the value is only linked and compared. */
    struct runnable *head = atomic_load_explicit(&inbox->head, memory_order_relaxed);

    do {
        if (head == INBOX_CLOSED) {
            /* Acquire, with the exchange in inbox_close() (I5). */
            (void)atomic_load_explicit(&inbox->head, memory_order_acquire);
            return false;
        }
        runnable_link(oldest, head);
        /*
         * Release, with the acquire in inbox_drain() and inbox_close(): publishes the runnable
         * (I3); being a read-modify-write it also carries on what earlier pushers released.
         * Sequentially consistent, with inbox_recheck(): "push, then see whether the owner
         * sleeps" here against "say that I sleep, then look for mail" there (parking.h, P1).
         */
    } while (!atomic_compare_exchange_weak_explicit(&inbox->head, &head, newest,
                                                    memory_order_seq_cst, memory_order_relaxed));
    return true;
}

/* Any thread. False: closed, and the runnable is still the caller's. */
static inline bool inbox_push(struct inbox *inbox, struct runnable *r)
{
    return inbox_push_stack(inbox, r, r);
}

/*
 * Any thread: push the chain first -> ... -> last in one step, to come out in that order with
 * nothing in between. False: closed, and the chain is still the caller's, as it was.
 */
static inline bool inbox_push_chain(struct inbox *inbox, struct runnable *first,
                                    struct runnable *last)
{
    runnable_link(last, NULL);
    (void)runnable_reverse(first);
    if (inbox_push_stack(inbox, last, first))
        return true;
    runnable_link(first, NULL); /* an attempt that lost the race may have linked it */
    (void)runnable_reverse(last);
    return false;
}

/*
 * Is there something to drain? A cheap poll that may be late: relaxed, because a later poll or
 * inbox_recheck() will see it. A closed inbox has no mail.
 */
static inline bool inbox_has_mail(const struct inbox *inbox)
{
    struct runnable *head = atomic_load_explicit(&inbox->head, memory_order_relaxed);

    return head != NULL && head != INBOX_CLOSED;
}

/*
 * The owner's last look before it sleeps, after parking_announce(). Sequentially consistent, with
 * the CAS of a push: see there.
 */
static inline bool inbox_recheck(const struct inbox *inbox)
{
    struct runnable *head = atomic_load_explicit(&inbox->head, memory_order_seq_cst);

    return head != NULL && head != INBOX_CLOSED;
}

/* Take everything: a chain, newest first, or NULL. */
static inline struct runnable *inbox_take_stack(struct inbox *inbox)
{
    if (!inbox_has_mail(inbox))
        return NULL;
    /* Acquire, with the CAS of every push since the last drain (I3). */
    return atomic_exchange_explicit(&inbox->head, NULL, memory_order_acquire);
}

/* Take everything: a chain, oldest first, or NULL. */
static inline struct runnable *inbox_drain(struct inbox *inbox)
{
    return runnable_reverse(inbox_take_stack(inbox));
}

/* The owner, once: refuse all further pushes (I4), and take what was still there, oldest first. */
static inline struct runnable *inbox_close(struct inbox *inbox)
{
    /* Acquire, with the CAS of every push since the last drain (I3). Release, with the load of a
     * push that fails (I5). */
    return runnable_reverse(
        atomic_exchange_explicit(&inbox->head, INBOX_CLOSED, memory_order_acq_rel));
}

/* Any thread. Relaxed: "no" may be outdated at once anyhow, and "yes" says nothing else. */
static inline bool inbox_is_closed(const struct inbox *inbox)
{
    return atomic_load_explicit(&inbox->head, memory_order_relaxed) == INBOX_CLOSED;
}

#endif
