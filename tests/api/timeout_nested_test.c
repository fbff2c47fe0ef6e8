/*
 * timeout_nested_test.c - deadlines together with cancellations, with each other, and with groups.
 */
#include <errno.h>

#include "tests/support/sim.h"
#include "tests/support/suite.h"

static int cancelling(void)
{
    return weft_cancelling(weft_current_task());
}

static void begin(weft_timeout *limit, double delay)
{
    ck_assert_int_eq(weft_timeout_init(limit, delay), 0);
    ck_assert_int_eq(weft_timeout_begin(limit), 0);
}

COROUTINE(cancels)
{
    weft_cancel_msg(arg, "other");
    return 0;
}

/* TMO-19: a cancellation that was swallowed before does not stop the deadline. */
START_SIM(swallowed_before)
{
    weft_timeout limit;
    weft_cancel(weft_current_task());
    ck_assert_int_eq(weft_sleep(1), WEFT_ECANCELLED);
    begin(&limit, 1);
    ck_assert_int_eq(weft_timeout_end(&limit, weft_sleep(5)), WEFT_ETIMEDOUT);
    ck_assert_int_eq(cancelling(), 1);
    weft_uncancel(weft_current_task());
    return 0;
}

/* TMO-20: a new one inside the block passes through. */
START_SIM(another_inside)
{
    weft_timeout limit;
    weft_cancel(weft_current_task());
    ck_assert_int_eq(weft_sleep(1), WEFT_ECANCELLED);
    begin(&limit, 1);
    weft_unref(weft_create_task(cancels, weft_current_task(), NULL));
    ck_assert_int_eq(weft_timeout_end(&limit, weft_sleep(5)), WEFT_ECANCELLED);
    ck_assert_int_eq(weft_timeout_expired(&limit), 0);
    ck_assert_int_eq(cancelling(), 2);
    weft_uncancel(weft_current_task());
    weft_uncancel(weft_current_task());
    return 0;
}

/* TMO-24: the loop was busy past both deadlines: both have struck when the task resumes, and as with
 * equal deadlines the inner block is left as cancelled, and the outer one raises. */
START_SIM(busy_past_both)
{
    weft_timeout outer, inner;
    begin(&outer, 2);
    begin(&inner, 1);
    ck_assert_int_eq(weft_loop_advance(weft_get_running_loop(), 5), 0);
    int rc = weft_timeout_end(&inner, weft_sleep(100));
    ck_assert_int_eq(rc, WEFT_ECANCELLED);
    ck_assert_int_eq(weft_timeout_end(&outer, rc), WEFT_ETIMEDOUT);
    ck_assert(weft_timeout_expired(&inner) && weft_timeout_expired(&outer));
    ck_assert_int_eq(cancelling(), 0);
    ck_assert_double_le(sim_now(), 5.001);

    /* Past the inner one only, and past the outer one in between: each in its turn. */
    begin(&outer, 2);
    begin(&inner, 1);
    ck_assert_int_eq(weft_loop_advance(weft_get_running_loop(), 1.5), 0);
    ck_assert_int_eq(weft_timeout_end(&inner, weft_sleep(100)), WEFT_ETIMEDOUT);
    ck_assert_int_eq(weft_loop_advance(weft_get_running_loop(), 5), 0);
    ck_assert_int_eq(weft_timeout_end(&outer, weft_sleep(100)), WEFT_ETIMEDOUT);
    ck_assert_int_eq(cancelling(), 0);
    return 0;
}

/* TMO-25: a block inside the clean-up of an interrupted one works on its own. */
START_SIM(inside_the_cleanup)
{
    weft_timeout outer, inner;
    begin(&outer, 1);
    int rc = weft_sleep(10);
    ck_assert_int_eq(rc, WEFT_ECANCELLED);
    begin(&inner, 2);
    ck_assert_int_eq(weft_timeout_end(&inner, weft_sleep(10)), WEFT_ETIMEDOUT);
    begin(&inner, 2);
    ck_assert_int_eq(weft_timeout_end(&inner, weft_sleep(1)), 0);
    ck_assert_int_eq(cancelling(), 1);
    ck_assert_int_eq(weft_timeout_end(&outer, rc), WEFT_ETIMEDOUT);
    ck_assert_int_eq(cancelling(), 0);
    ck_assert_double_le(sim_now(), 4.001);
    return 0;
}

static int complete(void *arg)
{
    return weft_future_set_result(arg, NULL);
}

/* TMO-26: the deadline strikes when the future is done and the task has not resumed. */
START_SIM(together_with_the_end)
{
    weft_timeout limit;
    weft_future *f = weft_create_future();
    double when = sim_now() + 3;
    ck_assert_int_eq(weft_call_at(weft_get_running_loop(), when, complete, f, NULL), 0);
    begin(&limit, 3);
    ck_assert_int_eq(weft_timeout_end(&limit, weft_await(f, NULL)), WEFT_ETIMEDOUT);
    ck_assert_int_eq(weft_timeout_expired(&limit), 1);
    ck_assert_int_eq(weft_join(f, NULL), 0);
    ck_assert_int_eq(cancelling(), 0);
    return 0;
}

COROUTINE(fails_when_cancelled)
{
    weft_except handling;
    int rc = weft_sleep(100);
    weft_except_begin(&handling, rc);
    rc = weft_fail(-EIO, "cleanup");
    weft_except_end(&handling);
    return rc;
}

/* TMO-28: around a group whose tasks fail while they clean up: the group's error comes out, with the
 * time-out behind it. */
START_SIM(around_a_group)
{
    weft_timeout limit;
    weft_task_group group = WEFT_TASK_GROUP_INIT;
    begin(&limit, 1);
    ck_assert_int_eq(weft_task_group_begin(&group), 0);
    weft_unref(weft_task_group_create_task(&group, fails_when_cancelled, NULL, NULL));
    int rc = weft_task_group_end(&group, weft_sleep(100));
    ck_assert_int_eq(rc, WEFT_EGROUP);
    ck_assert_int_eq(weft_timeout_end(&limit, rc), WEFT_EGROUP);
    weft_error *error = weft_error_current();
    weft_error *timed_out = weft_error_context(weft_error_at(error, 0));
    ck_assert_int_eq(weft_error_code(timed_out), WEFT_ETIMEDOUT);
    ck_assert_int_eq(weft_error_code(weft_error_cause(timed_out)), WEFT_ECANCELLED);
    ck_assert_uint_eq(weft_error_count(error), 1);
    ck_assert_int_eq(weft_timeout_expired(&limit), 1);
    return 0;
}

struct limits {
    weft_timeout outer, inner;
    double outer_delay, inner_delay;
};

COROUTINE(within_both)
{
    struct limits *limits = arg;
    begin(&limits->outer, limits->outer_delay);
    begin(&limits->inner, limits->inner_delay);
    int rc = 0;
    for (int i = 0; i < 6 && !rc; i++)
        rc = weft_sleep(1);
    rc = weft_timeout_end(&limits->inner, rc);
    rc = weft_timeout_end(&limits->outer, rc);
    ck_assert_int_eq(cancelling(), rc == WEFT_ECANCELLED);
    return rc;
}

/* Deadlines at every time around each other and around a cancellation by somebody else: nobody's
 * request is lost, and none is left over. */
START_SIM(all_orders)
{
    int seen[3] = {0};
    for (int k = 0; k < 8 * 8 * 8; k++) {
        int inner = k / 8 % 8;
        struct limits limits = {.outer_delay = k % 8, .inner_delay = inner};
        double begun = sim_now();
        weft_task *t = weft_create_task(within_both, &limits, NULL);
        int pause = k / 64;
        ck_assert_int_eq(weft_sleep(pause), 0);
        bool asked = weft_cancel(t);
        int rc = weft_join(t, NULL);
        ck_assert(asked ? rc == WEFT_ECANCELLED || rc == WEFT_ETIMEDOUT
                        : rc == 0 || rc == WEFT_ETIMEDOUT);
        ck_assert(rc != WEFT_ETIMEDOUT || weft_timeout_expired(&limits.outer) ||
                  weft_timeout_expired(&limits.inner));
        ck_assert(rc || sim_now() - begun >= 6);
        seen[rc == 0 ? 0 : rc == WEFT_ECANCELLED ? 1 : 2]++;
    }
    ck_assert(seen[0] && seen[1] && seen[2]);
    return 0;
}

#define DEPTH 200

/* Many blocks in one another, all of which strike at once: the outermost raises. */
START_SIM(deep)
{
    static weft_timeout limits[DEPTH];
    double when = sim_now() + 1;
    for (int i = 0; i < DEPTH; i++) {
        ck_assert_int_eq(weft_timeout_init_at(&limits[i], when), 0);
        ck_assert_int_eq(weft_timeout_begin(&limits[i]), 0);
    }
    int rc = weft_sleep(10);
    for (int i = DEPTH - 1; i > 0; i--) {
        rc = weft_timeout_end(&limits[i], rc);
        ck_assert_int_eq(rc, WEFT_ECANCELLED);
    }
    ck_assert_int_eq(weft_timeout_end(&limits[0], rc), WEFT_ETIMEDOUT);
    ck_assert_int_eq(cancelling(), 0);
    return 0;
}

/* The loop closes when deadlines have been queued and the task has not resumed. */
COROUTINE(struck)
{
    weft_timeout limit;
    begin(&limit, 0);
    return weft_timeout_end(&limit, weft_sleep(100));
}

START_TEST(loop_is_closed)
{
    weft_loop *loop = weft_new_event_loop(&(weft_loop_options){.clock = WEFT_CLOCK_VIRTUAL});
    weft_loop_set_exception_handler(loop, report_record, NULL);
    weft_task *t = weft_task_new(loop, struck, NULL, NULL);
    weft_loop_stop(loop);
    ck_assert_int_eq(weft_loop_run_forever(loop), 0);
    ck_assert_int_eq(weft_loop_free(loop), 0);
    ck_assert(weft_cancelled(t));
    weft_unref(t);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("timeout nested");
    TCase *tests = tcase_create("timeout nested");

    tcase_add_test(tests, swallowed_before);
    tcase_add_test(tests, another_inside);
    tcase_add_test(tests, busy_past_both);
    tcase_add_test(tests, inside_the_cleanup);
    tcase_add_test(tests, together_with_the_end);
    tcase_add_test(tests, around_a_group);
    tcase_add_test(tests, all_orders);
    tcase_add_test(tests, deep);
    tcase_add_test(tests, loop_is_closed);
    suite_add_tcase(suite, tests);
    return suite_main(suite);
}
