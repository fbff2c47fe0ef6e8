/*
 * wheels.h - a wheel that each test finds empty, and what is expected of an advance.
 */
#ifndef WEFT_TESTS_TIME_WHEELS_H
#define WEFT_TESTS_TIME_WHEELS_H

#include <check.h>

#include "runtime/time/wheel.h"

enum { FEW = 8, MODEL_TIMERS = 300, MILLION = 1000000 };

static struct wheel wheel;
static struct timer timers[FEW];

static inline void setup(void)
{
    wf_wheel_init(&wheel, 0);
}

/* Advances and expects exactly these timers, by index, in this order; they end up unarmed. */
static inline void expect_fired(int64_t now_ns, const int *expected, int count)
{
    struct timer *chain = wf_wheel_advance(&wheel, now_ns);
    for (int i = 0; i < count; i++) {
        struct timer *t = timer_chain_pop(&chain);
        ck_assert_ptr_nonnull(t);
        ck_assert_int_eq(t - timers, expected[i]);
        ck_assert(!timer_is_armed(t));
    }
    ck_assert_ptr_null(timer_chain_pop(&chain));
}

#define EXPECT(now_ns, ...)                                                            \
    do {                                                                               \
        const int expected[] = {__VA_ARGS__};                                          \
        expect_fired(now_ns, expected, (int)(sizeof(expected) / sizeof(expected[0]))); \
    } while (0)
#define EXPECT_NONE(now_ns) expect_fired(now_ns, NULL, 0)

/* ck_assert reports where it is each time it passes, which is too slow for a million times. */
#define EXPECT_THAT(condition)                      \
    do {                                            \
        if (!(condition))                           \
            ck_abort_msg("not so: %s", #condition); \
    } while (0)

#endif
