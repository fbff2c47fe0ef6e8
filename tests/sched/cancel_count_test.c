/*
 * cancel_count_test.c - requests to cancel: how many there are, which are taken back, whose message
 * counts.
 */
#include <errno.h>

#include "tests/sched/tasks.h"
#include "tests/support/suite.h"

static int values[4];

/* Catches its cancellation, and returns a value. */
COROUTINE(swallow)
{
    ck_assert_int_eq(weft_await(arg, NULL), WEFT_ECANCELLED);
    *result = &values[2];
    return 0;
}

COROUTINE(count_cancellations)
{
    int *count = arg;
    for (int i = 0; i < 10; i++)
        *count += weft_sleep(10) == WEFT_ECANCELLED;
    return 0;
}

/* CANC-13: several requests before the task resumes are one error, but count one by one. */
START_SIM(requests_before_resumption_are_one_error)
{
    int count = 0;
    weft_task *t = weft_create_task(count_cancellations, &count, NULL);

    sim_pass(1);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(weft_cancel(t), 1);
    ck_assert_int_eq(weft_cancelling(t), 3);
    sim_pass(2);
    ck_assert_int_eq(count, 1);
    ck_assert_int_eq(weft_await(t, NULL), 0);
    ck_assert_int_eq(count, 1);
    ck_assert_int_eq(weft_cancelling(t), 3);
    weft_unref(t);
    return 0;
}

/* CANC-13, CANC-18: however many they are. */
START_SIM(many_requests_count_one_by_one)
{
    enum { REQUESTS = 70000 };
    int count = 0;
    weft_task *t = weft_create_task(count_cancellations, &count, NULL);

    sim_pass(1);
    for (int i = 1; i <= REQUESTS; i++)
        ck_assert_int_eq(weft_cancel(t), 1);
    ck_assert_int_eq(weft_cancelling(t), REQUESTS);
    ck_assert_int_eq(weft_uncancel(t), REQUESTS - 1);
    ck_assert_int_eq(weft_await(t, NULL), 0);
    ck_assert_int_eq(count, 1);
    weft_unref(t);
    return 0;
}

/* CANC-14: once the error was caught, a new request delivers another. */
START_SIM(requests_after_resumption_are_new_errors)
{
    int count = 0;
    weft_task *t = weft_create_task(count_cancellations, &count, NULL);

    sim_pass(1);
    for (int i = 1; i <= 3; i++) {
        ck_assert_int_eq(weft_cancel(t), 1);
        sim_pass(1);
        ck_assert_int_eq(count, i);
    }
    ck_assert_int_eq(weft_join(t, NULL), 0);
    return 0;
}

COROUTINE(note_message)
{
    int rc = weft_sleep(10);
    trace("%s", sim_said());
    return rc;
}

/* CANC-15, CANC-24: the message reaches the body, and the first who awaits the task or asks for
 * its result; each call says that it was cancelled. */
START_SIM(message_reaches_body_and_first_asker)
{
    weft_task *t = weft_create_task(note_message, NULL, NULL);
    weft_error *error = NULL;

    sim_pass(1);
    weft_cancel_msg(t, "enough");
    ck_assert_int_eq(weft_await(t, NULL), WEFT_ECANCELLED);
    ck_assert_str_eq(sim_said(), "enough");
    ck_assert_trace("enough");
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(weft_result(t, NULL), WEFT_ECANCELLED);
        ck_assert_int_eq(weft_exception(t, &error), WEFT_ECANCELLED);
        ck_assert_ptr_null(error);
    }
    weft_unref(t);

    t = weft_create_task(note_message, NULL, NULL);
    sim_pass(1);
    weft_cancel_msg(t, "enough");
    sim_pass(1);
    ck_assert_int_eq(weft_result(t, NULL), WEFT_ECANCELLED);
    ck_assert_str_eq(sim_said(), "enough");
    ck_assert_trace("enough");
    weft_unref(t);

    t = weft_create_task(note_message, NULL, NULL);
    sim_pass(1);
    weft_fail(-EIO, "older");
    weft_cancel(t);
    ck_assert_int_eq(weft_join(t, NULL), WEFT_ECANCELLED);
    ck_assert_str_eq(sim_said(), "-");
    ck_assert_trace("-");
    return 0;
}

COROUTINE(yield_and_note)
{
    int rc = weft_yield();
    trace("%s", sim_said());
    return rc;
}

COROUTINE(await_and_note)
{
    int rc = weft_await(arg, NULL);
    trace("%s", sim_said());
    return rc;
}

/* CANC-16: of several messages the first counts for a task suspended on something pending, the last
 * for one that is ready, or has not started. */
START_SIM(which_message_counts)
{
    weft_future *f = weft_create_future(), *g = weft_create_future();
    weft_task *pending = weft_create_task(await_and_note, f, NULL);
    weft_task *sleeping = weft_create_task(note_message, NULL, NULL);
    weft_task *ready = weft_create_task(await_and_note, g, NULL);
    weft_task *yielding = weft_create_task(yield_and_note, NULL, NULL);

    sim_pass(1);
    weft_task *unstarted = weft_create_task(never_run, NULL, NULL);
    weft_future_set_result(g, NULL);
    weft_task *tasks[] = {pending, sleeping, ready, yielding, unstarted};
    for (int i = 0; i < 5; i++) {
        weft_cancel_msg(tasks[i], "first");
        weft_cancel_msg(tasks[i], "second");
    }
    sim_pass(1);
    trace_clear();
    for (int i = 0; i < 5; i++) {
        ck_assert_int_eq(weft_result(tasks[i], NULL), WEFT_ECANCELLED);
        trace("%s", sim_said());
        weft_unref(tasks[i]);
    }
    ck_assert_trace("first first second second second");
    weft_unref(f);
    weft_unref(g);
    return 0;
}

COROUTINE(await_note_and_go_on)
{
    ck_assert_int_eq(weft_await(arg, NULL), WEFT_ECANCELLED);
    trace("%s", sim_said());
    return weft_yield();
}

/* CANC-16: a task that is ready with a CancelledError of what it awaited gets that one, whether the
 * future was cancelled or failed with it, and a request that comes now is answered by it. */
START_SIM(cancelled_error_on_its_way_counts)
{
    for (int failed = 0; failed < 2; failed++) {
        weft_future *f = weft_create_future();
        weft_task *t = weft_create_task(await_note_and_go_on, f, NULL);

        sim_pass(1);
        if (failed)
            weft_future_set_exception(f, weft_fail(WEFT_ECANCELLED, "theirs"));
        else
            weft_cancel_msg(f, "theirs");
        ck_assert_int_eq(weft_cancel_msg(t, "own"), 1);
        ck_assert_int_eq(weft_join(t, NULL), 0);
        ck_assert_trace("theirs");
        weft_unref(f);
    }
    return 0;
}

/* CANC-18, CANC-19: the count is that of accepted requests less those taken back, never below 0. */
START_SIM(requests_are_counted)
{
    weft_task *t = weft_create_task(swallow, NULL, NULL);
    weft_future *f = weft_create_future();

    weft_cancel(t);
    ck_assert_int_eq(weft_join(t, NULL), WEFT_ECANCELLED);
    t = weft_create_task(swallow, f, NULL);
    ck_assert_int_eq(weft_cancelling(t), 0);
    ck_assert_int_eq(weft_uncancel(t), 0);
    ck_assert_int_eq(weft_cancelling(t), 0);
    sim_pass(1);
    weft_cancel(t);
    weft_cancel(t);
    ck_assert_int_eq(weft_cancelling(t), 2);
    ck_assert_int_eq(weft_uncancel(t), 1);
    ck_assert_int_eq(weft_await(t, NULL), 0);
    ck_assert_int_eq(weft_cancelling(t), 1);
    ck_assert_int_eq(weft_cancel(t), 0);
    ck_assert_int_eq(weft_cancelling(t), 1);
    weft_unref(t);
    weft_unref(f);
    return 0;
}

COROUTINE(note_outcome)
{
    int rc = arg ? weft_await(arg, NULL) : weft_yield();
    trace("%s", rc ? weft_error_name(rc) : "ok");
    return rc;
}

/* CANC-20: taken back to 0 before the task resumes, and with nothing cancelled yet, a request is
 * withdrawn, with its message. */
START_SIM(uncancel_withdraws_what_is_not_delivered)
{
    weft_future *f = weft_create_future();
    weft_task *ready = weft_create_task(note_outcome, f, NULL);
    weft_task *yielding = weft_create_task(note_outcome, NULL, NULL);

    sim_pass(1);
    weft_task *unstarted = weft_create_task(note_outcome, NULL, NULL);
    weft_future_set_result(f, NULL);
    weft_task *tasks[] = {ready, yielding, unstarted};
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(weft_cancel_msg(tasks[i], "message"), 1);
        ck_assert_int_eq(weft_cancel(tasks[i]), 1);
        ck_assert_int_eq(weft_uncancel(tasks[i]), 1);
        ck_assert_int_eq(weft_uncancel(tasks[i]), 0);
    }
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(weft_join(tasks[i], NULL), 0);
    ck_assert_trace("ok ok ok");
    weft_unref(f);
    return 0;
}

/* CANC-20: a request that is not taken back to 0 stays. */
START_SIM(uncancel_to_one_withdraws_nothing)
{
    weft_task *t = weft_create_task(note_outcome, NULL, NULL);

    sim_pass(1);
    weft_cancel(t);
    weft_cancel(t);
    ck_assert_int_eq(weft_uncancel(t), 1);
    ck_assert_int_eq(weft_join(t, NULL), WEFT_ECANCELLED);
    ck_assert_trace("WEFT_ECANCELLED");
    return 0;
}

/* CANC-21: if the awaited future was cancelled by the request, taking it back withdraws nothing. */
START_SIM(uncancel_comes_too_late)
{
    weft_future *f = weft_create_future();
    weft_task *waiting = weft_create_task(note_outcome, f, NULL);
    weft_task *sleeping = weft_create_task(sleep_long, NULL, NULL);

    sim_pass(1);
    weft_cancel(waiting);
    weft_cancel(sleeping);
    ck_assert_int_eq(weft_uncancel(waiting), 0);
    ck_assert_int_eq(weft_uncancel(sleeping), 0);
    ck_assert_int_eq(weft_join(waiting, NULL), WEFT_ECANCELLED);
    ck_assert_int_eq(weft_join(sleeping, NULL), WEFT_ECANCELLED);
    weft_unref(f);
    return 0;
}

/* CANC-22: on a task that is done, uncancel() changes no outcome. */
START_SIM(uncancel_of_a_done_task)
{
    weft_task *t = weft_create_task(sleep_long, NULL, NULL);

    sim_pass(1);
    weft_cancel(t);
    ck_assert_int_eq(weft_await(t, NULL), WEFT_ECANCELLED);
    ck_assert_int_eq(weft_uncancel(t), 0);
    ck_assert(weft_cancelled(t));
    ck_assert_int_eq(weft_result(t, NULL), WEFT_ECANCELLED);
    weft_unref(t);
    return 0;
}

static int cancel_callback(void *task)
{
    weft_cancel(task);
    return 0;
}

/* CANC-23: a block that timed itself out and took its request back leaves the code behind it alone.
 */
START_SIM(block_that_times_itself_out)
{
    weft_future *f = weft_create_future();

    ck_assert_int_eq(weft_call_later(weft_get_running_loop(), 1, cancel_callback, self(), NULL), 0);
    ck_assert_int_eq(weft_await(f, NULL), WEFT_ECANCELLED);
    ck_assert_int_eq(weft_uncancel(self()), 0);
    ck_assert_int_eq(weft_cancelling(self()), 0);
    ck_assert_int_eq(weft_yield(), 0);
    ck_assert_int_eq(weft_sleep(1), 0);
    weft_unref(f);
    return 0;
}

int main(void)
{
    Suite *suite = suite_create("cancel_count");

    TCase *delivery = tcase_create("delivery");
    tcase_add_test(delivery, requests_before_resumption_are_one_error);
    tcase_add_test(delivery, many_requests_count_one_by_one);
    tcase_add_test(delivery, requests_after_resumption_are_new_errors);
    suite_add_tcase(suite, delivery);

    TCase *messages = tcase_create("messages");
    tcase_add_test(messages, message_reaches_body_and_first_asker);
    tcase_add_test(messages, which_message_counts);
    tcase_add_test(messages, cancelled_error_on_its_way_counts);
    suite_add_tcase(suite, messages);

    TCase *counts = tcase_create("counts");
    tcase_add_test(counts, requests_are_counted);
    tcase_add_test(counts, uncancel_withdraws_what_is_not_delivered);
    tcase_add_test(counts, uncancel_to_one_withdraws_nothing);
    tcase_add_test(counts, uncancel_comes_too_late);
    tcase_add_test(counts, uncancel_of_a_done_task);
    tcase_add_test(counts, block_that_times_itself_out);
    suite_add_tcase(suite, counts);

    return suite_main(suite);
}
