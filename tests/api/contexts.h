/*
 * contexts.h - variables that hold numbers, for the suites on contexts.
 */
#ifndef WEFT_TESTS_API_CONTEXTS_H
#define WEFT_TESTS_API_CONTEXTS_H

#include <errno.h>

#include "tests/support/faults.h"
#include "tests/support/sim.h"
#include "tests/support/suite.h"

/* How many values of `owning` were dropped. */
static _Atomic int drops;

__attribute__((unused)) static void count_drop(void *value)
{
    ck_assert_ptr_nonnull(value);
    drops++;
}

__attribute__((unused)) static weft_context_var plain = WEFT_CONTEXT_VAR("plain");
__attribute__((unused)) static weft_context_var owning = {.name = "owning", .drop = count_drop};

static void *number(long n)
{
    return (void *)(intptr_t)n;
}

/* The number that a variable has here; -1: none. */
static long current(const weft_context_var *var)
{
    return (long)(intptr_t)weft_context_var_get_or(var, number(-1));
}

static void set(weft_context_var *var, long n)
{
    ck_assert_int_eq(weft_context_var_set(var, number(n), NULL), 0);
}

/* The number that a context holds; -1: none. */
static long held(const weft_context *context, const weft_context_var *var)
{
    void *value = number(-1);
    int rc = weft_context_get(context, var, &value);
    ck_assert_int_eq(rc, weft_context_contains(context, var) ? 0 : WEFT_ELOOKUP);
    return (long)(intptr_t)value;
}

/* A context in which `plain` has this number. */
__attribute__((unused)) static weft_context *context_with(long n)
{
    weft_context_token token;
    ck_assert_int_eq(weft_context_var_set(&plain, number(n), &token), 0);
    weft_context *context = weft_copy_context();
    ck_assert_int_eq(weft_context_var_reset(&plain, &token), 0);
    return context;
}

/* Writes down what `plain` is, and sets ten times as much. */
__attribute__((unused)) static int see(void *arg)
{
    trace("%s%ld", (const char *)arg, current(&plain));
    set(&plain, current(&plain) * 10);
    return 0;
}

__attribute__((unused)) COROUTINE(see_task)
{
    return see(arg);
}

#endif
