/*
 * trace.c - where futures, tasks and handles were made.
 */
#include "runtime/sched/trace.h"

#include <errno.h>
#include <weft/future.h>

#include "runtime/task/thread_stack.h"
#include "runtime/task/unwind.h"

/* The calls of the running flow from the frame outwards, the newest first. */
static int trace_walk(const void *frame, void **frames, int max)
{
    const struct weft_loop *here = loop_current();
    const struct task *task = here ? here->current : NULL;
    uintptr_t low, high;
    int count = task && task->stack ? wf_unwind_from(frame, task->stack, frames, max) : 0;

    if (count) {
        for (const struct stack *stack = task->stack; stack->inner && count < max;
             stack = stack->caller->stack)
            count += wf_unwind_from(stack->caller->context->registers.fp, stack->caller->stack,
                                    frames + count, max - count);
        return count;
    }
    return wf_thread_stack(&low, &high) ? wf_unwind_between(frame, low, high, frames, max) : 0;
}

/* The first call is that from who asks for the block, in the library: it is left out. */
static __attribute__((noinline)) void trace_fill(struct trace *trace, const void *frame)
{
    void *frames[TRACE_FRAMES + 1];
    int count = trace_walk(frame, frames, TRACE_FRAMES + 1);

    trace->count = count > 1 ? count - 1 : 0;
    for (int i = 0; i < trace->count; i++)
        trace->frames[i] = frames[count - 1 - i];
}

__attribute__((noinline)) void *wf_trace_block_get(struct weft_loop *here, enum block_class *class)
{
    enum block_class traced = *class == BLOCK_TASK ? BLOCK_TASK_TRACED : BLOCK_SMALL_TRACED;
    void *memory = block_get(here ? &here->blocks : NULL, traced);

    if (memory) {
        *class = traced;
        trace_fill((struct trace *)(uintptr_t)trace_in(memory, traced), __builtin_frame_address(0));
    }
    return memory;
}

int wf_trace_copy(const struct trace *trace, void **frames, int max)
{
    int count = trace ? trace->count : 0, skip = count > max ? count - max : 0;

    for (int i = skip; i < count; i++)
        frames[i - skip] = trace->frames[i];
    return count - skip;
}

int weft_future_get_source_traceback(const weft_future *future, void **frames, int max)
{
    if (!future || !frames || max < 0)
        return -EINVAL;
    return wf_trace_copy(trace_in(future, (enum block_class)future->block), frames, max);
}
