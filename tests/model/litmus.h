/*
 * litmus.h - small programs for the checker: two variables, and the outcomes that were seen.
 */
#ifndef WEFT_TESTS_MODEL_LITMUS_H
#define WEFT_TESTS_MODEL_LITMUS_H

#include <check.h>
#include <string.h>

#include "runtime/base/atomic.h"
#include "tests/model/model.h"

enum { OUTCOMES = 256, VARIABLES = 4 };

static _Atomic(unsigned) x;
static _Atomic(unsigned) y;
static unsigned r[VARIABLES]; /* what the threads read: one decimal digit each in an outcome */
static memory_order stores;   /* the orders that the threads use */
static memory_order loads;
static unsigned seen[OUTCOMES];
static unsigned seen_count;

#define STORE(object_, value_) atomic_store_explicit(&(object_), (value_), stores)
#define LOAD(object_)          atomic_load_explicit(&(object_), loads)

static inline void setup(void)
{
    atomic_init(&x, 0);
    atomic_init(&y, 0);
    memset(r, 0, sizeof(r));
}

static inline void record(void)
{
    unsigned outcome = r[0] * 1000 + r[1] * 100 + r[2] * 10 + r[3];

    for (unsigned i = 0; i < seen_count; i++)
        if (seen[i] == outcome)
            return;
    ck_assert_uint_lt(seen_count, OUTCOMES);
    seen[seen_count++] = outcome;
}

static inline bool has_seen(unsigned outcome)
{
    for (unsigned i = 0; i < seen_count; i++)
        if (seen[i] == outcome)
            return true;
    return false;
}

static inline struct model_result explore(const struct model *model, memory_order store_order,
                                          memory_order load_order)
{
    struct model_result result;

    stores = store_order;
    loads = load_order;
    seen_count = 0;
    model_explore(model, NULL, &result);
    return result;
}

#endif
