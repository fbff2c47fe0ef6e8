/*
 * trace.h - where futures, tasks and handles were made: the creation stacks of debug mode (DBG-07).
 *
 * A traced block is a larger one: its trace lies behind what it was made for, and goes with it. So
 * nothing is looked up, and outside debug mode nothing is there.
 */
#ifndef WEFT_RUNTIME_SCHED_TRACE_H
#define WEFT_RUNTIME_SCHED_TRACE_H

#include "runtime/base/likely.h"
#include "runtime/sched/loop.h"

#define TRACE_FRAMES 10

struct trace {
    int count;
    void *frames[TRACE_FRAMES]; /* the oldest call first */
};
_Static_assert(sizeof(struct trace) <= BLOCK_TRACE_BYTES, "there is room for a trace");

/* A block of the class with a trace of the caller's caller; *class becomes what it is. Or NULL. */
void *wf_trace_block_get(struct weft_loop *here, enum block_class *class);

/* A block for what belongs to the loop `home` (which may be NULL), traced in its debug mode. */
static inline void *trace_block_get(struct weft_loop *here, const struct weft_loop *home,
                                    enum block_class *class)
{
    if (home && unlikely(loop_is_debug(home)))
        return wf_trace_block_get(here, class);
    return block_get(here ? &here->blocks : NULL, *class);
}

/* The trace of what was made from a block, or NULL. */
static inline const struct trace *trace_in(const void *memory, enum block_class class)
{
    if (class != BLOCK_SMALL_TRACED && class != BLOCK_TASK_TRACED)
        return NULL;
    return (const struct trace *)(const void *)((const char *)memory + block_bytes(class) -
                                                BLOCK_TRACE_BYTES);
}

/* Copies at most max frames, the latest ones, the oldest of them first. Returns how many. */
int wf_trace_copy(const struct trace *trace, void **frames, int max);

#endif
