/*
 * weft/timeout.h - time limits for what a task waits for.
 */
#ifndef WEFT_TIMEOUT_H
#define WEFT_TIMEOUT_H

#include <weft/base.h>
#include <weft/future.h>

WEFT_BEGIN

/**
 * weft_wait_for - await a future, for a limited time
 * @future:     borrowed
 * @timeout:    seconds; zero or less: only if it is done; WEFT_FOREVER: no limit
 * @ret_result: may be NULL; left alone unless 0 is returned
 *
 * When the time is over the future is cancelled, and the call returns when it has really ended: so
 * it can take longer than the time-out, and gives the value or other error that the future ended
 * with. A limit that is not reached costs a few nanoseconds.
 *
 * Context:      a task
 * Cancellation: cancels the future, and returns when that one has ended
 * Return:       0; the future's error; WEFT_ETIMEDOUT; WEFT_ECANCELLED; WEFT_ENOTASK; -EINVAL
 * asyncio:      asyncio.wait_for(future, timeout)
 */
WEFT_API int weft_wait_for(weft_future *future, double timeout, void **ret_result);

WEFT_END

#endif
