/*
 * exit_stack.c - what has to be done when a block of code is left.
 */
#include <errno.h>

#include <weft/error.h>
#include <weft/exit_stack.h>

#include "runtime/base/likely.h"

int weft_exit_stack_push(weft_exit_stack *stack, weft_exit *exit, weft_exit_fn fn, void *arg)
{
    if (!stack || !exit || !fn)
        return -EINVAL;
    *exit = (weft_exit){stack->top_, fn, arg};
    stack->top_ = exit;
    return 0;
}

int weft_exit_stack_pop_all(weft_exit_stack *stack, weft_exit_stack *ret_to)
{
    if (!stack || !ret_to)
        return -EINVAL;
    *ret_to = *stack;
    stack->top_ = NULL;
    return 0;
}

/* One function, with the error that it is to see as the one being handled. */
static int call(weft_exit_fn fn, void *arg, int code)
{
    weft_except handling;

    if (!code)
        return fn(arg, 0);
    weft_error *error = weft_error_ref(weft_except_begin(&handling, code));
    if (error)
        weft_raise(weft_error_ref(error)); /* the current one inside as well */
    int rc = fn(arg, code);
    weft_except_end(&handling);
    if (rc == code && error)
        return weft_raise(error); /* whatever failed and was dealt with in between */
    weft_error_unref(error);
    return rc;
}

int weft_exit_stack_close(weft_exit_stack *stack, int code)
{
    if (!stack || code > 0)
        return -EINVAL;
    while (stack->top_) {
        weft_exit *exit = stack->top_;
        stack->top_ = exit->below_;
        code = call(exit->fn_, exit->arg_, code); /* exit is the caller's again */
        if (unlikely(code > 0))
            code = weft_fail(WEFT_EPANIC, "an exit returned a positive number");
    }
    return code;
}
