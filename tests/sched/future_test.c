/*
 * future_test.c - a future's states and outcomes, and what it says of itself.
 */
#include <errno.h>

#include "tests/sched/futures.h"
#include "tests/support/sim.h"
#include "tests/support/suite.h"

static int values[4];

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
    weft_task *task = weft_create_task(sim_await, f, NULL);
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

int main(void)
{
    Suite *suite = suite_create("future");
    TCase *tcase = tcase_create("states");

    tcase_add_test(tcase, new_future_is_pending);
    tcase_add_test(tcase, future_belongs_to_a_loop);
    tcase_add_test(tcase, future_outside_loops_needs_a_current_loop);
    tcase_add_test(tcase, result_is_given_each_time);
    tcase_add_test(tcase, error_is_given_each_time);
    tcase_add_test(tcase, cancelled_error_is_an_error);
    tcase_add_test(tcase, plain_code_is_an_error);
    tcase_add_test(tcase, done_future_stays_as_it_is);
    tcase_add_test(tcase, cancel_completes_at_once);
    tcase_add_test(tcase, cancellation_carries_its_message);
    tcase_add_test(tcase, text_shows_state_and_callbacks);
    tcase_add_test(tcase, wrong_arguments_are_refused);
    suite_add_tcase(suite, tcase);
    return suite_main(suite);
}
