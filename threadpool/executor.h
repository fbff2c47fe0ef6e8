/*
 * executor.h - pools as the users know them: with references, and a default one for each runtime.
 */
#ifndef WEFT_THREADPOOL_EXECUTOR_H
#define WEFT_THREADPOOL_EXECUTOR_H

#include <weft/thread.h>

#include "runtime/sched/runtime.h"
#include "threadpool/lane.h"
#include "threadpool/pool.h"

struct weft_executor {
    struct pool *pool;
    _Atomic uint32_t refs; /* the owner's, one for each call under way, and one for each home that
                              it ever was the default one of; any thread, by RMW */
    weft_when_full when_full;
    struct lane lane; /* look-ups of names, which get half of the threads */
};

void wf_executor_ref(weft_executor *executor);
void wf_executor_unref(weft_executor *executor);

/* The default one of the loop's runtime, made at the first use; borrowed, and there as long as the
 * loop is. NULL with errno. Any thread. */
weft_executor *wf_executor_default(struct weft_loop *loop);

/* From here on the loop's runtime has no other default executor than the one returned, or none. Any
 * thread. */
weft_executor *wf_executor_seal(struct weft_loop *loop);

/* Running functions that a warning names. */
#define EXECUTOR_LEFTOVERS 8u

/* Writes that these functions are still running, as a warning of the loop. */
void wf_executor_warn(struct weft_loop *loop, const struct pool_leftover *leftovers,
                      unsigned count);

#endif
