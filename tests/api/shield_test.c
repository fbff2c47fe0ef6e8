/*
 * shield_test.c - what one awaits, safe from one's own cancellation.
 */
#include <errno.h>

#include "tests/support/sim.h"
#include "tests/support/suite.h"

static int value;

COROUTINE(work)
{
    const double *seconds = arg;
    int rc = weft_sleep(*seconds);
    trace("%s", rc ? "cancelled" : "worked");
    *result = &value;
    return rc;
}

static weft_task *start(double seconds)
{
    static double delay;
    delay = seconds;
    return weft_create_task(work, &delay, NULL);
}

/* SHLD-01, SHLD-02: the same result, or error. */
START_SIM(same_outcome)
{
    weft_task *t = start(1);
    void *got = NULL;
    ck_assert_int_eq(weft_join(weft_shield(t), &got), 0);
    ck_assert_ptr_eq(got, &value);
    weft_unref(t);

    weft_future *f = weft_create_future();
    weft_future *s = weft_shield(f);
    weft_future_set_exception(f, weft_fail(-EIO, "inner"));
    ck_assert_int_eq(weft_join(s, NULL), -EIO);
    ck_assert_str_eq(weft_error_message(weft_error_current()), "inner");
    weft_unref(f);
    ck_assert_int_eq(reports_count, 0);
    ck_assert_trace("worked");
    return 0;
}

COROUTINE(shields)
{
    int rc = weft_join(weft_shield(arg), NULL);
    if (rc == WEFT_ECANCELLED) {
        trace("caught:%d", weft_cancelling(weft_current_task()));
        ck_assert_int_eq(weft_sleep(1), 0); /* SHLD-12: it can go on */
        ck_assert_int_eq(weft_cancelling(weft_current_task()), 1);
        ck_assert_int_eq(weft_uncancel(weft_current_task()), 0);
        return 0;
    }
    return rc;
}

/* SHLD-03, SHLD-12: the awaiting task is cancelled, and what it awaited runs on. */
START_SIM(awaiter_cancelled)
{
    weft_task *t = start(5), *waiter = weft_create_task(shields, t, NULL);
    sim_pass(2);
    ck_assert_int_eq(weft_cancel(waiter), 1);
    ck_assert_int_eq(weft_join(waiter, NULL), 0);
    ck_assert(!weft_done(t));
    ck_assert_int_eq(weft_join(t, NULL), 0);
    ck_assert_trace("caught:1 worked");
    return 0;
}

/* SHLD-04: what is shielded is cancelled, and with it the shield, which does not get the message. */
START_SIM(inner_cancelled)
{
    weft_future *f = weft_create_future();
    weft_future *s = weft_shield(f);
    ck_assert_int_eq(weft_cancel_msg(f, "inner"), 1);
    ck_assert(!weft_done(s));
    ck_assert_int_eq(weft_await(s, NULL), WEFT_ECANCELLED);
    ck_assert_ptr_null(weft_error_message(weft_error_current()));
    ck_assert(weft_cancelled(s));
    weft_unref(s);
    weft_unref(f);
    return 0;
}

/* SHLD-05: of what is done it is that itself, however it ended. */
START_SIM(done_already)
{
    weft_future *f[] = {weft_create_future(), weft_create_future(), weft_create_future()};
    weft_future_set_result(f[0], &value);
    weft_future_set_exception(f[1], -EIO);
    weft_cancel(f[2]);
    int turn = sim_turn(), codes[] = {0, -EIO, WEFT_ECANCELLED};
    for (int i = 0; i < 3; i++) {
        weft_future *s = weft_shield(f[i]);
        ck_assert_ptr_eq(s, f[i]);
        ck_assert_int_eq(weft_join(s, NULL), codes[i]);
        weft_unref(f[i]);
    }
    ck_assert_int_eq(sim_turn(), turn);
    return 0;
}

/* SHLD-06, SHLD-07: a cancelled shield is detached; the error that nobody looks at then is reported
 * as the inner one's. */
START_SIM(detached)
{
    weft_future *f[] = {weft_create_future(), weft_create_future(), weft_create_future()}, *s[3];
    for (int i = 0; i < 3; i++) {
        s[i] = weft_shield(f[i]);
        ck_assert_int_eq(weft_cancel_msg(s[i], "mine"), 1);
    }
    weft_future_set_result(f[0], &value);
    weft_future_set_exception(f[1], -EIO);
    weft_cancel_msg(f[2], "other");
    sim_pass(3);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(weft_await(s[i], NULL), WEFT_ECANCELLED);
        ck_assert_str_eq(weft_error_message(weft_error_current()), "mine");
        weft_unref(s[i]);
    }
    ck_assert_int_eq(reports_count, 0);
    const weft_future *failed = f[1];
    for (int i = 0; i < 3; i++)
        weft_unref(f[i]);
    ck_assert_int_eq(reports_count, 1);
    ck_assert_int_eq(reports_code, -EIO);
    ck_assert_ptr_eq(reports_future, failed);
    return 0;
}

/* Who saw the shield's error has seen the inner one's; who saw neither is told once. */
START_SIM(reported_once)
{
    weft_future *f = weft_create_future();
    weft_future *s = weft_shield(f);
    weft_future_set_exception(f, -EIO);
    weft_unref(f);
    sim_pass(2);
    weft_unref(s);
    ck_assert_int_eq(reports_count, 1);
    return 0;
}

/* SHLD-08: for a future of no loop there must be a loop that the shield can belong to. */
START_TEST(no_loop)
{
    weft_future *f = weft_future_new(NULL);
    ck_assert_ptr_null(weft_shield(f));
    ck_assert_int_eq(errno, -WEFT_ENOLOOP);
    ck_assert_ptr_null(weft_shield(NULL));
    ck_assert_int_eq(errno, EINVAL);
    weft_unref(f);
}
END_TEST

COROUTINE(says_when)
{
    int rc = weft_sleep(1);
    *result = (void *)(intptr_t)sim_turn();
    return rc;
}

/* SHLD-09: the awaiter resumes two iterations after the one in which the inner task finished. */
START_SIM(hops)
{
    void *when = NULL;
    weft_task *t = weft_create_task(says_when, NULL, NULL);
    ck_assert_int_eq(weft_join(weft_shield(t), &when), 0);
    ck_assert_int_eq(sim_turn(), (int)(intptr_t)when + 2);
    weft_unref(t);
    return 0;
}

/* SHLD-10: several shields of one task, some of them cancelled, and shields of shields. */
START_SIM(several)
{
    weft_task *t = start(1);
    weft_future *s[] = {weft_shield(t), weft_shield(t), NULL, NULL};
    s[2] = weft_shield(s[1]);
    s[3] = weft_shield(s[0]);
    ck_assert_int_eq(weft_cancel(s[0]), 1);
    ck_assert_int_eq(weft_cancel(s[0]), 0);
    ck_assert(!weft_done(s[1]) && !weft_done(s[2]));
    ck_assert_int_eq(weft_await(s[3], NULL), WEFT_ECANCELLED);
    ck_assert_int_eq(weft_await(s[2], NULL), 0);
    ck_assert_int_eq(weft_await(s[1], NULL), 0);
    for (int i = 0; i < 4; i++)
        weft_unref(s[i]);
    weft_unref(t);
    ck_assert_trace("worked");
    return 0;
}

/* SHLD-11: nobody keeps the task; nor, in the end, the shield. */
START_SIM(nobody_keeps_it)
{
    weft_task *t = start(1);
    weft_future *s = weft_shield(t);
    weft_unref(t);
    ck_assert_int_eq(weft_cancel(s), 1);
    weft_unref(s);
    ck_assert_int_eq(weft_sleep(2), 0);
    ck_assert_trace("worked");
    t = start(1);
    weft_unref(weft_shield(t));
    weft_unref(t);
    ck_assert_int_eq(weft_sleep(2), 0);
    ck_assert_trace("worked");
    return 0;
}

/* WFOR-12: a time-out strikes the shield, and not the task. */
START_SIM(time_is_over)
{
    weft_task *t = start(5);
    weft_future *s = weft_shield(t);
    ck_assert_int_eq(weft_wait_for(s, 1, NULL), WEFT_ETIMEDOUT);
    ck_assert(weft_cancelled(s) && !weft_done(t));
    weft_unref(s);
    s = weft_shield(t);
    ck_assert_int_eq(weft_wait_for(s, 0, NULL), WEFT_ETIMEDOUT);
    weft_unref(s);
    ck_assert_int_eq(weft_cancelling(t), 0);
    ck_assert_int_eq(weft_join(t, NULL), 0);
    ck_assert_trace("worked");
    return 0;
}

/* The shield is cancelled when the word of the inner end is on its way. */
START_SIM(cancelled_with_the_word_under_way)
{
    weft_future *f = weft_create_future();
    weft_future *s = weft_shield(f);
    weft_future_set_result(f, &value);
    ck_assert_int_eq(weft_cancel(s), 1);
    ck_assert(weft_cancelled(s));
    weft_unref(s);
    weft_unref(f);
    sim_pass(2);

    f = weft_create_future();
    s = weft_shield(f);
    weft_future_set_result(s, NULL); /* somebody else completes it */
    weft_future_set_exception(f, -EIO);
    sim_pass(2);
    ck_assert_int_eq(weft_join(s, NULL), 0);
    weft_unref(f);
    ck_assert_int_eq(reports_count, 1);
    return 0;
}

int main(void)
{
    Suite *suite = suite_create("shield");
    TCase *tests = tcase_create("shield");

    tcase_add_test(tests, same_outcome);
    tcase_add_test(tests, awaiter_cancelled);
    tcase_add_test(tests, inner_cancelled);
    tcase_add_test(tests, done_already);
    tcase_add_test(tests, detached);
    tcase_add_test(tests, reported_once);
    tcase_add_test(tests, no_loop);
    tcase_add_test(tests, hops);
    tcase_add_test(tests, several);
    tcase_add_test(tests, nobody_keeps_it);
    tcase_add_test(tests, time_is_over);
    tcase_add_test(tests, cancelled_with_the_word_under_way);
    suite_add_tcase(suite, tests);
    return suite_main(suite);
}
