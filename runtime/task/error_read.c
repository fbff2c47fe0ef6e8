/*
 * error_read.c - what the errors of reading carry: the bytes that came before the end, and how many
 * were searched in vain.
 */
#include "runtime/task/error_object.h"

WEFT_PRINTF(4, 5)
static weft_error *read_error(int code, const struct error_slot *slot,
                              const struct error_trail *trail, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    weft_error *error = wf_error_makev(code, slot, trail, format, args);
    va_end(args);
    return error;
}

int(weft_fail_incomplete_read)(const void *partial, size_t bytes, size_t expected)
{
    struct error_slot *slot = wf_error_slot();
    struct error_trail trail;
    weft_error *error;

    if (!partial && bytes)
        return weft_fail(-EINVAL, "bytes were read, but not given");
    wf_error_trail(&trail, __builtin_frame_address(0));
    if (expected == WEFT_UNKNOWN)
        error = read_error(WEFT_EINCOMPLETEREAD, slot, &trail,
                           "the end came after %zu bytes of an unknown number", bytes);
    else
        error = read_error(WEFT_EINCOMPLETEREAD, slot, &trail,
                           "the end came after %zu of %zu bytes", bytes, expected);
    if (error && !wf_error_set_partial(error, partial, bytes)) {
        weft_error_unref(error);
        error = NULL;
    }
    if (error)
        error->number = expected;
    error_slot_set(slot, error);
    return WEFT_EINCOMPLETEREAD;
}

int(weft_fail_limit_overrun)(size_t consumed, const char *format, ...)
{
    struct error_slot *slot = wf_error_slot();
    struct error_trail trail;
    va_list args;

    wf_error_trail(&trail, __builtin_frame_address(0));
    va_start(args, format);
    weft_error *error = wf_error_makev(WEFT_ELIMITOVERRUN, slot, &trail, format, args);
    va_end(args);
    if (error)
        error->number = consumed;
    error_slot_set(slot, error);
    return WEFT_ELIMITOVERRUN;
}

const void *weft_error_partial(const weft_error *error, size_t *ret_bytes)
{
    if (ret_bytes)
        *ret_bytes = error ? error->partial_bytes : 0;
    return error ? error->partial : NULL;
}

size_t weft_error_expected(const weft_error *error)
{
    return error && error->code == WEFT_EINCOMPLETEREAD ? error->number : WEFT_UNKNOWN;
}

size_t weft_error_consumed(const weft_error *error)
{
    return error && error->code == WEFT_ELIMITOVERRUN ? error->number : 0;
}
