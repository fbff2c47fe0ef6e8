/*
 * unwind.h - the return addresses of a suspended flow.
 */
#ifndef WEFT_RUNTIME_TASK_UNWIND_H
#define WEFT_RUNTIME_TASK_UNWIND_H

#include "runtime/task/switch.h"

/* At most max addresses, newest first, by frame pointers, from inside this stack only. Returns how
 * many. */
int wf_unwind(const struct context *context, const struct stack *stack, void **frames, int max);

#endif
