/*
 * virtual.c - a clock that moves when it is told to, and a loop on it that is stuck.
 *
 * The jump from timer to timer is in loop.c: a loop on this clock never sleeps for a timer. With no
 * timer left it waits for descriptors and other threads; where there are none, that is for ever,
 * and the idle callback can say so.
 */
#include "runtime/sched/virtual.h"

#include <errno.h>

#include "runtime/sched/report.h"

int weft_loop_advance(weft_loop *loop, double seconds)
{
    if (!loop || !loop->virtual_clock || !(seconds >= 0))
        return -EINVAL;
    loop->now_ns = clock_add_ns(loop->now_ns, clock_ns(seconds));
    loop_attend(loop);
    return 0;
}

int weft_loop_set_idle_callback(weft_loop *loop, weft_callback fn, void *arg)
{
    if (!loop || !loop->virtual_clock)
        return -EINVAL;
    loop->idle_fn = fn;
    loop->idle_arg = arg;
    return 0;
}

bool wf_loop_call_idle(struct weft_loop *loop)
{
    int code = loop->idle_fn(loop->idle_arg);
    if (code < 0) {
        weft_error *error = wf_error_slot_take(wf_error_slot(), code);
        if (code == WEFT_EINTERRUPTED || code == WEFT_ESYSTEMEXIT)
            loop_end_fatally(loop, code);
        else
            wf_report(loop, "Exception in idle callback", code, error, NULL, NULL);
        weft_error_unref(error);
    }
    return !ready_is_empty(loop) || wf_wheel_next_ns(&loop->wheel) != CLOCK_NEVER ||
           loop->stopping || loop->fatal;
}
