/*
 * factory.c - what makes the tasks of a loop, in place of the default.
 *
 * A loop's own thread uses the factory without a lock, as it does everything of the loop. Another
 * thread uses it only while nobody runs the loop, which may begin to run meanwhile: both fields are
 * written, and read by another thread, under a mutex.
 */
#include <errno.h>
#include <pthread.h>

#include "runtime/sched/fork.h"
#include "runtime/sched/task_ops.h"

static pthread_mutex_t factory_lock = PTHREAD_MUTEX_INITIALIZER;

void wf_factory_lock(void)
{
    pthread_mutex_lock(&factory_lock);
}

void wf_factory_unlock(void)
{
    pthread_mutex_unlock(&factory_lock);
}

int weft_loop_set_task_factory(weft_loop *loop, weft_task_factory factory, void *arg)
{
    if (!loop)
        return -EINVAL;
    wf_factory_lock();
    loop->task_factory = factory;
    loop->task_factory_arg = arg;
    wf_factory_unlock();
    return 0;
}

weft_task_factory weft_loop_get_task_factory(weft_loop *loop)
{
    return loop ? loop->task_factory : NULL;
}

weft_task *weft_create_task_on(weft_loop *loop, weft_coroutine fn, void *arg,
                               const weft_task_options *options)
{
    weft_task_factory factory = NULL;
    void *factory_arg = NULL;

    if (loop && loop == loop_current())
        return weft_create_task(fn, arg, options);
    if (loop && !weft_loop_is_running(loop)) {
        wf_factory_lock();
        factory = loop->task_factory;
        factory_arg = loop->task_factory_arg;
        wf_factory_unlock();
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
