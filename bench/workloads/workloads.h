/*
 * workloads.h - one function a workload, each in the file of its name: runs it and prints samples.
 */
#ifndef WEFT_BENCH_WORKLOADS_WORKLOADS_H
#define WEFT_BENCH_WORKLOADS_WORKLOADS_H

#include <stdbool.h>
#include <stdint.h>

void workload_yield(void);
void workload_spawn_join(void);
void workload_pingpong_local(void);
void workload_pingpong_cross(void);
void workload_skynet_1(void);
void workload_skynet_2(void);
void workload_mem(uint64_t tasks, uint64_t sleep_ms);
void workload_timers(void);
void workload_gather(void);
void workload_mutex_1(void);
void workload_mutex_2(void);
void workload_queue_1(void);
void workload_queue_2(void);
void workload_offload(void);
void workload_submit(void);
void workload_futex_idle(void);
void workload_parallel(void);
void workload_handlers(void);

/* Serve until the process is killed: by streams, or by socket operations. */
void workload_echo(const char *port, bool streams);
void workload_http(const char *port, bool streams);

#endif
