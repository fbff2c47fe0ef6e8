/*
 * sync_stress.h - what the stress tests of locks and queues share: several loops full of workers,
 * and somebody who cancels them at random.
 */
#ifndef WEFT_TESTS_STRESS_SYNC_STRESS_H
#define WEFT_TESTS_STRESS_SYNC_STRESS_H

#include <pthread.h>
#include <sched.h>
#include <stdbool.h>

#include "tests/support/sim.h"
#include "tests/support/suite.h"

#define LOOPS       3
#define WORKERS_MAX 24

static weft_runner runner;
static weft_task *workers[WORKERS_MAX];
static weft_coroutine worker_fns[WORKERS_MAX];
static int worker_count;
static _Atomic int workers_begun;

static inline unsigned next_random(unsigned *state)
{
    *state = *state * 1103515245u + 12345u;
    return *state >> 16;
}

/* A suspension in the middle of something, which a cancellation may end. */
static inline void dawdle(unsigned *state)
{
    for (unsigned i = next_random(state) % 3; i; i--)
        (void)weft_yield();
}

COROUTINE(worker)
{
    workers_begun++;
    return worker_fns[(size_t)arg - 1](arg, result);
}

/* Its argument is its number, from 1. */
static void add_worker(weft_coroutine fn)
{
    size_t index = (size_t)worker_count++;
    ck_assert_int_le(worker_count, WORKERS_MAX);
    worker_fns[index] = fn;
    workers[index] = weft_create_task_on(weft_runner_loop_at(&runner, (int)index % LOOPS), worker,
                                         (void *)(index + 1), NULL);
    ck_assert_ptr_nonnull(workers[index]);
}

/* Cancels workers at random until all are done: they take it as a wait that failed. */
COROUTINE(cancel_at_random)
{
    unsigned state = 99;
    while (workers_begun < worker_count) /* who is cancelled before its first step never begins */
        ck_assert_int_eq(weft_yield(), 0);
    for (int left = worker_count; left;) {
        for (unsigned i = next_random(&state) % 40; i; i--)
            ck_assert_int_eq(weft_yield(), 0);
        (void)weft_cancel(workers[next_random(&state) % (unsigned)worker_count]);
        left = 0;
        for (int i = 0; i < worker_count; i++)
            left += !weft_done(workers[i]);
    }
    return 0;
}

COROUTINE(stress_main)
{
    weft_coroutine start_workers = *(weft_coroutine *)arg;
    ck_assert_int_eq(start_workers(NULL, NULL), 0);
    weft_task *canceller = weft_create_task(cancel_at_random, NULL, NULL);
    for (int i = 0; i < worker_count; i++) {
        /* 0; or cancelled by a request that came at its very end. */
        int rc = weft_await(workers[i], NULL);
        ck_assert(rc == 0 || rc == WEFT_ECANCELLED);
    }
    ck_assert_int_eq(weft_join(canceller, NULL), 0);
    for (int i = 0; i < worker_count; i++)
        weft_unref(workers[i]);
    return 0;
}

/* Runs the workers that a function adds, on several loops, until all are done. */
static void run_workers(weft_coroutine start_workers)
{
    worker_count = 0;
    workers_begun = 0;
    ck_assert_int_eq(weft_runner_init(&runner, &(weft_runner_options){.loops = LOOPS}), 0);
    ck_assert_int_eq(weft_runner_run(&runner, stress_main, &start_workers, NULL), 0);
    ck_assert_int_eq(weft_runner_close(&runner), 0);
}

/* ---- A loop that is closed while others wake its tasks ---- */

static weft_loop *doomed;

static int stop_doomed(void *arg)
{
    (void)arg;
    return weft_loop_stop(doomed);
}

static void *run_doomed(void *arg)
{
    (void)arg;
    ck_assert_int_eq(weft_loop_run_forever(doomed), 0);
    ck_assert_int_eq(weft_loop_free(doomed), 0);
    return NULL;
}

/* Runs a loop with tasks of fn in a thread; `wake` is called again and again, and after some of
 * its calls the loop is stopped and closed with whatever waits. */
static void run_and_close(weft_coroutine fn, int tasks, void (*wake)(void), int wakes,
                          unsigned seed)
{
    unsigned state = seed;
    pthread_t thread;
    doomed = weft_new_event_loop(NULL);
    ck_assert_ptr_nonnull(doomed);
    weft_loop_set_exception_handler(doomed, report_record, NULL);
    for (int i = 0; i < tasks; i++) {
        weft_task *task = weft_create_task_on(doomed, fn, NULL, NULL);
        ck_assert_ptr_nonnull(task);
        weft_unref(task);
    }
    ck_assert_int_eq(pthread_create(&thread, NULL, run_doomed, NULL), 0);
    int stop_at = (int)(next_random(&state) % (unsigned)wakes);
    for (int i = 0; i < wakes; i++) {
        if (i == stop_at)
            ck_assert_int_eq(weft_call_soon_threadsafe(doomed, stop_doomed, NULL, NULL), 0);
        wake();
        for (unsigned pause = next_random(&state) % 200; pause; pause--)
            __asm__ volatile("");
        if (next_random(&state) % 8 == 0)
            sched_yield();
    }
    pthread_join(thread, NULL);
}

#endif
