/*
 * idle.h - which loops are parked, and whether somebody is out looking for work: how new work
 * finds an idle loop with one wake-up, and not a herd of them.
 *
 *      submitter                              loop without work
 *        publish the work, seq_cst              if (idle_begin_search()) {
 *        idle_pick()                                look into the overflow list and the rings
 *        >= 0: parking_claim_wake() of              idle_end_search(found)
 *              that loop, and the system        }
 *              call that it names               parking_announce()
 *                                               idle_enter()
 *                                               re-check inbox, overflow list, all rings
 *                                               none: sleep
 *                                               parking_retract()
 *                                               if (idle_leave()) it is the searcher now
 *
 * Publishing is ring_push() + ring_announce(), or overflow_push(). "Submitter" is whoever makes
 * work visible: a spawner, a thief that keeps stolen tasks in its own ring, a taker that put a
 * rest back on the overflow list. idle_end_search() tells a searcher with a find to call
 * idle_pick() for the same reason: more may have come than it took.
 *
 * S1  Work that was submitted is not left lying while a loop is parked: for each submission,
 *     after the last step of the calls that it leads to, some loop is on its way to that work,
 *     or no loop is parked.
 * S2  At most one loop is on its way (`searching`) at a time: the token stands for a search that
 *     is under way or has been ordered by a wake-up. More are woken by finds, one by one.
 * S3  The token is given back BEFORE the final re-check. A submitter that relied on the searcher
 *     came before that, so the re-check sees its work.
 * S4  A loop announces that it parks (parking.h) before it enters the mask: who picks it then
 *     finds a sleeper to wake. A picked loop that was awake for another reason learns of it in
 *     idle_leave(), and must search, or pass the token on by idle_end_search() with found.
 *
 * The token limits wake-ups, not stealing: a loop whose re-check finds work takes it without
 * the token.
 *
 * Everything here is sequentially consistent: S1 is an argument over one total order of the
 * accesses to the work (see ring_announce(), overflow_push()), the mask and the token, and idle
 * loops have the time. A submitter in a busy runtime only reads.
 *
 * Why S1 holds. Let W be a submission, and all its idle_pick() reads be after W in the order.
 *   - It read an empty mask: every loop that enters the mask later re-checks after it, and sees W.
 *   - It read a taken token: the holder gives it back later. If it found nothing, its re-check
 *     comes later still. If it found something, it calls idle_pick(): W has a new submitter.
 *   - It took the token, found the mask empty and gave the token back: another submitter may have
 *     relied on it meanwhile, so it looks at the mask once more before it leaves.
 *   - It picked a loop: that loop has the token, and searches, or passes it on.
 */
#ifndef WEFT_RUNTIME_SCHED_IDLE_H
#define WEFT_RUNTIME_SCHED_IDLE_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/base/atomic.h"

#define IDLE_LOOPS_MAX 64u

struct idle {
    _Atomic(uint64_t) parked;    /* bit i: loop i is parked; the loop sets it, pickers clear it */
    _Atomic(uint32_t) searching; /* the token: 1 while a search is under way or ordered */
};

static inline void idle_init(struct idle *idle)
{
    /* Relaxed: nobody else knows of it yet. */
    atomic_store_explicit(&idle->parked, 0, memory_order_relaxed);
    atomic_store_explicit(&idle->searching, 0, memory_order_relaxed);
}

/* The loop, after parking_announce(): it is about to sleep, and re-checks everything after it. */
static inline void idle_enter(struct idle *idle, unsigned loop)
{
    (void)atomic_fetch_or_explicit(&idle->parked, UINT64_C(1) << loop, memory_order_seq_cst);
}

/* The loop, awake again. True: it was picked, and holds the token: it must search (S4). */
static inline bool idle_leave(struct idle *idle, unsigned loop)
{
    uint64_t bit = UINT64_C(1) << loop;

    return !(atomic_fetch_and_explicit(&idle->parked, ~bit, memory_order_seq_cst) & bit);
}

/* A loop without work: true, and the token, when nobody else is searching. */
static inline bool idle_begin_search(struct idle *idle)
{
    uint32_t free = 0;

    return atomic_compare_exchange_strong_explicit(&idle->searching, &free, 1, memory_order_seq_cst,
                                                   memory_order_seq_cst);
}

/* The holder of the token gives it back. True: the caller must call idle_pick(). */
static inline bool idle_end_search(struct idle *idle, bool found)
{
    atomic_store_explicit(&idle->searching, 0, memory_order_seq_cst); /* S3 */
    return found;
}

/*
 * Any thread, after it has published work: the parked loop that the caller has to wake, lowest
 * first so that small loads stay on few cores, or -1. The loop is out of the mask, and has the
 * token.
 */
static inline int idle_pick(struct idle *idle)
{
    uint64_t parked = atomic_load_explicit(&idle->parked, memory_order_seq_cst);

    while (parked) {
        if (atomic_load_explicit(&idle->searching, memory_order_seq_cst) ||
            !idle_begin_search(idle))
            return -1;
        parked = atomic_load_explicit(&idle->parked, memory_order_seq_cst);
        while (parked) {
            unsigned loop = (unsigned)__builtin_ctzll(parked);
            if (!idle_leave(idle, loop))
                return (int)loop;
            parked &= ~(UINT64_C(1) << loop);
        }
        (void)idle_end_search(idle, false);
        parked = atomic_load_explicit(&idle->parked, memory_order_seq_cst);
    }
    return -1;
}

#endif
