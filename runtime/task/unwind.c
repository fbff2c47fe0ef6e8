/*
 * unwind.c - walking a flow's frame pointers.
 *
 * Needs no tables and no allocation, and believes nothing: a frame must lie on the stack, above the
 * one before. Code without frame pointers ends the walk early.
 */
#include "runtime/task/unwind.h"

int wf_unwind_from(const void *from, const struct stack *stack, void **frames, int max)
{
    uintptr_t low = (uintptr_t)wf_stack_limit(stack), high = (uintptr_t)stack_top(stack);
    uintptr_t frame = (uintptr_t)from;
    int count = 0;

    while (count < max && frame >= low && frame + 2 * sizeof(void *) <= high &&
           frame % sizeof(void *) == 0) {
        uintptr_t *link = (uintptr_t *)frame;
        if (!link[1])
            break;
        frames[count++] = (void *)link[1];
        if (link[0] <= frame)
            break;
        frame = link[0];
    }
    return count;
}

int wf_unwind(const struct context *context, const struct stack *stack, void **frames, int max)
{
    if (max <= 0)
        return 0;
    frames[0] = context->registers.pc;
    return 1 + wf_unwind_from(context->registers.fp, stack, frames + 1, max - 1);
}
