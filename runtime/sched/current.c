/*
 * current.c - which loop a thread runs, and which one it was given.
 */
#include <errno.h>

#include "runtime/sched/loop.h"

static _Thread_local struct weft_loop *running_here;
static _Thread_local struct weft_loop *set_here;

__attribute__((noinline)) struct weft_loop *wf_loop_current(void)
{
    return running_here;
}

void wf_loop_set_current(struct weft_loop *loop)
{
    running_here = loop;
}

weft_loop *weft_get_running_loop(void)
{
    struct weft_loop *loop = wf_loop_current();
    if (!loop)
        errno = -WEFT_ENOLOOP;
    return loop;
}

weft_loop *weft_get_event_loop(void)
{
    struct weft_loop *loop = wf_loop_current();
    if (!loop)
        loop = set_here;
    if (!loop)
        errno = -WEFT_ENOLOOP;
    return loop;
}

int weft_set_event_loop(weft_loop *loop)
{
    set_here = loop;
    return 0;
}
