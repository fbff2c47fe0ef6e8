/*
 * runtime.h - the loops that work together: spawned tasks move among them before their first step.
 *
 * Built from ring.h, overflow.h and idle.h, whose rules hold here. A loop made by
 * weft_new_event_loop() has none until a runner takes it in.
 */
#ifndef WEFT_RUNTIME_SCHED_RUNTIME_H
#define WEFT_RUNTIME_SCHED_RUNTIME_H

#include "runtime/sched/idle.h"
#include "runtime/sched/loop.h"
#include "runtime/sched/overflow.h"

#define RUNTIME_LOOPS_MAX 64

struct runtime {
    unsigned loops_max;
    _Atomic unsigned
        loops_started; /* loops[i] exists and has a thread (0: the runner's); under lock */
    _Atomic(struct weft_loop *)
        loops[RUNTIME_LOOPS_MAX]; /* written once each, under lock; read by anybody */
    alignas(CACHE_LINE) struct idle idle;
    alignas(CACHE_LINE) struct overflow overflow;
    _Atomic bool closing; /* set by the runner: tasks that begin now are cancelled */
    struct pool_home pool_home;
    /* Makes and starts the loop with this index; called by a loop with more work than it can do. */
    void (*start_loop)(struct runtime *runtime, unsigned index);
};

void wf_runtime_init(struct runtime *runtime, unsigned loops_max);

/* Makes loop number index a part of the runtime; its pools become the runtime's. Before the loop
 * runs. */
void wf_runtime_join(struct runtime *runtime, struct weft_loop *loop, unsigned index);

/* Whether nobody could steal from this loop. */
static inline bool wf_runtime_is_single(const struct weft_loop *loop)
{
    return !loop->runtime || loop->runtime->loops_max == 1;
}

/* Queues a new task that any loop may take, and sees to it that one does. On the loop's thread. */
void wf_runtime_spawn(struct weft_loop *loop, struct runnable *task);

/* A spawned task of this loop's ring or the overflow list, taken in; NULL if there is none. */
struct runnable *wf_runtime_next_spawned(struct weft_loop *loop);

/* As above, and looks into the other loops' rings. */
struct runnable *wf_runtime_find_work(struct weft_loop *loop);

/* A poll for wf_runtime_find_work(), which may be late. */
bool wf_runtime_has_work(const struct weft_loop *loop);

/* Around a sleep: see idle.h. */
void wf_runtime_idle_enter(struct weft_loop *loop);
bool wf_runtime_recheck(const struct weft_loop *loop);
void wf_runtime_idle_leave(struct weft_loop *loop);

/* The loop has other work now: an order to search that it was given goes to another loop. */
void wf_runtime_pass_search(struct weft_loop *loop);

/* All loops have stopped: tasks that none has taken become this loop's, and end as cancelled. */
void wf_runtime_end_unowned(struct runtime *runtime, struct weft_loop *loop);

/* Where the pools of the loop's runtime are, or of the lone loop. Any thread. */
static inline struct pool_home *wf_loop_pool_home(struct weft_loop *loop)
{
    return loop->runtime ? &loop->runtime->pool_home : &loop->pool_home;
}

#endif
