/*
 * pool_lock.h - the pool's lock: a futex that spins for a moment before it sleeps.
 *
 * The lock is held for tens of nanoseconds, by threads that are mostly awake: a loop that submits
 * and a worker that takes. Sleeping for it costs a wake-up, which is a thousand times longer.
 *
 * Words: 0 free, 1 held, 2 held and somebody may sleep.
 */
#ifndef WEFT_THREADPOOL_POOL_LOCK_H
#define WEFT_THREADPOOL_POOL_LOCK_H

#include <stdint.h>

#include "runtime/base/atomic.h"
#include "runtime/base/sys.h"

struct pool_lock {
    _Atomic uint32_t word;
    uint32_t spin_max; /* looks at the word before sleeping; 0 on one CPU */
};

static inline void pool_lock_init(struct pool_lock *lock, uint32_t spin_max)
{
    atomic_init(&lock->word, 0);
    lock->spin_max = spin_max;
}

void wf_pool_lock_slow(struct pool_lock *lock);

static inline void pool_lock(struct pool_lock *lock)
{
    uint32_t free = 0;
    /* Acquire, with the release in pool_unlock(): what the last holder wrote. */
    if (!atomic_compare_exchange_strong_explicit(&lock->word, &free, 1, memory_order_acquire,
                                                 memory_order_relaxed))
        wf_pool_lock_slow(lock);
}

static inline void pool_unlock(struct pool_lock *lock)
{
    /* Release, with the acquires of the next holder. */
    if (atomic_exchange_explicit(&lock->word, 0, memory_order_release) == 2)
        sys_futex_wake(&lock->word, 1);
}

#endif
