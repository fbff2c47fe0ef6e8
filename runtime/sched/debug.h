/*
 * debug.h - debug mode: each step is timed, and what is made records where.
 */
#ifndef WEFT_RUNTIME_SCHED_DEBUG_H
#define WEFT_RUNTIME_SCHED_DEBUG_H

#include "runtime/sched/loop.h"

/* Of a loop that is being made. */
void wf_debug_init(struct weft_loop *loop, bool on);

/* A turn has begun, in debug mode or for the first time after it. */
void wf_debug_turn(struct weft_loop *loop);

/* Whether there is a step of a split turn; takes it, in the loop's own flow. */
static inline bool debug_has_step(const struct weft_loop *loop)
{
    return loop->split_end > loop->ready.steps;
}

void wf_debug_step(struct weft_loop *loop);

#endif
