/*
 * queue.c - a bounded queue of 1,024 integers. One operation is one item, put and taken.
 *
 * 1p1c: a producer and a consumer on one loop. 1p1c_2t and 4p4c_2t: one or four of each, given to a
 * runtime with two loops. The queue is shut down when all is put.
 */
#include "bench/workloads/sampler.h"
#include "bench/workloads/workloads.h"

enum { ROOM = 1024, PAIRS_MAX = 4 };

struct line {
    weft_queue *queue;
    uint64_t items; /* of each producer */
};

static int produce(void *arg, void **result)
{
    (void)result;
    struct line *line = arg;
    for (uint64_t i = 0; i < line->items; i++)
        require(weft_queue_put(line->queue, (void *)(uintptr_t)i) == 0);
    return 0;
}

static int consume(void *arg, void **result)
{
    struct line *line = arg;
    uint64_t sum = 0;
    for (;;) {
        void *item = NULL;
        int rc = weft_queue_get(line->queue, &item);
        if (rc) {
            require(rc == WEFT_EQUEUESHUTDOWN);
            break;
        }
        sum += (uintptr_t)item;
    }
    *result = (void *)(uintptr_t)sum;
    return 0;
}

static void run_line(uint64_t n, void *arg)
{
    unsigned pairs = *(const unsigned *)arg;
    struct line line = {weft_queue_new(ROOM), n / pairs};
    weft_task *producers[PAIRS_MAX], *consumers[PAIRS_MAX];
    uint64_t sum = 0;

    require(line.queue);
    for (unsigned i = 0; i < pairs; i++) {
        producers[i] = weft_spawn(produce, &line, NULL);
        consumers[i] = weft_spawn(consume, &line, NULL);
        require(producers[i] && consumers[i]);
    }
    for (unsigned i = 0; i < pairs; i++)
        require(weft_join(producers[i], NULL) == 0);
    require(weft_queue_shutdown(line.queue, 0) == 0);
    for (unsigned i = 0; i < pairs; i++) {
        void *part = NULL;
        require(weft_join(consumers[i], &part) == 0);
        sum += (uintptr_t)part;
    }
    require(sum == pairs * (line.items * (line.items - 1) / 2));
    require(weft_queue_free(line.queue) == 0);
}

static int queue_main_1(void *arg, void **result)
{
    (void)arg;
    (void)result;
    unsigned one = 1;
    sample_ns("queue", "1p1c", run_line, &one);
    return 0;
}

static int queue_main_2(void *arg, void **result)
{
    (void)arg;
    (void)result;
    unsigned one = 1, four = 4;
    sample_ns("queue", "1p1c_2t", run_line, &one);
    sample_ns("queue", "4p4c_2t", run_line, &four);
    return 0;
}

void workload_queue_1(void)
{
    in_runtime(1, queue_main_1, NULL);
}

void workload_queue_2(void)
{
    in_runtime(2, queue_main_2, NULL);
}
