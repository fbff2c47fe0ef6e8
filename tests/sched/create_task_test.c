/*
 * create_task_test.c - making tasks: where, and with which options.
 */
#include <errno.h>

#include "tests/sched/tasks.h"
#include "tests/support/suite.h"

/* CRT-01: without a running loop there is no task, and what it was to be given stays the caller's.
 */
START_TEST(create_needs_a_running_loop)
{
    weft_loop *loop = weft_new_event_loop(NULL);

    weft_set_event_loop(loop);
    errno = 0;
    ck_assert_ptr_null(weft_create_task(note_name, "arg", &with_drop));
    ck_assert_int_eq(errno, -WEFT_ENOLOOP);
    ck_assert_ptr_null(weft_spawn(note_name, "arg", &with_drop));
    ck_assert_int_eq(errno, -WEFT_ENOLOOP);
    ck_assert_trace("");
    ck_assert_int_eq(weft_loop_free(loop), 0);
}
END_TEST

COROUTINE(create_from_callback_done)
{
    return weft_await(arg, NULL);
}

static int create_in_callback(void *arg)
{
    weft_task **made = arg;
    *made = weft_create_task(note_name, "from-callback", NULL);
    trace("callback");
    return 0;
}

/* CRT-01, CRT-02: a callback may make tasks too; making one runs nothing and never suspends. */
START_SIM(create_returns_an_unstarted_task)
{
    weft_task *t = NULL;
    int turn = sim_turn();

    weft_task *mine = weft_create_task(note_name, "mine", NULL);
    ck_assert_int_eq(sim_turn(), turn);
    ck_assert(!weft_done(mine));
    weft_call_soon(weft_get_running_loop(), create_in_callback, &t, NULL);
    sim_pass(1);
    ck_assert_trace("mine callback");
    ck_assert_ptr_nonnull(t);
    ck_assert_int_eq(weft_join(weft_create_task(create_from_callback_done, t, NULL), NULL), 0);
    ck_assert_trace("from-callback");
    weft_unref(t);
    weft_unref(mine);
    return 0;
}

/* CRT-03: the name of the options is the task's; left out, it is Task-N. */
START_SIM(name_is_given_or_made)
{
    weft_task_options named = {.name = "indexer"};
    weft_task *with = weft_create_task(give_value, NULL, &named);
    weft_task *without = weft_create_task(give_value, NULL, &(weft_task_options){0});

    ck_assert_str_eq(weft_task_get_name(with), "indexer");
    ck_assert_int_eq(strncmp(weft_task_get_name(without), "Task-", 5), 0);
    ck_assert_int_eq(weft_join(with, NULL), 0);
    ck_assert_int_eq(weft_join(without, NULL), 0);
    return 0;
}

/* CRT-06: a null function is refused, wherever it is given. */
START_SIM(null_coroutine_is_refused)
{
    weft_loop *loop = weft_get_running_loop();

    errno = 0;
    ck_assert_ptr_null(weft_create_task(NULL, "arg", &with_drop));
    ck_assert_int_eq(errno, EINVAL);
    errno = 0;
    ck_assert_ptr_null(weft_create_task_on(loop, NULL, "arg", &with_drop));
    ck_assert_int_eq(errno, EINVAL);
    errno = 0;
    ck_assert_ptr_null(weft_task_new(loop, NULL, "arg", &with_drop));
    ck_assert_int_eq(errno, EINVAL);
    errno = 0;
    ck_assert_ptr_null(weft_spawn(NULL, "arg", &with_drop));
    ck_assert_int_eq(errno, EINVAL);
    errno = 0;
    ck_assert_ptr_null(weft_create_task_on(NULL, note_name, "arg", &with_drop));
    ck_assert_int_eq(errno, EINVAL);
    ck_assert_trace("");
    return 0;
}

/* CRT-07: a task made on a loop that does not run starts when it does. */
START_TEST(task_waits_for_its_loop)
{
    weft_loop *loop = weft_new_event_loop(NULL);
    weft_task *first = weft_create_task_on(loop, note_name, "first", NULL);
    weft_task *second = weft_create_task_on(loop, note_name, "second", NULL);

    ck_assert_ptr_eq(weft_future_get_loop(first), loop);
    ck_assert(!weft_done(first));
    ck_assert_trace("");
    ck_assert_int_eq(weft_loop_run_until_complete(loop, second, NULL), 0);
    ck_assert_trace("first second");
    weft_unref(first);
    weft_unref(second);
    ck_assert_int_eq(weft_loop_free(loop), 0);
}
END_TEST

/* CRT-08: a closed loop takes no task, and what it was to be given stays the caller's. */
START_TEST(closed_loop_takes_no_task)
{
    weft_loop *loop = weft_new_event_loop(NULL);

    ck_assert_int_eq(weft_loop_close(loop), 0);
    errno = 0;
    ck_assert_ptr_null(weft_create_task_on(loop, note_name, "arg", &with_drop));
    ck_assert_int_eq(errno, -WEFT_ELOOPCLOSED);
    ck_assert_trace("");
    ck_assert_int_eq(weft_loop_free(loop), 0);
}
END_TEST

COROUTINE(work_for_a_while)
{
    for (int i = 0; i < 3; i++) {
        int rc = weft_sleep(1);
        if (rc)
            return rc;
        trace("%s%d", (const char *)arg, i);
    }
    return 0;
}

/* CRT-18: a task whose handle was given back at once runs to its end. */
START_SIM(dropped_task_runs_to_its_end)
{
    weft_unref(weft_create_task(work_for_a_while, "a", NULL));
    weft_unref(weft_create_task(work_for_a_while, "b", NULL));
    ck_assert_int_eq(weft_sleep(10), 0);
    ck_assert_trace("a0 b0 a1 b1 a2 b2");
    return 0;
}

/* Refused options make no task. */
START_SIM(absurd_stack_is_refused)
{
    weft_task_options options = {.stack_bytes = SIZE_MAX, .arg_drop = note_drop};

    errno = 0;
    ck_assert_ptr_null(weft_create_task(note_name, "arg", &options));
    ck_assert_int_eq(errno, EINVAL);
    ck_assert_trace("");
    return 0;
}

int main(void)
{
    Suite *suite = suite_create("create_task");

    TCase *places = tcase_create("places");
    tcase_add_test(places, create_needs_a_running_loop);
    tcase_add_test(places, create_returns_an_unstarted_task);
    tcase_add_test(places, task_waits_for_its_loop);
    tcase_add_test(places, closed_loop_takes_no_task);
    tcase_add_test(places, dropped_task_runs_to_its_end);
    suite_add_tcase(suite, places);

    TCase *options = tcase_create("options");
    tcase_add_test(options, name_is_given_or_made);
    tcase_add_test(options, null_coroutine_is_refused);
    tcase_add_test(options, absurd_stack_is_refused);
    suite_add_tcase(suite, options);

    return suite_main(suite);
}
