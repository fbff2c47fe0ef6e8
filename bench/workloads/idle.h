/*
 * idle.h - one operation at a time, each after everybody has slept: what the workloads named idle
 * share.
 */
#ifndef WEFT_BENCH_WORKLOADS_IDLE_H
#define WEFT_BENCH_WORKLOADS_IDLE_H

#include "bench/workloads/sampler.h"

/* How long nobody does anything before an operation: longer than anybody looks out for work. */
#define IDLE_NS 2000000

enum { IDLE_WARMUP = 50, IDLE_OPERATIONS = 250 };

/* Lets the time pass without using a processor, and does one operation; both in the thread, or task,
 * that waits for the outcome. */
typedef void (*idle_pause)(void);
typedef void (*idle_operation)(void *arg);

/*
 * Prints REPS samples of the nanoseconds that one operation takes after such a pause: the median of
 * IDLE_OPERATIONS, without the pauses.
 */
void sample_idle_ns(const char *workload, const char *variant, idle_pause pause,
                    idle_operation operation, void *arg);

/* Two pauses: of the calling thread, and of the calling task. */
void idle_thread(void);
void idle_task(void);

#endif
