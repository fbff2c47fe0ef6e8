/*
 * signals.h - signals that are sent to the process itself, and callbacks that count them.
 *
 * A test runs in a process of its own.
 */
#ifndef WEFT_TESTS_SCHED_SIGNALS_H
#define WEFT_TESTS_SCHED_SIGNALS_H

#include <signal.h>
#include <unistd.h>

#include "tests/support/sim.h"

static int calls;

static inline int count_call(void *arg)
{
    calls++;
    if (arg)
        trace("%s", (const char *)arg);
    return 0;
}

static inline void send_signal(int number)
{
    ck_assert_int_eq(kill(getpid(), number), 0);
}

/* Lets iterations pass until so many callbacks have run. */
static inline void await_calls(int count)
{
    while (calls < count)
        ck_assert_int_eq(weft_yield(), 0);
}

#endif
