/*
 * weft/wait.h - waiting for several things: gather, wait, as_completed; and shielding one.
 *
 * All of them take arrays of futures that the caller goes on to own: results are read from there.
 * A task made on the spot goes in as any other future:
 *
 *     weft_future *jobs[] = {
 *         weft_create_task(fetch, "a", NULL),
 *         weft_create_task(fetch, "b", NULL),
 *     };
 *     int err = weft_join(weft_gather(jobs, 2, 0), NULL);
 *
 * Beyond asyncio the futures may belong to different loops. An element that is NULL (a constructor
 * that failed) is refused, and what lies beside it is left alone.
 */
#ifndef WEFT_WAIT_H
#define WEFT_WAIT_H

#include <weft/base.h>
#include <weft/future.h>

WEFT_BEGIN

/* Flags of weft_gather(). */
enum {
    WEFT_RETURN_EXCEPTIONS = 1, /* errors are results: wait for all, whatever they end with */
};

/**
 * weft_gather - a future that is done when all of several are
 * @futures: borrowed; each is kept alive until it is done
 * @count:   how many; 0: a future that is done already
 * @flags:   0: fails with the first error, while the others run on; WEFT_RETURN_EXCEPTIONS
 *
 * Its own result is NULL. Cancelling it cancels every child that is not done: it then ends with
 * WEFT_ECANCELLED, as a failure, once a child (with WEFT_RETURN_EXCEPTIONS: all of them) has ended.
 *
 * Context: loop; outside a running one it belongs to the children's, or to the thread's current loop
 * Return:  owned by the caller; NULL with errno EINVAL for a NULL child, -WEFT_ENOLOOP,
 *          -WEFT_EWRONGTHREAD if the children's loop is run by another thread, ENOMEM
 * asyncio: gather(*aws, return_exceptions=...)
 */
WEFT_API weft_future *weft_gather(weft_future *const *futures, size_t count, int flags);

/* When weft_wait() returns. */
typedef enum weft_return_when {
    WEFT_ALL_COMPLETED = 0,
    WEFT_FIRST_COMPLETED = 1,
    WEFT_FIRST_EXCEPTION = 2, /* the first that fails (a cancelled one does not), else all */
} weft_return_when;

/**
 * weft_wait - wait until some of several futures are done
 * @futures:  borrowed; in place put in two parts: those that are done, then those that are not, each
 *            in the order in which they were; one that stands there twice still does
 * @count:    at least one
 * @timeout:  seconds, after which it returns with what is done; WEFT_FOREVER: no limit
 * @when:     see there
 * @ret_done: how many are done; may be NULL
 *
 * Nothing is cancelled, and no error of theirs is raised. Always suspends.
 *
 * Context:      a task
 * Cancellation: ends the wait, and touches none of the futures; the array is as it was
 * Return:       0; WEFT_ECANCELLED; WEFT_ENOTASK; -EINVAL for no futures, a NULL among them, a
 *               time-out that is not a number, an unknown @when; -ENOMEM
 * asyncio:      wait(fs, timeout=..., return_when=...)
 */
WEFT_API int weft_wait(weft_future **futures, size_t count, double timeout, weft_return_when when,
                       size_t *ret_done);

/* An iteration over futures in the order in which they get done. */
typedef struct weft_as_completed {
    struct weft_as_completed_state *state_;
} weft_as_completed;

/**
 * weft_as_completed_begin - begin such an iteration
 * @iter:    the caller's storage, until weft_as_completed_end()
 * @futures: borrowed; each is kept alive until it is done; one that stands there twice counts once
 * @timeout: seconds for the whole iteration; WEFT_FOREVER: no limit
 *
 * Context: loop
 * Return:  0; WEFT_ENOLOOP; -EINVAL for a NULL among them or a time-out that is not a number; -ENOMEM
 * asyncio: as_completed(aws, timeout=...)
 */
WEFT_API int weft_as_completed_begin(weft_as_completed *iter, weft_future *const *futures,
                                     size_t count, double timeout);

/**
 * weft_as_completed_next - the next future that is done
 * @ret_future: borrowed from the array that was given
 *
 * The futures' own errors are not raised: the future says how it ended. Several tasks of the loop
 * may ask at once; each gets another one, in the order in which they asked.
 *
 * Context:      a task of the loop that began it
 * Cancellation: nothing is taken
 * Return:       0; WEFT_ESTOPITERATION after the last; WEFT_ETIMEDOUT once the time is over (what
 *               got done before is given first); WEFT_ECANCELLED; WEFT_ENOTASK
 * asyncio:      async for future in as_completed(aws)
 */
WEFT_API int weft_as_completed_next(weft_as_completed *iter, weft_future **ret_future);

/**
 * weft_as_completed_next_result - the outcome of the next future that is done
 * @ret_result: may be NULL; left alone unless 0 is returned
 *
 * Context:      a task of the loop that began it
 * Cancellation: nothing is taken
 * Return:       0; the future's error; as weft_as_completed_next()
 * asyncio:      for aw in as_completed(aws): await aw
 */
WEFT_API int weft_as_completed_next_result(weft_as_completed *iter, void **ret_result);

/* How many have not been given out yet. Loop. */
WEFT_API size_t weft_as_completed_left(const weft_as_completed *iter);

/* Ends the iteration, early or not; cancels none of the futures. Whoever still asks gets
 * WEFT_ESTOPITERATION. Loop. */
WEFT_API void weft_as_completed_end(weft_as_completed *iter);

/**
 * weft_shield - await something without passing a cancellation on to it
 * @future: borrowed; kept alive until it is done
 *
 * Cancelling the shield, or the task that awaits it, leaves the future running. Cancelling the
 * future cancels the shield.
 *
 * Context: loop; outside a running one the shield belongs to the future's loop
 * Return:  owned by the caller: a new future, or another reference to one that is done already;
 *          NULL with errno EINVAL, -WEFT_ENOLOOP for a concurrent future, -WEFT_EWRONGTHREAD, ENOMEM
 * asyncio: shield(aw)
 */
WEFT_API weft_future *weft_shield(weft_future *future);

WEFT_END

#endif
