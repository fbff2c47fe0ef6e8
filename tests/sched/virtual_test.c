/*
 * virtual_test.c - what a loop on the virtual clock does when it is stuck.
 */
#include "tests/sched/callbacks.h"
#include "tests/support/suite.h"

static weft_loop *loop;
static weft_task *stuck;

static void make_loop(void)
{
    loop = virtual_loop();
}

static void free_loop(void)
{
    ck_assert_int_eq(weft_loop_free(loop), 0);
}

COROUTINE(wait_for_ever)
{
    trace("waits");
    int rc = weft_sleep(WEFT_FOREVER);
    trace("%s@%d", weft_error_name(rc), (int)weft_loop_time(loop));
    return rc;
}

static int cancel_stuck(void *arg)
{
    trace("idle@%d", (int)weft_loop_time(arg));
    weft_cancel(stuck);
    return 0;
}

/* The callback is called when neither anything ready nor a timer is left, and the clock stands. */
START_TEST(is_called_when_all_wait)
{
    ck_assert_int_eq(weft_loop_set_idle_callback(loop, cancel_stuck, loop), 0);
    stuck = weft_create_task_on(loop, wait_for_ever, NULL, NULL);
    weft_call_later(loop, 7, note, "timer", NULL);
    ck_assert_int_eq(weft_loop_run_until_complete(loop, stuck, NULL), WEFT_ECANCELLED);
    ck_assert_trace("waits timer idle@7 WEFT_ECANCELLED@7");
    weft_unref(stuck);
}
END_TEST

static int count_turns(void *arg)
{
    *(int *)arg = sim_turn();
    return 0;
}

static int queue_count(void *arg)
{
    int turn = sim_turn();
    weft_call_soon(loop, count_turns, arg, NULL);
    weft_call_soon(loop, stop, loop, NULL);
    return turn;
}

/* What it queues runs in the iteration that it is called in. */
START_TEST(what_it_queues_runs_at_once)
{
    int turn = 0;
    weft_loop_stats stats;
    weft_loop_set_idle_callback(loop, queue_count, &turn);
    ck_assert_int_eq(weft_loop_run_forever(loop), 0);
    ck_assert_int_eq(weft_loop_get_stats(loop, &stats), 0);
    ck_assert_int_eq(turn, 1);
    ck_assert_int_eq((int)stats.iterations, 1);
}
END_TEST

static int arm_stop(void *arg)
{
    trace("idle");
    return weft_call_later(arg, 3, stop, arg, NULL);
}

/* A timer that it arms is one to jump to. */
START_TEST(it_may_arm_a_timer)
{
    weft_loop_set_idle_callback(loop, arm_stop, loop);
    ck_assert_int_eq(weft_loop_run_forever(loop), 0);
    ck_assert_trace("idle");
    ck_assert_double_eq(weft_loop_time(loop), 3);
}
END_TEST

/* It may stop the run. */
START_TEST(it_may_stop_the_loop)
{
    weft_loop_set_idle_callback(loop, stop, loop);
    ck_assert_int_eq(weft_loop_run_forever(loop), 0);
    weft_loop_set_idle_callback(loop, NULL, NULL);
    weft_call_later(loop, 1, stop, loop, NULL);
    ck_assert_int_eq(weft_loop_run_forever(loop), 0);
    ck_assert_double_eq(weft_loop_time(loop), 1);
}
END_TEST

static int fail_and_stop(void *arg)
{
    weft_loop_stop(arg);
    return weft_fail(-EIO, "stuck");
}

static int end_fatally(void *arg)
{
    return weft_fail(*(int *)arg, NULL);
}

/* Its error is reported; a fatal one ends the run. */
START_TEST(its_errors_are_those_of_a_callback)
{
    int fatal = WEFT_EINTERRUPTED;
    weft_loop_set_idle_callback(loop, fail_and_stop, loop);
    ck_assert_int_eq(weft_loop_run_forever(loop), 0);
    ck_assert_int_eq(reports_count, 1);
    ck_assert_int_eq(reports_code, -EIO);
    ck_assert_str_eq(reports_error, "stuck");
    weft_loop_set_idle_callback(loop, end_fatally, &fatal);
    ck_assert_int_eq(weft_loop_run_forever(loop), WEFT_EINTERRUPTED);
    ck_assert_int_eq(reports_count, 1);
}
END_TEST

static int job(__attribute__((unused)) void *arg, __attribute__((unused)) void **result)
{
    return 0;
}

COROUTINE(use_the_pool)
{
    trace("begins");
    int rc = weft_join(weft_to_thread(job, NULL), NULL);
    trace("ends");
    return rc;
}

/* A loop that waits for the pool is not stuck. */
START_TEST(the_pool_is_waited_for)
{
    weft_loop_set_idle_callback(loop, note, "idle");
    weft_task *task = weft_create_task_on(loop, use_the_pool, NULL, NULL);
    ck_assert_int_eq(weft_loop_run_until_complete(loop, task, NULL), 0);
    ck_assert_trace("begins ends");
    weft_unref(task);
}
END_TEST

/* A real clock has no such callback: there, waiting is no mistake. */
START_TEST(a_real_clock_has_none)
{
    weft_loop *real = weft_new_event_loop(NULL);
    ck_assert_int_eq(weft_loop_set_idle_callback(real, note, "idle"), -EINVAL);
    ck_assert_int_eq(weft_loop_set_idle_callback(NULL, note, "idle"), -EINVAL);
    weft_loop_free(real);
}
END_TEST

static Suite *virtual_suite(void)
{
    const TTest *const tests[] = {
        is_called_when_all_wait, what_it_queues_runs_at_once,        it_may_arm_a_timer,
        it_may_stop_the_loop,    its_errors_are_those_of_a_callback, the_pool_is_waited_for,
        a_real_clock_has_none,
    };
    Suite *suite = suite_create("virtual");
    TCase *idle = tcase_create("idle");
    tcase_add_checked_fixture(idle, make_loop, free_loop);
    for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
        tcase_add_test(idle, tests[i]);
    suite_add_tcase(suite, idle);
    return suite;
}

int main(void)
{
    return suite_main(virtual_suite());
}
