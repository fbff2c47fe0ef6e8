/*
 * deadline.c - what happens when a deadline strikes.
 */
#include "api/deadline.h"

void wf_deadline_fire(struct runnable *r, struct weft_loop *loop)
{
    struct deadline *deadline = container_of(r, struct deadline, timer.fire);
    struct weft_loop *here = loop ? loop : loop_current();
    struct task *task = deadline->task;

    if (loop && task) {
        *deadline->struck = true;
        wf_task_cancel(task, NULL);
    }
    block_put(&here->blocks, BLOCK_SMALL, deadline);
}

int wf_timed_out(void)
{
    weft_error *cancelled = weft_catch(WEFT_ECANCELLED);
    weft_fail_from(cancelled, WEFT_ETIMEDOUT, NULL);
    weft_error_unref(cancelled);
    return WEFT_ETIMEDOUT;
}
