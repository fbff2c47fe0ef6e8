/*
 * semaphore.c - a number of permits for tasks.
 *
 * The word is the number of free permits, above WAITED: somebody is in line. Both are changed under
 * the word's guard, or, while nobody is in line, by guard_change().
 *
 * S1  A permit is handed over when its waiter is woken (SEMA-05): from then on it is that one's.
 * S2  Who was woken stays in line until it runs, and counts as waiting: so newcomers stand behind
 *     it, even while permits are free (SEMA-04).
 * S3  If a permit is free and somebody pending, somebody in line was woken or cancelled, and will
 *     hand the permit over when it runs (SEMA-07, SEMA-10).
 */
#include <errno.h>
#include <stdio.h>

#include <weft/sync.h>

#include "api/waitq.h"
#include "runtime/base/likely.h"

#define SEMAPHORE_WAITED 2u
#define SEMAPHORE_ONE    (1u << WEFT_SEMAPHORE_SHIFT_)

static struct waitq *semaphore_line(const weft_semaphore *semaphore)
{
    return (struct waitq *)(uintptr_t)&semaphore->waiters_;
}

static _Atomic uint32_t *semaphore_word(const weft_semaphore *semaphore)
{
    return guard_word((uint32_t *)(uintptr_t)&semaphore->word_);
}

static uint32_t permits(uint32_t bits)
{
    return bits >> WEFT_SEMAPHORE_SHIFT_;
}

/* Guarded: the word's bits, with WAITED as the line says. */
static uint32_t semaphore_with_line(const struct waitq *line, uint32_t bits)
{
    return line->first ? bits | SEMAPHORE_WAITED : bits & ~SEMAPHORE_WAITED;
}

/* Guarded: hands a free permit to the first that is pending (S1); false: nobody is. */
static bool hand_over(struct waitq *line, uint32_t *bits, struct wakes *wakes)
{
    if (!waitq_wake_next(line, wakes))
        return false;
    *bits -= SEMAPHORE_ONE;
    return true;
}

/* Guarded: somebody has left the line, and with it perhaps a permit that was its own. */
static void settle(struct waitq *line, uint32_t *bits, bool gives_back, struct wakes *wakes)
{
    if (gives_back)
        *bits += SEMAPHORE_ONE;
    while (permits(*bits) && hand_over(line, bits, wakes))
        ;
    *bits = semaphore_with_line(line, *bits);
}

static void semaphore_abandoned(struct queued *q, bool woken)
{
    struct wakes wakes = {NULL, NULL};
    uint32_t bits = guard_lock(q->guard);

    settle(semaphore_line(q->wait.object), &bits, woken, &wakes);
    guard_unlock(q->guard, bits);
    wakes_send(&wakes);
}

static const struct waitq_kind semaphore_kind = {WAITQ_OPS("semaphore"), semaphore_abandoned};

int weft_semaphore_init(weft_semaphore *semaphore, long value)
{
    if (!semaphore)
        return -EINVAL;
    if (value < 0 || value > WEFT_SEMAPHORE_MAX)
        return weft_fail(-EINVAL, "a semaphore cannot begin with %ld permits", value);
    *semaphore = (weft_semaphore){.word_ = (uint32_t)value << WEFT_SEMAPHORE_SHIFT_};
    return 0;
}

int weft_bounded_semaphore_init(weft_semaphore *semaphore, long value)
{
    int rc = weft_semaphore_init(semaphore, value);
    if (!rc)
        semaphore->bound_ = (uint32_t)value + 1;
    return rc;
}

/* No free permit, or somebody in line whose turn is before. */
static bool has_to_wait(const struct waitq *line, uint32_t bits)
{
    return !permits(bits) || waitq_is_wanted(line);
}

static __attribute__((noinline)) int semaphore_acquire(weft_semaphore *semaphore)
{
    _Atomic uint32_t *word = semaphore_word(semaphore);
    struct waitq *line = semaphore_line(semaphore);
    struct task *task = task_current();
    struct wakes wakes = {NULL, NULL};
    struct queued q;
    uint32_t bits = guard_lock(word);

    if (!has_to_wait(line, bits)) {
        guard_unlock(word, bits - SEMAPHORE_ONE);
        return 0;
    }
    if (!task) {
        guard_unlock(word, bits);
        return weft_fail(WEFT_ENOTASK, "only a task can wait for a semaphore");
    }
    waitq_join(line, &q, &semaphore_kind, semaphore, word, task);
    guard_unlock(word, bits | SEMAPHORE_WAITED);
    int rc = queued_wait(&q);
    bits = guard_lock(word);
    waitq_leave(&q);
    settle(line, &bits, rc && queued_state(&q) == QUEUED_WOKEN, &wakes);
    guard_unlock(word, bits);
    wakes_send(&wakes);
    return rc;
}

int weft_semaphore_acquire(weft_semaphore *semaphore)
{
    if (unlikely(!semaphore))
        return -EINVAL;
    _Atomic uint32_t *word = semaphore_word(semaphore);
    /* Relaxed: only the value to compare with. */
    uint32_t bits = atomic_load_explicit(word, memory_order_relaxed);
    /* Acquire, with the release in weft_semaphore_release(): what was done before the permit was
     * given back is seen. */
    if (likely(bits >= SEMAPHORE_ONE) && likely(!(bits & (GUARD_HELD | SEMAPHORE_WAITED))) &&
        likely(guard_change(word, &bits, bits - SEMAPHORE_ONE, memory_order_acquire)))
        return 0;
    return semaphore_acquire(semaphore);
}

/* Whether there cannot be a permit more. */
static bool is_full(const weft_semaphore *semaphore, uint32_t bits)
{
    /* bound_ is never written; 0: as many as the word can hold. */
    uint32_t max = semaphore->bound_ ? semaphore->bound_ - 1 : WEFT_SEMAPHORE_MAX;
    return permits(bits) >= max;
}

static int fail_full(const weft_semaphore *semaphore)
{
    if (semaphore->bound_)
        return weft_fail(-EINVAL, "the semaphore was released too often");
    return weft_fail(-EOVERFLOW, "the semaphore has too many permits");
}

static __attribute__((noinline)) int semaphore_release(weft_semaphore *semaphore)
{
    _Atomic uint32_t *word = semaphore_word(semaphore);
    struct wakes wakes = {NULL, NULL};
    uint32_t bits = guard_lock(word);

    if (unlikely(is_full(semaphore, bits))) {
        guard_unlock(word, bits);
        return fail_full(semaphore);
    }
    bits += SEMAPHORE_ONE;
    (void)hand_over(semaphore_line(semaphore), &bits, &wakes);
    guard_unlock(word, bits);
    wakes_send(&wakes);
    return 0;
}

int weft_semaphore_release(weft_semaphore *semaphore)
{
    if (unlikely(!semaphore))
        return -EINVAL;
    _Atomic uint32_t *word = semaphore_word(semaphore);
    /* Relaxed: only the value to compare with. */
    uint32_t bits = atomic_load_explicit(word, memory_order_relaxed);
    /* Release, with the acquire of the next who gets the permit. */
    if (likely(!(bits & (GUARD_HELD | SEMAPHORE_WAITED))) && likely(!is_full(semaphore, bits)) &&
        likely(guard_change(word, &bits, bits + SEMAPHORE_ONE, memory_order_release)))
        return 0;
    return semaphore_release(semaphore);
}

int weft_semaphore_locked(const weft_semaphore *semaphore)
{
    if (!semaphore)
        return 0;
    _Atomic uint32_t *word = semaphore_word(semaphore);
    uint32_t bits = guard_lock(word);
    bool locked = has_to_wait(semaphore_line(semaphore), bits);
    guard_unlock(word, bits);
    return locked;
}

int weft_semaphore_format(const weft_semaphore *semaphore, char *buffer, size_t bytes)
{
    if (!semaphore)
        return -EINVAL;
    _Atomic uint32_t *word = semaphore_word(semaphore);
    struct waitq *line = semaphore_line(semaphore);
    size_t waiters = wf_waitq_count(line, word);
    bool locked = weft_semaphore_locked(semaphore);
    /* Relaxed: an answer about a moment. */
    unsigned value = permits(atomic_load_explicit(word, memory_order_relaxed));
    char state[40] = "locked", line_text[40] = "";
    if (!locked)
        snprintf(state, sizeof(state), "unlocked, value:%u", value);
    if (waiters)
        snprintf(line_text, sizeof(line_text), ", waiters:%zu", waiters);
    return snprintf(buffer, bytes, "<weft_semaphore %p [%s%s]>", (const void *)semaphore, state,
                    line_text);
}
