/*
 * wait_for_zero_test.c - awaiting a future for no time at all.
 */
#include <errno.h>

#include "tests/api/limits.h"
#include "tests/support/suite.h"

COROUTINE(never_run)
{
    trace("ran");
    return 0;
}

static void note_drop(void *arg)
{
    trace("drop:%s", (const char *)arg);
}

/* WFOR-09: with no time a task that has not started never runs; what it was given is released. */
START_SIM(no_time_for_an_unstarted_task)
{
    weft_task_options options = {.arg_drop = note_drop};
    double timeouts[] = {0, -1, -(double)INFINITY};

    for (int i = 0; i < 3; i++) {
        weft_task *t = weft_create_task(never_run, "arg", &options);
        ck_assert_int_eq(weft_wait_for(t, timeouts[i], NULL), WEFT_ETIMEDOUT);
        ck_assert_int_eq(weft_error_code(weft_error_cause(weft_error_current())), WEFT_ECANCELLED);
        ck_assert_trace("drop:arg");
        ck_assert(weft_cancelled(t));
        weft_unref(t);
    }
    return 0;
}

/* WFOR-10, WFOR-16: what is done gives its outcome without suspending, whatever the limit. */
START_SIM(done_future_at_once)
{
    double timeouts[] = {0, -1, 1, WEFT_FOREVER};
    weft_future *f = weft_create_future(), *g = weft_create_future(), *h = weft_create_future();
    int turn = sim_turn();

    weft_future_set_result(f, &values[2]);
    weft_future_set_exception(g, weft_fail(-EIO, "error"));
    weft_cancel(h);
    for (int i = 0; i < 4; i++) {
        void *value = NULL;
        ck_assert_int_eq(weft_wait_for(f, timeouts[i], &value), 0);
        ck_assert_ptr_eq(value, &values[2]);
        ck_assert_int_eq(weft_wait_for(g, timeouts[i], NULL), -EIO);
        ck_assert_str_eq(sim_said(), "error");
        ck_assert_int_eq(weft_wait_for(h, timeouts[i], NULL), WEFT_ECANCELLED);
    }
    ck_assert_int_eq(sim_turn(), turn);
    weft_unref(f);
    weft_unref(g);
    weft_unref(h);
    return 0;
}

/* WFOR-11: with no time a pending task is cancelled and waited for; then it is a time-out, or the
 * value or other error that it ended with. */
START_SIM(no_time_for_a_pending_task)
{
    struct job jobs[] = {{.seconds = 9, .cancelled = WEFT_ECANCELLED, .clean_up = 5},
                         {.seconds = 9, .clean_up = 5},
                         {.seconds = 9, .cancelled = -EIO, .clean_up = 5}};
    int outcomes[] = {WEFT_ETIMEDOUT, 0, -EIO};

    for (int i = 0; i < 3; i++) {
        weft_task *t = start(&jobs[i]);
        void *value = NULL;
        sim_pass(1);
        double before = sim_now();
        ck_assert_int_eq(weft_wait_for(t, 0, &value), outcomes[i]);
        ck_assert_double_ge(sim_now() - before, 5 - 1e-6);
        ck_assert(weft_done(t));
        ck_assert_ptr_eq(value, i == 1 ? &values[1] : NULL);
        ck_assert_int_eq(weft_cancelling(weft_current_task()), 0);
        weft_unref(t);
    }
    return 0;
}

static int note_soon(void *name)
{
    trace("%s", (const char *)name);
    return 0;
}

static int note_done(weft_future *future, void *name)
{
    (void)future;
    return note_soon(name);
}

/* WFOR-11: the caller resumes in the iteration after that of the future's callbacks, also when the
 * future is a plain one that is cancelled at once. */
START_SIM(no_time_for_a_plain_future)
{
    weft_future *f = weft_create_future();
    int turn = sim_turn();

    weft_add_done_callback(f, note_done, "done");
    weft_call_soon(weft_get_running_loop(), note_soon, "soon", NULL);
    ck_assert_int_eq(weft_wait_for(f, -1, NULL), WEFT_ETIMEDOUT);
    ck_assert_int_eq(sim_turn(), turn + 2);
    ck_assert(weft_cancelled(f));
    ck_assert_trace("soon done");
    weft_unref(f);
    return 0;
}

/* WFOR-11: a request that the caller has caught before does not turn the time-out into a
 * cancellation. */
START_SIM(no_time_after_a_caught_cancellation)
{
    struct job job = {.seconds = 9, .cancelled = WEFT_ECANCELLED};
    double timeouts[] = {0, 1};

    weft_cancel(weft_current_task());
    ck_assert_int_eq(weft_yield(), WEFT_ECANCELLED);
    for (int i = 0; i < 2; i++) {
        weft_task *t = start(&job);
        ck_assert_int_eq(weft_wait_for(t, timeouts[i], NULL), WEFT_ETIMEDOUT);
        ck_assert_int_eq(weft_cancelling(weft_current_task()), 1);
        weft_unref(t);
    }
    ck_assert_int_eq(weft_uncancel(weft_current_task()), 0);
    return 0;
}

/* WFOR-11: a caller that is cancelled while it waits with no time leaves at once, and the task,
 * which was cancelled already, cleans up in peace. */
START_SIM(caller_with_no_time_is_cancelled)
{
    struct job job = {.seconds = 9, .cancelled = WEFT_ECANCELLED, .clean_up = 5, .name = "job"};
    weft_task *t = start(&job);
    struct waiting waiting = {.future = t, .timeout = 0};

    sim_pass(1);
    weft_task *caller = weft_create_task(wait_it, &waiting, NULL);
    sim_pass(2);
    ck_assert_int_eq(weft_cancel_msg(caller, "first"), 1);
    ck_assert_int_eq(weft_cancel_msg(caller, "second"), 1);
    ck_assert_int_eq(weft_await(caller, NULL), WEFT_ECANCELLED);
    ck_assert_str_eq(sim_said(), "first");
    ck_assert_trace("wait_for");
    ck_assert_int_eq(weft_cancelling(t), 1);
    ck_assert(!weft_done(t));
    ck_assert_int_eq(weft_await(t, NULL), WEFT_ECANCELLED);
    ck_assert_trace("job");
    weft_unref(caller);
    weft_unref(t);
    return 0;
}

COROUTINE(yield_and_return)
{
    ck_assert_int_eq(weft_sleep(9), WEFT_ECANCELLED);
    ck_assert_int_eq(weft_yield(), 0);
    *result = &values[3];
    trace("task");
    return 0;
}

/* WFOR-14: so it is when the task ends in the iteration in which the caller is cancelled. */
START_SIM(caller_with_no_time_is_cancelled_at_the_end)
{
    weft_task *t = weft_create_task(yield_and_return, NULL, NULL);
    struct waiting waiting = {.future = t, .timeout = 0};
    void *value = NULL;

    sim_pass(1);
    weft_task *caller = weft_create_task(wait_it, &waiting, NULL);
    sim_pass(2);
    ck_assert_int_eq(weft_cancel_msg(caller, "stop"), 1);
    sim_pass(1);
    ck_assert_trace("task wait_for");
    ck_assert_int_eq(weft_result(caller, NULL), WEFT_ECANCELLED);
    ck_assert_str_eq(sim_said(), "stop");
    ck_assert_int_eq(weft_result(t, &value), 0);
    ck_assert_ptr_eq(value, &values[3]);
    sim_pass(2);
    weft_unref(caller);
    weft_unref(t);
    return 0;
}

int main(void)
{
    Suite *suite = suite_create("wait_for_zero");
    TCase *tcase = tcase_create("no time");

    tcase_add_test(tcase, no_time_for_an_unstarted_task);
    tcase_add_test(tcase, done_future_at_once);
    tcase_add_test(tcase, no_time_for_a_pending_task);
    tcase_add_test(tcase, no_time_for_a_plain_future);
    tcase_add_test(tcase, no_time_after_a_caught_cancellation);
    tcase_add_test(tcase, caller_with_no_time_is_cancelled);
    tcase_add_test(tcase, caller_with_no_time_is_cancelled_at_the_end);
    suite_add_tcase(suite, tcase);
    return suite_main(suite);
}
