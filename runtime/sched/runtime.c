/*
 * runtime.c - spawned tasks find a loop: the maker's ring, the overflow list, and loops that steal.
 *
 *     weft_spawn --> own ring --full: older half--> overflow list
 *                       |                               |
 *                  own loop, thieves                  any loop
 *
 * A spawned task is taken one at a time, just before its first step, so that what a loop has not
 * begun stays there for others. Taking binds it (birth.h): from then on it is this loop's for good.
 */
#include "runtime/sched/runtime.h"

#include "runtime/base/likely.h"
#include "runtime/sched/future_ops.h"
#include "runtime/sched/scheduler.h"
#include "runtime/sched/task_ops.h"

/* How many a loop takes from the overflow list into its ring at once. */
#define OVERFLOW_BATCH 64u

void wf_runtime_init(struct runtime *runtime, unsigned loops_max)
{
    memset(runtime, 0, sizeof(*runtime));
    runtime->loops_max = loops_max;
    idle_init(&runtime->idle);
    overflow_init(&runtime->overflow);
    pool_home_init(&runtime->pool_home);
}

void wf_runtime_join(struct runtime *runtime, struct weft_loop *loop, unsigned index)
{
    loop->runtime = runtime;
    loop->index = index;
    if (atomic_load_explicit(&loop->pool_home.ops, memory_order_relaxed)) /* ours alone */
        pool_home_move(&runtime->pool_home, &loop->pool_home);
    /* Release, with the acquire of thieves: they see a whole loop. */
    atomic_store_explicit(&runtime->loops[index], loop, memory_order_release);
}

static struct weft_loop *runtime_loop(const struct runtime *runtime, unsigned index)
{
    return atomic_load_explicit(&runtime->loops[index], memory_order_acquire);
}

/* Work was published: wakes one sleeping loop for it, or starts one that does not exist yet. */
static void runtime_call_for_help(struct runtime *runtime)
{
    int index = idle_pick(&runtime->idle);
    if (index >= 0) {
        wf_loop_wake(runtime_loop(runtime, (unsigned)index));
        return;
    }
    unsigned started = atomic_load_explicit(&runtime->loops_started, memory_order_relaxed);
    if (unlikely(started < runtime->loops_max) && runtime->start_loop)
        runtime->start_loop(runtime, started);
}

void wf_runtime_spawn(struct weft_loop *loop, struct runnable *task)
{
    struct runtime *runtime = loop->runtime;

    task->next = NULL;
    if (unlikely(!ring_push(&loop->ring, task))) {
        struct runnable *first, *last;
        if (ring_take_half(&loop->ring, &first, &last))
            (void)overflow_push(&runtime->overflow, first, last); /* open while loops run */
        if (!ring_push(&loop->ring, task))
            (void)overflow_push(&runtime->overflow, task, task);
    }
    ring_announce(&loop->ring);
    runtime_call_for_help(runtime);
}

/* The task becomes this loop's. Its mail is handled first. */
static struct runnable *runtime_bind(struct weft_loop *loop, struct runnable *r)
{
    struct task *task = container_of(r, struct task, future.entry);

    task->future.life = loop_life(loop);
    /* Release, with the acquire in future_loop(). */
    atomic_store_explicit(&task->future.loop, loop, memory_order_release);
    task_enlist(loop, task);
    struct runnable *mail = birth_bind(&task->birth, loop);
    while (unlikely(mail != NULL)) {
        struct runnable *next = mail->next;
        mail->run(mail, loop);
        mail = next;
    }
    if (unlikely(atomic_load_explicit(&loop->runtime->closing, memory_order_relaxed)))
        task->must_cancel = true;
    return r;
}

/* From the overflow list into this loop's ring, one of them to be run at once. */
static struct runnable *runtime_take_overflow(struct weft_loop *loop)
{
    struct runtime *runtime = loop->runtime;
    struct runnable *chain;
    bool left = false;

    if (!overflow_has_work(&runtime->overflow) ||
        !overflow_take(&runtime->overflow, OVERFLOW_BATCH, &chain, &left))
        return NULL;
    struct runnable *first = chain;
    chain = chain->next;
    bool shared = left || chain;
    while (chain) {
        struct runnable *next = chain->next;
        chain->next = NULL;
        if (!ring_push(&loop->ring, chain))
            (void)overflow_push(&runtime->overflow, chain, chain);
        chain = next;
    }
    if (shared) {
        ring_announce(&loop->ring);
        runtime_call_for_help(runtime);
    }
    return first;
}

struct runnable *wf_runtime_next_spawned(struct weft_loop *loop)
{
    if (wf_runtime_is_single(loop))
        return NULL;
    struct runnable *r = ring_pop(&loop->ring);
    if (!r)
        r = runtime_take_overflow(loop);
    return r ? runtime_bind(loop, r) : NULL;
}

static struct runnable *runtime_steal(struct weft_loop *loop)
{
    struct runtime *runtime = loop->runtime;
    unsigned count = atomic_load_explicit(&runtime->loops_started, memory_order_acquire);

    for (unsigned i = 1; i < count; i++) {
        struct weft_loop *victim = runtime_loop(runtime, (loop->index + i) % count);
        struct runnable *r = victim ? ring_steal(&victim->ring, &loop->ring) : NULL;
        if (r) {
            loop->stolen++;
            return r;
        }
    }
    return NULL;
}

struct runnable *wf_runtime_find_work(struct weft_loop *loop)
{
    if (wf_runtime_is_single(loop))
        return NULL;
    struct runnable *r = wf_runtime_next_spawned(loop);
    if (r)
        return r;
    bool searcher = loop->searcher || idle_begin_search(&loop->runtime->idle);
    loop->searcher = false;
    r = runtime_steal(loop);
    if (r)
        ring_announce(&loop->ring); /* what was stolen along with it can be stolen again */
    /* A thief without the token keeps tasks too, for which somebody may have to be woken. */
    if (searcher ? idle_end_search(&loop->runtime->idle, r != NULL) : r != NULL)
        runtime_call_for_help(loop->runtime);
    return r ? runtime_bind(loop, r) : NULL;
}

bool wf_runtime_has_work(const struct weft_loop *loop)
{
    if (wf_runtime_is_single(loop))
        return false;
    const struct runtime *runtime = loop->runtime;
    if (overflow_has_work(&runtime->overflow))
        return true;
    unsigned count = atomic_load_explicit(&runtime->loops_started, memory_order_relaxed);
    for (unsigned i = 0; i < count; i++) {
        const struct weft_loop *other = runtime_loop(runtime, i);
        if (other && ring_length(&other->ring))
            return true;
    }
    return false;
}

void wf_runtime_idle_enter(struct weft_loop *loop)
{
    if (!wf_runtime_is_single(loop))
        idle_enter(&loop->runtime->idle, loop->index);
}

bool wf_runtime_recheck(const struct weft_loop *loop)
{
    if (wf_runtime_is_single(loop))
        return false;
    const struct runtime *runtime = loop->runtime;
    if (overflow_recheck(&runtime->overflow))
        return true;
    /* Sequentially consistent, with the store when a loop is started: its ring is not missed. */
    unsigned count = atomic_load_explicit(&runtime->loops_started, memory_order_seq_cst);
    for (unsigned i = 0; i < count; i++) {
        const struct weft_loop *other = runtime_loop(runtime, i);
        if (other && ring_recheck(&other->ring))
            return true;
    }
    return false;
}

void wf_runtime_idle_leave(struct weft_loop *loop)
{
    if (!wf_runtime_is_single(loop) && idle_leave(&loop->runtime->idle, loop->index))
        loop->searcher = true; /* it was picked: it has the token, and searches (S4 of idle.h) */
}

void wf_runtime_pass_search(struct weft_loop *loop)
{
    if (loop->searcher) {
        loop->searcher = false;
        if (idle_end_search(&loop->runtime->idle, true))
            runtime_call_for_help(loop->runtime);
    }
}

/* A task that will not begin. */
static void runtime_end(struct weft_loop *loop, struct runnable *r)
{
    runtime_bind(loop, r);
    container_of(r, struct task, future.entry)->must_cancel = true;
    wf_task_start(r, loop);
}

void wf_runtime_end_unowned(struct runtime *runtime, struct weft_loop *loop)
{
    struct weft_loop *outer = loop_current();
    wf_loop_running = loop; /* the closing thread stands in for the loop's */
    for (unsigned i = 0; i < runtime->loops_max; i++) {
        struct weft_loop *other = runtime_loop(runtime, i);
        struct runnable *r;
        while (other && (r = ring_pop(&other->ring)))
            runtime_end(loop, r);
    }
    struct runnable *r = overflow_close(&runtime->overflow);
    while (r) {
        struct runnable *next = r->next;
        runtime_end(loop, r);
        r = next;
    }
    wf_loop_running = outer;
}
