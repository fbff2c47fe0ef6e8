/*
 * scheduler.h - the steps of tasks, for the loop and for those who make tasks. All on the loop's
 * thread.
 */
#ifndef WEFT_RUNTIME_SCHED_SCHEDULER_H
#define WEFT_RUNTIME_SCHED_SCHEDULER_H

#include "runtime/park.h"

/* A task.ready's run: continues a suspended task; makes a new one's first step. */
void wf_task_step(struct runnable *r, struct weft_loop *loop);
void wf_task_start(struct runnable *r, struct weft_loop *loop);

/* Makes a new task's first step now, up to its first suspension. False: no memory for a stack, or nobody runs the
 * loop. */
bool wf_task_start_eager(struct weft_loop *loop, struct task *task);

/* A timer that a task sleeps on. */
struct task_timer {
    struct loop_timer loop_timer; /* fire.run is wf_timer_wake */
    struct task *task;            /* NULL: somebody has made it ready */
};
_Static_assert(sizeof(struct task_timer) <= BLOCK_LINE_BYTES, "a sleeper's timer is a line");

/* Makes the sleeper ready, unless somebody did. */
void wf_timer_wake(struct runnable *r, struct weft_loop *loop);

#endif
