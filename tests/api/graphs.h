/*
 * graphs.h - tasks that await each other, what is captured of them, and its text.
 */
#ifndef WEFT_TESTS_API_GRAPHS_H
#define WEFT_TESTS_API_GRAPHS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/sim.h"

/* What is called last in a function would else be jumped to, and the function missing. */
#define CALL(expression)                     \
    do {                                     \
        int call_rc = (expression);          \
        __asm__ volatile("" : : : "memory"); \
        return call_rc;                      \
    } while (0)

static weft_future *gate; /* what the innermost ones wait for */

static inline void open_gate(void)
{
    gate = weft_create_future();
    ck_assert_ptr_nonnull(gate);
}

__attribute__((unused)) COROUTINE(await_gate)
{
    CALL(weft_await(gate, NULL));
}

static inline weft_task *start(weft_coroutine fn, void *arg, const char *name)
{
    weft_task *task = weft_create_task(fn, arg, &(weft_task_options){.name = name});
    ck_assert_ptr_nonnull(task);
    return task;
}

static inline weft_call_graph *capture(weft_future *future)
{
    weft_call_graph *graph = NULL;
    ck_assert_int_eq(weft_capture_call_graph(future, 0, &graph), 0);
    ck_assert_ptr_nonnull(graph);
    ck_assert_ptr_eq(graph->future, future);
    return graph;
}

/* The graph's part of the future, among those that await it directly; or NULL. */
static inline weft_call_graph *among(const weft_call_graph *graph, const weft_future *future)
{
    for (size_t i = 0; i < graph->awaited_by_count; i++) {
        if (graph->awaited_by[i]->future == future)
            return graph->awaited_by[i];
    }
    return NULL;
}

static inline bool calls_have(const weft_call_graph *graph, uintptr_t function)
{
    for (int i = 0; i < graph->call_stack_count; i++) {
        if ((uintptr_t)graph->call_stack[i] >= function &&
            (uintptr_t)graph->call_stack[i] < function + 2048)
            return true;
    }
    return false;
}

static weft_task *child;

__attribute__((unused)) COROUTINE(await_child)
{
    CALL(weft_await(child, NULL));
}

__attribute__((unused)) COROUTINE(wait_for_child)
{
    weft_future *both[] = {gate, child};
    CALL(weft_wait(both, 2, WEFT_FOREVER, WEFT_ALL_COMPLETED, NULL));
}

/* ---- the text ---- */

static char *text;
static size_t text_bytes;

static inline FILE *text_open(void)
{
    FILE *file = open_memstream(&text, &text_bytes);
    ck_assert_ptr_nonnull(file);
    return file;
}

static inline void text_close(FILE *file)
{
    ck_assert_int_eq(fclose(file), 0);
}

static inline void text_drop(void)
{
    free(text);
    text = NULL;
}

static inline int count_in(const char *what)
{
    int count = 0;
    for (const char *at = text; (at = strstr(at, what)); at++)
        count++;
    return count;
}

#endif
