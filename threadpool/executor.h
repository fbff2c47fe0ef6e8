/*
 * executor.h - pools as the users know them: with references, and a default one for each runtime.
 */
#ifndef WEFT_THREADPOOL_EXECUTOR_H
#define WEFT_THREADPOOL_EXECUTOR_H

#include <weft/thread.h>

#include "runtime/sched/runtime.h"
#include "threadpool/pool.h"

struct weft_executor {
    struct pool *pool;
    _Atomic uint32_t refs;  /* the owner's, and one for each call under way; any thread, by RMW */
    _Atomic bool shut_down; /* the default executor was shut down: it stays so */
    weft_when_full when_full;
};

void wf_executor_ref(weft_executor *executor);
void wf_executor_unref(weft_executor *executor);

/* The runtime's executor, made at the first use; borrowed. NULL with errno. Any loop of the
 * runtime. */
weft_executor *wf_executor_default(struct runtime *runtime);

/* Writes that these functions are still running, as a warning of the loop. */
void wf_executor_warn(struct weft_loop *loop, const struct pool_leftover *leftovers,
                      unsigned count);

#endif
