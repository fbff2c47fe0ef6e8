/*
 * stack_ops.c - what stack_bench times (see stack_ops.h).
 */
#include "bench/stack_ops.h"

#include "runtime/task/stack.h"

static struct stack_cache cache;

void stacks_open(void)
{
    wf_stack_cache_init(&cache);
}

void stacks_close(void)
{
    wf_stack_cache_fini(&cache);
}

int stacks_recycle(uint64_t times)
{
    for (; times > 0; times--) {
        struct stack *stack = stack_get(&cache, STACK_NORMAL);
        if (!stack)
            return 0;
        __asm__ volatile("" : : "r"(stack) : "memory");
        stack_put(&cache, stack);
    }
    return 1;
}

int stacks_crowd(uint64_t count, int touch)
{
    struct stack *crowd = NULL; /* linked through owner */
    struct stack_cache own;
    int all = 1;

    wf_stack_cache_init(&own);
    for (; all && count > 0; count--) {
        struct stack *stack = stack_get(&own, STACK_NORMAL);
        if (!stack) {
            all = 0;
            break;
        }
        if (touch)
            ((volatile char *)stack_top(stack))[-1] = 1;
        stack->owner = crowd;
        crowd = stack;
    }
    while (crowd) {
        struct stack *stack = crowd;
        crowd = (struct stack *)stack->owner;
        stack_put(&own, stack);
    }
    wf_stack_cache_fini(&own);
    return all;
}
