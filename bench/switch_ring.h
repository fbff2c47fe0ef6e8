/*
 * switch_ring.h - rings of flows for switch_bench: each hands control to the next. In C, as the
 * switch is.
 */
#ifndef WEFT_BENCH_SWITCH_RING_H
#define WEFT_BENCH_SWITCH_RING_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Up to so many flows in a ring. */
#define RING_FLOWS_MAX 1000

/* Makes a ring of so many flows. False: no memory. One ring at a time. */
int ring_open(int flows);

/* Goes round by so many hops, from flow to flow with context_switch(). */
void ring_run(uint64_t hops);

/* The same, by the least that a switch can be: a function that pushes six registers, exchanges the
 * stack pointer, pops six and returns. Knows no tool and no debugger. */
void ring_run_bare(uint64_t hops);

/* So many times: a fresh flow on the same stack, entered and left for good. */
void ring_run_fresh(uint64_t flows);

void ring_close(void);

#ifdef __cplusplus
}
#endif

#endif
