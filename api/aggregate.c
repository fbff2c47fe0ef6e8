/*
 * aggregate.c - where what is made of several futures belongs.
 */
#include <errno.h>

#include "api/aggregate.h"

#include "runtime/sched/trace.h"

_Static_assert(sizeof(struct compound_future) <= BLOCK_SMALL_BYTES, "it fits where a future does");

struct weft_future *wf_compound_make(struct weft_loop *loop, const struct future_ops *ops,
                                     struct watch_set *set)
{
    struct weft_loop *here = loop_current();
    enum block_class block = BLOCK_SMALL;
    struct compound_future *f = trace_block_get(here, loop, &block);
    if (!f)
        return NULL;
    plain_init(&f->future, loop, block, future_bias(loop, here), 1);
    f->future.base.kind = FUTURE_COMPOUND;
    f->future.ops = ops;
    f->set = set;
    return &f->future.base;
}

int wf_loop_enter_for(weft_future *const *futures, size_t count, struct loop_visit *visit,
                      struct weft_loop **ret_loop)
{
    struct weft_loop *loop = loop_current();

    if (count && !futures)
        return -EINVAL;
    for (size_t i = 0; i < count; i++) {
        if (!futures[i])
            return -EINVAL;
        if (!loop)
            loop = future_loop(futures[i]);
    }
    if (!loop)
        loop = weft_get_event_loop();
    if (!loop)
        return WEFT_ENOLOOP;
    if (!wf_loop_enter(loop, visit))
        return loop_is_closed(loop) ? WEFT_ELOOPCLOSED : WEFT_EWRONGTHREAD;
    if (loop_is_closed(loop)) {
        wf_loop_leave(loop, visit);
        return WEFT_ELOOPCLOSED;
    }
    *ret_loop = loop;
    return 0;
}
