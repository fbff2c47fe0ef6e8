/*
 * graph_print.c - who awaits whom, as text.
 *
 * Both texts are walks through the graph, each node once, indented by a step for each edge. They keep
 * the way back in the nodes, so that the longest line of tasks needs no more stack than a short one.
 */
#include <errno.h>
#include <execinfo.h>
#include <stdlib.h>

#include <weft/task.h>

#include "api/graph.h"

#define INDENT     4
#define INDENT_MAX 40 /* steps: what is deeper goes no further to the right */

static int margin(int steps)
{
    return INDENT * (steps < INDENT_MAX ? steps : INDENT_MAX);
}

static void print_node(FILE *file, const struct node *node, int steps)
{
    const weft_call_graph *part = &node->part;
    char **symbols =
        part->call_stack_count ? backtrace_symbols(part->call_stack, part->call_stack_count) : NULL;

    fprintf(file, "%*s* %s id=%p\n", margin(steps), "", node->text, (void *)part->future);
    if (part->call_stack_count)
        fprintf(file, "%*s  + Call stack:\n", margin(steps), "");
    for (int i = 0; i < part->call_stack_count; i++)
        fprintf(file, "%*s  |   %s\n", margin(steps), "", symbols ? symbols[i] : "?");
    free(symbols);
}

static struct node *node_of(weft_call_graph *part)
{
    return (struct node *)(void *)part;
}

/* A node that the walk has met before. */
static void print_again(FILE *file, const struct node *node, int steps)
{
    fprintf(file, "%*s* id=%p, see above\n", margin(steps), "", (void *)node->part.future);
}

/* Each node, and below it those that await it. */
static void print_awaiters(FILE *file, struct node *root)
{
    struct node *node = root;
    int steps = 0;

    node->printed = true;
    print_node(file, node, 0);
    for (;;) {
        if (node->at == node->part.awaited_by_count) {
            if (node == root)
                return;
            node = node->above;
            steps--;
            continue;
        }
        struct node *next = node_of(node->part.awaited_by[node->at++]);
        if (node->at == 1)
            fprintf(file, "%*s  + Awaited by:\n", margin(steps), "");
        if (next->printed) {
            print_again(file, next, steps + 1);
            continue;
        }
        next->printed = true;
        next->above = node;
        node = next;
        steps++;
        print_node(file, node, steps);
    }
}

int weft_print_call_graph(weft_future *future, FILE *file)
{
    struct graph *graph = NULL;
    int rc = wf_graph_capture(future, 0, __builtin_frame_address(0), &graph);

    if (rc || !graph)
        return rc;
    flockfile(file ? file : stdout); /* one text, whoever else writes */
    print_awaiters(file ? file : stdout, graph->first);
    funlockfile(file ? file : stdout);
    wf_graph_free(graph);
    return 0;
}

/* Each node is put below the first of those that await it, in the order in which they were found. */
static void plant(struct graph *graph)
{
    for (struct node *node = graph->first; node; node = node->next) {
        if (!node->part.awaited_by_count)
            continue;
        struct node *above = node_of(node->part.awaited_by[0]), **last = &above->below;
        if (above->last_below)
            last = &above->last_below->beside;
        *last = node;
        above->last_below = node;
        node->above = above;
    }
}

static void print_others(FILE *file, const struct node *node, int steps)
{
    if (node->part.awaited_by_count < 2)
        return;
    fprintf(file, "%*s  + Also awaited by:", margin(steps), "");
    for (size_t i = 1; i < node->part.awaited_by_count; i++)
        fprintf(file, " id=%p", (void *)node->part.awaited_by[i]->future);
    fputc('\n', file);
}

/* The next of those that a node awaits which was not met before. */
static struct node *next_below(FILE *file, struct node *next, int steps)
{
    for (; next && next->printed; next = next->beside)
        print_again(file, next, steps);
    return next;
}

/* A node, and below it what it awaits. */
static void print_awaited(FILE *file, struct node *root)
{
    struct node *node = root;
    int steps = 0;

    while (node) {
        node->printed = true;
        print_node(file, node, steps);
        print_others(file, node, steps);
        struct node *next = next_below(file, node->below, ++steps);
        while (!next && node != root) {
            next = next_below(file, node->beside, --steps);
            node = node->above;
        }
        node = next;
    }
}

static void print_forest(FILE *file, struct graph *graph)
{
    plant(graph);
    for (struct node *node = graph->first; node; node = node->next) {
        if (!node->part.awaited_by_count)
            print_awaited(file, node);
    }
    for (struct node *node = graph->first; node; node = node->next) {
        if (!node->printed) { /* nobody outside awaits any of them */
            fputs("* a circle of tasks that await each other:\n", file);
            print_awaited(file, node);
        }
    }
}

int weft_print_tasks(weft_loop *loop, FILE *file)
{
    weft_task **tasks = NULL;
    long count = weft_all_tasks(loop, &tasks);

    if (count < 0)
        return (int)count;
    struct graph *graph = wf_graph_new(__builtin_frame_address(0), 0);
    int rc = graph ? 0 : -ENOMEM;
    for (long i = 0; i < count && !rc; i++)
        rc = wf_graph_node(graph, tasks[i]) ? 0 : -ENOMEM;
    weft_task_list_free(tasks, count);
    if (!rc)
        rc = wf_graph_fill(graph);
    if (!rc) {
        flockfile(file ? file : stdout);
        print_forest(file ? file : stdout, graph);
        funlockfile(file ? file : stdout);
    }
    wf_graph_free(graph);
    return rc;
}
