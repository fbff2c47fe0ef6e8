/*
 * clock_test.c - seconds, nanoseconds, and the way between them.
 */
#include <stdbool.h>

#include "runtime/base/clock.h"
#include "tests/support/suite.h"

/* The clock does not go backwards. */
START_TEST(now_is_monotonic)
{
    int64_t before = clock_now_ns();
    for (int i = 0; i < 1000; i++) {
        int64_t now = clock_now_ns();
        ck_assert_int_ge(now, before);
        before = now;
    }
}
END_TEST

/*
 * Whether ns is the first nanosecond that is not before seconds. The loops below call this a
 * million times: an assertion of libcheck's writes to a pipe each time, and would take seconds.
 */
static bool is_first_not_early(int64_t ns, double seconds)
{
    return clock_seconds(ns) >= seconds && clock_seconds(ns - 1) < seconds;
}

/* A duration of whole microseconds is that many nanoseconds, not one more: 0.067 s is inexact. */
START_TEST(whole_microseconds_are_exact)
{
    for (int64_t us = 0; us < 1000000; us++) {
        if (clock_ns((double)us / 1e6) != us * 1000)
            ck_abort_msg("%d us", (int)us);
        if (clock_ns((double)us) != us * 1000000000)
            ck_abort_msg("%d s", (int)us);
    }
}
END_TEST

/* Rounding is never early: the nanosecond reached is at or after the second asked for, and the one
 * before it is not. */
START_TEST(rounding_is_never_early)
{
    for (int i = 1; i < 1000000; i++) {
        double seconds = (double)i * 1.2345678e-7;
        if (!is_first_not_early(clock_ns(seconds), seconds))
            ck_abort_msg("%.17g s", seconds);
    }
}
END_TEST

/* Less than a nanosecond is a nanosecond, and the next double after 0.3 s is later than it. */
START_TEST(a_fraction_rounds_up)
{
    ck_assert_int_eq(clock_ns(1e-12), 1);
    ck_assert_int_eq(clock_ns(1.5e-9), 2);
    ck_assert_int_eq(clock_ns(0.3), 300000000);
    ck_assert_int_eq(clock_ns(0.1 + 0.2), 300000001);
}
END_TEST

/* Nanoseconds survive the way to seconds and back, so a deadline that was read can be armed again.
 */
START_TEST(nanoseconds_round_trip)
{
    for (int64_t i = 0; i < 1000000; i++) {
        int64_t far_ns = i * 1000000007; /* to about 11 days, a machine's uptime */
        if (clock_ns(clock_seconds(i)) != i)
            ck_abort_msg("%d ns", (int)i);
        if (clock_ns(clock_seconds(far_ns)) != far_ns)
            ck_abort_msg("%d s and %d ns", (int)i, 7 * (int)i);
    }
}
END_TEST

/* Forever, and what does not fit, is CLOCK_NEVER, whose seconds are infinite. */
START_TEST(forever_is_never)
{
    ck_assert_int_eq(clock_ns((double)INFINITY), CLOCK_NEVER);
    ck_assert_int_eq(clock_ns(1e300), CLOCK_NEVER);
    ck_assert_int_eq(clock_ns(9.3e9), CLOCK_NEVER);
    ck_assert_int_eq(clock_ns((double)NAN), CLOCK_NEVER);
    ck_assert_int_eq(clock_ns(-(double)INFINITY), -CLOCK_NEVER);
    ck_assert(isinf(clock_seconds(CLOCK_NEVER)));
}
END_TEST

/* A sum saturates, and CLOCK_NEVER absorbs. */
START_TEST(sums_saturate)
{
    ck_assert_int_eq(clock_add_ns(40, 2), 42);
    ck_assert_int_eq(clock_add_ns(40, -42), -2);
    ck_assert_int_eq(clock_add_ns(1, CLOCK_NEVER), CLOCK_NEVER);
    ck_assert_int_eq(clock_add_ns(CLOCK_NEVER, CLOCK_NEVER), CLOCK_NEVER);
    ck_assert_int_eq(clock_add_ns(-CLOCK_NEVER, -CLOCK_NEVER), -CLOCK_NEVER);
    ck_assert_int_eq(clock_add_ns(CLOCK_NEVER, -1), CLOCK_NEVER);
}
END_TEST

static Suite *clock_suite(void)
{
    Suite *suite = suite_create("clock");
    TCase *tests = tcase_create("clock");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, now_is_monotonic);
    tcase_add_test(tests, whole_microseconds_are_exact);
    tcase_add_test(tests, rounding_is_never_early);
    tcase_add_test(tests, a_fraction_rounds_up);
    tcase_add_test(tests, nanoseconds_round_trip);
    tcase_add_test(tests, forever_is_never);
    tcase_add_test(tests, sums_saturate);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return suite_main(clock_suite());
}
