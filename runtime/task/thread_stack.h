/*
 * thread_stack.h - the bounds of the calling thread's own stack, for walks of its frames.
 */
#ifndef WEFT_RUNTIME_TASK_THREAD_STACK_H
#define WEFT_RUNTIME_TASK_THREAD_STACK_H

#include <stdbool.h>
#include <stdint.h>

/* False: unknown. The first call in a thread asks libc, which may read a file; later ones remember. */
bool wf_thread_stack(uintptr_t *ret_low, uintptr_t *ret_high);

#endif
