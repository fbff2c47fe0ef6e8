/*
 * distinct.h - which of some pointers were seen before: a hash table for one call's time.
 */
#ifndef WEFT_API_DISTINCT_H
#define WEFT_API_DISTINCT_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

#include "runtime/base/mem.h"

struct distinct {
    const void **slots;
    size_t mask; /* slots - 1: twice the room at least, a power of two */
};

/* For at most so many pointers. 0 or -ENOMEM. */
static inline int distinct_init(struct distinct *seen, size_t room)
{
    size_t slots = 4;
    while (slots < 2 * room)
        slots *= 2;
    seen->mask = slots - 1;
    seen->slots = mem_zalloc(slots * sizeof(*seen->slots));
    return seen->slots ? 0 : -ENOMEM;
}

static inline void distinct_fini(struct distinct *seen)
{
    mem_free(seen->slots, (seen->mask + 1) * sizeof(*seen->slots));
}

/* Adds a pointer that is not NULL; false if it was there. */
static inline bool distinct_add(struct distinct *seen, const void *pointer)
{
    /* Blocks lie on cache lines: what tells them apart is above the lowest six bits. */
    size_t slot =
        (size_t)(((uint64_t)(uintptr_t)pointer >> 6) * UINT64_C(0x9E3779B97F4A7C15) >> 20);

    for (;; slot++) {
        const void **at = &seen->slots[slot & seen->mask];
        if (*at == pointer)
            return false;
        if (!*at) {
            *at = pointer;
            return true;
        }
    }
}

#endif
