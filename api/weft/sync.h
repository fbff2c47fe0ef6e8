/*
 * weft/sync.h - locks, events, conditions, semaphores and barriers for tasks.
 *
 * They suspend tasks, never threads. As in asyncio each lets its waiters through in the order in
 * which they came; beyond asyncio, one object may be used by tasks of several loops at once, and
 * what does not suspend may be called from any thread. Waiters are on their tasks' stacks: nothing
 * here allocates.
 *
 * All are values in the caller's storage, ready for use when set to their initialiser (zero bytes,
 * where it says so), and need no clean-up. One that tasks wait for may be neither moved nor freed;
 * who is woken may free it.
 */
#ifndef WEFT_SYNC_H
#define WEFT_SYNC_H

#include <weft/base.h>
#include <weft/error.h>

WEFT_BEGIN

/* Tasks in line. */
typedef struct weft_waitq_ {
    void *first_, *last_;
} weft_waitq_;

/*
 * A lock. It has no owner: any task may release it, and a task that acquires it twice waits for
 * itself.
 */
typedef struct weft_lock {
    uint32_t word_;
    weft_waitq_ waiters_;
} weft_lock;

/* An unlocked lock: zero bytes. asyncio: Lock() */
#define WEFT_LOCK_INIT \
    {                  \
        0,             \
        {              \
            NULL, NULL \
        }              \
    }

/**
 * weft_lock_acquire - take the lock, waiting for it if need be
 * @lock: borrowed
 *
 * A free lock for which nobody waits is taken without suspending. Otherwise the caller gets it after
 * all who waited before.
 *
 * Context:      a task, on any loop
 * Cancellation: the lock is not taken; a wake-up that had come goes to the next in line
 * Return:       0; WEFT_ECANCELLED; WEFT_ENOTASK outside a task, when it would have to wait; -EINVAL
 * asyncio:      await Lock.acquire()
 */
WEFT_API int weft_lock_acquire(weft_lock *lock);

/**
 * weft_lock_release - give the lock back, and let the first in line have it
 * @lock: borrowed
 *
 * Never suspends.
 *
 * Context: any thread
 * Return:  0; WEFT_ERUNTIME if it is not locked; -EINVAL
 * asyncio: Lock.release()
 */
WEFT_API int weft_lock_release(weft_lock *lock);

/* 1 if it is locked, else 0. Any thread; with several loops the answer may be old. asyncio: locked() */
WEFT_API int weft_lock_locked(const weft_lock *lock);

/* Writes the lock as text, as snprintf() does. Any thread. asyncio: repr(lock) */
WEFT_API int weft_lock_format(const weft_lock *lock, char *buffer, size_t bytes);

WEFT_END

#endif
