/*
 * graph_test.c - who awaits whom.
 */
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include "tests/support/faults.h"
#include "tests/support/sim.h"
#include "tests/support/suite.h"

/* What is called last in a function would else be jumped to, and the function missing. */
#define CALL(expression)                     \
    do {                                     \
        int call_rc = (expression);          \
        __asm__ volatile("" : : : "memory"); \
        return call_rc;                      \
    } while (0)

static weft_future *gate; /* what the innermost ones wait for */

static void open_gate(void)
{
    gate = weft_create_future();
    ck_assert_ptr_nonnull(gate);
}

COROUTINE(await_gate)
{
    CALL(weft_await(gate, NULL));
}

static weft_task *start(weft_coroutine fn, void *arg, const char *name)
{
    weft_task *task = weft_create_task(fn, arg, &(weft_task_options){.name = name});
    ck_assert_ptr_nonnull(task);
    return task;
}

static weft_call_graph *capture(weft_future *future)
{
    weft_call_graph *graph = NULL;
    ck_assert_int_eq(weft_capture_call_graph(future, 0, &graph), 0);
    ck_assert_ptr_nonnull(graph);
    ck_assert_ptr_eq(graph->future, future);
    return graph;
}

/* The graph's part of the future, among those that await it directly; or NULL. */
static weft_call_graph *among(const weft_call_graph *graph, const weft_future *future)
{
    for (size_t i = 0; i < graph->awaited_by_count; i++) {
        if (graph->awaited_by[i]->future == future)
            return graph->awaited_by[i];
    }
    return NULL;
}

static bool calls_have(const weft_call_graph *graph, uintptr_t function)
{
    for (int i = 0; i < graph->call_stack_count; i++) {
        if ((uintptr_t)graph->call_stack[i] >= function &&
            (uintptr_t)graph->call_stack[i] < function + 2048)
            return true;
    }
    return false;
}

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

static weft_task *child;

COROUTINE(await_child)
{
    CALL(weft_await(child, NULL));
}

COROUTINE(gather_child)
{
    CALL(weft_join(weft_gather(&child, 1, 0), NULL));
}

COROUTINE(shield_child)
{
    CALL(weft_join(weft_shield(child), NULL));
}

COROUTINE(wait_for_child)
{
    weft_future *both[] = {gate, child};
    CALL(weft_wait(both, 2, WEFT_FOREVER, WEFT_ALL_COMPLETED, NULL));
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

static weft_task *turn_in_circle[2];

COROUTINE(await_the_other)
{
    return weft_await(turn_in_circle[*(int *)arg], NULL);
}

static char *text;
static size_t text_bytes;

static FILE *text_open(void)
{
    FILE *file = open_memstream(&text, &text_bytes);
    ck_assert_ptr_nonnull(file);
    return file;
}

static void text_close(FILE *file)
{
    ck_assert_int_eq(fclose(file), 0);
}

static void text_drop(void)
{
    free(text);
    text = NULL;
}

static int count_in(const char *what)
{
    int count = 0;
    for (const char *at = text; (at = strstr(at, what)); at++)
        count++;
    return count;
}

/* Tasks that await each other in a circle are captured and printed once each. */
START_SIM(circles_end)
{
    int zero = 0, one = 1;
    turn_in_circle[0] = start(await_the_other, &one, "zero");
    turn_in_circle[1] = start(await_the_other, &zero, "one");
    sim_pass(2);
    weft_call_graph *graph = capture(turn_in_circle[0]);
    weft_call_graph *other = among(graph, turn_in_circle[1]);
    ck_assert_ptr_nonnull(other);
    ck_assert_ptr_eq(among(other, turn_in_circle[0]), graph);
    weft_call_graph_free(graph);
    FILE *file = text_open();
    ck_assert_int_eq(weft_print_tasks(NULL, file), 0);
    ck_assert_int_eq(weft_print_call_graph(turn_in_circle[0], file), 0);
    text_close(file);
    ck_assert_ptr_nonnull(strstr(text, "a circle of tasks"));
    ck_assert_int_eq(count_in("name='zero'"), 2);
    ck_assert_int_eq(count_in("name='one'"), 2);
    ck_assert_int_eq(count_in("see above"), 2);
    text_drop();
    weft_cancel(turn_in_circle[0]);
    while (!weft_done(turn_in_circle[0]) || !weft_done(turn_in_circle[1]))
        sim_pass(1);
    weft_unref(turn_in_circle[0]);
    weft_unref(turn_in_circle[1]);
    return 0;
}

/* ---- texts ---- */

/* The text of a graph has a block for each, with name and identity, those that await it below it
 * (GRPH-07). */
START_SIM(a_graph_as_text)
{
    char id[32];
    open_gate();
    child = start(await_gate, NULL, "child");
    weft_task *waiter = start(await_child, NULL, "waiter");
    sim_pass(2);
    FILE *file = text_open();
    ck_assert_int_eq(weft_print_call_graph(child, file), 0);
    text_close(file);
    const char *first = strstr(text, "* <Task pending name='child'"),
               *second = strstr(text, "    * <Task pending name='waiter'"),
               *between = strstr(text, "  + Awaited by:");
    ck_assert_ptr_eq(first, text);
    ck_assert(first < between && between < second);
    ck_assert_int_eq(count_in("+ Call stack:"), 2);
    snprintf(id, sizeof(id), "id=%p", (void *)waiter);
    ck_assert_int_eq(count_in(id), 1);
    text_drop();

    file = text_open();
    ck_assert_int_eq(weft_print_call_graph(NULL, file), 0); /* one's own */
    text_close(file);
    ck_assert_int_eq(count_in("* <Task"), 1);
    text_drop();
    weft_future_set_result(gate, NULL);
    ck_assert_int_eq(weft_join(waiter, NULL), 0);
    weft_unref(child);
    weft_unref(gate);
    return 0;
}

/* All tasks of a loop as a tree: each below who awaits it, with what it waits for; one that several
 * await says so. */
START_SIM(all_tasks_as_text)
{
    open_gate();
    child = start(await_gate, NULL, "child");
    weft_task *first = start(await_child, NULL, "first"),
              *second = start(wait_for_child, NULL, "second");
    sim_pass(2);
    FILE *file = text_open();
    ck_assert_int_eq(weft_print_tasks(NULL, file), 0);
    text_close(file);
    const char *parent = strstr(text, "\n* <Task pending name='first'"),
               *below = strstr(text, "\n    * <Task pending name='child'");
    ck_assert_ptr_nonnull(parent);
    ck_assert_ptr_nonnull(below);
    ck_assert(parent < below);
    ck_assert_int_eq(count_in("name='child'"), 1);
    ck_assert_int_eq(count_in("name='second'"), 1);
    ck_assert_int_eq(count_in("+ Also awaited by: id="), 1);
    ck_assert_ptr_nonnull(strstr(text, "wait_for=<future "));
    ck_assert_ptr_nonnull(strstr(text, "wait_for=<wait "));
    text_drop();
    weft_future_set_result(gate, NULL);
    ck_assert_int_eq(weft_join(first, NULL), 0);
    ck_assert_int_eq(weft_join(second, NULL), 0);
    weft_unref(child);
    weft_unref(gate);
    return 0;
}

/* How many lines are about a task: in one go, as the text is long. */
static int count_tasks(void)
{
    static const char begin[] = "* <Task";
    size_t matched = 0;
    int count = 0;
    for (size_t i = 0; i < text_bytes; i++) {
        matched = text[i] == begin[matched] ? matched + 1 : text[i] == begin[0];
        if (matched == sizeof(begin) - 1) {
            count++;
            matched = 0;
        }
    }
    return count;
}

static weft_task *line;

COROUTINE(await_line)
{
    CALL(weft_await(arg, NULL));
}

/* However long a line of tasks is, looking at it needs no more of the stack. */
START_SIM(long_lines)
{
    enum { LENGTH = 3000 };
    static weft_task *tasks[LENGTH];
    open_gate();
    line = gate;
    for (int i = 0; i < LENGTH; i++)
        line = tasks[i] = weft_create_task(await_line, line, NULL);
    sim_pass(2);
    FILE *file = text_open();
    ck_assert_int_eq(weft_print_tasks(NULL, file), 0);
    ck_assert_int_eq(weft_print_call_graph(gate, file), 0);
    text_close(file);
    ck_assert_int_eq(count_tasks(), 2 * LENGTH + 1); /* and this one */
    text_drop();
    weft_future_set_result(gate, NULL);
    for (int i = LENGTH - 1; i >= 0; i--) /* each is awaited by the next one */
        ck_assert_int_eq(weft_join(tasks[i], NULL), 0);
    weft_unref(gate);
    return 0;
}

/* ---- other loops ---- */

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
    tcase_add_test(tcase, circles_end);
    tcase_add_test(tcase, a_graph_as_text);
    tcase_add_test(tcase, all_tasks_as_text);
    tcase_add_test(tcase, long_lines);
    tcase_add_test(tcase, tasks_of_running_loops_are_asked_for);
    tcase_add_test(tcase, tasks_ask_other_loops);
    tcase_add_test(tcase, faults_are_met);
    suite_add_tcase(suite, tcase);
    return suite_main(suite);
}
