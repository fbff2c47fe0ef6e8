/*
 * awaiters.h - who awaits a future, as its waiters tell.
 */
#ifndef WEFT_RUNTIME_SCHED_AWAITERS_H
#define WEFT_RUNTIME_SCHED_AWAITERS_H

#include "runtime/sched/future_ops.h"

/* Gets each awaiter, which is there for as long as the call lasts. May not use the future. */
typedef void (*awaiter_fn)(struct weft_future *awaiter, void *arg);

/* Tells of those that wait from elsewhere; before that, where the caller has the future's loop, of
 * those that wait there. */
void wf_awaiters_visit(struct weft_future *f, bool at_home, awaiter_fn fn, void *arg);

#endif
