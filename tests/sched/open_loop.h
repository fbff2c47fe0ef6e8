/*
 * open_loop.h - a loop that each test finds open, on virtual time, and that is freed behind it.
 */
#ifndef WEFT_TESTS_SCHED_OPEN_LOOP_H
#define WEFT_TESTS_SCHED_OPEN_LOOP_H

#include "tests/sched/callbacks.h"

static weft_loop *loop;

static inline void make_loop(void)
{
    loop = virtual_loop();
}

static inline void free_loop(void)
{
    ck_assert_int_eq(weft_loop_free(loop), 0);
}

/* Writes its name down, and registers a callback for the next iteration. */
static inline int note_and_queue(void *word)
{
    note(word);
    return weft_call_soon(loop, note, "queued", NULL);
}

/* Sleeps for a second, and gives the address behind its argument. */
static inline int add_one(void *arg, void **result)
{
    int rc = weft_sleep(1);
    *result = (char *)arg + 1;
    return rc;
}

#endif
