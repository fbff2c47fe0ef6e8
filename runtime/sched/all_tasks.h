/*
 * all_tasks.h - questions of other threads about a loop's tasks (all_tasks.c).
 */
#ifndef WEFT_RUNTIME_SCHED_ALL_TASKS_H
#define WEFT_RUNTIME_SCHED_ALL_TASKS_H

#include "runtime/sched/loop.h"

/* The run of such mail. It does not wait in the ready queue, which may not be run for long. */
void wf_all_tasks_answer(struct runnable *r, struct weft_loop *loop);

#endif
