/*
 * future_test.c - futures: states, outcomes, callbacks, those who await them, and reports.
 */
#include <errno.h>
#include <pthread.h>

#include "runtime/base/fault.h"
#include "tests/support/sim.h"
#include "tests/support/suite.h"

static int values[4];

/* Writes its name down. */
static int note(weft_future *future, void *name)
{
    (void)future;
    trace("%s", (const char *)name);
    return 0;
}

static int note_soon(void *name)
{
    trace("%s", (const char *)name);
    return 0;
}

/* FUT-01, FUT-06: a new future is pending, and has neither a result nor an error to give. */
START_SIM(new_future_is_pending)
{
    weft_future *f = weft_create_future();
    void *value = &values[1];
    weft_error *error = NULL;

    ck_assert(!weft_done(f));
    ck_assert(!weft_cancelled(f));
    ck_assert_int_eq(weft_result(f, &value), WEFT_EINVALIDSTATE);
    ck_assert_int_eq(weft_exception(f, &error), WEFT_EINVALIDSTATE);
    ck_assert_ptr_eq(value, &values[1]);
    ck_assert_ptr_null(error);
    weft_unref(f);
    return 0;
}

/* FUT-02: a future belongs to the running loop, or to the one it was made for. */
START_SIM(future_belongs_to_a_loop)
{
    weft_loop *loop = weft_get_running_loop(), *other = weft_new_event_loop(NULL);
    weft_future *here = weft_create_future(), *there = weft_future_new(other);
    weft_future *nowhere = weft_future_new(NULL);

    ck_assert_ptr_eq(weft_future_get_loop(here), loop);
    ck_assert_ptr_eq(weft_future_get_loop(there), other);
    ck_assert_ptr_null(weft_future_get_loop(nowhere));
    weft_unref(here);
    weft_unref(there);
    weft_unref(nowhere);
    ck_assert_int_eq(weft_loop_free(other), 0);
    return 0;
}

/* FUT-02, FUT-03: outside loops it belongs to the thread's current loop; without one it is refused.
 */
START_TEST(future_outside_loops_needs_a_current_loop)
{
    errno = 0;
    ck_assert_ptr_null(weft_create_future());
    ck_assert_int_eq(errno, -WEFT_ENOLOOP);

    weft_loop *loop = weft_new_event_loop(NULL);
    weft_set_event_loop(loop);
    weft_future *f = weft_create_future();
    ck_assert_ptr_eq(weft_future_get_loop(f), loop);
    weft_unref(f);
    ck_assert_int_eq(weft_loop_free(loop), 0);
    ck_assert_ptr_null(weft_create_future());
}
END_TEST

/* FUT-04: the result is given each time it is asked for, and there is no error. */
START_SIM(result_is_given_each_time)
{
    weft_future *f = weft_create_future();
    weft_error *error = NULL;

    ck_assert_int_eq(weft_future_set_result(f, &values[0]), 0);
    ck_assert(weft_done(f));
    ck_assert(!weft_cancelled(f));
    for (int i = 0; i < 2; i++) {
        void *value = NULL;
        ck_assert_int_eq(weft_result(f, &value), 0);
        ck_assert_ptr_eq(value, &values[0]);
    }
    ck_assert_int_eq(weft_result(f, NULL), 0);
    ck_assert_int_eq(weft_exception(f, &error), 0);
    ck_assert_ptr_null(error);
    weft_unref(f);
    return 0;
}

/* FUT-05: the error is given each time, by code and as the same object. */
START_SIM(error_is_given_each_time)
{
    weft_future *f = weft_create_future();
    void *value = &values[1];
    weft_error *first = NULL, *second = NULL;

    ck_assert_int_eq(weft_future_set_exception(f, weft_fail(-EIO, "disk %d", 3)), 0);
    ck_assert(weft_done(f));
    ck_assert(!weft_cancelled(f));
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(weft_result(f, &value), -EIO);
        ck_assert_str_eq(weft_error_message(weft_error_current()), "disk 3");
    }
    ck_assert_ptr_eq(value, &values[1]);
    ck_assert_int_eq(weft_exception(f, &first), 0);
    ck_assert_int_eq(weft_exception(f, &second), 0);
    ck_assert_ptr_nonnull(first);
    ck_assert_ptr_eq(first, second);
    ck_assert_ptr_eq(first, weft_error_current());
    weft_error_unref(first);
    weft_error_unref(second);
    weft_unref(f);
    return 0;
}

COROUTINE(await_it)
{
    return weft_await(arg, result);
}

/* FUT-05: a CancelledError that is set as an error is one: the future has failed, and is not
 * cancelled; a task that it ends is. */
START_SIM(cancelled_error_is_an_error)
{
    weft_future *f = weft_create_future();
    weft_error *error = NULL;

    ck_assert_int_eq(weft_future_set_exception(f, weft_fail(WEFT_ECANCELLED, "why")), 0);
    ck_assert(weft_done(f));
    ck_assert(!weft_cancelled(f));
    ck_assert_int_eq(weft_exception(f, &error), 0);
    ck_assert_int_eq(weft_error_code(error), WEFT_ECANCELLED);
    ck_assert_str_eq(weft_error_message(error), "why");
    weft_error_unref(error);
    weft_task *task = weft_create_task(await_it, f, NULL);
    ck_assert_int_eq(weft_await(task, NULL), WEFT_ECANCELLED);
    ck_assert(weft_cancelled(task));
    weft_unref(task);
    weft_unref(f);
    return 0;
}

/* FUT-05: a plain code is an error too; an object of another code does not go with it. */
START_SIM(plain_code_is_an_error)
{
    weft_future *f = weft_create_future();
    weft_error *error = NULL;

    weft_fail(-EPIPE, "something else");
    ck_assert_int_eq(weft_future_set_exception(f, -EIO), 0);
    ck_assert_int_eq(weft_result(f, NULL), -EIO);
    ck_assert_ptr_null(weft_error_current());
    ck_assert_int_eq(weft_exception(f, &error), 0);
    ck_assert_int_eq(weft_error_code(error), -EIO);
    ck_assert_ptr_null(weft_error_message(error));
    weft_error_unref(error);
    weft_unref(f);
    return 0;
}

/* FUT-07, FUT-10: what is done refuses another outcome and a cancellation, and stays as it is. */
START_SIM(done_future_stays_as_it_is)
{
    weft_future *with_result = weft_create_future(), *with_error = weft_create_future();
    weft_future *cancelled = weft_create_future();
    void *value = NULL;

    weft_future_set_result(with_result, &values[0]);
    weft_future_set_exception(with_error, -EIO);
    weft_cancel(cancelled);
    weft_future *all[] = {with_result, with_error, cancelled};
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(weft_future_set_result(all[i], &values[1]), WEFT_EINVALIDSTATE);
        ck_assert_int_eq(weft_future_set_exception(all[i], weft_fail(-EPIPE, "late")),
                         WEFT_EINVALIDSTATE);
        ck_assert_int_eq(weft_cancel(all[i]), 0);
        ck_assert_int_eq(weft_cancel_msg(all[i], "late"), 0);
    }
    ck_assert_int_eq(weft_result(with_result, &value), 0);
    ck_assert_ptr_eq(value, &values[0]);
    ck_assert_int_eq(weft_result(with_error, NULL), -EIO);
    ck_assert_int_eq(weft_result(cancelled, NULL), WEFT_ECANCELLED);
    ck_assert_ptr_null(weft_error_current());
    for (int i = 0; i < 3; i++)
        weft_unref(all[i]);
    return 0;
}

/* FUT-10: a refused cancellation leaves queued callbacks in place. */
START_SIM(late_cancel_keeps_callbacks)
{
    weft_future *f = weft_create_future();

    weft_add_done_callback(f, note, "called");
    weft_future_set_result(f, NULL);
    ck_assert_int_eq(weft_cancel(f), 0);
    sim_pass(1);
    ck_assert_trace("called");
    weft_unref(f);
    return 0;
}

/* FUT-08, FUT-09: a pending future is cancelled at once, and says so to all who ask. */
START_SIM(cancel_completes_at_once)
{
    weft_future *f = weft_create_future();
    weft_error *error = NULL;

    ck_assert_int_eq(weft_cancel(f), 1);
    ck_assert(weft_done(f));
    ck_assert(weft_cancelled(f));
    ck_assert_int_eq(weft_result(f, NULL), WEFT_ECANCELLED);
    ck_assert_int_eq(weft_exception(f, &error), WEFT_ECANCELLED);
    ck_assert_int_eq(weft_await(f, NULL), WEFT_ECANCELLED);
    ck_assert_ptr_null(error);
    ck_assert_int_eq(weft_cancelling(weft_current_task()), 0);
    weft_unref(f);
    return 0;
}

/* FUT-11: result, exception and await carry the message of the cancellation, or none. */
START_SIM(cancellation_carries_its_message)
{
    weft_future *said = weft_create_future(), *unsaid = weft_create_future();
    weft_error *error = NULL;

    ck_assert_int_eq(weft_cancel_msg(said, "enough"), 1);
    ck_assert_int_eq(weft_result(said, NULL), WEFT_ECANCELLED);
    ck_assert_str_eq(weft_error_message(weft_error_current()), "enough");
    weft_fail(-EIO, "between");
    ck_assert_int_eq(weft_exception(said, &error), WEFT_ECANCELLED);
    ck_assert_str_eq(weft_error_message(weft_error_current()), "enough");
    weft_fail(-EIO, "between");
    ck_assert_int_eq(weft_await(said, NULL), WEFT_ECANCELLED);
    ck_assert_str_eq(weft_error_message(weft_error_current()), "enough");

    ck_assert_int_eq(weft_cancel(unsaid), 1);
    ck_assert_int_eq(weft_await(unsaid, NULL), WEFT_ECANCELLED);
    ck_assert_ptr_null(weft_error_message(weft_error_current()));
    weft_unref(said);
    weft_unref(unsaid);
    return 0;
}

/* FUT-12: callbacks never run inside the completing call; they run in the next iteration. */
START_SIM(callbacks_run_in_the_next_iteration)
{
    weft_future *f[] = {weft_create_future(), weft_create_future(), weft_create_future()};

    weft_add_done_callback(f[0], note, "result");
    weft_add_done_callback(f[1], note, "error");
    weft_add_done_callback(f[2], note, "cancelled");
    weft_call_soon(weft_get_running_loop(), note_soon, "before", NULL);
    weft_future_set_result(f[0], NULL);
    weft_future_set_exception(f[1], -EIO);
    weft_cancel(f[2]);
    weft_call_soon(weft_get_running_loop(), note_soon, "after", NULL);
    ck_assert_trace("");
    sim_pass(1);
    ck_assert_trace("before result error cancelled after");
    weft_result(f[1], NULL);
    for (int i = 0; i < 3; i++)
        weft_unref(f[i]);
    return 0;
}

static int note_future(weft_future *future, void *arg)
{
    ck_assert_ptr_eq(future, *(weft_future **)arg);
    ck_assert(weft_done(future));
    trace("given");
    return 0;
}

/* FUT-13, FUT-15: callbacks run in the order of arrival, as often as they were added, and are given
 * the future. */
START_SIM(callbacks_run_in_order)
{
    weft_future *f = weft_create_future();

    weft_add_done_callback(f, note, "a");
    weft_add_done_callback(f, note, "b");
    weft_add_done_callback(f, note_future, &f);
    weft_add_done_callback(f, note, "a");
    weft_add_done_callback(f, note, "a");
    weft_future_set_result(f, NULL);
    sim_pass(1);
    ck_assert_trace("a b given a a");
    weft_unref(f);
    return 0;
}

/* FUT-14: a callback of a done future is queued at once, for the next iteration. */
START_SIM(callback_of_a_done_future_is_queued)
{
    weft_future *f = weft_create_future();

    weft_future_set_result(f, NULL);
    weft_add_done_callback(f, note, "callback");
    weft_call_soon(weft_get_running_loop(), note_soon, "after", NULL);
    ck_assert_trace("");
    sim_pass(1);
    ck_assert_trace("callback after");
    weft_unref(f);
    return 0;
}

/* FUT-16: every occurrence of a callback is taken back, and counted; others stay. */
START_SIM(remove_takes_every_occurrence)
{
    weft_future *f = weft_create_future();
    char *a = "a", *b = "b", *c = "c";

    ck_assert_int_eq(weft_remove_done_callback(f, note, a), 0);
    weft_add_done_callback(f, note, a);
    weft_add_done_callback(f, note, b);
    weft_add_done_callback(f, note, a);
    weft_add_done_callback(f, note, c);
    weft_add_done_callback(f, note, a);
    ck_assert_int_eq(weft_remove_done_callback(f, note, a), 3);
    ck_assert_int_eq(weft_remove_done_callback(f, note, a), 0);
    ck_assert_int_eq(weft_remove_done_callback(f, note_future, b), 0);
    weft_add_done_callback(f, note, a);
    weft_future_set_result(f, NULL);
    sim_pass(1);
    ck_assert_trace("b c a");
    weft_unref(f);
    return 0;
}

/* FUT-17: once the future is done nothing is taken back, and what was queued runs. */
START_SIM(remove_after_completion_takes_nothing)
{
    weft_future *f = weft_create_future();
    char *name = "a";

    weft_add_done_callback(f, note, name);
    weft_future_set_result(f, NULL);
    ck_assert_int_eq(weft_remove_done_callback(f, note, name), 0);
    sim_pass(1);
    ck_assert_trace("a");
    weft_unref(f);
    return 0;
}

static char late[] = "late", last[] = "last";

static int change_callbacks(weft_future *future, void *arg)
{
    (void)arg;
    trace("change");
    ck_assert_int_eq(weft_remove_done_callback(future, note, last), 0);
    ck_assert_int_eq(weft_add_done_callback(future, note, late), 0);
    return 0;
}

/* FUT-18: callbacks that add and remove callbacks while they run disturb nothing that is queued. */
START_SIM(callbacks_may_change_callbacks)
{
    weft_future *f = weft_create_future();

    weft_add_done_callback(f, note, "first");
    weft_add_done_callback(f, change_callbacks, NULL);
    weft_add_done_callback(f, note, last);
    weft_future_set_result(f, NULL);
    sim_pass(1);
    ck_assert_trace("first change last");
    sim_pass(1);
    ck_assert_trace("late");
    weft_unref(f);
    return 0;
}

static int fail_in_callback(weft_future *future, void *arg)
{
    (void)future;
    (void)arg;
    return weft_fail(-EIO, "in a callback");
}

/* FUT-19: an error of one callback goes to the exception handler, and the others run. */
START_SIM(error_in_a_callback_is_reported)
{
    weft_future *f = weft_create_future();

    weft_add_done_callback(f, note, "a");
    weft_add_done_callback(f, fail_in_callback, NULL);
    weft_add_done_callback(f, note, "b");
    weft_future_set_result(f, NULL);
    sim_pass(1);
    ck_assert_trace("a b");
    ck_assert_int_eq(reports_count, 1);
    ck_assert_int_eq(reports_code, -EIO);
    ck_assert_str_eq(reports_error, "in a callback");
    ck_assert_ptr_eq(reports_future, f);
    weft_unref(f);
    return 0;
}

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

static void format(weft_future *f, char text[256])
{
    int length = weft_future_format(f, text, 256);
    ck_assert_int_eq(length, (int)strlen(text));
}

/* FUT-30: the text shows the state with its outcome, and the callbacks: one, two, or the first,
 * how many more, and the last. */
START_SIM(text_shows_state_and_callbacks)
{
    weft_future *f = weft_create_future(), *first = f;
    char text[256], one[64], two[64];

    format(f, text);
    ck_assert_str_eq(text, "<Future pending>");
    snprintf(one, sizeof(one), "%p", (void *)(uintptr_t)note);
    snprintf(two, sizeof(two), "%p", (void *)(uintptr_t)note_future);
    weft_add_done_callback(f, note, "a");
    format(f, text);
    ck_assert_ptr_nonnull(strstr(text, one));
    weft_add_done_callback(f, note_future, &first);
    format(f, text);
    ck_assert_ptr_nonnull(strstr(text, one));
    ck_assert_ptr_nonnull(strstr(text, two));
    weft_add_done_callback(f, note, "a");
    weft_add_done_callback(f, note_future, &first);
    format(f, text);
    ck_assert_ptr_nonnull(strstr(text, "<2 more>"));
    ck_assert_ptr_nonnull(strstr(text, one));
    ck_assert_ptr_nonnull(strstr(text, two));
    weft_future_set_result(f, &values[0]);
    format(f, text);
    snprintf(one, sizeof(one), "<Future finished result=%p>", (void *)&values[0]);
    ck_assert_str_eq(text, one);
    weft_unref(f);
    sim_pass(1);

    f = weft_create_future();
    weft_future_set_exception(f, weft_fail(-EIO, "disk"));
    format(f, text);
    ck_assert_str_eq(text, "<Future finished exception=EIO(disk)>");
    weft_cancel(f);
    weft_unref(f);
    f = weft_create_future();
    weft_cancel(f);
    format(f, text);
    ck_assert_str_eq(text, "<Future cancelled>");
    char small[5];
    ck_assert_int_eq(weft_future_format(f, small, sizeof(small)), (int)strlen(text));
    ck_assert_str_eq(small, "<Fut");
    weft_unref(f);
    return 0;
}

static void note_drop(void *value)
{
    trace("drop%d", (int)((int *)value - values));
}

/* A result that nobody takes is released once, with the last reference; a taken one is not. */
START_SIM(untaken_result_is_dropped)
{
    weft_future *untaken = weft_create_future(), *taken = weft_create_future();
    weft_future *failed = weft_create_future();
    void *value = NULL;

    weft_future_set_drop(untaken, note_drop);
    weft_future_set_drop(taken, note_drop);
    weft_future_set_drop(failed, note_drop);
    weft_future_set_result(untaken, &values[1]);
    weft_future_set_result(taken, &values[2]);
    weft_future_set_exception(failed, -EIO);
    ck_assert_int_eq(weft_result(taken, &value), 0);
    weft_result(failed, NULL);
    weft_ref(untaken);
    weft_unref(untaken);
    ck_assert_trace("");
    weft_unref(untaken);
    weft_unref(taken);
    weft_unref(failed);
    ck_assert_trace("drop1");
    return 0;
}

/* Callbacks hold the future: it lives until they have run, whoever dropped it. */
START_SIM(callbacks_hold_the_future)
{
    weft_future *f = weft_create_future(), *same = f;

    weft_add_done_callback(f, note_future, &same);
    weft_future_set_result(f, NULL);
    weft_unref(f);
    sim_pass(1);
    ck_assert_trace("given");
    return 0;
}

/* A pending future that everybody has given back is gone, and its callbacks, which nobody can call
 * any more, with it. */
START_SIM(abandoned_future_frees_its_callbacks)
{
    weft_future *f = weft_create_future(), *g = weft_future_new(NULL);

    weft_add_done_callback(f, note, "never");
    weft_add_done_callback(f, note, "never");
    weft_add_done_callback(g, note, "never");
    weft_unref(f);
    weft_unref(g);
    sim_pass(2);
    ck_assert_trace("");
    return 0;
}

/* A wrong argument is an error, and nothing else happens. */
START_SIM(wrong_arguments_are_refused)
{
    weft_future *f = weft_create_future();
    void *value = &values[1];

    ck_assert_int_eq(weft_future_set_exception(f, 0), -EINVAL);
    ck_assert_int_eq(weft_future_set_exception(f, EIO), -EINVAL);
    ck_assert_int_eq(weft_future_set_result(NULL, NULL), -EINVAL);
    ck_assert_int_eq(weft_future_set_exception(NULL, -EIO), -EINVAL);
    ck_assert_int_eq(weft_add_done_callback(NULL, note, NULL), -EINVAL);
    ck_assert_int_eq(weft_add_done_callback(f, NULL, NULL), -EINVAL);
    ck_assert_int_eq(weft_remove_done_callback(f, NULL, NULL), 0);
    ck_assert_int_eq(weft_remove_done_callback(NULL, note, NULL), 0);
    ck_assert_int_eq(weft_await(NULL, &value), -EINVAL);
    ck_assert_int_eq(weft_result(NULL, &value), -EINVAL);
    ck_assert_int_eq(weft_exception(f, NULL), -EINVAL);
    ck_assert_int_eq(weft_cancel(NULL), -EINVAL);
    ck_assert_int_eq(weft_cancelling(f), -EINVAL);
    ck_assert_int_eq(weft_uncancel(f), -EINVAL);
    ck_assert_ptr_null(weft_task_get_name(f));
    ck_assert_int_eq(weft_task_set_name(f, "name"), -EINVAL);
    ck_assert_int_eq(weft_task_get_coro(f, NULL, NULL), -EINVAL);
    ck_assert_ptr_null(weft_ref(NULL));
    weft_unref(NULL);
    errno = ENOMEM;
    ck_assert_int_eq(weft_join(NULL, &value), -ENOMEM);
    ck_assert_ptr_eq(value, &values[1]);
    ck_assert(!weft_done(f));
    weft_unref(f);
    return 0;
}

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

/* MULT-05, LIFE-19: futures work on a closed loop; a callback of a done one is refused. */
START_TEST(futures_outlive_their_loop)
{
    weft_loop *loop = weft_new_event_loop(NULL);
    weft_future *f = weft_future_new(loop), *g = weft_future_new(loop);
    void *value = NULL;

    ck_assert_int_eq(weft_add_done_callback(g, note, "dropped"), 0);
    ck_assert_int_eq(weft_loop_close(loop), 0);
    weft_future *newer = weft_future_new(loop);
    ck_assert_ptr_nonnull(newer);
    ck_assert_int_eq(weft_future_set_result(f, &values[0]), 0);
    ck_assert_int_eq(weft_result(f, &value), 0);
    ck_assert_ptr_eq(value, &values[0]);
    ck_assert_int_eq(weft_add_done_callback(f, note, "never"), WEFT_ELOOPCLOSED);
    ck_assert_int_eq(weft_future_set_result(g, NULL), 0);
    ck_assert_int_eq(weft_cancel(newer), 1);
    weft_unref(f);
    weft_unref(g);
    weft_unref(newer);
    ck_assert_trace("");
    ck_assert_int_eq(weft_loop_free(loop), 0);
}
END_TEST

/* The calls below, each with the n-th allocation failing: 0, or -ENOMEM. */
static int create_call(weft_future *f)
{
    (void)f;
    errno = 0;
    weft_future *made = weft_create_future();
    int rc = made ? 0 : -errno;
    weft_unref(made);
    return rc;
}

static int new_call(weft_future *f)
{
    (void)f;
    errno = 0;
    weft_future *made = weft_future_new(NULL);
    int rc = made ? 0 : -errno;
    weft_unref(made);
    return rc;
}

static int set_result_call(weft_future *f)
{
    return weft_future_set_result(f, &values[0]);
}

static int set_exception_call(weft_future *f)
{
    return weft_future_set_exception(f, weft_fail(-EIO, "a message"));
}

static int cancel_call(weft_future *f)
{
    int rc = weft_cancel(f);
    return rc == 1 ? 0 : rc;
}

static int cancel_msg_call(weft_future *f)
{
    int rc = weft_cancel_msg(f, "a message");
    return rc == 1 ? 0 : rc;
}

static int exception_call(weft_future *f)
{
    weft_error *error = NULL;
    wf_fault_reset();
    weft_future_set_exception(f, -EIO);
    wf_fault_arm(FAULT_ALLOC, 1, ENOMEM, false);
    int rc = weft_exception(f, &error);
    weft_error_unref(error);
    ck_assert_int_eq(rc, -ENOMEM);
    rc = weft_exception(f, &error);
    weft_error_unref(error);
    return rc;
}

static int pending_result_call(weft_future *f)
{
    int rc = weft_result(f, NULL);
    return rc == WEFT_EINVALIDSTATE ? 0 : rc;
}

static int callback_call(weft_future *f)
{
    int rc = weft_add_done_callback(f, note, "a");
    return rc;
}

static int done_callback_call(weft_future *f)
{
    weft_future_set_result(f, NULL);
    return weft_add_done_callback(f, note, "a");
}

static int wait_call(weft_future *f)
{
    int rc = weft_future_wait(f, 0, NULL);
    return rc == WEFT_ETIMEDOUT ? 0 : rc;
}

static int (*const fault_calls[])(weft_future *) = {
    create_call,   new_call,           set_result_call, set_exception_call,
    cancel_call,   cancel_msg_call,    exception_call,  pending_result_call,
    callback_call, done_callback_call, wait_call,
};
#define FAULT_CALLS ((int)(sizeof(fault_calls) / sizeof(fault_calls[0])))

/* Whatever allocation fails, a call fails with ENOMEM or works, and the future stays usable. */
COROUTINE(call_without_memory)
{
    int (*const call)(weft_future *) = fault_calls[*(int *)arg];

    for (unsigned long n = 1;; n++) {
        weft_future *f = weft_create_future();
        wf_fault_arm(FAULT_ALLOC, n, ENOMEM, false);
        int rc = call(f);
        bool over = wf_fault_calls(FAULT_ALLOC) < n;
        wf_fault_reset();
        ck_assert(rc == 0 || rc == -ENOMEM);
        if (over)
            ck_assert_int_eq(rc, 0);
        if (!weft_done(f))
            ck_assert_int_eq(weft_future_set_result(f, NULL), 0);
        weft_await(f, NULL);
        sim_pass(1);
        weft_unref(f);
        if (over)
            return 0;
    }
}

START_TEST(calls_without_memory)
{
    ck_assert_int_eq(sim_run(call_without_memory, &_i), 0);
    ck_assert_int_eq(reports_count, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("future");

    TCase *states = tcase_create("states");
    tcase_add_test(states, new_future_is_pending);
    tcase_add_test(states, future_belongs_to_a_loop);
    tcase_add_test(states, future_outside_loops_needs_a_current_loop);
    tcase_add_test(states, result_is_given_each_time);
    tcase_add_test(states, error_is_given_each_time);
    tcase_add_test(states, cancelled_error_is_an_error);
    tcase_add_test(states, plain_code_is_an_error);
    tcase_add_test(states, done_future_stays_as_it_is);
    tcase_add_test(states, late_cancel_keeps_callbacks);
    tcase_add_test(states, cancel_completes_at_once);
    tcase_add_test(states, cancellation_carries_its_message);
    tcase_add_test(states, untaken_result_is_dropped);
    tcase_add_test(states, wrong_arguments_are_refused);
    tcase_add_test(states, futures_outlive_their_loop);
    tcase_add_test(states, text_shows_state_and_callbacks);
    suite_add_tcase(suite, states);

    TCase *callbacks = tcase_create("callbacks");
    tcase_add_test(callbacks, callbacks_run_in_the_next_iteration);
    tcase_add_test(callbacks, callbacks_run_in_order);
    tcase_add_test(callbacks, callback_of_a_done_future_is_queued);
    tcase_add_test(callbacks, remove_takes_every_occurrence);
    tcase_add_test(callbacks, remove_after_completion_takes_nothing);
    tcase_add_test(callbacks, callbacks_may_change_callbacks);
    tcase_add_test(callbacks, error_in_a_callback_is_reported);
    tcase_add_test(callbacks, callbacks_hold_the_future);
    tcase_add_test(callbacks, abandoned_future_frees_its_callbacks);
    suite_add_tcase(suite, callbacks);

    TCase *awaiting = tcase_create("awaiting");
    tcase_add_test(awaiting, await_resumes_in_the_next_iteration);
    tcase_add_test(awaiting, await_of_a_done_future_does_not_suspend);
    tcase_add_test(awaiting, awaiters_resume_in_order);
    tcase_add_test(awaiting, foreign_cancellation_reaches_the_awaiter);
    tcase_add_test(awaiting, await_of_a_future_of_no_loop);
    tcase_add_test(awaiting, future_completed_by_another_thread);
    tcase_add_test(awaiting, await_needs_a_task);
    suite_add_tcase(suite, awaiting);

    TCase *reports = tcase_create("reports");
    tcase_add_test(reports, unseen_error_is_reported);
    tcase_add_test(reports, seen_errors_are_not_reported);
    tcase_add_test(reports, late_cancel_withdraws_the_report);
    suite_add_tcase(suite, reports);

    TCase *memory = tcase_create("memory");
    tcase_add_loop_test(memory, calls_without_memory, 0, FAULT_CALLS);
    suite_add_tcase(suite, memory);

    return suite_main(suite);
}
