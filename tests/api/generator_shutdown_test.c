/*
 * generator_shutdown_test.c - generators that nobody closes: ended with their loop, their run, or
 * the last reference.
 */
#include <errno.h>
#include <pthread.h>

#include "tests/api/generators.h"
#include "tests/support/suite.h"

/* AGEN-22, AGEN-23, AGEN-25: all that are started and not finished are closed, at the same time. */
START_SIM(shuts_down)
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
    Suite *suite = suite_create("generator_shutdown");
    TCase *tcase = tcase_create("shutdown");

    tcase_add_test(tcase, shuts_down);
    tcase_add_test(tcase, shutdown_reports_at_the_end);
    tcase_add_test(tcase, closed_with_the_run);
    tcase_add_test(tcase, given_up_elsewhere);
    tcase_add_test(tcase, loop_is_closed);
    tcase_add_test(tcase, loop_is_closed_inside);
    tcase_add_test(tcase, loop_is_closed_before_the_closing);
    suite_add_tcase(suite, tcase);
    return suite_main(suite);
}
