/*
 * spawn_join.c - tasks that return what they were given: the price of a task from start to join.
 *
 * seq starts one and awaits it before the next; batch1000 starts a thousand, then awaits them all.
 * The *_eager rows are the same with eager_start: the task runs inside the call that makes it. One
 * operation is one task.
 */
#include "bench/workloads/sampler.h"
#include "bench/workloads/workloads.h"

enum { BATCH = 1000 };

static int give_back(void *arg, void **result)
{
    *result = arg;
    return 0;
}

static void one_after_the_other(uint64_t n, void *options)
{
    uint64_t sum = 0;
    for (uint64_t i = 0; i < n; i++) {
        void *given = NULL;
        weft_task *task = weft_create_task(give_back, (void *)(uintptr_t)i, options);
        require(weft_join(task, &given) == 0);
        sum += (uintptr_t)given;
    }
    require(sum == n * (n - 1) / 2);
}

static void in_batches(uint64_t n, void *options)
{
    weft_task *tasks[BATCH];
    for (uint64_t batch = 0; batch < n / BATCH; batch++) {
        uint64_t sum = 0;
        for (uintptr_t i = 0; i < BATCH; i++)
            tasks[i] = weft_create_task(give_back, (void *)i, options);
        for (int i = 0; i < BATCH; i++) {
            void *given = NULL;
            require(weft_join(tasks[i], &given) == 0);
            sum += (uintptr_t)given;
        }
        require(sum == BATCH * (BATCH - 1) / 2);
    }
}

static int spawn_join_main(void *arg, void **result)
{
    (void)arg;
    (void)result;
    weft_task_options eager = {.eager_start = 1};
    sample_ns("spawn_join", "seq", one_after_the_other, NULL);
    sample_ns("spawn_join", "batch1000", in_batches, NULL);
    sample_ns("spawn_join", "seq_eager", one_after_the_other, &eager);
    sample_ns("spawn_join", "batch1000_eager", in_batches, &eager);
    return 0;
}

void workload_spawn_join(void)
{
    in_runtime(1, spawn_join_main, NULL);
}
