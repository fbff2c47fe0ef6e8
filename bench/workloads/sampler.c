/*
 * sampler.c - see sampler.h.
 */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "bench/workloads/sampler.h"

#define RUN_NS_MIN   (NS_PER_SECOND / 4) /* how long a timed run has to last */
#define RUN_NS_AIM   (NS_PER_SECOND / 3) /* what n is extrapolated to, so that one try often does */
#define GROWTH_MAX   16.0 /* a first run is mostly start-up: do not believe it more */
#define GROWTH_MIN   1.25
#define N_MULTIPLE   1000 /* batches of a thousand come out even */
#define REPS_DEFAULT 5

static int64_t run_timed(work_of_n work, uint64_t n, void *arg)
{
    int64_t start = now_ns();
    work(n, arg);
    return now_ns() - start;
}

static uint64_t n_grown(uint64_t n, int64_t took_ns)
{
    const int64_t aim_ns = RUN_NS_AIM;
    double growth = (double)aim_ns / (double)(took_ns + 1);
    if (growth > GROWTH_MAX)
        growth = GROWTH_MAX;
    if (growth < GROWTH_MIN)
        growth = GROWTH_MIN;
    uint64_t batches = n / N_MULTIPLE;
    return ((uint64_t)((double)batches * growth) + 1) * N_MULTIPLE;
}

void sample_ns(const char *workload, const char *variant, work_of_n work, void *arg)
{
    uint64_t n = N_MULTIPLE;
    for (;;) {
        int64_t took_ns = run_timed(work, n, arg);
        if (took_ns >= RUN_NS_MIN)
            break;
        n = n_grown(n, took_ns);
    }
    for (int i = 0; i < sample_count(); i++) {
        int64_t took_ns = run_timed(work, n, arg);
        sample_print(workload, variant, (double)took_ns / (double)n, "ns");
    }
}

void sample_ms(const char *workload, const char *variant, work_whole work, void *arg)
{
    for (int i = 0; i < sample_count(); i++) {
        int64_t start = now_ns();
        work(arg);
        sample_print(workload, variant, (double)(now_ns() - start) / 1e6, "ms");
    }
}

void sample_print(const char *workload, const char *variant, double value, const char *unit)
{
    printf("weft %s %s %.2f %s\n", workload, variant, value, unit);
    fflush(stdout);
}

int sample_count(void)
{
    const char *reps = getenv("REPS");
    int count = reps ? atoi(reps) : 0;
    return count > 0 ? count : REPS_DEFAULT;
}

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

int64_t sample_percentile(int64_t *values, size_t count, double share)
{
    qsort(values, count, sizeof(*values), compare);
    size_t index = (size_t)((double)count * share);
    return values[index < count ? index : count - 1];
}

void in_runtime(int loops, weft_coroutine body, void *arg)
{
    require(weft_run_with(&(weft_runner_options){.loops = loops}, body, arg, NULL) == 0);
}

void pin_to_cpu(int index)
{
    static cpu_set_t usable; /* as it was before the first thread was pinned */
    if (CPU_COUNT(&usable) == 0)
        require(sched_getaffinity(0, sizeof(usable), &usable) == 0);

    size_t cpu = 0;
    while (cpu < CPU_SETSIZE && (!CPU_ISSET(cpu, &usable) || index-- > 0))
        cpu++;
    require(cpu < CPU_SETSIZE);

    cpu_set_t only;
    CPU_ZERO(&only);
    CPU_SET(cpu, &only);
    require(sched_setaffinity(0, sizeof(only), &only) == 0);
}

int64_t cpu_time_ns(void)
{
    struct timespec used;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return (int64_t)used.tv_sec * NS_PER_SECOND + used.tv_nsec;
}

/* A line such as "VmRSS:	    1234 kB" of the kernel's account of this process. */
static double status_bytes(const char *key)
{
    char line[256];
    double bytes = -1;
    FILE *status = fopen("/proc/self/status", "r");
    require(status);
    while (bytes < 0 && fgets(line, sizeof(line), status)) {
        if (strncmp(line, key, strlen(key)) == 0)
            bytes = 1024 * strtod(line + strlen(key), NULL);
    }
    fclose(status);
    require(bytes >= 0);
    return bytes;
}

double resident_bytes(void)
{
    return status_bytes("VmRSS:");
}

double resident_peak_bytes(void)
{
    return status_bytes("VmHWM:");
}

void require_failed(const char *what, const char *file, int line)
{
    fflush(stdout);
    fprintf(stderr, "%s:%d: not so: %s\n", file, line, what);
    _Exit(1);
}
