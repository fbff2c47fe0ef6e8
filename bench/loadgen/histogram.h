/*
 * histogram.h - counts of durations, in 64 buckets to each power of two: quantiles to 2 %.
 */
#ifndef WEFT_BENCH_LOADGEN_HISTOGRAM_H
#define WEFT_BENCH_LOADGEN_HISTOGRAM_H

#include <stdint.h>

enum { HISTOGRAM_BITS = 6, HISTOGRAM_STEPS = 1 << HISTOGRAM_BITS };

struct histogram {
    uint64_t total;
    uint64_t counts[64 * HISTOGRAM_STEPS];
};

/* v < 64 has a bucket of its own; else the power of two decides, with the six bits after its first. */
static inline void histogram_add(struct histogram *histogram, uint64_t value)
{
    unsigned shift = 0;
    if (value >= HISTOGRAM_STEPS)
        shift = (unsigned)(63 - HISTOGRAM_BITS + 1) - (unsigned)__builtin_clzll(value);
    histogram->counts[shift * HISTOGRAM_STEPS / 2 + (value >> shift)]++;
    histogram->total++;
}

/* The value that a share of them (0 to 1) does not exceed; 0 when there are none. */
static inline uint64_t histogram_quantile(const struct histogram *histogram, double share)
{
    uint64_t wanted = (uint64_t)((double)histogram->total * share), seen = 0;
    for (unsigned i = 0; i < sizeof(histogram->counts) / sizeof(histogram->counts[0]); i++) {
        seen += histogram->counts[i];
        if (seen > wanted) {
            unsigned shift = i < HISTOGRAM_STEPS ? 0 : i / (HISTOGRAM_STEPS / 2) - 1;
            return (uint64_t)(i - shift * (HISTOGRAM_STEPS / 2)) << shift;
        }
    }
    return 0;
}

#endif
