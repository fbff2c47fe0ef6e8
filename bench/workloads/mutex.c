/*
 * mutex.c - a counter behind a lock. One operation is one lock and unlock.
 *
 * uncontended: one task, nobody else. handoff: 100 tasks of one loop, each of which yields while it
 * holds the lock, so that each release has somebody to wake. contended: 100 tasks, given to a
 * runtime with two loops.
 */
#include "bench/workloads/sampler.h"
#include "bench/workloads/workloads.h"

enum { TASKS = 100 };

struct counting {
    _Alignas(128) weft_lock lock;
    uint64_t counter;
    uint64_t rounds; /* of each task */
    bool yields;
};

static int count(void *arg, void **result)
{
    (void)result;
    struct counting *counting = arg;
    for (uint64_t i = 0; i < counting->rounds; i++) {
        require(weft_lock_acquire(&counting->lock) == 0);
        counting->counter++;
        if (counting->yields)
            require(weft_yield() == 0);
        require(weft_lock_release(&counting->lock) == 0);
    }
    return 0;
}

static void count_alone(uint64_t n, void *arg)
{
    (void)arg;
    struct counting counting = {.lock = WEFT_LOCK_INIT, .rounds = n};
    require(weft_join(weft_create_task(count, &counting, NULL), NULL) == 0);
    require(counting.counter == n);
}

static void count_together(uint64_t n, bool yields,
                           weft_task *(*start)(weft_coroutine fn, void *arg,
                                               const weft_task_options *options))
{
    struct counting counting = {.lock = WEFT_LOCK_INIT, .rounds = n / TASKS, .yields = yields};
    weft_task *tasks[TASKS];

    for (int i = 0; i < TASKS; i++) {
        tasks[i] = start(count, &counting, NULL);
        require(tasks[i]);
    }
    for (int i = 0; i < TASKS; i++)
        require(weft_join(tasks[i], NULL) == 0);
    require(counting.counter == n / TASKS * TASKS);
}

static void count_handing_over(uint64_t n, void *arg)
{
    (void)arg;
    count_together(n, true, weft_create_task);
}

static void count_contended(uint64_t n, void *arg)
{
    (void)arg;
    count_together(n, false, weft_spawn);
}

static int mutex_main_1(void *arg, void **result)
{
    (void)arg;
    (void)result;
    sample_ns("mutex", "uncontended", count_alone, NULL);
    sample_ns("mutex", "handoff", count_handing_over, NULL);
    return 0;
}

static int mutex_main_2(void *arg, void **result)
{
    (void)arg;
    (void)result;
    sample_ns("mutex", "contended", count_contended, NULL);
    return 0;
}

void workload_mutex_1(void)
{
    in_runtime(1, mutex_main_1, NULL);
}

void workload_mutex_2(void)
{
    in_runtime(2, mutex_main_2, NULL);
}
