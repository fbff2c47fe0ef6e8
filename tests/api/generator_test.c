/*
 * generator_test.c - asynchronous generators.
 */
#include <errno.h>
#include <pthread.h>

#include "tests/support/sim.h"
#include "tests/support/suite.h"

#define VALUE(number) ((void *)(intptr_t)(number))

static int drops;

static void count_drop(void *arg)
{
    (void)arg;
    drops++;
}

static const weft_generator_options counted = {.name = "counted", .arg_drop = count_drop};

/* Yields 1, 2, 3 with a pause before each; says when it cleans up, which takes another pause. */
static int three(weft_generator *self, void *arg)
{
    int rc = 0;
    trace("started");
    for (intptr_t i = 1; i <= 3 && !rc; i++) {
        rc = weft_sleep(1);
        if (!rc)
            rc = weft_generator_yield(self, VALUE(i), NULL);
    }
    if (rc == WEFT_EGENERATOREXIT || rc == WEFT_ECANCELLED) {
        trace("cleaning");
        if (!weft_sleep(1))
            trace("clean");
    }
    return arg ? (int)(intptr_t)arg : rc;
}

static weft_generator *new_three(int code)
{
    weft_generator *g = weft_generator_new(three, VALUE(code), &counted);
    ck_assert_ptr_nonnull(g);
    return g;
}

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

COROUTINE(asks)
{
    void *value = NULL;
    int rc = weft_generator_next(arg, &value);
    *result = value;
    return rc;
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

/* AGEN-22, AGEN-23, AGEN-25: all that are started and not finished are closed, at the same time. */
START_SIM(shutdown)
{
    weft_generator *g[4];
    for (int i = 0; i < 4; i++)
        g[i] = new_three(i == 1 ? -EIO : 0);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(weft_generator_next(g[i], NULL), 0);
    ck_assert_int_eq(weft_generator_close(g[2]), 0);
    double begun = weft_loop_time(weft_get_running_loop());
    ck_assert_int_eq(weft_loop_shutdown_asyncgens(weft_get_running_loop()), 0);
    ck_assert_double_le(weft_loop_time(weft_get_running_loop()) - begun, 1.001);
    ck_assert_int_eq(reports_count, 1);
    ck_assert_int_eq(reports_code, -EIO);
    ck_assert_int_eq(weft_generator_next(g[0], NULL), WEFT_ESTOPITERATION);
    ck_assert_int_eq(weft_generator_next(g[3], NULL), 0); /* AGEN-24 */
    ck_assert_int_eq(reports_count, 2);
    ck_assert_int_eq(weft_generator_close(g[3]), 0);
    for (int i = 0; i < 4; i++)
        weft_generator_unref(g[i]);
    return 0;
}

/* Yields once; takes so many seconds to end, and fails then. */
static int ends_slowly(weft_generator *self, void *arg)
{
    int seconds = *(int *)arg;
    weft_generator_yield(self, NULL, NULL);
    weft_sleep(seconds);
    trace("end%d", seconds);
    return weft_fail(-EIO, "after %d", seconds);
}

static int trace_report(weft_loop *loop, const weft_report *report, void *arg)
{
    (void)loop;
    trace("%s of %d", weft_error_message(report->error),
          report->asyncgen == *(weft_generator **)arg ? 0 : 1);
    return 0;
}

static int shut(void *arg, void **result)
{
    (void)result;
    return weft_loop_shutdown_asyncgens(arg);
}

/* AGEN-23: errors are reported when all are closed, in the order in which they were started. A
 * cancellation of who waits cancels what closes them. */
START_SIM(shutdown_reports_at_the_end)
{
    weft_loop *loop = weft_get_running_loop();
    for (int cut = 0; cut < 2; cut++) {
        int seconds[] = {3, 1};
        weft_generator *g[2];
        for (int i = 0; i < 2; i++) {
            g[i] = weft_generator_new(ends_slowly, &seconds[i], NULL);
            ck_assert_int_eq(weft_generator_next(g[i], NULL), 0);
        }
        weft_loop_set_exception_handler(loop, trace_report, &g[0]);
        weft_task *task = weft_create_task(shut, loop, NULL);
        weft_sleep(2);
        if (cut)
            weft_cancel(task);
        ck_assert_int_eq(weft_join(task, NULL), cut ? WEFT_ECANCELLED : 0);
        ck_assert_trace(cut ? "end1 end3" : "end1 end3 after 3 of 0 after 1 of 1");
        ck_assert_double_eq(weft_loop_time(loop), cut ? 5 : 3);
        for (int i = 0; i < 2; i++)
            weft_generator_unref(g[i]);
        weft_loop_set_exception_handler(loop, report_record, NULL);
    }
    return 0;
}

static weft_generator *kept;

COROUTINE(leaves_one)
{
    kept = new_three(0);
    return weft_generator_next(kept, NULL);
}

COROUTINE(drops_one)
{
    weft_generator *g = new_three(0);
    int rc = weft_generator_next(g, NULL);
    weft_generator_unref(g);
    return rc ? rc : weft_sleep(2);
}

/* The task that was to close it is cancelled before it begins. */
COROUTINE(drops_and_cancels)
{
    weft_generator *g = new_three(0);
    weft_task **tasks;
    int rc = weft_generator_next(g, NULL);
    weft_generator_unref(g);
    long count = weft_all_tasks(NULL, &tasks);
    ck_assert_int_eq(count, 2);
    ck_assert_str_eq(weft_task_get_name(tasks[1]), "counted");
    ck_assert_int_eq(weft_cancel(tasks[1]), 1);
    weft_task_list_free(tasks, count);
    return rc;
}

/* RUN-09, AGEN-26, AGEN-28: the end of a run closes what is left, also what nobody has any more. */
START_TEST(closed_with_the_run)
{
    ck_assert_int_eq(sim_run(leaves_one, NULL), 0);
    ck_assert_trace("started cleaning clean");
    weft_generator_unref(kept);
    ck_assert_int_eq(drops, 1);
    ck_assert_int_eq(sim_run(drops_one, NULL), 0);
    ck_assert_trace("started cleaning clean");
    ck_assert_int_eq(drops, 2);
    ck_assert_int_eq(sim_run(drops_and_cancels, NULL), 0);
    ck_assert_trace("started cleaning clean");
    ck_assert_int_eq(drops, 3);
}
END_TEST

static void *drop_it(void *arg)
{
    weft_generator_unref(arg);
    return NULL;
}

/* AGEN-27: given up in another thread. */
START_SIM(given_up_elsewhere)
{
    weft_generator *g = new_three(0);
    pthread_t thread;
    ck_assert_int_eq(weft_generator_next(g, NULL), 0);
    ck_assert_int_eq(pthread_create(&thread, NULL, drop_it, g), 0);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    while (!drops)
        ck_assert_int_eq(weft_sleep(1), 0);
    ck_assert_trace("started cleaning clean");
    return 0;
}

/* AGEN-26: with the loop closed, nothing happens but that its memory is given back. */
START_TEST(loop_is_closed)
{
    weft_loop *loop = weft_new_event_loop(&(weft_loop_options){.clock = WEFT_CLOCK_VIRTUAL});
    weft_task *t = weft_task_new(loop, leaves_one, NULL, NULL);
    ck_assert_int_eq(weft_loop_run_until_complete(loop, t, NULL), 0);
    weft_unref(t);
    ck_assert_int_eq(weft_loop_free(loop), 0);
    weft_generator_unref(kept);
    ck_assert_int_eq(drops, 1);
    ck_assert_trace("started");
}
END_TEST

/* A task that is inside a generator when its loop is closed. */
START_TEST(loop_is_closed_inside)
{
    weft_loop *loop = weft_new_event_loop(&(weft_loop_options){.clock = WEFT_CLOCK_VIRTUAL});
    weft_loop_set_exception_handler(loop, report_record, NULL);
    weft_generator *g = new_three(0);
    weft_task *t = weft_task_new(loop, asks, g, NULL);
    weft_loop_stop(loop);
    ck_assert_int_eq(weft_loop_run_forever(loop), 0);
    ck_assert_int_eq(weft_loop_free(loop), 0);
    ck_assert(weft_cancelled(t));
    weft_unref(t);
    weft_generator_unref(g);
    ck_assert_int_eq(drops, 1);
}
END_TEST

static void unref_it(void *generator)
{
    weft_generator_unref(generator);
}

/* Of three generators one stays with a task that does not begin, two are given up, just before the loop
 * ends its run; and of these one whose closing was cancelled is the list's. */
COROUTINE(stops_with_three)
{
    weft_loop *loop = weft_get_running_loop();
    weft_generator *g[3];
    weft_task **tasks;
    for (int i = 0; i < 3; i++) {
        g[i] = new_three(0);
        ck_assert_int_eq(weft_generator_next(g[i], NULL), 0);
    }
    weft_generator_unref(g[1]);
    long count = weft_all_tasks(NULL, &tasks);
    ck_assert_int_eq(count, 2);
    ck_assert_int_eq(weft_cancel(tasks[1]), 1);
    weft_task_list_free(tasks, count);
    ck_assert_int_eq(weft_yield(), 0);
    ck_assert_int_eq(drops, 0);

    weft_generator_unref(g[0]);
    weft_task_options owner = {.arg_drop = unref_it};
    weft_unref(weft_create_task(asks, g[2], &owner));
    return weft_loop_stop(loop);
}

/* AGEN-26: nor if tasks that have them in their hands end with the loop. */
START_TEST(loop_is_closed_before_the_closing)
{
    weft_loop *loop = weft_new_event_loop(&(weft_loop_options){.clock = WEFT_CLOCK_VIRTUAL});
    weft_loop_set_exception_handler(loop, report_record, NULL);
    weft_task *t = weft_task_new(loop, stops_with_three, NULL, NULL);
    ck_assert_int_eq(weft_loop_run_forever(loop), 0);
    ck_assert_int_eq(weft_result(t, NULL), 0);
    weft_unref(t);
    ck_assert_int_eq(weft_loop_free(loop), 0);
    ck_assert_int_eq(drops, 3);
    ck_assert_trace("started started started");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("generator");
    TCase *tests = tcase_create("generator");

    tcase_add_test(tests, values);
    tcase_add_test(tests, errors);
    tcase_add_test(tests, send_and_throw);
    tcase_add_test(tests, closing);
    tcase_add_test(tests, one_at_a_time);
    tcase_add_test(tests, cancelled);
    tcase_add_test(tests, nested);
    tcase_add_test(tests, except_blocks);
    tcase_add_test(tests, shutdown);
    tcase_add_test(tests, shutdown_reports_at_the_end);
    tcase_add_test(tests, closed_with_the_run);
    tcase_add_test(tests, given_up_elsewhere);
    tcase_add_test(tests, loop_is_closed);
    tcase_add_test(tests, loop_is_closed_inside);
    tcase_add_test(tests, loop_is_closed_before_the_closing);
    suite_add_tcase(suite, tests);
    return suite_main(suite);
}
