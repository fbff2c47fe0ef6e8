/*
 * executor_shutdown.c - a task shuts its loop's default executor down, and the loop goes on
 * meanwhile.
 */
#include <errno.h>
#include <math.h>

#include "runtime/sched/future_ops.h"
#include "threadpool/executor.h"

/* The pool's last thread has ended. */
struct shutdown {
    struct pool_closing closing;
    struct weft_future *ended; /* a concurrent future; a reference */
};

static void shutdown_ended(struct pool_closing *closing)
{
    struct shutdown *shutdown = container_of(closing, struct shutdown, closing);
    weft_future *ended = shutdown->ended;
    mem_free(shutdown, sizeof(*shutdown));
    (void)weft_future_set_result(ended, NULL);
    weft_unref(ended);
}

/* In the frame of the task that waits. */
struct shutdown_limit {
    weft_future *ended;
    bool reached;
};

static int shutdown_expired(void *arg)
{
    struct shutdown_limit *limit = arg;
    limit->reached = true;
    weft_cancel(limit->ended);
    return 0;
}

int weft_loop_shutdown_default_executor(weft_loop *loop, double timeout)
{
    if (!loop || isnan(timeout))
        return -EINVAL;
    weft_executor *executor = wf_executor_seal(loop);
    if (!executor)
        return 0; /* EXEC-17 */
    struct shutdown *shutdown = mem_alloc(sizeof(*shutdown));
    weft_future *ended = shutdown ? weft_future_new(NULL) : NULL;
    if (!ended) {
        mem_free(shutdown, sizeof(*shutdown));
        return -ENOMEM;
    }
    *shutdown = (struct shutdown){.closing.ended = shutdown_ended, .ended = weft_ref(ended)};
    struct shutdown_limit limit = {.ended = ended};
    int cancelling = weft_cancelling(weft_current_task());
    wf_executor_ref(executor);
    int rc = 0;
    if (wf_pool_close_start(executor->pool, false, &shutdown->closing) == 1) {
        weft_unref(shutdown->ended);
        mem_free(shutdown, sizeof(*shutdown));
    } else {
        weft_handle *timer = NULL;
        if (timeout != WEFT_FOREVER)
            rc = weft_call_later(loop, timeout, shutdown_expired, &limit, &timer);
        if (!rc)
            rc = weft_await(ended, NULL);
        weft_handle_cancel(timer);
        weft_handle_unref(timer);
        if (rc && wf_pool_close_forget(executor->pool, &shutdown->closing)) {
            weft_unref(shutdown->ended);
            mem_free(shutdown, sizeof(*shutdown));
        }
    }
    struct pool_leftover leftovers[EXECUTOR_LEFTOVERS];
    unsigned count = 0;
    if (!rc) {
        (void)wf_pool_close(executor->pool, CLOCK_NEVER, false, NULL, 0, NULL); /* joins them */
    } else if (rc == WEFT_ECANCELLED && limit.reached &&
               weft_cancelling(weft_current_task()) <= cancelling) { /* EXEC-16 */
        if (wf_pool_close(executor->pool, 0, false, leftovers, EXECUTOR_LEFTOVERS, &count) ==
            -ETIMEDOUT)
            wf_executor_warn(loop, leftovers, count);
        rc = 0;
    }
    wf_executor_unref(executor);
    weft_unref(ended);
    return rc;
}
