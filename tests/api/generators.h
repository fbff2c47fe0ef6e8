/*
 * generators.h - a generator of three numbers, and a task that asks it.
 */
#ifndef WEFT_TESTS_API_GENERATORS_H
#define WEFT_TESTS_API_GENERATORS_H

#include "tests/support/sim.h"

#define VALUE(number) ((void *)(intptr_t)(number))

static int drops;

static inline void count_drop(void *arg)
{
    (void)arg;
    drops++;
}

static const weft_generator_options counted = {.name = "counted", .arg_drop = count_drop};

/* Yields 1, 2, 3 with a pause before each; says when it cleans up, which takes another pause. */
static inline int three(weft_generator *self, void *arg)
{
    int rc = 0;
    trace("started");
    for (intptr_t i = 1; i <= 3 && !rc; i++) {
        rc = weft_sleep(1);
        if (!rc)
            rc = weft_generator_yield(self, VALUE(i), NULL);
    }
    if (rc == WEFT_EGENERATOREXIT || rc == WEFT_ECANCELLED) {
        trace("cleaning");
        if (!weft_sleep(1))
            trace("clean");
    }
    return arg ? (int)(intptr_t)arg : rc;
}

static inline weft_generator *new_three(int code)
{
    weft_generator *g = weft_generator_new(three, VALUE(code), &counted);
    ck_assert_ptr_nonnull(g);
    return g;
}

__attribute__((unused)) COROUTINE(asks)
{
    void *value = NULL;
    int rc = weft_generator_next(arg, &value);
    *result = value;
    return rc;
}

#endif
