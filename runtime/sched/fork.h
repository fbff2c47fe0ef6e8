/*
 * fork.h - what a forked child inherits (see fork.c).
 */
#ifndef WEFT_RUNTIME_SCHED_FORK_H
#define WEFT_RUNTIME_SCHED_FORK_H

/* From now on, forks are prepared for. Before the first loop is made. */
void wf_fork_watch(void);

/* The list of loops that nobody uses (loop_make.c). */
void wf_loop_memory_lock(void);
void wf_loop_memory_unlock(void);

/* In the child, locked: threads that were looking at them are not there. */
void wf_loop_memory_forget(void);

/* The calling thread runs no loop, and none is set for it (current.c). */
void wf_loop_forget(void);

#endif
