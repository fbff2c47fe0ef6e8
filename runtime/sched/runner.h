/*
 * runner.h - what a runner is made of, and what the layer above it asks.
 */
#ifndef WEFT_RUNTIME_SCHED_RUNNER_H
#define WEFT_RUNTIME_SCHED_RUNNER_H

#include <pthread.h>
#include <weft/runner.h>

#include "runtime/sched/runtime.h"

/* runner->state; by atomic access, since any thread may be the first to need the runtime. */
enum runner_state { RUNNER_NEW, RUNNER_OPENING, RUNNER_OPEN, RUNNER_CLOSED };

static inline int runner_state(const weft_runner *runner)
{
    /* Acquire, with the release in runner_set_state(): the runtime is seen. */
    return __atomic_load_n(&runner->state, __ATOMIC_ACQUIRE);
}

static inline void runner_set_state(weft_runner *runner, int state)
{
    __atomic_store_n(&runner->state, state, __ATOMIC_RELEASE);
}

/* A runner's runtime, with what only the runner needs. */
struct weft_runtime {
    struct runtime runtime;
    weft_runner_options options;
    pthread_mutex_t lock;                 /* the making of loops, and who runs the first one */
    pthread_t threads[RUNTIME_LOOPS_MAX]; /* under lock; [0] only in the background */
    bool ended[RUNTIME_LOOPS_MAX];        /* each written and read by its loop's thread */
    /* Of each loop, what is waited for at the end: the wind-down's, and if a fatal error ends that
     * early, its heir's, who closes the loops. */
    weft_task **leftovers[RUNTIME_LOOPS_MAX];
    long leftover_counts[RUNTIME_LOOPS_MAX];
    bool background;       /* under lock */
    pthread_t opener;      /* the thread that opened it */
    weft_context *context; /* of all runs without one of their own (RNR-05) */
    bool set_event_loop;   /* the first loop became its thread's current one */
    unsigned
        refused; /* loops are not started for so many spawns after a thread could not be made */
};

static inline struct weft_runtime *runtime_of(struct runtime *runtime)
{
    return container_of(runtime, struct weft_runtime, runtime);
}

/* The options of the runner whose runtime this is. */
const weft_runner_options *wf_runtime_options(const struct runtime *runtime);

#endif
