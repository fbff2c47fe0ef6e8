/*
 * idle_wait.h - what a loop does with nothing to do.
 */
#ifndef WEFT_RUNTIME_SCHED_IDLE_WAIT_H
#define WEFT_RUNTIME_SCHED_IDLE_WAIT_H

#include "runtime/sched/loop.h"

/* Waits until there is mail, a ready descriptor, spawned work, or the time (CLOCK_NEVER: no limit)
 * has come. */
void wf_idle_wait(struct weft_loop *loop, int64_t until_ns);

/* Visits the poller (loop.c); all: see poller_news. */
void wf_loop_poll(struct weft_loop *loop, int64_t timeout_ns, bool all);

#endif
