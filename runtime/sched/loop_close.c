/*
 * loop_close.c - the end of a loop: what is queued is dropped, tasks that will never go on are
 * ended, and its memory waits for another loop.
 */
#include <errno.h>

#include "runtime/sched/callback.h"
#include "runtime/sched/future_ops.h"
#include "runtime/sched/limit.h"
#include "runtime/sched/loop_life.h"
#include "runtime/sched/occupy.h"
#include "runtime/sched/report.h"
#include "runtime/sched/resident.h"
#include "runtime/sched/runtime.h"
#include "runtime/sched/signal.h"
#include "runtime/sched/watch.h"

static void drop_chain(struct runnable *r)
{
    while (r) {
        struct runnable *next = r->next;
        r->run(r, NULL); /* L4 */
        r = next;
    }
}

/* What is dropped may queue more: a future that it completes, its callbacks. */
static void drop_ready(struct weft_loop *loop)
{
    struct runnable *chain;
    while ((chain = ready_take_all(&loop->ready)))
        drop_chain(chain);
}

static void drop_watcher(void *watcher, void *arg)
{
    wf_watcher_drop(arg, watcher);
}

/*
 * A task that will never go on (TASK-19). Whoever waits for it elsewhere sees it cancelled. It is
 * held until what was queued meanwhile is dropped: it may be queued itself, by the end of a task
 * that it awaits or by what a handler does.
 */
static void loop_destroy_task(struct weft_loop *loop, struct task *task)
{
    wf_future_ref(&task->future);
    wf_report(loop, "Task was destroyed but it is pending!", 0, NULL, &task->future, NULL);
    drop_ready(loop); /* what the report's handler queued */
    if (task->wait)
        task->wait->ops->abandon(task->wait, task);
    if (task->started) {
        struct stack *stack = task->stack;
        while (stack->inner) /* a generator's, which keeps it */
            stack = stack->caller->stack;
        stack->owner = NULL;
        stack_put(&loop->stacks, stack);
    } else if (task->arg_drop) {
        task->arg_drop(task->arg);
    }
    task->started = true;
    wf_task_complete(loop, task, OUTCOME_CANCELLED, WEFT_ECANCELLED, NULL);
    drop_ready(loop);
    wf_future_unref(&task->future);
}

/* A closed loop's task factory: whatever dropped things release, nothing begins there. */
static weft_task *refuse_task(weft_loop *loop, weft_coroutine fn, void *arg,
                              const weft_task_options *options, void *factory_arg)
{
    (void)loop;
    (void)fn;
    (void)arg;
    (void)options;
    (void)factory_arg;
    errno = -WEFT_ELOOPCLOSED;
    return NULL;
}

bool wf_loop_close_begin(struct weft_loop *loop)
{
    if (!wf_loop_occupy(loop, LOOP_TAKEN))
        return false;
    if (loop_is_closed(loop))
        return true;
    wf_limits_drop(loop); /* before anybody can see that it is closed, and frees what they lie in */
    /* Release, with loop_is_closed(). */
    atomic_store_explicit(&loop->closed, true, memory_order_release);
    loop->task_factory = refuse_task;
    loop->task_factory_arg = NULL;
    return true;
}

/* All that the loop has; once. */
static void loop_drop_all(struct weft_loop *loop)
{
    wf_signals_close(loop);
    if (loop->generators
            .ops) /* while its list is whole: from the next step on others free what is on it */
        loop->generators.ops->drop(loop);
    drop_chain(inbox_close(&loop->inbox));
    struct timer *chain = wf_wheel_take_all(&loop->wheel), *timer;
    while ((timer = timer_chain_pop(&chain))) {
        struct runnable *fire = &container_of(timer, struct loop_timer, timer)->fire;
        fire->run(fire, NULL);
    }
    drop_chain(poller_take_ended(&loop->poller));
    wf_poller_clear(&loop->poller, drop_watcher, loop);
    drop_ready(loop);
    if (!loop->runtime)
        pool_home_drop(&loop->pool_home); /* LIFE-16 */
    while (loop->tasks_first)
        loop_destroy_task(loop, loop->tasks_first);
    wf_watch_sets_close(loop);
    residents_close(loop);
    wf_poller_close(&loop->poller);
    wf_stack_cache_fini(&loop->stacks);
}

void wf_loop_close_end(struct weft_loop *loop)
{
    /* The closing thread stands in for the loop's while the last owners of its futures are told. */
    struct weft_loop *outer = loop_current();
    wf_loop_running = loop;
    if (!inbox_is_closed(&loop->inbox))
        loop_drop_all(loop);
    drop_ready(loop); /* callbacks of what was ended */
    block_cache_fini(&loop->blocks);
    wf_loop_return_numbers(loop);
    wf_loop_running = outer;
    wf_loop_vacate(loop);
}

int weft_loop_close(weft_loop *loop)
{
    if (!loop)
        return -EINVAL;
    if (!wf_loop_close_begin(loop))
        return WEFT_ELOOPRUNNING;
    wf_loop_close_end(loop);
    return 0;
}

int weft_loop_free(weft_loop *loop)
{
    if (!loop)
        return 0;
    int rc = weft_loop_close(loop);
    if (rc)
        return rc;
    if (weft_get_event_loop() == loop)
        weft_set_event_loop(NULL);
    pool_home_fini(&loop->pool_home);
    loop->handler = NULL; /* futures that outlive the loop do not call what was meant for it */
    wf_loop_give_memory(loop);
    return 0;
}
