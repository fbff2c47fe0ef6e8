/*
 * seq_cst.h - the one order of the sequentially consistent operations (M3 of memory.h), kept as a
 * graph that must not become cyclic.
 */
#ifndef WEFT_TESTS_MODEL_SEQ_CST_H
#define WEFT_TESTS_MODEL_SEQ_CST_H

#include "tests/model/clock.h"

/* An operation that may be added: what it reads, and where its store goes. */
struct seq_cst_event {
    unsigned object;
    unsigned thread;
    const struct clock *seen;     /* by its thread, with this step */
    const struct clock *acquired; /* with what it reads, or NULL */
    unsigned read;                /* number of a store, or MEMORY_NONE */
    bool writes;
    unsigned position; /* of its store in modification order; those from there on move up */
    unsigned written;  /* number of its store */
};

void seq_cst_reset(void);
bool seq_cst_allows(const struct seq_cst_event *event);
void seq_cst_add(const struct seq_cst_event *event);

#endif
