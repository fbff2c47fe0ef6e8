/*
 * yield.c - tasks that do nothing but let each other run: the price of a switch with its
 * scheduling.
 *
 * n yields in all, shared by 2 tasks (everything stays in the first-level cache) or by 1,000 (their
 * stacks do not). One operation is one yield.
 */
#include "bench/workloads/sampler.h"
#include "bench/workloads/workloads.h"

enum { TASKS_MAX = 1000 };

static int yield_often(void *arg, void **result)
{
    (void)result;
    uint64_t yields = *(const uint64_t *)arg;
    for (uint64_t i = 0; i < yields; i++)
        require(weft_yield() == 0);
    return 0;
}

static void yield_in_turn(uint64_t n, void *arg)
{
    uint64_t tasks = *(const uint64_t *)arg;
    uint64_t yields = n / tasks;
    weft_task *yielders[TASKS_MAX];

    for (uint64_t i = 0; i < tasks; i++) {
        yielders[i] = weft_create_task(yield_often, &yields, NULL);
        require(yielders[i]);
    }
    for (uint64_t i = 0; i < tasks; i++)
        require(weft_join(yielders[i], NULL) == 0);
}

static int yield_main(void *arg, void **result)
{
    (void)arg;
    (void)result;
    uint64_t few = 2, many = TASKS_MAX;
    sample_ns("yield", "2tasks", yield_in_turn, &few);
    sample_ns("yield", "1000tasks", yield_in_turn, &many);
    return 0;
}

void workload_yield(void)
{
    in_runtime(1, yield_main, NULL);
}
