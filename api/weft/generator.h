/*
 * weft/generator.h - asynchronous generators: functions that yield values one by one, and may await
 * in between.
 *
 *     static int lines(weft_generator *self, void *arg)
 *     {
 *         char *line;
 *         int err;
 *         while (!(err = read_line(arg, &line)) && line)
 *             if ((err = weft_generator_yield(self, line, NULL)))
 *                 break;
 *         return err;
 *     }
 *
 *     weft_generator *g = weft_generator_new(lines, file, NULL);
 *     void *line;
 *     while (!(err = weft_generator_next(g, &line)))
 *         puts(line);
 *     if (err == WEFT_ESTOPITERATION)
 *         err = 0;
 *     weft_generator_unref(g);
 *
 * The body runs on a stack of its own, inside the task that asks for a value: while it awaits, that
 * task is suspended, and a cancellation of the task arrives in the body. A generator belongs to the
 * loop on which it was first asked; it yields pointers that weft never looks into.
 */
#ifndef WEFT_GENERATOR_H
#define WEFT_GENERATOR_H

#include <weft/base.h>
#include <weft/error.h>

WEFT_BEGIN

/*
 * A body: 0 when there are no more values, or a negative error, which comes out of the request that
 * led to it.
 */
typedef int (*weft_generator_fn)(weft_generator *self, void *arg);

/* Zero means the default of each. */
typedef struct weft_generator_options {
    const char *name;   /* for reports; copied */
    size_t stack_bytes; /* 0: as the loop's tasks */
    weft_drop arg_drop; /* releases the argument when the generator is freed */
} weft_generator_options;

/**
 * weft_generator_new - make a generator; nothing of its body runs yet
 * @arg:     passed to the body
 * @options: may be NULL
 *
 * Context: any thread
 * Return:  owned by the caller; NULL with errno EINVAL (no body, or a stack larger than there is)
 *          or ENOMEM (arg is still the caller's)
 * asyncio: calling an async def with a yield in it
 */
WEFT_API weft_generator *weft_generator_new(weft_generator_fn fn, void *arg,
                                            const weft_generator_options *options);

/* Another reference; NULL is passed through. Any thread. */
WEFT_API weft_generator *weft_generator_ref(weft_generator *generator);

/**
 * weft_generator_unref - give a reference back; NULL is allowed
 *
 * With the last one, a generator that is suspended at a yield is closed by a task of its loop, as by
 * weft_generator_close(), and freed after that; if it does not let itself be closed, with its loop.
 * One that is running is closed so when the request is over.
 *
 * Context: any thread
 * asyncio: del generator
 */
WEFT_API void weft_generator_unref(weft_generator *generator);

/**
 * weft_generator_next - run the body to its next yield
 * @ret_value: what it yields; may be NULL
 *
 * Context:      a task of the generator's loop
 * Cancellation: arrives in the body, where that awaits
 * Return:       0; WEFT_ESTOPITERATION when the body has returned, and ever after; the body's error;
 *               WEFT_ERUNTIME if a request is under way, or the body itself failed with
 *               WEFT_ESTOPITERATION; WEFT_EWRONGTHREAD on another loop; WEFT_ENOTASK; -ENOMEM
 *               (nothing has run); -EINVAL
 * asyncio:      await anext(generator)
 */
WEFT_API int weft_generator_next(weft_generator *generator, void **ret_value);

/* As weft_generator_next(), with a value in place of WEFT_ESTOPITERATION. asyncio: anext(g, default) */
WEFT_API int weft_generator_next_or(weft_generator *generator, void *default_value,
                                    void **ret_value);

/**
 * weft_generator_send - as weft_generator_next(); the yield that the body is at gives it a value
 * @value: -EINVAL unless it is NULL for a generator that has not started
 *
 * asyncio: await generator.asend(value)
 */
WEFT_API int weft_generator_send(weft_generator *generator, void *value, void **ret_value);

/**
 * weft_generator_throw - as weft_generator_next(); the yield that the body is at fails
 * @code: negative; the current error object goes with it if it has this code
 *
 * One that has not started is finished by it. Of a finished one it returns 0 and no value.
 *
 * asyncio: await generator.athrow(error)
 */
WEFT_API int weft_generator_throw(weft_generator *generator, int code, void **ret_value);

/**
 * weft_generator_close - end the body: the yield that it is at fails with WEFT_EGENERATOREXIT
 *
 * The body may clean up, and await while it does. One that has not started, or is finished, only
 * counts as finished from now on.
 *
 * Context:      a task of the generator's loop
 * Cancellation: as for weft_generator_next()
 * Return:       0; the error that came out instead; WEFT_ERUNTIME if a request is under way, or the
 *               body yields; else as weft_generator_next()
 * asyncio:      await generator.aclose()
 */
WEFT_API int weft_generator_close(weft_generator *generator);

/**
 * weft_generator_yield - give a value to who asked, and wait for the next request
 * @self:     the generator whose body this is
 * @value:    anything
 * @ret_sent: what weft_generator_send() brings, else NULL; may be NULL itself
 *
 * Context: the body
 * Return:  0; what weft_generator_throw() raises here; WEFT_EGENERATOREXIT to clean up and return;
 *          WEFT_ERUNTIME outside the body, and inside a weft_context_run() that the body has called
 * asyncio: yield value
 */
WEFT_API int weft_generator_yield(weft_generator *self, void *value, void **ret_sent);

/**
 * weft_loop_shutdown_asyncgens - close all generators that were started on the running loop and are
 * not finished, all at the same time, and wait for them
 *
 * Then the error of each that failed is reported to the exception handler. weft_run() and the runner
 * do this after the tasks are over.
 *
 * Context:      a task of the loop
 * Cancellation: cancels the closing of all, and returns when that has ended
 * Return:       0; WEFT_ECANCELLED; WEFT_ENOTASK; WEFT_EWRONGTHREAD for another loop; -ENOMEM
 * asyncio:      await loop.shutdown_asyncgens()
 */
WEFT_API int weft_loop_shutdown_asyncgens(weft_loop *loop);

WEFT_END

#endif
