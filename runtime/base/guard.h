/*
 * guard.h - a lock of one bit, for the few steps in which several threads change a list.
 *
 * The word's other bits belong to what it guards. Who holds the guard owns the whole word; while
 * nobody does, others may change it by guard_change() from a value without the guard's bit.
 *
 *     word:  ... bits of the user's ... | GUARD_HELD
 *
 * G1  Held for a bounded number of steps: no suspension, no call of the user, no allocation, no
 *     system call while it is held. The one exception is a priority queue's comparison, before which
 *     the holder calls guard_show().
 * G2  Who takes it sees everything that the last holder, and every guard_change() since, did.
 * G3  Until the process starts a second thread nobody can find the guard held (G1), so its bit is not
 *     set, and no step is an atomic read-modify-write. A thread that starts later sees the word as it
 *     was left (single_threaded.h).
 *
 * A holder may lose its processor: who waits spins a little, then yields, then sleeps for a moment,
 * so that it cannot keep the holder from running whatever their priorities are.
 */
#ifndef WEFT_RUNTIME_BASE_GUARD_H
#define WEFT_RUNTIME_BASE_GUARD_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/base/atomic.h"
#include "runtime/base/likely.h"
#include "runtime/base/single_threaded.h"

#define GUARD_HELD 1u

/* The word of a public struct, which cannot name C's atomics since C++ reads it too. */
static inline _Atomic uint32_t *guard_word(uint32_t *word)
{
    _Static_assert(sizeof(_Atomic uint32_t) == sizeof(uint32_t), "an atomic word is a word");
    return (_Atomic uint32_t *)word;
}

/* As guard_lock(), when somebody else holds it. */
uint32_t wf_guard_lock(_Atomic uint32_t *word);

/* Takes the guard if nobody holds it; *ret_bits is the word without it. It may fail by itself. */
static inline bool guard_try(_Atomic uint32_t *word, uint32_t *ret_bits)
{
    /* Relaxed: only the value to compare with. */
    *ret_bits = atomic_load_explicit(word, memory_order_relaxed);
    if (single_threaded()) /* G3 */
        return true;
    /* Acquire, with the release in guard_unlock() and guard_change() (G2). */
    return likely(!(*ret_bits & GUARD_HELD)) &&
           likely(atomic_compare_exchange_weak_explicit(
               word, ret_bits, *ret_bits | GUARD_HELD, memory_order_acquire, memory_order_relaxed));
}

/* Takes the guard; returns the word without it. */
static inline uint32_t guard_lock(_Atomic uint32_t *word)
{
    uint32_t bits;
    return likely(guard_try(word, &bits)) ? bits : wf_guard_lock(word);
}

/* The holder of these bits will call the user, who may start a thread: the guard can be seen (G3).
 * Relaxed: that thread begins after this. */
static inline void guard_show(_Atomic uint32_t *word, uint32_t bits)
{
    atomic_store_explicit(word, bits | GUARD_HELD, memory_order_relaxed);
}

/* Gives it back, and sets the word. */
static inline void guard_unlock(_Atomic uint32_t *word, uint32_t bits)
{
    /* Release, with the acquire in guard_lock() (G2). */
    atomic_store_explicit(word, bits & ~GUARD_HELD, memory_order_release);
}

/* As guard_change(), of the only thread (G3). */
static inline bool guard_change_alone(_Atomic uint32_t *word, uint32_t *seen, uint32_t bits)
{
    uint32_t now = atomic_load_explicit(word, memory_order_relaxed);
    bool same = now == *seen;

    if (likely(same))
        atomic_store_explicit(word, bits, memory_order_relaxed);
    *seen = now;
    return same;
}

/*
 * Sets the word to bits_ if it is *seen_, which has no guard's bit; if not, *seen_ is what it is now.
 * order_: acquire, with guard_unlock() and the changes that release; or release, with guard_lock()
 * and the changes that acquire (G2). A macro, so that the model's checker knows one use from another.
 */
#define guard_change(word_, seen_, bits_, order_)                                             \
    (single_threaded() ? guard_change_alone(word_, seen_, bits_)                              \
                       : atomic_compare_exchange_strong_explicit(word_, seen_, bits_, order_, \
                                                                 memory_order_relaxed))

#endif
