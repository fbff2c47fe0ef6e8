/*
 * parking.h - an eventcount: is a loop asleep, how, and who has to wake it.
 *
 *                    announce (owner)
 *        AWAKE  ------------------------->  FUTEX or POLL
 *          ^                                     |
 *          +-------------------------------------+
 *               claim (one waker) or retract (owner)
 *
 *      owner                                waker, any thread
 *        parking_announce(how)                publish the work, seq_cst
 *        re-check EVERY source of work        parking_claim_wake()
 *        none: sleep until woken              not AWAKE: make the system call it names
 *        parking_retract()
 *
 * P1  No wake-up is lost: of "announce, then re-check" and "publish, then claim" at least one
 *     sees the other's first step. All four accesses are sequentially consistent for that: with
 *     release and acquire alone both sides may look before the other's store arrives.
 * P2  A sleep costs at most one wake system call: one read-modify-write at most can read an
 *     announcement. None is made, nor is the word written, while the owner is awake; spinning is
 *     being awake.
 * P3  When parking_retract() says that the owner was claimed, the owner sees all that the claimer
 *     wrote before, even through relaxed polls.
 *
 * A claim that arrives late may hit the owner's next sleep: a wake-up can be spurious, and the
 * owner then finds nothing. For PARKING_FUTEX the owner waits on the word itself while it is
 * PARKING_FUTEX, so that a claim before the wait makes the wait return at once.
 */
#ifndef WEFT_RUNTIME_SCHED_PARKING_H
#define WEFT_RUNTIME_SCHED_PARKING_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/base/atomic.h"

enum parking_state {
    PARKING_AWAKE = 0,
    PARKING_FUTEX = 1, /* asleep on the word: needs a futex wake */
    PARKING_POLL = 2,  /* asleep in the poller: needs a write to its eventfd */
};

struct parking {
    _Atomic(uint32_t) state; /* enum parking_state; the owner sets it, owner and wakers clear it */
};

static inline void parking_init(struct parking *parking)
{
    /* Relaxed: nobody else knows of it yet. */
    atomic_store_explicit(&parking->state, PARKING_AWAKE, memory_order_relaxed);
}

/* The owner, while awake: it is about to sleep. It MUST re-check every source of work after it. */
static inline void parking_announce(struct parking *parking, enum parking_state how)
{
    /* Sequentially consistent, with the load in parking_claim_wake() (P1). */
    atomic_store_explicit(&parking->state, (uint32_t)how, memory_order_seq_cst);
}

/*
 * The owner, after an announcement: awake again, because it found work, was woken, or timed out.
 * True: a waker has claimed this sleep, so its system call has been made or will be: a token may
 * turn up in the eventfd.
 */
static inline bool parking_retract(struct parking *parking)
{
    /* Acquire, with the exchange in parking_claim_wake() (P3). */
    return atomic_exchange_explicit(&parking->state, PARKING_AWAKE, memory_order_acquire) ==
           PARKING_AWAKE;
}

/*
 * Any thread, after it has published its work with a seq_cst read-modify-write: what the caller
 * has to do to wake the owner. PARKING_AWAKE: nothing, the owner is awake and will look, or
 * another waker is at it.
 */
static inline enum parking_state parking_claim_wake(struct parking *parking)
{
    /* Sequentially consistent, with the store in parking_announce() (P1). */
    if (atomic_load_explicit(&parking->state, memory_order_seq_cst) == PARKING_AWAKE)
        return PARKING_AWAKE;
    /* Release, with the acquire in parking_retract() (P3). */
    return (enum parking_state)atomic_exchange_explicit(&parking->state, PARKING_AWAKE,
                                                        memory_order_release);
}

#endif
