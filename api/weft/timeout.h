/*
 * weft/timeout.h - time limits for what a task waits for.
 */
#ifndef WEFT_TIMEOUT_H
#define WEFT_TIMEOUT_H

#include <stdbool.h>
#include <stdint.h>

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

/*
 * A block of code with a deadline:
 *
 *     weft_timeout limit;
 *     weft_timeout_init(&limit, 2.5);
 *     int err = weft_timeout_begin(&limit);
 *     if (!err)
 *         err = weft_timeout_end(&limit, body());
 *     if (err == WEFT_ETIMEDOUT)
 *         ...
 *
 * In the caller's storage, and in place while the block is active.
 */
typedef struct weft_timeout {
    void *host_; /* in a generator: what keeps the task */
    union {
        void *align_;
        unsigned char bytes_[80];
    } limit_;           /* what strikes; from weft_timeout_begin() on */
    double when_;       /* once it is fixed */
    int64_t delay_ns_;  /* before that: so long from when it was made, */
    int64_t latest_ns_; /* and then at the latest */
    int cancelling_;    /* the task's count on entry */
    bool fixed_;
    unsigned char state_;
} weft_timeout;

/**
 * weft_timeout_init - make a timeout that counts from now
 * @delay: seconds; zero or less: the block is interrupted where it first suspends; WEFT_FOREVER:
 *         never
 *
 * A deadline that is not reached costs a few nanoseconds. For that, one of 0.1 s or more on the real
 * clock is fixed later than here: never too early, and at most 10 ms too late.
 *
 * Context: loop
 * Return:  0; WEFT_ENOLOOP; -EINVAL for a not-a-number delay
 * asyncio: timeout(delay)
 */
WEFT_API int weft_timeout_init(weft_timeout *timeout, double delay);

/**
 * weft_timeout_init_at - make a timeout that strikes at a time
 * @when: absolute, on the clock of the loop that it is used on; WEFT_FOREVER: never
 *
 * Context: any thread
 * Return:  0; -EINVAL for a time that is not a number
 * asyncio: timeout_at(when)
 */
WEFT_API int weft_timeout_init_at(weft_timeout *timeout, double when);

/**
 * weft_timeout_begin - enter the block
 *
 * If the calling task is suspended when the deadline strikes, or suspends after that, it is
 * cancelled: inside the block that is WEFT_ECANCELLED.
 *
 * In a generator the block belongs to the task that entered it, also while the generator is suspended:
 * that one is cancelled, wherever it is; if it is over nobody is.
 *
 * Context: a task
 * Return:  0; WEFT_ERUNTIME if it was entered before; WEFT_ENOTASK; -EINVAL; in a generator, or with
 *          a deadline that has passed, -ENOMEM
 * asyncio: async with timeout(...):
 */
WEFT_API int weft_timeout_begin(weft_timeout *timeout);

/**
 * weft_timeout_end - leave the block
 * @code: what the block ended with: 0, or a negative error (the current one)
 *
 * Never suspends.
 *
 * Context: the task that entered; in a generator any task of its loop
 * Return:  WEFT_ETIMEDOUT if the block ended by the deadline's cancellation and nobody else asked
 *          for one; else @code; WEFT_ERUNTIME if this task is not in it; -EINVAL
 * asyncio: the end of async with timeout(...)
 */
WEFT_API int weft_timeout_end(weft_timeout *timeout, int code);

/**
 * weft_timeout_reschedule - move the deadline
 * @when: absolute; in the past: interrupts where the block next suspends; WEFT_FOREVER: none
 *
 * Context: loop: the block, or another task of the loop
 * Return:  0; WEFT_ERUNTIME before the block, after it, and once the deadline has struck; -ENOMEM
 *          for a time in the past (the old deadline stands); -EINVAL
 * asyncio: Timeout.reschedule(when)
 */
WEFT_API int weft_timeout_reschedule(weft_timeout *timeout, double when);

/* The absolute deadline; WEFT_FOREVER: none. Loop: that of the timeout. asyncio: Timeout.when() */
WEFT_API double weft_timeout_when(const weft_timeout *timeout);

/* 1 if the deadline struck inside the block, also after it; else 0. Loop. asyncio: expired() */
WEFT_API int weft_timeout_expired(const weft_timeout *timeout);

/* Writes it as text, as snprintf() does. Loop. asyncio: repr(timeout) */
WEFT_API int weft_timeout_format(const weft_timeout *timeout, char *buffer, size_t bytes);

WEFT_END

#endif
