/*
 * aggregate.h - what gather, shield and as_completed ask of the futures that they are given.
 */
#ifndef WEFT_API_AGGREGATE_H
#define WEFT_API_AGGREGATE_H

#include "runtime/sched/occupy.h"
#include "runtime/sched/watch.h"

/* A future that stands for others, which are in a set of its own, which keeps it (W2 of watch.h). */
struct compound_future {
    struct plain_future future; /* first: future_free() gives the block back */
    struct watch_set *set;
};

static inline struct watch_set *compound_set(struct weft_future *future)
{
    return ((struct compound_future *)(void *)future)->set;
}

/* Makes one, pending, of FUTURE_COMPOUND. NULL when there is no memory. */
struct weft_future *wf_compound_make(struct weft_loop *loop, const struct future_ops *ops,
                                     struct watch_set *set);

/*
 * Enters the loop that an aggregate of these futures belongs to, to be left with wf_loop_leave(): the
 * running one, else the futures', else the thread's current one. 0; -EINVAL if one of them is NULL,
 * WEFT_ENOLOOP, WEFT_EWRONGTHREAD if another thread has it, WEFT_ELOOPCLOSED.
 */
int wf_loop_enter_for(weft_future *const *futures, size_t count, struct loop_visit *visit,
                      struct weft_loop **ret_loop);

#endif
