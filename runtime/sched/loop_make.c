/*
 * loop_make.c - a loop is made: from the memory of one that nobody uses any more, if there is one.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "runtime/sched/debug.h"
#include "runtime/sched/fork.h"
#include "runtime/sched/future_ops.h"
#include "runtime/sched/loop_life.h"
#include "runtime/sched/occupy.h"
#include "runtime/sched/runtime.h"
#include "runtime/sched/task_ops.h"
#include "runtime/task/stack_overflow.h"

#define NUMBER_BLOCK 1024u

/* The count behind Task-N, taken in ranges by the loops: any thread. */
static _Atomic uint64_t task_numbers = 1;

/* Loops that nobody uses (L3). */
static pthread_mutex_t free_lock = PTHREAD_MUTEX_INITIALIZER;
static struct weft_loop *free_loops, *used_up_loops;

/* All that were ever made (L3), for debuggers: tools/gdb/weft.py. Under free_lock. */
struct weft_loop *wf_loops_made;

void wf_loop_memory_lock(void)
{
    pthread_mutex_lock(&free_lock);
}

void wf_loop_memory_unlock(void)
{
    pthread_mutex_unlock(&free_lock);
}

void wf_loop_memory_forget(void)
{
    for (struct weft_loop *loop = free_loops; loop; loop = loop->next_free)
        atomic_store_explicit(&loop->running, LOOP_IDLE, memory_order_relaxed); /* one thread */
}

static struct weft_loop *loop_take_memory(void)
{
    pthread_mutex_lock(&free_lock);
    struct weft_loop *loop = free_loops;
    if (loop)
        free_loops = loop->next_free;
    pthread_mutex_unlock(&free_lock);
    if (loop) {
        /* Somebody may be looking at a future of its earlier life (occupy.h). */
        (void)wf_loop_occupy(loop, LOOP_TAKEN);
        return loop;
    }
    loop = mem_alloc_line(sizeof(*loop));
    if (!loop)
        return NULL;
    atomic_init(&loop->life, 0);
    atomic_init(&loop->running, LOOP_TAKEN);
    pthread_mutex_lock(&free_lock);
    loop->next_made = wf_loops_made;
    wf_loops_made = loop;
    pthread_mutex_unlock(&free_lock);
    return loop;
}

void wf_loop_give_memory(struct weft_loop *loop)
{
    /* Memory that has had all its lives is not used again: they do not wrap. */
    bool used_up = loop_life(loop) == UINT32_MAX;
    pthread_mutex_lock(&free_lock);
    loop->next_free = used_up ? used_up_loops : free_loops;
    *(used_up ? &used_up_loops : &free_loops) = loop;
    pthread_mutex_unlock(&free_lock);
}

/* The running task keeps its own errors. */
static struct error_slot *current_error_slot(const struct stack **ret_stack)
{
    struct weft_loop *loop = loop_current();
    if (!loop || !loop->current)
        return NULL;
    *ret_stack = loop->current->stack;
    return &loop->current->errors;
}

int wf_loop_make(const weft_loop_options *options, struct weft_loop **ret_loop)
{
    const char *debug = secure_getenv("WEFT_DEBUG");
    enum stack_class class = STACK_NORMAL;

    if (options && options->stack_bytes)
        class = wf_stack_class_for(options->stack_bytes);
    if (class == STACK_CLASSES || (options && ((options->clock != WEFT_CLOCK_MONOTONIC &&
                                                options->clock != WEFT_CLOCK_VIRTUAL) ||
                                               (unsigned)options->poller > WEFT_POLLER_IO_URING)))
        return -EINVAL;
    struct weft_loop *loop = loop_take_memory();
    if (!loop)
        return -ENOMEM;
    wf_fork_watch();
    atomic_store_explicit(&wf_error_slot_hook, current_error_slot, memory_order_relaxed);
    atomic_store_explicit(&wf_stack_owner_name, wf_task_owner_name, memory_order_relaxed);

    /* Field by field: a waker of the loop's earlier life may still look at the parking word (L3).
     */
    ready_init(&loop->ready);
    loop->started = 0;
    loop->current = NULL;
    atomic_store_explicit(&loop->touching.what, NULL, memory_order_relaxed);
    loop->handed = NULL;
#if defined(WEFT_ASAN) || defined(WEFT_TSAN)
    loop->host = NULL;
#endif
    loop->tasks_first = loop->tasks_last = NULL;
    loop->watch_sets = NULL;
    loop->residents = NULL;
    loop->generators = (struct generators){0};
    loop->makers = NULL;
    loop->latest_mail = (struct runnables){NULL, NULL, 0};
    loop->blocks = (struct block_cache){0};
    wf_stack_cache_init(&loop->stacks);
    loop->number_next = loop->number_end = 0;
    loop->stack_class = (uint8_t) class;
    loop->virtual_clock = options && options->clock == WEFT_CLOCK_VIRTUAL;
    loop->stopping = loop->turned = false;
    loop->watchdog_ns = 0;
    atomic_store_explicit(&loop->waits, 0, memory_order_relaxed);
    wf_debug_init(loop, options && options->debug ? options->debug > 0 : debug && *debug);
    loop->fatal = 0;
    loop->bias = wf_outcome_barrier_works() ? BIAS_OWNER : BIAS_SHARED;
    loop->shared_turns = 0;
    loop->task_factory = NULL;
    loop->task_factory_arg = NULL;
    loop->now_ns = loop->virtual_clock ? 0 : clock_now_ns();
    loop->external = 0;
    spin_init(&loop->spin);
    /* The two enumerations have the same values. */
    wf_poller_init(&loop->poller, options ? (enum poller_kind)options->poller : POLLER_DEFAULT);
    loop->runtime = NULL;
    pool_home_init(&loop->pool_home);
    loop->index = 0;
    loop->searcher = false;
    loop->trimmed_steps = 0;
    loop->trim_ns = 0;
    loop->trims_left = 0;
    loop->polls = loop->parks = loop->stolen = 0;
    loop->handler = NULL;
    loop->handler_arg = NULL;
    loop->idle_fn = NULL;
    loop->idle_arg = NULL;
    loop->next_free = NULL;
    atomic_store_explicit(&loop->life, loop_life(loop) + 1, memory_order_relaxed);
    /* Release, with loop_is_closed(): who sees that it is not closed any more sees its new life. */
    atomic_store_explicit(&loop->closed, false, memory_order_release);
    atomic_store_explicit(&loop->revoked, false, memory_order_relaxed);
    inbox_init(&loop->inbox);
    parking_init(&loop->parking);
    ring_init(&loop->ring);
    wf_wheel_init(&loop->wheel, loop->now_ns);
    wf_loop_vacate(loop);
    *ret_loop = loop;
    return 0;
}

void wf_loop_take_numbers(struct weft_loop *loop)
{
    /* Relaxed: only the numbers matter, and each is given out once. */
    loop->number_next =
        atomic_fetch_add_explicit(&task_numbers, NUMBER_BLOCK, memory_order_relaxed);
    loop->number_end = loop->number_next + NUMBER_BLOCK;
}

uint64_t wf_foreign_number(void)
{
    return atomic_fetch_add_explicit(&task_numbers, 1, memory_order_relaxed);
}

void wf_loop_return_numbers(struct weft_loop *loop)
{
    uint64_t end = loop->number_end;
    if (loop->number_next != end)
        atomic_compare_exchange_strong_explicit(&task_numbers, &end, loop->number_next,
                                                memory_order_relaxed, memory_order_relaxed);
    loop->number_next = loop->number_end = 0;
}

weft_loop *weft_new_event_loop(const weft_loop_options *options)
{
    struct weft_loop *loop = NULL;
    int rc = wf_loop_make(options, &loop);
    if (rc) {
        errno = -rc;
        return NULL;
    }
    return loop;
}
