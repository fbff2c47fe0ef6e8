/*
 * context_flow_test.c - how contexts get to tasks, runs and threads: which see what, and who does
 * not.
 */
#include <pthread.h>

#include "tests/api/contexts.h"

COROUTINE(keep_number)
{
    long mine = (long)(intptr_t)arg;

    ck_assert_int_eq(current(&plain), 7);
    set(&plain, mine);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(i % 2 ? weft_yield() : weft_sleep(0.1 * (double)mine), 0);
        ck_assert_int_eq(current(&plain), mine + i);
        set(&plain, mine + i + 1);
    }
    return 0;
}

/* CTXV-12, CTXV-17: what a task sets survives its suspensions, and others that run in between do not
 * disturb it. */
START_SIM(tasks_do_not_disturb_each_other)
{
    weft_task *tasks[10];

    set(&plain, 7);
    for (long i = 0; i < 10; i++)
        tasks[i] = weft_create_task(keep_number, number(100 * i), NULL);
    ck_assert_int_eq(weft_join(weft_gather(tasks, 10, 0), NULL), 0);
    for (int i = 0; i < 10; i++)
        weft_unref(tasks[i]);
    ck_assert_int_eq(current(&plain), 7);
    return 0;
}

COROUTINE(reset_of_parent)
{
    ck_assert_int_eq(weft_context_var_reset(&plain, arg), -EINVAL); /* CTXV-05 */
    return see("child ");
}

/* CRT-04: a task gets a copy of its creator's context at that moment. */
START_SIM(task_gets_a_copy)
{
    weft_context_token token;

    ck_assert_int_eq(weft_context_var_set(&plain, number(1), &token), 0);
    weft_task *child = weft_create_task(reset_of_parent, &token, NULL);
    set(&plain, 2);
    ck_assert_int_eq(weft_await(child, NULL), 0);
    ck_assert_trace("child 1");
    ck_assert_int_eq(current(&plain), 2);
    /* TASK-14: its own copy, also after its end. */
    ck_assert_int_eq(held(weft_task_get_context(child), &plain), 10);
    ck_assert_int_eq(weft_join(child, NULL), 0);
    ck_assert_int_eq(weft_context_var_reset(&plain, &token), 0);
    ck_assert_int_eq(current(&plain), -1);
    /* A task that was made before anything was set, asked while it is suspended. */
    child = weft_create_task(see_task, "empty ", NULL);
    weft_context *own = weft_task_get_context(child);
    ck_assert_ptr_eq(own, weft_task_get_context(child));
    ck_assert_uint_eq(weft_context_len(own), 0);
    ck_assert_int_eq(weft_join(child, NULL), 0);
    ck_assert_trace("empty -1");
    weft_future *future = weft_create_future();
    ck_assert_ptr_null(weft_task_get_context(future));
    ck_assert_int_eq(errno, EINVAL);
    weft_unref(future);
    return 0;
}

/* CRT-05, TASK-14: with a context the task runs in that itself, and a second one sees what it set. */
START_SIM(task_runs_in_a_given_context)
{
    weft_context *context = context_with(3);
    weft_task_options options = {.context = context};

    weft_task *task = weft_create_task(see_task, "first ", &options);
    ck_assert_ptr_eq(weft_task_get_context(task), context);
    ck_assert_int_eq(weft_await(task, NULL), 0);
    ck_assert_int_eq(held(context, &plain), 30);
    ck_assert_ptr_eq(weft_task_get_context(task), context);
    weft_unref(task);
    ck_assert_int_eq(weft_join(weft_spawn(see_task, "second ", &options), NULL), 0);
    ck_assert_int_eq(held(context, &plain), 300);
    ck_assert_trace("first 3 second 30");
    weft_context_unref(context);
    ck_assert_int_eq(current(&plain), -1);
    return 0;
}

static const weft_task_options *factory_saw;
static weft_context *factory_context;

static weft_task *watching_factory(weft_loop *loop, weft_coroutine fn, void *arg,
                                   const weft_task_options *options, void *factory_arg)
{
    (void)factory_arg;
    factory_saw = options;
    factory_context = options ? options->context : NULL;
    return weft_task_new(loop, fn, arg, options);
}

/* CRT-15: a factory is given the context. */
START_SIM(factory_is_given_the_context)
{
    weft_context *context = context_with(4);
    weft_task_options options = {.context = context};

    weft_loop_set_task_factory(weft_get_running_loop(), watching_factory, NULL);
    ck_assert_int_eq(weft_join(weft_create_task(see_task, "", &options), NULL), 0);
    ck_assert_ptr_eq(factory_saw, &options);
    ck_assert_ptr_eq(factory_context, context);
    ck_assert_trace("4");
    weft_context_unref(context);
    return 0;
}

COROUTINE(set_and_yield)
{
    set(&plain, 5);
    ck_assert_int_eq(weft_yield(), 0);
    ck_assert_int_eq(current(&plain), 5);
    return 0;
}

/* EAGR-06: the eager step runs in the new task's context, which it keeps. */
START_SIM(eager_step_has_its_own)
{
    weft_task_options eager = {.eager_start = 1};

    set(&plain, 1);
    weft_task *task = weft_create_task(set_and_yield, NULL, &eager);
    ck_assert_int_eq(current(&plain), 1);
    ck_assert_int_eq(weft_await(task, NULL), 0);
    ck_assert_int_eq(held(weft_task_get_context(task), &plain), 5);
    ck_assert_int_eq(current(&plain), 1);
    weft_unref(task);
    return 0;
}

COROUTINE(run_set_and_yield)
{
    void *value = number(-1);

    ck_assert_int_eq(weft_context_run(arg, set_and_yield, NULL, NULL), 0);
    (void)weft_context_var_get(&plain, &value);
    *result = value;
    return 0;
}

COROUTINE(refused_meanwhile)
{
    return weft_context_run(arg, set_and_yield, NULL, NULL) == WEFT_ERUNTIME ? 0 : -1;
}

/* CTXV-07, CTXV-08: a function that runs in a context may suspend: others do not see it, and cannot
 * enter it. TASK-14: the task's own context is another one. */
START_SIM(run_may_suspend)
{
    void *seen;
    weft_context *context = context_with(9);

    set(&plain, 1);
    weft_task *task = weft_create_task(run_set_and_yield, context, NULL);
    weft_task *other = weft_create_task(refused_meanwhile, context, NULL);
    ck_assert_int_eq(weft_yield(), 0);
    ck_assert_int_eq(current(&plain), 1);
    ck_assert_int_eq(held(context, &plain), 5);
    ck_assert_ptr_ne(weft_task_get_context(task), context);
    ck_assert_int_eq(held(weft_task_get_context(task), &plain), 1);
    ck_assert_int_eq(weft_join(other, NULL), 0);
    ck_assert_int_eq(weft_join(task, &seen), 0);
    ck_assert_ptr_eq(seen, number(1));
    weft_context_unref(context);
    return 0;
}

COROUTINE(run_and_never_return)
{
    ck_assert_int_eq(weft_context_var_set(&owning, arg, NULL), 0);
    return weft_sleep(WEFT_FOREVER);
}

COROUTINE(enter_for_ever)
{
    ck_assert_int_eq(weft_context_var_set(&owning, arg, NULL), 0);
    return weft_context_run(arg, run_and_never_return, arg, NULL);
}

static int stop_loop(void *arg)
{
    return weft_loop_stop(arg);
}

/* A loop that is closed around a task inside weft_context_run() takes it out of the context. */
START_TEST(closed_loop_leaves_contexts)
{
    weft_context *context = weft_context_new();
    weft_loop *loop = weft_new_event_loop(&(weft_loop_options){.clock = WEFT_CLOCK_VIRTUAL});

    weft_loop_set_exception_handler(loop, report_record, NULL);
    weft_unref(weft_create_task_on(loop, enter_for_ever, context, NULL));
    ck_assert_int_eq(weft_call_later(loop, 1, stop_loop, loop, NULL), 0);
    ck_assert_int_eq(weft_loop_run_forever(loop), 0);
    ck_assert_int_eq(weft_context_run(context, see_task, "", NULL), WEFT_ERUNTIME);
    ck_assert_int_eq(weft_loop_free(loop), 0);
    ck_assert_int_eq(reports_count, 1);
    ck_assert_int_eq(drops, 1);
    ck_assert_int_eq(weft_context_run(context, see_task, "", NULL), 0);
    weft_context_unref(context);
    ck_assert_int_eq(drops, 2);
}
END_TEST

/* RUN-18: main sees the caller's variables, and the caller not what it sets. */
START_TEST(run_copies_the_caller)
{
    set(&plain, 1);
    ck_assert_int_eq(weft_run(see_task, "main ", NULL), 0);
    ck_assert_trace("main 1");
    ck_assert_int_eq(current(&plain), 1);
}
END_TEST

/* RNR-01, RNR-05, RNR-06: the runs of a runner share a context, copied when the first of them began;
 * a run in a given one runs in that. */
START_TEST(runs_share_a_context)
{
    weft_runner runner;
    weft_context *context = context_with(7);

    set(&plain, 1);
    ck_assert_int_eq(weft_runner_init(&runner, &(weft_runner_options){.loops = 1}), 0);
    set(&plain, 2);
    ck_assert_int_eq(weft_runner_run(&runner, see_task, "first ", NULL), 0);
    set(&plain, 3);
    ck_assert_int_eq(weft_runner_run(&runner, see_task, "second ", NULL), 0);
    ck_assert_int_eq(weft_runner_run_in(&runner, context, see_task, "given ", NULL), 0);
    ck_assert_int_eq(weft_runner_run_in(&runner, NULL, see_task, "third ", NULL), 0);
    ck_assert_trace("first 2 second 20 given 7 third 200");
    ck_assert_int_eq(held(context, &plain), 70);
    ck_assert_int_eq(current(&plain), 3);
    ck_assert_int_eq(weft_runner_close(&runner), 0);
    weft_context_unref(context);
}
END_TEST

COROUTINE(use_the_pool)
{
    set(&plain, 1);
    ck_assert_int_eq(weft_join(weft_to_thread(see_task, "a "), NULL), 0);
    ck_assert_int_eq(weft_join(weft_run_in_executor(NULL, NULL, see_task, "b "), NULL), 0);
    ck_assert_int_eq(weft_join(weft_to_thread(see_task, "c "), NULL), 0);
    ck_assert_int_eq(weft_join(weft_run_in_executor(NULL, NULL, see_task, "d "), NULL), 0);
    ck_assert_trace("a 1 b -1 c 1 d -10");
    ck_assert_int_eq(current(&plain), 1);
    return 0;
}

/* EXEC-04, EXEC-05: to_thread() takes a copy of the caller's context along, run_in_executor() none:
 * its functions see the pool thread's own. */
START_TEST(threads_of_the_pool)
{
    weft_runner_options options = {.loops = 1, .max_threads = 1};
    ck_assert_int_eq(weft_run_with(&options, use_the_pool, NULL, NULL), 0);
}
END_TEST

/* XTHR-23: a coroutine from another thread runs in a copy of that thread's context, or in the given
 * one, through a factory too. */
START_TEST(submitter_is_copied)
{
    weft_runner runner;
    weft_context *context = context_with(5);

    ck_assert_int_eq(weft_runner_init(&runner, &(weft_runner_options){.loops = 1}), 0);
    ck_assert_int_eq(weft_runner_start(&runner), 0);
    weft_loop *loop = weft_runner_get_loop(&runner);
    set(&plain, 1);
    for (int i = 0; i < 2; i++) {
        weft_future *future = weft_run_coroutine_threadsafe(see_task, "", loop);
        ck_assert_int_eq(weft_future_wait(future, WEFT_FOREVER, NULL), 0);
        weft_unref(future);
        future = weft_run_coroutine_threadsafe_with(see_task, "", loop,
                                                    &(weft_task_options){.context = context});
        ck_assert_int_eq(weft_future_wait(future, WEFT_FOREVER, NULL), 0);
        weft_unref(future);
    }
    ck_assert_trace("1 5 1 50");
    ck_assert_int_eq(current(&plain), 1);
    ck_assert_int_eq(weft_runner_close(&runner), 0);
    ck_assert_int_eq(held(context, &plain), 500);
    weft_context_unref(context);
}
END_TEST

#define TRAVELLERS 200

COROUTINE(travel)
{
    ck_assert_ptr_eq(weft_context_var_get_or(&owning, NULL), number(1));
    ck_assert_int_eq(weft_context_var_set(&owning, arg, NULL), 0);
    ck_assert_int_eq(weft_yield(), 0);
    ck_assert_ptr_eq(weft_context_var_get_or(&owning, NULL), arg);
    return 0;
}

COROUTINE(send_travellers)
{
    weft_task *tasks[TRAVELLERS];

    ck_assert_int_eq(weft_context_var_set(&owning, number(1), NULL), 0);
    for (long i = 0; i < TRAVELLERS; i++) {
        ck_assert_int_eq(weft_context_var_set(&plain, number(i), NULL), 0);
        tasks[i] = weft_spawn(travel, number(i + 2), NULL);
    }
    for (int i = 0; i < TRAVELLERS; i++)
        ck_assert_int_eq(weft_join(tasks[i], NULL), 0);
    return 0;
}

/* Contexts go to other loops with their tasks, and every value is dropped once. */
START_TEST(values_travel_between_loops)
{
    ck_assert_int_eq(weft_run_with(&(weft_runner_options){.loops = 3}, send_travellers, NULL, NULL),
                     0);
    ck_assert_int_eq(drops, TRAVELLERS + 1);
}
END_TEST

static _Atomic int sets;

COROUTINE(keep_quiet)
{
    return 0;
}

static int callback_keeps_quiet(void *arg)
{
    (void)arg;
    return 0;
}

static int done_keeps_quiet(weft_future *future, void *arg)
{
    (void)future;
    (void)arg;
    return 0;
}

/* Everything that takes a copy along, once; each may fail for want of memory, or not. */
COROUTINE(copy_everywhere)
{
    weft_loop *loop = weft_get_running_loop();
    weft_context *context = weft_context_new();
    weft_task_options options = {.name = "named", .context = context};
    weft_task *tasks[] = {NULL, NULL, NULL, NULL};

    if (!weft_context_var_set(&owning, number(1), NULL))
        sets++;
    tasks[0] = weft_create_task(keep_quiet, NULL, NULL);
    tasks[1] = weft_create_task(keep_quiet, NULL, &options);
    tasks[2] = weft_to_thread(keep_quiet, NULL);
    tasks[3] = weft_run_coroutine_threadsafe_with(keep_quiet, NULL, loop, &options);
    (void)weft_call_soon(loop, callback_keeps_quiet, NULL, NULL);
    (void)weft_call_later_in(loop, context, 1, callback_keeps_quiet, NULL, NULL);
    for (int i = 0; i < 4; i++) {
        if (!tasks[i])
            continue;
        if (i < 2)
            (void)weft_task_get_context(tasks[i]);
        (void)weft_add_done_callback(tasks[i], done_keeps_quiet, NULL);
        (void)weft_join(tasks[i], NULL);
    }
    (void)weft_loop_shutdown_default_executor(loop, WEFT_FOREVER);
    weft_context_unref(context);
    return 0;
}

static void copy_everywhere_without_memory(void)
{
    int rc = weft_run_with(&(weft_runner_options){.loops = 1}, copy_everywhere, NULL, NULL);

    ck_assert(rc == 0 || rc == -ENOMEM);
    ck_assert_int_eq(drops, sets);
}

/* Without memory for what is to take a copy along, the copy is given back. */
START_TEST(no_memory_loses_no_value)
{
    ck_assert_uint_ge(run_with_each_fault(FAULT_ALLOC, ENOMEM, copy_everywhere_without_memory), 15);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("context_flow");
    TCase *tcase = tcase_create("context_flow");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, tasks_do_not_disturb_each_other);
    tcase_add_test(tcase, task_gets_a_copy);
    tcase_add_test(tcase, task_runs_in_a_given_context);
    tcase_add_test(tcase, factory_is_given_the_context);
    tcase_add_test(tcase, eager_step_has_its_own);
    tcase_add_test(tcase, run_may_suspend);
    tcase_add_test(tcase, closed_loop_leaves_contexts);
    tcase_add_test(tcase, run_copies_the_caller);
    tcase_add_test(tcase, runs_share_a_context);
    tcase_add_test(tcase, threads_of_the_pool);
    tcase_add_test(tcase, submitter_is_copied);
    tcase_add_test(tcase, values_travel_between_loops);
    tcase_add_test(tcase, no_memory_loses_no_value);
    suite_add_tcase(suite, tcase);
    return suite_main(suite);
}
