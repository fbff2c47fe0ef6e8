/*
 * debug.c - debug mode: each step is timed, and what is made records where.
 *
 * The quick ways know nothing of it. A turn is split into its steps: the ready queue says after each
 * that the turn is over (while split_end has its real end), so whoever suspends or ends goes back to
 * the loop's own flow, which takes the next step here. And the free lists of blocks are empty, so
 * that whoever makes a task or a future takes the slow way, which asks (trace.h).
 */
#include "runtime/sched/debug.h"

#include <errno.h>
#include <execinfo.h>
#include <stdio.h>
#include <stdlib.h>

#include "runtime/base/likely.h"
#include "runtime/sched/callback.h"
#include "runtime/sched/future_ops.h"
#include "runtime/sched/occupy.h"
#include "runtime/sched/report.h"
#include "runtime/sched/scheduler.h"
#include "runtime/sched/task_ops.h"

#define SLOW_STEP_NS INT64_C(100000000)

/* What the loop does about the wish. On its thread, or by who has it. */
static void debug_sync(struct weft_loop *loop)
{
    bool on = loop_is_debug(loop);

    if (on != loop->tracing) {
        loop->tracing = on;
        block_cache_bypass(&loop->blocks, BLOCK_SMALL, on);
        block_cache_bypass(&loop->blocks, BLOCK_TASK, on);
    }
}

/* The rest of the turn, if it is not yet. */
static void debug_split(struct weft_loop *loop)
{
    if (!ready_turn_is_over(&loop->ready)) {
        loop->split_end = loop->ready.turn_end;
        ready_end_turn(&loop->ready);
    }
    loop_attend(loop);
}

void wf_debug_init(struct weft_loop *loop, bool on)
{
    atomic_store_explicit(&loop->debug, on, memory_order_relaxed);
    loop->tracing = false;
    loop->split_end = 0;
    loop->slow_step_ns = SLOW_STEP_NS;
    debug_sync(loop);
}

void wf_debug_turn(struct weft_loop *loop)
{
    debug_sync(loop);
    if (loop->tracing)
        debug_split(loop);
}

/* What takes a step, kept for a report about it. */
struct stepper {
    weft_future *task;   /* a reference */
    weft_handle *handle; /* a reference */
    weft_done_callback callback;
};

static void stepper_begin(struct stepper *stepper, struct runnable *r)
{
    *stepper =
        (struct stepper){.handle = weft_handle_ref(wf_handle_of(r)), .callback = wf_callback_fn(r)};
    if (r->run == wf_task_step || r->run == wf_task_start)
        stepper->task = weft_ref(&container_of(r, struct task, future.entry)->future);
}

/* One warning for a step that took too long (DBG-05). */
static void stepper_warn(struct weft_loop *loop, const struct stepper *stepper, int64_t took_ns)
{
    char text[256];
    double seconds = clock_seconds(took_ns);

    if (stepper->task) {
        snprintf(text, sizeof(text), "Executing task %s took %.3f seconds",
                 wf_task_owner_name(task_of(stepper->task)), seconds);
    } else {
        void *fn = stepper->handle ? (void *)(uintptr_t)wf_handle_fn(stepper->handle)
                                   : (void *)(uintptr_t)stepper->callback;
        char **symbols = backtrace_symbols(&fn, 1);
        snprintf(text, sizeof(text), "Executing callback %p took %.3f seconds: %s", fn, seconds,
                 symbols ? symbols[0] : "");
        free(symbols);
    }
    wf_report(loop, text, 0, NULL, stepper->task, stepper->handle);
}

static void stepper_end(const struct stepper *stepper)
{
    weft_unref(stepper->task);
    weft_handle_unref(stepper->handle);
}

void wf_debug_step(struct weft_loop *loop)
{
    struct ready *ready = &loop->ready;
    struct runnable *r = ready_take(ready);
    struct stepper stepper;

    ready_end_turn(ready);
    uint64_t end = ready->turn_end;
    stepper_begin(&stepper, r);
    int64_t begun_ns = loop_now_ns(loop);
    r->run(r, loop);
    int64_t took_ns = loop_now_ns(loop) - begun_ns;
    loop->split_end += ready->turn_end - end; /* what it stood for */
    ready_end_turn(ready);
    if (loop_is_debug(loop) && took_ns >= loop->slow_step_ns &&
        (stepper.task || stepper.handle || stepper.callback))
        stepper_warn(loop, &stepper, took_ns);
    stepper_end(&stepper);
}

int weft_loop_set_debug(weft_loop *loop, int on)
{
    struct loop_visit visit;

    if (!loop)
        return -EINVAL;
    atomic_store_explicit(&loop->debug, on != 0, memory_order_relaxed);
    if (wf_loop_enter(loop, &visit)) { /* else the loop sees it between two turns */
        debug_sync(loop);
        if (loop->tracing)
            debug_split(loop);
        wf_loop_leave(loop, &visit);
    }
    return 0;
}

int weft_loop_get_debug(const weft_loop *loop)
{
    return loop && loop_is_debug(loop);
}

int weft_loop_set_slow_callback_duration(weft_loop *loop, double seconds)
{
    if (!loop || !(seconds >= 0))
        return -EINVAL;
    loop->slow_step_ns = clock_ns(seconds);
    return 0;
}

double weft_loop_get_slow_callback_duration(const weft_loop *loop)
{
    return loop ? clock_seconds(loop->slow_step_ns) : (double)NAN;
}
