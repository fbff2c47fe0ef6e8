/*
 * weft/thread.h - the bridge between loops and threads: blocking functions in the pool, and
 * coroutines from threads that run no loop.
 */
#ifndef WEFT_THREAD_H
#define WEFT_THREAD_H

#include <weft/base.h>
#include <weft/future.h>
#include <weft/task.h>

WEFT_BEGIN

/**
 * weft_to_thread - run a blocking function in the runtime's pool
 * @fn:  called once in a pool thread, in a copy of the current context; its result and error become
 *       the future's
 * @arg: passed to fn
 *
 * While the pool's queue is full, a calling task waits for room (a callback gets -EAGAIN instead).
 * Cancelling the future drops the work if no thread has taken it; else the thread runs it to its
 * end and the outcome is dropped.
 *
 * Context:      any loop
 * Cancellation: cancelled while waiting for room, the call fails with ECANCELED and nothing was
 *               submitted
 * Return:       owned by the caller; NULL with errno -WEFT_ENOLOOP, -WEFT_ESHUTDOWN, ECANCELED,
 *               EINVAL, ENOMEM, or EAGAIN when no thread can be made
 * asyncio:      asyncio.to_thread(fn, arg)
 */
WEFT_API weft_future *weft_to_thread(weft_coroutine fn, void *arg);

/* What an executor's submit does while its queue is full. */
typedef enum weft_when_full {
    WEFT_FULL_WAIT = 0, /* the calling task, or foreign thread, waits */
    WEFT_FULL_FAIL = 1, /* the call fails with EAGAIN */
} weft_when_full;

/* How to make an executor; zero means the default of each. */
typedef struct weft_executor_options {
    int max_threads;     /* 0: usable CPUs + 4, at most 32; negative: EINVAL */
    size_t queue_max;    /* jobs that may wait for a thread; 0: 4096 */
    double idle_timeout; /* seconds after which an idle thread ends; 0: 10 */
    weft_when_full when_full;
} weft_executor_options;

/* Makes a pool of threads, started on demand. Owned by the caller. NULL with errno. Any thread. */
WEFT_API weft_executor *weft_executor_new(const weft_executor_options *options);

/**
 * weft_executor_shutdown - stop accepting work
 * @wait_timeout:  seconds to wait until the threads have ended; 0: do not wait
 * @cancel_queued: work that no thread has taken is cancelled
 *
 * Context: any thread; with a wait, it blocks the calling thread
 * Return:  0; WEFT_ETIMEDOUT if work still runs (it is left to its end)
 * asyncio: Executor.shutdown(wait, cancel_futures)
 */
WEFT_API int weft_executor_shutdown(weft_executor *executor, double wait_timeout,
                                    int cancel_queued);

/* Shuts down without waiting, and gives the handle back; running work ends by itself. NULL is
 * allowed. */
WEFT_API void weft_executor_free(weft_executor *executor);

/**
 * weft_run_in_executor - submit a blocking function to an executor
 * @loop:     whose the future is, and which must not be freed meanwhile; NULL: the running one, or
 *            none (a concurrent future, for foreign threads)
 * @executor: must not be freed meanwhile; NULL: the default one of the loop's runtime, made at the
 *            first use
 *
 * While the queue is full, a calling task waits for room, whatever loop the future is of, and a
 * thread that runs no loop is blocked; with WEFT_FULL_FAIL, and in a callback, the call fails with
 * EAGAIN instead. A thread of the executor itself does not wait: its work goes beyond the bound.
 *
 * Cancelling a loop's future is as with weft_to_thread(). A concurrent future can be cancelled as
 * long as no thread has taken the work; after that weft_cancel() returns 0.
 *
 * Context: any thread
 * Return:  as weft_to_thread(); also errno -WEFT_ELOOPCLOSED
 * asyncio: loop.run_in_executor(executor, fn, arg), Executor.submit(fn, arg)
 */
WEFT_API weft_future *weft_run_in_executor(weft_loop *loop, weft_executor *executor,
                                           weft_coroutine fn, void *arg);

/**
 * weft_loop_set_default_executor - replace the executor that weft_to_thread() uses
 * @executor: the caller's, who may free it afterwards; the runtime refers to it until the runtime is
 *            closed. The one that was there before is not shut down.
 *
 * Context: any thread
 * Return:  0, -EINVAL, -ENOMEM (the old one stays), WEFT_ESHUTDOWN after
 *          weft_loop_shutdown_default_executor(), or when the runtime is being closed
 * asyncio: loop.set_default_executor(executor)
 */
WEFT_API int weft_loop_set_default_executor(weft_loop *loop, weft_executor *executor);

/**
 * weft_loop_shutdown_default_executor - stop the pool, without blocking the loop
 * @timeout: seconds; WEFT_FOREVER: no limit. When it expires, a warning names the functions still
 * running
 *
 * From then on the runtime has no default executor: weft_to_thread() fails with -WEFT_ESHUTDOWN.
 * That holds also if there was none yet.
 *
 * Context: a task of the loop
 * Return:  0; WEFT_ECANCELLED; -EINVAL; -ENOMEM, and it was not waited for: ask again
 * asyncio: loop.shutdown_default_executor(timeout)
 */
WEFT_API int weft_loop_shutdown_default_executor(weft_loop *loop, double timeout);

/**
 * weft_run_coroutine_threadsafe - start a coroutine on a loop from any thread
 * @fn, @arg: as in weft_create_task()
 *
 * Returns at once. The task runs in a copy of the submitter's context. Wait for the future with weft_future_wait(); cancelling it makes it cancelled at
 * once and asks the loop to cancel the task.
 *
 * Context: any thread
 * Return:  a concurrent future, owned by the caller; NULL with errno -WEFT_ELOOPCLOSED (arg_drop
 *          has been called then), EINVAL or ENOMEM (arg is still the caller's)
 * asyncio: run_coroutine_threadsafe(coro, loop)
 */
WEFT_API weft_future *weft_run_coroutine_threadsafe(weft_coroutine fn, void *arg, weft_loop *loop);

/* As above, with the task's options (name, stack, drops, context; eager_start is ignored). */
WEFT_API weft_future *weft_run_coroutine_threadsafe_with(weft_coroutine fn, void *arg,
                                                         weft_loop *loop,
                                                         const weft_task_options *options);

/**
 * weft_wrap_future - a future of the running loop that mirrors another
 * @future: borrowed; a future of this loop is returned as it is, with a further reference
 *
 * Context: any loop
 * Return:  owned by the caller; NULL with errno
 * asyncio: wrap_future(future)
 */
WEFT_API weft_future *weft_wrap_future(weft_future *future);

WEFT_END

#endif
