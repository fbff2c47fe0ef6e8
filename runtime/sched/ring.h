/*
 * ring.h - a loop's spawned but unstarted tasks: a bounded FIFO that other loops steal from.
 * The algorithm is that of Go's and Tokio's run queues, with Tokio's packed head.
 *
 *         steal            real                   tail: the owner pushes
 *           v                v                      v
 *      [ ][s][s][s][s][s][s][t][t][t][t][t][t][t][t][ ][ ]
 *           being copied out   the owner pops here,
 *           by one thief       and thieves claim here
 *
 *      head = { steal, real } in one word; steal == real while nobody is stealing.
 *
 * Who may run at the same time ("-" freely, "x" the caller must exclude). The owner's column
 * stands for push, announce, pop and take_half; the thief of a ring_steal() must own its own ring.
 *
 *                 owner   steal (as the victim)   length, has_work
 *         owner     x              -                      -
 *         steal     -              -                      -
 *
 * R1  tail is written by the owner alone. steal and real only grow, steal <= real <= tail, and
 *     tail - steal <= RING_SLOTS. They count modulo 2^32.
 * R2  The CAS that moves `real` past a slot owns the runnable in it: each comes out exactly once.
 * R3  A slot is not written again before `steal` has passed it, that is, before the one thief
 *     at work has read it.
 * R4  Who takes a runnable sees all that was written before its push.
 * R5  The owner's pops come in the order of its pushes.
 *
 * push is wait-free; pop, take_half and steal are lock-free, and a steal gives up rather than
 * wait for another thief.
 */
#ifndef WEFT_RUNTIME_SCHED_RING_H
#define WEFT_RUNTIME_SCHED_RING_H

#include <stdalign.h>
#include <stdbool.h>
#include <stdint.h>

#include "runtime/base/atomic.h"
#include "runtime/base/runnable.h"

#ifdef WEFT_MODEL
#define RING_SLOTS 4u /* small enough to be full, and to wrap, within a few steps */
#else
#define RING_SLOTS 256u
#endif

struct ring {
    alignas(CACHE_LINE) _Atomic(uint64_t) head; /* CAS by owner and thieves (R2) */
    alignas(CACHE_LINE) _Atomic(uint32_t) tail; /* owner writes, thieves read (R1) */
    struct runnable *slots[RING_SLOTS];         /* owner writes, takers read (R3, R4) */
};

static inline uint64_t ring_pack(uint32_t steal, uint32_t real)
{
    return (uint64_t)steal << 32 | real;
}

static inline uint32_t ring_steal_of(uint64_t head)
{
    return (uint32_t)(head >> 32);
}

static inline uint32_t ring_real_of(uint64_t head)
{
    return (uint32_t)head;
}

/* Plain data: tail orders a slot's write before its reads (R4), head its reads before the next
 * write (R3). */
static inline struct runnable *ring_slot(const struct ring *ring, uint32_t index)
{
    return plain_load(&ring->slots[index % RING_SLOTS]);
}

static inline void ring_set_slot(struct ring *ring, uint32_t index, struct runnable *r)
{
    plain_store(&ring->slots[index % RING_SLOTS], r);
}

/* The counts start at `origin`; only tests give another than 0, to see them wrap. */
static inline void ring_init_at(struct ring *ring, uint32_t origin)
{
    /* Relaxed: nobody else knows of the ring yet. */
    atomic_store_explicit(&ring->head, ring_pack(origin, origin), memory_order_relaxed);
    atomic_store_explicit(&ring->tail, origin, memory_order_relaxed);
    for (uint32_t i = 0; i < RING_SLOTS; i++)
        ring_set_slot(ring, i, NULL);
}

static inline void ring_init(struct ring *ring)
{
    ring_init_at(ring, 0);
}

/* The owner: append. False: full; try ring_take_half(), or push to the overflow list. */
static inline bool ring_push(struct ring *ring, struct runnable *r)
{
    uint32_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed); /* ours alone */
    /* Acquire, with the second CAS in ring_steal(): the slot we reuse has been read out (R3). */
    uint64_t head = atomic_load_explicit(&ring->head, memory_order_acquire);

    if (tail - ring_steal_of(head) >= RING_SLOTS)
        return false;
    ring_set_slot(ring, tail, r);
    /* Release, with the acquire of tail in ring_steal(): publishes the slot (R4). */
    atomic_store_explicit(&ring->tail, tail + 1, memory_order_release);
    return true;
}

/*
 * The owner, after one or more pushes and before idle_pick(): the full barrier between "work
 * published" and "look for sleepers" that a push leaves out. It stores tail once more.
 */
static inline void ring_announce(struct ring *ring)
{
    uint32_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed); /* ours alone */

    /*
     * Sequentially consistent, with the load of tail in ring_recheck(): either the loop that
     * goes to sleep sees our work, or our idle_pick() sees that loop (idle.h, S1).
     */
    atomic_store_explicit(&ring->tail, tail, memory_order_seq_cst);
}

/* The owner: the oldest, or NULL. */
static inline struct runnable *ring_pop(struct ring *ring)
{
    uint32_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed); /* ours alone */
    /* Relaxed: the slots were written by us, and ring_push() looks at head by itself. */
    uint64_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
    uint32_t real;
    uint64_t next;

    do {
        real = ring_real_of(head);
        if (real == tail)
            return NULL;
        uint32_t steal = ring_steal_of(head);
        next = ring_pack(steal == real ? real + 1 : steal, real + 1);
        /* Release, with the acquire of head in ring_steal(): a thief that sees this real also
         * sees a tail that is not behind it (R1). */
    } while (!atomic_compare_exchange_weak_explicit(&ring->head, &head, next, memory_order_release,
                                                    memory_order_relaxed));
    return ring_slot(ring, real);
}

/*
 * The owner, when the ring is full: take the older half out as a chain for the overflow list.
 * Returns how many; 0 when a thief is making room right now, or the ring is not full any more.
 */
static inline unsigned ring_take_half(struct ring *ring, struct runnable **ret_first,
                                      struct runnable **ret_last)
{
    uint32_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed); /* ours alone */
    /* Relaxed, as in ring_pop(). */
    uint64_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
    uint32_t real = ring_real_of(head);
    unsigned count = RING_SLOTS / 2;

    if (ring_steal_of(head) != real || tail - real != RING_SLOTS)
        return 0;
    /* Release, as in ring_pop(). */
    if (!atomic_compare_exchange_strong_explicit(&ring->head, &head,
                                                 ring_pack(real + count, real + count),
                                                 memory_order_release, memory_order_relaxed))
        return 0;

    struct runnable *first = ring_slot(ring, real);
    struct runnable *last = first;
    for (uint32_t i = 1; i < count; i++) {
        struct runnable *r = ring_slot(ring, real + i);
        runnable_link(last, r);
        last = r;
    }
    runnable_link(last, NULL);
    *ret_first = first;
    *ret_last = last;
    return count;
}

/*
 * The owner of `thief`, another ring: move half of what the victim has, rounded up, into it.
 * Returns the oldest, to be run at once, and leaves the others in `thief`; NULL when there is
 * nothing, another thief is at work, or `thief` is more than half full. Others may steal what was
 * moved: when `thief` is not empty after it, the caller has submitted work (ring_announce(),
 * idle_pick()).
 */
static inline struct runnable *ring_steal(struct ring *victim, struct ring *thief)
{
    uint32_t own_tail = atomic_load_explicit(&thief->tail, memory_order_relaxed); /* ours alone */
    /* Acquire, as in ring_push(): we are about to write our slots (R3). */
    uint64_t own_head = atomic_load_explicit(&thief->head, memory_order_acquire);

    if (own_tail - ring_steal_of(own_head) > RING_SLOTS / 2)
        return NULL;

    /* Acquire, with the CAS in ring_pop(), ring_take_half() and below: the tail that we read next
     * is not behind this head (R1). */
    uint64_t head = atomic_load_explicit(&victim->head, memory_order_acquire);
    uint64_t claimed;
    uint32_t first;
    uint32_t count;

    do {
        first = ring_real_of(head);
        if (ring_steal_of(head) != first)
            return NULL;
        /* Acquire, with the store in ring_push() or below: the slots up to tail are seen (R4). */
        uint32_t tail = atomic_load_explicit(&victim->tail, memory_order_acquire);
        count = tail - first;
        count -= count / 2;
        if (count == 0)
            return NULL;
        claimed = ring_pack(first, first + count);
        /* Acquire when it fails, for the tail as above. When it succeeds it takes nothing that the
         * two loads did not, and the slots are given back by the second CAS; but C11 wants the
         * order of success to be no weaker. */
    } while (!atomic_compare_exchange_weak_explicit(&victim->head, &head, claimed,
                                                    memory_order_acquire, memory_order_acquire));

    struct runnable *oldest = ring_slot(victim, first);
    for (uint32_t i = 1; i < count; i++)
        ring_set_slot(thief, own_tail + i - 1, ring_slot(victim, first + i));

    /* Only the owner's pops can have moved head meanwhile: real grows, steal waits for us. */
    head = claimed;
    while (!atomic_compare_exchange_weak_explicit(
        /* Release, with the acquire in ring_push(): we have read the slots (R3); and with the
         * acquire of head above, for the tail that we have seen (R1). */
        &victim->head, &head, ring_pack(ring_real_of(head), ring_real_of(head)),
        memory_order_release, memory_order_relaxed))
        continue;

    /* Release, as in ring_push(). */
    if (count > 1)
        atomic_store_explicit(&thief->tail, own_tail + count - 1, memory_order_release);
    return oldest;
}

/* Any thread: how many are there, approximately. Relaxed: it decides nothing. */
static inline unsigned ring_length(const struct ring *ring)
{
    uint64_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
    uint32_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
    uint32_t length = tail - ring_real_of(head);

    return length <= RING_SLOTS ? length : 0; /* the two were not read at one moment */
}

/*
 * A loop's last look into the rings before it sleeps, after idle_enter(): is there something to
 * steal? Sequentially consistent, with the store of tail in ring_announce(): see there. What was
 * pushed but not announced may be missed.
 */
static inline bool ring_recheck(const struct ring *ring)
{
    uint32_t tail = atomic_load_explicit(&ring->tail, memory_order_seq_cst);
    /* Relaxed: a head that lags only makes us look once more. */
    uint64_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);

    return tail != ring_real_of(head);
}

#endif
