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
 * the last who is woken may free it, even before the call that woke it has returned.
 */
#ifndef WEFT_SYNC_H
#define WEFT_SYNC_H

#include <weft/base.h>
#include <weft/error.h>

WEFT_BEGIN

/* Tasks in line. */
typedef struct weft_waitq_ {
    void *first_, *last_, *pending_;
    size_t wanted_;
} weft_waitq_;

#define WEFT_WAITQ_INIT_    \
    {                       \
        NULL, NULL, NULL, 0 \
    }

/*
 * A lock. It has no owner: any task may release it, and a task that acquires it twice waits for
 * itself.
 */
typedef struct weft_lock {
    uint32_t word_;
    weft_waitq_ waiters_;
    uintptr_t holder_; /* the loop that took it last */
} weft_lock;

/* An unlocked lock: zero bytes. asyncio: Lock() */
#define WEFT_LOCK_INIT         \
    {                          \
        0, WEFT_WAITQ_INIT_, 0 \
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

/*
 * An event: a flag that tasks wait for.
 */
typedef struct weft_event {
    uint32_t word_;
    weft_waitq_ waiters_;
} weft_event;

/* An event that is not set: zero bytes. asyncio: Event() */
#define WEFT_EVENT_INIT     \
    {                       \
        0, WEFT_WAITQ_INIT_ \
    }

/**
 * weft_event_set - set the flag, and wake all who wait for it
 * @event: borrowed
 *
 * Those who are woken return 0 even if the flag is cleared before they run.
 *
 * Context: any thread
 * Return:  0; -EINVAL
 * asyncio: Event.set()
 */
WEFT_API int weft_event_set(weft_event *event);

/* Clears the flag: who waits from now on waits for the next set. 0 or -EINVAL. Any thread.
 * asyncio: clear() */
WEFT_API int weft_event_clear(weft_event *event);

/* 1 if it is set, else 0; what its setter did before is seen then. Any thread. asyncio: is_set() */
WEFT_API int weft_event_is_set(const weft_event *event);

/**
 * weft_event_wait - wait until the flag is set
 * @event: borrowed
 *
 * Does not suspend if it is set.
 *
 * Context:      a task, on any loop
 * Cancellation: the wait ends; nobody else is affected
 * Return:       0; WEFT_ECANCELLED; WEFT_ENOTASK outside a task, when it would have to wait; -EINVAL
 * asyncio:      await Event.wait()
 */
WEFT_API int weft_event_wait(weft_event *event);

/* Writes the event as text, as snprintf() does. Any thread. asyncio: repr(event) */
WEFT_API int weft_event_format(const weft_event *event, char *buffer, size_t bytes);

/*
 * A condition: tasks wait, with its lock given back meanwhile, until another notifies them.
 */
typedef struct weft_condition {
    uint32_t word_;
    weft_waitq_ waiters_;
    weft_lock *lock_; /* NULL: own_lock_ */
    weft_lock own_lock_;
} weft_condition;

/* A condition on a lock that several may share, or (NULL) on a lock of its own: zero bytes.
 * asyncio: Condition(lock) */
#define WEFT_CONDITION_INIT(lock)                   \
    {                                               \
        0, WEFT_WAITQ_INIT_, (lock), WEFT_LOCK_INIT \
    }

/* weft_lock_acquire(), weft_lock_release() and weft_lock_locked() of the condition's lock. */
WEFT_API int weft_condition_acquire(weft_condition *condition);
WEFT_API int weft_condition_release(weft_condition *condition);
WEFT_API int weft_condition_locked(const weft_condition *condition);

/**
 * weft_condition_wait - give the lock back, wait to be notified, and take the lock again
 * @condition: borrowed; its lock must be acquired
 *
 * The lock is always acquired when a wait that has begun ends, by whatever way. It may end without
 * a notification that was meant for it, so look again at what you wait for; weft_condition_wait_for()
 * does.
 *
 * Context:      a task, on any loop
 * Cancellation: first acquires the lock again, which further cancellations do not interrupt; the
 *               error is the latest one's. A notification that had come goes to another
 * Return:       0; WEFT_ECANCELLED; WEFT_ERUNTIME if the lock is not locked; WEFT_ENOTASK; -EINVAL
 * asyncio:      await Condition.wait()
 */
WEFT_API int weft_condition_wait(weft_condition *condition);

/**
 * weft_condition_wait_for - wait until a predicate holds
 * @condition: borrowed; its lock must be acquired unless the predicate holds at once
 * @predicate: called with the lock held: 0: wait on; negative: an error, which ends the wait
 * @arg:       passed to it
 *
 * Context:      a task, on any loop
 * Cancellation: as weft_condition_wait()
 * Return:       what the predicate returned last; or an error of weft_condition_wait()
 * asyncio:      await Condition.wait_for(predicate)
 */
WEFT_API int weft_condition_wait_for(weft_condition *condition, int (*predicate)(void *arg),
                                     void *arg);

/**
 * weft_condition_notify - wake the n tasks that have waited longest, or all if there are fewer
 * @condition: borrowed; its lock must be acquired
 * @n:         asyncio's default is 1; zero or negative: nobody
 *
 * Those who are woken go on one by one, once the caller has released the lock.
 *
 * Context: any thread that holds the lock
 * Return:  0; WEFT_ERUNTIME if the lock is not locked; -EINVAL
 * asyncio: Condition.notify(n)
 */
WEFT_API int weft_condition_notify(weft_condition *condition, long n);

/* As above, for all who wait. asyncio: notify_all() */
WEFT_API int weft_condition_notify_all(weft_condition *condition);

/* Writes the condition as text, as snprintf() does. Any thread. asyncio: repr(condition) */
WEFT_API int weft_condition_format(const weft_condition *condition, char *buffer, size_t bytes);

/*
 * A semaphore: a number of permits. Also a bounded one, which refuses to have more than it began
 * with.
 */
typedef struct weft_semaphore {
    uint32_t word_;
    uint32_t bound_; /* 0: none; else one more than the bound */
    weft_waitq_ waiters_;
} weft_semaphore;

#define WEFT_SEMAPHORE_SHIFT_ 2

/* The most permits that a semaphore can have. */
#define WEFT_SEMAPHORE_MAX 0x3fffffff

/* A constant number of permits. A wrong one does not compile. */
#define WEFT_SEMAPHORE_WORD_(value)                 \
    (((uint32_t)(value) << WEFT_SEMAPHORE_SHIFT_) + \
     0 * sizeof(char[(value) >= 0 && (value) <= WEFT_SEMAPHORE_MAX ? 1 : -1]))

/* A semaphore with a constant number of permits; zero bytes: none. asyncio: Semaphore(value) */
#define WEFT_SEMAPHORE_INIT(value)                        \
    {                                                     \
        WEFT_SEMAPHORE_WORD_(value), 0u, WEFT_WAITQ_INIT_ \
    }

/* Likewise, one that is bounded. asyncio: BoundedSemaphore(value) */
#define WEFT_BOUNDED_SEMAPHORE_INIT(value)                                    \
    {                                                                         \
        WEFT_SEMAPHORE_WORD_(value), (uint32_t)(value) + 1u, WEFT_WAITQ_INIT_ \
    }

/**
 * weft_semaphore_init - make a semaphore whose number of permits is not a constant
 * @semaphore: the caller's storage
 * @value:     zero or more; asyncio's default is 1
 *
 * Context: any thread
 * Return:  0; -EINVAL for a value that is negative or more than WEFT_SEMAPHORE_MAX
 * asyncio: Semaphore(value)
 */
WEFT_API int weft_semaphore_init(weft_semaphore *semaphore, long value);

/* Likewise, one that is bounded. asyncio: BoundedSemaphore(value) */
WEFT_API int weft_bounded_semaphore_init(weft_semaphore *semaphore, long value);

/**
 * weft_semaphore_acquire - take a permit, waiting for one if need be
 * @semaphore: borrowed
 *
 * Takes a free permit without suspending if nobody waits. Otherwise the caller gets one after all
 * who waited before.
 *
 * Context:      a task, on any loop
 * Cancellation: no permit is taken; one that was handed over goes to the next in line
 * Return:       0; WEFT_ECANCELLED; WEFT_ENOTASK outside a task, when it would have to wait; -EINVAL
 * asyncio:      await Semaphore.acquire()
 */
WEFT_API int weft_semaphore_acquire(weft_semaphore *semaphore);

/**
 * weft_semaphore_release - add a permit, which is the first one's in line
 * @semaphore: borrowed
 *
 * Never suspends.
 *
 * Context: any thread
 * Return:  0; -EINVAL, also when a bounded semaphore would have more permits than it began with;
 *          -EOVERFLOW beyond WEFT_SEMAPHORE_MAX. Nothing is changed then
 * asyncio: Semaphore.release()
 */
WEFT_API int weft_semaphore_release(weft_semaphore *semaphore);

/* 1 if acquiring would have to wait, else 0. Any thread; with several loops the answer may be old.
 * asyncio: locked() */
WEFT_API int weft_semaphore_locked(const weft_semaphore *semaphore);

/* Writes the semaphore as text, as snprintf() does. Any thread. asyncio: repr(semaphore) */
WEFT_API int weft_semaphore_format(const weft_semaphore *semaphore, char *buffer, size_t bytes);

/*
 * A barrier: tasks wait for each other, and go on when all have come. It can be used again.
 */
typedef struct weft_barrier {
    weft_condition condition_;
    uint32_t word_;
    int parties_;
} weft_barrier;

/* The most parties that a barrier can have. */
#define WEFT_BARRIER_MAX 0x3fffffff

/* A barrier for so many tasks, at least one. asyncio: Barrier(parties) */
#define WEFT_BARRIER_INIT(parties)               \
    {                                            \
        WEFT_CONDITION_INIT(NULL), 0u, (parties) \
    }

/* As WEFT_BARRIER_INIT, into the caller's storage: 0, or -EINVAL for a number that cannot be. Any
 * thread. */
WEFT_API int weft_barrier_init(weft_barrier *barrier, int parties);

/**
 * weft_barrier_wait - wait until all parties have come
 * @barrier: borrowed
 *
 * Who comes while the round before is still leaving waits until that has left, and counts for the
 * next round.
 *
 * Context:      a task, on any loop
 * Cancellation: the caller leaves the barrier, which does not break; another can take its place
 * Return:       a number from 0 to parties - 1, in the order of arrival; WEFT_EBROKENBARRIER if it
 *               was aborted or reset; WEFT_ECANCELLED; WEFT_ENOTASK; -EINVAL, also for a barrier
 *               with less than one party
 * asyncio:      await Barrier.wait()
 */
WEFT_API int weft_barrier_wait(weft_barrier *barrier);

/**
 * weft_barrier_reset - make who waits fail with WEFT_EBROKENBARRIER, and the barrier as new
 * @barrier: borrowed
 *
 * Those who wait for the next round stay, and count for it.
 *
 * Context:      a task, on any loop; it may have to wait for the barrier's lock
 * Cancellation: nothing was done
 * Return:       0; WEFT_ECANCELLED; WEFT_ENOTASK; -EINVAL
 * asyncio:      await Barrier.reset()
 */
WEFT_API int weft_barrier_reset(weft_barrier *barrier);

/* Breaks the barrier until a reset: whoever waits, and all later calls of weft_barrier_wait(), fail
 * with WEFT_EBROKENBARRIER. Otherwise as weft_barrier_reset(). asyncio: await Barrier.abort() */
WEFT_API int weft_barrier_abort(weft_barrier *barrier);

/* Any thread; with several loops the answers may be old. */
WEFT_API int weft_barrier_parties(const weft_barrier *barrier);
WEFT_API int weft_barrier_n_waiting(const weft_barrier *barrier); /* 0 unless it is filling */
WEFT_API int weft_barrier_broken(const weft_barrier *barrier);    /* 1 or 0 */

/* Writes the barrier as text, as snprintf() does. Any thread. asyncio: repr(barrier) */
WEFT_API int weft_barrier_format(const weft_barrier *barrier, char *buffer, size_t bytes);

WEFT_END

#endif
