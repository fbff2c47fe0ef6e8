/*
 * loop.c - a loop is run and stopped; and the slow look between turns.
 *
 * The quick way from turn to turn is ready_next() in loop.h. Whenever that has nothing to give, the
 * loop's own flow takes a slow look: mail, descriptors, due timers, spawned tasks; and with nothing
 * there, it waits.
 */
#include "runtime/sched/loop.h"

#include <errno.h>

#include "runtime/base/likely.h"
#include "runtime/sched/all_tasks.h"
#include "runtime/sched/await.h"
#include "runtime/sched/callback.h"
#include "runtime/sched/debug.h"
#include "runtime/sched/future_ops.h"
#include "runtime/sched/idle_wait.h"
#include "runtime/sched/limit.h"
#include "runtime/sched/loop_life.h"
#include "runtime/sched/occupy.h"
#include "runtime/sched/report.h"
#include "runtime/sched/runtime.h"
#include "runtime/sched/scheduler.h"
#include "runtime/sched/task_ops.h"
#include "runtime/sched/virtual.h"
#include "runtime/sched/watchdog.h"
#include "runtime/task/stack_overflow.h"

#define SHARED_TURNS 256u

/* Queues what the wheel has due at this time. */
static void loop_fire_timers(struct weft_loop *loop, int64_t now_ns)
{
    struct timer *chain = wf_wheel_advance(&loop->wheel, now_ns), *timer;

    while ((timer = timer_chain_pop(&chain))) {
        struct runnable *fire = &container_of(timer, struct loop_timer, timer)->fire;
        if (unlikely(fire->run == wf_limit_due))
            wf_limit_due(fire, loop);
        else if (unlikely(fire->run == wf_await_retry))
            wf_await_retry(fire, loop);
        else
            ready_push(loop, fire);
    }
}

static void descriptor_ready(void *watcher, void *arg)
{
    wf_watcher_ready(arg, watcher);
}

/* Visits the poller; waits for at most timeout_ns (< 0: no limit) where there is one. */
void wf_loop_poll(struct weft_loop *loop, int64_t timeout_ns, bool all)
{
    struct poller_news news = {.found = descriptor_ready, .arg = loop, .all = all};
    loop->polls++;
    int rc = wf_poller_wait(&loop->poller, timeout_ns, &news);
    if (news.ready.first)
        ready_append(loop, news.ready.first, news.ready.last, news.ready.count);
    if (unlikely(rc < 0))
        wf_report(loop, "The poller failed", rc, NULL, NULL, NULL);
}

static inline bool is_for_now(const struct runnable *r)
{
    return r->run == wf_task_arrive || r->run == wf_all_tasks_answer;
}

void wf_loop_take_mail(struct weft_loop *loop)
{
    struct runnable *last = inbox_take_stack(&loop->inbox), *first = NULL;
    uint64_t count = 0;
    bool for_now = false, alike = true;

    /* The one walk over mail that may be long and out of the caches. */
    for (struct runnable *r = last, *next; r; r = next, count++) {
        next = r->next;
        r->next = first;
        first = r;
        for_now |= is_for_now(r);
        alike &= r->run == last->run;
    }
    if (!first)
        return;
    if (likely(!for_now)) {
        last->next = NULL;
        loop->latest_mail = (struct runnables){alike ? first : NULL, last, count};
        ready_append(loop, first, last, count);
        return;
    }
    loop->latest_mail.first = NULL;
    for (struct runnable *r = first, *next; count; r = next, count--) {
        next = r->next;
        if (is_for_now(r))
            r->run(r, loop); /* a new task's first step is queued without another turn */
        else
            ready_push(loop, r);
    }
}

/*
 * Whether descriptors are looked at now. Where nothing else is to be done the loop is about to wait
 * in the poller, which is the same look. But callbacks of descriptors are level-triggered: they are
 * looked at before every turn.
 */
static inline bool wants_poll(const struct weft_loop *loop)
{
    const struct poller *poller = &loop->poller;
    return poller->watched || (poller->waiting && (loop->virtual_clock || !ready_is_empty(loop)));
}

/*
 * Mail, descriptors, timers: what is there already goes to the ready queue, in this order (LIFE-21). Of many
 * sources a batch, but all of them before a timer that is due.
 */
static void loop_collect(struct weft_loop *loop)
{
    wf_loop_take_mail(loop);
    bool timers = !wheel_is_empty(&loop->wheel), poll = wants_poll(loop);
    if (!timers && !poll)
        return;
    int64_t now_ns = loop->virtual_clock ? loop->now_ns : clock_now_ns();
    if (poll)
        wf_loop_poll(loop, 0, timers && wf_wheel_next_ns(&loop->wheel) <= now_ns);
    loop->now_ns = now_ns;
    if (timers)
        loop_fire_timers(loop, now_ns);
}

/* Nothing is ready: finds work elsewhere, or waits until there may be some. */
static void loop_idle(struct weft_loop *loop)
{
    struct runnable *r = wf_runtime_find_work(loop);
    if (r) {
        ready_push(loop, r);
        return;
    }
    int64_t next_ns = wf_wheel_next_ns(&loop->wheel);
    if (loop->virtual_clock && next_ns != CLOCK_NEVER && !loop->external) {
        if (!inbox_has_mail(&loop->inbox)) {
            if (next_ns > loop->now_ns)
                loop->now_ns = next_ns;
            loop_fire_timers(loop, loop->now_ns);
        }
        return;
    }
    if (loop->idle_fn && wf_loop_is_stuck(loop, next_ns) && wf_loop_call_idle(loop))
        return;
    watchdog_wait(loop);
    wf_idle_wait(loop, loop->virtual_clock ? CLOCK_NEVER : next_ns);
    watchdog_wait(loop);
}

/*
 * A future had to be shared the hard way: those made in the near future are shared from the start.
 * Where other threads complete a loop's futures all the time, that happens once.
 */
static void loop_adjust_bias(struct weft_loop *loop)
{
    if (atomic_load_explicit(&loop->revoked, memory_order_relaxed)) {
        atomic_store_explicit(&loop->revoked, false, memory_order_relaxed);
        loop->bias = BIAS_SHARED;
        loop->shared_turns = SHARED_TURNS;
    } else if (loop->shared_turns && --loop->shared_turns == 0 && wf_outcome_barrier_works()) {
        loop->bias = BIAS_OWNER;
    }
}

/* Between turns: begins the next one. False: the run is over. */
static bool loop_turn(struct weft_loop *loop)
{
    if (loop->fatal || (loop->stopping && loop->turned))
        return false;
    loop_collect(loop);
    loop_adjust_bias(loop);
    if (ready_is_empty(loop) || loop->ready.steps >= loop->ready.slow_at) {
        /* Spawned tasks get their share even when the ready queue never empties. */
        struct runnable *r = wf_runtime_next_spawned(loop);
        if (r)
            ready_push(loop, r);
    }
    while (ready_is_empty(loop) && !loop->stopping && !loop->fatal) {
        loop_idle(loop);
        if (ready_is_empty(loop))
            loop_collect(loop);
    }
    if (unlikely(loop->searcher))
        wf_runtime_pass_search(loop);
    loop->turned = true;
    /* A run that was stopped before it began has one turn (LIFE-04). */
    loop->ready.slow_at =
        loop->poller.watched || loop->stopping ? 0 : loop->ready.steps + LOOP_SLOW_STEPS;
    if (!ready_is_empty(loop))
        ready_begin_turn(&loop->ready, 0);
    if (unlikely(loop_is_debug(loop) || loop->tracing))
        wf_debug_turn(loop);
    return true;
}

/* The loop's own flow. */
static void loop_flow(struct weft_loop *loop)
{
    while (!loop->fatal) {
        struct runnable *r = loop->handed;
        loop->handed = NULL;
        if (!r)
            r = ready_next(loop);
        if (!r) {
            if (unlikely(debug_has_step(loop))) {
                wf_debug_step(loop);
                continue;
            }
            if (!loop_turn(loop))
                break;
            r = ready_next(loop);
            if (!r) /* stopped with nothing to run, or in debug mode */
                continue;
        }
        r->run(r, loop);
    }
    if (loop->handed) { /* a fatal error came first: it runs in the next run (LIFE-13) */
        ready_untake(&loop->ready, loop->handed);
        loop->handed = NULL;
    }
    ready_end_turn(&loop->ready);
    loop->split_end = 0;
}

/* A run, in the frame of who asked for it. */
struct run {
    struct overflow_thread overflow;
    struct watched watched;
};

static int run_begin(struct weft_loop *loop, struct run *run)
{
    if (loop_is_closed(loop))
        return WEFT_ELOOPCLOSED;
    if (loop_current() || !wf_loop_occupy(loop, LOOP_RUNNING))
        return WEFT_ELOOPRUNNING;
    if (loop_is_closed(loop)) { /* meanwhile */
        wf_loop_vacate(loop);
        return WEFT_ELOOPCLOSED;
    }
    /* Without it an overflow still ends the process at the guard, only with no message. */
    bool ready_for_signals = !wf_overflow_thread_init(&run->overflow);
    wf_loop_running = loop;
    context_init_thread(&loop->context);
    wf_watchdog_begin(&run->watched, ready_for_signals ? loop : NULL);
    poller_begin(&loop->poller);
    loop->turned = false;
    loop_attend(loop);
    return 0;
}

/* The fatal error that ended it, or 0. */
static int run_flow(struct weft_loop *loop)
{
    loop_flow(loop);
    int rc = loop->fatal;
    loop->fatal = 0;
    loop->stopping = false; /* LIFE-06 */
    return rc;
}

static void run_end(struct weft_loop *loop, struct run *run)
{
    wf_watchdog_end(&run->watched);
    context_fini_thread(&loop->context);
    wf_loop_running = NULL;
    wf_overflow_thread_fini(&run->overflow);
    wf_loop_vacate(loop);
}

int wf_loop_run(struct weft_loop *loop)
{
    struct run run;
    int rc = run_begin(loop, &run);
    if (rc)
        return rc;
    rc = run_flow(loop);
    run_end(loop, &run);
    return rc;
}

int weft_loop_run_forever(weft_loop *loop)
{
    return loop ? wf_loop_run(loop) : -EINVAL;
}

static int stop_on_done(weft_future *future, void *arg)
{
    /* A task that ended fatally has ended the run itself: the stop would hit a later one (LIFE-14).
     */
    if (future_is_task(future) &&
        (future->code == WEFT_EINTERRUPTED || future->code == WEFT_ESYSTEMEXIT))
        return 0;
    return weft_loop_stop(arg);
}

int weft_loop_run_until_complete(weft_loop *loop, weft_future *future, void **ret_result)
{
    struct run run;
    if (!loop || !future || future_loop(future) != loop)
        return -EINVAL;
    int rc = run_begin(loop, &run);
    if (rc)
        return rc;
    rc = wf_add_done_callback_on(future, loop, NULL, stop_on_done, loop);
    if (rc) {
        run_end(loop, &run);
        return rc;
    }
    weft_ref(future);
    rc = run_flow(loop);
    bool done = future_is_done(future);
    if (rc || !done) /* LIFE-12, LIFE-14: neither a callback nor a stop stays behind */
        weft_remove_done_callback(future, stop_on_done, loop);
    run_end(loop, &run);
    if (rc && done) /* the error leaves the loop */
        atomic_store_explicit(&future->taken, 1, memory_order_relaxed);
    else if (!rc)
        rc = done ? weft_result(future, ret_result) : WEFT_ELOOPSTOPPED;
    weft_unref(future);
    return rc;
}

int weft_loop_stop(weft_loop *loop)
{
    if (!loop)
        return -EINVAL;
    loop->stopping = true;
    loop_attend(loop);
    return 0;
}

int weft_loop_is_running(const weft_loop *loop)
{
    return loop && atomic_load_explicit(&loop->running, memory_order_acquire) == LOOP_RUNNING;
}

int weft_loop_is_closed(const weft_loop *loop)
{
    return !loop || loop_is_closed(loop);
}

const char *weft_loop_poller(weft_loop *loop)
{
    return loop ? poller_name(&loop->poller) : NULL;
}

double weft_loop_time(const weft_loop *loop)
{
    return loop ? clock_seconds(loop_now_ns(loop)) : (double)NAN;
}

/* The owner counts plainly: another thread reads each counter as it is at some moment. */
__attribute__((no_sanitize("thread"))) int weft_loop_get_stats(const weft_loop *loop,
                                                               weft_loop_stats *ret_stats)
{
    if (!loop || !ret_stats)
        return -EINVAL;
    *ret_stats = (weft_loop_stats){.tasks = loop->started,
                                   .switches = loop->ready.steps,
                                   .iterations = loop->ready.turns,
                                   .polls = loop->polls,
                                   .parks = loop->parks,
                                   .stolen = loop->stolen};
    return 0;
}
