/*
 * model.h - explores all executions of a few small threads: every interleaving, and for each load
 * every value that C11 allows it to see (memory.h).
 *
 * A model is some functions, run as the threads of one execution after another. They call the
 * protocol's own header, compiled with -DWEFT_MODEL, and state what must hold:
 *
 *   model_require()     a condition
 *   model_data_write()  plain data, such as a message's contents: a data race is a violation
 *   model_data_read()
 *
 * Violations, too: threads that all wait for each other (a lost wake-up), and an execution without
 * an end. A model keeps its state in static variables, and setup() gives them their first values,
 * with plain stores or through the protocol's own init functions. Threads know of each other only
 * through atomics and what is below. They must be deterministic.
 *
 * How it works: the threads are coroutines, stopped before each atomic operation. An execution is
 * a list of choices (who runs next, which store is read, where a store goes); the explorer takes
 * the first alternative everywhere, then goes back to the last choice with another one, and so on,
 * repeating the execution up to there. It remembers a hash of each state, which is the history of
 * each thread with the modification orders, and does not continue from one that it has seen: so
 * each execution that differs in what was read and written is completed once, however many orders
 * of independent steps lead to it. That they are all explored is up to collisions of 64-bit hashes.
 */
#ifndef WEFT_TESTS_MODEL_MODEL_H
#define WEFT_TESTS_MODEL_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "tests/model/atomics.h"

enum { MODEL_THREADS = 4 };

struct model {
    const char *name;
    void (*setup)(void);                  /* before each execution */
    void (*threads[MODEL_THREADS])(void); /* NULL: fewer */
    void (*check)(void);                  /* after each execution that ended, or NULL */
    unsigned preemptions_max;             /* 0: any number */
    bool every_step;                      /* others may come in before loads, too: explore.c */
};

/* A bug planted at one place. */
enum model_fault {
    MODEL_SOUND,
    MODEL_ORDER,         /* another memory order */
    MODEL_FAILURE_ORDER, /* likewise, for a compare-and-swap that fails */
    MODEL_SKIP,          /* a store is not made, a load gives 0, a read-modify-write only reads */
    MODEL_SPLIT,         /* a read-modify-write becomes a load and a store */
};

struct model_mutation {
    struct model_site *site;
    enum model_fault fault;
    memory_order order;
};

struct model_result {
    bool violated;
    bool too_large;      /* given up: nothing is known */
    uint64_t executions; /* completed ones */
    uint64_t states;
    uint64_t steps; /* including repeated ones */
    char what[200];
};

/* Explore the model, with a bug planted or (NULL) as it is. Stops at the first violation. */
void model_explore(const struct model *model, const struct model_mutation *mutation,
                   struct model_result *ret_result);

/* The last violation's execution, one line a step, for people. */
void model_print_trace(void);

/* The places that the threads of explored models have come through, in the order of their lines. */
struct model_site *model_sites(void);

/* For models: what must hold. */
void model_require_that(bool holds, const char *text);
#define model_require(condition_) model_require_that((condition_), #condition_)
/* model_data_read() and model_data_write() are in atomics.h. */

/* For models: cpu_relax() in a loop that waits for a store of another thread is model_yield(). */

/* For models: which thread is running: 0 for setup and check, then from 1. */
unsigned model_thread(void);

/* For models: how many stores to atomic objects there have been. */
unsigned model_stores(void);

/*
 * The operating system. It orders nothing by itself here, so that no protocol leans on it: what a
 * thread did before a wake-up is not thereby seen by the thread that it wakes.
 */
struct model_semaphore {
    unsigned count;
};
void model_semaphore_post(struct model_semaphore *semaphore);
void model_semaphore_wait(struct model_semaphore *semaphore);
/* Sleep until a wake, unless the 32-bit word has another value now. */
void model_futex_wait(const volatile void *word, uint32_t value);
void model_futex_wake(const volatile void *word);
/* membarrier(2): a full fence in all threads. */
void model_membarrier(void);

#endif
