/*
 * gather.c - a thousand children gathered: the price of a child.
 *
 * ready1000 gathers futures that are done already. join1000 starts a thousand tasks that return what
 * they were given, and awaits the gather of them in place of each: what it costs over spawn_join's
 * batch1000 is the gather's. One operation is one child.
 */
#include "bench/workloads/sampler.h"
#include "bench/workloads/workloads.h"

enum { CHILDREN = 1000 };

static void gather_done(uint64_t n, void *arg)
{
    weft_future **futures = arg;
    for (uint64_t round = 0; round < n / CHILDREN; round++)
        require(weft_join(weft_gather(futures, CHILDREN, 0), NULL) == 0);
}

static int give_back(void *arg, void **result)
{
    *result = arg;
    return 0;
}

static void gather_tasks(uint64_t n, void *arg)
{
    weft_future **tasks = arg;
    for (uint64_t round = 0; round < n / CHILDREN; round++) {
        uint64_t sum = 0;
        for (uintptr_t i = 0; i < CHILDREN; i++)
            tasks[i] = weft_create_task(give_back, (void *)i, NULL);
        require(weft_join(weft_gather(tasks, CHILDREN, 0), NULL) == 0);
        for (int i = 0; i < CHILDREN; i++) {
            void *given = NULL;
            require(weft_join(tasks[i], &given) == 0);
            sum += (uintptr_t)given;
        }
        require(sum == CHILDREN * (CHILDREN - 1) / 2);
    }
}

static int gather_main(void *arg, void **result)
{
    static weft_future *futures[CHILDREN];
    (void)arg;
    (void)result;
    for (int i = 0; i < CHILDREN; i++) {
        futures[i] = weft_create_future();
        require(weft_future_set_result(futures[i], NULL) == 0);
    }
    sample_ns("gather", "ready1000", gather_done, futures);
    for (int i = 0; i < CHILDREN; i++)
        weft_unref(futures[i]);
    sample_ns("gather", "join1000", gather_tasks, futures);
    return 0;
}

void workload_gather(void)
{
    in_runtime(1, gather_main, NULL);
}
