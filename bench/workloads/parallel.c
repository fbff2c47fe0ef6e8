/*
 * parallel.c - uneven work over two loops: how well stealing keeps both busy.
 *
 * One task spawns 2,000; the even ones compute for 200 us, the odd ones for 1 us. Whoever shares
 * them by number gives one loop all the work. Two CPUs need 100.5 ms at best.
 */
#include "bench/workloads/sampler.h"
#include "bench/workloads/workloads.h"

enum {
    TASKS = 2000,
    LONG_NS = 200000,
    SHORT_NS = 1000,
};

static int spin(void *arg, void **result)
{
    int64_t end = now_ns() + (intptr_t)arg;
    while (now_ns() < end) {
    }
    *result = arg;
    return 0;
}

static void spin_all(void *arg)
{
    (void)arg;
    weft_task *tasks[TASKS];
    for (int i = 0; i < TASKS; i++) {
        tasks[i] = weft_spawn(spin, (void *)(intptr_t)(i % 2 ? SHORT_NS : LONG_NS), NULL);
        require(tasks[i]);
    }
    int64_t sum_ns = 0;
    for (int i = 0; i < TASKS; i++) {
        void *spun = NULL;
        require(weft_join(tasks[i], &spun) == 0);
        sum_ns += (intptr_t)spun;
    }
    require(sum_ns == (int64_t)TASKS / 2 * (LONG_NS + SHORT_NS));
}

static int parallel_main(void *arg, void **result)
{
    (void)arg;
    (void)result;
    sample_ms("parallel", "2t", spin_all, NULL);
    return 0;
}

void workload_parallel(void)
{
    in_runtime(2, parallel_main, NULL);
}
