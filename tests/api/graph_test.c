/*
 * graph_test.c - who awaits whom.
 */
#include <errno.h>

#include "tests/api/graphs.h"
#include "tests/support/faults.h"
#include "tests/support/suite.h"

/* ---- one's own graph ---- */

static __attribute__((noinline)) int capture_inside(int depth, weft_call_graph **ret_graph)
{
    int rc = weft_capture_call_graph(NULL, depth, ret_graph);
    __asm__ volatile("" : : : "memory");
    return rc;
}

COROUTINE(look_at_myself)
{
    weft_call_graph *graph = NULL, *less = NULL;
    ck_assert_int_eq(capture_inside(0, &graph), 0);
    ck_assert_ptr_eq(graph->future, weft_current_task());
    ck_assert_int_ge(graph->call_stack_count, 2);
    ck_assert((uintptr_t)graph->call_stack[0] - (uintptr_t)capture_inside < 256);
    ck_assert(calls_have(graph, (uintptr_t)look_at_myself));
    ck_assert_uint_eq(graph->awaited_by_count, 1);
    weft_call_graph *parent = among(graph, arg);
    ck_assert_ptr_nonnull(parent);
    ck_assert_int_gt(parent->call_stack_count, 0);
    ck_assert_uint_eq(parent->awaited_by_count, 0);
    /* GRPH-05: without the innermost one, of the running task alone. */
    ck_assert_int_eq(capture_inside(1, &less), 0);
    ck_assert_int_eq(less->call_stack_count, graph->call_stack_count - 1);
    ck_assert_ptr_eq(less->call_stack[less->call_stack_count - 1],
                     graph->call_stack[graph->call_stack_count - 1]);
    ck_assert_int_eq(among(less, arg)->call_stack_count, parent->call_stack_count);
    weft_call_graph_free(less);
    ck_assert_int_eq(capture_inside(1000, &less), 0);
    ck_assert_int_eq(less->call_stack_count, 0);
    weft_call_graph_free(less);
    weft_call_graph_free(graph);
    return 0;
}

/* A task sees itself, its calls with the innermost first, and who awaits it with theirs (GRPH-01). */
START_SIM(a_task_sees_itself)
{
    return weft_join(weft_create_task(look_at_myself, weft_current_task(), NULL), NULL);
}

static int look_from_a_callback(void *arg)
{
    weft_call_graph *graph = arg;
    ck_assert_int_eq(weft_capture_call_graph(NULL, 0, &graph), 0);
    ck_assert_ptr_null(graph);
    ck_assert_int_eq(weft_print_call_graph(NULL, stderr), 0);
    return 0;
}

START_SIM(a_callback_has_no_graph)
{
    static int something;
    ck_assert_int_eq(
        weft_call_soon(weft_get_running_loop(), look_from_a_callback, &something, NULL), 0);
    return weft_yield();
}

/* Outside a loop there is no task to look at, and in a callback there is none either (GRPH-03); what
 * makes no sense is refused (GRPH-04). */
START_TEST(there_must_be_a_task)
{
    weft_call_graph *graph = NULL;
    ck_assert_int_eq(weft_capture_call_graph(NULL, 0, &graph), WEFT_ENOLOOP);
    ck_assert_int_eq(weft_print_call_graph(NULL, NULL), WEFT_ENOLOOP);
    ck_assert_int_eq(weft_print_tasks(NULL, NULL), WEFT_ENOLOOP);
    ck_assert_int_eq(weft_capture_call_graph(NULL, 0, NULL), -EINVAL);
    ck_assert_int_eq(weft_capture_call_graph(NULL, -1, &graph), -EINVAL);
    ck_assert_ptr_null(graph);
    weft_call_graph_free(NULL);
}
END_TEST

/* ---- edges ---- */

COROUTINE(gather_child)
{
    CALL(weft_join(weft_gather(&child, 1, 0), NULL));
}

COROUTINE(shield_child)
{
    CALL(weft_join(weft_shield(child), NULL));
}

COROUTINE(limit_child)
{
    CALL(weft_wait_for(child, 1000, NULL));
}

COROUTINE(group_child)
{
    weft_task_group group = WEFT_TASK_GROUP_INIT;
    ck_assert_int_eq(weft_task_group_begin(&group), 0);
    child = weft_task_group_create_task(&group, await_gate, NULL, NULL);
    CALL(weft_task_group_end(&group, 0));
}

static const struct {
    weft_coroutine fn;
    bool compound; /* a future stands in between */
} ways[] = {
    {await_child, false},    {gather_child, true}, {shield_child, true},
    {wait_for_child, false}, {limit_child, false}, {group_child, false},
};

/* A child is awaited by who awaits it directly, or through gather, shield, wait, wait_for or a task
 * group, until that is over (GRPH-06). */
START_SIM(edges_come_and_go)
{
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        open_gate();
        child = ways[i].fn == group_child ? NULL : start(await_gate, NULL, "child");
        weft_task *waiter = start(ways[i].fn, NULL, "waiter");
        sim_pass(2);
        weft_call_graph *graph = capture(child), *edge = among(graph, waiter);
        ck_assert_uint_eq(graph->awaited_by_count, 1);
        if (ways[i].compound) {
            ck_assert_ptr_null(edge);
            ck_assert_int_eq(graph->awaited_by[0]->call_stack_count, 0);
            edge = among(graph->awaited_by[0], waiter);
        }
        ck_assert_ptr_nonnull(edge);
        ck_assert(calls_have(edge, (uintptr_t)ways[i].fn));
        ck_assert(calls_have(graph, (uintptr_t)await_gate));
        weft_call_graph_free(graph);
        weft_cancel(waiter);
        while (!weft_done(waiter))
            sim_pass(1);
        sim_pass(1);
        graph = capture(child);
        ck_assert_uint_eq(graph->awaited_by_count, 0);
        weft_call_graph_free(graph);
        weft_unref(waiter);
        weft_cancel(child);
        while (!weft_done(child))
            sim_pass(1);
        weft_unref(child);
        weft_unref(gate);
    }
    return 0;
}

/* Edges are added and taken back by hand, each once; with nothing they do nothing (GRPH-08). */
START_SIM(edges_by_hand)
{
    open_gate();
    weft_future *waiter = weft_create_future(), *done = weft_create_future();
    ck_assert_int_eq(weft_future_add_to_awaited_by(gate, waiter), 0);
    ck_assert_int_eq(weft_future_add_to_awaited_by(gate, waiter), 0);
    weft_call_graph *graph = capture(gate);
    ck_assert_uint_eq(graph->awaited_by_count, 1);
    ck_assert_ptr_eq(graph->awaited_by[0]->future, waiter);
    weft_call_graph_free(graph);
    ck_assert_int_eq(weft_future_discard_from_awaited_by(gate, done), 0);
    ck_assert_int_eq(weft_future_discard_from_awaited_by(gate, waiter), 0);
    ck_assert_int_eq(weft_future_discard_from_awaited_by(gate, waiter), 0);
    graph = capture(gate);
    ck_assert_uint_eq(graph->awaited_by_count, 0);
    weft_call_graph_free(graph);

    /* The end of the one takes the edge away, and so does its being dropped. */
    ck_assert_int_eq(weft_future_add_to_awaited_by(gate, waiter), 0);
    weft_future_set_result(gate, NULL);
    sim_pass(2);
    ck_assert_int_eq(weft_future_add_to_awaited_by(done, waiter), 0);
    weft_unref(done);
    done = weft_create_future();
    weft_future_set_result(done, NULL);
    ck_assert_int_eq(weft_future_add_to_awaited_by(done, waiter), 0);
    ck_assert_int_eq(weft_future_add_to_awaited_by(NULL, waiter), 0);
    ck_assert_int_eq(weft_future_add_to_awaited_by(waiter, NULL), 0);
    ck_assert_int_eq(weft_future_discard_from_awaited_by(NULL, waiter), 0);
    graph = capture(done);
    ck_assert_uint_eq(graph->awaited_by_count, 0);
    weft_call_graph_free(graph);
    weft_unref(waiter);
    weft_unref(done);
    weft_unref(gate);
    return 0;
}

/* ---- without memory ---- */

COROUTINE(look_without_memory)
{
    weft_call_graph *graph = NULL;
    gate = weft_create_future();
    child = gate ? weft_create_task(await_gate, NULL, NULL) : NULL;
    if (!child)
        goto unref_gate;
    weft_yield();
    int rc = weft_capture_call_graph(gate, 0, &graph);
    ck_assert(rc == -ENOMEM ? !graph : !rc && graph->awaited_by_count == !weft_done(child));
    weft_call_graph_free(graph);
    FILE *file = fopen("/dev/null", "w");
    rc = weft_print_tasks(NULL, file);
    ck_assert(rc == 0 || rc == -ENOMEM);
    fclose(file);
    rc = weft_future_add_to_awaited_by(gate, child);
    ck_assert(rc == 0 || rc == -ENOMEM);
    weft_future_set_result(gate, NULL);
    weft_join(child, NULL);
unref_gate:
    weft_unref(gate);
    return 0;
}

static void try_to_look(void)
{
    int rc = sim_run(look_without_memory, NULL);
    ck_assert(rc == 0 || rc == -ENOMEM);
}

START_TEST(faults_are_met)
{
    ck_assert_int_gt((int)run_with_each_fault(FAULT_ALLOC, ENOMEM, try_to_look), 10);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("graph");
    TCase *tcase = tcase_create("graph");

    tcase_add_test(tcase, a_task_sees_itself);
    tcase_add_test(tcase, a_callback_has_no_graph);
    tcase_add_test(tcase, there_must_be_a_task);
    tcase_add_test(tcase, edges_come_and_go);
    tcase_add_test(tcase, edges_by_hand);
    tcase_add_test(tcase, faults_are_met);
    suite_add_tcase(suite, tcase);
    return suite_main(suite);
}
