/*
 * task_factory_test.c - what makes the tasks of a loop, in place of the default.
 */
#include <errno.h>
#include <stdbool.h>

#include "tests/sched/tasks.h"
#include "tests/support/suite.h"

static int values[4];

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

/* CRT-07, CRT-13: the factory makes the tasks of a loop that does not run, too. */
START_TEST(factory_of_a_loop_that_does_not_run)
{
    weft_loop *loop = weft_new_event_loop(NULL);

    ck_assert_int_eq(weft_loop_set_task_factory(loop, recording_factory, &values[1]), 0);
    weft_task *t = weft_create_task_on(loop, note_name, "t", NULL);
    ck_assert_int_eq(asked.calls, 1);
    ck_assert_ptr_eq(asked.loop, loop);
    ck_assert_ptr_eq(asked.factory_arg, &values[1]);
    ck_assert_trace("");
    ck_assert_int_eq(weft_loop_run_until_complete(loop, t, NULL), 0);
    ck_assert_trace("t");
    weft_unref(t);
    ck_assert_int_eq(weft_loop_set_task_factory(loop, weft_eager_task_factory, NULL), 0);
    t = weft_create_task_on(loop, note_name, "eager", NULL);
    ck_assert_int_eq(asked.calls, 1);
    ck_assert_trace(""); /* EAGR-10 */
    ck_assert_int_eq(weft_loop_run_until_complete(loop, t, NULL), 0);
    ck_assert_trace("eager");
    weft_unref(t);
    ck_assert_int_eq(weft_loop_set_task_factory(loop, NULL, NULL), 0);
    t = weft_create_task_on(loop, note_name, "u", NULL);
    ck_assert_int_eq(asked.calls, 1);
    ck_assert_int_eq(weft_loop_run_until_complete(loop, t, NULL), 0);
    weft_unref(t);
    ck_assert_int_eq(weft_loop_free(loop), 0);
}
END_TEST

COROUTINE(spawn_one)
{
    weft_loop_set_task_factory(weft_get_running_loop(), recording_factory, NULL);
    int rc = weft_join(weft_spawn(give_value, NULL, NULL), NULL);
    ck_assert_int_eq(asked.calls, 0);
    weft_loop_set_task_factory(weft_get_running_loop(), NULL, NULL);
    return rc;
}

/* A task that any of several loops may run is made before it has one: no loop's factory makes it. */
START_TEST(no_factory_makes_what_any_loop_may_run)
{
    weft_runner_options two = {.loops = 2};
    ck_assert_int_eq(weft_run_with(&two, spawn_one, NULL, NULL), 0);
}
END_TEST

/* CRT-13: what is submitted from outside becomes a task on the loop, by its factory. */
START_TEST(factory_makes_what_is_submitted)
{
    weft_loop *loop = weft_new_event_loop(NULL);

    ck_assert_int_eq(weft_loop_set_task_factory(loop, recording_factory, &values[3]), 0);
    weft_future *f = weft_run_coroutine_threadsafe(note_name, "submitted", loop);
    ck_assert_int_eq(asked.calls, 0);
    weft_loop_stop(loop);
    ck_assert_int_eq(weft_loop_run_forever(loop), 0);
    ck_assert_int_eq(asked.calls, 1);
    ck_assert_ptr_eq(asked.factory_arg, &values[3]);
    weft_loop_stop(loop);
    ck_assert_int_eq(weft_loop_run_forever(loop), 0);
    ck_assert_trace("submitted");
    weft_unref(f);
    ck_assert_int_eq(weft_loop_free(loop), 0);
}
END_TEST

/* EAGR-17: the factory has another one make the tasks, with eager_start set. */
START_SIM(eager_factory_uses_the_given_maker)
{
    weft_loop *loop = weft_get_running_loop();
    weft_task_options named = {.name = "named"};
    weft_eager_maker maker;

    weft_task_factory factory =
        weft_create_eager_task_factory(&maker, recording_factory, &values[2]);
    ck_assert_int_eq(weft_loop_set_task_factory(loop, factory, &maker), 0);
    ck_assert(weft_loop_get_task_factory(loop) == factory);
    weft_task *t = weft_create_task(note_name, "eager", &named);
    ck_assert_trace("eager");
    ck_assert(weft_done(t));
    ck_assert_int_eq(asked.calls, 1);
    ck_assert_ptr_eq(asked.loop, loop);
    ck_assert_ptr_eq(asked.factory_arg, &values[2]);
    ck_assert_int_eq(asked.options.eager_start, 1);
    ck_assert_str_eq(asked.options.name, "named");
    ck_assert_str_eq(weft_task_get_name(t), "named");
    weft_unref(t);

    weft_task_options lazy = {.eager_start = -1}; /* EAGR-11 */
    t = weft_create_task(note_name, "lazy", &lazy);
    ck_assert_int_eq(asked.options.eager_start, -1);
    ck_assert_trace("");
    ck_assert_int_eq(weft_join(t, NULL), 0);
    ck_assert_trace("lazy");
    weft_loop_set_task_factory(loop, NULL, NULL);
    return 0;
}

/* EAGR-17: without a maker it is the default that makes them; without storage there is no factory.
 */
START_SIM(eager_factory_of_the_default_maker)
{
    weft_loop *loop = weft_get_running_loop();
    weft_eager_maker maker;

    weft_loop_set_task_factory(loop, weft_create_eager_task_factory(&maker, NULL, NULL), &maker);
    weft_task *t = weft_create_task(note_name, "eager", NULL);
    ck_assert(weft_done(t));
    ck_assert_trace("eager");
    weft_unref(t);
    weft_loop_set_task_factory(loop, NULL, NULL);
    errno = 0;
    ck_assert(!weft_create_eager_task_factory(NULL, recording_factory, NULL));
    ck_assert_int_eq(errno, EINVAL);
    return 0;
}

/* CRT-16, EAGR-17: an error of the maker reaches the caller as well. */
START_SIM(error_of_the_maker_reaches_the_caller)
{
    weft_loop *loop = weft_get_running_loop();
    int error = EMFILE;
    weft_eager_maker maker;

    weft_loop_set_task_factory(
        loop, weft_create_eager_task_factory(&maker, failing_factory, &error), &maker);
    errno = 0;
    ck_assert_ptr_null(weft_create_task(note_name, "arg", &with_drop));
    ck_assert_int_eq(errno, EMFILE);
    ck_assert_trace("");
    weft_loop_set_task_factory(loop, NULL, NULL);
    return 0;
}

int main(void)
{
    Suite *suite = suite_create("task_factory");

    TCase *factories = tcase_create("factories");
    tcase_add_test(factories, factory_makes_the_tasks);
    tcase_add_test(factories, factory_makes_the_main_task);
    tcase_add_test(factories, factory_of_a_loop_that_does_not_run);
    tcase_add_test(factories, factory_makes_what_is_submitted);
    tcase_add_test(factories, no_factory_makes_what_any_loop_may_run);
    tcase_add_test(factories, options_pass_through_the_factory);
    tcase_add_test(factories, error_of_the_factory_reaches_the_caller);
    suite_add_tcase(suite, factories);

    TCase *eager = tcase_create("eager");
    tcase_add_test(eager, eager_factory_uses_the_given_maker);
    tcase_add_test(eager, eager_factory_of_the_default_maker);
    tcase_add_test(eager, error_of_the_maker_reaches_the_caller);
    suite_add_tcase(suite, eager);

    return suite_main(suite);
}
