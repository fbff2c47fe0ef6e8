/*
 * errors.h - a group of errors to take apart, and a look at what is in one.
 */
#ifndef WEFT_TESTS_TASK_ERRORS_H
#define WEFT_TESTS_TASK_ERRORS_H

#include "tests/support/sim.h"

/* A predicate: whether an error has the code that arg points to. */
__attribute__((unused)) static int has_code(const weft_error *error, void *arg)
{
    return weft_error_code(error) == *(int *)arg;
}

/* a group: outer[io(1), inner[pipe(2), io(3)], pipe(4)] */
__attribute__((unused)) static weft_error *nested_group(void)
{
    weft_error *inner_errors[] = {weft_error_new(-EPIPE, "2"), weft_error_new(-EIO, "3")};
    weft_error *inner = weft_error_group("inner", inner_errors, 2);
    weft_error *errors[] = {weft_error_new(-EIO, "1"), inner, weft_error_new(-EPIPE, "4")};
    weft_error *outer = weft_error_group("outer", errors, 3);

    for (int i = 0; i < 2; i++)
        weft_error_unref(inner_errors[i]);
    for (int i = 0; i < 3; i++)
        weft_error_unref(errors[i]);
    return outer;
}

/* Records the messages of an error and its members. */
__attribute__((unused)) static void note_error(const weft_error *error)
{
    trace("%s", weft_error_message(error));
    if (!weft_error_count(error))
        return;
    trace("[");
    for (size_t i = 0; i < weft_error_count(error); i++)
        note_error(weft_error_at(error, i));
    trace("]");
}

#endif
