/*
 * executor.c - executors: made, shut down, given back.
 */
#include "threadpool/executor.h"

#include <errno.h>
#include <math.h>

#include "runtime/base/clock.h"
#include "runtime/base/mem.h"

#define QUEUE_MAX 4096u

weft_executor *weft_executor_new(const weft_executor_options *options)
{
    weft_executor_options defaults = {0};
    if (!options)
        options = &defaults;
    if (options->max_threads < 0 || !(options->idle_timeout >= 0) ||
        (options->when_full != WEFT_FULL_WAIT && options->when_full != WEFT_FULL_FAIL)) {
        errno = EINVAL;
        return NULL;
    }
    weft_executor *executor = mem_alloc(sizeof(*executor));
    if (!executor) {
        errno = ENOMEM;
        return NULL;
    }
    size_t queue_max = options->queue_max ? options->queue_max : QUEUE_MAX;
    struct pool_options pool_options = {
        .max_threads = options->max_threads,
        .queue_max = queue_max > UINT32_MAX ? UINT32_MAX : (unsigned)queue_max,
        .idle_timeout_ns = clock_ns(options->idle_timeout),
    };
    int rc = wf_pool_new(&executor->pool, &pool_options);
    if (rc) {
        mem_free(executor, sizeof(*executor));
        errno = -rc;
        return NULL;
    }
    atomic_init(&executor->refs, 1);
    executor->when_full = options->when_full;
    wf_lane_init(&executor->lane,
                 options->max_threads ? options->max_threads : wf_pool_default_threads());
    return executor;
}

void wf_executor_ref(weft_executor *executor)
{
    atomic_fetch_add_explicit(&executor->refs, 1,
                              memory_order_relaxed); /* the caller knows of one */
}

void wf_executor_unref(weft_executor *executor)
{
    /* Release: our uses come before the free. Acquire: so do everybody's. */
    if (atomic_fetch_sub_explicit(&executor->refs, 1, memory_order_acq_rel) != 1)
        return;
    wf_pool_free(executor->pool);
    wf_lane_fini(&executor->lane);
    mem_free(executor, sizeof(*executor));
}

int weft_executor_shutdown(weft_executor *executor, double wait_timeout, int cancel_queued)
{
    if (!executor || isnan(wait_timeout))
        return -EINVAL;
    if (wait_timeout <= 0) {
        wf_pool_close_start(executor->pool, cancel_queued != 0, NULL);
        return 0;
    }
    int64_t deadline_ns = clock_add_ns(clock_now_ns(), clock_ns(wait_timeout));
    return wf_pool_close(executor->pool, deadline_ns, cancel_queued != 0, NULL, 0, NULL);
}

void weft_executor_free(weft_executor *executor)
{
    if (!executor)
        return;
    weft_executor_shutdown(executor, 0, 0);
    wf_executor_unref(executor);
}
