/*
 * loop_life.h - a loop from its making to its end: for the runner, and among the files that do it.
 */
#ifndef WEFT_RUNTIME_SCHED_LOOP_LIFE_H
#define WEFT_RUNTIME_SCHED_LOOP_LIFE_H

#include "runtime/sched/loop.h"

/* The first of all loops, by next_made; read by debuggers alone. */
extern struct weft_loop *wf_loops_made;

/* Makes a loop that is not running. 0 or -errno. (loop_make.c) */
int wf_loop_make(const weft_loop_options *options, struct weft_loop **ret_loop);

/* What is left of the loop's range of task numbers goes back if nobody took numbers after it: runs
 * in a row count on. (loop_make.c) */
void wf_loop_return_numbers(struct weft_loop *loop);

/* The memory of a closed loop is there for another one. (loop_make.c) */
void wf_loop_give_memory(struct weft_loop *loop);

/*
 * Closing, in two steps, between which others may be done with a set of loops: it is taken, and
 * refuses work from here on; what it has is dropped, and it is given up. Begin is false if the loop
 * is in use. A loop that is closed already goes through both and keeps what it was. (loop_close.c)
 */
bool wf_loop_close_begin(struct weft_loop *loop);
void wf_loop_close_end(struct weft_loop *loop);

/* Runs it in the calling thread until it is stopped. As weft_loop_run_forever(). (loop.c) */
int wf_loop_run(struct weft_loop *loop);

#endif
