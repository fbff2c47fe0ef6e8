/*
 * offload.c - empty functions in the thread pool, from a task of the one loop.
 *
 * seq awaits each before the next; batch1000 has a thousand in flight; idle lets the loop and the
 * pool's thread sleep before each. One operation is one call.
 */
#include "bench/workloads/idle.h"
#include "bench/workloads/sampler.h"
#include "bench/workloads/workloads.h"

enum { BATCH = 1000 };

static int give_back(void *arg, void **result)
{
    *result = arg;
    return 0;
}

static void one_after_the_other(uint64_t n, void *arg)
{
    (void)arg;
    for (uint64_t i = 0; i < n; i++) {
        void *given = NULL;
        require(weft_join(weft_to_thread(give_back, (void *)(uintptr_t)i), &given) == 0);
        require((uintptr_t)given == i);
    }
}

static void in_batches(uint64_t n, void *arg)
{
    (void)arg;
    weft_future *calls[BATCH];
    for (uint64_t batch = 0; batch < n / BATCH; batch++) {
        uint64_t sum = 0;
        for (uintptr_t i = 0; i < BATCH; i++)
            calls[i] = weft_to_thread(give_back, (void *)i);
        for (int i = 0; i < BATCH; i++) {
            void *given = NULL;
            require(weft_join(calls[i], &given) == 0);
            sum += (uintptr_t)given;
        }
        require(sum == BATCH * (BATCH - 1) / 2);
    }
}

static void one_call(void *arg)
{
    (void)arg;
    one_after_the_other(1, NULL);
}

static int offload_main(void *arg, void **result)
{
    (void)arg;
    (void)result;
    sample_ns("offload", "seq", one_after_the_other, NULL);
    sample_ns("offload", "batch1000", in_batches, NULL);
    sample_idle_ns("offload", "idle", idle_task, one_call, NULL);
    return 0;
}

void workload_offload(void)
{
    in_runtime(1, offload_main, NULL);
}
