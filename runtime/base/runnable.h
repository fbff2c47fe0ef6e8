/*
 * runnable.h - something that a loop will run: one entry of a ready queue, an inbox or a ring.
 *
 * It is embedded in what it runs (a task, a handle, a timer), which run() finds from the address.
 * A runnable is in at most one queue at a time, and `next` belongs to that queue: nobody else may
 * read or write it until the queue has given the runnable back. Chains are linked through `next`
 * and end with NULL.
 */
#ifndef WEFT_RUNTIME_BASE_RUNNABLE_H
#define WEFT_RUNTIME_BASE_RUNNABLE_H

#include <stddef.h>
#include <stdint.h>

#include "runtime/base/atomic.h"

struct weft_loop;

struct runnable {
    struct runnable *next;
    void (*run)(struct runnable *self, struct weft_loop *loop);
};

/* A chain of so many. */
struct runnables {
    struct runnable *first, *last;
    uint64_t count;
};

static inline void runnables_add(struct runnables *chain, struct runnable *r)
{
    r->next = NULL;
    if (chain->last)
        chain->last->next = r;
    else
        chain->first = r;
    chain->last = r;
    chain->count++;
}

/* The lock-free queues use these, so that the model sees what they do to a link. */
static inline struct runnable *runnable_next(const struct runnable *r)
{
    return plain_load(&r->next);
}

static inline void runnable_link(struct runnable *r, struct runnable *next)
{
    plain_store(&r->next, next);
}

/* Turn a NULL-terminated chain round in place; returns its new first. */
static inline struct runnable *runnable_reverse(struct runnable *first)
{
    struct runnable *reversed = NULL;

    while (first) {
        struct runnable *next = runnable_next(first);
        runnable_link(first, reversed);
        reversed = first;
        first = next;
    }
    return reversed;
}

#endif
