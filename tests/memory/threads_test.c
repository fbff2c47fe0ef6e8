/*
 * threads_test.c - the thread pool, and coroutines from any thread, without memory.
 */
#include "tests/memory/scarce.h"

COROUTINE(returns)
{
    return 0;
}

/* What was taken ends well, or as a task without a stack does. */
static void join_maybe(weft_future *future)
{
    int rc = weft_join(future, NULL);
    ck_assert_msg(rc == 0 || rc == -ENOMEM, "it ended with %d", rc);
}

START_SCARCE(executors, 4)
{
    weft_loop *loop = weft_get_running_loop();
    weft_executor_options options = {.max_threads = 1};
    weft_executor *executor, *set;
    weft_future *f;
    MAKE(executor, weft_executor_new(&options));
    MAKE(f, weft_run_in_executor(loop, executor, returns, NULL));
    join_maybe(f);
    COPES(ck_assert_int_eq(weft_executor_shutdown(executor, 60, 0), 0));
    COPES(weft_executor_free(executor));
    MAKE(set, weft_executor_new(&options));
    ASKED(weft_loop_set_default_executor(loop, set), 0);
    MAKE(f, weft_to_thread(returns, NULL));
    join_maybe(f);
    int rc;
    COPES(rc = weft_loop_shutdown_default_executor(loop, 60));
    if (rc == -ENOMEM)
        rc = weft_loop_shutdown_default_executor(loop, 60);
    ck_assert_int_eq(rc, 0);
    weft_executor_free(set);
    return 0;
}

/* The default pool is made by the first call that needs it. */
START_SCARCE(default_pool, 3)
{
    weft_future *f;
    MAKE(f, weft_to_thread(returns, NULL));
    join_maybe(f);
    return 0;
}

START_SCARCE(coroutines, 4)
{
    weft_loop *loop = weft_get_running_loop();
    weft_task_options named = {.name = "a name"};
    weft_future *f, *wrapped;
    MAKE(f, weft_run_coroutine_threadsafe(returns, NULL, loop));
    MAKE(wrapped, weft_wrap_future(f));
    join_maybe(wrapped);
    weft_unref(f);
    MAKE(f, weft_run_coroutine_threadsafe_with(returns, NULL, loop, &named));
    join_maybe(f);
    return 0;
}

int main(void)
{
    Suite *suite = suite_create("threads without memory");
    TCase *tests = tcase_create("threads without memory");

    tcase_add_test(tests, executors);
    tcase_add_test(tests, default_pool);
    tcase_add_test(tests, coroutines);
    suite_add_tcase(suite, tests);
    return suite_main(suite);
}
