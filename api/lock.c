/*
 * lock.c - a lock for tasks.
 *
 * The word says LOCKED, and WAITED when somebody is in line; both are changed under its guard, or,
 * while nobody is in line, by guard_change().
 *
 * K1  release() leaves the lock unlocked and wakes the first in line, which takes it when it runs;
 *     until then nobody else can, since newcomers see the line (LOCK-05, LOCK-06).
 * K2  If the lock is free, the first in line that still wants it has been woken, or one before it
 *     that was woken or cancelled will run and wake it (LOCK-11).
 */
#include <errno.h>
#include <stdio.h>

#include <weft/sync.h>

#include "api/lock.h"
#include "runtime/base/likely.h"
#include "runtime/sched/spin.h"

#define LOCK_LOCKED 2u
#define LOCK_WAITED 4u

#define LOOKS_MAX 100

_Static_assert(sizeof(struct waitq) == sizeof(weft_waitq_), "the public line is a line");

static struct waitq *lock_line(weft_lock *lock)
{
    return (struct waitq *)(void *)&lock->waiters_;
}

/* The loop that took it last: written by who takes it, read by who wonders whether to look a little
 * longer. A hint, so relaxed. */
static void lock_note_holder(weft_lock *lock)
{
    _Atomic uintptr_t *holder = (_Atomic uintptr_t *)&lock->holder_;
    atomic_store_explicit(holder, (uintptr_t)loop_current(), memory_order_relaxed);
}

static const struct weft_loop *lock_holder(const weft_lock *lock)
{
    const _Atomic uintptr_t *holder = (const _Atomic uintptr_t *)&lock->holder_;
    return (const struct weft_loop *)atomic_load_explicit(holder, memory_order_relaxed);
}

/* Guarded: the word's bits, with WAITED as the line says. */
static uint32_t lock_with_line(const struct waitq *line, uint32_t bits)
{
    return line->first ? bits | LOCK_WAITED : bits & ~LOCK_WAITED;
}

/* Guarded: the first in line runs; if it was woken or cancelled, it will (K2). */
static void wake_first(struct waitq *line, struct wakes *wakes)
{
    if (line->first)
        (void)waitq_wake(line->first, wakes);
}

void wf_lock_abandoned(struct queued *q, bool woken)
{
    weft_lock *lock = q->wait.object;
    struct waitq *line = lock_line(lock);
    struct wakes wakes = {NULL, NULL};
    uint32_t bits = guard_lock(q->guard);

    (void)woken;
    if (!(bits & LOCK_LOCKED))
        wake_first(line, &wakes);
    guard_unlock(q->guard, lock_with_line(line, bits));
    wakes_send(&wakes);
}

static const struct waitq_kind lock_kind = {WAITQ_OPS("lock"), wf_lock_abandoned};

int wf_lock_wait(weft_lock *lock, struct queued *q, const struct waitq_kind *kind)
{
    _Atomic uint32_t *word = guard_word(&lock->word_);
    struct waitq *line = lock_line(lock);
    struct task *task = task_current();
    struct wakes wakes = {NULL, NULL};
    uint32_t bits = guard_lock(word);

    if (!(bits & LOCK_LOCKED) && !waitq_is_wanted(line)) { /* LOCK-07 */
        lock_note_holder(lock);
        guard_unlock(word, bits | LOCK_LOCKED);
        return 0;
    }
    if (!task) {
        guard_unlock(word, bits);
        return weft_fail(WEFT_ENOTASK, "only a task can wait for a lock");
    }
    waitq_join(line, q, kind, lock, word, task);
    guard_unlock(word, bits | LOCK_WAITED);
    int rc = queued_wait(q);
    bits = guard_lock(word);
    waitq_leave(q);
    if (!rc) {
        bits |= LOCK_LOCKED;
        lock_note_holder(lock);
    } else if (!(bits & LOCK_LOCKED)) {
        wake_first(line, &wakes);
    }
    guard_unlock(word, lock_with_line(line, bits));
    wakes_send(&wakes);
    return rc;
}

/* Takes a lock that is free, with nobody in line. */
static inline bool lock_try(weft_lock *lock)
{
    uint32_t open = 0;
    /* Acquire, with the release in weft_lock_release(): what the last holder did is seen. */
    if (unlikely(!guard_change(guard_word(&lock->word_), &open, LOCK_LOCKED, memory_order_acquire)))
        return false;
    lock_note_holder(lock);
    return true;
}

/*
 * A holder on another thread mostly gives the lock back sooner than a suspension here would be over,
 * so look for it for a moment, while nobody is in line: as long as that has paid lately. Of one loop
 * alone nobody ever looks.
 */
static bool lock_look(weft_lock *lock)
{
    static _Thread_local struct spin looks = {.score = SPIN_SCORE_MAX / 2};

    if (!loop_is_busy_elsewhere(lock_holder(lock)) || !spin_budget_ns(&looks))
        return false;
    bool taken = false;
    for (unsigned i = 0; i < LOOKS_MAX && !taken; i++) {
        uint32_t bits = atomic_load_explicit(guard_word(&lock->word_), memory_order_relaxed);
        if (bits & LOCK_WAITED)
            break;
        taken = !bits && lock_try(lock);
        cpu_relax();
    }
    spin_learn(&looks, taken);
    return taken;
}

static __attribute__((noinline)) int lock_acquire(weft_lock *lock)
{
    struct queued q;
    return lock_look(lock) ? 0 : wf_lock_wait(lock, &q, &lock_kind);
}

int weft_lock_acquire(weft_lock *lock)
{
    if (unlikely(!lock))
        return -EINVAL;
    if (likely(lock_try(lock)))
        return 0;
    return lock_acquire(lock);
}

static __attribute__((noinline)) int lock_release(weft_lock *lock)
{
    _Atomic uint32_t *word = guard_word(&lock->word_);
    struct waitq *line = lock_line(lock);
    struct wakes wakes = {NULL, NULL};
    uint32_t bits = guard_lock(word);

    if (!(bits & LOCK_LOCKED)) {
        guard_unlock(word, bits);
        return weft_fail(WEFT_ERUNTIME, "the lock is not acquired");
    }
    wake_first(line, &wakes);
    guard_unlock(word, bits & ~LOCK_LOCKED);
    wakes_send(&wakes);
    return 0;
}

int weft_lock_release(weft_lock *lock)
{
    if (unlikely(!lock))
        return -EINVAL;
    uint32_t held = LOCK_LOCKED;
    /* Release, with the acquire of the next who takes it. */
    if (likely(guard_change(guard_word(&lock->word_), &held, 0, memory_order_release)))
        return 0;
    return lock_release(lock);
}

/* The word of a lock that is only looked at. */
static _Atomic uint32_t *lock_word(const weft_lock *lock)
{
    return guard_word((uint32_t *)(uintptr_t)&lock->word_);
}

int weft_lock_locked(const weft_lock *lock)
{
    /* Relaxed: an answer about a moment, by which nothing else is ordered. */
    return lock && (atomic_load_explicit(lock_word(lock), memory_order_relaxed) & LOCK_LOCKED);
}

int weft_lock_format(const weft_lock *lock, char *buffer, size_t bytes)
{
    if (!lock)
        return -EINVAL;
    const char *state = weft_lock_locked(lock) ? "locked" : "unlocked";
    size_t waiters =
        wf_waitq_count((const struct waitq *)(const void *)&lock->waiters_, lock_word(lock));
    if (!waiters)
        return snprintf(buffer, bytes, "<weft_lock %p [%s]>", (const void *)lock, state);
    return snprintf(buffer, bytes, "<weft_lock %p [%s, waiters:%zu]>", (const void *)lock, state,
                    waiters);
}
