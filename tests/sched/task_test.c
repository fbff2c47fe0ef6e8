/*
 * task_test.c - tasks: their order, their ends, and what becomes of their results and errors.
 */
#include <errno.h>

#include "tests/sched/tasks.h"
#include "tests/support/suite.h"

static int values[4];

static int note_done(weft_future *future, void *name)
{
    (void)future;
    trace("%s", (const char *)name);
    return 0;
}

COROUTINE(end_cancelled)
{
    return WEFT_ECANCELLED;
}

static int see_result(weft_future *future, void *expected)
{
    void *value = NULL;
    ck_assert(weft_done(future));
    ck_assert_int_eq(weft_result(future, &value), 0);
    ck_assert_ptr_eq(value, expected);
    trace("seen");
    return 0;
}

/* TASK-01, TASK-20: a task is a future; its own callbacks find it done, with the result. */
START_SIM(task_is_a_future)
{
    weft_task *t = weft_create_task(give_value, &values[1], NULL);
    weft_error *error = NULL;
    void *value = NULL;
    char *never = "never";

    ck_assert_ptr_eq(weft_future_get_loop(t), weft_get_running_loop());
    ck_assert(!weft_done(t));
    ck_assert_int_eq(weft_result(t, NULL), WEFT_EINVALIDSTATE);
    ck_assert_int_eq(weft_exception(t, &error), WEFT_EINVALIDSTATE);
    ck_assert_int_eq(weft_add_done_callback(t, note_done, never), 0);
    ck_assert_int_eq(weft_add_done_callback(t, see_result, &values[1]), 0);
    ck_assert_int_eq(weft_remove_done_callback(t, note_done, never), 1);
    sim_pass(2);
    ck_assert_trace("seen");
    ck_assert(weft_done(t));
    ck_assert(!weft_cancelled(t));
    ck_assert_int_eq(weft_result(t, &value), 0);
    ck_assert_ptr_eq(value, &values[1]);
    ck_assert_int_eq(weft_exception(t, &error), 0);
    ck_assert_ptr_null(error);
    weft_unref(t);
    return 0;
}

/* TASK-02: a task's outcome cannot be set from outside, and the task goes on. */
START_SIM(outcome_cannot_be_set)
{
    weft_task *t = weft_create_task(give_value, &values[1], NULL);
    void *value = NULL;

    ck_assert_int_eq(weft_future_set_result(t, &values[2]), WEFT_ERUNTIME);
    ck_assert_int_eq(weft_future_set_exception(t, -EIO), WEFT_ERUNTIME);
    ck_assert_int_eq(weft_join(t, &value), 0);
    ck_assert_ptr_eq(value, &values[1]);
    return 0;
}

/* TASK-03, CRT-02: creating runs nothing; first steps come in the next iteration, in the order of
 * creation, among the callbacks. */
START_SIM(first_steps_come_in_order)
{
    weft_loop *loop = weft_get_running_loop();

    weft_unref(weft_create_task(note_name, "a", NULL));
    weft_call_soon(loop, note_soon, "callback", NULL);
    weft_unref(weft_create_task(note_name, "b", NULL));
    weft_unref(weft_create_task(note_name, "c", NULL));
    ck_assert_trace("");
    int turn = sim_turn();
    sim_pass(1);
    ck_assert_int_eq(sim_turn(), turn + 1);
    ck_assert_trace("a callback b c");
    return 0;
}

/* TASK-04: a task ends by a result, by an error, or cancelled. */
START_SIM(three_ends_of_a_task)
{
    weft_task *returned = weft_create_task(give_value, &values[1], NULL);
    weft_task *failed = weft_create_task(fail_with_message, NULL, NULL);
    weft_task *cancelled = weft_create_task(sim_sleep, NULL, NULL);
    void *value = NULL;

    sim_pass(1);
    ck_assert(weft_done(returned) && weft_done(failed) && !weft_done(cancelled));
    ck_assert_int_eq(weft_cancel(cancelled), 1);
    ck_assert(!weft_done(cancelled));
    sim_pass(1);
    ck_assert_int_eq(weft_result(returned, &value), 0);
    ck_assert_ptr_eq(value, &values[1]);
    ck_assert_int_eq(weft_result(failed, NULL), -EIO);
    ck_assert_str_eq(weft_error_message(weft_error_current()), "broken");
    ck_assert(!weft_cancelled(failed));
    ck_assert(weft_cancelled(cancelled));
    ck_assert_int_eq(weft_result(cancelled, NULL), WEFT_ECANCELLED);
    weft_unref(returned);
    weft_unref(failed);
    weft_unref(cancelled);
    return 0;
}

/* TASK-05: a body that ends by WEFT_ECANCELLED leaves the task cancelled, though nobody asked. */
START_SIM(uncalled_cancellation_counts)
{
    weft_task *t = weft_create_task(end_cancelled, NULL, NULL);

    ck_assert_int_eq(weft_await(t, NULL), WEFT_ECANCELLED);
    ck_assert(weft_cancelled(t));
    ck_assert_int_eq(weft_cancelling(t), 0);
    weft_unref(t);
    return 0;
}

COROUTINE(count_twice)
{
    int *shared = arg, before = ++*shared;
    for (int i = 0; i < 1000; i++)
        ck_assert_int_eq(*shared, before);
    trace("%d", *shared);
    ck_assert_int_eq(weft_yield(), 0);
    trace("%d", *shared);
    return 0;
}

/* TASK-06: nothing else of the loop runs between two suspension points. */
START_SIM(steps_are_not_interrupted)
{
    int shared = 0;
    weft_task *a = weft_create_task(count_twice, &shared, NULL);
    weft_task *b = weft_create_task(count_twice, &shared, NULL);

    ck_assert_int_eq(weft_join(a, NULL), 0);
    ck_assert_int_eq(weft_join(b, NULL), 0);
    ck_assert_trace("1 2 2 2");
    return 0;
}

/* TASK-07: calling a coroutine directly is a plain call: no task, and nothing else runs. */
START_SIM(direct_call_is_a_plain_call)
{
    weft_task *self = weft_current_task();
    weft_task **tasks = NULL;
    void *value = NULL;
    int turn = sim_turn();

    weft_call_soon(weft_get_running_loop(), note_soon, "other", NULL);
    ck_assert_int_eq(give_value(&values[2], &value), 0);
    ck_assert_ptr_eq(value, &values[2]);
    ck_assert_int_eq(weft_all_tasks(NULL, &tasks), 1);
    ck_assert_ptr_eq(tasks[0], self);
    weft_task_list_free(tasks, 1);
    ck_assert_int_eq(sim_turn(), turn);
    ck_assert_trace("");
    return 0;
}

/* TASK-08: awaiting a task gives its result or its error. */
START_SIM(await_gives_the_outcome)
{
    weft_task *returns = weft_create_task(give_value, &values[3], NULL);
    weft_task *fails = weft_create_task(fail_with_message, NULL, NULL);
    void *value = NULL;

    ck_assert_int_eq(weft_join(returns, &value), 0);
    ck_assert_ptr_eq(value, &values[3]);
    ck_assert_int_eq(weft_join(fails, &value), -EIO);
    ck_assert_str_eq(weft_error_message(weft_error_current()), "broken");
    ck_assert_ptr_eq(value, &values[3]);
    return 0;
}

struct awaiter {
    weft_task *task;
    const char *name;
    int turn;
};

COROUTINE(await_and_note)
{
    struct awaiter *a = arg;
    int rc = weft_await(a->task, result);
    a->turn = sim_turn();
    trace("%s", a->name);
    return rc;
}

COROUTINE(note_turn)
{
    ck_assert_int_eq(weft_yield(), 0);
    *(int *)arg = sim_turn();
    trace("end");
    return 0;
}

/* TASK-09: a task that ends in iteration k resumes those who await it in k+1, in their order; and
 * so on up a chain. */
START_SIM(end_resumes_awaiters_in_the_next_iteration)
{
    int end = 0;
    weft_task *t = weft_create_task(note_turn, &end, NULL);
    struct awaiter a[] = {{t, "A", 0}, {t, "B", 0}, {NULL, "C", 0}};
    weft_task *tasks[3];

    tasks[0] = weft_create_task(await_and_note, &a[0], NULL);
    a[2].task = tasks[0];
    tasks[1] = weft_create_task(await_and_note, &a[1], NULL);
    tasks[2] = weft_create_task(await_and_note, &a[2], NULL);
    ck_assert_int_eq(weft_await(tasks[2], NULL), 0);
    ck_assert_trace("end A B C");
    ck_assert_int_eq(a[0].turn, end + 1);
    ck_assert_int_eq(a[1].turn, end + 1);
    ck_assert_int_eq(a[2].turn, end + 2);
    ck_assert_int_eq(sim_turn(), end + 3);
    for (int i = 0; i < 3; i++)
        weft_unref(tasks[i]);
    weft_unref(t);
    return 0;
}

/* TASK-10: a task cannot await itself, and goes on. */
START_SIM(self_await_is_refused)
{
    ck_assert_int_eq(weft_await(weft_current_task(), NULL), WEFT_ESELFAWAIT);
    ck_assert_int_eq(weft_wait_for(weft_current_task(), 1, NULL), WEFT_ESELFAWAIT);
    ck_assert_int_eq(weft_yield(), 0);
    return 0;
}

COROUTINE(end_fatally)
{
    return weft_fail(*(int *)arg, "fatal");
}

/* TASK-18: a fatal error is the task's error, and comes out of the running loop at once. */
START_TEST(fatal_error_leaves_the_loop)
{
    int codes[] = {WEFT_EINTERRUPTED, WEFT_ESYSTEMEXIT};
    weft_loop *loop = weft_new_event_loop(NULL);

    for (int i = 0; i < 2; i++) {
        weft_task *t = weft_create_task_on(loop, end_fatally, &codes[i], NULL);
        weft_task *next = weft_create_task_on(loop, note_name, "next", NULL);
        ck_assert_int_eq(weft_loop_run_forever(loop), codes[i]);
        ck_assert(!weft_loop_is_running(loop));
        ck_assert_trace("");
        ck_assert_int_eq(weft_result(t, NULL), codes[i]);
        ck_assert_str_eq(weft_error_message(weft_error_current()), "fatal");
        ck_assert(!weft_cancelled(t));
        ck_assert_int_eq(weft_loop_run_until_complete(loop, next, NULL), 0);
        ck_assert_trace("next");
        weft_unref(t);
        weft_unref(next);
    }
    ck_assert_int_eq(weft_loop_free(loop), 0);
}
END_TEST

/* TASK-19: a task that is pending when its loop is closed is reported, once, and is cancelled for
 * those who still hold it. What it was given and never used is released. */
START_TEST(pending_task_is_reported_at_close)
{
    weft_loop *loop = weft_new_event_loop(&(weft_loop_options){.clock = WEFT_CLOCK_VIRTUAL});
    weft_task_options options = {.name = "forsaken", .arg_drop = note_drop};
    weft_future *f = weft_future_new(loop);

    weft_loop_set_exception_handler(loop, report_record, NULL);
    weft_task *waits = weft_create_task_on(loop, sim_await, f, NULL);
    weft_task *sleeps = weft_create_task_on(loop, sim_sleep, NULL, NULL);
    weft_task *first = weft_create_task_on(loop, note_name, "ran", NULL);
    ck_assert_int_eq(weft_loop_run_until_complete(loop, first, NULL), 0);
    weft_task *unstarted = weft_create_task_on(loop, note_name, "never", &options);
    ck_assert_int_eq(reports_count, 0);
    ck_assert_int_eq(weft_loop_close(loop), 0);
    ck_assert_int_eq(reports_count, 3);
    ck_assert_str_eq(reports_message, "Task was destroyed but it is pending!");
    ck_assert_ptr_eq(reports_future, unstarted);
    ck_assert_trace("ran drop:never");
    ck_assert(weft_cancelled(waits) && weft_cancelled(sleeps) && weft_cancelled(unstarted));
    ck_assert_int_eq(weft_future_set_result(f, NULL), 0);
    weft_unref(f);
    weft_unref(first);
    weft_unref(waits);
    weft_unref(sleeps);
    weft_unref(unstarted);
    ck_assert_int_eq(weft_loop_free(loop), 0);
    ck_assert_int_eq(reports_count, 3);
}
END_TEST

/* TASK-22, EXCP-12: an error that reaches an await while another is handled keeps that one as
 * context; awaited again, it makes no circle. */
START_SIM(error_in_await_keeps_the_handled_one)
{
    weft_future *f = weft_create_future();
    weft_except handled, again;

    weft_future_set_exception(f, weft_fail(-EIO, "from the future"));
    weft_error *first = weft_except_begin(&handled, weft_fail(-EPIPE, "handled"));
    ck_assert_int_eq(weft_await(f, NULL), -EIO);
    weft_error *seen = weft_error_current();
    ck_assert_str_eq(weft_error_message(seen), "from the future");
    ck_assert_ptr_eq(weft_error_context(seen), first);
    weft_error *second = weft_except_begin(&again, -EIO);
    ck_assert_int_eq(weft_await(f, NULL), -EIO);
    for (weft_error *e = weft_error_context(weft_error_current()); e; e = weft_error_context(e))
        ck_assert_ptr_ne(e, weft_error_current());
    ck_assert_int_eq(weft_error_code(second), -EIO);
    weft_except_end(&again);
    weft_except_end(&handled);
    weft_unref(f);
    return 0;
}

COROUTINE(await_while_handling)
{
    weft_except handled;
    weft_except_begin(&handled, weft_fail(-EPIPE, "handled"));
    int rc = weft_await(arg, NULL);
    weft_except_end(&handled);
    return rc;
}

/* TASK-22: so it is when the task was suspended, and the error crosses to who awaits the task. */
START_SIM(context_crosses_tasks)
{
    weft_future *f = weft_create_future();
    weft_task *t = weft_create_task(await_while_handling, f, NULL);

    sim_pass(1);
    weft_future_set_exception(f, weft_fail(-EIO, "late"));
    ck_assert_int_eq(weft_join(t, NULL), -EIO);
    ck_assert_str_eq(weft_error_message(weft_error_current()), "late");
    ck_assert_str_eq(weft_error_message(weft_error_context(weft_error_current())), "handled");
    weft_unref(f);
    return 0;
}

/* FUT-26: an error of a task that nobody looked at is reported, with the kind of the object. */
START_SIM(unseen_error_of_a_task_is_reported)
{
    weft_task *t = weft_create_task(fail_with_message, NULL, NULL);

    weft_unref(t);
    sim_pass(2);
    ck_assert_int_eq(reports_count, 1);
    ck_assert_str_eq(reports_message, "Task exception was never retrieved");
    ck_assert_str_eq(reports_error, "broken");
    return 0;
}

COROUTINE(return_positive)
{
    return 7;
}

/* A coroutine returns 0 or a negative code: a positive number is an error of its own. */
START_SIM(positive_return_is_an_error)
{
    ck_assert_int_eq(weft_join(weft_create_task(return_positive, NULL, NULL), NULL), WEFT_EPANIC);
    return 0;
}

static void note_result_drop(void *result)
{
    trace("drop%d", (int)((int *)result - values));
}

/* A result that nobody takes is released with the task; a taken one is the taker's. */
START_SIM(untaken_result_is_dropped)
{
    weft_task_options options = {.result_drop = note_result_drop};
    void *value = NULL;

    weft_unref(weft_create_task(give_value, &values[1], &options));
    sim_pass(1);
    ck_assert_trace("drop1");
    ck_assert_int_eq(weft_join(weft_create_task(give_value, &values[2], &options), &value), 0);
    ck_assert_trace("");
    return 0;
}

int main(void)
{
    Suite *suite = suite_create("task");

    TCase *lives = tcase_create("lives");
    tcase_add_test(lives, task_is_a_future);
    tcase_add_test(lives, outcome_cannot_be_set);
    tcase_add_test(lives, first_steps_come_in_order);
    tcase_add_test(lives, three_ends_of_a_task);
    tcase_add_test(lives, uncalled_cancellation_counts);
    tcase_add_test(lives, steps_are_not_interrupted);
    tcase_add_test(lives, direct_call_is_a_plain_call);
    tcase_add_test(lives, await_gives_the_outcome);
    tcase_add_test(lives, end_resumes_awaiters_in_the_next_iteration);
    tcase_add_test(lives, self_await_is_refused);
    tcase_add_test(lives, fatal_error_leaves_the_loop);
    tcase_add_test(lives, pending_task_is_reported_at_close);
    tcase_add_test(lives, unseen_error_of_a_task_is_reported);
    tcase_add_test(lives, positive_return_is_an_error);
    tcase_add_test(lives, untaken_result_is_dropped);
    suite_add_tcase(suite, lives);

    TCase *errors = tcase_create("errors");
    tcase_add_test(errors, error_in_await_keeps_the_handled_one);
    tcase_add_test(errors, context_crosses_tasks);
    suite_add_tcase(suite, errors);

    return suite_main(suite);
}
