/*
 * eager_place_test.c - eager tasks that start on whatever stack they are made, are cancelled there,
 * or end fatally.
 */
#include <errno.h>

#include "tests/sched/eager.h"
#include "tests/support/suite.h"

static int create_eagerly(void *arg)
{
    ck_assert_ptr_null(weft_current_task());
    *(weft_task **)arg = weft_create_task(yield_in_the_middle, "c", &eager);
    ck_assert_ptr_null(weft_current_task());
    trace("callback");
    return 0;
}

/* EAGR-01: so it is when a callback creates the task. */
START_SIM(eager_task_of_a_callback)
{
    weft_task *t = NULL;

    weft_call_soon(weft_get_running_loop(), create_eagerly, &t, NULL);
    sim_pass(1);
    ck_assert_trace("c1 callback");
    ck_assert_int_eq(weft_join(t, NULL), 0);
    ck_assert_trace("c2");
    return 0;
}

static int start_eagerly(weft_loop *loop, const weft_report *report, void *arg)
{
    (void)loop;
    (void)report;
    ck_assert_ptr_null(weft_current_task());
    weft_unref(weft_create_task(yield_in_the_middle, arg, &eager));
    ck_assert_ptr_null(weft_current_task());
    trace("handler");
    return 0;
}

/* EAGR-01, EXH-01: nor does it matter on whose stack an exception handler creates it: here on that of a
 * task that has just ended, with its error retrieved by nobody. */
START_SIM(eager_task_of_a_handler)
{
    weft_loop_set_exception_handler(weft_get_running_loop(), start_eagerly, "h");
    weft_unref(weft_create_task(fail_at_once, NULL, NULL));
    sim_pass(1);
    ck_assert_trace("h1 handler");
    sim_pass(2); /* through the loop's own flow, too */
    ck_assert_int_eq(weft_sleep(0.1), 0);
    ck_assert_trace("h2");
    return 0;
}

/* The same on the stack of a task that is being suspended: it hears of the end of a gather. */
START_SIM(eager_task_of_a_handler_beside_a_wait)
{
    weft_task *t = weft_create_task(fail_at_once, NULL, NULL);
    weft_loop_set_exception_handler(weft_get_running_loop(), start_eagerly, "h");
    weft_unref(weft_gather(&t, 1, 0));
    ck_assert_int_eq(weft_sleep(0.1), 0);
    ck_assert_trace("h1 handler h2");
    ck_assert_int_eq(weft_sleep(0.1), 0);
    weft_unref(t);
    return 0;
}

COROUTINE(sleep_long)
{
    int rc = weft_sleep(1000);
    trace("%s", weft_error_message(weft_error_current()));
    return rc;
}

/* EAGR-08: cancelling is refused for a completed one, and works for one that suspended, with its
 * message. */
START_SIM(cancel_of_an_eager_task)
{
    weft_task *done = weft_create_task(give_value, NULL, &eager);
    weft_task *suspended = weft_create_task(sleep_long, NULL, &eager);

    ck_assert_trace("ran");
    ck_assert_int_eq(weft_cancel(done), 0);
    ck_assert(!weft_cancelled(done));
    ck_assert_int_eq(weft_cancel_msg(suspended, "enough"), 1);
    ck_assert_int_eq(weft_await(suspended, NULL), WEFT_ECANCELLED);
    ck_assert_str_eq(weft_error_message(weft_error_current()), "enough");
    ck_assert_trace("enough");
    weft_unref(done);
    weft_unref(suspended);
    return 0;
}

COROUTINE(cancel_self)
{
    return weft_cancel(weft_current_task()) == 1 ? 0 : -EINVAL;
}

/* EAGR-09: one that cancels itself and ends is cancelled when create_task returns. */
START_SIM(eager_task_that_cancels_itself)
{
    weft_task *t = weft_create_task(cancel_self, NULL, &eager);

    ck_assert(weft_done(t));
    ck_assert(weft_cancelled(t));
    ck_assert_int_eq(weft_cancelling(weft_current_task()), 0);
    weft_unref(t);
    return 0;
}

COROUTINE(cancel_self_and_wait)
{
    ck_assert_int_eq(weft_cancel_msg(weft_current_task(), "mine"), 1);
    trace("asked");
    int rc = arg ? weft_await(arg, NULL) : weft_sleep(1000);
    trace("%s", weft_error_message(weft_error_current()));
    return rc;
}

/* EAGR-08, CANC-08, CANC-09: one that cancels itself and then suspends returns to its creator, and
 * gets the error in the next iteration; the future that it was to wait for is cancelled. */
START_SIM(eager_task_that_cancels_itself_and_waits)
{
    weft_future *f = weft_create_future();
    void *waits[] = {NULL, f};

    for (int i = 0; i < 2; i++) {
        weft_task *t = weft_create_task(cancel_self_and_wait, waits[i], &eager);
        trace("created");
        ck_assert(!weft_done(t));
        sim_pass(1);
        ck_assert_trace("asked created mine");
        ck_assert(weft_cancelled(t));
        weft_unref(t);
    }
    ck_assert(weft_cancelled(f));
    weft_unref(f);
    return 0;
}

/* EAGR-10: while the loop does not run, an eager task is queued like any other. */
START_TEST(eager_task_of_a_loop_that_does_not_run)
{
    weft_loop *loop = weft_new_event_loop(NULL);
    weft_task *t = weft_create_task_on(loop, note_name, "ran", &eager);

    ck_assert(!weft_done(t));
    ck_assert_trace("");
    ck_assert_int_eq(weft_loop_run_until_complete(loop, t, NULL), 0);
    ck_assert_trace("ran");
    weft_unref(t);
    ck_assert_int_eq(weft_loop_free(loop), 0);
}
END_TEST

COROUTINE(end_fatally)
{
    return WEFT_ESYSTEMEXIT;
}

COROUTINE(create_fatal)
{
    weft_task *t = weft_create_task(end_fatally, NULL, &eager);
    ck_assert_int_eq(weft_result(t, NULL), WEFT_ESYSTEMEXIT);
    weft_unref(t);
    for (;;) {
        int rc = weft_yield();
        if (rc)
            return rc;
    }
}

/* TASK-18: a fatal error of an eager step is the task's error at once, and leaves the loop though
 * the creator goes on. */
START_TEST(fatal_error_in_an_eager_step)
{
    weft_loop *loop = weft_new_event_loop(&(weft_loop_options){.clock = WEFT_CLOCK_VIRTUAL});

    weft_loop_set_exception_handler(loop, report_record, NULL);
    weft_task *t = weft_create_task_on(loop, create_fatal, NULL, NULL);
    ck_assert_int_eq(weft_loop_run_forever(loop), WEFT_ESYSTEMEXIT);
    ck_assert(!weft_done(t));
    ck_assert_int_eq(weft_cancel(t), 1);
    ck_assert_int_eq(weft_loop_run_until_complete(loop, t, NULL), WEFT_ECANCELLED);
    weft_unref(t);
    ck_assert_int_eq(weft_loop_free(loop), 0);
}
END_TEST

COROUTINE(count_on)
{
    for (;; ++*(int *)arg) {
        int rc = weft_yield();
        if (rc)
            return rc;
    }
}

COROUTINE(start_fatal_beside)
{
    int *count = arg;
    weft_unref(weft_create_task(count_on, count, NULL));
    weft_loop_set_exception_handler(weft_get_running_loop(), report_record, NULL);
    int rc = weft_yield();
    if (rc)
        return rc;
    weft_unref(weft_create_task(end_fatally, NULL, &eager));
    *count = 0;
    return weft_yield();
}

/* After a fatal error in an eager step, its starter suspends and the run is over (TASK-18). */
START_TEST(fatal_error_ends_the_turn)
{
    int count = 0;
    weft_loop *loop = weft_new_event_loop(NULL);
    weft_task *t = weft_create_task_on(loop, start_fatal_beside, &count, NULL);
    ck_assert_int_eq(weft_loop_run_forever(loop), WEFT_ESYSTEMEXIT);
    ck_assert_int_eq(count, 0);
    weft_unref(t);
    ck_assert_int_eq(weft_loop_free(loop), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("eager_place");
    TCase *tcase = tcase_create("places");

    tcase_add_test(tcase, eager_task_of_a_callback);
    tcase_add_test(tcase, eager_task_of_a_handler);
    tcase_add_test(tcase, eager_task_of_a_handler_beside_a_wait);
    tcase_add_test(tcase, cancel_of_an_eager_task);
    tcase_add_test(tcase, eager_task_that_cancels_itself);
    tcase_add_test(tcase, eager_task_that_cancels_itself_and_waits);
    tcase_add_test(tcase, eager_task_of_a_loop_that_does_not_run);
    tcase_add_test(tcase, fatal_error_in_an_eager_step);
    tcase_add_test(tcase, fatal_error_ends_the_turn);
    suite_add_tcase(suite, tcase);
    return suite_main(suite);
}
