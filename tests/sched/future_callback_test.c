/*
 * future_callback_test.c - done-callbacks: when they run, how they are removed, and what their
 * errors become.
 */
#include <errno.h>

#include "tests/sched/futures.h"
#include "tests/support/sim.h"
#include "tests/support/suite.h"

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

int main(void)
{
    Suite *suite = suite_create("future_callback");
    TCase *tcase = tcase_create("callbacks");

    tcase_add_test(tcase, late_cancel_keeps_callbacks);
    tcase_add_test(tcase, callbacks_run_in_the_next_iteration);
    tcase_add_test(tcase, callbacks_run_in_order);
    tcase_add_test(tcase, callback_of_a_done_future_is_queued);
    tcase_add_test(tcase, remove_takes_every_occurrence);
    tcase_add_test(tcase, remove_after_completion_takes_nothing);
    tcase_add_test(tcase, callbacks_may_change_callbacks);
    tcase_add_test(tcase, error_in_a_callback_is_reported);
    tcase_add_test(tcase, callbacks_hold_the_future);
    tcase_add_test(tcase, abandoned_future_frees_its_callbacks);
    suite_add_tcase(suite, tcase);
    return suite_main(suite);
}
