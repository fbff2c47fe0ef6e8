/*
 * sampler.h - what the workloads share: clocks, memory figures, and samples on standard output.
 *
 * A sample is one line, "weft WORKLOAD VARIANT VALUE UNIT". The environment variable REPS (5 unless
 * set) is the number of samples of each variant. A result that is not what it must be ends the
 * program with a message and status 1: a fast wrong answer is not a measurement.
 *
 * Used from one thread at a time, except for the clocks and require(), which any thread may use.
 */
#ifndef WEFT_BENCH_WORKLOADS_SAMPLER_H
#define WEFT_BENCH_WORKLOADS_SAMPLER_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include <weft/weft.h>

#define NS_PER_SECOND 1000000000

/* Work that can be made longer: does n operations. */
typedef void (*work_of_n)(uint64_t n, void *arg);

/* Work of a fixed size. */
typedef void (*work_whole)(void *arg);

/*
 * Prints samples of the nanoseconds that one operation takes. n grows, as a multiple of 1,000,
 * until one run lasts a quarter of a second; these runs are the warm-up. Then REPS runs of that n
 * are timed, each as a whole.
 */
void sample_ns(const char *workload, const char *variant, work_of_n work, void *arg);

/* Prints samples of the milliseconds that the whole work takes. */
void sample_ms(const char *workload, const char *variant, work_whole work, void *arg);

/* Prints one sample. */
void sample_print(const char *workload, const char *variant, double value, const char *unit);

/* REPS. */
int sample_count(void);

/* Sorts values, and gives the one that a share of them (0 to 1) does not exceed. */
int64_t sample_percentile(int64_t *values, size_t count, double share);

/* Runs body as the main coroutine of a runtime with so many loops, one thread each. */
void in_runtime(int loops, weft_coroutine body, void *arg);

/* Binds the calling thread to the index-th of the CPUs that the process was started on. */
void pin_to_cpu(int index);

/* CPU time of the process, user and system. */
int64_t cpu_time_ns(void);

/* The resident set of the process, and the largest that it ever had. */
double resident_bytes(void);
double resident_peak_bytes(void);

static inline int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * NS_PER_SECOND + now.tv_nsec;
}

_Noreturn void require_failed(const char *what, const char *file, int line) __attribute__((cold));

/* Ends the program unless the condition holds. */
#define require(condition)                                  \
    do {                                                    \
        if (!(condition))                                   \
            require_failed(#condition, __FILE__, __LINE__); \
    } while (0)

#endif
