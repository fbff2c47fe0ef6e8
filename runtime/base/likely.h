/*
 * likely.h - which way a branch usually goes.
 */
#ifndef WEFT_RUNTIME_BASE_LIKELY_H
#define WEFT_RUNTIME_BASE_LIKELY_H

#define likely(condition)   __builtin_expect(!!(condition), 1)
#define unlikely(condition) __builtin_expect(!!(condition), 0)

#endif
