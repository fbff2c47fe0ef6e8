/*
 * weft/graph.h - who awaits whom: for people, who want to know what a program waits for.
 *
 * Nothing of it costs anything before it is asked for: what is shown is what the waits themselves
 * know. A task awaits a future directly, by weft_wait(), or as the parent of a task group; gather and
 * shield are futures of their own, which await their children.
 */
#ifndef WEFT_GRAPH_H
#define WEFT_GRAPH_H

#include <stdio.h>

#include <weft/base.h>

WEFT_BEGIN

/*
 * A future or task, its calls, and those that await it, each with the same. A future that is awaited
 * by several ways is there once, so in a circle of tasks the way upwards comes round.
 */
typedef struct weft_call_graph {
    weft_future *future; /* kept alive by the graph */
    void **call_stack;   /* return addresses of a task's calls, the innermost first */
    int call_stack_count;
    struct weft_call_graph **awaited_by;
    size_t awaited_by_count;
} weft_call_graph;

/**
 * weft_capture_call_graph - what a future or task is doing, and who awaits it
 * @future:    of any loop, or of none; NULL: the running task
 * @depth:     so many innermost calls of the running task are left out; 0 begins with the caller
 * @ret_graph: to be given back with weft_call_graph_free(); NULL for NULL outside a task
 *
 * Tasks of loops that other threads run are asked for, one loop after the other: what they do may
 * change meanwhile, and a loop that is stuck does not answer.
 *
 * Context:      any thread; for NULL a loop
 * Cancellation: while it waits for another loop
 * Return:       0; WEFT_ENOLOOP for NULL outside a loop; -EINVAL; -ENOMEM; WEFT_ECANCELLED
 * asyncio:      capture_call_graph(future, depth=...)
 */
WEFT_API int weft_capture_call_graph(weft_future *future, int depth, weft_call_graph **ret_graph);

/* Gives it back, and all that it leads to. NULL is allowed. */
WEFT_API void weft_call_graph_free(weft_call_graph *graph);

/**
 * weft_print_call_graph - the same as text: a block for each future, indented below what it awaits
 * @future: as above
 * @file:   NULL: standard output
 *
 * Writes nothing if there is no task.
 *
 * Context:      as above
 * Cancellation: as above
 * Return:       as above
 * asyncio:      print_call_graph(future, file=...)
 */
WEFT_API int weft_print_call_graph(weft_future *future, FILE *file);

/**
 * weft_print_tasks - all unfinished tasks of a loop as a tree: each below the one that awaits it
 * @loop: NULL: the running one
 * @file: NULL: standard output
 *
 * Each with its name, what it waits for, its calls, and who else awaits it. Tasks of other loops that
 * await them are shown too.
 *
 * Context:      any thread; for NULL a loop
 * Cancellation: while it waits for another loop
 * Return:       0; WEFT_ENOLOOP; -ENOMEM; WEFT_ECANCELLED
 * asyncio:      python -m asyncio pstree, for a loop of one's own
 */
WEFT_API int weft_print_tasks(weft_loop *loop, FILE *file);

/**
 * weft_future_add_to_awaited_by - say that a future is awaited by another, in a way of one's own
 * @future: borrowed
 * @waiter: a reference is kept until @future is done, or the edge is taken back
 *
 * Does nothing for NULL, or once @future is done.
 *
 * Context: any thread
 * Return:  0; -ENOMEM; WEFT_ELOOPCLOSED
 * asyncio: future_add_to_awaited_by(future, waiter)
 */
WEFT_API int weft_future_add_to_awaited_by(weft_future *future, weft_future *waiter);

/* Takes the edge back; of others nothing is changed. On the future's loop, or while that is not run.
 * 0. asyncio: future_discard_from_awaited_by() */
WEFT_API int weft_future_discard_from_awaited_by(weft_future *future, weft_future *waiter);

WEFT_END

#endif
