/*
 * graph.c - who awaits whom, captured.
 */
#include "api/graph.h"

#include <errno.h>

#include "runtime/base/likely.h"
#include "runtime/base/mem.h"
#include "runtime/sched/awaiters.h"
#include "runtime/sched/occupy.h"
#include "runtime/task/unwind.h"

#define FRAMES_MAX 64
#define TABLE_MIN  16u

/* ---- nodes ---- */

struct graph *wf_graph_new(const void *frame, int depth)
{
    struct graph *graph = mem_alloc(sizeof(*graph));
    if (graph)
        *graph = (struct graph){.frame = frame, .depth = depth};
    return graph;
}

static size_t frames_bytes(const struct node *node)
{
    return (size_t)node->part.call_stack_count * sizeof(void *);
}

static void node_free(struct node *node)
{
    weft_unref(node->part.future);
    if (node->part.call_stack)
        mem_free(node->part.call_stack, frames_bytes(node));
    if (node->part.awaited_by)
        mem_free(node->part.awaited_by, node->awaited_by_room * sizeof(weft_call_graph *));
    mem_free(node, sizeof(*node));
}

static void graph_fini(struct graph *graph)
{
    struct node *node = graph->first;

    while (node) {
        struct node *next = node->next;
        node_free(node);
        node = next;
    }
    if (graph->table)
        mem_free(graph->table, graph->table_size * sizeof(struct node *));
}

static struct node **table_slot(const struct graph *graph, const struct weft_future *future)
{
    uint64_t hash = (uint64_t)(uintptr_t)future * UINT64_C(0x9e3779b97f4a7c15);
    return &graph->table[(hash >> 32) & (graph->table_size - 1)];
}

static bool table_grow(struct graph *graph)
{
    size_t old_size = graph->table_size, size = old_size ? 2 * old_size : TABLE_MIN;
    struct node **old = graph->table;
    struct node **table = mem_alloc(size * sizeof(struct node *));

    if (!table)
        return false;
    memset(table, 0, size * sizeof(struct node *));
    graph->table = table;
    graph->table_size = size;
    for (struct node *node = graph->first; node; node = node->next) {
        struct node **slot = table_slot(graph, node->part.future);
        node->chain = *slot;
        *slot = node;
    }
    if (old)
        mem_free(old, old_size * sizeof(struct node *));
    return true;
}

struct node *wf_graph_node(struct graph *graph, struct weft_future *future)
{
    if (graph->count == graph->table_size && !table_grow(graph))
        return NULL;
    struct node **slot = table_slot(graph, future);
    for (struct node *node = *slot; node; node = node->chain) {
        if (node->part.future == future)
            return node;
    }
    struct node *node = mem_alloc(sizeof(*node));
    if (!node)
        return NULL;
    memset(node, 0, sizeof(*node));
    node->part.future = weft_ref(future);
    node->graph = graph;
    node->chain = *slot;
    *slot = node;
    if (graph->last)
        graph->last->next = node;
    else
        graph->first = node;
    graph->last = node;
    graph->count++;
    return node;
}

/* ---- filling ---- */

struct filling {
    struct graph *graph;
    struct node *node;
};

static bool edge_add(struct node *node, struct node *awaiter)
{
    weft_call_graph *part = &node->part;

    for (size_t i = 0; i < part->awaited_by_count; i++) {
        if (part->awaited_by[i] == &awaiter->part) /* awaited twice, as by a gather */
            return true;
    }
    if (part->awaited_by_count == node->awaited_by_room) {
        size_t room = node->awaited_by_room ? 2 * node->awaited_by_room : 4;
        weft_call_graph **more = mem_alloc(room * sizeof(*more));
        if (!more)
            return false;
        if (part->awaited_by) {
            memcpy(more, part->awaited_by, part->awaited_by_count * sizeof(*more));
            mem_free(part->awaited_by, node->awaited_by_room * sizeof(*more));
        }
        part->awaited_by = more;
        node->awaited_by_room = room;
    }
    part->awaited_by[part->awaited_by_count++] = &awaiter->part;
    return true;
}

static void awaiter_found(struct weft_future *awaiter, void *arg)
{
    const struct filling *filling = arg;
    struct node *node = wf_graph_node(filling->graph, awaiter);

    if (!node || !edge_add(filling->node, node))
        filling->graph->failed = true;
}

/* The calls of the running task, less `depth`. */
static int running_calls(const struct graph *graph, const struct task *task, void **frames)
{
    int count = wf_unwind_from(graph->frame, task->stack, frames, FRAMES_MAX);

    for (const struct stack *stack = task->stack; stack->inner && count < FRAMES_MAX;
         stack = stack->caller->stack)
        count += wf_unwind_from(stack->caller->context->registers.fp, stack->caller->stack,
                                frames + count, FRAMES_MAX - count);
    int skip = graph->depth < count ? graph->depth : count;
    memmove(frames, frames + skip, (size_t)(count - skip) * sizeof(*frames));
    return count - skip;
}

static void calls_fill(struct graph *graph, struct node *node)
{
    struct task *task = task_of(node->part.future);
    struct weft_loop *here = loop_current();
    void *frames[FRAMES_MAX];
    int count;

    if (future_is_done(&task->future) || !task->started || !task->stack)
        return;
    if (here && here->current == task)
        count = running_calls(graph, task, frames);
    else
        count = wf_unwind(&task->context, task->stack, frames, FRAMES_MAX);
    if (count <= 0)
        return;
    node->part.call_stack = mem_alloc((size_t)count * sizeof(void *));
    if (!node->part.call_stack) {
        graph->failed = true;
        return;
    }
    node->part.call_stack_count = count;
    memcpy(node->part.call_stack, frames, frames_bytes(node));
}

/* at_home: the future's loop is at hand. A spawned task that no loop has taken yet has no calls, and
 * whatever takes it meanwhile may look at the rest. */
static void node_fill(struct graph *graph, struct node *node, bool at_home)
{
    struct filling filling = {graph, node};

    node->filled = true;
    if (at_home && future_is_task(node->part.future))
        calls_fill(graph, node);
    (void)weft_future_format(node->part.future, node->text, sizeof(node->text));
    wf_awaiters_visit(node->part.future, at_home, awaiter_found, &filling);
}

/* All that can be filled where this loop is at hand (R2); NULL: what belongs to none. */
static void fill_here(struct graph *graph, struct node *from, struct weft_loop *loop)
{
    for (struct node *node = from; node && !graph->failed; node = node->next) {
        struct weft_loop *home = future_loop(node->part.future);
        if (!node->filled && (!home || home == loop))
            node_fill(graph, node, home != NULL);
    }
}

/* A question to a loop that another thread has. */
struct request {
    struct runnable mail;
    struct graph *graph;
    struct node *from;
    struct weft_future *answer; /* a reference */
};

/* Dropped, the loop is being closed, and nothing is found out about its tasks. */
static void request_run(struct runnable *r, struct weft_loop *loop)
{
    struct request *request = container_of(r, struct request, mail);

    if (loop)
        fill_here(request->graph, request->from, loop);
    else
        request->from->filled = true;
    (void)wf_future_succeed(request->answer, NULL);
    wf_future_unref(request->answer);
    mem_free(request, sizeof(*request));
}

/* The graph is in the other loop's hands until it has answered (R3): a cancellation waits. */
static int refuse_cancel(struct weft_future *future, weft_error *error)
{
    (void)future;
    (void)error;
    return 0;
}

static const struct future_ops answer_ops = {.cancel = refuse_cancel};

static int ask_loop(struct graph *graph, struct node *from, struct weft_loop *loop)
{
    struct request *request = mem_alloc(sizeof(*request));
    weft_future *answer = request ? wf_future_make(NULL) : NULL;
    struct loop_visit visit;

    if (!answer) {
        if (request)
            mem_free(request, sizeof(*request));
        return -ENOMEM;
    }
    plain_of(answer)->ops = &answer_ops;
    *request =
        (struct request){.mail.run = request_run, .graph = graph, .from = from, .answer = answer};
    wf_future_ref(answer);
    if (!wf_loop_post(loop, &request->mail))
        request_run(&request->mail, NULL);
    else if (wf_loop_enter(loop, &visit)) /* the run has ended meanwhile (Y6 of occupy.h) */
        wf_loop_leave(loop, &visit);      /* which looks for mail */
    int rc = weft_current_task() ? weft_await(answer, NULL)
                                 : weft_future_wait(answer, WEFT_FOREVER, NULL);
    weft_unref(answer);
    return rc;
}

int wf_graph_fill(struct graph *graph)
{
    for (struct node *node = graph->first; node && !graph->failed; node = node->next) {
        struct weft_loop *loop = future_loop(node->part.future);
        struct loop_visit visit;
        if (node->filled)
            continue;
        if (!loop) {
            fill_here(graph, node, NULL);
        } else if (wf_loop_enter(loop, &visit)) {
            fill_here(graph, node, loop);
            wf_loop_leave(loop, &visit);
        } else {
            int rc = ask_loop(graph, node, loop);
            if (rc)
                return rc;
        }
        node->filled = true; /* whatever has become of its loop */
    }
    return graph->failed ? -ENOMEM : 0;
}

/* ---- the public face ---- */

void wf_graph_free(struct graph *graph)
{
    if (!graph)
        return;
    graph_fini(graph);
    mem_free(graph, sizeof(*graph));
}

int wf_graph_capture(weft_future *future, int depth, const void *frame, struct graph **ret_graph)
{
    if (!future && !loop_current())
        return weft_fail(WEFT_ENOLOOP, "there is no running task, and no loop"); /* GRPH-03 */
    if (!future)
        future = weft_current_task();
    struct graph *graph = NULL;
    if (future) {
        graph = wf_graph_new(frame, depth);
        if (!graph)
            return -ENOMEM;
        int rc = wf_graph_node(graph, future) ? wf_graph_fill(graph) : -ENOMEM;
        if (rc) {
            wf_graph_free(graph);
            return rc;
        }
    }
    *ret_graph = graph;
    return 0;
}

int weft_capture_call_graph(weft_future *future, int depth, weft_call_graph **ret_graph)
{
    struct graph *graph = NULL;

    if (!ret_graph || depth < 0)
        return -EINVAL;
    int rc = wf_graph_capture(future, depth, __builtin_frame_address(0), &graph);
    if (!rc)
        *ret_graph = graph ? &graph->first->part : NULL;
    return rc;
}

void weft_call_graph_free(weft_call_graph *part)
{
    if (part)
        wf_graph_free(((struct node *)(void *)part)->graph);
}
