/*
 * unwind.h - the return addresses of a suspended flow.
 */
#ifndef WEFT_RUNTIME_TASK_UNWIND_H
#define WEFT_RUNTIME_TASK_UNWIND_H

#include "runtime/task/switch.h"

/*
 * The addresses that the calls from the frame outwards return to, newest first, at most max. The
 * frame is of a running flow on this stack; one that is not gives none. Returns how many.
 */
int wf_unwind_from(const void *frame, const struct stack *stack, void **frames, int max);

/* The same for a frame on any stack with these bounds. Async-signal-safe, as is the one before. */
int wf_unwind_between(const void *frame, uintptr_t low, uintptr_t high, void **frames, int max);

/* At most max addresses, newest first, by frame pointers, from inside this stack only. Returns how
 * many. */
int wf_unwind(const struct context *context, const struct stack *stack, void **frames, int max);

#endif
