/*
 * as_completed.c - an iteration over futures in the order in which they get done.
 *
 * As in asyncio, a queue stands between the words of their ends and the tasks that ask:
 *
 *     futures --watch--> done[taken .. ready), then `expired` time-outs --> tasks in line
 *
 * All of it is used on one loop, so the guard of the line is never contended.
 */
#include <errno.h>

#include <weft/wait.h>

#include "api/aggregate.h"
#include "api/distinct.h"
#include "api/waitq.h"

struct weft_as_completed_state {
    struct watch_set set; /* its owner: the iterator. Who asks, and the timer, are holders too */
    struct loop_timer timer;
    _Atomic uint32_t guard;
    struct waitq line;
    bool ended; /* by who began it */
    bool timed_out;
    size_t room, count;           /* futures: as given, distinct */
    size_t left;                  /* not asked for yet */
    size_t ready;                 /* of done: heard of */
    size_t taken;                 /* of done: given out */
    size_t expired;               /* time-outs to give out, after what is done */
    struct weft_future **futures; /* references, behind the watches */
    struct weft_future **done;    /* in order of completion, behind the references */
    struct watch watches[];
};

typedef struct weft_as_completed_state iteration;

static size_t iteration_bytes(size_t room)
{
    return sizeof(iteration) + room * (sizeof(struct watch) + 2 * sizeof(struct weft_future *));
}

static iteration *iteration_of_set(struct watch_set *set)
{
    return container_of(set, iteration, set);
}

/* Wakes so many of those who wait, who leave the line by that: what they were woken for is in the
 * queue, for whoever comes first. */
static void wake(iteration *it, size_t count)
{
    struct wakes wakes = {NULL, NULL};
    uint32_t bits = guard_lock(&it->guard);

    while (count && waitq_pop(&it->line, &wakes))
        count--;
    guard_unlock(&it->guard, bits);
    wakes_send(&wakes);
}

static void iteration_told(struct watch_set *set, struct watch *watch)
{
    iteration *it = iteration_of_set(set);

    if (it->ended || it->timed_out)
        return;
    it->done[it->ready++] = watch->future;
    if (it->ready == it->count)
        watch_set_disarm(&it->set, &it->timer);
    wake(it, 1);
}

static void stop_watches(iteration *it)
{
    for (size_t i = 0; i < it->count; i++)
        (void)wf_watch_stop(&it->watches[i]);
}

static void timer_fire(struct runnable *r, struct weft_loop *loop)
{
    iteration *it = container_of(r, iteration, timer.fire);

    if (loop && !it->ended && it->ready < it->count) {
        it->timed_out = true;
        it->expired = it->count - it->ready;
        stop_watches(it);
        wake(it, it->expired);
    }
    wf_watch_set_release(&it->set);
}

static void iteration_over(struct watch_set *set)
{
    iteration *it = iteration_of_set(set);

    for (size_t i = 0; i < it->count; i++)
        future_unref_at(loop_current(), it->futures[i]);
    mem_free(it, iteration_bytes(it->room));
}

static const struct watch_set_ops iteration_set_ops = {iteration_told, NULL, iteration_over, NULL};

/* One who asks is gone for good, with its loop. */
static void asker_abandoned(struct queued *q, bool woken)
{
    iteration *it = q->wait.object;
    (void)woken;
    wf_watch_set_release(&it->set);
}

static const struct waitq_kind asker_kind = {WAITQ_OPS("as_completed"), asker_abandoned};

/* Takes references to the distinct futures: 0 or -ENOMEM. */
static int take_distinct(iteration *it, weft_future *const *futures)
{
    struct distinct seen;
    if (distinct_init(&seen, it->room))
        return -ENOMEM;
    for (size_t i = 0; i < it->room; i++) {
        if (distinct_add(&seen, futures[i]))
            it->futures[it->count++] = weft_ref(futures[i]);
    }
    distinct_fini(&seen);
    return 0;
}

static int iteration_new(struct weft_loop *loop, weft_future *const *futures, size_t room,
                         iteration **ret_iteration)
{
    iteration *it = mem_alloc(iteration_bytes(room));
    if (!it)
        return -ENOMEM;
    memset(it, 0, sizeof(*it));
    watch_set_init(&it->set, &iteration_set_ops, loop);
    it->room = room;
    it->futures = (struct weft_future **)(void *)&it->watches[room];
    it->done = it->futures + room;
    int rc = take_distinct(it, futures);
    if (rc) {
        mem_free(it, iteration_bytes(room));
        return rc;
    }
    it->left = it->count;
    *ret_iteration = it;
    return 0;
}

/* In the loop. */
static int iteration_begin(struct weft_loop *loop, weft_future *const *futures, size_t count,
                           double timeout, iteration **ret_iteration)
{
    iteration *it;
    int rc = iteration_new(loop, futures, count, &it);
    if (rc)
        return rc;
    for (size_t i = 0; i < it->count; i++)
        wf_watch_begin(&it->set, &it->watches[i], it->futures[i]);
    if (it->count && timeout < WEFT_FOREVER) {
        it->timer.fire.run = timer_fire;
        watch_set_arm(&it->set, &it->timer, clock_ns(timeout));
    }
    *ret_iteration = it;
    return 0;
}

int weft_as_completed_begin(weft_as_completed *iter, weft_future *const *futures, size_t count,
                            double timeout)
{
    struct weft_loop *loop;
    struct loop_visit visit;
    iteration *it;

    if (!iter || isnan(timeout))
        return weft_fail(-EINVAL, "no iterator, or a time-out that is not a number");
    int rc = wf_loop_enter_for(futures, count, &visit, &loop);
    if (!rc) {
        rc = iteration_begin(loop, futures, count, timeout, &it);
        wf_loop_leave(loop, &visit);
    }
    if (rc)
        return rc == -EINVAL ? weft_fail(rc, "one of the futures is NULL") : rc;
    iter->state_ = it;
    return 0;
}

/* Suspends until there is something to take, or the iteration was ended. 0 or WEFT_ECANCELLED. */
static int ask(iteration *it, struct task *task)
{
    while (!it->ended && it->taken == it->ready && !it->expired) {
        struct queued q;
        uint32_t bits = guard_lock(&it->guard);
        waitq_join(&it->line, &q, &asker_kind, it, &it->guard, task);
        guard_unlock(&it->guard, bits);
        int rc = queued_wait(&q);
        bits = guard_lock(&it->guard);
        waitq_leave(&q);
        guard_unlock(&it->guard, bits);
        if (rc) {
            if (q.state == QUEUED_WOKEN && (it->taken < it->ready || it->expired))
                wake(it, 1);
            return rc;
        }
    }
    return 0;
}

int weft_as_completed_next(weft_as_completed *iter, weft_future **ret_future)
{
    struct task *task = task_current();

    if (!iter || !iter->state_ || !ret_future)
        return weft_fail(-EINVAL, "no iteration");
    if (!task)
        return weft_fail(WEFT_ENOTASK, "only a task can wait");
    iteration *it = iter->state_;
    if (future_loop(&task->future) != it->set.loop)
        return weft_fail(WEFT_EWRONGTHREAD, "the iteration belongs to another loop");
    if (!it->left)
        return WEFT_ESTOPITERATION;
    it->left--;
    watch_set_hold(&it->set);
    int rc = ask(it, task);
    if (rc) {
        it->left++; /* asyncio would count it as given out */
    } else if (it->ended) {
        rc = WEFT_ESTOPITERATION;
    } else if (it->taken < it->ready) {
        *ret_future = it->done[it->taken++];
    } else {
        it->expired--;
        rc = weft_fail(WEFT_ETIMEDOUT, NULL);
    }
    wf_watch_set_release(&it->set);
    return rc;
}

int weft_as_completed_next_result(weft_as_completed *iter, void **ret_result)
{
    weft_future *future = NULL;
    int rc = weft_as_completed_next(iter, &future);
    return rc ? rc : weft_result(future, ret_result);
}

size_t weft_as_completed_left(const weft_as_completed *iter)
{
    return iter && iter->state_ ? iter->state_->left : 0;
}

void weft_as_completed_end(weft_as_completed *iter)
{
    iteration *it = iter ? iter->state_ : NULL;
    if (!it)
        return;
    iter->state_ = NULL;
    it->ended = true;
    it->left = 0;
    watch_set_disarm(&it->set, &it->timer);
    stop_watches(it);
    wake(it, it->count);
    wf_watch_set_release(&it->set);
}
