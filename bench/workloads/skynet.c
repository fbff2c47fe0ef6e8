/*
 * skynet.c - a tree of 1,111,111 tasks that add up their numbers.
 *
 * A task of size 1 returns its number; any other starts ten children of a tenth of its size and
 * returns the sum of theirs. Children start eagerly, so one loop walks the tree depth first with
 * seven stacks. With two loops the large subtrees are spawned, for the other loop to take: 110 of
 * them are enough to share, and their price does not show.
 */
#include "bench/workloads/sampler.h"
#include "bench/workloads/workloads.h"

enum {
    CHILDREN = 10,
    ROOT_SIZE = 1000000,
    SPAWN_SIZE_MIN = 10000,
};

struct node {
    uint64_t number;
    uint64_t size;
    bool spawns; /* more than one loop */
};

static int node_run(void *arg, void **result)
{
    const struct node *node = arg;
    if (node->size == 1) {
        *result = (void *)(uintptr_t)node->number;
        return 0;
    }

    static const weft_task_options eager = {.eager_start = 1};
    struct node parts[CHILDREN];
    weft_task *children[CHILDREN];
    uint64_t part = node->size / CHILDREN;
    for (uint64_t i = 0; i < CHILDREN; i++) {
        parts[i] = (struct node){node->number + i * part, part, node->spawns};
        children[i] = node->spawns && part >= SPAWN_SIZE_MIN
                          ? weft_spawn(node_run, &parts[i], NULL)
                          : weft_create_task(node_run, &parts[i], &eager);
    }

    uint64_t sum = 0;
    for (int i = 0; i < CHILDREN; i++) {
        void *number = NULL;
        require(weft_join(children[i], &number) == 0);
        sum += (uintptr_t)number;
    }
    *result = (void *)(uintptr_t)sum;
    return 0;
}

static void whole_tree(void *arg)
{
    struct node root = {.number = 0, .size = ROOT_SIZE, .spawns = *(const int *)arg > 1};
    void *sum = NULL;
    require(weft_join(weft_create_task(node_run, &root, NULL), &sum) == 0);
    require((uintptr_t)sum == (uint64_t)ROOT_SIZE * (ROOT_SIZE - 1) / 2);
}

static int skynet_main(void *arg, void **result)
{
    (void)result;
    sample_ms("skynet", *(const int *)arg > 1 ? "2t" : "1t", whole_tree, arg);
    return 0;
}

static void skynet(int loops)
{
    in_runtime(loops, skynet_main, &loops);
}

void workload_skynet_1(void)
{
    skynet(1);
}

void workload_skynet_2(void)
{
    skynet(2);
}
