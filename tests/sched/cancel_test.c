/*
 * cancel_test.c - cancellation of tasks: when it arrives, where, how often, with which message.
 */
#include <errno.h>

#include "tests/support/sim.h"
#include "tests/support/suite.h"

static int values[4];

static weft_task *self(void)
{
    return weft_current_task();
}

/* The message of the current error, or "-". */
static const char *said(void)
{
    const char *message = weft_error_message(weft_error_current());
    return message ? message : "-";
}

COROUTINE(give_value)
{
    *result = arg;
    return 0;
}

COROUTINE(await_it)
{
    int rc = weft_await(arg, result);
    trace("%s", rc == WEFT_ECANCELLED ? "cancelled" : "resumed");
    return rc;
}

COROUTINE(sleep_long)
{
    return weft_sleep(1000);
}

/* Catches its cancellation, and returns a value. */
COROUTINE(swallow)
{
    ck_assert_int_eq(weft_await(arg, NULL), WEFT_ECANCELLED);
    *result = &values[2];
    return 0;
}

/* Catches its cancellation, and fails. */
COROUTINE(fail_when_cancelled)
{
    ck_assert_int_eq(weft_await(arg, NULL), WEFT_ECANCELLED);
    return weft_fail(-EIO, "in clean-up");
}

/* CANC-01: cancelling is accepted until the task is done, also while a request is pending. */
START_SIM(cancel_says_whether_it_was_accepted)
{
    weft_task *t = weft_create_task(sleep_long, NULL, NULL);

    sim_pass(1);
    ck_assert_int_eq(weft_cancel(t), 1);
    ck_assert_int_eq(weft_cancel(t), 1);
    ck_assert_int_eq(weft_await(t, NULL), WEFT_ECANCELLED);
    ck_assert_int_eq(weft_cancel(t), 0);
    ck_assert_int_eq(weft_cancelling(t), 2);
    weft_unref(t);
    t = weft_create_task(give_value, NULL, NULL);
    sim_pass(1);
    ck_assert_int_eq(weft_cancel(t), 0);
    ck_assert(!weft_cancelled(t));
    weft_unref(t);
    return 0;
}

/* CANC-02: cancelling runs nothing; the task is cancelled when its body has ended. */
START_SIM(cancel_runs_nothing)
{
    weft_future *f = weft_create_future();
    weft_task *t = weft_create_task(await_it, f, NULL);

    sim_pass(1);
    ck_assert_int_eq(weft_cancel(t), 1);
    ck_assert_trace("");
    ck_assert(!weft_done(t));
    ck_assert(!weft_cancelled(t));
    sim_pass(1);
    ck_assert_trace("cancelled");
    ck_assert(weft_cancelled(t));
    weft_unref(t);
    weft_unref(f);
    return 0;
}

/* CANC-03: the future that a task awaits is cancelled at once, down a chain of tasks. */
START_SIM(cancel_goes_down_the_chain)
{
    weft_future *f = weft_create_future();
    weft_task *inner = weft_create_task(await_it, f, NULL);
    weft_task *middle = weft_create_task(await_it, inner, NULL);
    weft_task *outer = weft_create_task(await_it, middle, NULL);

    sim_pass(1);
    ck_assert_int_eq(weft_cancel_msg(outer, "stop"), 1);
    ck_assert(weft_cancelled(f));
    ck_assert_int_eq(weft_cancelling(outer), 1);
    ck_assert_int_eq(weft_cancelling(middle), 1);
    ck_assert_int_eq(weft_cancelling(inner), 1);
    ck_assert_int_eq(weft_await(outer, NULL), WEFT_ECANCELLED);
    ck_assert_str_eq(said(), "stop");
    ck_assert(weft_cancelled(inner) && weft_cancelled(middle) && weft_cancelled(outer));
    ck_assert_trace("cancelled cancelled cancelled");
    weft_unref(outer);
    weft_unref(middle);
    weft_unref(inner);
    weft_unref(f);
    return 0;
}

/* CANC-04: the outer task resumes when the inner one has ended, and gets what that gives: a value,
 * when it swallowed the cancellation. */
START_SIM(inner_task_may_swallow)
{
    weft_future *f = weft_create_future();
    weft_task *inner = weft_create_task(swallow, f, NULL);
    weft_task *outer = weft_create_task(await_it, inner, NULL);
    void *value = NULL;

    sim_pass(1);
    weft_cancel(outer);
    ck_assert_int_eq(weft_await(outer, &value), 0);
    ck_assert_ptr_eq(value, &values[2]);
    ck_assert_trace("resumed");
    ck_assert(!weft_cancelled(outer));
    ck_assert_int_eq(weft_cancelling(outer), 1);
    weft_unref(outer);
    weft_unref(inner);
    weft_unref(f);
    return 0;
}

/* CANC-05: who lets the cancellation out is cancelled, and so are those who await it. */
START_SIM(cancellation_that_is_let_out)
{
    weft_task *t = weft_create_task(sleep_long, NULL, NULL);
    weft_task *waiting = weft_create_task(await_it, t, NULL);

    sim_pass(1);
    weft_cancel(t);
    ck_assert_int_eq(weft_await(waiting, NULL), WEFT_ECANCELLED);
    ck_assert(weft_cancelled(t) && weft_cancelled(waiting));
    ck_assert_int_eq(weft_cancelling(waiting), 0);
    weft_unref(t);
    weft_unref(waiting);
    return 0;
}

COROUTINE(catch_and_go_on)
{
    ck_assert_int_eq(weft_sleep(1000), WEFT_ECANCELLED);
    ck_assert_int_eq(weft_sleep(1), 0);
    ck_assert_int_eq(weft_cancelling(self()), 1);
    *result = &values[1];
    return 0;
}

/* CANC-06, CANC-18: a body may catch the cancellation and go on; the count stays. */
START_SIM(cancellation_that_is_caught)
{
    weft_task *t = weft_create_task(catch_and_go_on, NULL, NULL);
    void *value = NULL;

    sim_pass(1);
    weft_cancel(t);
    ck_assert_int_eq(weft_await(t, &value), 0);
    ck_assert_ptr_eq(value, &values[1]);
    ck_assert(!weft_cancelled(t));
    weft_unref(t);
    return 0;
}

COROUTINE(never_run)
{
    trace("ran");
    return 0;
}

static void note_drop(void *arg)
{
    trace("drop:%s", (const char *)arg);
}

/* CANC-07, CANC-17: cancelled before its first step, a task never runs; what it was given is
 * released, once, and the message arrives. */
START_SIM(cancel_before_the_first_step)
{
    weft_task_options options = {.arg_drop = note_drop};
    weft_task *t = weft_create_task(never_run, "arg", &options);

    ck_assert_int_eq(weft_cancel_msg(t, "too late"), 1);
    ck_assert(!weft_done(t));
    ck_assert_int_eq(weft_await(t, NULL), WEFT_ECANCELLED);
    ck_assert_str_eq(said(), "too late");
    ck_assert(weft_cancelled(t));
    ck_assert_trace("drop:arg");
    weft_unref(t);
    return 0;
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
    ck_assert_str_eq(said(), "by myself");
    ck_assert_int_eq(sim_turn(), turn + 1);
    trace("after");
    ck_assert_int_eq(weft_yield(), 0);
    return WEFT_ECANCELLED;
}

static int note_soon(void *name)
{
    trace("%s", (const char *)name);
    return 0;
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
    ck_assert_str_eq(said(), "by myself");
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
    ck_assert_str_eq(said(), "by myself");
    ck_assert_ptr_eq(value, &values[0]);
    ck_assert(weft_cancelled(t));
    ck_assert_trace("drop3");
    weft_unref(t);
    return 0;
}

/* CANC-11: ended by another error, it fails with that one. */
START_SIM(other_error_outdoes_cancel_of_oneself)
{
    int code = -EIO;
    weft_task *t = weft_create_task(cancel_self_and_end, &code, NULL);

    ck_assert_int_eq(weft_await(t, NULL), -EIO);
    ck_assert_str_eq(said(), "another error");
    ck_assert(!weft_cancelled(t));
    weft_unref(t);
    return 0;
}

/* CANC-12: when the awaited future is done but the task has not resumed, the cancellation is still
 * delivered there, and the future's outcome is not seen by the task. */
START_SIM(cancel_of_a_task_that_is_ready)
{
    for (int fails = 0; fails < 2; fails++) {
        weft_future *f = weft_create_future();
        weft_task *t = weft_create_task(await_it, f, NULL);
        void *value = NULL;

        sim_pass(1);
        if (fails)
            weft_future_set_exception(f, weft_fail(-EIO, "unseen"));
        else
            weft_future_set_result(f, &values[1]);
        ck_assert_int_eq(weft_cancel_msg(t, "first"), 1);
        ck_assert_int_eq(weft_await(t, NULL), WEFT_ECANCELLED);
        ck_assert_str_eq(said(), "first");
        ck_assert_trace("cancelled");
        ck_assert_int_eq(weft_result(f, &value), fails ? -EIO : 0);
        weft_unref(t);
        weft_unref(f);
    }
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
    trace("%s", said());
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
    ck_assert_str_eq(said(), "enough");
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
    ck_assert_str_eq(said(), "enough");
    ck_assert_trace("enough");
    weft_unref(t);

    t = weft_create_task(note_message, NULL, NULL);
    sim_pass(1);
    weft_fail(-EIO, "older");
    weft_cancel(t);
    ck_assert_int_eq(weft_join(t, NULL), WEFT_ECANCELLED);
    ck_assert_str_eq(said(), "-");
    ck_assert_trace("-");
    return 0;
}

COROUTINE(yield_and_note)
{
    int rc = weft_yield();
    trace("%s", said());
    return rc;
}

COROUTINE(await_and_note)
{
    int rc = weft_await(arg, NULL);
    trace("%s", said());
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
    trace_text[0] = '\0';
    for (int i = 0; i < 5; i++) {
        ck_assert_int_eq(weft_result(tasks[i], NULL), WEFT_ECANCELLED);
        trace("%s", said());
        weft_unref(tasks[i]);
    }
    ck_assert_trace("first first second second second");
    weft_unref(f);
    weft_unref(g);
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

/* CANC-25: a body that fails while it is being cancelled makes the task fail with that error. */
START_SIM(error_in_clean_up)
{
    weft_future *f = weft_create_future();
    weft_task *t = weft_create_task(fail_when_cancelled, f, NULL);

    sim_pass(1);
    weft_cancel(t);
    ck_assert_int_eq(weft_await(t, NULL), -EIO);
    ck_assert_str_eq(said(), "in clean-up");
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

COROUTINE(yield_for_ever)
{
    for (int i = 0;; i++) {
        int rc = weft_yield();
        if (rc) {
            *(int *)arg = i;
            return rc;
        }
    }
}

/* CANC-27: a task between two sleep(0) calls is cancelled at its next resumption. */
START_SIM(cancel_of_a_task_that_yields)
{
    int yields = 0;
    weft_task *t = weft_create_task(yield_for_ever, &yields, NULL);

    sim_pass(5);
    weft_cancel(t);
    int turn = sim_turn();
    ck_assert_int_eq(weft_await(t, NULL), WEFT_ECANCELLED);
    ck_assert_int_eq(sim_turn(), turn + 2);
    ck_assert_int_eq(yields, 4);
    weft_unref(t);
    return 0;
}

COROUTINE(await_and_see_count)
{
    ck_assert_int_eq(weft_await(arg, NULL), WEFT_ECANCELLED);
    ck_assert_int_eq(weft_cancelling(self()), 0);
    return WEFT_ECANCELLED;
}

/* CANC-28: cancelling the awaited future itself leaves the task's count alone. */
START_SIM(cancel_of_the_awaited_future)
{
    weft_future *f = weft_create_future();
    weft_task *t = weft_create_task(await_and_see_count, f, NULL);

    sim_pass(1);
    weft_cancel(f);
    ck_assert_int_eq(weft_join(t, NULL), WEFT_ECANCELLED);
    weft_unref(f);
    return 0;
}

struct hop {
    weft_future *awaited;
    const char *name;
    int turn;
};

COROUTINE(await_with_turn)
{
    struct hop *hop = arg;
    int rc = weft_await(hop->awaited, NULL);
    hop->turn = sim_turn();
    trace("%s", hop->name);
    return rc;
}

/* CANC-29: cancelled in iteration k, a task gets the error in k+1, and who awaits it resumes in
 * k+2, in line with everything else. */
START_SIM(cancellation_takes_an_iteration_each)
{
    weft_loop *loop = weft_get_running_loop();
    struct hop inner = {weft_create_future(), "inner", 0};
    weft_task *t = weft_create_task(await_with_turn, &inner, NULL);
    struct hop outer = {t, "outer", 0};
    weft_task *waiting = weft_create_task(await_with_turn, &outer, NULL);

    sim_pass(2);
    int turn = sim_turn();
    weft_call_soon(loop, note_soon, "before", NULL);
    weft_cancel(t);
    weft_call_soon(loop, note_soon, "after", NULL);
    trace("cancel");
    sim_pass(1);
    weft_call_soon(loop, note_soon, "last", NULL);
    ck_assert_int_eq(weft_join(waiting, NULL), WEFT_ECANCELLED);
    ck_assert_trace("cancel before inner after outer last");
    ck_assert_int_eq(inner.turn, turn + 1);
    ck_assert_int_eq(outer.turn, turn + 2);
    ck_assert_int_eq(sim_turn(), turn + 3);
    weft_unref(t);
    weft_unref(inner.awaited);
    return 0;
}

/* CANC-29: so does the cancellation of a sleeper, whose timer is gone then. */
START_SIM(cancelled_sleeper_resumes_in_the_next_iteration)
{
    weft_task *t = weft_create_task(sleep_long, NULL, NULL);

    sim_pass(1);
    int turn = sim_turn();
    weft_cancel(t);
    ck_assert_int_eq(weft_join(t, NULL), WEFT_ECANCELLED);
    ck_assert_int_eq(sim_turn(), turn + 2);
    return 0;
}

COROUTINE(count_one_cancellation)
{
    ck_assert_int_eq(weft_await(arg, NULL), WEFT_ECANCELLED);
    trace("%s", said());
    ck_assert_int_eq(weft_yield(), 0);
    return WEFT_ECANCELLED;
}

/* CANC-30: the awaited future cancelled and then the task: both are cancelled, with one error. */
START_SIM(cancel_of_the_future_and_then_the_task)
{
    weft_future *f = weft_create_future();
    weft_task *t = weft_create_task(count_one_cancellation, f, NULL);

    sim_pass(1);
    weft_cancel_msg(f, "future");
    weft_cancel_msg(t, "task");
    ck_assert_int_eq(weft_join(t, NULL), WEFT_ECANCELLED);
    ck_assert_trace("future");
    ck_assert(weft_cancelled(f));
    weft_unref(f);
    return 0;
}

/* ThreadSanitizer knows 8000 flows. */
#define CHAIN 5000

/* CANC-03: a chain of any length is cancelled without a stack of that depth. */
START_SIM(long_chain_is_cancelled)
{
    static weft_task *chain[CHAIN];
    weft_task_options small = {.stack_bytes = 16 << 10};

    chain[0] = weft_create_task(sleep_long, NULL, &small);
    for (int i = 1; i < CHAIN; i++)
        chain[i] = weft_create_task(await_it, chain[i - 1], &small);
    sim_pass(1);
    weft_cancel(chain[CHAIN - 1]);
    ck_assert_int_eq(weft_await(chain[CHAIN - 1], NULL), WEFT_ECANCELLED);
    for (int i = 0; i < CHAIN; i++) {
        ck_assert(weft_cancelled(chain[i]));
        ck_assert_int_eq(weft_cancelling(chain[i]), 1);
        weft_unref(chain[i]);
    }
    trace_text[0] = '\0';
    return 0;
}

static weft_task *ring[3];

COROUTINE(await_next_in_ring)
{
    return weft_await(ring[(long)arg], NULL);
}

/* Tasks that await each other in a circle never end by themselves; cancelling one ends them all. */
START_SIM(circle_of_tasks_is_cancelled)
{
    /* 0 -> 1 -> 2 -> 1: the one that is cancelled need not be in the circle. */
    ring[0] = weft_create_task(await_next_in_ring, (void *)1L, NULL);
    ring[1] = weft_create_task(await_next_in_ring, (void *)2L, NULL);
    ring[2] = weft_create_task(await_next_in_ring, (void *)1L, NULL);
    sim_pass(1);
    ck_assert_int_eq(weft_cancel_msg(ring[0], "break"), 1);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(weft_await(ring[i], NULL), WEFT_ECANCELLED);
    for (int i = 0; i < 3; i++)
        weft_unref(ring[i]);
    return 0;
}

int main(void)
{
    Suite *suite = suite_create("cancel");

    TCase *delivery = tcase_create("delivery");
    tcase_add_test(delivery, cancel_says_whether_it_was_accepted);
    tcase_add_test(delivery, cancel_runs_nothing);
    tcase_add_test(delivery, cancel_goes_down_the_chain);
    tcase_add_test(delivery, inner_task_may_swallow);
    tcase_add_test(delivery, cancellation_that_is_let_out);
    tcase_add_test(delivery, cancellation_that_is_caught);
    tcase_add_test(delivery, cancel_before_the_first_step);
    tcase_add_test(delivery, cancel_of_a_task_that_is_ready);
    tcase_add_test(delivery, requests_before_resumption_are_one_error);
    tcase_add_test(delivery, many_requests_count_one_by_one);
    tcase_add_test(delivery, requests_after_resumption_are_new_errors);
    tcase_add_test(delivery, cancel_of_a_task_that_yields);
    tcase_add_test(delivery, cancel_of_the_awaited_future);
    tcase_add_test(delivery, cancellation_takes_an_iteration_each);
    tcase_add_test(delivery, cancelled_sleeper_resumes_in_the_next_iteration);
    tcase_add_test(delivery, cancel_of_the_future_and_then_the_task);
    tcase_add_test(delivery, long_chain_is_cancelled);
    tcase_add_test(delivery, circle_of_tasks_is_cancelled);
    suite_add_tcase(suite, delivery);

    TCase *oneself = tcase_create("oneself");
    tcase_add_test(oneself, cancel_of_oneself_waits_for_a_suspension);
    tcase_add_test(oneself, cancel_of_oneself_cancels_what_is_awaited);
    tcase_add_test(oneself, cancel_of_oneself_outdoes_the_result);
    tcase_add_test(oneself, other_error_outdoes_cancel_of_oneself);
    suite_add_tcase(suite, oneself);

    TCase *messages = tcase_create("messages");
    tcase_add_test(messages, message_reaches_body_and_first_asker);
    tcase_add_test(messages, which_message_counts);
    suite_add_tcase(suite, messages);

    TCase *counts = tcase_create("counts");
    tcase_add_test(counts, requests_are_counted);
    tcase_add_test(counts, uncancel_withdraws_what_is_not_delivered);
    tcase_add_test(counts, uncancel_to_one_withdraws_nothing);
    tcase_add_test(counts, uncancel_comes_too_late);
    tcase_add_test(counts, uncancel_of_a_done_task);
    tcase_add_test(counts, block_that_times_itself_out);
    suite_add_tcase(suite, counts);

    TCase *errors = tcase_create("errors");
    tcase_add_test(errors, error_in_clean_up);
    tcase_add_test(errors, fatal_error_in_clean_up);
    suite_add_tcase(suite, errors);

    return suite_main(suite);
}
