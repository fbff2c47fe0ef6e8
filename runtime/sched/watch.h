/*
 * watch.h - word of the ends of several futures, for who goes on meanwhile: done callbacks that are
 * part of a larger thing (a gather, a group, a wait for several) and need no memory of their own.
 *
 * W1  Of a watch that was begun, exactly one happens: told() is called on the set's loop, in the
 *     iteration after the future was done; or wf_watch_stop() returns true; or it is dropped,
 *     because the loop was closed.
 * W2  A set counts its owner and each watch of which none has happened yet. With the last of them
 *     over() is called, which frees it. Until then the set keeps its futures alive. What a future
 *     owns is different, since any thread may end that: the set keeps the future, and with its last
 *     watch over() gives that back; who frees the future frees the set.
 * W3  A set that is listed is ended when its loop is closed: closed() is called once. The list is a
 *     holder too, so that no other thread ends a set that is found there.
 *
 * Everything is used on the thread of the set's loop, or by who holds that loop; except that a word
 * which comes after the loop was closed is dropped by the thread that brings it.
 */
#ifndef WEFT_RUNTIME_SCHED_WATCH_H
#define WEFT_RUNTIME_SCHED_WATCH_H

#include "runtime/sched/future_ops.h"

struct watch;
struct watch_set;

struct watch_set_ops {
    /* On whatever stack is at hand, with no task current: neither calls the user nor suspends. The
     * watch is counted until it returns. */
    void (*told)(struct watch_set *set, struct watch *watch);
    /* W3. It is off the list; stops its watches, and ends what it stands for. NULL if it is never
     * listed. */
    void (*closed)(struct watch_set *set);
    void (*over)(struct watch_set *set); /* W2 */
    /* Who awaits the futures by this set, for people: a task, or the future that it stands for. May
     * be NULL, and may answer NULL. On the set's loop. */
    struct weft_future *(*awaiter)(struct watch_set *set);
};

struct watch_set {
    const struct watch_set_ops *ops;
    struct weft_loop *loop;
    struct watch_set *prev, *next; /* in the loop's list (W3) */
    uint32_t life;                 /* of the loop: nothing is told in a later one */
    _Atomic uint32_t holders; /* W2. The loop's thread, plainly; by RMW once the loop is closed */
};

struct watch {
    struct runnable told;  /* queued when the future is done */
    struct watch_set *set; /* NULL: it is over, or was never begun */
    struct weft_future *future;
    bool local; /* the future is the loop's own */
    union {
        struct waiter waiter; /* local */
        struct waker waker;
    };
};

/* A set with its owner as the only holder, not listed. */
static inline void watch_set_init(struct watch_set *set, const struct watch_set_ops *ops,
                                  struct weft_loop *loop)
{
    set->ops = ops;
    set->loop = loop;
    set->life = loop_life(loop);
    set->prev = set->next = NULL;
    atomic_init(&set->holders, 1);
}

/* A set that keeps the future that owns it (W2): no holder yet. */
static inline void watch_set_init_kept(struct watch_set *set, const struct watch_set_ops *ops,
                                       struct weft_loop *loop)
{
    watch_set_init(set, ops, loop);
    atomic_init(&set->holders, 0);
}

static inline void watch_set_hold(struct watch_set *set)
{
    uint32_t holders = atomic_load_explicit(&set->holders, memory_order_relaxed); /* ours alone */
    atomic_store_explicit(&set->holders, holders + 1, memory_order_relaxed);
}

static inline size_t watch_set_holders(const struct watch_set *set)
{
    return atomic_load_explicit(&set->holders, memory_order_relaxed);
}

/* One holder less; over() with the last. */
void wf_watch_set_release(struct watch_set *set);

/* A timer that is a holder of the set, which its `fire` gives back: it goes off so long from now. */
static inline void watch_set_arm(struct watch_set *set, struct loop_timer *timer,
                                 int64_t timeout_ns)
{
    watch_set_hold(set);
    loop_arm(set->loop, &timer->timer, timeout_ns);
}

/* It is not wanted any more; if its fire is queued, that follows. */
static inline void watch_set_disarm(struct watch_set *set, struct loop_timer *timer)
{
    if (!timer_is_armed(&timer->timer))
        return;
    wheel_cancel(&set->loop->wheel, &timer->timer);
    wf_watch_set_release(set);
}

void wf_watch_set_list(struct watch_set *set);
void wf_watch_set_unlist(struct watch_set *set); /* nothing if it is not listed */

/* The loop is closed: every listed set is ended. */
void wf_watch_sets_close(struct weft_loop *loop);

/* Begins: told() will be called (W1), at the earliest in the next iteration. */
void wf_watch_begin(struct watch_set *set, struct watch *watch, struct weft_future *future);

/* True: told() will not be called, and the watch is not counted any more (over() may have come).
 * False: the word is on its way, or it is over already. */
bool wf_watch_stop(struct watch *watch);

/* told.run of every watch. */
void wf_watch_told(struct runnable *r, struct weft_loop *loop);

#endif
