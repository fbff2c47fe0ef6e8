/*
 * circle_test.c - tasks of several loops that await each other in a circle: cancelling one ends them
 * all, as it does on one loop, and the request does not go round for ever.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "tests/support/sim.h"
#include "tests/support/suite.h"

#define TASKS_MAX 5

static weft_task *tasks[TASKS_MAX];
static long next_of[TASKS_MAX];
static atomic_int waiting;

COROUTINE(await_next)
{
    atomic_fetch_add(&waiting, 1);
    while (atomic_load(&waiting) < TASKS_MAX)
        weft_yield();
    return weft_await(tasks[next_of[(long)arg]], NULL);
}

static int do_nothing(void *arg)
{
    (void)arg;
    return 0;
}

/* Task i runs on loop i % loops, and awaits task next[i]; task 0 is cancelled. */
static void cancel_circle(const long *next, int loops)
{
    weft_runner runner;
    weft_runner_options options = {.loops = 3};
    ck_assert_int_eq(weft_runner_init(&runner, &options), 0);
    ck_assert_int_eq(weft_runner_start(&runner), 0);
    atomic_store(&waiting, -1);
    for (long i = 0; i < TASKS_MAX; i++)
        next_of[i] = next[i];
    for (long i = 0; i < TASKS_MAX; i++)
        tasks[i] = weft_create_task_on(weft_runner_loop_at(&runner, (int)i % loops), await_next,
                                       (void *)i, NULL);
    atomic_fetch_add(&waiting, 1);
    while (atomic_load(&waiting) < TASKS_MAX)
        sched_yield();
    ck_assert_int_eq(weft_cancel_msg(tasks[0], "break"), 1);
    for (int i = 0; i < TASKS_MAX; i++)
        ck_assert_int_eq(weft_future_wait(tasks[i], WEFT_FOREVER, NULL), WEFT_ECANCELLED);
    /* No request is under way any more, or the loops would not fall asleep. */
    for (int i = 0; i < 3; i++) {
        weft_loop_stats stats;
        uint64_t parks;
        weft_loop *loop = weft_runner_loop_at(&runner, i);
        ck_assert_int_eq(weft_loop_get_stats(loop, &stats), 0);
        parks = stats.parks;
        ck_assert_int_eq(weft_call_soon_threadsafe(loop, do_nothing, NULL, NULL), 0);
        while (stats.parks == parks)
            weft_loop_get_stats(loop, &stats);
    }
    for (int i = 0; i < TASKS_MAX; i++)
        weft_unref(tasks[i]);
    ck_assert_int_eq(weft_runner_close(&runner), 0);
}

START_TEST(a_circle_over_loops_is_cancelled)
{
    static const long ring[] = {1, 2, 3, 4, 0}; /* all are in the circle */
    static const long tail[] = {1, 2, 3, 4, 3}; /* the one that is cancelled is not */
    for (int loops = 1; loops <= 3; loops++) {
        cancel_circle(ring, loops);
        cancel_circle(tail, loops);
    }
}
END_TEST

/* What the tasks of a circle end with, when it is asked for several times before one of them runs;
 * and when a request is taken back. */
static void ask_often(int asks, bool take_back)
{
    atomic_store(&waiting, 0);
    for (long i = 0; i < TASKS_MAX; i++) {
        next_of[i] = (i + 1) % TASKS_MAX;
        tasks[i] = weft_create_task(await_next, (void *)i, NULL);
    }
    while (atomic_load(&waiting) < TASKS_MAX)
        ck_assert_int_eq(weft_yield(), 0);
    ck_assert_int_eq(weft_yield(), 0);
    for (int i = 0; i < asks; i++)
        ck_assert_int_eq(weft_cancel(tasks[i % TASKS_MAX]), 1);
    for (int i = 0; i < TASKS_MAX && take_back; i++) {
        while (weft_cancelling(tasks[i]) > 0)
            weft_uncancel(tasks[i]);
    }
    for (int i = 0; i < TASKS_MAX; i++) {
        ck_assert_int_eq(weft_wait_for(tasks[i], 100, NULL), WEFT_ECANCELLED);
        weft_unref(tasks[i]);
    }
}

START_SIM(a_circle_is_asked_often)
{
    for (int asks = 1; asks <= 3 * TASKS_MAX; asks++) {
        ask_often(asks, false);
        ask_often(asks, true);
    }
    return 0;
}

int main(void)
{
    Suite *suite = suite_create("circle");
    TCase *tcase = tcase_create("circle");
    tcase_add_test(tcase, a_circle_over_loops_is_cancelled);
    tcase_add_test(tcase, a_circle_is_asked_often);
    suite_add_tcase(suite, tcase);
    return suite_main(suite);
}
