/*
 * executor.c - executors: made, shut down, given back; and the default one of a runtime.
 */
#include "threadpool/executor.h"

#include <errno.h>
#include <stdio.h>

#include "runtime/sched/report.h"
#include "runtime/sched/runner.h"

#define QUEUE_MAX     4096u
#define LEFTOVERS_MAX 8u

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
    atomic_init(&executor->shut_down, false);
    executor->when_full = options->when_full;
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
    mem_free(executor, sizeof(*executor));
}

int weft_executor_shutdown(weft_executor *executor, double wait_timeout, int cancel_queued)
{
    if (!executor || isnan(wait_timeout))
        return -EINVAL;
    atomic_store_explicit(&executor->shut_down, true, memory_order_relaxed); /* the pool decides */
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

void wf_executor_warn(struct weft_loop *loop, const struct pool_leftover *leftovers, unsigned count)
{
    char text[512];
    int length =
        snprintf(text, sizeof(text), "The thread pool did not finish in time; still running:");
    for (unsigned i = 0;
         i < count && i < LEFTOVERS_MAX && length > 0 && (size_t)length < sizeof(text); i++)
        length +=
            snprintf(text + length, sizeof(text) - (size_t)length, " %p", leftovers[i].name_of);
    wf_report(loop, text, 0, NULL, NULL, NULL);
}

/* The runner closes its runtime: the loops still run, but no task is left. */
static void default_close(struct runtime *runtime, int64_t deadline_ns)
{
    /* Acquire, with the exchange that made it the default. */
    weft_executor *executor = atomic_exchange_explicit(&runtime->pool, NULL, memory_order_acquire);
    if (!executor)
        return;
    struct pool_leftover leftovers[LEFTOVERS_MAX];
    unsigned count = 0;
    if (wf_pool_close(executor->pool, deadline_ns, false, leftovers, LEFTOVERS_MAX, &count) ==
        -ETIMEDOUT)
        wf_executor_warn(atomic_load_explicit(&runtime->loops[0], memory_order_acquire), leftovers,
                         count);
    wf_executor_unref(executor);
}

/* A loop with a runtime of its own is closing. */
static void default_drop(struct runtime *runtime)
{
    weft_executor *executor = atomic_exchange_explicit(&runtime->pool, NULL, memory_order_acquire);
    if (!executor)
        return;
    weft_executor_shutdown(executor, 0, 0);
    wf_executor_unref(executor);
}

static const struct runtime_pool_ops default_ops = {.close = default_close, .drop = default_drop};

weft_executor *wf_executor_default(struct runtime *runtime)
{
    /* Acquire, with the exchange below, in whichever thread made it. */
    weft_executor *executor = atomic_load_explicit(&runtime->pool, memory_order_acquire);
    if (executor)
        return executor;
    const weft_runner_options *settings = wf_runtime_options(runtime);
    weft_executor_options options = {0};
    if (settings) {
        options.max_threads = settings->max_threads;
        options.queue_max = settings->pool_queue;
    }
    executor = weft_executor_new(&options);
    if (!executor)
        return NULL;
    atomic_store_explicit(&runtime->pool_ops, &default_ops, memory_order_release);
    void *other = NULL;
    if (atomic_compare_exchange_strong_explicit(&runtime->pool, &other, executor,
                                                memory_order_acq_rel, memory_order_acquire))
        return executor;
    weft_executor_free(executor); /* another loop was first */
    return other;
}

int weft_loop_set_default_executor(weft_loop *loop, weft_executor *executor)
{
    if (!loop || !executor)
        return -EINVAL;
    struct runtime *runtime = wf_runtime_of(loop);
    if (!runtime)
        return -ENOMEM;
    wf_executor_ref(executor);
    atomic_store_explicit(&runtime->pool_ops, &default_ops, memory_order_release);
    weft_executor *old = atomic_exchange_explicit(&runtime->pool, executor, memory_order_acq_rel);
    if (old)
        wf_executor_unref(old);
    return 0;
}

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

static int shutdown_expired(void *future)
{
    weft_cancel(future);
    return 0;
}

int weft_loop_shutdown_default_executor(weft_loop *loop, double timeout)
{
    if (!loop || isnan(timeout))
        return -EINVAL;
    weft_executor *executor =
        loop->runtime ? atomic_load_explicit(&loop->runtime->pool, memory_order_acquire) : NULL;
    if (!executor)
        return 0; /* EXEC-17 */
    atomic_store_explicit(&executor->shut_down, true, memory_order_relaxed);
    struct shutdown *shutdown = mem_alloc(sizeof(*shutdown));
    weft_future *ended = shutdown ? weft_future_new(NULL) : NULL;
    if (!ended) {
        mem_free(shutdown, sizeof(*shutdown));
        return -ENOMEM;
    }
    *shutdown = (struct shutdown){.closing.ended = shutdown_ended, .ended = weft_ref(ended)};
    wf_executor_ref(executor);
    int rc = 0;
    if (wf_pool_close_start(executor->pool, false, &shutdown->closing) == 1) {
        weft_unref(shutdown->ended);
        mem_free(shutdown, sizeof(*shutdown));
    } else {
        weft_handle *timer = NULL;
        if (timeout != WEFT_FOREVER)
            rc = weft_call_later(loop, timeout, shutdown_expired, ended, &timer);
        if (!rc)
            rc = weft_await(ended, NULL);
        weft_handle_cancel(timer);
        weft_handle_unref(timer);
        if (rc && wf_pool_close_forget(executor->pool, &shutdown->closing)) {
            weft_unref(shutdown->ended);
            mem_free(shutdown, sizeof(*shutdown));
        }
    }
    struct pool_leftover leftovers[LEFTOVERS_MAX];
    unsigned count = 0;
    if (!rc) {
        (void)wf_pool_close(executor->pool, CLOCK_NEVER, false, NULL, 0, NULL);  /* joins them */
    } else if (rc == WEFT_ECANCELLED && !weft_cancelling(weft_current_task())) { /* EXEC-16 */
        if (wf_pool_close(executor->pool, 0, false, leftovers, LEFTOVERS_MAX, &count) == -ETIMEDOUT)
            wf_executor_warn(loop, leftovers, count);
        rc = 0;
    }
    wf_executor_unref(executor);
    weft_unref(ended);
    return rc;
}
