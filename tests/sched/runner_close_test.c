/*
 * runner_close_test.c - a runner is closed while its loops work, and who may do that.
 */
#include <stdatomic.h>

#include "tests/sched/runners.h"
#include "tests/support/faults.h"
#include "tests/support/suite.h"

static char values[4];

static atomic_int drops;

static void drop(void *value)
{
    (void)value;
    atomic_fetch_add(&drops, 1);
}

COROUTINE(work_until_cancelled)
{
    atomic_fetch_add(&begun, 1);
    int rc;
    while (!(rc = weft_yield()))
        continue;
    atomic_fetch_add(&ended, 1);
    return rc;
}

/* Close cancels and awaits the tasks of all loops, asleep or at work, and nothing is reported
 * (RNR-12). */
START_TEST(close_while_all_loops_work)
{
    enum { LOOPS = 4, TASKS = 20 };
    weft_runner runner;
    weft_task *tasks[LOOPS][TASKS];
    open_runner(&runner, LOOPS);
    weft_loop_set_exception_handler(weft_runner_get_loop(&runner), report_record, NULL);
    ck_assert_int_eq(weft_runner_start(&runner), 0);
    for (int i = 0; i < LOOPS; i++)
        for (int j = 0; j < TASKS; j++)
            tasks[i][j] = weft_create_task_on(weft_runner_loop_at(&runner, i),
                                              j % 2 ? sleep_until_cancelled : work_until_cancelled,
                                              NULL, NULL);
    WAIT_FOR(atomic_load(&begun) == LOOPS * TASKS);
    ck_assert_int_eq(weft_runner_close(&runner), 0);
    ck_assert_int_eq(atomic_load(&ended), LOOPS * TASKS);
    for (int i = 0; i < LOOPS; i++)
        for (int j = 0; j < TASKS; j++) {
            ck_assert(weft_cancelled(tasks[i][j]));
            weft_unref(tasks[i][j]);
        }
    ck_assert_int_eq(reports_count, 0);
}
END_TEST

static const weft_task_options dropping = {.arg_drop = drop};
static weft_task *held[MANY];

COROUTINE(spawn_and_leave)
{
    for (int i = 0; i < MANY; i++) {
        held[i] = weft_spawn(count_body, values, &dropping);
        ck_assert_ptr_nonnull(held[i]);
    }
    return 0;
}

static void check_unstarted(int loops)
{
    weft_runner runner;
    atomic_store(&bodies, 0);
    atomic_store(&drops, 0);
    open_runner(&runner, loops);
    weft_loop_set_exception_handler(weft_runner_get_loop(&runner), report_record, NULL);
    ck_assert_int_eq(weft_runner_run(&runner, spawn_and_leave, NULL, NULL), 0);
    ck_assert_int_eq(weft_runner_close(&runner), 0);
    int cancelled = 0;
    for (int i = 0; i < MANY; i++) {
        ck_assert(weft_done(held[i]));
        cancelled += weft_cancelled(held[i]);
        weft_unref(held[i]);
    }
    ck_assert_int_eq(atomic_load(&drops), cancelled);
    ck_assert_int_eq(atomic_load(&bodies) + cancelled, MANY);
    ck_assert_int_eq(reports_count, 0);
}

static void check_unstarted_alone(void)
{
    check_unstarted(3);
    /* None but the first loop could have begun any, in the turns that it had. */
    ck_assert_int_gt(atomic_load(&drops), 0);
}

/* Spawned tasks that no loop has begun at close are cancelled like any other, without a word, and
 * the argument of each is released once (RNR-12, CANC-07). */
START_TEST(unstarted_tasks_are_cancelled_at_close)
{
    for (int loops = 1; loops <= 4; loops++)
        check_unstarted(loops);
    run_with_fault(FAULT_THREAD, 1, EAGAIN, true, check_unstarted_alone);
}
END_TEST

COROUTINE(spawn_for_ever)
{
    for (;;) {
        weft_task *task = weft_spawn(count_body, values, &dropping);
        ck_assert_ptr_nonnull(task);
        weft_unref(task);
        atomic_fetch_add(&begun, 1);
        int rc = weft_yield();
        if (rc)
            return rc;
    }
}

/* Close in the midst of spawning on all loops: each spawned task ran or was dropped. */
START_TEST(close_while_all_loops_spawn)
{
    for (int round = 0; round < 5; round++) {
        weft_runner runner;
        atomic_store(&begun, 0);
        atomic_store(&bodies, 0);
        atomic_store(&drops, 0);
        open_runner(&runner, 3);
        weft_loop_set_exception_handler(weft_runner_get_loop(&runner), report_record, NULL);
        ck_assert_int_eq(weft_runner_start(&runner), 0);
        for (int i = 0; i < 6; i++)
            weft_unref(weft_create_task_on(weft_runner_loop_at(&runner, i % 3), spawn_for_ever,
                                           NULL, NULL));
        WAIT_FOR(atomic_load(&begun) > 1000);
        ck_assert_int_eq(weft_runner_close(&runner), 0);
        ck_assert_int_eq(atomic_load(&bodies) + atomic_load(&drops), atomic_load(&begun));
        ck_assert_int_eq(reports_count, 0);
    }
}
END_TEST

COROUTINE(close_refused)
{
    ck_assert_int_eq(weft_runner_close(arg), WEFT_ELOOPRUNNING);
    return 0;
}

COROUTINE(close_in_the_pool)
{
    return weft_runner_close(arg);
}

/* Has the other runtime's runner closed on a pool thread, and waits for that. */
COROUTINE(hand_the_close_over)
{
    weft_future *closed = weft_to_thread(close_in_the_pool, arg);
    ck_assert_ptr_nonnull(closed);
    return weft_join(closed, NULL);
}

/* No loop may close a runner, its own or another's: it would stand still meanwhile, and the tasks
 * that are ended may wait for it. Nothing happens then, and a thread of the pool may do it. */
START_TEST(no_loop_closes_a_runner)
{
    weft_runner runner, other;
    open_runner(&runner, 2);
    open_runner(&other, 1);
    ck_assert_int_eq(weft_runner_start(&runner), 0);
    for (int i = 0; i < 2; i++) {
        weft_task *inside =
            weft_create_task_on(weft_runner_loop_at(&runner, i), close_refused, &runner, NULL);
        ck_assert_int_eq(weft_future_wait(inside, WEFT_FOREVER, NULL), 0);
        weft_unref(inside);
    }
    ck_assert_int_eq(weft_runner_run(&other, close_refused, &runner, NULL), 0);
    ck_assert_int_eq(weft_runner_run(&other, close_refused, &other, NULL), 0);
    /* A task of the one waits for one of the other's, which its cancellation has to reach. */
    weft_task *far = weft_create_task_on(weft_runner_get_loop(&other), sim_sleep, NULL, NULL);
    weft_task *waits = weft_create_task_on(weft_runner_loop_at(&runner, 1), sim_await, far, NULL);
    ck_assert_int_eq(weft_runner_run(&other, hand_the_close_over, &runner, NULL), 0);
    ck_assert(weft_cancelled(waits));
    ck_assert_int_eq(weft_runner_close(&runner), 0);
    ck_assert_int_eq(weft_runner_close(&other), 0);
    ck_assert(weft_cancelled(far));
    weft_unref(waits);
    weft_unref(far);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        close_while_all_loops_work,
        unstarted_tasks_are_cancelled_at_close,
        close_while_all_loops_spawn,
        no_loop_closes_a_runner,
    };
    Suite *suite = suite_create("runner_close");
    TCase *tcase = tcase_create("closing");
    for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
        tcase_add_test(tcase, tests[i]);
    suite_add_tcase(suite, tcase);
    return suite_main(suite);
}
