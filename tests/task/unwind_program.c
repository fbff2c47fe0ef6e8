/*
 * unwind_program.c - flows of control for unwind_test's debugger to look at: two suspended at known
 * depths, one that it follows into a switch, instruction by instruction.
 */
#include <stdio.h>

#include "tests/task/flow.h"

/* Global, so that the debugger finds them by name. */
struct flow one, two;
struct context self;

/* Where the debugger stops: each flow at its innermost, and main. */
__attribute__((noinline)) static void innermost(void)
{
    __asm__ volatile("");
}

__attribute__((noinline)) static void both_suspended(void)
{
    __asm__ volatile("");
}

/* Has a larger frame than resume(), so that an unwinder cannot take the one for the other. */
__attribute__((noinline)) static void one_inner(struct flow *flow)
{
    char frame[200];

    __asm__ volatile("" : : "r"(frame) : "memory");
    innermost();
    flow_pause(flow);
    __asm__ volatile("" : : "r"(frame) : "memory");
}

__attribute__((noinline)) static void one_outer(struct flow *flow)
{
    one_inner(flow);
    __asm__ volatile("");
}

static void one_body(struct flow *flow, void *arg)
{
    (void)arg;
    for (;;)
        one_outer(flow);
}

__attribute__((noinline)) static void two_inner(struct flow *flow, int depth)
{
    if (depth) {
        two_inner(flow, depth - 1);
    } else {
        innermost();
        flow_pause(flow);
    }
    __asm__ volatile("");
}

static void two_body(struct flow *flow, void *arg)
{
    (void)arg;
    for (;;)
        two_inner(flow, 3);
}

__attribute__((noinline)) static void resume(struct flow *flow)
{
    flow_resume(flow, &self);
    __asm__ volatile("");
}

int main(void)
{
    struct stack_cache cache;

    wf_stack_cache_init(&cache);
    context_init_thread(&self);
    flow_init(&one, stack_get(&cache, STACK_NORMAL), one_body, NULL);
    flow_init(&two, stack_get(&cache, STACK_NORMAL), two_body, NULL);
    resume(&one); /* into a fresh flow */
    resume(&two);
    both_suspended();
    resume(&one); /* into one that was suspended */
    resume(&two);
    context_fini_thread(&self);
    return 0;
}
