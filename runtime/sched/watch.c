/*
 * watch.c - word of the ends of several futures, for who goes on meanwhile.
 */
#include "runtime/sched/watch.h"

void wf_watch_set_release(struct watch_set *set)
{
    if (likely(!loop_is_closed(set->loop)) && likely(set->life == loop_life(set->loop))) {
        /* Relaxed: only the loop's thread. */
        uint32_t holders = atomic_load_explicit(&set->holders, memory_order_relaxed) - 1;
        atomic_store_explicit(&set->holders, holders, memory_order_relaxed);
        if (holders == 0)
            set->ops->over(set);
        return;
    }
    /* Acquire and release: the uses of all holders come before the end. */
    if (atomic_fetch_sub_explicit(&set->holders, 1, memory_order_acq_rel) == 1)
        set->ops->over(set);
}

void wf_watch_set_list(struct watch_set *set)
{
    struct weft_loop *loop = set->loop;

    set->next = loop->watch_sets;
    set->prev = NULL;
    if (set->next)
        set->next->prev = set;
    loop->watch_sets = set;
    watch_set_hold(set);
}

/* False if it is not on the list. */
static bool take_off(struct watch_set *set)
{
    struct weft_loop *loop = set->loop;

    if (!set->prev && loop->watch_sets != set)
        return false;
    *(set->prev ? &set->prev->next : &loop->watch_sets) = set->next;
    if (set->next)
        set->next->prev = set->prev;
    set->prev = set->next = NULL;
    return true;
}

void wf_watch_set_unlist(struct watch_set *set)
{
    if (take_off(set))
        wf_watch_set_release(set);
}

void wf_watch_sets_close(struct weft_loop *loop)
{
    while (loop->watch_sets) {
        struct watch_set *set = loop->watch_sets;
        (void)take_off(set);
        set->ops->closed(set);
        wf_watch_set_release(set);
    }
}

void wf_watch_told(struct runnable *r, struct weft_loop *loop)
{
    struct watch *watch = container_of(r, struct watch, told);
    struct watch_set *set = watch->set;

    watch->set = NULL;
    if (likely(loop != NULL) && likely(set->life == loop_life(loop))) /* else dropped (W1) */
        set->ops->told(set, watch);
    wf_watch_set_release(set);
}

void wf_watch_begin(struct watch_set *set, struct watch *watch, struct weft_future *future)
{
    struct weft_loop *loop = set->loop;

    watch_set_hold(set);
    watch->told.run = wf_watch_told;
    watch->set = set;
    watch->future = future;
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

bool wf_watch_stop(struct watch *watch)
{
    struct watch_set *set = watch->set;

    if (!set)
        return false;
    if (watch->local) {
        /* A pending future has it still; one that is done, until the word of another thread that
         * completed it has come. */
        if (!future_is_done(watch->future))
            waiter_remove(watch->future, &watch->waiter);
        else if (!waiter_take_back(watch->future, &watch->waiter))
            return false;
    } else if (!wf_future_remove_waker(watch->future, &watch->waker)) {
        return false;
    }
    watch->set = NULL;
    wf_watch_set_release(set);
    return true;
}
