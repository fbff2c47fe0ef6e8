/*
 * weft/future.h - futures: a result that is not there yet. Tasks are futures too.
 *
 * A future belongs to a loop from its creation; a concurrent future belongs to none. Completing,
 * cancelling, waiting, callbacks and references work from any thread. A future of a loop is
 * cheapest when only that loop uses it: it then costs no atomic operation at all. The first use by
 * another thread makes it shared for good, which costs a few microseconds once; a loop that sees
 * this often makes its futures shared from the start. A concurrent future is shared from the start.
 *
 * Who creates a future owns one reference. The result is a pointer that weft never looks into; if
 * nobody takes it, the future's drop function releases it.
 */
#ifndef WEFT_FUTURE_H
#define WEFT_FUTURE_H

#include <weft/base.h>
#include <weft/error.h>

WEFT_BEGIN

/**
 * weft_create_future - make a pending future on the running loop
 *
 * Context: any loop
 * Return:  owned by the caller; NULL with errno -WEFT_ENOLOOP or ENOMEM
 * asyncio: loop.create_future()
 */
WEFT_API weft_future *weft_create_future(void);

/**
 * weft_future_new - make a pending future on a loop, or a concurrent future
 * @loop: whose it is; works on a loop that is not running or closed. NULL: a concurrent future
 *
 * Callbacks of a concurrent future that were added outside any loop run in the thread that
 * completes it; cancel() on a cancelled one returns 1 again.
 *
 * Context: any thread
 * Return:  owned by the caller; NULL with errno ENOMEM
 * asyncio: Future(loop=...); concurrent.futures.Future()
 */
WEFT_API weft_future *weft_future_new(weft_loop *loop);

/* Another reference; returns the future. NULL is passed through. Any thread. */
WEFT_API weft_future *weft_ref(weft_future *future);

/**
 * weft_unref - give a reference back
 * @future: the last reference frees it; NULL is allowed. A task that is not done goes on without.
 *
 * With the last reference, an error that nobody looked at is reported to the loop's exception
 * handler, and a result that nobody took is passed to the drop function.
 *
 * Context: any thread
 * asyncio: del future
 */
WEFT_API void weft_unref(weft_future *future);

/**
 * weft_future_set_drop - say how a result that nobody takes is released
 * @drop: called at most once, in the thread that gives back the last reference; NULL for none
 *
 * Context: any thread, before the future is shared with others
 * Return:  0
 */
WEFT_API int weft_future_set_drop(weft_future *future, weft_drop drop);

/**
 * weft_future_set_result - complete a future with a result
 * @result: owned by the future once the call returns 0, still the caller's otherwise
 *
 * Never runs callbacks or waiters itself: they run in the next iteration of their loops.
 *
 * Context: any thread
 * Return:  0; WEFT_EINVALIDSTATE if it is done (nothing changes); WEFT_ERUNTIME for a task
 * asyncio: Future.set_result(result)
 */
WEFT_API int weft_future_set_result(weft_future *future, void *result);

/**
 * weft_future_set_exception - complete a future with an error
 * @code: negative; the current error object goes with it if it has this code, so that
 *        `weft_future_set_exception(f, weft_fail(-EIO, "..."))` says it all
 *
 * WEFT_ECANCELLED is an error like any other here: the future has failed, and is not cancelled.
 *
 * Context: any thread
 * Return:  0; WEFT_EINVALIDSTATE; -EINVAL for a code that is not negative; WEFT_ERUNTIME for a task
 * asyncio: Future.set_exception(exception)
 */
WEFT_API int weft_future_set_exception(weft_future *future, int code);

/**
 * weft_cancel - ask for cancellation
 *
 * A pending future is cancelled at once. A task gets WEFT_ECANCELLED at the call where it is
 * suspended, or at its next suspension; one that has not started never runs. From another thread
 * than the loop's, a task's request travels as a message. Tasks that await each other in a circle,
 * on one loop or on several, can only be ended so: one of them is taken out of its wait.
 *
 * Context: any thread
 * Return:  1 if accepted (by a concurrent future also if it was cancelled before); 0 if it was done
 *          already, or a thread runs the function that a concurrent future stands for; -ENOMEM
 *          (from another thread only)
 * asyncio: Future.cancel(), Task.cancel()
 */
WEFT_API int weft_cancel(weft_future *future);

/* As weft_cancel(), with a message that the cancellation error carries. The text is copied. */
WEFT_API int weft_cancel_msg(weft_future *future, const char *message);

/* 1 if the future has a result or an error or was cancelled, else 0. Any thread. asyncio: done() */
WEFT_API int weft_done(const weft_future *future);

/* 1 if the future was cancelled, else 0. Any thread. asyncio: cancelled() */
WEFT_API int weft_cancelled(const weft_future *future);

/**
 * weft_result - the outcome of a future that is done, without waiting
 * @ret_result: may be NULL; left alone unless 0 is returned
 *
 * Context: any thread
 * Return:  0; the future's own error (with its object as the current error); WEFT_ECANCELLED;
 *          WEFT_EINVALIDSTATE if it is pending
 * asyncio: Future.result()
 */
WEFT_API int weft_result(weft_future *future, void **ret_result);

/**
 * weft_exception - the error of a future that is done
 * @ret_error: NULL if it has a result; else owned by the caller
 *
 * Context: any thread
 * Return:  0; WEFT_ECANCELLED if it was cancelled; WEFT_EINVALIDSTATE if it is pending; -ENOMEM
 * asyncio: Future.exception()
 */
WEFT_API int weft_exception(weft_future *future, weft_error **ret_error);

/**
 * weft_await - wait for a future of any loop and give its outcome
 * @future:     borrowed
 * @ret_result: may be NULL; left alone unless 0 is returned
 *
 * Suspends the calling task, never the thread under it. Returns at once if the future is done. A
 * future that is done in one iteration resumes its waiters in the next, in the order in which they
 * began to wait.
 *
 * Context:      a task
 * Cancellation: cancels the future, and returns when that one has ended
 * Return:       0; the future's error; WEFT_ECANCELLED; WEFT_ENOTASK; WEFT_ESELFAWAIT; -EINVAL
 *               for NULL
 * asyncio:      await future
 */
WEFT_API int weft_await(weft_future *future, void **ret_result);

/* weft_await(), and gives the caller's reference back, whatever the outcome. NULL gives -errno. */
WEFT_API int weft_join(weft_future *future, void **ret_result);

/**
 * weft_future_wait - block the calling thread until the future is done
 * @timeout:    seconds; zero or less only tests, WEFT_FOREVER waits without limit
 * @ret_result: may be NULL; left alone unless 0 is returned
 *
 * Meant for threads that run no loop: in a loop's thread it blocks that loop. Any number of threads
 * may wait for one future, any number of times.
 *
 * Context: any thread
 * Return:  0; the future's error; WEFT_ECANCELLED; WEFT_ETIMEDOUT if the time is over (the future
 *          goes on); -EINVAL for a not-a-number time-out; -ENOMEM
 * asyncio: concurrent.futures.Future.result(timeout)
 */
WEFT_API int weft_future_wait(weft_future *future, double timeout, void **ret_result);

/**
 * weft_add_done_callback - have a function called when the future is done
 * @fn:  queued on the loop of the thread that adds it; added outside any loop, on the future's
 * loop, and for a concurrent future called in the thread that completes it (at once if it is done)
 * @arg: passed to fn
 *
 * Callbacks never run inside the call that completes the future of a loop. They run in a copy of the
 * context that is current now.
 *
 * Context: any thread
 * Return:  0; -EINVAL; -ENOMEM; WEFT_ELOOPCLOSED if the future is done and the loop closed
 * asyncio: Future.add_done_callback(fn)
 */
WEFT_API int weft_add_done_callback(weft_future *future, weft_done_callback fn, void *arg);

/* As weft_add_done_callback(), to run in this very context, which gets a reference (NULL: in a copy
 * of the current one). asyncio: Future.add_done_callback(fn, context=...) */
WEFT_API int weft_add_done_callback_in(weft_future *future, weft_context *context,
                                       weft_done_callback fn, void *arg);

/**
 * weft_remove_done_callback - take back every callback with this function and argument
 *
 * What was added on the future's own loop, or for it while no thread ran it, is found from that loop
 * or while no thread runs it; everything else from anywhere.
 *
 * Context: any thread
 * Return:  how many were removed: 0 once the future is done
 * asyncio: Future.remove_done_callback(fn)
 */
WEFT_API int weft_remove_done_callback(weft_future *future, weft_done_callback fn, void *arg);

/* The loop the future belongs to; NULL for a concurrent one. Any thread. asyncio: get_loop() */
WEFT_API weft_loop *weft_future_get_loop(const weft_future *future);

/**
 * weft_future_get_source_traceback - where a future or task was made, if that was in debug mode
 * @frames: filled with return addresses, the most recent call last
 * @max:    room in @frames; at most 10 are kept
 *
 * Futures of no loop have none.
 *
 * Context: any thread
 * Return:  how many; 0 outside debug mode; -EINVAL
 * asyncio: Future._source_traceback
 */
WEFT_API int weft_future_get_source_traceback(const weft_future *future, void **frames, int max);

/**
 * weft_future_format - the state as text: what it is, its outcome or what it waits for, its
 * callbacks
 * @buffer, @bytes: as in snprintf()
 *
 * Context: the future's loop (another thread sees its state only)
 * Return:  as snprintf()
 * asyncio: repr(future)
 */
WEFT_API int weft_future_format(const weft_future *future, char *buffer, size_t bytes);

WEFT_END

#endif
