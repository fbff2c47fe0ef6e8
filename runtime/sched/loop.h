/*
 * loop.h - what a loop is made of, and the few steps that every task takes many times.
 *
 * All fields belong to the thread that runs the loop, but for the inbox and the parking word, which
 * have cache lines of their own, and those marked otherwise. While no thread runs the loop, others
 * use it one at a time; `running` hands it over (occupy.h).
 *
 *     other threads -> inbox --drain--> ready queue --> tasks and callbacks
 *     wheel (due timers), poller (ready descriptors), ring (spawned tasks) ---^
 *
 * L1  The ready queue is first in, first out. A turn runs what was queued when it began (ready.h).
 * L2  Between turns the loop looks at its inbox, and every LOOP_SLOW_STEPS steps, or when there is
 *     nothing to run, at timers, descriptors and spawned tasks too. loop_attend() asks for that look
 *     at the next turn.
 * L3  The memory of a loop is never given back, only used for another loop: a waker that comes late
 *     finds a loop, and wakes it for nothing. Mail for a future that has outlived its loop finds the
 *     later one too, which handles it: as far as it concerns the future itself, whose local waiters
 *     belong to whoever has that memory. User code that was meant for the earlier loop is told by
 *     its `life` and released, not run. Tasks are none there: those of a loop end with it.
 * L4  A runnable that is run with a NULL loop was dropped: it gives back
 *     what it holds.
 */
#ifndef WEFT_RUNTIME_SCHED_LOOP_H
#define WEFT_RUNTIME_SCHED_LOOP_H

#include <stdalign.h>

#include <weft/loop.h>
#include <weft/task.h>

#include "runtime/base/blocks.h"
#include "runtime/base/clock.h"
#include "runtime/io/poller.h"
#include "runtime/sched/inbox.h"
#include "runtime/sched/parking.h"
#include "runtime/sched/pool_home.h"
#include "runtime/sched/ready.h"
#include "runtime/sched/ring.h"
#include "runtime/sched/spin.h"
#include "runtime/task/task.h"
#include "runtime/time/wheel.h"

#define LOOP_SLOW_STEPS 64
#define LOOP_LONG_LIMIT 0.1

/* What found no memory where it cannot be refused is tried again so much later. */
#define NO_MEMORY_RETRY_NS 1000000

struct resident;
struct runtime;
struct watch_set;

/* An asynchronous generator that was started and is not finished. */
struct generator_entry {
    struct generator_entry *prev, *next; /* next is NULL for the newest */
};

struct generators_ops {
    int (*shutdown)(struct weft_loop *loop); /* closes them all; in a task of the loop */
    void (*drop)(struct weft_loop *loop); /* the loop is being closed: those that it owns are freed,
                                                and the list is forgotten */
};

/* The generators of a loop, in the order in which they were started. */
struct generators {
    struct generator_entry *first, *last;
    const struct generators_ops *ops; /* set with the first; NULL: there never was one */
    bool shut_down;
};

/* Who has the loop: see occupy.h. */
enum loop_running {
    LOOP_IDLE,    /* nobody */
    LOOP_RUNNING, /* the thread that runs it */
    LOOP_HELD,    /* a thread that uses its fields for a moment */
    LOOP_TAKEN,   /* who makes or closes it */
};

/* Makes tasks that are as good as made, but were put off: whoever lists tasks has them made first. */
struct task_maker {
    struct task_maker *prev, *next;
    void (*make)(struct task_maker *maker, struct weft_loop *loop);
};

struct weft_loop {
    /* What each step touches. */
    struct ready ready;       /* L1 */
    struct task *current;     /* NULL in callbacks */
    struct touching touching; /* read by other threads; see outcome.h */
    struct runnable *handed;  /* a suspending task found that this must run on the loop's stack */
    struct context context;   /* the loop's own flow */
#if defined(WEFT_ASAN) || defined(WEFT_TSAN)
    const struct context *host; /* scheduler.c: whose stack code that is no task's is on */
#endif
    struct task *tasks_first, *tasks_last; /* unfinished, in order of creation */
    struct watch_set *watch_sets;          /* that end when it is closed (W3 in watch.h) */
    struct generators generators;
    struct task_maker *makers;
    struct runnables
        latest_mail; /* what was taken last, if all of it has one `run`; else first is NULL */
    struct block_cache blocks;
    struct stack_cache stacks;
    uint64_t number_next, number_end; /* of unnamed tasks: a range of the process's count */
    uint64_t started;
    uint8_t stack_class;
    bool virtual_clock;
    bool stopping;         /* stop() was called */
    bool turned;           /* a turn has begun since the run began */
    bool tracing;          /* debug mode is in force: what is made records where (debug.c) */
    int fatal;             /* a fatal error ends the run at once */
    uint32_t bias;         /* enum outcome_bias that its futures begin with */
    uint32_t shared_turns; /* so many slow looks until they begin biased again */
    weft_task_factory task_factory;
    void *task_factory_arg;

    /* What each slow look touches. */
    int64_t now_ns; /* the virtual clock; on the real one the latest reading */
    unsigned
        external; /* work outside the loop that will come back: the virtual clock waits for it */
    struct spin spin;
    struct poller poller;
    struct runtime *runtime;    /* set before the loop runs; NULL: a lone loop */
    struct pool_home pool_home; /* of a lone loop */
    uint64_t io_step;           /* the step in which socket calls were last counted */
    unsigned io_calls;          /* how many that step has made without suspending */
    unsigned index;             /* in the runtime */
    bool searcher;              /* was woken to look for spawned work, and has not looked yet */
    uint64_t trimmed_steps;     /* when stacks were last given back: nothing has run since */
    int64_t trim_ns;            /* not before this time */
    unsigned trims_left;        /* so many idle seconds until there is nothing left to give back */
    uint64_t polls, parks, stolen;
    weft_exception_handler handler;
    void *handler_arg;
    uint64_t split_end;   /* in debug mode: the turn's real end (debug.c); else not above `steps` */
    int64_t watchdog_ns;  /* the longest step; 0: the default, < 0: no watchdog */
    int64_t slow_step_ns; /* a step that takes so long is reported in debug mode */
    weft_callback idle_fn; /* virtual.c */
    void *idle_arg;
    struct resident *residents;  /* that end when it is closed (resident.h) */
    struct weft_loop *next_made; /* in the list of all loops, for debuggers; fixed */
    struct weft_loop *next_free; /* in the list of loops that nobody uses */

    /* How many loops have used this memory (L3): written by who makes one; read by anybody. */
    _Atomic uint32_t life;
    _Atomic uint8_t running; /* enum loop_running; written as occupy.h says; read by anybody */
    _Atomic bool closed;     /* written by the closing thread; read by anybody */
    _Atomic bool revoked;    /* written by revokers: a future of ours was shared */
    _Atomic uint32_t waits;  /* odd while it waits; written by its thread, read by the watchdog */
    _Atomic bool debug;      /* debug mode was asked for; written by who sets it, read by anybody */

    alignas(CACHE_LINE) struct inbox inbox;     /* pushed to by any thread */
    alignas(CACHE_LINE) struct parking parking; /* written by wakers, only when the loop sleeps */
    alignas(CACHE_LINE) struct ring ring;       /* stolen from by the runtime's other loops */
    struct wheel wheel;
};

/*
 * The loop that the calling thread runs, or NULL; written by its own thread. Read inline: a flow
 * that has begun never changes threads, so an address of it that a compiler keeps over a switch
 * stays right. Measured against an accessor that is not inlined: 1 ns a call, of which a hop
 * between two tasks makes three.
 */
extern _Thread_local struct weft_loop *wf_loop_running __attribute__((tls_model("initial-exec")));

static inline struct weft_loop *loop_current(void)
{
    return wf_loop_running;
}

/* Relaxed: a loop's own users know it; for others it is a look, and the loop looks again. */
static inline uint32_t loop_life(const struct weft_loop *loop)
{
    return atomic_load_explicit(&loop->life, memory_order_relaxed);
}

static inline bool ready_is_empty(const struct weft_loop *loop)
{
    return ready_has_none(&loop->ready);
}

static inline void ready_push(struct weft_loop *loop, struct runnable *r)
{
    ready_add(&loop->ready, r);
}

/* The same for a chain of so many. */
static inline void ready_append(struct weft_loop *loop, struct runnable *first,
                                struct runnable *last, uint64_t count)
{
    ready_add_chain(&loop->ready, first, last, count);
}

/* A chain comes next, and belongs to this turn: for a runnable that stands for several. */
static inline void ready_insert(struct weft_loop *loop, struct runnable *first,
                                struct runnable *last, uint64_t count)
{
    ready_add_first(&loop->ready, first, last, count);
}

/* Queues what is in the inbox; new tasks are listed, and questions about the list answered. */
void wf_loop_take_mail(struct weft_loop *loop);

/* Asks for a slow look at the next turn (L2). */
static inline void loop_attend(struct weft_loop *loop)
{
    loop->ready.slow_at = 0;
}

/* A fatal error: the turn is over, and whoever runs now is the last before the loop's own flow. */
static inline void loop_end_fatally(struct weft_loop *loop, int code)
{
    loop->fatal = code;
    ready_end_turn(&loop->ready);
    loop_attend(loop);
}

/* The turn is over: whether the next one may begin with no slow look before it (L2). */
static inline bool loop_turns_on(const struct weft_loop *loop)
{
    return !ready_is_empty(loop) && loop->ready.steps < loop->ready.slow_at &&
           !inbox_has_mail(&loop->inbox);
}

/*
 * The next runnable of this turn, or of the next turn if nothing but the ready queue has to be
 * looked at; else NULL: the loop must take a slow look.
 */
static inline struct runnable *ready_next(struct weft_loop *loop)
{
    if (ready_turn_is_over(&loop->ready)) {
        if (!loop_turns_on(loop))
            return NULL;
        ready_begin_turn(&loop->ready, 0);
    }
    return ready_take(&loop->ready);
}

/* The same after ready_push() of r. */
static inline struct runnable *ready_next_after(struct weft_loop *loop, struct runnable *r)
{
    if (ready_turn_is_over(&loop->ready)) {
        if (!loop_turns_on(loop)) {
            ready_push(loop, r);
            return ready_next(loop);
        }
        ready_begin_turn(&loop->ready, 1);
    }
    return ready_exchange(&loop->ready, r);
}

/* The loop's clock, read now. */
static inline int64_t loop_now_ns(const struct weft_loop *loop)
{
    return loop->virtual_clock ? loop->now_ns : clock_now_ns();
}

/* Arms a timer to go off so long from now. Nobody expects it to be cancelled. */
static inline void loop_arm(struct weft_loop *loop, struct timer *timer, int64_t timeout_ns)
{
    if (timeout_ns <= 0)
        loop_attend(loop);
    wheel_arm(&loop->wheel, timer, clock_add_ns(loop_now_ns(loop), timeout_ns));
}

/*
 * As loop_arm(), for a time limit that is mostly not reached. A long one gets its deadline at the loop's next reading
 * of the clock, which costs it nothing if it is cancelled before. A step of another task may delay that reading; so
 * the kernel's coarse clock bounds it: the deadline is never early, and at most a tick (10 ms) of that clock late.
 */
static inline bool loop_is_long_limit(const struct weft_loop *loop, double timeout)
{
    return !loop->virtual_clock && timeout >= LOOP_LONG_LIMIT;
}

static inline void loop_arm_limit(struct weft_loop *loop, struct timer *timer, double timeout)
{
    if (!loop_is_long_limit(loop, timeout)) {
        loop_arm(loop, timer, clock_ns(timeout));
        return;
    }
    int64_t timeout_ns = clock_ns_above(timeout);
    wheel_arm_within(&loop->wheel, timer, timeout_ns,
                     clock_add_ns(clock_coarse_after_ns(), timeout_ns));
}

/* A timer of the loop: when it is due, `fire` is queued. */
struct loop_timer {
    struct timer timer;
    struct runnable fire;
};

/* Any thread: queues a runnable on a loop and wakes it if need be. False: the loop is closed. */
bool wf_loop_post(struct weft_loop *loop, struct runnable *r);

/* Any thread, after publishing work with a seq_cst read-modify-write: wakes the loop if it sleeps.
 */
void wf_loop_wake(struct weft_loop *loop);

/* Relaxed: a wish that others need not see at once. */
static inline bool loop_is_debug(const struct weft_loop *loop)
{
    return atomic_load_explicit(&loop->debug, memory_order_relaxed);
}

/* Whether another thread runs the loop: a look, which may be outdated at once. */
static inline bool loop_is_elsewhere(const struct weft_loop *loop)
{
    return loop != loop_current() &&
           atomic_load_explicit(&loop->running, memory_order_relaxed) == LOOP_RUNNING;
}

static inline bool loop_is_closed(const struct weft_loop *loop)
{
    return atomic_load_explicit(&loop->closed, memory_order_acquire);
}

#endif
