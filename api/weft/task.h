/*
 * weft/task.h - tasks: coroutines that run at the same time, each on a stack of its own.
 *
 * weft_create_task() stays on the caller's loop, so that code written for asyncio keeps its
 * single-threaded guarantees. weft_spawn() may run on any loop of the runtime,
 * weft_create_task_on() names one. A task moves between loops only before its first step; from then
 * on it stays.
 *
 * A task is kept alive by its loop until it is done, whoever drops the handle.
 */
#ifndef WEFT_TASK_H
#define WEFT_TASK_H

#include <stdio.h>

#include <weft/base.h>
#include <weft/future.h>

WEFT_BEGIN

/* How to make a task. Zero (or a NULL pointer to the whole) means the default of each. */
typedef struct weft_task_options {
    const char *name;   /* copied; NULL: Task-N, counting over the process */
    size_t stack_bytes; /* rounded up to a class; 0: the runner's, which is 64 KiB unless set */
    int eager_start;    /* > 0: run at once up to the first suspension; < 0: never; 0: as the loop's
                           factory */
    weft_drop arg_drop; /* releases arg if the body never runs (cancelled before its first step,
                           refused) */
    weft_drop result_drop; /* releases a result that nobody takes */
    weft_context *context; /* the task runs in it; it gets a reference. NULL: a copy of the caller's
                              current one */
} weft_task_options;

/**
 * weft_create_task - start a coroutine as a task on the running loop
 * @fn:      its first step runs in the next iteration, in the order of creation
 * @arg:     passed to fn
 * @options: read during the call; may be NULL
 *
 * Never suspends the caller, never runs any of the body (unless eager).
 *
 * Context: any loop
 * Return:  owned by the caller; NULL with errno -WEFT_ENOLOOP, EINVAL, ENOMEM or
 *          -WEFT_ELOOPCLOSED (and arg_drop was not called: arg is still the caller's)
 * asyncio: asyncio.create_task(coro, name=..., context=..., eager_start=...)
 */
WEFT_API weft_task *weft_create_task(weft_coroutine fn, void *arg,
                                     const weft_task_options *options);

/**
 * weft_create_task_on - start a coroutine as a task on a named loop
 * @loop: may be another thread's, or not running yet: the task then starts when it runs
 *
 * The loop's factory makes the task in the calling thread, except for a loop that another thread
 * runs: there the default does.
 *
 * Context: any thread
 * Return:  as weft_create_task()
 * asyncio: loop.create_task(coro); for another thread's loop run_coroutine_threadsafe(coro, loop)
 */
WEFT_API weft_task *weft_create_task_on(weft_loop *loop, weft_coroutine fn, void *arg,
                                        const weft_task_options *options);

/* What can be awaited: a future (or task), or a coroutine with its argument. Zero what is not
 * meant. */
typedef struct weft_awaitable {
    weft_future *future;
    weft_coroutine fn;
    void *arg;
    const weft_task_options *options; /* of the task that the coroutine becomes; may be NULL */
} weft_awaitable;

/**
 * weft_ensure_future - a future for whatever can be awaited
 * @awaitable: read during the call; its future is borrowed
 * @loop:      NULL: any for a future; for a coroutine the running one, else the one set for this
 *             thread
 *
 * A future is given back as it is, with a further reference. A coroutine becomes a task, as by
 * weft_create_task_on().
 *
 * Context: any thread
 * Return:  owned by the caller; NULL with errno EINVAL (neither or both are given, or a future of
 *          another loop than @loop), -WEFT_ENOLOOP, ENOMEM, or -WEFT_ELOOPCLOSED (arg_drop was
 *          called then; with all others arg is still the caller's)
 * asyncio: ensure_future(awaitable, loop=loop)
 */
WEFT_API weft_future *weft_ensure_future(const weft_awaitable *awaitable, weft_loop *loop);

/**
 * weft_spawn - start a coroutine as a task on any loop of the runtime
 *
 * Idle loops take such tasks from busy ones. There is no promise about the order in which they
 * start.
 * With several loops it is made before it has one: no loop's factory makes it, and eager_start is
 * ignored. With one loop it is weft_create_task().
 *
 * Context: any loop of the runtime
 * Return:  as weft_create_task()
 * asyncio: none: asyncio has one loop a thread
 */
WEFT_API weft_task *weft_spawn(weft_coroutine fn, void *arg, const weft_task_options *options);

/**
 * weft_sleep - suspend the calling task for at least so many seconds
 * @delay: zero or less: lets everything that is queued run once; WEFT_FOREVER: until cancelled
 *
 * Always suspends. Sleepers with the same delay wake in the order in which they fell asleep.
 *
 * Context:      a task
 * Cancellation: wakes at once
 * Return:       0; WEFT_ECANCELLED; WEFT_ENOTASK; -EINVAL for a not-a-number delay
 * asyncio:      asyncio.sleep(delay)
 */
WEFT_API int weft_sleep(double delay);

/**
 * weft_sleep_result - as weft_sleep(), and gives a value
 * @value:     what the sleep is to result in; weft never looks into it
 * @ret_value: value, if 0 is returned; else left alone. May be NULL
 *
 * Context:      a task
 * Cancellation: wakes at once; the value is still the caller's
 * Return:       as weft_sleep()
 * asyncio:      asyncio.sleep(delay, result)
 */
WEFT_API int weft_sleep_result(double delay, void *value, void **ret_value);

/* weft_sleep(0): lets everything that is queued run once. asyncio: asyncio.sleep(0) */
WEFT_API int weft_yield(void);

/* The task that is executing, borrowed; NULL outside tasks. Any thread. asyncio: current_task() */
WEFT_API weft_task *weft_current_task(void);

/**
 * weft_current_task_of - the task that another loop is executing
 * @loop: any
 *
 * Context: loop, or a thread that knows that the loop is not running (else the answer may be out
 *          of date)
 * Return:  borrowed; NULL if that loop is not executing a task
 * asyncio: current_task(loop)
 */
WEFT_API weft_task *weft_current_task_of(weft_loop *loop);

/**
 * weft_all_tasks - the unfinished tasks of a loop
 * @loop:      NULL: the running one
 * @ret_tasks: an array of so many references, in order of creation; give it to
 * weft_task_list_free()
 *
 * From another thread it asks a running loop and waits for the answer (a task is suspended, a thread
 * blocked). A loop that is being closed has no tasks for other threads.
 *
 * Context: any thread
 * Return:  how many; WEFT_ENOLOOP; -ENOMEM
 * asyncio: all_tasks(loop)
 */
WEFT_API long weft_all_tasks(weft_loop *loop, weft_task ***ret_tasks);

/* Gives back what weft_all_tasks() returned. */
WEFT_API void weft_task_list_free(weft_task **tasks, long count);

/* The number of cancel requests that were not taken back. -EINVAL for a plain future. Loop. */
WEFT_API int weft_cancelling(const weft_task *task);

/**
 * weft_uncancel - take one cancel request back
 *
 * At zero, a cancellation that has not reached the task yet is withdrawn.
 *
 * Context: loop
 * Return:  the requests that remain; -EINVAL for a plain future
 * asyncio: Task.uncancel()
 */
WEFT_API int weft_uncancel(weft_task *task);

/* The name, valid until it is changed or the task freed; NULL with errno EINVAL for a plain future, or
 * ENOMEM when a number is first asked for. Loop. asyncio: get_name() */
WEFT_API const char *weft_task_get_name(weft_task *task);

/* Changes the name, at any time; copied. 0, -EINVAL or -ENOMEM. Loop. asyncio: set_name() */
WEFT_API int weft_task_set_name(weft_task *task, const char *name);

/* What the task was made from; 0, or -EINVAL for a plain future. Any thread. asyncio: get_coro() */
WEFT_API int weft_task_get_coro(const weft_task *task, weft_coroutine *ret_fn, void **ret_arg);

/**
 * weft_task_get_context - the context that a task runs in
 *
 * The one it was given, else its own.
 *
 * Context: loop
 * Return:  borrowed, for as long as the task is there; NULL with errno EINVAL for a plain future, or
 *          ENOMEM
 * asyncio: Task.get_context()
 */
WEFT_API weft_context *weft_task_get_context(weft_task *task);

/**
 * weft_task_get_stack - where a task is suspended, or where the error of a failed one was made
 * @frames: room for @max return addresses, outermost call first: of a suspended task the newest
 * ones are given, of an error the oldest of those that it keeps (weft_error_get_stack())
 *
 * Context: loop
 * Return:  how many; 0 for a task that has not started, is running, was cancelled or has a result,
 *          and for one that failed with a code alone; -EINVAL
 * asyncio: Task.get_stack(limit=max)
 */
WEFT_API int weft_task_get_stack(weft_task *task, void **frames, int max);

/**
 * weft_task_print_stack - write a heading and what weft_task_get_stack() gives, or that there is no
 * stack; of a failed task its error, too
 * @limit: 0: all
 * @file:  NULL: standard error
 *
 * Context: loop
 * asyncio: Task.print_stack(limit=..., file=...)
 */
WEFT_API void weft_task_print_stack(weft_task *task, int limit, FILE *file);

/**
 * weft_task_factory - makes the tasks of a loop in place of the default
 * @next_arg: what was given to weft_loop_set_task_factory()
 *
 * It gets what weft_create_task() was given and returns a task, for instance from weft_task_new(),
 * or NULL with errno set, which reaches the caller of weft_create_task().
 */
typedef weft_task *(*weft_task_factory)(weft_loop *loop, weft_coroutine fn, void *arg,
                                        const weft_task_options *options, void *factory_arg);

/* Sets the factory (NULL: the default). 0; -EINVAL; WEFT_ELOOPCLOSED; WEFT_ELOOPRUNNING on another
 * thread. Loop. asyncio: loop.set_task_factory() */
WEFT_API int weft_loop_set_task_factory(weft_loop *loop, weft_task_factory factory, void *arg);

/* The factory that was set, or NULL. Loop. asyncio: loop.get_task_factory() */
WEFT_API weft_task_factory weft_loop_get_task_factory(weft_loop *loop);

/* Makes a task as the default factory does, whatever factory the loop has. Loop. asyncio:
 * Task(coro, loop=...) */
WEFT_API weft_task *weft_task_new(weft_loop *loop, weft_coroutine fn, void *arg,
                                  const weft_task_options *options);

/* A factory whose tasks start eagerly. asyncio: eager_task_factory */
WEFT_API weft_task *weft_eager_task_factory(weft_loop *loop, weft_coroutine fn, void *arg,
                                            const weft_task_options *options, void *factory_arg);

/* Storage of weft_create_eager_task_factory(). Its contents are weft's. */
typedef struct weft_eager_maker {
    weft_task_factory make;
    void *make_arg;
} weft_eager_maker;

/**
 * weft_create_eager_task_factory - a factory that has another one make the tasks, with eager_start
 * set
 * @maker:    the caller's storage, for as long as the factory is in use; the factory's argument
 * @make:     makes the tasks, from options whose eager_start is 1 unless the caller said otherwise;
 *            NULL: weft_task_new()
 * @make_arg: passed to make
 *
 * weft_loop_set_task_factory(loop, weft_create_eager_task_factory(&maker, make, arg), &maker)
 *
 * Context: any thread
 * Return:  the factory; NULL with errno EINVAL for a NULL @maker
 * asyncio: create_eager_task_factory(make)
 */
WEFT_API weft_task_factory weft_create_eager_task_factory(weft_eager_maker *maker,
                                                          weft_task_factory make, void *make_arg);

WEFT_END

#endif
