/*
 * stack_ops.h - what stack_bench times, in C, as the stacks are.
 */
#ifndef WEFT_BENCH_STACK_OPS_H
#define WEFT_BENCH_STACK_OPS_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* So many times: take a stack and put it back. False: no memory, as below. */
int stacks_recycle(uint64_t times);

/* Take so many stacks, then put them all back, in a cache that has none: they come out of the depot
 * and go into it. With touch, a byte at the top of each is written. */
int stacks_crowd(uint64_t count, int touch);

/* Between open and close the process keeps the stacks that it has once had. */
void stacks_open(void);
void stacks_close(void);

#ifdef __cplusplus
}
#endif

#endif
