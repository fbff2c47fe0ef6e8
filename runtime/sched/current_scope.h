/*
 * current_scope.h - in which context code runs: a task in its own, everything else in the thread's,
 * whose contents a callback replaces with its own for as long as it runs.
 */
#ifndef WEFT_RUNTIME_SCHED_CURRENT_SCOPE_H
#define WEFT_RUNTIME_SCHED_CURRENT_SCOPE_H

#include "runtime/sched/loop.h"

/* In the thread that runs `here` (which may be NULL). */
static inline struct scope *scope_current_at(struct weft_loop *here)
{
    return likely(here != NULL) && likely(here->current != NULL) ? &here->current->scope
                                                                 : &wf_scope_thread;
}

static inline struct scope *scope_current(void)
{
    return scope_current_at(loop_current());
}

#endif
