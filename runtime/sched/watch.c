/*
 * watch.c - word of a future's end, for who goes on meanwhile.
 */
#include "runtime/sched/watch.h"

void wf_watch_told(struct runnable *r, struct weft_loop *loop)
{
    struct watch *watch = container_of(r, struct watch, told);
    struct weft_future *future = watch->future;

    watch->fn(watch, future, loop); /* which may free it */
    future_unref_at(loop_current(), future);
}

void wf_watch_begin(struct watch *watch, struct weft_loop *loop, struct weft_future *future,
                    watch_fn fn)
{
    watch->told.run = wf_watch_told;
    watch->fn = fn;
    watch->future = weft_ref(future);
    watch->local = future_loop(future) == loop;
    if (!watch->local) {
        watch->waker.loop = loop;
        watch->waker.ready = &watch->told;
        wf_future_add_waker(future, &watch->waker);
    } else if (future_is_done(future)) {
        ready_push(loop, &watch->told);
    } else {
        watch->waiter.ready = &watch->told;
        waiter_append(future, &watch->waiter);
    }
}

static bool is_this_waker(const struct waker *waker, void *arg)
{
    return waker == arg;
}

/* Whether the future still has it: always while it is pending; and after that until the word of
 * another thread that completed it has come. */
static bool is_waiting(const struct watch *watch)
{
    if (!future_is_done(watch->future))
        return true;
    for (const struct waiter *w = watch->future->waiters; w; w = w->next) {
        if (w == &watch->waiter)
            return true;
    }
    return false;
}

bool wf_watch_stop(struct watch *watch)
{
    if (watch->local) {
        if (!is_waiting(watch))
            return false;
        waiter_remove(watch->future, &watch->waiter);
    } else if (!wf_future_remove_wakers(watch->future, is_this_waker, &watch->waker)) {
        return false;
    }
    future_unref_at(loop_current(), watch->future);
    return true;
}
