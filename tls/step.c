/*
 * step.c - what a connection does later: in the loop's next turn, or when a limit of time has passed.
 */
#include "tls/connection.h"

static void step_run(struct runnable *r, struct weft_loop *loop)
{
    struct tls_step *step = container_of(r, struct tls_step, runnable);
    struct tls *tls = step->tls;

    step->queued = false;
    if (loop)
        step->act(tls);
    tls_release(tls);
}

void wf_tls_step_init(struct tls *tls, struct tls_step *step, void (*act)(struct tls *tls))
{
    step->runnable.run = step_run;
    step->tls = tls;
    step->act = act;
    step->queued = false;
}

void wf_tls_step_soon(struct tls_step *step)
{
    if (step->queued)
        return;
    step->queued = true;
    step->tls->pending++;
    ready_push(step->tls->transport.loop, &step->runnable);
}

static void limit_run(struct runnable *r, struct weft_loop *loop)
{
    struct tls_limit *limit = container_of(r, struct tls_limit, timer.fire);
    struct tls *tls = limit->tls;
    bool on = limit->on;

    limit->on = false;
    if (loop && on)
        limit->act(tls);
    tls_release(tls);
}

void wf_tls_limit_init(struct tls *tls, struct tls_limit *limit, double seconds,
                       void (*act)(struct tls *tls))
{
    limit->timer.timer = (struct timer){0};
    limit->timer.fire.run = limit_run;
    limit->tls = tls;
    limit->act = act;
    limit->seconds = seconds;
    limit->on = false;
}

void wf_tls_limit_start(struct tls_limit *limit)
{
    limit->on = true;
    limit->tls->pending++;
    loop_arm_limit(limit->tls->transport.loop, &limit->timer.timer, limit->seconds);
}

void wf_tls_limit_stop(struct tls_limit *limit)
{
    struct tls *tls = limit->tls;

    limit->on = false;
    if (!timer_is_armed(&limit->timer.timer))
        return;
    wheel_cancel(&tls->transport.loop->wheel, &limit->timer.timer);
    tls_release(tls);
}
