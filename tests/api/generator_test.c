/*
 * generator_test.c - asynchronous generators: what they yield, are sent and thrown, and how they
 * are closed.
 */
#include <errno.h>

#include "tests/api/generators.h"
#include "tests/support/suite.h"

/* AGEN-01, AGEN-02, AGEN-03, AGEN-04: nothing runs before the first request; values come one by one;
 * the end is the end. */
START_SIM(values)
{
    weft_generator *g = new_three(0);
    void *value = NULL;
    sim_pass(2);
    ck_assert_trace("");
    for (int i = 1; i <= 3; i++) {
        ck_assert_int_eq(weft_generator_next(g, &value), 0);
        ck_assert_ptr_eq(value, VALUE(i));
    }
    ck_assert_double_ge(weft_loop_time(weft_get_running_loop()), 3);
    ck_assert_int_eq(weft_generator_next(g, &value), WEFT_ESTOPITERATION);
    ck_assert_int_eq(weft_generator_next(g, &value), WEFT_ESTOPITERATION);
    ck_assert_int_eq(weft_generator_next_or(g, VALUE(9), &value), 0); /* AITR-03 */
    ck_assert_ptr_eq(value, VALUE(9));
    ck_assert_int_eq(weft_generator_close(g), 0);
    ck_assert_int_eq(weft_generator_close(g), 0);
    weft_generator_unref(g);
    ck_assert_int_eq(drops, 1);
    ck_assert_trace("started");
    return 0;
}

/* AGEN-05, AGEN-06: an error comes out of the request, and finishes it. */
START_SIM(errors)
{
    weft_generator *g = new_three(-EIO), *stops = new_three(WEFT_ESTOPITERATION);
    for (int i = 1; i <= 3; i++)
        ck_assert_int_eq(weft_generator_next(g, NULL), 0);
    ck_assert_int_eq(weft_generator_next(g, NULL), -EIO);
    ck_assert_int_eq(weft_generator_next(g, NULL), WEFT_ESTOPITERATION);
    for (int i = 1; i <= 3; i++)
        ck_assert_int_eq(weft_generator_next(stops, NULL), 0);
    ck_assert_int_eq(weft_generator_next(stops, NULL), WEFT_ERUNTIME);
    weft_generator_unref(g);
    weft_generator_unref(stops);
    return 0;
}

/* Yields what it is sent; passes what is thrown on, but for -EAGAIN. */
static int echo(weft_generator *self, void *arg)
{
    void *sent = arg;
    for (;;) {
        int rc = weft_generator_yield(self, sent, &sent);
        if (rc == -EAGAIN) {
            trace("caught:%s", weft_error_message(weft_error_current()));
            sent = VALUE(77);
        } else if (rc) {
            return rc == -EINTR ? 0 : rc;
        }
    }
}

/* AGEN-07, AGEN-08, AGEN-09, AGEN-29: what is sent and thrown arrives at the yield. */
START_SIM(send_and_throw)
{
    weft_generator *g = weft_generator_new(echo, VALUE(5), NULL);
    void *value = NULL;
    ck_assert_int_eq(weft_generator_send(g, VALUE(1), &value), -EINVAL);
    ck_assert_int_eq(weft_generator_send(g, NULL, &value), 0);
    ck_assert_ptr_eq(value, VALUE(5));
    ck_assert_int_eq(weft_generator_send(g, VALUE(6), &value), 0);
    ck_assert_ptr_eq(value, VALUE(6));
    ck_assert_int_eq(weft_generator_throw(g, weft_fail(-EAGAIN, "again"), &value), 0);
    ck_assert_ptr_eq(value, VALUE(77));
    ck_assert_trace("caught:again");
    ck_assert_int_eq(weft_generator_throw(g, 1, &value), -EINVAL);
    ck_assert_int_eq(weft_generator_throw(g, -EINTR, &value), WEFT_ESTOPITERATION);
    ck_assert_int_eq(weft_generator_throw(g, -EIO, &value), 0); /* AGEN-11 */
    ck_assert_ptr_null(value);
    weft_generator_unref(g);

    g = weft_generator_new(echo, VALUE(5), NULL);
    ck_assert_int_eq(weft_generator_next(g, NULL), 0);
    ck_assert_int_eq(weft_generator_throw(g, weft_fail(-EIO, "out"), &value), -EIO);
    ck_assert_str_eq(weft_error_message(weft_error_current()), "out");
    weft_generator_unref(g);

    g = weft_generator_new(echo, VALUE(5), NULL); /* AGEN-10 */
    ck_assert_int_eq(weft_generator_throw(g, weft_fail(-EIO, "early"), &value), -EIO);
    ck_assert_str_eq(weft_error_message(weft_error_current()), "early");
    ck_assert_int_eq(weft_generator_next(g, NULL), WEFT_ESTOPITERATION);
    weft_generator_unref(g);
    return 0;
}

static int stubborn(weft_generator *self, void *arg)
{
    (void)arg;
    while (weft_generator_yield(self, NULL, NULL) != -EINTR)
        ;
    return 0;
}

/* AGEN-12 to AGEN-17: closing. */
START_SIM(closing)
{
    weft_generator *g = new_three(0);
    ck_assert_int_eq(weft_generator_next(g, NULL), 0);
    ck_assert_int_eq(weft_generator_close(g), 0);
    ck_assert_trace("started cleaning clean");
    ck_assert_int_eq(weft_generator_next(g, NULL), WEFT_ESTOPITERATION);
    weft_generator_unref(g);

    g = new_three(-EIO);
    ck_assert_int_eq(weft_generator_next(g, NULL), 0);
    ck_assert_int_eq(weft_generator_close(g), -EIO);
    weft_generator_unref(g);
    ck_assert_trace("started cleaning clean");

    g = new_three(0);
    ck_assert_int_eq(weft_generator_close(g), 0);
    ck_assert_int_eq(weft_generator_next(g, NULL), WEFT_ESTOPITERATION);
    weft_generator_unref(g);
    ck_assert_trace("");

    g = weft_generator_new(stubborn, NULL, NULL);
    ck_assert_int_eq(weft_generator_next(g, NULL), 0);
    ck_assert_int_eq(weft_generator_close(g), WEFT_ERUNTIME);
    ck_assert_int_eq(weft_generator_throw(g, -EINTR, NULL), WEFT_ESTOPITERATION);
    weft_generator_unref(g);
    return 0;
}

/* AGEN-18: one request at a time; the one under way is not disturbed. */
START_SIM(one_at_a_time)
{
    weft_generator *g = new_three(0);
    weft_task *t = weft_create_task(asks, g, NULL);
    void *value = NULL;
    sim_pass(1);
    ck_assert_int_eq(weft_generator_next(g, NULL), WEFT_ERUNTIME);
    ck_assert_int_eq(weft_generator_close(g), WEFT_ERUNTIME);
    ck_assert_int_eq(weft_generator_throw(g, -EIO, NULL), WEFT_ERUNTIME);
    ck_assert_int_eq(weft_join(t, &value), 0);
    ck_assert_ptr_eq(value, VALUE(1));
    ck_assert_int_eq(weft_generator_yield(g, NULL, NULL), WEFT_ERUNTIME);
    ck_assert_int_eq(weft_generator_close(g), 0);
    weft_generator_unref(g);
    return 0;
}

/* AGEN-21: a cancellation arrives in the body, and goes on to who asked. */
START_SIM(cancelled)
{
    weft_generator *g = new_three(0);
    weft_task *t = weft_create_task(asks, g, NULL);
    sim_pass(1);
    ck_assert_int_eq(weft_cancel(t), 1);
    ck_assert_int_eq(weft_join(t, NULL), WEFT_ECANCELLED);
    ck_assert_trace("started cleaning clean");
    ck_assert_int_eq(weft_generator_next(g, NULL), WEFT_ESTOPITERATION);
    weft_generator_unref(g);
    return 0;
}

/* Yields what another generator does. */
static int outer(weft_generator *self, void *arg)
{
    void *value;
    int rc;
    while (!(rc = weft_generator_next(arg, &value)))
        if ((rc = weft_generator_yield(self, value, NULL)))
            break;
    return rc == WEFT_ESTOPITERATION ? 0 : rc;
}

/* Generators that ask generators, by turns from several tasks; the calls of a suspended one are
 * found through all of its stacks. */
START_SIM(nested)
{
    weft_generator *inner = new_three(0), *g = weft_generator_new(outer, inner, NULL);
    void *value = NULL;
    for (int i = 1; i <= 2; i++) {
        weft_task *t = weft_create_task(asks, g, NULL);
        sim_pass(1);
        void *frames[64];
        ck_assert_int_ge(weft_task_get_stack(t, frames, 64), 6);
        ck_assert_int_eq(weft_join(t, &value), 0);
        ck_assert_ptr_eq(value, VALUE(i));
    }
    ck_assert_int_eq(weft_generator_next(g, &value), 0);
    ck_assert_int_eq(weft_generator_next(g, &value), WEFT_ESTOPITERATION);
    weft_generator_unref(g);
    weft_generator_unref(inner);
    return 0;
}

/* Handles an error across a yield. */
static int handles(weft_generator *self, void *arg)
{
    weft_except scope;
    (void)arg;
    weft_except_begin(&scope, weft_fail(-EIO, "first"));
    int rc = weft_generator_yield(self, NULL, NULL);
    ck_assert_int_eq(rc, 0);
    rc = weft_fail(-EPERM, "second");
    weft_except_end(&scope);
    return rc;
}

/* What a body handles stays its own: who asks in between fails without that context. */
START_SIM(except_blocks)
{
    weft_generator *g = weft_generator_new(handles, NULL, NULL);
    weft_except scope;
    ck_assert_int_eq(weft_generator_next(g, NULL), 0);
    weft_fail(-EBUSY, "outside");
    ck_assert_ptr_null(weft_error_context(weft_error_current()));
    weft_except_begin(&scope, -EBUSY);
    ck_assert_int_eq(weft_generator_next(g, NULL), -EPERM);
    ck_assert_str_eq(weft_error_message(weft_error_context(weft_error_current())), "first");
    weft_fail(-EBADF, "after");
    ck_assert_str_eq(weft_error_message(weft_error_context(weft_error_current())), "outside");
    weft_except_end(&scope);
    weft_generator_unref(g);
    return 0;
}

int main(void)
{
    Suite *suite = suite_create("generator");
    TCase *tcase = tcase_create("generator");

    tcase_add_test(tcase, values);
    tcase_add_test(tcase, errors);
    tcase_add_test(tcase, send_and_throw);
    tcase_add_test(tcase, closing);
    tcase_add_test(tcase, one_at_a_time);
    tcase_add_test(tcase, cancelled);
    tcase_add_test(tcase, nested);
    tcase_add_test(tcase, except_blocks);
    suite_add_tcase(suite, tcase);
    return suite_main(suite);
}
