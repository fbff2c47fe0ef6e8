/*
 * callback_test.c - call_soon and its handles: order, cancellation, errors, arguments and memory.
 */
#include "tests/sched/open_loop.h"
#include "tests/support/faults.h"
#include "tests/support/suite.h"

/* Callbacks run once each, with their arguments, in the order in which they were registered
 * (SOON-01). */
START_TEST(callbacks_run_in_order)
{
    weft_call_soon(loop, note, "a", NULL);
    weft_call_soon(loop, note, "b", NULL);
    weft_call_soon(loop, note, "c", NULL);
    run_once(loop);
    ck_assert_trace("a b c");
    run_once(loop);
    ck_assert_trace("");
}
END_TEST

static int register_another(void *word)
{
    note(word);
    return weft_call_soon(loop, note, "inside", NULL);
}

/* What is registered from inside runs in the next iteration; outside, in the first of the next run
 * (SOON-02). */
START_TEST(a_registration_takes_effect_in_the_next_iteration)
{
    weft_call_soon(loop, register_another, "a", NULL);
    weft_call_soon(loop, note, "b", NULL);
    run_once(loop);
    ck_assert_trace("a b");
    weft_call_soon(loop, note, "c", NULL);
    run_once(loop);
    ck_assert_trace("inside c");
}
END_TEST

/* A callback that was cancelled before it started does not run, whichever way it was registered
 * (SOON-03). */
START_TEST(a_cancelled_callback_does_not_run)
{
    weft_handle *handles[4];
    weft_call_soon(loop, note, "a", &handles[0]);
    weft_call_soon_threadsafe(loop, note, "b", &handles[1]);
    weft_call_later(loop, 0, note, "c", &handles[2]);
    weft_call_at(loop, 0, note, "d", &handles[3]);
    weft_call_soon(loop, note, "e", NULL);
    for (int i = 0; i < 4; i++) {
        weft_handle_cancel(handles[i]);
        weft_handle_unref(handles[i]);
    }
    run_once(loop);
    ck_assert_trace("e");
}
END_TEST

static weft_handle *behind;

static int cancel_behind(void *arg)
{
    (void)arg;
    weft_handle_cancel(behind);
    return 0;
}

/* A callback can cancel one that is queued behind it in the same iteration, also a due timer
 * (SOON-04). */
START_TEST(a_callback_cancels_one_behind_it)
{
    weft_call_soon(loop, cancel_behind, NULL, NULL);
    weft_call_soon(loop, note, "behind", &behind);
    weft_call_soon(loop, note, "further", NULL);
    run_once(loop);
    ck_assert_trace("further");
    weft_handle_unref(behind);

    weft_call_later(loop, 1, cancel_behind, NULL, NULL);
    weft_call_later(loop, 1, note, "behind", &behind);
    weft_call_later(loop, 1, stop, loop, NULL);
    ck_assert_int_eq(weft_loop_run_forever(loop), 0);
    ck_assert_trace("");
    weft_handle_unref(behind);
}
END_TEST

/* Cancelling twice, or after the callback ran, only sets the flag, which nothing else sets
 * (SOON-05, SOON-06). */
START_TEST(cancel_is_idempotent)
{
    weft_handle *soon, *later;
    weft_call_soon(loop, note, "a", &soon);
    weft_call_later(loop, 1, note, "b", &later);
    ck_assert(!weft_handle_cancelled(soon));
    weft_call_later(loop, 2, stop, loop, NULL);
    ck_assert_int_eq(weft_loop_run_forever(loop), 0);
    ck_assert_trace("a b");
    ck_assert(!weft_handle_cancelled(soon));
    ck_assert(!weft_handle_cancelled(later));
    for (int i = 0; i < 2; i++) {
        weft_handle_cancel(soon);
        weft_handle_cancel(later);
        ck_assert(weft_handle_cancelled(soon));
        ck_assert(weft_handle_cancelled(later));
    }
    weft_handle_unref(soon);
    weft_handle_unref(later);

    weft_call_later(loop, 1, note, "c", &later);
    weft_handle_cancel(later);
    weft_handle_cancel(later);
    ck_assert(weft_handle_cancelled(later));
    weft_handle_unref(later);
    weft_handle_cancel(NULL);
    weft_handle_unref(NULL);
    ck_assert(!weft_handle_cancelled(NULL));
}
END_TEST

/* A handle lives for as long as somebody refers to it. */
START_TEST(a_handle_is_counted)
{
    weft_handle *handle;
    weft_call_soon(loop, note, "a", &handle);
    ck_assert_ptr_eq(weft_handle_ref(handle), handle);
    weft_handle_unref(handle);
    run_once(loop);
    ck_assert_trace("a");
    weft_handle_cancel(handle);
    ck_assert(weft_handle_cancelled(handle));
    weft_handle_unref(handle);
    ck_assert_ptr_null(weft_handle_ref(NULL));
}
END_TEST

static weft_handle *reported_handle;

static int report_handle(weft_loop *l, const weft_report *report, void *arg)
{
    reported_handle = report->handle;
    return report_record(l, report, arg);
}

static int fail_with(void *arg)
{
    return weft_fail(-EIO, "%s", (const char *)arg);
}

/* An error of a callback is reported with its message and the handle, and the others of the
 * iteration still run (SOON-07). */
START_TEST(an_error_is_reported)
{
    weft_handle *handle;
    weft_loop_set_exception_handler(loop, report_handle, NULL);
    weft_call_soon(loop, note, "a", NULL);
    weft_call_soon(loop, fail_with, "broken", &handle);
    weft_call_soon(loop, note, "b", NULL);
    run_once(loop);
    ck_assert_trace("a b");
    ck_assert_int_eq(reports_count, 1);
    ck_assert_int_eq(reports_code, -EIO);
    ck_assert_str_eq(reports_message, "Exception in callback");
    ck_assert_str_eq(reports_error, "broken");
    ck_assert_ptr_eq(reported_handle, handle);
    weft_handle_unref(handle);

    weft_call_later(loop, 0, fail_with, "late", NULL);
    run_once(loop);
    ck_assert_int_eq(reports_count, 2);
    ck_assert_str_eq(reports_error, "late");
}
END_TEST

/* What is no callback or no loop is refused at registration (DBG-06). */
START_TEST(bad_arguments_are_refused)
{
    weft_handle *handle = NULL;
    ck_assert_int_eq(weft_call_soon(loop, NULL, NULL, &handle), -EINVAL);
    ck_assert_int_eq(weft_call_soon(NULL, note, NULL, &handle), -EINVAL);
    ck_assert_int_eq(weft_call_soon_threadsafe(loop, NULL, NULL, &handle), -EINVAL);
    ck_assert_int_eq(weft_call_soon_threadsafe(NULL, note, NULL, &handle), -EINVAL);
    ck_assert_int_eq(weft_call_later(loop, 1, NULL, NULL, &handle), -EINVAL);
    ck_assert_int_eq(weft_call_later(NULL, 1, note, NULL, &handle), -EINVAL);
    ck_assert_int_eq(weft_call_at(loop, 1, NULL, NULL, &handle), -EINVAL);
    ck_assert_int_eq(weft_call_at(NULL, 1, note, NULL, &handle), -EINVAL);
    ck_assert_ptr_null(handle);
}
END_TEST

static void register_all(void)
{
    weft_loop *l = weft_new_event_loop(&(weft_loop_options){.clock = WEFT_CLOCK_VIRTUAL});
    int rc[4] = {-ENOMEM, -ENOMEM, -ENOMEM, -ENOMEM};

    if (!l)
        return;
    weft_handle *handle = NULL;
    rc[0] = weft_call_soon(l, note, "a", &handle);
    ck_assert(rc[0] ? !handle : !!handle);
    rc[1] = weft_call_soon_threadsafe(l, note, "b", NULL);
    rc[2] = weft_call_later(l, 0, note, "c", NULL);
    rc[3] = weft_call_at(l, 0, note, "d", NULL);
    run_once(l);
    int missing = 0;
    for (int i = 0; i < 4; i++) {
        ck_assert(rc[i] == 0 || rc[i] == -ENOMEM);
        missing += rc[i] != 0;
    }
    ck_assert_int_le(missing, 1);
    char expected[16] = "";
    for (int i = 0; i < 4; i++)
        if (!rc[i])
            snprintf(expected + strlen(expected), sizeof(expected) - strlen(expected), "%s%c",
                     expected[0] ? " " : "", 'a' + i);
    ck_assert_trace(expected);
    weft_handle_unref(handle);
    weft_loop_free(l);
}

/* Without memory a registration fails with ENOMEM, and the others are as good as ever. */
START_TEST(registration_without_memory)
{
    ck_assert_uint_ge(run_with_each_fault(FAULT_ALLOC, ENOMEM, register_all), 5);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        callbacks_run_in_order,
        a_registration_takes_effect_in_the_next_iteration,
        a_cancelled_callback_does_not_run,
        a_callback_cancels_one_behind_it,
        cancel_is_idempotent,
        a_handle_is_counted,
        an_error_is_reported,
        bad_arguments_are_refused,
    };
    Suite *suite = suite_create("callback");
    TCase *tcase = tcase_create("callbacks");
    tcase_add_checked_fixture(tcase, make_loop, free_loop);
    for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
        tcase_add_test(tcase, tests[i]);
    suite_add_tcase(suite, tcase);

    TCase *faults = tcase_create("faults");
    tcase_add_test(faults, registration_without_memory);
    suite_add_tcase(suite, faults);
    return suite_main(suite);
}
