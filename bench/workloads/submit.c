/*
 * submit.c - a thread that runs no loop hands tasks to one that runs in the background.
 *
 * throughput: n tasks that count, waiting only for the last, which is also the last to run.
 * roundtrip: one task, whose result the thread blocks for, before the next.
 * idle: the same, where the thread and the loop sleep before each. One operation is one task.
 */
#include "bench/workloads/idle.h"
#include "bench/workloads/sampler.h"
#include "bench/workloads/workloads.h"

static int count_up(void *arg, void **result)
{
    (void)result;
    ++*(uint64_t *)arg;
    return 0;
}

static void wait_for_the_last(uint64_t n, void *arg)
{
    uint64_t counted = 0; /* the loop's thread alone writes it, until the last task is done */
    weft_future *last = NULL;
    for (uint64_t i = 0; i < n; i++) {
        weft_unref(last);
        last = weft_run_coroutine_threadsafe(count_up, &counted, arg);
        require(last);
    }
    require(weft_future_wait(last, WEFT_FOREVER, NULL) == 0);
    weft_unref(last);
    require(counted == n);
}

static int give_back(void *arg, void **result)
{
    *result = arg;
    return 0;
}

static void wait_for_each(uint64_t n, void *arg)
{
    for (uint64_t i = 0; i < n; i++) {
        void *given = NULL;
        weft_future *future = weft_run_coroutine_threadsafe(give_back, (void *)(uintptr_t)i, arg);
        require(future);
        require(weft_future_wait(future, WEFT_FOREVER, &given) == 0);
        require((uintptr_t)given == i);
        weft_unref(future);
    }
}

static void one_task(void *arg)
{
    wait_for_each(1, arg);
}

void workload_submit(void)
{
    weft_runner runner;
    require(weft_runner_init(&runner, &(weft_runner_options){.loops = 1}) == 0);
    require(weft_runner_start(&runner) == 0);
    weft_loop *loop = weft_runner_get_loop(&runner);
    sample_ns("submit", "throughput", wait_for_the_last, loop);
    sample_ns("submit", "roundtrip", wait_for_each, loop);
    sample_idle_ns("submit", "idle", idle_thread, one_task, loop);
    require(weft_runner_close(&runner) == 0);
}
