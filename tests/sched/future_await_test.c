/*
 * future_await_test.c - those who await a future, on its loop and on others, and the report of an
 * error that nobody looks at.
 */
#include <errno.h>
#include <pthread.h>

#include "tests/sched/futures.h"
#include "tests/support/sim.h"
#include "tests/support/suite.h"

static int values[4];

struct awaiter {
    weft_future *future;
    const char *name;
    int turn; /* in which it resumed */
};

COROUTINE(await_and_note)
{
    struct awaiter *a = arg;
    int rc = weft_await(a->future, result);
    a->turn = sim_turn();
    trace("%s", a->name);
    return rc;
}

/* FUT-21: a future that is done in iteration k resumes who awaits it in k+1. */
START_SIM(await_resumes_in_the_next_iteration)
{
    weft_future *f = weft_create_future();
    struct awaiter a = {f, "resumed", 0};
    weft_task *t = weft_create_task(await_and_note, &a, NULL);
    void *value = NULL;

    sim_pass(3);
    ck_assert_trace("");
    int turn = sim_turn();
    weft_future_set_result(f, &values[2]);
    trace("set");
    ck_assert_int_eq(weft_join(t, &value), 0);
    ck_assert_trace("set resumed");
    ck_assert_int_eq(a.turn, turn + 1);
    ck_assert_ptr_eq(value, &values[2]);
    weft_unref(f);
    return 0;
}

/* FUT-22: awaiting what is done gives the outcome without letting others run. */
START_SIM(await_of_a_done_future_does_not_suspend)
{
    weft_future *f = weft_create_future(), *g = weft_create_future();
    void *value = NULL;
    int turn = sim_turn();

    weft_future_set_result(f, &values[2]);
    weft_future_set_exception(g, -EIO);
    weft_call_soon(weft_get_running_loop(), note_soon, "other", NULL);
    ck_assert_int_eq(weft_await(f, &value), 0);
    ck_assert_ptr_eq(value, &values[2]);
    ck_assert_int_eq(weft_await(f, NULL), 0);
    value = NULL;
    ck_assert_int_eq(weft_await(g, &value), -EIO);
    ck_assert_ptr_null(value);
    ck_assert_int_eq(sim_turn(), turn);
    ck_assert_trace("");
    weft_unref(f);
    weft_unref(g);
    return 0;
}

/* FUT-13, FUT-23: tasks that await and callbacks are one line, in the order in which they came. */
START_SIM(awaiters_resume_in_order)
{
    weft_future *f = weft_create_future();
    struct awaiter a[] = {{f, "A", 0}, {f, "B", 0}, {f, "C", 0}};
    weft_task *t[3];

    weft_add_done_callback(f, note, "first");
    for (int i = 0; i < 3; i++) {
        t[i] = weft_create_task(await_and_note, &a[i], NULL);
        sim_pass(1);
        weft_add_done_callback(f, note, i == 1 ? "between" : "-");
    }
    weft_future_set_result(f, &values[1]);
    for (int i = 0; i < 3; i++) {
        void *value = NULL;
        ck_assert_int_eq(weft_join(t[i], &value), 0);
        ck_assert_ptr_eq(value, &values[1]);
        ck_assert_int_eq(a[i].turn, a[0].turn);
    }
    ck_assert_trace("first A - B between C -");
    weft_unref(f);
    return 0;
}

COROUTINE(await_quietly)
{
    int rc = weft_await(arg, result);
    ck_assert_int_eq(weft_cancelling(weft_current_task()), 0);
    return rc;
}

/* FUT-24: a future that somebody else cancelled fails its awaiter, whose own count stays 0. */
START_SIM(foreign_cancellation_reaches_the_awaiter)
{
    weft_future *f = weft_create_future();
    weft_task *t = weft_create_task(await_quietly, f, NULL);

    sim_pass(1);
    ck_assert_int_eq(weft_cancel_msg(f, "by another"), 1);
    ck_assert_int_eq(weft_await(t, NULL), WEFT_ECANCELLED);
    ck_assert_str_eq(weft_error_message(weft_error_current()), "by another");
    ck_assert(weft_cancelled(t));
    ck_assert_int_eq(weft_cancelling(t), 0);
    weft_unref(t);
    weft_unref(f);
    return 0;
}

COROUTINE(complete_concurrent)
{
    return weft_future_set_result(arg, &values[3]);
}

/* FUT-25 (asyncio refuses it; here it works): a task may await a future that is not of its loop. */
START_SIM(await_of_a_future_of_no_loop)
{
    weft_future *f = weft_future_new(NULL);
    weft_task *t = weft_create_task(complete_concurrent, f, NULL);
    void *value = NULL;

    ck_assert_int_eq(weft_await(f, &value), 0);
    ck_assert_ptr_eq(value, &values[3]);
    ck_assert_int_eq(weft_join(t, NULL), 0);
    weft_unref(f);
    return 0;
}

/* FUT-26: an error that nobody looked at is reported once, when the last reference goes. */
START_SIM(unseen_error_is_reported)
{
    weft_future *f = weft_create_future();

    weft_future_set_exception(f, weft_fail(-EIO, "unseen"));
    ck_assert_ptr_eq(weft_ref(f), f);
    weft_unref(f);
    ck_assert_int_eq(reports_count, 0);
    weft_unref(f);
    ck_assert_int_eq(reports_count, 1);
    ck_assert_str_eq(reports_message, "Future exception was never retrieved");
    ck_assert_int_eq(reports_code, -EIO);
    ck_assert_str_eq(reports_error, "unseen");
    return 0;
}

static int look_by_result(weft_future *f)
{
    return weft_result(f, NULL);
}

static int look_by_exception(weft_future *f)
{
    weft_error *error = NULL;
    int rc = weft_exception(f, &error);
    weft_error_unref(error);
    return rc;
}

static int look_by_await(weft_future *f)
{
    return weft_await(f, NULL);
}

/* FUT-27: nothing is reported of a future that was pending, cancelled or had a result, nor of an
 * error that was looked at. */
START_SIM(seen_errors_are_not_reported)
{
    int (*const looks[])(weft_future *) = {look_by_result, look_by_exception, look_by_await};

    weft_unref(weft_create_future());
    weft_future *cancelled = weft_create_future(), *with_result = weft_create_future();
    weft_cancel_msg(cancelled, "message");
    weft_future_set_result(with_result, NULL);
    weft_unref(cancelled);
    weft_unref(with_result);
    for (int i = 0; i < 3; i++) {
        weft_future *f = weft_create_future();
        weft_future_set_exception(f, -EIO);
        looks[i](f);
        weft_unref(f);
    }
    ck_assert_int_eq(reports_count, 0);
    return 0;
}

/* FUT-28: cancelling what has failed returns 0, and withdraws the report. */
START_SIM(late_cancel_withdraws_the_report)
{
    weft_future *f = weft_create_future();

    weft_future_set_exception(f, -EIO);
    ck_assert_int_eq(weft_cancel(f), 0);
    weft_unref(f);
    ck_assert_int_eq(reports_count, 0);
    return 0;
}

static void *complete_from_thread(void *arg)
{
    ck_assert_int_eq(weft_future_set_result(arg, &values[1]), 0);
    ck_assert_int_eq(weft_future_set_result(arg, &values[2]), WEFT_EINVALIDSTATE);
    return NULL;
}

COROUTINE(await_other_thread)
{
    weft_future *f = weft_create_future();
    pthread_t thread;
    void *value = NULL;

    ck_assert_int_eq(pthread_create(&thread, NULL, complete_from_thread, f), 0);
    ck_assert_int_eq(weft_await(f, &value), 0);
    ck_assert_ptr_eq(value, &values[1]);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    weft_unref(f);
    return 0;
}

/* FUT-29 (beyond asyncio): another thread may complete a future directly, and the task resumes. */
START_TEST(future_completed_by_another_thread)
{
    ck_assert_int_eq(weft_run(await_other_thread, NULL, NULL), 0);
}
END_TEST

static int await_in_callback(void *arg)
{
    ck_assert_int_eq(weft_await(arg, NULL), WEFT_ENOTASK);
    trace("refused");
    return 0;
}

/* NC: awaiting outside a task is an error, in callbacks as in plain threads. */
START_TEST(await_needs_a_task)
{
    weft_loop *loop = weft_new_event_loop(NULL);
    weft_future *f = weft_future_new(loop);

    ck_assert_int_eq(weft_await(f, NULL), WEFT_ENOTASK);
    ck_assert_int_eq(weft_call_soon(loop, await_in_callback, f, NULL), 0);
    ck_assert_int_eq(weft_loop_stop(loop), 0);
    ck_assert_int_eq(weft_loop_run_forever(loop), 0);
    ck_assert_trace("refused");
    weft_unref(f);
    ck_assert_int_eq(weft_loop_free(loop), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("future_await");
    TCase *tcase = tcase_create("awaiting");

    tcase_add_test(tcase, await_resumes_in_the_next_iteration);
    tcase_add_test(tcase, await_of_a_done_future_does_not_suspend);
    tcase_add_test(tcase, awaiters_resume_in_order);
    tcase_add_test(tcase, foreign_cancellation_reaches_the_awaiter);
    tcase_add_test(tcase, await_of_a_future_of_no_loop);
    tcase_add_test(tcase, unseen_error_is_reported);
    tcase_add_test(tcase, seen_errors_are_not_reported);
    tcase_add_test(tcase, late_cancel_withdraws_the_report);
    tcase_add_test(tcase, future_completed_by_another_thread);
    tcase_add_test(tcase, await_needs_a_task);
    suite_add_tcase(suite, tcase);
    return suite_main(suite);
}
