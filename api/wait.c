/*
 * wait.c - wait until some of several futures are done.
 *
 * The words of several ends may be queued when the wait is already over (it was cancelled, or one
 * end was enough): so what they lie in is a block of its own, which the last of them frees.
 */
#include <errno.h>

#include <weft/wait.h>

#include "runtime/park.h"
#include "runtime/sched/watch.h"

struct many {
    struct watch_set set; /* its owner: the waiting task; the timer is a holder too */
    struct wait wait;
    struct task *task;           /* NULL: the wait is over */
    struct weft_future *awaiter; /* the task, for who looks from another thread */
    struct loop_timer timer;
    weft_return_when when;
    size_t left;       /* futures whose end was not heard yet */
    bool released;     /* somebody has made the task ready */
    bool cancelled;    /* ... that was a cancellation */
    weft_error *error; /* its message; owned */
    size_t count;
    struct weft_future **futures; /* references, behind the watches */
    struct watch watches[];
};

static size_t many_bytes(size_t count)
{
    return sizeof(struct many) + count * (sizeof(struct watch) + sizeof(struct weft_future *));
}

static struct many *many_of_set(struct watch_set *set)
{
    return container_of(set, struct many, set);
}

static void many_release(struct many *many)
{
    if (many->released || !many->task)
        return;
    many->released = true;
    task_unpark(many->set.loop, many->task);
}

static void timer_fire(struct runnable *r, struct weft_loop *loop)
{
    struct many *many = container_of(r, struct many, timer.fire);
    if (loop)
        many_release(many);
    wf_watch_set_release(&many->set);
}

static bool is_enough(const struct many *many, struct weft_future *future)
{
    if (many->left == 0 || many->when == WEFT_FIRST_COMPLETED)
        return true;
    if (many->when != WEFT_FIRST_EXCEPTION || outcome_value(&future->outcome) != OUTCOME_FAILED)
        return false;                                               /* WAIT-08 */
    atomic_store_explicit(&future->taken, 1, memory_order_relaxed); /* as in future_take() */
    return true;
}

static void many_told(struct watch_set *set, struct watch *watch)
{
    struct many *many = many_of_set(set);

    many->left--;
    if (many->task && is_enough(many, watch->future)) {
        watch_set_disarm(&many->set, &many->timer);
        many_release(many);
    }
}

static void many_over(struct watch_set *set)
{
    struct many *many = many_of_set(set);

    for (size_t i = 0; i < many->count; i++)
        future_unref_at(loop_current(), many->futures[i]);
    mem_free(many, many_bytes(many->count));
}

static struct weft_future *many_awaiter(struct watch_set *set)
{
    return many_of_set(set)->awaiter; /* which cannot go on before it has taken its watches back */
}

static const struct watch_set_ops many_set_ops = {many_told, NULL, many_over, many_awaiter};

/* The task goes on, or never will: nothing of the wait stays with the futures (WAIT-14). */
static void many_leave(struct many *many)
{
    many->task = NULL;
    watch_set_disarm(&many->set, &many->timer);
    for (size_t i = 0; i < many->count && many->left; i++) {
        if (wf_watch_stop(&many->watches[i]))
            many->left--;
    }
    wf_watch_set_release(&many->set);
}

static bool many_cancel(struct wait *wait, struct task *task, weft_error *error)
{
    struct many *many = container_of(wait, struct many, wait);
    (void)task;
    if (many->released)
        return false;
    many->cancelled = true;
    many->error = weft_error_ref(error);
    many_release(many);
    return true;
}

static void many_abandon(struct wait *wait, struct task *task)
{
    struct many *many = container_of(wait, struct many, wait);
    (void)task;
    weft_error_unref(many->error);
    many_leave(many);
}

static const struct wait_ops many_ops = {many_cancel, many_abandon, "wait"};

/* With a reference to each future; NULL when there is no memory. */
static struct many *many_new(struct weft_loop *loop, struct task *task, weft_future **futures,
                             size_t count, weft_return_when when)
{
    struct many *many = mem_alloc(many_bytes(count));
    if (!many)
        return NULL;
    watch_set_init(&many->set, &many_set_ops, loop);
    many->wait = (struct wait){&many_ops, NULL};
    many->task = task;
    many->awaiter = &task->future;
    many->timer = (struct loop_timer){.fire.run = timer_fire};
    many->when = when;
    many->left = count;
    many->released = many->cancelled = false;
    many->error = NULL;
    many->count = count;
    many->futures = (struct weft_future **)(void *)&many->watches[count];
    for (size_t i = 0; i < count; i++)
        many->futures[i] = weft_ref(futures[i]);
    return many;
}

/* Gives the futures out in two parts, both in the order in which they were (WAIT-11). */
static size_t give_out(struct many *many, weft_future **futures)
{
    size_t done = 0, pending = 0;

    for (size_t i = 0; i < many->count; i++) {
        if (future_is_done(many->futures[i]))
            futures[done++] = many->futures[i];
        else
            many->futures[pending++] = many->futures[i];
    }
    memcpy(&futures[done], many->futures, pending * sizeof(*futures));
    memcpy(many->futures, futures, many->count * sizeof(*futures)); /* each still once */
    return done;
}

static int wait_many(struct many *many, weft_future **futures, double timeout, size_t *ret_done)
{
    struct weft_loop *loop = many->set.loop;
    struct task *task = many->task;

    if (timeout < WEFT_FOREVER)
        watch_set_arm(&many->set, &many->timer, clock_ns(timeout));
    for (size_t i = 0; i < many->count; i++)
        wf_watch_begin(&many->set, &many->watches[i], many->futures[i]);
    wf_park(loop, task, &many->wait);
    int rc = wait_outcome(task, many->cancelled, many->error);
    if (!rc) {
        size_t done = give_out(many, futures);
        if (ret_done)
            *ret_done = done;
    }
    many_leave(many);
    return rc;
}

int weft_wait(weft_future **futures, size_t count, double timeout, weft_return_when when,
              size_t *ret_done)
{
    struct weft_loop *loop = loop_current();
    struct task *task = task_current();

    if (!task)
        return weft_fail(WEFT_ENOTASK, "only a task can wait");
    if (!futures || !count)
        return weft_fail(-EINVAL, "there is nothing to wait for");
    if (isnan(timeout) || when > WEFT_FIRST_EXCEPTION)
        return weft_fail(-EINVAL,
                         isnan(timeout) ? "the time-out is not a number" : "no such return_when");
    for (size_t i = 0; i < count; i++) {
        if (!futures[i])
            return weft_fail(-EINVAL, "future %zu of %zu is NULL", i, count);
    }
    struct many *many = many_new(loop, task, futures, count, when);
    return many ? wait_many(many, futures, timeout, ret_done) : -ENOMEM;
}
