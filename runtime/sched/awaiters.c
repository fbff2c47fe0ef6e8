/*
 * awaiters.c - who awaits a future, as its waiters tell.
 *
 * A waiter is a runnable that is queued at the future's end. Which function that runs says what it
 * is: a suspended task, a watch of a set, an edge that was added by hand. Others (callbacks, threads)
 * await nothing.
 */
#include "runtime/sched/awaiters.h"

#include "runtime/sched/callback.h"
#include "runtime/sched/suspend.h"
#include "runtime/sched/watch.h"

static struct weft_future *awaiter_of(struct runnable *r)
{
    if (r->run == wf_task_step)
        return &task_of_ready(r)->future;
    if (r->run == wf_watch_told) {
        struct watch_set *set = container_of(r, struct watch, told)->set;
        return set && set->ops->awaiter ? set->ops->awaiter(set) : NULL;
    }
    return wf_edge_awaiter(r);
}

struct visit {
    awaiter_fn fn;
    void *arg;
};

static void visit_one(struct runnable *r, const struct visit *visit)
{
    struct weft_future *awaiter = awaiter_of(r);
    if (awaiter)
        visit->fn(awaiter, visit->arg);
}

/* The list is ours while it is looked through, so nobody in it is told meanwhile: none is taken. */
static bool look_at_waker(const struct waker *waker, void *arg)
{
    visit_one(waker->ready, arg);
    return false;
}

void wf_awaiters_visit(struct weft_future *f, bool at_home, awaiter_fn fn, void *arg)
{
    struct visit visit = {fn, arg};

    for (const struct waiter *w = at_home ? f->waiters : NULL; w; w = w->next)
        visit_one(w->ready, &visit);
    /* Relaxed: who waits from elsewhere has shared the future before, or is not there yet. */
    if (!future_is_done(f) &&
        atomic_load_explicit(&f->outcome.bias, memory_order_relaxed) != BIAS_OWNER)
        (void)wf_future_remove_wakers(f, look_at_waker, &visit);
}
