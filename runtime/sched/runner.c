/*
 * runner.c - a runtime from its making on: made when it is first needed, and run.
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
#include "runtime/sched/interrupt.h"
#include "runtime/sched/loop_life.h"
#include "runtime/sched/report.h"

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
        (unsigned)options->poller > WEFT_POLLER_IO_URING ||
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
                                 .stack_bytes = rt->options.stack_bytes,
                                 .poller = rt->options.poller};
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
        weft_loop_options options = {.clock = o->clock,
                                     .debug = o->debug,
                                     .stack_bytes = o->stack_bytes,
                                     .poller = o->poller};
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
            rc = rt->runtime.closing ? WEFT_ECLOSED
                                     : start_loop_locked(rt, rt->runtime.loops_started);
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
