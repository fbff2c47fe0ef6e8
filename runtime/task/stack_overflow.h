/*
 * stack_overflow.h - a task that runs into the guard below its stack ends the process with a
 * message that names it (see stack_overflow.c).
 */
#ifndef WEFT_RUNTIME_TASK_STACK_OVERFLOW_H
#define WEFT_RUNTIME_TASK_STACK_OVERFLOW_H

#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>

/* A thread's alternate signal stack, in the caller's storage. */
struct overflow_thread {
    void *base; /* of the mapping; NULL: the thread had an alternate stack that will do */
    size_t bytes;
    stack_t old;
};

/*
 * Makes the calling thread ready to report overflows of the stacks it will run: gives it an
 * alternate signal stack and, once for the process, installs the handler. 0, or a negative error
 * with nothing changed for the thread.
 */
int wf_overflow_thread_init(struct overflow_thread *thread);

/* Around a fork: no other thread is installing the handler while it happens. */
void wf_overflow_lock(void);
void wf_overflow_unlock(void);

/* Undoes it, on the same thread, off the alternate stack. The handler stays. */
void wf_overflow_thread_fini(struct overflow_thread *thread);

/*
 * Names the owner of a stack (stack->owner, not NULL), or answers NULL where it has no name. Set by
 * the layer that owns stacks, before it hands any out; called in the signal handler, so it must be
 * async-signal-safe, and the owner may be in any state.
 */
extern _Atomic(const char *(*)(void *owner)) wf_stack_owner_name;

#endif
