/*
 * weft/runner.h - running a program: weft_run() for one coroutine, weft_runner for a runtime in a
 * scope.
 *
 * A runtime is a set of loops, one a core by default, with a thread pool. The first loop runs in
 * the thread that calls weft_runner_run(); the others have threads of their own, which start when
 * they are first needed.
 */
#ifndef WEFT_RUNNER_H
#define WEFT_RUNNER_H

#include <weft/base.h>
#include <weft/loop.h>

WEFT_BEGIN

/* How to make a runtime; zero (or a NULL pointer to the whole) means the default of each. */
typedef struct weft_runner_options {
    int loops;               /* 0: one a usable CPU; at most 64 */
    int max_threads;         /* of the pool; 0: usable CPUs + 4, at most 32 */
    size_t pool_queue;       /* jobs that may wait for a pool thread; 0: 4096 */
    size_t stack_bytes;      /* of tasks that do not say; 0: 64 KiB */
    weft_clock clock;        /* WEFT_CLOCK_VIRTUAL needs one loop, and makes it the default.
                                WEFT_CLOCK=virtual in the environment asks for it too: so a test
                                of a program that sleeps need not wait */
    weft_poller poller;      /* of all loops; WEFT_POLLER_DEFAULT leaves it to the environment */
    int debug;               /* > 0: on, < 0: off, 0: as WEFT_DEBUG in the environment says */
    double watchdog;         /* as weft_loop_set_watchdog(), for all loops */
    double shutdown_timeout; /* seconds that close waits for pool threads; 0: 300 */
    weft_loop *(*loop_factory)(void *arg); /* makes the first loop; called once */
    void *loop_factory_arg;
} weft_runner_options;

/* A runtime's owner, in the caller's storage. Its contents are weft's. */
typedef struct weft_runner {
    struct weft_runtime *runtime;
    weft_runner_options options;
    int state;
} weft_runner;

/**
 * weft_run - run a coroutine in a runtime of its own, from start to clean-up
 * @main:       the main task
 * @ret_result: may be NULL; left alone unless 0 is returned
 *
 * Afterwards all unfinished tasks have been cancelled and awaited, asynchronous generators closed,
 * the pool is shut down and the loops closed.
 *
 * In the program's main thread, and unless the program handles SIGINT itself, Ctrl-C cancels the main
 * task, and the call returns WEFT_EINTERRUPTED if it then ends cancelled. A second one ends the run
 * without waiting for it; a third one, if a loop that is stuck has heard none of them, the process.
 *
 * Context: any thread that runs no loop
 * Return:  0; what main returned; WEFT_EINTERRUPTED; WEFT_ELOOPRUNNING inside a loop; WEFT_ELOOPSTOPPED; -EINVAL;
 *          -ENOMEM
 * asyncio: asyncio.run(main())
 */
WEFT_API int weft_run(weft_coroutine main, void *arg, void **ret_result);

/* As weft_run(), with options; NULL for the defaults. */
WEFT_API int weft_run_with(const weft_runner_options *options, weft_coroutine main, void *arg,
                           void **ret_result);

/**
 * weft_runner_init - prepare a runner in the caller's storage
 * @options: copied; may be NULL
 *
 * Makes no loop and starts nothing: the first of run, start and get_loop does.
 *
 * Context: any thread
 * Return:  0; -EINVAL for options out of range
 * asyncio: asyncio.Runner(...)
 */
WEFT_API int weft_runner_init(weft_runner *runner, const weft_runner_options *options);

/**
 * weft_runner_run - run a coroutine on the runner's first loop, in the calling thread
 *
 * Can be called any number of times; tasks left unfinished go on during the next run.
 *
 * Context: a thread that runs no loop, one at a time
 * Return:  as weft_run(); WEFT_ECLOSED after close; WEFT_ELOOPRUNNING when it was started in the
 *          background
 * asyncio: Runner.run(coro)
 */
WEFT_API int weft_runner_run(weft_runner *runner, weft_coroutine main, void *arg,
                             void **ret_result);

/* As weft_runner_run(), in this very context (NULL: in the runner's, which began as a copy of the
 * current one when the runtime was made, and which all such runs share). asyncio: Runner.run(coro,
 * context=...) */
WEFT_API int weft_runner_run_in(weft_runner *runner, weft_context *context, weft_coroutine main,
                                void *arg, void **ret_result);

/**
 * weft_runner_start - run the runtime in the background, all loops on threads of their own
 *
 * For an existing program that submits with weft_run_coroutine_threadsafe() to
 * weft_runner_get_loop(). Its loops run until weft_runner_close(): a weft_loop_stop() there ends a
 * turn and not the loop; so does a fatal error, which is reported.
 *
 * Context: any thread
 * Return:  0; WEFT_ECLOSED; WEFT_ELOOPRUNNING if it runs already; -EAGAIN when no thread can be
 *          made; -ENOMEM
 * asyncio: a thread that calls loop.run_forever()
 */
WEFT_API int weft_runner_start(weft_runner *runner);

/* The first loop; NULL with errno. It is the same until close. Any thread. asyncio:
 * Runner.get_loop() */
WEFT_API weft_loop *weft_runner_get_loop(weft_runner *runner);

/* Loop number index of the runtime; NULL with errno EINVAL beyond the last. Any thread. */
WEFT_API weft_loop *weft_runner_loop_at(weft_runner *runner, int index);

/* How many loops the runtime has; 0 before the first use. Any thread. */
WEFT_API int weft_runner_loops(const weft_runner *runner);

/**
 * weft_runner_close - end the runtime
 *
 * Cancels and awaits all unfinished tasks of all loops, shuts the pool down (waiting at most
 * shutdown_timeout, then a warning names the functions still running), closes the loops and joins
 * their threads. Idempotent.
 *
 * It blocks the calling thread. A task of another runtime hands it to weft_to_thread(). Of threads
 * that close at once one does it, and the others do not wait for that.
 *
 * Context: a thread that runs no loop, and is none of its pool
 * Return:  0; WEFT_ELOOPRUNNING from inside any loop, or while a thread runs the first loop; nothing
 *          has happened then
 * asyncio: Runner.close()
 */
WEFT_API int weft_runner_close(weft_runner *runner);

WEFT_END

#endif
