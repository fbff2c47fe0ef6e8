/*
 * create_task_test.c - making tasks: where, with which options, through which factory.
 */
#include <errno.h>
#include <stdbool.h>

#include "tests/support/sim.h"
#include "tests/support/suite.h"

static int values[4];

COROUTINE(note_name)
{
    trace("%s", (const char *)arg);
    return 0;
}

COROUTINE(give_value)
{
    *result = arg;
    return 0;
}

static void note_drop(void *arg)
{
    trace("drop:%s", (const char *)arg);
}

static const weft_task_options with_drop = {.arg_drop = note_drop};

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

/* What a factory was given last. */
static struct {
    weft_loop *loop;
    weft_coroutine fn;
    void *arg;
    weft_task_options options;
    bool with_options;
    void *factory_arg;
    int calls;
} asked;

static weft_task *recording_factory(weft_loop *loop, weft_coroutine fn, void *arg,
                                    const weft_task_options *options, void *factory_arg)
{
    asked.loop = loop;
    asked.fn = fn;
    asked.arg = arg;
    asked.with_options = options != NULL;
    asked.options = options ? *options : (weft_task_options){0};
    asked.factory_arg = factory_arg;
    asked.calls++;
    return weft_task_new(loop, fn, arg, options);
}

/* CRT-13: a factory makes the loop's tasks, until NULL restores the default. */
START_SIM(factory_makes_the_tasks)
{
    weft_loop *loop = weft_get_running_loop();

    ck_assert(weft_loop_get_task_factory(loop) == NULL);
    ck_assert_int_eq(weft_loop_set_task_factory(loop, recording_factory, &values[1]), 0);
    ck_assert(weft_loop_get_task_factory(loop) == recording_factory);
    weft_task *t = weft_create_task(give_value, &values[2], NULL);
    ck_assert_int_eq(asked.calls, 1);
    ck_assert_ptr_eq(asked.loop, loop);
    ck_assert(asked.fn == give_value);
    ck_assert_ptr_eq(asked.arg, &values[2]);
    ck_assert(!asked.with_options);
    ck_assert_ptr_eq(asked.factory_arg, &values[1]);
    ck_assert_int_eq(weft_join(t, NULL), 0);
    ck_assert_int_eq(weft_join(weft_create_task_on(loop, give_value, NULL, NULL), NULL), 0);
    ck_assert_int_eq(asked.calls, 2);
    ck_assert_int_eq(weft_join(weft_spawn(give_value, NULL, NULL), NULL), 0);
    ck_assert_int_eq(asked.calls, 3);
    ck_assert_int_eq(weft_loop_set_task_factory(loop, NULL, NULL), 0);
    ck_assert(weft_loop_get_task_factory(loop) == NULL);
    ck_assert_int_eq(weft_join(weft_create_task(give_value, NULL, NULL), NULL), 0);
    ck_assert_int_eq(asked.calls, 3);
    ck_assert_int_eq(weft_loop_set_task_factory(NULL, recording_factory, NULL), -EINVAL);
    return 0;
}

/* CRT-13: a runner's main task comes from the factory as well. */
START_TEST(factory_makes_the_main_task)
{
    weft_runner runner;
    weft_runner_options options = {.loops = 1, .clock = WEFT_CLOCK_VIRTUAL};

    ck_assert_int_eq(weft_runner_init(&runner, &options), 0);
    weft_loop_set_task_factory(weft_runner_get_loop(&runner), recording_factory, NULL);
    ck_assert_int_eq(weft_runner_run(&runner, note_name, "main", NULL), 0);
    ck_assert_trace("main");
    ck_assert_int_eq(asked.calls, 1);
    ck_assert_int_eq(weft_runner_close(&runner), 0);
}
END_TEST

/* CRT-15, CRT-17: name and every other option are passed to the factory, and the task has them. */
START_SIM(options_pass_through_the_factory)
{
    weft_loop *loop = weft_get_running_loop();
    weft_task_options options = {
        .name = "named", .stack_bytes = 100 << 10, .eager_start = 1, .arg_drop = note_drop};

    weft_loop_set_task_factory(loop, recording_factory, NULL);
    weft_task *t = weft_create_task(note_name, "eager", &options);
    ck_assert(asked.with_options);
    ck_assert_str_eq(asked.options.name, "named");
    ck_assert_uint_eq(asked.options.stack_bytes, 100 << 10);
    ck_assert_int_eq(asked.options.eager_start, 1);
    ck_assert(asked.options.arg_drop == note_drop);
    ck_assert_str_eq(weft_task_get_name(t), "named");
    ck_assert(weft_done(t));
    ck_assert_trace("eager");
    weft_unref(t);
    return 0;
}

static weft_task *failing_factory(weft_loop *loop, weft_coroutine fn, void *arg,
                                  const weft_task_options *options, void *factory_arg)
{
    (void)loop;
    (void)fn;
    (void)arg;
    (void)options;
    errno = *(int *)factory_arg;
    return NULL;
}

/* CRT-16: an error in the factory reaches the caller, and nothing was taken. */
START_SIM(error_of_the_factory_reaches_the_caller)
{
    int error = EMFILE;

    weft_loop_set_task_factory(weft_get_running_loop(), failing_factory, &error);
    errno = 0;
    ck_assert_ptr_null(weft_create_task(note_name, "arg", &with_drop));
    ck_assert_int_eq(errno, EMFILE);
    errno = EMFILE;
    ck_assert_int_eq(weft_join(weft_create_task(note_name, "arg", &with_drop), NULL), -EMFILE);
    ck_assert_trace("");
    weft_loop_set_task_factory(weft_get_running_loop(), NULL, NULL);
    return 0;
}

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

    TCase *factories = tcase_create("factories");
    tcase_add_test(factories, factory_makes_the_tasks);
    tcase_add_test(factories, factory_makes_the_main_task);
    tcase_add_test(factories, options_pass_through_the_factory);
    tcase_add_test(factories, error_of_the_factory_reaches_the_caller);
    suite_add_tcase(suite, factories);

    return suite_main(suite);
}
