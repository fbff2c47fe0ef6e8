/*
 * condition.h - waiting for a condition on behalf of something larger: a barrier.
 */
#ifndef WEFT_API_CONDITION_H
#define WEFT_API_CONDITION_H

#include <weft/sync.h>

/* Who is told that a waiter never goes on, since its loop was closed. Calls nobody, nor suspends; the
 * condition's lock is not held. */
struct condition_mourner {
    void (*gone)(void *arg);
    void *arg;
};

/* As weft_condition_wait(); mourner may be NULL. */
int wf_condition_wait(weft_condition *condition, const struct condition_mourner *mourner);

/* Wakes the n that have waited longest, whether the lock is held or not. */
void wf_condition_wake(weft_condition *condition, size_t n);

#endif
