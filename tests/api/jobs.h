/*
 * jobs.h - three jobs that end one after the other: b, then c, which fails, then a.
 */
#ifndef WEFT_TESTS_API_JOBS_H
#define WEFT_TESTS_API_JOBS_H

#include <errno.h>

#include "tests/support/sim.h"

struct job {
    const char *name;
    double seconds;
    int code;
};

static struct job jobs[] = {{"a", 3, 0}, {"b", 1, 0}, {"c", 2, -EIO}};

/* Each of them is to be the argument of work. */
static inline void start(weft_future **futures, weft_coroutine work)
{
    for (int i = 0; i < 3; i++)
        futures[i] = weft_create_task(work, &jobs[i], NULL);
}

static inline void end(weft_future **futures)
{
    for (int i = 0; i < 3; i++) {
        weft_cancel(futures[i]);
        weft_join(futures[i], NULL);
    }
}

#endif
