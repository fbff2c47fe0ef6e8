/*
 * clock.h - a vector clock: for each thread, how many of its steps happen before here.
 */
#ifndef WEFT_TESTS_MODEL_CLOCK_H
#define WEFT_TESTS_MODEL_CLOCK_H

#include <stdint.h>

#include "tests/model/memory.h"

struct clock {
    uint16_t at[MEMORY_THREADS];
};

static inline void clock_join(struct clock *into, const struct clock *from)
{
    for (unsigned i = 0; i < MEMORY_THREADS; i++)
        if (from->at[i] > into->at[i])
            into->at[i] = from->at[i];
}

#endif
