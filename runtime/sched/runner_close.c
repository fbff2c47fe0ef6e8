/*
 * runner_close.c - the end of a runtime: its tasks and generators are wound down, its pool is shut
 * down, its threads are joined and its loops closed.
 */
#include "runtime/sched/runner.h"

#include <errno.h>
#include <sched.h>

#include "runtime/base/sys.h"
#include "runtime/sched/loop_life.h"
#include "runtime/sched/report.h"

#define SHUTDOWN_TIMEOUT 300.0

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
