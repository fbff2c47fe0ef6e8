/*
 * queues.h - the queue of a test, whose items are numbers.
 */
#ifndef WEFT_TESTS_API_QUEUES_H
#define WEFT_TESTS_API_QUEUES_H

#include "tests/support/sim.h"

static weft_queue *queue;

static inline void make(long maxsize)
{
    queue = weft_queue_new(maxsize);
    ck_assert_ptr_nonnull(queue);
}

static inline void done(void)
{
    ck_assert_int_eq(weft_queue_free(queue), 0);
}

static inline void *item(long value)
{
    return (void *)(intptr_t)value;
}

/* What weft_queue_get_nowait() gives, or its code. */
static inline long get_nowait(void)
{
    void *got = NULL;
    int rc = weft_queue_get_nowait(queue, &got);
    return rc ? rc : (long)(intptr_t)got;
}

#endif
