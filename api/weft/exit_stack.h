/*
 * weft/exit_stack.h - what has to be done when a block of code is left, gathered while it runs.
 *
 *     static int remove_file(void *path, int code)
 *     {
 *         int rc = unlink(path) ? weft_fail(-errno, "cannot remove %s", (char *)path) : 0;
 *         return rc ? rc : code;
 *     }
 *
 *     weft_exit_stack exits = WEFT_EXIT_STACK_INIT;
 *     weft_exit removal;
 *     weft_exit_stack_push(&exits, &removal, remove_file, path);
 *     int err = body();
 *     return weft_exit_stack_close(&exits, err);
 *
 * The stack and its entries are the caller's storage: pushing needs no memory and cannot fail.
 */
#ifndef WEFT_EXIT_STACK_H
#define WEFT_EXIT_STACK_H

#include <weft/base.h>

WEFT_BEGIN

/**
 * weft_exit_fn - what is done at the end of a block
 * @code: what the block has come to so far: 0, or a negative error (the current one)
 *
 * May suspend. What fails in it has the block's error as context.
 *
 * Return: @code, and the error goes on as it is; 0, and it is suppressed; another negative error,
 *         which takes its place
 */
typedef int (*weft_exit_fn)(void *arg, int code);

/* An entry. Its contents are weft's. */
typedef struct weft_exit {
    struct weft_exit *below_;
    weft_exit_fn fn_;
    void *arg_;
} weft_exit;

/* The caller's storage: set to WEFT_EXIT_STACK_INIT (zero bytes). */
typedef struct weft_exit_stack {
    weft_exit *top_;
} weft_exit_stack;

/* asyncio: contextlib.AsyncExitStack() */
#define WEFT_EXIT_STACK_INIT \
    {                        \
        NULL                 \
    }

/**
 * weft_exit_stack_push - have a function called at the end of the block
 * @exit: the caller's storage, until it was called
 *
 * Functions may push more while the stack is closed: they are next.
 *
 * Context: the code that has the stack
 * Return:  0; -EINVAL
 * asyncio: AsyncExitStack.push_async_exit(), .push_async_callback(), .enter_async_context()
 */
WEFT_API int weft_exit_stack_push(weft_exit_stack *stack, weft_exit *exit, weft_exit_fn fn,
                                  void *arg);

/**
 * weft_exit_stack_pop_all - hand everything that is to be done over to another stack
 * @ret_to: is set; the first stack is empty afterwards
 *
 * Context: the code that has the stack
 * Return:  0; -EINVAL
 * asyncio: AsyncExitStack.pop_all()
 */
WEFT_API int weft_exit_stack_pop_all(weft_exit_stack *stack, weft_exit_stack *ret_to);

/**
 * weft_exit_stack_close - leave the block: call the functions, the newest first
 * @code: what the block ended with: 0, or a negative error (the current one)
 *
 * Each sees what those before it made of the error. All of them are called, whatever happens. The
 * stack is empty afterwards and can be used again.
 *
 * Context:      the code that has the stack; a task, if the functions suspend
 * Cancellation: is up to the functions; one that is cancelled is an error like others
 * Return:       what is left in the end: 0, or a negative error (the current one); -EINVAL
 * asyncio:      the end of async with AsyncExitStack(); .aclose()
 */
WEFT_API int weft_exit_stack_close(weft_exit_stack *stack, int code);

WEFT_END

#endif
