/*
 * graph.h - a graph of futures and those that await them, while it is captured and printed.
 *
 *     list: root(s) -> ... -> newest           in the order in which they were found
 *                ^ filled up to here
 *
 * R1  Each future is in the graph once, and kept alive by it.
 * R2  A node is filled on the thread of its future's loop, or by who has that. Filling adds nodes,
 *     whose turn comes later, on the threads of theirs.
 * R3  Between two turns the graph belongs to who captures it, in one it belongs to the filler.
 */
#ifndef WEFT_API_GRAPH_H
#define WEFT_API_GRAPH_H

#include <weft/graph.h>

#include "runtime/sched/loop.h"

struct node {
    weft_call_graph part; /* first */
    struct graph *graph;
    struct node *next;  /* in the list */
    struct node *chain; /* in the table */
    size_t awaited_by_room;
    bool filled;
    bool printed;
    char text[200];     /* what it is, as weft_future_format() has it */
    struct node *above; /* printing: where the walk came from */
    struct node *below; /* the first of those that it awaits, ... */
    struct node *last_below;
    struct node *beside; /* ... and the next of them */
    size_t at;           /* the awaiters that the walk has been to */
};

struct graph {
    struct node *first, *last;
    size_t count;
    struct node **table; /* by future */
    size_t table_size;   /* a power of two, or 0 */
    const void *frame;   /* the caller's, of the running task */
    int depth;
    bool failed; /* no memory */
};

/* Empty. NULL: no memory. */
struct graph *wf_graph_new(const void *frame, int depth);
void wf_graph_free(struct graph *graph); /* NULL is allowed */

/* The future's node, made if need be; NULL: no memory. The caller keeps the future alive meanwhile. */
struct node *wf_graph_node(struct graph *graph, struct weft_future *future);

/* Fills all nodes, also those that are found by it. 0, -ENOMEM, or WEFT_ECANCELLED. */
int wf_graph_fill(struct graph *graph);

/* As weft_capture_call_graph(): a whole graph, with the future first; NULL if there is no task. */
int wf_graph_capture(weft_future *future, int depth, const void *frame, struct graph **ret_graph);

#endif
