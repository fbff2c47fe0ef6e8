/*
 * runner.c - a runtime from start to end: made when it is first needed, run, wound down, closed.
 *
 * The first loop is made with the runner and runs wherever weft_runner_run() is called, or on a
 * thread of its own after weft_runner_start(). The others are made one by one, with their threads,
 * when spawned tasks find no loop that is free, or when somebody asks for them.
 */
#include "runtime/sched/runner.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <weft/runner.h>

#include "runtime/base/sys.h"
#include "runtime/sched/callback.h"
#include "runtime/sched/future_ops.h"
#include "runtime/sched/interrupt.h"
#include "runtime/sched/loop_life.h"
#include "runtime/sched/report.h"
#include "runtime/sched/task_ops.h"

#define SHUTDOWN_TIMEOUT 300.0

/* runner->state; by atomic access, since any thread may be the first to need the runtime. */
enum runner_state { RUNNER_NEW, RUNNER_OPENING, RUNNER_OPEN, RUNNER_CLOSED };

static int runner_state(const weft_runner *runner)
{
    /* Acquire, with the release in runner_set_state(): the runtime is seen. */
    return __atomic_load_n(&runner->state, __ATOMIC_ACQUIRE);
}

static void runner_set_state(weft_runner *runner, int state)
{
    __atomic_store_n(&runner->state, state, __ATOMIC_RELEASE);
}

/* A runner's runtime, with what only the runner needs. */
struct weft_runtime {
    struct runtime runtime;
    weft_runner_options options;
    pthread_mutex_t lock;                 /* the making of loops, and who runs the first one */
    pthread_t threads[RUNTIME_LOOPS_MAX]; /* under lock; [0] only in the background */
    bool ended[RUNTIME_LOOPS_MAX];        /* each written and read by its loop's thread */
    /* Of each loop, what is waited for at the end: the wind-down's, and if a fatal error ends that
     * early, its heir's, who closes the loops. */
    weft_task **leftovers[RUNTIME_LOOPS_MAX];
    long leftover_counts[RUNTIME_LOOPS_MAX];
    bool background;       /* under lock */
    pthread_t opener;      /* the thread that opened it */
    weft_context *context; /* of all runs without one of their own (RNR-05) */
    bool set_event_loop;   /* the first loop became its thread's current one */
    unsigned
        refused; /* loops are not started for so many spawns after a thread could not be made */
};

#define SPAWNS_AFTER_REFUSAL 1000u

int weft_runner_init(weft_runner *runner, const weft_runner_options *options)
{
    weft_runner_options defaults = {0};
    if (!options)
        options = &defaults;
    if (!runner || options->loops < 0 || options->loops > RUNTIME_LOOPS_MAX ||
        options->max_threads < 0 || !(options->shutdown_timeout >= 0) || isnan(options->watchdog) ||
        (options->clock != WEFT_CLOCK_MONOTONIC && options->clock != WEFT_CLOCK_VIRTUAL) ||
        (options->clock == WEFT_CLOCK_VIRTUAL && options->loops > 1) ||
        wf_stack_class_for(options->stack_bytes ? options->stack_bytes : 1) == STACK_CLASSES)
        return -EINVAL;
    *runner = (weft_runner){.options = *options, .state = RUNNER_NEW};
    const char *clock = secure_getenv("WEFT_CLOCK");
    if (clock && !strcmp(clock, "virtual") && !options->loop_factory) {
        runner->options.clock = WEFT_CLOCK_VIRTUAL;
        runner->options.loops = 1;
    }
    return 0;
}

static unsigned usable_cpus(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof(set), &set))
        return 1;
    int count = CPU_COUNT(&set);
    return count < 1 ? 1 : count > RUNTIME_LOOPS_MAX ? RUNTIME_LOOPS_MAX : (unsigned)count;
}

static struct weft_runtime *runtime_of(struct runtime *runtime)
{
    return container_of(runtime, struct weft_runtime, runtime);
}

const weft_runner_options *wf_runtime_options(const struct runtime *runtime)
{
    return &container_of(runtime, const struct weft_runtime, runtime)->options;
}

/* The run of such a loop ends with the runtime alone: weft_loop_stop() and a fatal error, which has
 * no caller here and is reported, end a run, and the next one begins. */
static void *loop_thread(void *arg)
{
    struct weft_loop *loop = arg;
    struct weft_runtime *rt = runtime_of(loop->runtime);

    while (!rt->ended[loop->index]) {
        int rc = wf_loop_run(loop);
        if (rc == WEFT_ELOOPCLOSED)
            break;
        if (rc == WEFT_ELOOPRUNNING) /* by another thread, which was quicker */
            sched_yield();
        else if (rc)
            wf_report(loop, "A fatal error left a loop of the runtime", rc, NULL, NULL, NULL);
    }
    return NULL;
}

/* Makes loop number index and its thread. Under lock. 0 or -errno. */
static int start_loop_locked(struct weft_runtime *rt, unsigned index)
{
    weft_loop_options options = {.debug = rt->options.debug,
                                 .stack_bytes = rt->options.stack_bytes};
    struct weft_loop *loop = NULL, *first = rt->runtime.loops[0];

    int rc = wf_loop_make(&options, &loop);
    if (rc)
        return rc;
    loop->handler = first->handler;
    loop->handler_arg = first->handler_arg;
    weft_loop_set_debug(loop, loop_is_debug(first));
    loop->slow_step_ns = first->slow_step_ns;
    loop->watchdog_ns = first->watchdog_ns;
    wf_runtime_join(&rt->runtime, loop, index);
    rc = sys_thread_create(&rt->threads[index], loop_thread, loop);
    if (rc) {
        atomic_store_explicit(&rt->runtime.loops[index], NULL, memory_order_release);
        loop->runtime = NULL;
        weft_loop_free(loop);
        return rc;
    }
    /* Release, with the acquire of thieves; seq_cst, with wf_runtime_recheck(). */
    atomic_store_explicit(&rt->runtime.loops_started, index + 1, memory_order_seq_cst);
    return 0;
}

/* A loop has more spawned tasks than it can start. */
static void start_loop(struct runtime *runtime, unsigned index)
{
    struct weft_runtime *rt = runtime_of(runtime);

    if (pthread_mutex_trylock(&rt->lock))
        return; /* somebody is at it */
    if (rt->refused)
        rt->refused--;
    else if (runtime->loops_started == index && index < runtime->loops_max && !runtime->closing &&
             start_loop_locked(rt, index))
        rt->refused = SPAWNS_AFTER_REFUSAL; /* the loops that exist do the work */
    pthread_mutex_unlock(&rt->lock);
}

/* Makes the runtime and its first loop. */
static int runner_make(weft_runner *runner)
{
    const weft_runner_options *o = &runner->options;
    struct weft_runtime *rt = mem_alloc_line(sizeof(*rt));
    if (!rt)
        return -ENOMEM;
    memset(rt, 0, sizeof(*rt));
    unsigned loops = o->loops ? (unsigned)o->loops : usable_cpus();
    wf_runtime_init(&rt->runtime, o->clock == WEFT_CLOCK_VIRTUAL ? 1 : loops);
    rt->runtime.start_loop = start_loop;
    rt->options = *o;
    rt->context = weft_copy_context();
    if (!rt->context) {
        mem_free_line(rt, sizeof(*rt));
        return -ENOMEM;
    }
    pthread_mutex_init(&rt->lock, NULL);

    struct weft_loop *loop = NULL;
    int rc = 0;
    if (o->loop_factory) {
        loop = o->loop_factory(o->loop_factory_arg);
        if (!loop)
            rc = errno > 0 ? -errno : -ENOMEM;
        else if (loop->virtual_clock)
            rt->runtime.loops_max = 1;
    } else {
        weft_loop_options options = {
            .clock = o->clock, .debug = o->debug, .stack_bytes = o->stack_bytes};
        rc = wf_loop_make(&options, &loop);
    }
    if (!loop) {
        pthread_mutex_destroy(&rt->lock);
        weft_context_unref(rt->context);
        mem_free_line(rt, sizeof(*rt));
        return rc;
    }
    if (o->debug)
        weft_loop_set_debug(loop, o->debug > 0);
    if (o->watchdog != 0)
        weft_loop_set_watchdog(loop, o->watchdog);
    wf_runtime_join(&rt->runtime, loop, 0);
    rt->runtime.loops_started = 1;
    if (!o->loop_factory) {
        weft_set_event_loop(loop); /* RUN-07, RNR-16 */
        rt->set_event_loop = true;
        rt->opener = pthread_self();
    }
    runner->runtime = rt;
    return 0;
}

/* Makes the runtime unless it exists; a thread that comes while another makes it waits. */
static int runner_open(weft_runner *runner)
{
    if (!runner)
        return -EINVAL;
    int state = RUNNER_NEW;
    while (!__atomic_compare_exchange_n(&runner->state, &state, RUNNER_OPENING, false,
                                        __ATOMIC_ACQUIRE, __ATOMIC_ACQUIRE)) {
        if (state == RUNNER_OPEN)
            return 0;
        if (state == RUNNER_CLOSED)
            return weft_fail(WEFT_ECLOSED, "the runner is closed");
        sched_yield();
        state = RUNNER_NEW;
    }
    int rc = runner_make(runner);
    runner_set_state(runner, rc ? RUNNER_NEW : RUNNER_OPEN);
    return rc;
}

weft_loop *weft_runner_get_loop(weft_runner *runner)
{
    int rc = runner_open(runner);
    if (rc) {
        errno = -rc;
        return NULL;
    }
    return runner->runtime->runtime.loops[0];
}

int weft_runner_loops(const weft_runner *runner)
{
    return runner && runner_state(runner) == RUNNER_OPEN ? (int)runner->runtime->runtime.loops_max
                                                         : 0;
}

weft_loop *weft_runner_loop_at(weft_runner *runner, int index)
{
    int rc = runner_open(runner);
    struct weft_runtime *rt = rc ? NULL : runner->runtime;

    if (!rc && (index < 0 || (unsigned)index >= rt->runtime.loops_max))
        rc = -EINVAL;
    if (!rc && !atomic_load_explicit(&rt->runtime.loops[index], memory_order_acquire)) {
        pthread_mutex_lock(&rt->lock);
        while (!rc && rt->runtime.loops_started <= (unsigned)index)
            rc = start_loop_locked(rt, rt->runtime.loops_started);
        pthread_mutex_unlock(&rt->lock);
    }
    if (rc) {
        errno = -rc;
        return NULL;
    }
    return atomic_load_explicit(&rt->runtime.loops[index], memory_order_acquire);
}

int weft_runner_run(weft_runner *runner, weft_coroutine main, void *arg, void **ret_result)
{
    return weft_runner_run_in(runner, NULL, main, arg, ret_result);
}

int weft_runner_run_in(weft_runner *runner, weft_context *context, weft_coroutine main, void *arg,
                       void **ret_result)
{
    if (!main)
        return -EINVAL;
    if (loop_current())
        return weft_fail(WEFT_ELOOPRUNNING, "a loop is running in this thread");
    int rc = runner_open(runner);
    if (rc)
        return rc;
    struct weft_runtime *rt = runner->runtime;
    struct weft_loop *loop = rt->runtime.loops[0];
    pthread_mutex_lock(&rt->lock);
    bool background = rt->background; /* its thread may not have got as far as running it */
    pthread_mutex_unlock(&rt->lock);
    if (background || weft_loop_is_running(loop))
        return weft_fail(WEFT_ELOOPRUNNING, "the runner's loop is running");
    weft_task_options options = {.context = context ? context : rt->context};
    weft_task *task = loop->task_factory
                          ? loop->task_factory(loop, main, arg, &options, loop->task_factory_arg)
                          : weft_task_new(loop, main, arg, &options);
    if (!task)
        return -errno;
    struct interrupt interrupt;
    wf_interrupt_begin(&interrupt, loop, task);
    rc = weft_loop_run_until_complete(loop, task, ret_result);
    rc = wf_interrupt_end(&interrupt, rc);
    if (rc == -ENOMEM && future_is_task(task) && !task_of(task)->started)
        weft_cancel(task); /* the run could not begin: neither does main, later */
    weft_unref(task);
    return rc;
}

int weft_runner_start(weft_runner *runner)
{
    int rc = runner_open(runner);
    if (rc)
        return rc;
    struct weft_runtime *rt = runner->runtime;
    struct weft_loop *loop = rt->runtime.loops[0];
    pthread_mutex_lock(&rt->lock);
    if (rt->background || weft_loop_is_running(loop))
        rc = WEFT_ELOOPRUNNING;
    else
        rc = sys_thread_create(&rt->threads[0], loop_thread, loop);
    if (!rc)
        rt->background = true;
    pthread_mutex_unlock(&rt->lock);
    return rc;
}

/*
 * Asks all unfinished tasks of a loop but this one to end; adds them to the list. Those that could
 * not be asked, for want of memory, are not on it: nobody may wait for them, they end with their
 * loop.
 */
static int cancel_all(struct weft_loop *loop, weft_task ***ret_tasks, long *ret_count)
{
    weft_task **tasks = NULL;
    long count = weft_all_tasks(loop, &tasks), asked = 0;
    int rc = 0;

    if (count < 0)
        return (int)count;
    for (long i = 0; i < count; i++) {
        int answer = tasks[i] == weft_current_task() ? 1 : weft_cancel(tasks[i]);
        if (answer < 0) {
            rc = answer;
            weft_unref(tasks[i]);
        } else {
            tasks[asked++] = tasks[i];
        }
    }
    *ret_tasks = tasks;
    *ret_count = asked;
    return rc;
}

static void await_leftovers(weft_task **tasks, long count)
{
    for (long i = 0; i < count; i++) {
        if (tasks[i] == weft_current_task())
            continue;
        while (!weft_done(tasks[i]))
            (void)weft_await(tasks[i], NULL);
        int code = weft_result(tasks[i], NULL);
        if (code && code != WEFT_ECANCELLED) /* RUN-11, RUN-12 */
            wf_report(future_loop(tasks[i]), "unhandled exception during weft_run() shutdown", code,
                      weft_error_current(), tasks[i], NULL);
    }
}

static void free_leftovers(struct weft_runtime *rt, unsigned index)
{
    weft_task_list_free(rt->leftovers[index], rt->leftover_counts[index]);
    rt->leftovers[index] = NULL;
}

static int close_generators_here(void *arg, void **result)
{
    struct weft_loop *loop = arg;
    (void)result;
    return loop->generators.ops ? loop->generators.ops->shutdown(loop) : 0;
}

/* All asynchronous generators of a loop are closed (RUN-09, AGEN-22): on the loop itself. */
static int close_generators(struct weft_loop *loop)
{
    if (loop == loop_current())
        return close_generators_here(loop, NULL);
    weft_task *task = weft_create_task_on(loop, close_generators_here, loop, NULL);
    return task ? weft_join(task, NULL) : -errno;
}

/* Runs on the first loop: ends the tasks of all loops, then their generators (RUN-09 to RUN-14). */
static int wind_down(void *arg, void **result)
{
    struct weft_runtime *rt = arg;
    unsigned loops = rt->runtime.loops_started;
    struct weft_loop *here = loop_current();
    struct runnable *unowned;
    int rc = 0;

    (void)result;
    /* Last the own loop, which first takes what no loop has begun: now that spawners elsewhere have
     * been told, that has an end. */
    for (unsigned i = loops; i-- > 0;) {
        while (i == 0 && (unowned = wf_runtime_find_work(here)))
            ready_push(here, unowned);
        int failed = cancel_all(rt->runtime.loops[i], &rt->leftovers[i], &rt->leftover_counts[i]);
        if (failed)
            rc = failed;
    }
    for (unsigned i = 0; i < loops; i++) {
        await_leftovers(rt->leftovers[i], rt->leftover_counts[i]);
        free_leftovers(rt, i);
    }
    for (unsigned i = 0; i < loops; i++) {
        int failed = close_generators(rt->runtime.loops[i]);
        if (failed)
            rc = failed;
    }
    return rc;
}

static void stop_run(struct runnable *r, struct weft_loop *loop)
{
    (void)r;
    if (loop) {
        runtime_of(loop->runtime)->ended[loop->index] = true;
        weft_loop_stop(loop);
    }
}

/* Stops a loop that runs on a thread of the runtime, and joins that. */
static void stop_thread(struct weft_runtime *rt, unsigned index)
{
    struct runnable stop = {.run = stop_run};
    (void)wf_loop_post(rt->runtime.loops[index], &stop);
    pthread_join(rt->threads[index], NULL);
}

static void run_wind_down(struct weft_runtime *rt)
{
    struct weft_loop *loop = rt->runtime.loops[0];
    weft_task *task = weft_task_new(loop, wind_down, rt, NULL);
    int rc = task ? (rt->background ? weft_future_wait(task, WEFT_FOREVER, NULL)
                                    : weft_loop_run_until_complete(loop, task, NULL))
                  : -errno;
    if (rc) /* without memory for it, closing the loops ends what is left */
        wf_report(loop, "The runtime could not end all tasks", rc, NULL, NULL, NULL);
    weft_unref(task);
}

int weft_runner_close(weft_runner *runner)
{
    if (!runner)
        return -EINVAL;
    int state = runner_state(runner);
    if (state != RUNNER_OPEN) /* RNR-13, RNR-14 */
        return 0;
    struct weft_runtime *rt = runner->runtime;
    struct weft_loop *first = rt->runtime.loops[0];
    /* A loop of this thread would stand still meanwhile: one of the runner's own, which is waited
     * for, or one that its tasks may wait for. */
    if (loop_current() || (!rt->background && weft_loop_is_running(first)))
        return WEFT_ELOOPRUNNING;
    /* One of those who come at once does it. Release, as in runner_set_state(). */
    if (!__atomic_compare_exchange_n(&runner->state, &state, RUNNER_CLOSED, false, __ATOMIC_ACQ_REL,
                                     __ATOMIC_RELAXED))
        return 0;
    /* Under the lock that starts loops: there are no further ones from here on. */
    pthread_mutex_lock(&rt->lock);
    atomic_store_explicit(&rt->runtime.closing, true, memory_order_relaxed);
    pthread_mutex_unlock(&rt->lock);
    if (!loop_is_closed(first))
        run_wind_down(rt);
    double timeout =
        rt->options.shutdown_timeout > 0 ? rt->options.shutdown_timeout : SHUTDOWN_TIMEOUT;
    pool_home_close(&rt->runtime.pool_home, first, clock_add_ns(clock_now_ns(), clock_ns(timeout)));
    for (unsigned i = rt->runtime.loops_started; i-- > 0;)
        if (i > 0 || rt->background)
            stop_thread(rt, i);
    if (rt->set_event_loop && pthread_equal(rt->opener, pthread_self()))
        weft_set_event_loop(NULL); /* whatever the program has set meanwhile */
    /* First none of them takes anything any more, then what is left is ended and dropped: what that
     * releases finds all of them closed. */
    for (unsigned i = rt->runtime.loops_started; i-- > 0;)
        while (!wf_loop_close_begin(rt->runtime.loops[i]))
            sched_yield(); /* run by somebody who must not */
    wf_runtime_end_unowned(&rt->runtime, first);
    for (unsigned i = rt->runtime.loops_started; i-- > 0;)
        wf_loop_close_end(rt->runtime.loops[i]);
    for (unsigned i = rt->runtime.loops_started; i-- > 0;)
        free_leftovers(rt, i);
    for (unsigned i = rt->runtime.loops_started; i-- > 0;)
        weft_loop_free(rt->runtime.loops[i]);
    pool_home_fini(&rt->runtime.pool_home);
    pthread_mutex_destroy(&rt->lock);
    weft_context_unref(rt->context);
    mem_free_line(rt, sizeof(*rt));
    runner->runtime = NULL;
    return 0;
}

int weft_run_with(const weft_runner_options *options, weft_coroutine main, void *arg,
                  void **ret_result)
{
    weft_runner runner;

    if (!main)
        return -EINVAL;
    if (loop_current())
        return weft_fail(WEFT_ELOOPRUNNING, "weft_run() inside a running loop");
    int rc = weft_runner_init(&runner, options);
    if (rc)
        return rc;
    rc = weft_runner_run(&runner, main, arg, ret_result);
    weft_runner_close(&runner);
    return rc;
}

int weft_run(weft_coroutine main, void *arg, void **ret_result)
{
    return weft_run_with(NULL, main, arg, ret_result);
}
