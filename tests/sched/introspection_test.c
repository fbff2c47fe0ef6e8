/*
 * introspection_test.c - which task is executing, and which are unfinished.
 */
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>

#include "tests/support/sim.h"
#include "tests/support/suite.h"

COROUTINE(do_nothing)
{
    return 0;
}

static int see_no_task(void *arg)
{
    ck_assert_ptr_null(weft_current_task());
    ck_assert_ptr_null(weft_current_task_of(weft_get_running_loop()));
    trace("%s", (const char *)arg);
    return 0;
}

static int see_no_task_when_done(weft_future *future, void *arg)
{
    (void)future;
    return see_no_task(arg);
}

/* INTR-01: outside loops no task is executing. */
START_TEST(no_task_outside_loops)
{
    weft_task **tasks = NULL;

    ck_assert_ptr_null(weft_current_task());
    ck_assert_ptr_null(weft_current_task_of(NULL));
    ck_assert_int_eq((int)weft_all_tasks(NULL, &tasks), WEFT_ENOLOOP); /* INTR-06 */
    ck_assert_ptr_null(tasks);
}
END_TEST

/* INTR-02: nor in a callback, a timer or a done callback, though a loop is running. */
START_SIM(no_task_in_callbacks)
{
    weft_loop *loop = weft_get_running_loop();
    weft_future *f = weft_create_future();

    weft_call_soon(loop, see_no_task, "soon", NULL);
    weft_call_later(loop, 1, see_no_task, "timer", NULL);
    weft_add_done_callback(f, see_no_task_when_done, "done");
    weft_future_set_result(f, NULL);
    ck_assert_int_eq(weft_sleep(2), 0);
    ck_assert_trace("soon done timer");
    ck_assert_ptr_nonnull(weft_current_task());
    weft_unref(f);
    return 0;
}

/* INTR-03: another loop can be asked: it executes none while it does not run. */
START_SIM(current_task_of_another_loop)
{
    weft_loop *other = weft_new_event_loop(NULL);
    weft_task *t = weft_create_task_on(other, do_nothing, NULL, NULL);

    ck_assert_ptr_null(weft_current_task_of(other));
    ck_assert_ptr_eq(weft_current_task_of(weft_get_running_loop()), weft_current_task());
    ck_assert_int_eq(weft_cancel(t), 1);
    weft_loop_set_exception_handler(other, report_record, NULL);
    ck_assert_int_eq(weft_loop_free(other), 0);
    weft_unref(t);
    return 0;
}

COROUTINE(see_oneself)
{
    weft_task **mine = arg, *self = *mine;
    for (int i = 0; i < 5; i++) {
        ck_assert_ptr_eq(weft_current_task(), self);
        ck_assert_int_eq(i % 2 ? weft_yield() : weft_sleep(1), 0);
    }
    ck_assert_ptr_eq(weft_current_task(), self);
    return 0;
}

/* INTR-04: the current task follows every switch, and is right after each resumption. */
START_SIM(current_task_follows_switches)
{
    weft_task *t[4], *self = weft_current_task();

    for (int i = 0; i < 4; i++)
        t[i] = weft_create_task(see_oneself, &t[i], NULL);
    for (int i = 0; i < 4; i++) {
        ck_assert_ptr_eq(weft_current_task(), self);
        ck_assert_int_eq(weft_join(t[i], NULL), 0);
    }
    ck_assert_ptr_eq(weft_current_task(), self);
    return 0;
}

static void check_tasks(weft_loop *loop, weft_task *const *expected, long count)
{
    weft_task **tasks = NULL;
    ck_assert_int_eq((int)weft_all_tasks(loop, &tasks), (int)count);
    for (long i = 0; i < count; i++)
        ck_assert_ptr_eq(tasks[i], expected[i]);
    weft_task_list_free(tasks, count);
}

/* INTR-06, INTR-07: all unfinished tasks are listed in the order of creation: the calling one, and
 * those that have not started; those that are done are not. */
START_SIM(unfinished_tasks_are_listed)
{
    weft_future *f = weft_create_future();
    weft_task *self = weft_current_task();
    weft_task *waits = weft_create_task(sim_await, f, NULL);
    weft_task *ends = weft_create_task(do_nothing, NULL, NULL);

    check_tasks(NULL, (weft_task *[]){self, waits, ends}, 3);
    sim_pass(1);
    weft_task *unstarted = weft_create_task(do_nothing, NULL, NULL);
    check_tasks(NULL, (weft_task *[]){self, waits, unstarted}, 3);
    check_tasks(weft_get_running_loop(), (weft_task *[]){self, waits, unstarted}, 3);
    weft_future_set_result(f, NULL);
    ck_assert_int_eq(weft_join(waits, NULL), 0);
    check_tasks(NULL, (weft_task *[]){self}, 1);
    weft_unref(ends);
    weft_unref(unstarted);
    weft_unref(f);
    ck_assert_int_eq((int)weft_all_tasks(NULL, NULL), -EINVAL);
    weft_task_list_free(NULL, 0);
    return 0;
}

/* The list keeps its tasks: they may be looked at when they are done and nobody else holds them. */
START_SIM(list_holds_its_tasks)
{
    weft_task **tasks = NULL;

    weft_unref(weft_create_task(do_nothing, NULL, NULL));
    ck_assert_int_eq((int)weft_all_tasks(NULL, &tasks), 2);
    sim_pass(1);
    ck_assert(weft_done(tasks[1]));
    ck_assert_int_eq(weft_result(tasks[1], NULL), 0);
    weft_task_list_free(tasks, 2);
    return 0;
}

/* INTR-08: each loop lists its own tasks; one that does not run can be asked from anywhere. */
START_SIM(tasks_of_other_loops_are_not_listed)
{
    weft_loop *other = weft_new_event_loop(NULL);
    weft_task *t = weft_create_task_on(other, do_nothing, NULL, NULL);
    weft_task *self = weft_current_task();

    check_tasks(NULL, (weft_task *[]){self}, 1);
    weft_loop_set_exception_handler(other, report_record, NULL);
    ck_assert_int_eq(weft_loop_close(other), 0);
    check_tasks(other, NULL, 0);
    ck_assert_int_eq(weft_loop_free(other), 0);
    weft_unref(t);
    return 0;
}

/* A task made for a loop that does not run is listed for whoever holds the loop. */
START_TEST(tasks_of_a_loop_that_does_not_run)
{
    weft_loop *loop = weft_new_event_loop(NULL);
    weft_task *t = weft_create_task_on(loop, do_nothing, NULL, NULL);

    check_tasks(loop, (weft_task *[]){t}, 1);
    ck_assert_int_eq(weft_loop_run_until_complete(loop, t, NULL), 0);
    check_tasks(loop, NULL, 0);
    weft_unref(t);
    ck_assert_int_eq(weft_loop_free(loop), 0);
}
END_TEST

#define STAYING 50
#define ASKED   200

struct crowd {
    weft_future *end;
    weft_task *staying[STAYING];
};

/* Keeps STAYING tasks waiting, and makes others that come and go. */
COROUTINE(keep_a_crowd)
{
    struct crowd *crowd = arg;

    for (int i = 0; i < STAYING; i++)
        crowd->staying[i] = weft_create_task(sim_await, crowd->end, NULL);
    *result = crowd;
    return 0;
}

COROUTINE(come_and_go)
{
    while (!weft_done(arg)) {
        weft_task *t = weft_create_task(do_nothing, NULL, NULL);
        int rc = weft_join(t, NULL);
        if (rc)
            return rc;
    }
    return 0;
}

/* INTR-09: asked from another thread while the loop runs, no task is missed that was unfinished all
 * the while. */
START_TEST(tasks_are_listed_for_other_threads)
{
    struct crowd crowd = {.end = weft_future_new(NULL)};
    weft_runner runner;
    weft_runner_options options = {.loops = 1};

    ck_assert_int_eq(weft_runner_init(&runner, &options), 0);
    ck_assert_int_eq(weft_runner_start(&runner), 0);
    weft_loop *loop = weft_runner_get_loop(&runner);
    weft_future *ready = weft_run_coroutine_threadsafe(keep_a_crowd, &crowd, loop);
    weft_future *churn = weft_run_coroutine_threadsafe(come_and_go, crowd.end, loop);
    ck_assert_int_eq(weft_future_wait(ready, WEFT_FOREVER, NULL), 0);
    for (int asked = 0; asked < ASKED; asked++) {
        weft_task **tasks = NULL;
        long count = weft_all_tasks(loop, &tasks), next = 0;
        ck_assert_int_ge((int)count, STAYING);
        for (long i = 0; i < count && next < STAYING; i++)
            next += tasks[i] == crowd.staying[next];
        ck_assert_int_eq((int)next, STAYING);
        weft_task_list_free(tasks, count);
    }
    ck_assert_int_eq(weft_future_set_result(crowd.end, NULL), 0);
    ck_assert_int_eq(weft_future_wait(churn, WEFT_FOREVER, NULL), 0);
    for (int i = 0; i < STAYING; i++) {
        ck_assert_int_eq(weft_future_wait(crowd.staying[i], WEFT_FOREVER, NULL), 0);
        weft_unref(crowd.staying[i]);
    }
    weft_unref(ready);
    weft_unref(churn);
    ck_assert_int_eq(weft_runner_close(&runner), 0);
    weft_unref(crowd.end);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("introspection");

    TCase *current = tcase_create("current_task");
    tcase_add_test(current, no_task_outside_loops);
    tcase_add_test(current, no_task_in_callbacks);
    tcase_add_test(current, current_task_of_another_loop);
    tcase_add_test(current, current_task_follows_switches);
    suite_add_tcase(suite, current);

    TCase *all = tcase_create("all_tasks");
    tcase_add_test(all, unfinished_tasks_are_listed);
    tcase_add_test(all, list_holds_its_tasks);
    tcase_add_test(all, tasks_of_other_loops_are_not_listed);
    tcase_add_test(all, tasks_of_a_loop_that_does_not_run);
    tcase_add_test(all, tasks_are_listed_for_other_threads);
    suite_add_tcase(suite, all);

    return suite_main(suite);
}
