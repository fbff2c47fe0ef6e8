/*
 * spin.h - how long an idle loop looks for mail before it sleeps: only as long as it has paid
 * lately.
 *
 * A sleep and its wake-up cost tens of microseconds where processors are virtual; looking costs
 * nothing but the processor. So a loop looks for a short time, and for longer (up to SPIN_MAX_NS)
 * while mail came during most of its looks. After a few looks in vain it stops looking, but for one
 * in SPIN_PROBE sleeps, which finds out whether times have changed. An idle loop therefore burns
 * nothing.
 */
#ifndef WEFT_RUNTIME_SCHED_SPIN_H
#define WEFT_RUNTIME_SCHED_SPIN_H

#include <stdbool.h>
#include <stdint.h>

#define SPIN_MAX_NS    50000
#define SPIN_SCORE_MAX 8
#define SPIN_PROBE     16u

struct spin {
    int score;       /* 0: not worth it ... SPIN_SCORE_MAX */
    unsigned sleeps; /* without a look */
};

static inline void spin_init(struct spin *spin)
{
    spin->score = SPIN_SCORE_MAX / 2;
    spin->sleeps = 0;
}

/* How long to look this time; 0: not at all. */
static inline int64_t spin_budget_ns(struct spin *spin)
{
    if (spin->score > 0)
        return SPIN_MAX_NS;
    return ++spin->sleeps % SPIN_PROBE ? 0 : SPIN_MAX_NS;
}

/* What came of it. A find outweighs a look in vain: it saved a sleep and a wake-up. */
static inline void spin_learn(struct spin *spin, bool found)
{
    if (found)
        spin->score = spin->score + 2 > SPIN_SCORE_MAX ? SPIN_SCORE_MAX : spin->score + 2;
    else if (spin->score > 0)
        spin->score--;
}

#endif
