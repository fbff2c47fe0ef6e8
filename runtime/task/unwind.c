/*
 * unwind.c - walking a flow's frame pointers.
 *
 * Needs no tables and no allocation, and believes nothing: a frame must lie on the stack, above the
 * one before. Code without frame pointers ends the walk early, or, when what it keeps in their place
 * points into the stack, adds a frame of nonsense. So a word that is read may be of any kind: of
 * memory that a sanitizer guards, or never written.
 */
#include "runtime/task/unwind.h"

#ifdef WEFT_VALGRIND
#include <valgrind/memcheck.h>
#endif

/* What the code of a call leaves at its frame pointer. */
struct link {
    uintptr_t outer; /* the caller's frame pointer */
    uintptr_t pc;    /* where it returns to */
};

__attribute__((no_sanitize("address"))) static inline struct link link_at(uintptr_t frame)
{
    struct link link = *(const struct link *)frame;
#ifdef WEFT_VALGRIND
    (void)VALGRIND_MAKE_MEM_DEFINED(&link, sizeof(link));
#endif
    return link;
}

__attribute__((no_sanitize("address"))) int
wf_unwind_between(const void *from, uintptr_t low, uintptr_t high, void **frames, int max)
{
    uintptr_t frame = (uintptr_t)from;
    int count = 0;

    while (count < max && frame >= low && frame <= high - sizeof(struct link) &&
           frame % sizeof(void *) == 0) {
        struct link link = link_at(frame);
        if (!link.pc)
            break;
        frames[count++] = (void *)link.pc;
        if (link.outer <= frame)
            break;
        frame = link.outer;
    }
    return count;
}

int wf_unwind_from(const void *from, const struct stack *stack, void **frames, int max)
{
    return wf_unwind_between(from, (uintptr_t)wf_stack_limit(stack), (uintptr_t)stack_top(stack),
                             frames, max);
}

int wf_unwind(const struct context *context, const struct stack *stack, void **frames, int max)
{
    int count = 0;

    while (count < max) {
        frames[count++] = context->registers.pc;
        count += wf_unwind_from(context->registers.fp, stack, frames + count, max - count);
        if (!stack->inner)
            break;
        context = stack->caller->context;
        stack = stack->caller->stack;
    }
    return count;
}
