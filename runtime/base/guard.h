/*
 * guard.h - a lock of one bit, for the few steps in which several threads change a list.
 *
 * The word's other bits belong to what it guards. Who holds the guard owns the whole word; while
 * nobody does, others may change it by compare-and-swap from a value without the guard's bit.
 *
 *     word:  ... bits of the user's ... | GUARD_HELD
 *
 * G1  Held for a bounded number of steps: no suspension, no call of the user, no allocation, no
 *     system call while it is held.
 * G2  Who takes it sees everything that the last holder, and every compare-and-swap since, did.
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
    /* Acquire, with the release in guard_unlock() and in the users' own operations (G2). */
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

/* Gives it back, and sets the word. */
static inline void guard_unlock(_Atomic uint32_t *word, uint32_t bits)
{
    /* Release, with the acquire in guard_lock() (G2). */
    atomic_store_explicit(word, bits & ~GUARD_HELD, memory_order_release);
}

#endif
