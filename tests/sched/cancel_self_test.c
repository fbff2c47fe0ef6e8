/*
 * cancel_self_test.c - tasks that cancel themselves, and clean-up that ends in another error.
 */
#include <errno.h>

#include "tests/sched/tasks.h"
#include "tests/support/suite.h"

static int values[4];

/* Catches its cancellation, and fails. */
COROUTINE(fail_when_cancelled)
{
    ck_assert_int_eq(weft_await(arg, NULL), WEFT_ECANCELLED);
    return weft_fail(-EIO, "in clean-up");
}

COROUTINE(cancel_self_and_go_on)
{
    weft_future *done = weft_create_future();
    weft_future_set_result(done, NULL);
    ck_assert_int_eq(weft_cancel_msg(self(), "by myself"), 1);
    ck_assert_int_eq(weft_await(done, NULL), 0);
    weft_unref(done);
    int turn = sim_turn();
    trace("before");
    int rc = arg ? weft_sleep(1) : weft_yield();
    ck_assert_int_eq(rc, WEFT_ECANCELLED);
    ck_assert_str_eq(sim_said(), "by myself");
    ck_assert_int_eq(sim_turn(), turn + 1);
    trace("after");
    ck_assert_int_eq(weft_yield(), 0);
    return WEFT_ECANCELLED;
}

/* CANC-08: a task that cancels itself goes on until its next real suspension, which ends in the
 * following iteration. */
START_SIM(cancel_of_oneself_waits_for_a_suspension)
{
    for (int sleeps = 0; sleeps < 2; sleeps++) {
        weft_task *t = weft_create_task(cancel_self_and_go_on, sleeps ? &values[0] : NULL, NULL);
        weft_call_soon(weft_get_running_loop(), note_soon, "other", NULL);
        ck_assert_int_eq(weft_join(t, NULL), WEFT_ECANCELLED);
        ck_assert_trace("before other after");
    }
    ck_assert(weft_loop_time(weft_get_running_loop()) < 0.5);
    return 0;
}

COROUTINE(cancel_self_then_await)
{
    weft_cancel_msg(self(), "by myself");
    int rc = weft_await(arg, result);
    ck_assert_int_eq(rc, WEFT_ECANCELLED);
    ck_assert_str_eq(sim_said(), "by myself");
    return rc;
}

/* CANC-09: the pending future, or the task, on which that suspension is gets cancelled too. */
START_SIM(cancel_of_oneself_cancels_what_is_awaited)
{
    weft_future *f = weft_create_future();
    weft_task *other = weft_create_task(sleep_long, NULL, NULL);
    weft_task *t = weft_create_task(cancel_self_then_await, f, NULL);

    ck_assert_int_eq(weft_join(t, NULL), WEFT_ECANCELLED);
    ck_assert(weft_cancelled(f));
    t = weft_create_task(cancel_self_then_await, other, NULL);
    ck_assert_int_eq(weft_join(t, NULL), WEFT_ECANCELLED);
    ck_assert(weft_cancelled(other));
    weft_unref(other);
    weft_unref(f);
    return 0;
}

COROUTINE(cancel_self_and_end)
{
    weft_cancel_msg(self(), "by myself");
    *result = &values[3];
    return *(int *)arg ? weft_fail(*(int *)arg, "another error") : 0;
}

static void note_result_drop(void *result)
{
    trace("drop%d", (int)((int *)result - values));
}

/* CANC-10: ended without another suspension, a task that cancelled itself is cancelled; the result
 * is lost (and released). */
START_SIM(cancel_of_oneself_outdoes_the_result)
{
    weft_task_options options = {.result_drop = note_result_drop};
    int none = 0;
    weft_task *t = weft_create_task(cancel_self_and_end, &none, &options);
    void *value = &values[0];

    ck_assert_int_eq(weft_await(t, &value), WEFT_ECANCELLED);
    ck_assert_str_eq(sim_said(), "by myself");
    ck_assert_ptr_eq(value, &values[0]);
    ck_assert(weft_cancelled(t));
    ck_assert_trace("drop3");
    weft_unref(t);
    return 0;
}

/* CANC-24: the message of such a request went to no error of the body: everybody who asks gets it. */
START_SIM(message_of_an_unheard_request_stays)
{
    int none = 0;
    weft_task *t = weft_create_task(cancel_self_and_end, &none, NULL);
    weft_error *error = NULL;

    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(weft_await(t, NULL), WEFT_ECANCELLED);
        ck_assert_str_eq(sim_said(), "by myself");
        ck_assert_int_eq(weft_exception(t, &error), WEFT_ECANCELLED);
        ck_assert_str_eq(sim_said(), "by myself");
    }
    weft_unref(t);
    return 0;
}

/* CANC-11: ended by another error, it fails with that one. */
START_SIM(other_error_outdoes_cancel_of_oneself)
{
    int code = -EIO;
    weft_task *t = weft_create_task(cancel_self_and_end, &code, NULL);

    ck_assert_int_eq(weft_await(t, NULL), -EIO);
    ck_assert_str_eq(sim_said(), "another error");
    ck_assert(!weft_cancelled(t));
    weft_unref(t);
    return 0;
}

/* CANC-25: a body that fails while it is being cancelled makes the task fail with that error. */
START_SIM(error_in_clean_up)
{
    weft_future *f = weft_create_future();
    weft_task *t = weft_create_task(fail_when_cancelled, f, NULL);

    sim_pass(1);
    weft_cancel(t);
    ck_assert_int_eq(weft_await(t, NULL), -EIO);
    ck_assert_str_eq(sim_said(), "in clean-up");
    ck_assert(!weft_cancelled(t));
    weft_unref(t);
    weft_unref(f);
    return 0;
}

COROUTINE(exit_when_cancelled)
{
    ck_assert_int_eq(weft_sleep(1000), WEFT_ECANCELLED);
    return WEFT_ESYSTEMEXIT;
}

COROUTINE(cancel_and_wait)
{
    sim_pass(1);
    weft_cancel(arg);
    return weft_sleep(1000);
}

/* CANC-26: a fatal error of a body that is being cancelled is the task's error, and leaves the
 * loop. */
START_TEST(fatal_error_in_clean_up)
{
    weft_loop *loop = weft_new_event_loop(&(weft_loop_options){.clock = WEFT_CLOCK_VIRTUAL});
    weft_task *t = weft_create_task_on(loop, exit_when_cancelled, NULL, NULL);
    weft_task *canceller = weft_create_task_on(loop, cancel_and_wait, t, NULL);

    weft_loop_set_exception_handler(loop, report_record, NULL);
    ck_assert_int_eq(weft_loop_run_until_complete(loop, canceller, NULL), WEFT_ESYSTEMEXIT);
    ck_assert(weft_done(t));
    ck_assert(!weft_cancelled(t));
    ck_assert_int_eq(weft_result(t, NULL), WEFT_ESYSTEMEXIT);
    weft_unref(t);
    weft_unref(canceller);
    ck_assert_int_eq(weft_loop_free(loop), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cancel_self");

    TCase *oneself = tcase_create("oneself");
    tcase_add_test(oneself, cancel_of_oneself_waits_for_a_suspension);
    tcase_add_test(oneself, cancel_of_oneself_cancels_what_is_awaited);
    tcase_add_test(oneself, cancel_of_oneself_outdoes_the_result);
    tcase_add_test(oneself, message_of_an_unheard_request_stays);
    tcase_add_test(oneself, other_error_outdoes_cancel_of_oneself);
    suite_add_tcase(suite, oneself);

    TCase *errors = tcase_create("errors");
    tcase_add_test(errors, error_in_clean_up);
    tcase_add_test(errors, fatal_error_in_clean_up);
    suite_add_tcase(suite, errors);

    return suite_main(suite);
}
