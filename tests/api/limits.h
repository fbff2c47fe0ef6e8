/*
 * limits.h - jobs that take their time, and tasks that wait for them for a limited time.
 */
#ifndef WEFT_TESTS_API_LIMITS_H
#define WEFT_TESTS_API_LIMITS_H

#include "tests/support/sim.h"

static int values[4];

struct job {
    double seconds;
    int code;         /* 0: ends with a value */
    int cancelled;    /* what it ends with when it is cancelled; 0: with a value */
    double clean_up;  /* seconds that it takes to end then */
    const char *name; /* traced when it ends */
};

__attribute__((unused)) COROUTINE(work)
{
    const struct job *job = arg;
    int rc = weft_sleep(job->seconds);
    if (rc == WEFT_ECANCELLED) {
        if (job->clean_up > 0)
            ck_assert_int_eq(weft_sleep(job->clean_up), 0);
        rc = job->cancelled;
    } else if (!rc) {
        rc = job->code;
    }
    *result = &values[1];
    if (job->name)
        trace("%s", job->name);
    return rc < 0 && rc != WEFT_ECANCELLED ? weft_fail(rc, "of the job") : rc;
}

static inline weft_task *start(const struct job *job)
{
    return weft_create_task(work, (void *)(uintptr_t)job, NULL);
}

struct waiting {
    weft_future *future;
    double timeout;
    int rc;
    int turn;
    void *value;
};

__attribute__((unused)) COROUTINE(wait_it)
{
    struct waiting *waiting = arg;
    waiting->rc = weft_wait_for(waiting->future, waiting->timeout, &waiting->value);
    waiting->turn = sim_turn();
    trace("wait_for");
    return waiting->rc;
}

#endif
