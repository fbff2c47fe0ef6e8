/*
 * calls.h - counts what a benchmark's operations ask of the allocator and of the kernel.
 *
 * The fault seam sees every allocation and every system call that can fail; here it only counts
 * them. Counting is slower than not counting, so it is done beside the timed part. One count at a
 * time in the process; calls of all threads are counted.
 */
#ifndef WEFT_BENCH_CALLS_H
#define WEFT_BENCH_CALLS_H

#ifdef __cplusplus
extern "C" {
#endif

struct call_counts {
    unsigned long allocations;
    unsigned long system_calls;
};

/* Starts at zero. */
void calls_count(void);

/* Ends the count. */
struct call_counts calls_counted(void);

#ifdef __cplusplus
}
#endif

#endif
