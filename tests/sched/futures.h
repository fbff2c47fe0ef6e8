/*
 * futures.h - done-callbacks that write down that they ran.
 */
#ifndef WEFT_TESTS_SCHED_FUTURES_H
#define WEFT_TESTS_SCHED_FUTURES_H

#include "tests/support/sim.h"

/* Writes its name down. */
static inline int note(weft_future *future, void *name)
{
    (void)future;
    trace("%s", (const char *)name);
    return 0;
}

static inline int note_soon(void *name)
{
    trace("%s", (const char *)name);
    return 0;
}

static inline int note_future(weft_future *future, void *arg)
{
    ck_assert_ptr_eq(future, *(weft_future **)arg);
    ck_assert(weft_done(future));
    trace("given");
    return 0;
}

#endif
