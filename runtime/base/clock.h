/*
 * clock.h - the monotonic clock in nanoseconds, and its public form in seconds.
 */
#ifndef WEFT_RUNTIME_BASE_CLOCK_H
#define WEFT_RUNTIME_BASE_CLOCK_H

#include <math.h>
#include <stdint.h>
#include <time.h>

#define CLOCK_NEVER INT64_MAX

static inline int64_t clock_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* The longest tick of CLOCK_MONOTONIC_COARSE: 100 Hz, the slowest that Linux can be built with. */
#define CLOCK_COARSE_TICK_NS 10000000

/* A time that is not before now, and at most one tick after it; cheaper than now. */
static inline int64_t clock_coarse_after_ns(void)
{
    struct timespec before;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &before);
    return (int64_t)before.tv_sec * 1000000000 + before.tv_nsec + CLOCK_COARSE_TICK_NS;
}

/*
 * The first nanosecond that is not early: the smallest whose clock_seconds() reaches seconds. (A
 * plain ceil() makes 67000001 of 0.067, because the product is inexact.) Below 0 it may be one
 * more. Beyond 292 years, infinity included: CLOCK_NEVER.
 */
static inline int64_t clock_ns(double seconds)
{
    if (!(seconds < 9.2e9))
        return CLOCK_NEVER;
    if (seconds < -9.2e9)
        return -CLOCK_NEVER;
    int64_t ns = (int64_t)(seconds * 1e9);
    return (double)ns / 1e9 < seconds ? ns + 1 : ns;
}

/* The same or one more, without the division. */
static inline int64_t clock_ns_above(double seconds)
{
    return seconds < 9.2e9 ? (int64_t)(seconds * 1e9) + 1 : CLOCK_NEVER;
}

static inline double clock_seconds(int64_t ns)
{
    return ns == CLOCK_NEVER ? (double)INFINITY : (double)ns / 1e9;
}

/* a + b, where CLOCK_NEVER absorbs and a sum that does not fit is never, or always. */
static inline int64_t clock_add_ns(int64_t a, int64_t b)
{
    int64_t sum;
    if (a == CLOCK_NEVER || b == CLOCK_NEVER)
        return CLOCK_NEVER;
    return __builtin_add_overflow(a, b, &sum) ? (b < 0 ? -CLOCK_NEVER : CLOCK_NEVER) : sum;
}

#endif
