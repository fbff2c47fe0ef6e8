/*
 * likely.h - which way a branch usually goes, and where a hot function begins.
 */
#ifndef WEFT_RUNTIME_BASE_LIKELY_H
#define WEFT_RUNTIME_BASE_LIKELY_H

#define likely(condition)   __builtin_expect(!!(condition), 1)
#define unlikely(condition) __builtin_expect(!!(condition), 0)

/* A function that begins a line of the instruction cache, wherever its neighbours end. For where it was measured to matter. */
#define ON_A_LINE __attribute__((aligned(64)))

#endif
