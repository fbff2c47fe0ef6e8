/*
 * tasks_test.c - tasks, groups, generators and call graphs, without memory.
 */
#include "tests/memory/scarce.h"

COROUTINE(returns)
{
    return 0;
}

COROUTINE(sleeps)
{
    return weft_sleep(1);
}

/* A task that finds no stack ends with that (its future says so). */
static void join_maybe(weft_task *task)
{
    int rc = weft_join(task, NULL);
    ck_assert_msg(rc == 0 || rc == -ENOMEM, "it ended with %d", rc);
}

static weft_task *make_plain(weft_loop *loop, weft_coroutine fn, void *arg,
                             const weft_task_options *options, void *factory_arg)
{
    (void)factory_arg;
    return weft_task_new(loop, fn, arg, options);
}

START_SCARCE(made, 10)
{
    weft_loop *loop = weft_get_running_loop();
    weft_task_options named = {.name = "a name that has to be copied"};
    weft_awaitable awaitable = {.fn = returns};
    weft_eager_maker maker;
    weft_task *task;
    MAKE(task, weft_create_task(returns, NULL, &named));
    join_maybe(task);
    MAKE(task, weft_create_task_on(loop, returns, NULL, NULL));
    join_maybe(task);
    MAKE(task, weft_ensure_future(&awaitable, NULL));
    join_maybe(task);
    MAKE(task, weft_spawn(returns, NULL, NULL));
    join_maybe(task);
    MAKE(task, weft_task_new(loop, returns, NULL, NULL));
    join_maybe(task);
    COPES(task = weft_eager_task_factory(loop, returns, NULL, NULL, NULL));
    if (!task)
        task = weft_eager_task_factory(loop, returns, NULL, NULL, NULL);
    join_maybe(task);
    weft_task_factory factory;
    NEVER(factory = weft_create_eager_task_factory(&maker, make_plain, NULL));
    NEVER(ck_assert_int_eq(weft_loop_set_task_factory(loop, factory, &maker), 0));
    NEVER(ck_assert(weft_loop_get_task_factory(loop) == factory));
    COPES(task = weft_create_task(returns, NULL, NULL));
    if (!task)
        task = weft_create_task(returns, NULL, NULL);
    join_maybe(task);
    return 0;
}

START_SCARCE(waiting, 1)
{
    void *got = NULL;
    NEVER(ck_assert_int_eq(weft_yield(), 0));
    NEVER(ck_assert_int_eq(weft_sleep(0), 0));
    COPES(ck_assert_int_eq(weft_sleep(1), 0)); /* its timer has room on the stack */
    COPES(ck_assert_int_eq(weft_sleep_result(1, &got, &got), 0));
    ck_assert_ptr_eq(got, &got);
    return 0;
}

START_SCARCE(asked_about, 5)
{
    weft_loop *loop = weft_get_running_loop();
    weft_task *task, **all = NULL;
    weft_coroutine fn;
    void *fn_arg, *frames[8];
    MAKE(task, weft_create_task(sleeps, NULL, NULL));
    NEVER(ck_assert_ptr_nonnull(weft_current_task()));
    NEVER(ck_assert_ptr_eq(weft_current_task_of(loop), weft_current_task()));
    long count;
    COPES(count = weft_all_tasks(loop, &all));
    if (count == -ENOMEM)
        count = weft_all_tasks(loop, &all);
    ck_assert_int_eq(count, 2);
    NEVER(weft_task_list_free(all, count));
    NEVER(ck_assert_int_eq(weft_cancelling(task), 0));
    NEVER(ck_assert_int_eq(weft_uncancel(task), 0));
    const char *name;
    MAKE(name, weft_task_get_name(task)); /* the same */
    ASKED(weft_task_set_name(task, "another name, which is copied too, and long"), 0);
    NEVER(ck_assert_int_eq(weft_task_get_coro(task, &fn, &fn_arg), 0));
    weft_context *context; /* made when it is asked for */
    MAKE(context, weft_task_get_context(task));
    NEVER(ck_assert_ptr_eq(weft_task_get_context(task), context));
    NEVER(ck_assert_int_ge(weft_task_get_stack(task, frames, 8), 0));
    FILE *file = tmpfile();
    COPES(weft_task_print_stack(task, 4, file));
    ck_assert_int_gt(ftell(file), 0);
    ck_assert_int_eq(fclose(file), 0);
    join_maybe(task);
    return 0;
}

START_SCARCE(groups, 3)
{
    weft_task_group group = WEFT_TASK_GROUP_INIT;
    weft_task *task;
    NEVER(ck_assert_int_eq(weft_task_group_begin(&group), 0));
    MAKE(task, weft_task_group_create_task(&group, returns, NULL, NULL));
    weft_unref(task);
    int rc;
    COPES(rc = weft_task_group_end(&group, 0));
    ck_assert(rc == 0 || rc == WEFT_EGROUP || rc == -ENOMEM); /* a task without a stack */
    group = (weft_task_group)WEFT_TASK_GROUP_INIT;
    ck_assert_int_eq(weft_task_group_begin(&group), 0);
    MAKE(task, weft_task_group_create_task(&group, sleeps, NULL, NULL));
    weft_unref(task);
    COPES(rc = weft_task_group_cancel(&group));
    ck_assert_int_eq(rc, 0);
    COPES(rc = weft_task_group_end(&group, 0));
    ck_assert(rc == 0 || rc == WEFT_EGROUP || rc == -ENOMEM);
    ck_assert_int_eq(weft_cancelling(weft_current_task()), 0);
    return 0;
}

static int yields(weft_generator *self, void *arg)
{
    int rc = 0;
    while (!rc)
        COPES(rc = weft_generator_yield(self, arg, NULL)); /* who asks goes on meanwhile */
    return rc;
}

START_SCARCE(generators, 6)
{
    weft_generator_options named = {.name = "a generator"};
    weft_generator *g;
    void *got = NULL;
    MAKE(g, weft_generator_new(yields, &got, &named));
    NEVER(ck_assert_ptr_eq(weft_generator_ref(g), g));
    NEVER(weft_generator_unref(g));
    ASKED(weft_generator_next(g, &got), 0);
    NEVER(ck_assert_int_eq(weft_generator_next_or(g, NULL, &got), 0));
    NEVER(ck_assert_int_eq(weft_generator_send(g, NULL, &got), 0));
    COPES(ck_assert_int_eq(weft_generator_throw(g, weft_fail(-EIO, "thrown"), &got), -EIO));
    COPES(ck_assert_int_eq(weft_generator_close(g), 0));
    weft_generator_unref(g);
    MAKE(g, weft_generator_new(yields, &got, NULL));
    ASKED(weft_generator_next(g, &got), 0);
    ASKED(weft_loop_shutdown_asyncgens(weft_get_running_loop()), 0);
    weft_generator_unref(g);
    return 0;
}

START_SCARCE(graphs, 4)
{
    weft_call_graph *graph = NULL;
    weft_future *f, *by;
    weft_task *task;
    MAKE(f, weft_create_future());
    MAKE(by, weft_create_future());
    MAKE(task, weft_create_task(sim_await, f, NULL));
    COPES(sim_pass(1)); /* it gets its stack, or ends */
    ASKED(weft_future_add_to_awaited_by(f, by), 0);
    ASKED(weft_capture_call_graph(f, 0, &graph), 0);
    ck_assert_uint_ge(graph->awaited_by_count, 1);
    COPES(weft_call_graph_free(graph));
    FILE *file = tmpfile();
    ASKED(weft_print_call_graph(f, file), 0);
    ASKED(weft_print_tasks(weft_get_running_loop(), file), 0);
    ck_assert_int_eq(fclose(file), 0);
    NEVER(ck_assert_int_eq(weft_future_discard_from_awaited_by(f, by), 0));
    ck_assert_int_eq(weft_future_set_result(f, NULL), 0);
    join_maybe(task);
    weft_unref(f);
    weft_unref(by);
    return 0;
}

int main(void)
{
    Suite *suite = suite_create("tasks without memory");
    TCase *tests = tcase_create("tasks without memory");

    tcase_add_test(tests, made);
    tcase_add_test(tests, waiting);
    tcase_add_test(tests, asked_about);
    tcase_add_test(tests, groups);
    tcase_add_test(tests, generators);
    tcase_add_test(tests, graphs);
    suite_add_tcase(suite, tests);
    return suite_main(suite);
}
