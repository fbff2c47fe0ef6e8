/*
 * mem.c - very many tasks that sleep until one common instant: their memory, and their start and
 * end.
 *
 * rss: the growth of the resident set's peak, a task; it counts the runtime, the array of handles
 * and every page of a stack that was touched. spawn: from the start until every task has run up to
 * its sleep. wake_join: from the common instant until all have been joined. One sample a process.
 */
#include <stdio.h>
#include <stdlib.h>

#include "bench/workloads/sampler.h"
#include "bench/workloads/workloads.h"

struct crowd {
    uint64_t tasks;
    uint64_t sleep_ms;
    double before_bytes;
    int64_t instant; /* when all wake */
};

static int sleep_until_instant(void *arg, void **result)
{
    (void)result;
    const struct crowd *crowd = arg;
    require(weft_sleep((double)(crowd->instant - now_ns()) / 1e9) == 0);
    return 0;
}

static void print(const struct crowd *crowd, const char *figure, double value, const char *unit)
{
    char variant[64];
    snprintf(variant, sizeof(variant), "%lluk.%s", (unsigned long long)crowd->tasks / 1000, figure);
    sample_print("mem", variant, value / (double)crowd->tasks, unit);
}

static int mem_main(void *arg, void **result)
{
    (void)result;
    struct crowd *crowd = arg;
    int64_t start = now_ns();
    crowd->instant = start + (int64_t)crowd->sleep_ms * (NS_PER_SECOND / 1000);

    weft_task **sleepers = malloc(crowd->tasks * sizeof(weft_task *));
    require(sleepers);
    for (uint64_t i = 0; i < crowd->tasks; i++) {
        sleepers[i] = weft_create_task(sleep_until_instant, crowd, NULL);
        require(sleepers[i]);
    }
    require(weft_yield() == 0); /* returns when each has run up to its sleep */
    int64_t spawned = now_ns();
    for (uint64_t i = 0; i < crowd->tasks; i++)
        require(weft_join(sleepers[i], NULL) == 0);
    int64_t end = now_ns();
    free(sleepers);

    require(end >= crowd->instant);
    if (spawned > crowd->instant)
        fprintf(stderr, "the tasks were started later than they were to wake\n");
    print(crowd, "rss", resident_peak_bytes() - crowd->before_bytes, "B/task");
    print(crowd, "spawn", (double)(spawned - start), "ns");
    print(crowd, "wake_join", (double)(end - crowd->instant), "ns");
    return 0;
}

void workload_mem(uint64_t tasks, uint64_t sleep_ms)
{
    struct crowd crowd = {.tasks = tasks, .sleep_ms = sleep_ms, .before_bytes = resident_bytes()};
    in_runtime(1, mem_main, &crowd);
}
