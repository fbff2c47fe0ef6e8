/*
 * graph_text_test.c - who awaits whom, as text.
 */
#include "tests/api/graphs.h"
#include "tests/support/suite.h"

static weft_task *turn_in_circle[2];

COROUTINE(await_the_other)
{
    return weft_await(turn_in_circle[*(int *)arg], NULL);
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

int main(void)
{
    Suite *suite = suite_create("graph, text");
    TCase *tcase = tcase_create("graph");

    tcase_add_test(tcase, circles_end);
    tcase_add_test(tcase, a_graph_as_text);
    tcase_add_test(tcase, all_tasks_as_text);
    tcase_add_test(tcase, long_lines);
    suite_add_tcase(suite, tcase);
    return suite_main(suite);
}
