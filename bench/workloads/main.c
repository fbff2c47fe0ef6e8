/*
 * main.c - weft-workloads: the workloads on which runtimes are compared, on weft's public API.
 *
 *     weft-workloads WORKLOAD THREADS     see the table below
 *     weft-workloads mem TASKS SLEEP_MS
 *     weft-workloads [--streams] echo|http PORT
 *
 * The last are servers for a load generator, on 127.0.0.1: by socket operations or by streams.
 *
 * Samples go to standard output (see sampler.h). Anything else ends with status 3, which a script
 * that compares runtimes takes for "has no counterpart".
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/workloads/workloads.h"

enum { STATUS_NO_SUCH_WORKLOAD = 3 };

static const struct {
    const char *name;
    int threads;
    void (*run)(void);
} workloads[] = {
    {"yield", 1, workload_yield},
    {"spawn_join", 1, workload_spawn_join},
    {"pingpong", 1, workload_pingpong_local},
    {"pingpong", 2, workload_pingpong_cross},
    {"skynet", 1, workload_skynet_1},
    {"skynet", 2, workload_skynet_2},
    {"timers", 1, workload_timers},
    {"gather", 1, workload_gather},
    {"mutex", 1, workload_mutex_1},
    {"mutex", 2, workload_mutex_2},
    {"queue", 1, workload_queue_1},
    {"queue", 2, workload_queue_2},
    {"offload", 2, workload_offload},
    {"submit", 2, workload_submit},
    {"futex", 2, workload_futex_idle},
    {"parallel", 2, workload_parallel},
    {"handlers", 2, workload_handlers},
};

static const struct {
    const char *name;
    void (*serve)(const char *port, bool streams);
} servers[] = {
    {"echo", workload_echo},
    {"http", workload_http},
};

int main(int argc, char **argv)
{
    bool streams = argc == 4 && strcmp(argv[1], "--streams") == 0;
    for (size_t i = 0; i < sizeof(servers) / sizeof(servers[0]); i++) {
        if ((argc == 3 || streams) && strcmp(argv[argc - 2], servers[i].name) == 0)
            servers[i].serve(argv[argc - 1], streams);
    }
    if (argc == 4 && strcmp(argv[1], "mem") == 0) {
        uint64_t tasks = strtoull(argv[2], NULL, 10);
        uint64_t sleep_ms = strtoull(argv[3], NULL, 10);
        if (tasks > 0) {
            workload_mem(tasks, sleep_ms);
            return EXIT_SUCCESS;
        }
    }
    for (size_t i = 0; argc == 3 && i < sizeof(workloads) / sizeof(workloads[0]); i++) {
        if (strcmp(argv[1], workloads[i].name) == 0 && atoi(argv[2]) == workloads[i].threads) {
            workloads[i].run();
            return EXIT_SUCCESS;
        }
    }
    fprintf(stderr, "usage: weft-workloads WORKLOAD THREADS, weft-workloads mem TASKS SLEEP_MS,\n"
                    "       or weft-workloads [--streams] echo|http PORT\n");
    for (size_t i = 0; i < sizeof(workloads) / sizeof(workloads[0]); i++)
        fprintf(stderr, "    %s %d\n", workloads[i].name, workloads[i].threads);
    return STATUS_NO_SUCH_WORKLOAD;
}
