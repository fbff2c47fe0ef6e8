/*
 * weft/loop.h - the event loop: callbacks, timers, descriptors, the exception handler.
 *
 * Most programs need none of this: weft_run() makes a loop and runs a coroutine on it. A loop is
 * used by one thread at a time; the calls marked "any thread" may be made beside it.
 *
 * One iteration: poll; queue the callbacks of ready descriptors; queue due timers; run what is
 * queued now. What that queues runs in the next iteration. While there is work, a poll is made
 * every so many steps rather than before each iteration (each, when there are add_reader or
 * add_writer callbacks).
 */
#ifndef WEFT_LOOP_H
#define WEFT_LOOP_H

#include <stdio.h>

#include <weft/base.h>
#include <weft/error.h>
#include <weft/future.h>

WEFT_BEGIN

/* What a loop takes for time. */
typedef enum weft_clock {
    WEFT_CLOCK_MONOTONIC = 0,
    WEFT_CLOCK_VIRTUAL =
        1, /* starts at 0; when nothing is ready it jumps to the next timer: nobody waits */
} weft_clock;

/* Through what a loop hears of its descriptors. */
typedef enum weft_poller {
    WEFT_POLLER_DEFAULT =
        0, /* as WEFT_POLLER in the environment says (epoll, io_uring); else epoll */
    WEFT_POLLER_EPOLL = 1,
    WEFT_POLLER_IO_URING =
        2, /* where the program is linked with weft_uring and the kernel allows it; else epoll */
} weft_poller;

/* How to make a loop; zero means the default of each. */
typedef struct weft_loop_options {
    weft_clock clock;
    int debug;          /* > 0: on, < 0: off, 0: as WEFT_DEBUG in the environment says */
    size_t stack_bytes; /* of tasks that do not say; 0: 64 KiB */
    weft_poller poller;
} weft_loop_options;

/**
 * weft_new_event_loop - make an open loop that is not running
 * @options: may be NULL
 *
 * Context: any thread
 * Return:  to be closed with weft_loop_close() and given back with weft_loop_free(); NULL with
 *          errno set
 * asyncio: new_event_loop()
 */
WEFT_API weft_loop *weft_new_event_loop(const weft_loop_options *options);

/* Frees a loop, closing it first if need be; futures and tasks of it may live on. 0 or
 * WEFT_ELOOPRUNNING. */
WEFT_API int weft_loop_free(weft_loop *loop);

/* The loop that is executing the caller; NULL with errno -WEFT_ENOLOOP. asyncio: get_running_loop()
 */
WEFT_API weft_loop *weft_get_running_loop(void);

/* The running loop, else the one set for this thread; NULL with errno -WEFT_ENOLOOP. asyncio:
 * get_event_loop() */
WEFT_API weft_loop *weft_get_event_loop(void);

/* Makes a loop the thread's current one (NULL: none). Does not start it. 0. asyncio:
 * set_event_loop() */
WEFT_API int weft_set_event_loop(weft_loop *loop);

/**
 * weft_loop_run_forever - run until weft_loop_stop()
 *
 * Context: the thread that is to run the loop
 * Return:  0; WEFT_ELOOPRUNNING (this loop, or another in this thread); WEFT_ELOOPCLOSED; a fatal
 *          error (WEFT_EINTERRUPTED, WEFT_ESYSTEMEXIT) that left a callback or task; -ENOMEM
 * asyncio: loop.run_forever()
 */
WEFT_API int weft_loop_run_forever(weft_loop *loop);

/**
 * weft_loop_run_until_complete - run until a future is done, and give its outcome
 * @future: borrowed, of this loop
 *
 * Context: the thread that is to run the loop
 * Return:  0; the future's error; WEFT_ELOOPSTOPPED if the loop was stopped first (a later run
 *          can finish it); -EINVAL for NULL or a future of another loop; as
 *          weft_loop_run_forever()
 * asyncio: loop.run_until_complete(future)
 */
WEFT_API int weft_loop_run_until_complete(weft_loop *loop, weft_future *future, void **ret_result);

/* Ends the run after the callbacks already queued. 0. Loop (elsewhere by call_soon_threadsafe).
 * asyncio: stop() */
WEFT_API int weft_loop_stop(weft_loop *loop);

/**
 * weft_loop_close - drop what is queued, without running it
 *
 * Idempotent. Tasks still pending are reported as destroyed. Closing one loop affects no other. What
 * the program's functions try that are called meanwhile, to release what is dropped or to hear of
 * it, finds the loop closed.
 *
 * Context: any thread
 * Return:  0; WEFT_ELOOPRUNNING, also for a loop that is just being closed
 * asyncio: loop.close()
 */
WEFT_API int weft_loop_close(weft_loop *loop);

WEFT_API int weft_loop_is_running(const weft_loop *loop); /* any thread */
WEFT_API int weft_loop_is_closed(const weft_loop *loop);  /* any thread */

/**
 * weft_loop_poller - the poller that is in force
 *
 * What was asked for may be missing or refused: a loop finds that out when it first waits for a descriptor, or
 * at the latest when this is asked. Where the kernel has no memory for a ring, its thread blocks for up to
 * eight of the kernel's grace periods (about 0.1 s), until that was in vain once in the process.
 *
 * Context: loop, or any thread while it does not run
 * Return:  "epoll" or "io_uring", static; NULL for NULL
 */
WEFT_API const char *weft_loop_poller(weft_loop *loop);

/* Seconds on the loop's monotonic clock. Any thread. asyncio: loop.time() */
WEFT_API double weft_loop_time(const weft_loop *loop);

/**
 * weft_loop_advance - move a virtual clock on, as a computation that takes so long would
 * @seconds: zero or more
 *
 * Context: loop
 * Return:  0; -EINVAL, also for a loop on the real clock
 */
WEFT_API int weft_loop_advance(weft_loop *loop, double seconds);

/**
 * weft_loop_set_idle_callback - have a function called when a loop on a virtual clock is stuck
 * @fn: called in place of a wait, when nothing is ready, no timer is armed and no work is under way
 *      in the pool: only a descriptor or another thread could bring more. NULL: none
 *
 * It may do whatever a callback may, such as stop the loop or cancel a task; what it queues runs in
 * the same iteration. If it changes nothing, the loop waits. A test finds here that all its tasks
 * wait for each other.
 *
 * Context: loop
 * Return:  0; -EINVAL, also for a loop on the real clock
 */
WEFT_API int weft_loop_set_idle_callback(weft_loop *loop, weft_callback fn, void *arg);

/**
 * weft_call_soon - have a callback run in the next iteration
 * @ret_handle: may be NULL; else a reference that the caller gives back with weft_handle_unref()
 *
 * Context: loop
 * Return:  0; WEFT_ELOOPCLOSED; -EINVAL; -ENOMEM; in debug mode WEFT_EWRONGTHREAD
 * asyncio: loop.call_soon(fn)
 */
WEFT_API int weft_call_soon(weft_loop *loop, weft_callback fn, void *arg, weft_handle **ret_handle);

/* As weft_call_soon() from any thread; wakes the loop. asyncio: loop.call_soon_threadsafe(fn) */
WEFT_API int weft_call_soon_threadsafe(weft_loop *loop, weft_callback fn, void *arg,
                                       weft_handle **ret_handle);

/* Runs fn no earlier than delay seconds from now; in order of deadline, equal ones first come
 * first. */
WEFT_API int weft_call_later(weft_loop *loop, double delay, weft_callback fn, void *arg,
                             weft_handle **ret_handle);

/* As weft_call_later(), at an absolute time of the loop's clock. asyncio: loop.call_at() */
WEFT_API int weft_call_at(weft_loop *loop, double when, weft_callback fn, void *arg,
                          weft_handle **ret_handle);

/*
 * Every callback runs in a copy of the context that was current when it was registered (for
 * descriptors and timers too); what it sets is seen by nobody else. These run it in the given context
 * itself, which gets a reference: NULL for a copy, as above. A callback whose context is entered
 * when its turn comes is reported with WEFT_ERUNTIME, and not called. asyncio: context=...
 */
WEFT_API int weft_call_soon_in(weft_loop *loop, weft_context *context, weft_callback fn, void *arg,
                               weft_handle **ret_handle);
WEFT_API int weft_call_soon_threadsafe_in(weft_loop *loop, weft_context *context, weft_callback fn,
                                          void *arg, weft_handle **ret_handle);
WEFT_API int weft_call_later_in(weft_loop *loop, weft_context *context, double delay,
                                weft_callback fn, void *arg, weft_handle **ret_handle);
WEFT_API int weft_call_at_in(weft_loop *loop, weft_context *context, double when, weft_callback fn,
                             void *arg, weft_handle **ret_handle);

/* Keeps the callback from running if it has not started. Idempotent. Loop. asyncio: Handle.cancel()
 */
WEFT_API void weft_handle_cancel(weft_handle *handle);
WEFT_API int weft_handle_cancelled(const weft_handle *handle); /* 1 after weft_handle_cancel() */
WEFT_API double weft_handle_when(const weft_handle *handle); /* the deadline; NAN for one without */
/* As weft_future_get_source_traceback(), of a handle. */
WEFT_API int weft_handle_get_source_traceback(const weft_handle *handle, void **frames, int max);
WEFT_API weft_handle *weft_handle_ref(weft_handle *handle);
WEFT_API void weft_handle_unref(weft_handle *handle); /* NULL is allowed */

/**
 * weft_loop_add_reader - call fn in every iteration in which a descriptor is readable
 * @fd: one reader and one writer each; a second one replaces the first. Hang-up and errors count as
 * ready
 *
 * Context: loop
 * Return:  0; -EBADF; -EPERM for a file that cannot be polled; WEFT_ERUNTIME for a descriptor that a
 *          transport or a weft_socket uses (FDIO-08); WEFT_ELOOPCLOSED; -ENOMEM; -EINVAL
 * asyncio: loop.add_reader(fd, fn)
 */
WEFT_API int weft_loop_add_reader(weft_loop *loop, int fd, weft_callback fn, void *arg);
WEFT_API int weft_loop_add_writer(weft_loop *loop, int fd, weft_callback fn, void *arg);
WEFT_API int weft_loop_remove_reader(weft_loop *loop, int fd); /* 1 if there was one, else 0 */
WEFT_API int weft_loop_remove_writer(weft_loop *loop, int fd); /* 1 if there was one, else 0 */

/**
 * weft_loop_set_debug - switch debug mode on or off
 *
 * In debug mode a registration from a wrong thread is refused; a step of a task, or a callback, that
 * took weft_loop_set_slow_callback_duration() causes one report; and futures, tasks and handles
 * record where they were made, which reports about them show. Switched off, all of that ends at once.
 *
 * Context: loop; elsewhere it counts from the loop's next look at more than its queue
 * Return:  0; -EINVAL
 * asyncio: loop.set_debug(on)
 */
WEFT_API int weft_loop_set_debug(weft_loop *loop, int on);
WEFT_API int weft_loop_get_debug(const weft_loop *loop); /* 1 or 0. Any thread */

/* How long, by the loop's clock, is too long for a step in debug mode; seconds, 0.1 at first. 0 or
 * -EINVAL. Loop. asyncio: loop.slow_callback_duration */
WEFT_API int weft_loop_set_slow_callback_duration(weft_loop *loop, double seconds);
WEFT_API double weft_loop_get_slow_callback_duration(const weft_loop *loop);

/**
 * weft_loop_set_watchdog - have stalls reported while they last
 * @seconds: a step of a task, or a callback, that takes so long by the real clock is reported once,
 *           with its thread's calls; 0: one second in debug mode, unless the clock is virtual, and
 *           otherwise not at all (this is how a loop begins); less: not at all
 *
 * Counts from the loop's next run on. The report goes to the exception handler from a thread of its
 * own, which lives while there are such runs. The calls are found out by a signal (SIGURG) to the
 * loop's thread: a sleep of the system that the thread is in may end early with EINTR. A program that
 * handles that signal itself sees its own ones, if its handler was there first. Once for each
 * stall; a loop that waits does not stall.
 *
 * Context: loop
 * Return:  0; -EINVAL
 */
WEFT_API int weft_loop_set_watchdog(weft_loop *loop, double seconds);

/* What is known about a failure that has no caller. Entries that do not apply are NULL or 0. */
typedef struct weft_report {
    const char *message;
    int code;            /* of the error; 0 if there is none */
    weft_error *error;   /* borrowed; may be NULL for a plain code */
    weft_future *future; /* borrowed: the future or task that it is about */
    weft_task *task;
    weft_handle *handle;
    weft_generator *asyncgen;           /* borrowed: the asynchronous generator that it is about */
    const struct weft_report *original; /* the report whose handler failed */
    void *const *source_traceback;      /* debug mode: the calls that the future, task or handle was
                                           made in, return addresses, the most recent one last */
    int source_traceback_count;
    void *const *stack; /* of a stall: the calls that its thread is in, in the same way */
    int stack_count;
} weft_report;

/* Gets every report of the loop, in the thread that makes it, and in a copy of the context of the
 * task or handle that it is about. A negative return is reported itself. */
typedef int (*weft_exception_handler)(weft_loop *loop, const weft_report *report, void *arg);

/* Sets the handler (NULL: the default, which writes to standard error). 0. asyncio:
 * set_exception_handler() */
WEFT_API int weft_loop_set_exception_handler(weft_loop *loop, weft_exception_handler handler,
                                             void *arg);
WEFT_API weft_exception_handler weft_loop_get_exception_handler(const weft_loop *loop);

/* Reports to the loop's handler. Any thread. asyncio: loop.call_exception_handler() */
WEFT_API void weft_loop_call_exception_handler(weft_loop *loop, const weft_report *report);

/* Writes the report to standard error as one text, with the calls that its error was made in. Any
 * thread. asyncio: default_exception_handler() */
WEFT_API void weft_loop_default_exception_handler(weft_loop *loop, const weft_report *report);

/* What a loop has done since it was made. */
typedef struct weft_loop_stats {
    uint64_t tasks;      /* first steps of tasks */
    uint64_t switches;   /* steps of tasks and callbacks */
    uint64_t iterations; /* turns of the loop */
    uint64_t polls;      /* visits to the poller */
    uint64_t parks;      /* times it slept */
    uint64_t stolen;     /* tasks taken from other loops */
} weft_loop_stats;

/* Copies the counters. 0 or -EINVAL. Any thread; a running loop's are a little behind. */
WEFT_API int weft_loop_get_stats(const weft_loop *loop, weft_loop_stats *ret_stats);

WEFT_END

#endif
