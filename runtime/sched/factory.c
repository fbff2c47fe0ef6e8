/*
 * factory.c - what makes the tasks of a loop, in place of the default.
 *
 * It belongs to the loop, as everything: another thread than the loop's uses it while nobody runs
 * the loop (occupy.h). A closed loop has one that refuses (loop_close.c).
 */
#include <errno.h>

#include "runtime/sched/occupy.h"
#include "runtime/sched/task_ops.h"

int weft_loop_set_task_factory(weft_loop *loop, weft_task_factory factory, void *arg)
{
    struct loop_visit visit;
    if (!loop)
        return -EINVAL;
    if (!wf_loop_enter(loop, &visit))
        return loop_is_closed(loop) ? WEFT_ELOOPCLOSED : WEFT_ELOOPRUNNING;
    int rc = loop_is_closed(loop) ? WEFT_ELOOPCLOSED : 0;
    if (!rc) {
        loop->task_factory = factory;
        loop->task_factory_arg = arg;
    }
    wf_loop_leave(loop, &visit);
    return rc;
}

weft_task_factory weft_loop_get_task_factory(weft_loop *loop)
{
    return loop && !loop_is_closed(loop) ? loop->task_factory : NULL;
}

weft_task *weft_create_task_on(weft_loop *loop, weft_coroutine fn, void *arg,
                               const weft_task_options *options)
{
    weft_task_factory factory = NULL;
    void *factory_arg = NULL;

    if (loop && loop == loop_current())
        return weft_create_task(fn, arg, options);
    struct loop_visit visit;
    if (loop && wf_loop_enter(loop, &visit)) {
        factory = loop->task_factory;
        factory_arg = loop->task_factory_arg;
        wf_loop_leave(loop, &visit);
    }
    return factory ? factory(loop, fn, arg, options, factory_arg)
                   : weft_task_new(loop, fn, arg, options);
}

/* Makes a task with eager_start set, unless the options say no. */
static weft_task *make_eagerly(const weft_eager_maker *maker, weft_loop *loop, weft_coroutine fn,
                               void *arg, const weft_task_options *options)
{
    weft_task_options eager = options ? *options : (weft_task_options){0};
    if (eager.eager_start == 0)
        eager.eager_start = 1;
    return maker->make ? maker->make(loop, fn, arg, &eager, maker->make_arg)
                       : weft_task_new(loop, fn, arg, &eager);
}

weft_task *weft_eager_task_factory(weft_loop *loop, weft_coroutine fn, void *arg,
                                   const weft_task_options *options, void *factory_arg)
{
    (void)factory_arg;
    return make_eagerly(&(weft_eager_maker){0}, loop, fn, arg, options);
}

static weft_task *eager_factory(weft_loop *loop, weft_coroutine fn, void *arg,
                                const weft_task_options *options, void *maker)
{
    return make_eagerly(maker, loop, fn, arg, options);
}

weft_task_factory weft_create_eager_task_factory(weft_eager_maker *maker, weft_task_factory make,
                                                 void *make_arg)
{
    if (!maker) {
        errno = EINVAL;
        return NULL;
    }
    *maker = (weft_eager_maker){.make = make, .make_arg = make_arg};
    return eager_factory;
}
