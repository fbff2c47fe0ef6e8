/*
 * ensure_future.c - whatever can be awaited becomes a future.
 */
#include <errno.h>

#include "runtime/sched/loop.h"

static weft_future *ensured(weft_future *future, weft_loop *loop)
{
    weft_loop *home = future_loop(future);
    if (loop && home && home != loop) { /* CRT-10 */
        errno = EINVAL;
        return NULL;
    }
    return weft_ref(future);
}

weft_future *weft_ensure_future(const weft_awaitable *awaitable, weft_loop *loop)
{
    if (!awaitable || !awaitable->future == !awaitable->fn) { /* CRT-12 */
        errno = EINVAL;
        return NULL;
    }
    if (awaitable->future)
        return ensured(awaitable->future, loop);
    if (!loop)
        loop = weft_get_event_loop();
    if (!loop)
        return NULL;
    const weft_task_options *options = awaitable->options;
    weft_task *task = weft_create_task_on(loop, awaitable->fn, awaitable->arg, options);
    if (!task && errno == -WEFT_ELOOPCLOSED && options && options->arg_drop) { /* CRT-08 */
        options->arg_drop(awaitable->arg);
        errno = -WEFT_ELOOPCLOSED;
    }
    return task;
}
