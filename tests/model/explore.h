/*
 * explore.h - between the explorer (explore.c) and the operations of the threads that it runs
 * (operations.c).
 */
#ifndef WEFT_TESTS_MODEL_EXPLORE_H
#define WEFT_TESTS_MODEL_EXPLORE_H

#include "tests/model/model.h"

/* The thread that runs: 1 and up, or 0 while a model sets up or checks. */
unsigned explore_current(void);
const struct model_mutation *explore_mutation(void);

/* Comes before each operation: others may run first. */
void explore_step(void);
/* Comes after each operation that others can notice. */
void explore_acted(void);

/* Comes before each plain access. */
void explore_accessed(void);

/* The running thread waits: for a count that is not 0; until there are so many stores; for a wake.
 */
void explore_wait_for_semaphore(const struct model_semaphore *semaphore);
void explore_wait_for_stores(unsigned needed);
void explore_wait_for_futex(const volatile void *word);
void explore_wake_futex(const volatile void *word);
void explore_membarrier(void);

/* The execution at hand is not as it must be. Does not return. */
void explore_violated(const char *what);

/* For the trace: the last operation on memory at a place, or (NULL) something else. */
void explore_note(const struct model_site *site, const char *what);

#endif
