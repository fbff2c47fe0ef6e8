/*
 * barrier.c - tasks wait for each other: nobody goes on before all have come.
 *
 *                 the last party comes
 *      FILLING ------------------------> DRAINING --- all have left ---> FILLING
 *         |  \                              |
 *         |   +--- reset(), some wait ------+--> RESETTING --- all have left ---> FILLING
 *         +--- abort(), in any state ---> BROKEN --- reset() ---> as above
 *
 * The word is the state and the number of tasks inside. It is changed by who holds the condition's
 * lock, but for one thing: a task inside whose loop is closed leaves, whoever holds the lock. Anybody
 * may read it.
 */
#include <errno.h>
#include <stdio.h>

#include <stdbool.h>

#include "api/condition.h"
#include "runtime/base/guard.h"
#include "runtime/base/likely.h"

enum barrier_state {
    BARRIER_FILLING, /* zero bytes */
    BARRIER_DRAINING,
    BARRIER_RESETTING,
    BARRIER_BROKEN,
};

#define STATE_BITS 2
#define STATE_MASK 3u

static _Atomic uint32_t *barrier_word(const weft_barrier *barrier)
{
    return guard_word((uint32_t *)(uintptr_t)&barrier->word_);
}

/* All orders are relaxed: the lock orders what matters, for others it is an answer about a moment. */
static uint32_t barrier_load(const weft_barrier *barrier)
{
    return atomic_load_explicit(barrier_word(barrier), memory_order_relaxed);
}

static enum barrier_state barrier_state(const weft_barrier *barrier)
{
    return (enum barrier_state)(barrier_load(barrier) & STATE_MASK);
}

static bool barrier_change_word(weft_barrier *barrier, uint32_t *seen, uint32_t word)
{
    return atomic_compare_exchange_weak_explicit(barrier_word(barrier), seen, word,
                                                 memory_order_relaxed, memory_order_relaxed);
}

static void barrier_set_state(weft_barrier *barrier, enum barrier_state state)
{
    uint32_t seen = barrier_load(barrier);
    while (!barrier_change_word(barrier, &seen, (seen & ~STATE_MASK) | state))
        ;
}

/* One more inside; how many there were. */
static uint32_t barrier_enter(weft_barrier *barrier)
{
    return atomic_fetch_add_explicit(barrier_word(barrier), 1u << STATE_BITS,
                                     memory_order_relaxed) >>
           STATE_BITS;
}

/* One has left; the last one opens the barrier for those who wait to come in. */
static void barrier_leave(void *arg)
{
    weft_barrier *barrier = arg;
    uint32_t seen = barrier_load(barrier), word;

    do {
        word = seen - (1u << STATE_BITS);
        if (word >> STATE_BITS == 0 && (word & STATE_MASK) != BARRIER_BROKEN)
            word = BARRIER_FILLING;
    } while (!barrier_change_word(barrier, &seen, word));
    if (word >> STATE_BITS == 0)
        wf_condition_wake(&barrier->condition_, SIZE_MAX);
}

static int is_open(void *arg)
{
    enum barrier_state state = barrier_state(arg);
    return state != BARRIER_DRAINING && state != BARRIER_RESETTING;
}

/* Waits until the round before has left (BARR-07). */
static int barrier_block(weft_barrier *barrier)
{
    int rc = weft_condition_wait_for(&barrier->condition_, is_open, barrier);
    if (rc < 0)
        return rc;
    if (barrier_state(barrier) == BARRIER_BROKEN)
        return weft_fail(WEFT_EBROKENBARRIER, "the barrier was aborted");
    return 0;
}

/* Waits for the last party. */
static int barrier_fill(weft_barrier *barrier)
{
    const struct condition_mourner mourner = {barrier_leave, barrier};
    while (barrier_state(barrier) == BARRIER_FILLING) {
        int rc = wf_condition_wait(&barrier->condition_, &mourner);
        if (rc)
            return rc;
    }
    if (barrier_state(barrier) != BARRIER_DRAINING)
        return weft_fail(WEFT_EBROKENBARRIER, "the barrier was aborted or reset");
    return 0;
}

/* With the lock. */
static int barrier_pass(weft_barrier *barrier)
{
    int rc = barrier_block(barrier);
    if (rc)
        return rc;
    uint32_t index = barrier_enter(barrier);
    if (index + 1 == (uint32_t)barrier->parties_) {
        barrier_set_state(barrier, BARRIER_DRAINING);
        wf_condition_wake(&barrier->condition_, SIZE_MAX);
    } else {
        rc = barrier_fill(barrier);
    }
    barrier_leave(barrier);
    return rc ? rc : (int)index;
}

static int check_parties(long parties)
{
    if (likely(parties >= 1) && likely(parties <= WEFT_BARRIER_MAX))
        return 0;
    return weft_fail(-EINVAL, "a barrier cannot have %ld parties", parties);
}

int weft_barrier_init(weft_barrier *barrier, int parties)
{
    if (!barrier)
        return -EINVAL;
    int rc = check_parties(parties);
    if (!rc)
        *barrier = (weft_barrier)WEFT_BARRIER_INIT(parties);
    return rc;
}

int weft_barrier_wait(weft_barrier *barrier)
{
    if (unlikely(!barrier))
        return -EINVAL;
    int rc = check_parties(barrier->parties_);
    if (!rc)
        rc = weft_condition_acquire(&barrier->condition_);
    if (unlikely(rc))
        return rc;
    rc = barrier_pass(barrier);
    (void)weft_condition_release(&barrier->condition_);
    return rc;
}

/* A change of the state that concerns everybody. */
static int barrier_change(weft_barrier *barrier, enum barrier_state wanted)
{
    if (unlikely(!barrier))
        return -EINVAL;
    int rc = weft_condition_acquire(&barrier->condition_);
    if (unlikely(rc))
        return rc;
    bool empty = barrier_load(barrier) >> STATE_BITS == 0;
    barrier_set_state(barrier, wanted == BARRIER_RESETTING && empty ? BARRIER_FILLING : wanted);
    wf_condition_wake(&barrier->condition_, SIZE_MAX);
    return weft_condition_release(&barrier->condition_);
}

int weft_barrier_reset(weft_barrier *barrier)
{
    return barrier_change(barrier, BARRIER_RESETTING);
}

int weft_barrier_abort(weft_barrier *barrier)
{
    return barrier_change(barrier, BARRIER_BROKEN);
}

int weft_barrier_parties(const weft_barrier *barrier)
{
    return barrier ? barrier->parties_ : 0;
}

int weft_barrier_n_waiting(const weft_barrier *barrier)
{
    uint32_t word = barrier ? barrier_load(barrier) : 0;
    return (word & STATE_MASK) == BARRIER_FILLING ? (int)(word >> STATE_BITS) : 0;
}

int weft_barrier_broken(const weft_barrier *barrier)
{
    return barrier && barrier_state(barrier) == BARRIER_BROKEN;
}

int weft_barrier_format(const weft_barrier *barrier, char *buffer, size_t bytes)
{
    static const char *const names[] = {"filling", "draining", "resetting", "broken"};
    if (!barrier)
        return -EINVAL;
    enum barrier_state state = barrier_state(barrier);
    if (state == BARRIER_BROKEN)
        return snprintf(buffer, bytes, "<weft_barrier %p [broken]>", (const void *)barrier);
    return snprintf(buffer, bytes, "<weft_barrier %p [%s, waiters:%d/%d]>", (const void *)barrier,
                    names[state], weft_barrier_n_waiting(barrier), barrier->parties_);
}
