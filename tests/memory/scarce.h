/*
 * scarce.h - scenarios of public calls, run again and again, each time with a later allocation
 * failing, until a run meets no failure.
 *
 * Each call stands in one of four macros, which say what it may do; covered_test.sh finds a public
 * function that stands in none. What the loop keeps of freed blocks is given back before each, so
 * that nothing is served from there. Lost memory is found by the leak checker: each run is a process
 * of its own.
 */
#ifndef WEFT_TESTS_MEMORY_SCARCE_H
#define WEFT_TESTS_MEMORY_SCARCE_H

#include <errno.h>

#include "runtime/sched/loop.h"
#include "tests/support/faults.h"
#include "tests/support/sim.h"
#include "tests/support/suite.h"

static unsigned long failing; /* the number of the allocation that fails in this run */

__attribute__((unused)) static unsigned long allocations(void)
{
    struct weft_loop *loop = loop_current();
    if (loop)
        block_cache_fini(&loop->blocks);
    return wf_fault_calls(FAULT_ALLOC);
}

__attribute__((unused)) static bool failed_since(unsigned long before)
{
    return before < failing && wf_fault_calls(FAULT_ALLOC) >= failing;
}

/* A call that allocates nothing. */
#define NEVER(call)                                                                                \
    do {                                                                                           \
        unsigned long before_ = allocations();                                                     \
        call;                                                                                      \
        ck_assert_msg(wf_fault_calls(FAULT_ALLOC) == before_, "%s:%d allocates", #call, __LINE__); \
    } while (0)

/* A call that answers with a code: -ENOMEM if it met the failure, and asked again it works. */
#define ASKED(call, code)                                                                       \
    do {                                                                                        \
        unsigned long before_ = allocations();                                                  \
        int asked_ = (call);                                                                    \
        ck_assert_msg((asked_ == -ENOMEM) == failed_since(before_), "%s is %d", #call, asked_); \
        if (asked_ == -ENOMEM)                                                                  \
            asked_ = (call);                                                                    \
        ck_assert_int_eq(asked_, code);                                                         \
    } while (0)

/* A call that answers with a handle: NULL and ENOMEM if it met the failure. */
#define MAKE(handle, call)                                                    \
    do {                                                                      \
        unsigned long before_ = allocations();                                \
        (handle) = (call);                                                    \
        ck_assert_msg(!(handle) == failed_since(before_), "%s fails", #call); \
        if (!(handle)) {                                                      \
            ck_assert_int_eq(errno, ENOMEM);                                  \
            (handle) = (call);                                                \
        }                                                                     \
        ck_assert_ptr_nonnull(handle);                                        \
    } while (0)

/* A call that may meet the failure and does what its contract says about that: checked beside it. */
#define COPES(call)          \
    do {                     \
        (void)allocations(); \
        call;                \
    } while (0)

/* A run of the scenario in a process of its own. */
static inline void run_each(void (*scenario)(void), unsigned long least)
{
    for (failing = 1; run_with_fault(FAULT_ALLOC, 0, ENOMEM, false, scenario) >= failing; failing++)
        ck_assert_uint_lt(failing, FAULTS_MAX);
    ck_assert_msg(failing > least, "only %lu allocations", failing - 1);
}

/* From here on allocations are counted, and one fails. */
static inline void scarce_begin(void)
{
    wf_fault_arm(FAULT_ALLOC, failing, ENOMEM, false);
}

/* A scenario that is the main task of a run on virtual time, and makes `least` allocations or more. */
#define START_SCARCE(name, least)                        \
    COROUTINE(name##_body);                              \
    COROUTINE(name##_main)                               \
    {                                                    \
        scarce_begin();                                  \
        return name##_body(arg, result);                 \
    }                                                    \
    static void name##_run(void)                         \
    {                                                    \
        ck_assert_int_eq(sim_run(name##_main, NULL), 0); \
    }                                                    \
    START_TEST(name)                                     \
    {                                                    \
        run_each(name##_run, least);                     \
    }                                                    \
    END_TEST                                             \
    COROUTINE(name##_body)

/* The same outside any loop. */
#define START_SCARCE_PLAIN(name, least) \
    static void name##_body(void);      \
    static void name##_run(void)        \
    {                                   \
        scarce_begin();                 \
        name##_body();                  \
    }                                   \
    START_TEST(name)                    \
    {                                   \
        run_each(name##_run, least);    \
    }                                   \
    END_TEST                            \
    static void name##_body(void)

#endif
