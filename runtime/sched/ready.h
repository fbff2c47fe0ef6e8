/*
 * ready.h - a loop's ready queue: first in, first out, and in turns.
 *
 *      first -> [a] -> [b] -> [c] <- last       `first` is undefined when nothing is queued
 *
 * Q1  What was pushed and what was taken out are counted; the difference is the length.
 * Q2  A turn runs what was queued when it began, up to the step turn_end.
 * Q3  The link of the last one is undefined, and nobody follows it.
 *
 * Each step is one link in a chain of loads that wait for a store: what is first now was read from
 * the one that was first before. So the usual cases, one runnable alone and one that is put back
 * while the only other one is taken out, read no link that has just been written.
 */
#ifndef WEFT_RUNTIME_SCHED_READY_H
#define WEFT_RUNTIME_SCHED_READY_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/base/runnable.h"

/* Neighbours here are not written together: a compiler would join such stores into a wide one. */
struct ready {
    struct runnable *first;
    uint64_t steps; /* runnables taken out so far */
    struct runnable *last;
    uint64_t pushed;   /* runnables queued so far */
    uint64_t turn_end; /* Q2 */
    uint64_t
        slow_at;    /* the loop looks at more than this queue at the first turn that begins here */
    uint64_t turns; /* begun so far */
};

static inline void ready_init(struct ready *ready)
{
    *ready = (struct ready){0};
}

static inline bool ready_has_none(const struct ready *ready)
{
    return ready->pushed == ready->steps;
}

static inline void ready_add(struct ready *ready, struct runnable *r)
{
    if (ready_has_none(ready))
        ready->first = r;
    else
        ready->last->next = r;
    ready->last = r;
    ready->pushed++;
}

/* The same for a chain of so many. */
static inline void ready_add_chain(struct ready *ready, struct runnable *first,
                                   struct runnable *last, uint64_t count)
{
    if (ready_has_none(ready))
        ready->first = first;
    else
        ready->last->next = first;
    ready->last = last;
    ready->pushed += count;
}

/* A chain comes next, and belongs to this turn. */
static inline void ready_add_first(struct ready *ready, struct runnable *first,
                                   struct runnable *last, uint64_t count)
{
    if (ready_has_none(ready))
        ready->last = last;
    else
        last->next = ready->first;
    ready->first = first;
    ready->pushed += count;
    ready->turn_end += count;
}

static inline bool ready_turn_is_over(const struct ready *ready)
{
    return ready->steps == ready->turn_end;
}

/* The next turn runs what is queued now, and `more` that will be before its end. */
static inline void ready_begin_turn(struct ready *ready, unsigned more)
{
    ready->turn_end = ready->pushed + more;
    ready->turns++;
}

/* What is left of the turn belongs to the next one. */
static inline void ready_end_turn(struct ready *ready)
{
    ready->turn_end = ready->steps;
}

/* Takes the first one out; there is one. */
static inline struct runnable *ready_take(struct ready *ready)
{
    struct runnable *r = ready->first;

    if (!r)
        __builtin_unreachable(); /* so that callers need not ask again */
    ready->steps++;
    if (!ready_has_none(ready))
        ready->first = r->next;
    return r;
}

/* As ready_add() of r, then ready_take(); there is another one. */
static inline struct runnable *ready_exchange(struct ready *ready, struct runnable *r)
{
    struct runnable *first = ready->first;

    if (!first)
        __builtin_unreachable();
    ready->steps++;
    if (ready_has_none(ready)) {
        ready->first = r;
    } else {
        ready->last->next = r;
        ready->first = first->next;
    }
    ready->last = r;
    ready->pushed++;
    return first;
}

/* Puts back what was taken out last. */
static inline void ready_untake(struct ready *ready, struct runnable *r)
{
    if (ready_has_none(ready))
        ready->last = r;
    else
        r->next = ready->first;
    ready->first = r;
    ready->steps--;
}

/* Takes everything out, as a chain. */
static inline struct runnable *ready_take_all(struct ready *ready)
{
    if (ready_has_none(ready))
        return NULL;
    ready->last->next = NULL;
    ready->steps = ready->turn_end = ready->pushed;
    return ready->first;
}

#endif
