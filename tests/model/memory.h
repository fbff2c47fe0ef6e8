/*
 * memory.h - the memory of the model: which values C11 allows an atomic operation to see.
 *
 * Every atomic object has the list of all stores made to it, in modification order. Every thread
 * has a view: for each object, the oldest store that it may still read. A load picks any store from
 * there on; an acquire that reads a release takes over the releaser's view. So a stale value is
 * read whenever the language allows it, whatever this machine would do.
 *
 * M1  Modification order is not the order of execution: a store goes anywhere behind the oldest
 *     store that its thread may read, but never between a read-modify-write and what it read.
 * M2  A read-modify-write reads a store and takes the place right behind it. It passes on the view
 *     that this store released, besides what it releases itself: the release sequences of C++20.
 *     In C11 a thread's plain stores right behind its own release do, too: nothing may lean on it.
 * M3  Sequentially consistent operations have one total order that agrees with happens-before (as
 *     in C11; C++20 asks a little less, for POWER), modification order and reads-before. It is kept
 *     as a graph: a choice that would close a cycle in it is not offered. The order of execution
 *     has no say in it.
 * M4  Plain data is not modelled but checked: two accesses, one a write, that are not ordered by
 *     happens-before (vector clocks) are a data race, and a violation.
 *
 * What is left out: loads that read from stores not yet executed (load buffering), as in RC11;
 * consume; fences, but for memory_barrier(). Everything else that C11 allows is explored.
 *
 * Thread 0 is the one that sets up and checks afterwards; it never chooses.
 */
#ifndef WEFT_TESTS_MODEL_MEMORY_H
#define WEFT_TESTS_MODEL_MEMORY_H

#include "tests/model/atomics.h"

enum {
    MEMORY_THREADS = 5,
    MEMORY_OBJECTS = 64,
    MEMORY_STORES = 255,
    MEMORY_SEQ_CST = 128,
    MEMORY_DATA = 64,
};

/* Stores have numbers, from 1. */
enum { MEMORY_NONE = 0 };

/* What an operation read and wrote, for traces. */
struct memory_trace {
    uint64_t read;
    uint64_t written;
    unsigned age;    /* how many newer stores there were than the one read */
    bool was_forced; /* it had to read the newest */
    bool did_read;
    bool did_write;
};

/* Forget everything: the next execution begins. */
void memory_reset(void);

/* A thread begins with all that thread 0 knows; at the end thread 0 knows all that they did. */
void memory_begin(unsigned thread);
void memory_end(unsigned thread);

/* The operations. `latest`: no stale value, the newest in modification order. */
uint64_t memory_load(unsigned thread, const volatile void *object, unsigned bytes,
                     memory_order order, bool latest);
void memory_store(unsigned thread, volatile void *object, unsigned bytes, uint64_t value,
                  memory_order order);
uint64_t memory_rmw(unsigned thread, volatile void *object, unsigned bytes,
                    enum model_rmw operation, uint64_t operand, memory_order order);
bool memory_cas(unsigned thread, volatile void *object, unsigned bytes, uint64_t *expected,
                uint64_t desired, memory_order order, memory_order failure_order);

/* A sequentially consistent fence in every thread at once: membarrier(2). */
void memory_barrier(void);

/* Plain accesses: false if it races with an earlier one. */
bool memory_data_read(unsigned thread, const void *data);
bool memory_data_write(unsigned thread, const void *data);

/*
 * A thread has looked, found nothing to do, and will look again. Stores become visible in finite
 * time: so its next load of each object that it has just looked at gets the newest value, unless it
 * does something else first. Returns how many stores there must be before it can see a change: with
 * no more than that it would see what it has seen.
 */
unsigned memory_spin(unsigned thread);
/* Where a store is in modification order; MEMORY_NONE stands for the first. */
unsigned memory_position(unsigned store);
/* How many stores there have been. */
unsigned memory_stores(void);
struct memory_trace memory_last(void);

/* A hash of all that the future depends on: what each thread has done and read, and the orders. */
uint64_t memory_hash(void);
/* Make something else that a thread has learnt part of its history. */
void memory_remember(unsigned thread, uint64_t what);

/* Supplied by the explorer: one of `count` alternatives, 0 to count - 1. */
unsigned explore_choose(unsigned count);
/* Supplied by the explorer: the model has more of something than there is room for. Does not
 * return. */
void explore_give_up(const char *what, unsigned limit);

#endif
