/*
 * pair.h - a run on two loops, in real time.
 */
#ifndef WEFT_TESTS_SUPPORT_PAIR_H
#define WEFT_TESTS_SUPPORT_PAIR_H

#include "tests/support/sim.h"

/* A test that is the main task of a run on two loops, on the first. Its body is a coroutine's. */
#define START_PAIR(name)       \
    COROUTINE(name##_main);    \
    START_TEST(name)           \
    {                          \
        pair_run(name##_main); \
    }                          \
    END_TEST                   \
    COROUTINE(name##_main)

static weft_runner pair;

static inline weft_loop *pair_loop(int index)
{
    weft_loop *loop = weft_runner_loop_at(&pair, index);
    ck_assert_ptr_nonnull(loop);
    return loop;
}

/* Runs main on the first loop. */
static inline void pair_run(weft_coroutine main)
{
    ck_assert_int_eq(weft_runner_init(&pair, &(weft_runner_options){.loops = 2}), 0);
    ck_assert_int_eq(weft_runner_run(&pair, main, NULL, NULL), 0);
    ck_assert_int_eq(weft_runner_close(&pair), 0);
}

#endif
