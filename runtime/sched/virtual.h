/*
 * virtual.h - what a loop on a virtual clock does when it is stuck.
 */
#ifndef WEFT_RUNTIME_SCHED_VIRTUAL_H
#define WEFT_RUNTIME_SCHED_VIRTUAL_H

#include "runtime/sched/loop.h"

/* Nothing is ready, and the loop itself will bring no more: next_ns is its next timer's time. */
static inline bool wf_loop_is_stuck(struct weft_loop *loop, int64_t next_ns)
{
    return next_ns == CLOCK_NEVER && !loop->external && !inbox_has_mail(&loop->inbox);
}

/* Calls the idle callback. True if that changed something: there is no need to wait. */
bool wf_loop_call_idle(struct weft_loop *loop);

#endif
