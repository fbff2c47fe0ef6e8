/*
 * graph_loops_test.c - who awaits whom on loops that other threads run.
 */
#include <sched.h>

#include "tests/api/graphs.h"
#include "tests/support/suite.h"

COROUTINE(await_afar)
{
    CALL(weft_await(arg, NULL));
}

COROUTINE(park_task)
{
    weft_task *inner = weft_create_task(await_afar, arg, &(weft_task_options){.name = "inner"});

    CALL(weft_join(inner, NULL));
}

/* Waits, from a thread without a loop, until a future has so many levels of awaiters. */
static weft_call_graph *capture_levels(weft_future *future, int levels)
{
    for (;;) {
        weft_call_graph *graph = capture(future), *at = graph;
        int found = 0;
        while (at->awaited_by_count) {
            at = at->awaited_by[0];
            found++;
        }
        if (found == levels)
            return graph;
        weft_call_graph_free(graph);
        sched_yield();
    }
}

/* From a thread without a loop, a future of no loop, awaited by a task on one that another thread
 * runs, which is awaited by a second one there (GRPH-02). */
START_TEST(tasks_of_running_loops_are_asked_for)
{
    weft_runner runner;
    ck_assert_int_eq(weft_runner_init(&runner, &(weft_runner_options){.loops = 2}), 0);
    ck_assert_int_eq(weft_runner_start(&runner), 0);
    weft_future *future = weft_future_new(NULL);
    weft_task *outer = weft_create_task_on(weft_runner_loop_at(&runner, 1), park_task, future,
                                           &(weft_task_options){.name = "outer"});
    weft_call_graph *graph = capture_levels(future, 2);
    weft_call_graph *inner = graph->awaited_by[0];
    ck_assert(calls_have(inner, (uintptr_t)await_afar));
    ck_assert_ptr_eq(inner->awaited_by[0]->future, outer);
    ck_assert(calls_have(inner->awaited_by[0], (uintptr_t)park_task));
    weft_call_graph_free(graph);
    FILE *file = text_open();
    ck_assert_int_eq(weft_print_tasks(weft_runner_loop_at(&runner, 1), file), 0);
    text_close(file);
    ck_assert_int_eq(count_in("\n    * <Task pending name='inner'"), 1);
    text_drop();
    weft_future_set_result(future, NULL);
    ck_assert_int_eq(weft_future_wait(outer, WEFT_FOREVER, NULL), 0);
    weft_unref(outer);
    weft_unref(future);
    ck_assert_int_eq(weft_runner_close(&runner), 0);
}
END_TEST

COROUTINE(wait_afar)
{
    weft_future *one[] = {arg};
    CALL(weft_wait(one, 1, WEFT_FOREVER, WEFT_ALL_COMPLETED, NULL));
}

COROUTINE(look_afar)
{
    weft_runner *runner = arg;
    weft_future *future = weft_create_future();
    weft_task *there = weft_create_task_on(weft_runner_loop_at(runner, 1), wait_afar, future, NULL);
    weft_call_graph *graph = NULL;
    for (;; weft_yield()) {
        graph = capture(future);
        if (graph->awaited_by_count && graph->awaited_by[0]->call_stack_count)
            break;
        weft_call_graph_free(graph);
    }
    ck_assert_ptr_eq(graph->awaited_by[0]->future, there);
    ck_assert(calls_have(graph->awaited_by[0], (uintptr_t)wait_afar));
    weft_call_graph_free(graph);
    weft_future_set_result(future, NULL);
    ck_assert_int_eq(weft_join(there, NULL), 0);
    weft_unref(future);
    return 0;
}

/* A task asks for those of another loop that await its own future. */
START_TEST(tasks_ask_other_loops)
{
    weft_runner runner;
    ck_assert_int_eq(weft_runner_init(&runner, &(weft_runner_options){.loops = 2}), 0);
    ck_assert_int_eq(weft_runner_run(&runner, look_afar, &runner, NULL), 0);
    ck_assert_int_eq(weft_runner_close(&runner), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("graph, loops");
    TCase *tcase = tcase_create("graph");

    tcase_add_test(tcase, tasks_of_running_loops_are_asked_for);
    tcase_add_test(tcase, tasks_ask_other_loops);
    suite_add_tcase(suite, tcase);
    return suite_main(suite);
}
