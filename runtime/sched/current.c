/*
 * current.c - which loop a thread runs, and which one it was given.
 */
#include <errno.h>

#include "runtime/sched/fork.h"
#include "runtime/sched/loop.h"

_Thread_local struct weft_loop *wf_loop_running __attribute__((tls_model("initial-exec")));
static _Thread_local struct weft_loop *set_here;

weft_loop *weft_get_running_loop(void)
{
    struct weft_loop *loop = loop_current();
    if (!loop)
        errno = -WEFT_ENOLOOP;
    return loop;
}

weft_loop *weft_get_event_loop(void)
{
    struct weft_loop *loop = loop_current();
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

void wf_loop_forget(void)
{
    wf_loop_running = NULL;
    set_here = NULL;
}
