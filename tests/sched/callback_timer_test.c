/*
 * callback_timer_test.c - call_later and call_at: when they fire, in which order, and the clock
 * behind them.
 */
#include "tests/sched/open_loop.h"
#include "tests/support/suite.h"

static weft_loop *real;

static double fired_at;

static int look_at_clock(void *arg)
{
    fired_at = weft_loop_time(arg);
    return weft_loop_stop(arg);
}

/* A timer fires once, not before its time, by the loop's clock (SOON-11). */
START_TEST(a_timer_fires_once_and_never_early)
{
    weft_loop_advance(loop, 10);
    weft_call_later(loop, 1.5, look_at_clock, loop, NULL);
    ck_assert_int_eq(weft_loop_run_forever(loop), 0);
    ck_assert_double_eq(fired_at, 11.5);
    fired_at = 0;
    weft_call_later(loop, 100, stop, loop, NULL);
    ck_assert_int_eq(weft_loop_run_forever(loop), 0);
    ck_assert_double_eq(fired_at, 0);

    real = weft_new_event_loop(NULL);
    double delay = 0.00001;
    for (int i = 0; i < 7; i++, delay *= 3) {
        double start = weft_loop_time(real);
        weft_call_later(real, delay, look_at_clock, real, NULL);
        ck_assert_int_eq(weft_loop_run_forever(real), 0);
        ck_assert_double_ge(fired_at, start + delay - 0.000000001);
    }
    weft_loop_free(real);
}
END_TEST

static int arm_now(void *arg)
{
    trace("arm");
    return weft_call_later(arg, 0, note, "armed", NULL);
}

/* Zero and negative delays are due in the next iteration, the earliest deadline first; one that is
 * set by a callback does not run in that callback's iteration (SOON-12, SOON-13). */
START_TEST(delays_may_be_zero_or_negative)
{
    weft_call_later(loop, 0, note, "zero", NULL);
    weft_call_later(loop, -1, note, "minus one", NULL);
    weft_call_later(loop, -2, note, "minus two", NULL);
    weft_call_later(loop, -INFINITY, note, "ever", NULL);
    weft_call_later(loop, 0, note, "zero too", NULL);
    run_once(loop);
    ck_assert_trace("ever minus two minus one zero zero too");

    weft_call_soon(loop, arm_now, loop, NULL);
    weft_call_soon(loop, note, "after", NULL);
    run_once(loop);
    ck_assert_trace("arm after");
    run_once(loop);
    ck_assert_trace("armed");
    ck_assert_double_eq(weft_loop_time(loop), 0);
}
END_TEST

/* What is no time is refused (SOON-14). */
START_TEST(a_time_must_be_a_number)
{
    weft_handle *handle = NULL;
    ck_assert_int_eq(weft_call_later(loop, NAN, note, "a", &handle), -EINVAL);
    ck_assert_int_eq(weft_call_at(loop, NAN, note, "a", &handle), -EINVAL);
    ck_assert_ptr_null(handle);
}
END_TEST

/* An absolute deadline is what when() gives back; one without end never comes, and a callback
 * without a deadline has none (SOON-15, SOON-18). */
START_TEST(a_handle_knows_its_deadline)
{
    weft_handle *at, *later, *soon, *never;
    weft_loop_advance(loop, 2);
    weft_call_at(loop, 3.25, note, "at", &at);
    weft_call_later(loop, 0.5, note, "later", &later);
    weft_call_soon(loop, note, "soon", &soon);
    weft_call_later(loop, WEFT_FOREVER, note, "never", &never);
    ck_assert_double_eq(weft_handle_when(at), 3.25);
    ck_assert_double_eq(weft_handle_when(later), 2.5);
    ck_assert(isnan(weft_handle_when(soon)));
    ck_assert(isnan(weft_handle_when(NULL)));
    weft_call_at(loop, 1e9, stop, loop, NULL);
    ck_assert_int_eq(weft_loop_run_forever(loop), 0);
    ck_assert_trace("soon later at");
    ck_assert_double_eq(weft_handle_when(at), 3.25);
    weft_handle_unref(at);
    weft_handle_unref(later);
    weft_handle_unref(soon);
    weft_handle_unref(never);
}
END_TEST

/* Timers run in the order of their deadlines, equal ones first come first, however they were armed
 * (SOON-16). */
START_TEST(timers_run_by_deadline)
{
    weft_call_later(loop, 3, note, "3", NULL);
    weft_call_later(loop, 1, note, "1", NULL);
    weft_call_at(loop, 2, note, "2", NULL);
    weft_call_later(loop, 2, note, "2b", NULL);
    weft_call_at(loop, 1, note, "1b", NULL);
    weft_call_later(loop, 4, stop, loop, NULL);
    ck_assert_int_eq(weft_loop_run_forever(loop), 0);
    ck_assert_trace("1 1b 2 2b 3");

    /* Three are due at once: one iteration, by deadline. */
    weft_call_at(loop, 7, note, "7", NULL);
    weft_call_at(loop, 5, note, "5", NULL);
    weft_call_at(loop, 6, note, "6", NULL);
    weft_loop_advance(loop, 100);
    run_once(loop);
    ck_assert_trace("5 6 7");
}
END_TEST

/* A cancelled timer does not run, and the loop does not wait for it (SOON-17). */
START_TEST(a_cancelled_timer_is_gone)
{
    weft_handle *handle;
    weft_call_later(loop, 1, note, "a", &handle);
    weft_handle_cancel(handle);
    weft_handle_unref(handle);
    weft_call_later(loop, 1000, note, "b", &handle);
    weft_handle_cancel(handle);
    weft_call_later(loop, 5, stop, loop, NULL);
    ck_assert_int_eq(weft_loop_run_forever(loop), 0);
    ck_assert_double_eq(weft_loop_time(loop), 5);
    ck_assert_trace("");
    weft_handle_unref(handle);
}
END_TEST

/* The clock never goes back, and starts anywhere (SOON-18). */
START_TEST(time_is_monotonic)
{
    weft_loop *l = weft_new_event_loop(NULL);
    double last = weft_loop_time(l);
    for (int i = 0; i < 10000; i++) {
        double now = weft_loop_time(l);
        ck_assert_double_ge(now, last);
        last = now;
    }
    weft_loop_free(l);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        a_timer_fires_once_and_never_early,
        delays_may_be_zero_or_negative,
        a_time_must_be_a_number,
        a_handle_knows_its_deadline,
        timers_run_by_deadline,
        a_cancelled_timer_is_gone,
        time_is_monotonic,
    };
    Suite *suite = suite_create("callback_timer");
    TCase *tcase = tcase_create("timers");
    tcase_add_checked_fixture(tcase, make_loop, free_loop);
    for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
        tcase_add_test(tcase, tests[i]);
    suite_add_tcase(suite, tcase);
    return suite_main(suite);
}
