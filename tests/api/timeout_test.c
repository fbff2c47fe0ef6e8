/*
 * timeout_test.c - a block of code that is interrupted at a time.
 */
#include <errno.h>

#include "tests/support/sim.h"
#include "tests/support/suite.h"

static int cancelling(void)
{
    return weft_cancelling(weft_current_task());
}

/* The block sleeps so long. */
static int sleep_within(weft_timeout *limit, double seconds)
{
    int rc = weft_timeout_begin(limit);
    return rc ? rc : weft_timeout_end(limit, weft_sleep(seconds));
}

/* TMO-01, TMO-02, TMO-06, TMO-21: interrupted at the deadline; what is inside sees a cancellation. */
START_SIM(interrupted)
{
    weft_timeout limit;
    ck_assert_int_eq(weft_timeout_init(&limit, 2), 0);
    ck_assert_int_eq(weft_timeout_begin(&limit), 0);
    ck_assert_int_eq(weft_timeout_expired(&limit), 0);
    ck_assert_int_eq(weft_sleep(5), WEFT_ECANCELLED);
    ck_assert_int_eq(weft_timeout_expired(&limit), 1);
    ck_assert_int_eq(weft_timeout_end(&limit, WEFT_ECANCELLED), WEFT_ETIMEDOUT);
    ck_assert_int_eq(weft_error_code(weft_error_cause(weft_error_current())), WEFT_ECANCELLED);
    ck_assert_int_eq(weft_timeout_expired(&limit), 1);
    ck_assert_int_eq(cancelling(), 0);
    ck_assert_double_le(sim_now(), 2.001);
    ck_assert_int_eq(weft_sleep(1), 0);
    return 0;
}

/* TMO-03, TMO-06, TMO-14, TMO-27: no deadline, and one that is not reached; errors pass through. */
START_SIM(not_reached)
{
    weft_timeout limit;
    ck_assert_int_eq(weft_timeout_init(&limit, WEFT_FOREVER), 0);
    ck_assert(weft_timeout_when(&limit) == WEFT_FOREVER);
    ck_assert_int_eq(sleep_within(&limit, 1e6), 0);
    ck_assert_int_eq(weft_timeout_expired(&limit), 0);
    ck_assert_int_eq(weft_timeout_init(&limit, 2), 0);
    ck_assert_int_eq(sleep_within(&limit, 1), 0);
    ck_assert_int_eq(weft_timeout_expired(&limit), 0);
    ck_assert_int_eq(weft_timeout_init(&limit, 2), 0);
    ck_assert_int_eq(weft_timeout_begin(&limit), 0);
    ck_assert_int_eq(weft_timeout_end(&limit, weft_fail(-EIO, "x")), -EIO);
    ck_assert_int_eq(weft_sleep(10), 0);
    return 0;
}

COROUTINE(reads_when)
{
    weft_timeout limit;
    double begun = sim_now();
    ck_assert_int_eq(weft_timeout_init(&limit, 10), 0); /* TMO-04: counts from here */
    ck_assert_int_eq(weft_sleep(3), 0);
    ck_assert_double_le(weft_timeout_when(&limit) - begun, 10.001);
    ck_assert_int_eq(sleep_within(&limit, 50), WEFT_ETIMEDOUT);
    ck_assert_double_le(sim_now() - begun, 10.001);
    return 0;
}

/* TMO-04, TMO-05: the deadline is fixed when the timeout is made; an absolute one needs no loop. */
START_TEST(when)
{
    weft_timeout limit;
    ck_assert_int_eq(weft_timeout_init(&limit, 1), WEFT_ENOLOOP);
    ck_assert_int_eq(weft_timeout_init(&limit, NAN), -EINVAL);
    ck_assert_int_eq(weft_timeout_init_at(&limit, 7), 0);
    ck_assert_double_eq(weft_timeout_when(&limit), 7);
    ck_assert_int_eq(weft_timeout_begin(&limit), WEFT_ENOTASK); /* TMO-11 */
    ck_assert_int_eq(sim_run(reads_when, NULL), 0);
}
END_TEST

COROUTINE(reschedules)
{
    ck_assert_int_eq(weft_timeout_reschedule(arg, sim_now() + 20), 0);
    return 0;
}

/* TMO-07, TMO-08, TMO-09: the deadline can be moved, by other tasks too, while the block is active. */
START_SIM(rescheduled)
{
    weft_timeout limit;
    ck_assert_int_eq(weft_timeout_init(&limit, 5), 0);
    ck_assert_int_eq(weft_timeout_reschedule(&limit, 1), WEFT_ERUNTIME);
    ck_assert_int_eq(weft_timeout_begin(&limit), 0);
    weft_task *t = weft_create_task(reschedules, &limit, NULL);
    ck_assert_int_eq(weft_sleep(15), 0);
    ck_assert_int_eq(weft_join(t, NULL), 0);
    ck_assert_int_eq(weft_timeout_reschedule(&limit, WEFT_FOREVER), 0);
    ck_assert_int_eq(weft_sleep(15), 0);
    ck_assert_int_eq(weft_timeout_reschedule(&limit, 0), 0);
    int turn = sim_turn();
    ck_assert_int_eq(weft_sleep(15), WEFT_ECANCELLED);
    ck_assert_int_le(sim_turn() - turn, 2);
    ck_assert_int_eq(weft_timeout_reschedule(&limit, 100), WEFT_ERUNTIME);
    ck_assert_int_eq(weft_timeout_end(&limit, WEFT_ECANCELLED), WEFT_ETIMEDOUT);
    ck_assert_int_eq(weft_timeout_reschedule(&limit, 100), WEFT_ERUNTIME);
    ck_assert_int_eq(weft_timeout_begin(&limit), WEFT_ERUNTIME); /* TMO-10 */
    ck_assert_int_eq(weft_timeout_end(&limit, 0), WEFT_ERUNTIME);
    return 0;
}

/* TMO-12, TMO-13: no time interrupts the first suspension, and only that. */
START_SIM(no_time)
{
    weft_timeout limit;
    ck_assert_int_eq(weft_timeout_init(&limit, 0), 0);
    ck_assert_int_eq(weft_timeout_begin(&limit), 0);
    int rc = weft_yield();
    rc = rc ? rc : weft_yield();
    ck_assert_int_eq(rc, WEFT_ECANCELLED);
    ck_assert_int_eq(weft_timeout_end(&limit, rc), WEFT_ETIMEDOUT);
    ck_assert_int_eq(weft_timeout_init(&limit, -1), 0);
    ck_assert_int_eq(weft_timeout_begin(&limit), 0);
    ck_assert_int_eq(weft_timeout_end(&limit, 0), 0);
    ck_assert_int_eq(weft_timeout_expired(&limit), 0);
    sim_pass(3);
    return 0;
}

/* TMO-15, TMO-16: an interruption that is turned into another error, or swallowed. */
START_SIM(turned_or_swallowed)
{
    weft_timeout limit;
    weft_except handling;
    ck_assert_int_eq(weft_timeout_init(&limit, 1), 0);
    ck_assert_int_eq(weft_timeout_begin(&limit), 0);
    int rc = weft_sleep(5);
    weft_except_begin(&handling, rc);
    rc = weft_fail(-EIO, "while ending");
    weft_except_end(&handling);
    ck_assert_int_eq(weft_timeout_end(&limit, rc), -EIO);
    ck_assert_int_eq(weft_timeout_expired(&limit), 1);
    weft_error *context = weft_error_context(weft_error_current());
    ck_assert_int_eq(weft_error_code(context), WEFT_ETIMEDOUT);
    ck_assert_int_eq(weft_error_code(weft_error_cause(context)), WEFT_ECANCELLED);
    ck_assert_str_eq(weft_error_message(weft_error_current()), "while ending");

    ck_assert_int_eq(weft_timeout_init(&limit, 1), 0);
    ck_assert_int_eq(weft_timeout_begin(&limit), 0);
    ck_assert_int_eq(weft_sleep(5), WEFT_ECANCELLED);
    ck_assert_int_eq(weft_timeout_end(&limit, 0), 0);
    ck_assert_int_eq(weft_timeout_expired(&limit), 1);
    ck_assert_int_eq(cancelling(), 0);
    return 0;
}

COROUTINE(limited)
{
    weft_timeout limit;
    ck_assert_int_eq(weft_timeout_init(&limit, 5), 0);
    int rc = sleep_within(&limit, 10);
    trace("%d expired:%d cancelling:%d", rc == WEFT_ECANCELLED, weft_timeout_expired(&limit),
          cancelling());
    return rc;
}

COROUTINE(cancels_at_five)
{
    ck_assert_int_eq(weft_sleep(5), 0);
    weft_cancel(*(weft_task **)arg);
    return 0;
}

/* TMO-17, TMO-18: a cancellation by somebody else passes through, even together with the deadline. */
START_SIM(cancelled_by_others)
{
    weft_task *t = weft_create_task(limited, NULL, NULL);
    ck_assert_int_eq(weft_sleep(1), 0);
    weft_cancel(t);
    ck_assert_int_eq(weft_join(t, NULL), WEFT_ECANCELLED);
    ck_assert_trace("1 expired:0 cancelling:1");
    weft_task *both;
    weft_task *other = weft_create_task(cancels_at_five, &both, NULL);
    both = weft_create_task(limited, NULL, NULL);
    ck_assert_int_eq(weft_join(both, NULL), WEFT_ECANCELLED);
    ck_assert_trace("1 expired:1 cancelling:1");
    return weft_join(other, NULL);
}

/* TMO-22: of two blocks with the same deadline both have struck, and the outer one raises. */
START_SIM(nested)
{
    weft_timeout outer, inner;
    ck_assert_int_eq(weft_timeout_init(&outer, 3), 0);
    ck_assert_int_eq(weft_timeout_init_at(&inner, weft_timeout_when(&outer)), 0);
    ck_assert_int_eq(weft_timeout_begin(&outer), 0);
    int rc = sleep_within(&inner, 10);
    ck_assert_int_eq(rc, WEFT_ECANCELLED);
    ck_assert_int_eq(weft_timeout_end(&outer, rc), WEFT_ETIMEDOUT);
    ck_assert_int_eq(weft_timeout_expired(&inner), 1);
    ck_assert_int_eq(cancelling(), 0);

    ck_assert_int_eq(weft_timeout_init(&outer, 5), 0); /* TMO-23 */
    ck_assert_int_eq(weft_timeout_init(&inner, 3), 0);
    ck_assert_int_eq(weft_timeout_begin(&outer), 0);
    ck_assert_int_eq(sleep_within(&inner, 10), WEFT_ETIMEDOUT);
    ck_assert_int_eq(weft_timeout_end(&outer, weft_sleep(10)), WEFT_ETIMEDOUT);
    return 0;
}

/* TMO-29: as text. */
START_SIM(as_text)
{
    weft_timeout limit;
    char text[80];
    ck_assert_int_eq(weft_timeout_init_at(&limit, sim_now() + 1), 0);
    weft_timeout_format(&limit, text, sizeof(text));
    ck_assert_str_eq(text, "<weft_timeout [created]>");
    ck_assert_int_eq(weft_timeout_begin(&limit), 0);
    weft_timeout_format(&limit, text, sizeof(text));
    ck_assert_str_eq(text, "<weft_timeout [active] when=1.000>");
    ck_assert_int_eq(weft_sleep(2), WEFT_ECANCELLED);
    weft_timeout_format(&limit, text, sizeof(text));
    ck_assert_str_eq(text, "<weft_timeout [expiring]>");
    ck_assert_int_eq(weft_timeout_end(&limit, WEFT_ECANCELLED), WEFT_ETIMEDOUT);
    weft_timeout_format(&limit, text, sizeof(text));
    ck_assert_str_eq(text, "<weft_timeout [expired]>");
    return 0;
}

/* A task whose block is active, or whose deadline is queued, when the loop closes. */
START_SIM(left_at_the_end)
{
    weft_unref(weft_create_task(limited, NULL, NULL));
    sim_pass(1);
    return 0;
}

int main(void)
{
    Suite *suite = suite_create("timeout");
    TCase *tests = tcase_create("timeout");

    tcase_add_test(tests, interrupted);
    tcase_add_test(tests, not_reached);
    tcase_add_test(tests, when);
    tcase_add_test(tests, rescheduled);
    tcase_add_test(tests, no_time);
    tcase_add_test(tests, turned_or_swallowed);
    tcase_add_test(tests, cancelled_by_others);
    tcase_add_test(tests, nested);
    tcase_add_test(tests, as_text);
    tcase_add_test(tests, left_at_the_end);
    suite_add_tcase(suite, tests);
    return suite_main(suite);
}
