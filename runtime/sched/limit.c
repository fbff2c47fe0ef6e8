/*
 * limit.c - a time limit that is reached.
 */
#include "runtime/sched/limit.h"

#include "runtime/sched/future_ops.h"

struct strike {
    struct runnable entry;
    struct limit *limit; /* NULL: called off */
};
_Static_assert(sizeof(struct strike) <= BLOCK_LINE_BYTES, "a strike is a line");

static void strike_run(struct runnable *r, struct weft_loop *loop)
{
    struct strike *strike = container_of(r, struct strike, entry);
    struct limit *limit = strike->limit;

    block_put(&(loop ? loop : loop_current())->blocks, BLOCK_LINE, strike);
    if (loop && limit) {
        limit->strike = NULL;
        limit->struck = true;
        wf_task_cancel(limit->task, NULL);
    }
}

bool wf_limit_strike(struct weft_loop *loop, struct limit *limit)
{
    struct strike *strike = block_get(&loop->blocks, BLOCK_LINE);

    if (unlikely(!strike))
        return false;
    limit_call_off(loop, limit);
    strike->entry.run = strike_run;
    strike->limit = limit;
    limit->strike = strike;
    ready_push(loop, &strike->entry);
    return true;
}

void wf_limit_due(struct runnable *r, struct weft_loop *loop)
{
    struct limit *limit = container_of(r, struct limit, timer.fire);

    if (loop && unlikely(!wf_limit_strike(loop, limit))) /* it is late, but not lost */
        loop_arm(loop, &limit->timer.timer, NO_MEMORY_RETRY_NS);
}

void wf_limit_call_off(struct limit *limit)
{
    limit->strike->limit = NULL;
    limit->strike = NULL;
}

void wf_limits_drop(struct weft_loop *loop)
{
    struct timer *chain = wf_wheel_take_all(&loop->wheel), *timer;

    while ((timer = timer_chain_pop(&chain))) {
        if (container_of(timer, struct loop_timer, timer)->fire.run != wf_limit_due)
            wheel_arm(&loop->wheel, timer, timer->when_ns); /* at any time: it will be dropped */
    }
}
