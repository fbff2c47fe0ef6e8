/*
 * timeout_clock_test.c - a weft_timeout on the real clock, where the deadline of a long one is fixed
 * late: never before its time, and for good once somebody has asked for it.
 *
 * A tenth of a second is the shortest that is long (LOOP_LONG_LIMIT).
 */
#include "tests/support/sim.h"
#include "tests/support/suite.h"

#define LONG  0.1
#define NEVER 1000.0 /* so far away that it does not come */
#define TICK  0.0101 /* of the coarse clock, and what rounding adds */

static double now(void)
{
    return weft_loop_time(weft_get_running_loop());
}

/* A test whose main task runs on the real clock. */
#define START_REAL(name)                                        \
    COROUTINE(name##_main);                                     \
    START_TEST(name)                                            \
    {                                                           \
        ck_assert_int_eq(weft_run(name##_main, NULL, NULL), 0); \
    }                                                           \
    END_TEST                                                    \
    COROUTINE(name##_main)

/* TMO-01, TMO-04: it strikes, not early; asked afterwards, the deadline was before that. */
START_REAL(strikes_in_time)
{
    weft_timeout limit;
    double made = now();
    ck_assert_int_eq(weft_timeout_init(&limit, LONG), 0);
    ck_assert_int_eq(weft_timeout_begin(&limit), 0);
    int rc = weft_sleep(NEVER);
    double struck = now();
    ck_assert_int_eq(rc, WEFT_ECANCELLED);
    ck_assert_double_ge(struck, made + LONG);
    double when = weft_timeout_when(&limit);
    ck_assert_double_ge(when, made + LONG);
    ck_assert_double_le(when, struck);
    ck_assert_int_eq(weft_timeout_end(&limit, rc), WEFT_ETIMEDOUT);
    ck_assert(weft_timeout_when(&limit) == when);
    return 0;
}

/* TMO-04: asked before the block, in it, or after it, the deadline is that of when it was made, by a
 * tick at most, and stays. */
START_REAL(stays_once_asked)
{
    for (int asked = 0; asked < 3; asked++) {
        weft_timeout limit;
        double before = now(), when = 0;
        ck_assert_int_eq(weft_timeout_init(&limit, NEVER), 0);
        double after = now();
        for (int step = 0; step < 3; step++) {
            if (step == 1)
                ck_assert_int_eq(weft_timeout_begin(&limit), 0);
            if (step == 2)
                ck_assert_int_eq(weft_timeout_end(&limit, 0), 0);
            for (double begun = now(); now() < begun + 3 * TICK;) /* a tick at least */
                ck_assert_int_eq(weft_yield(), 0);
            if (step == asked)
                when = weft_timeout_when(&limit);
            if (step >= asked)
                ck_assert(weft_timeout_when(&limit) == when);
        }
        ck_assert_double_ge(when, before + NEVER);
        ck_assert_double_le(when, after + NEVER + TICK);
    }
    return 0;
}

/* What was asked for is when it strikes: not before. */
START_REAL(strikes_when_it_said)
{
    weft_timeout limit;
    ck_assert_int_eq(weft_timeout_init(&limit, LONG), 0);
    ck_assert_int_eq(weft_timeout_begin(&limit), 0);
    double when = weft_timeout_when(&limit);
    int rc = weft_sleep(NEVER);
    ck_assert_int_eq(rc, WEFT_ECANCELLED);
    ck_assert_double_ge(now(), when);
    ck_assert_int_eq(weft_timeout_end(&limit, rc), WEFT_ETIMEDOUT);
    return 0;
}

/* TMO-04, TMO-12: counted from when it was made, it can be over before the block begins, which is
 * interrupted where it first suspends. */
START_REAL(over_before_the_block)
{
    weft_timeout limit;
    ck_assert_int_eq(weft_timeout_init(&limit, LONG), 0);
    ck_assert_int_eq(weft_sleep(LONG + TICK), 0);
    ck_assert_int_eq(weft_timeout_begin(&limit), 0);
    int rc = weft_yield();
    rc = rc ? rc : weft_yield();
    ck_assert_int_eq(rc, WEFT_ECANCELLED);
    ck_assert_int_eq(weft_timeout_end(&limit, rc), WEFT_ETIMEDOUT);
    return 0;
}

/* TMO-13, TMO-27: a block that is busy past its deadline and does not suspend is not interrupted, nor
 * what comes after it. */
START_REAL(busy_past_the_deadline)
{
    weft_timeout limit;
    ck_assert_int_eq(weft_timeout_init(&limit, LONG), 0);
    ck_assert_int_eq(weft_timeout_begin(&limit), 0);
    for (double begun = now(); now() < begun + LONG + TICK;)
        ;
    ck_assert_int_eq(weft_timeout_end(&limit, 0), 0);
    ck_assert_int_eq(weft_timeout_expired(&limit), 0);
    ck_assert_int_eq(weft_sleep(0.001), 0);
    return 0;
}

/* TMO-13: the same, and it suspends then: the time that it was busy counts. */
START_REAL(busy_and_suspends)
{
    weft_timeout limit;
    ck_assert_int_eq(weft_timeout_init(&limit, LONG), 0);
    ck_assert_int_eq(weft_timeout_begin(&limit), 0);
    for (double begun = now(); now() < begun + LONG + TICK;)
        ;
    weft_future *never = weft_create_future();
    int rc = weft_await(never, NULL);
    ck_assert_int_eq(rc, WEFT_ECANCELLED);
    ck_assert_double_le(weft_timeout_when(&limit), now());
    ck_assert_int_eq(weft_timeout_end(&limit, rc), WEFT_ETIMEDOUT);
    weft_unref(never);
    return 0;
}

/* TMO-03, TMO-07: the ends of what can be asked for; moved from a deadline that nobody knew. */
START_REAL(extremes)
{
    static const double delays[] = {1e8, 1e9, 1e12, WEFT_FOREVER};
    for (int i = 0; i < 4; i++) {
        weft_timeout limit;
        double made = now();
        ck_assert_int_eq(weft_timeout_init(&limit, delays[i]), 0);
        ck_assert_int_eq(weft_timeout_begin(&limit), 0);
        ck_assert_int_eq(weft_yield(), 0);
        ck_assert_double_ge(weft_timeout_when(&limit), made + delays[i] - 1e-6); /* rounding */
        ck_assert_int_eq(weft_timeout_end(&limit, 0), 0);
        ck_assert_int_eq(weft_timeout_init(&limit, delays[i]), 0);
        ck_assert_int_eq(weft_timeout_begin(&limit), 0);
        ck_assert_int_eq(weft_timeout_reschedule(&limit, made), 0);
        ck_assert(weft_timeout_when(&limit) == made);
        int rc = weft_sleep(NEVER);
        ck_assert_int_eq(weft_timeout_end(&limit, rc), WEFT_ETIMEDOUT);
    }
    return 0;
}

/* TMO-22: two that were made one after the other strike in that order, or together. */
START_REAL(nested)
{
    weft_timeout outer, inner;
    ck_assert_int_eq(weft_timeout_init(&outer, LONG), 0);
    ck_assert_int_eq(weft_timeout_init(&inner, LONG), 0);
    ck_assert_int_eq(weft_timeout_begin(&outer), 0);
    ck_assert_int_eq(weft_timeout_begin(&inner), 0);
    int rc = weft_timeout_end(&inner, weft_sleep(NEVER));
    ck_assert_int_eq(rc, WEFT_ECANCELLED);
    ck_assert_int_eq(weft_timeout_end(&outer, rc), WEFT_ETIMEDOUT);
    ck_assert_int_eq(weft_cancelling(weft_current_task()), 0);
    return 0;
}

int main(void)
{
    Suite *suite = suite_create("timeout clock");
    TCase *tests = tcase_create("timeout clock");

    tcase_add_test(tests, strikes_in_time);
    tcase_add_test(tests, stays_once_asked);
    tcase_add_test(tests, strikes_when_it_said);
    tcase_add_test(tests, over_before_the_block);
    tcase_add_test(tests, busy_past_the_deadline);
    tcase_add_test(tests, busy_and_suspends);
    tcase_add_test(tests, extremes);
    tcase_add_test(tests, nested);
    suite_add_tcase(suite, tests);
    return suite_main(suite);
}
