/*
 * error_object.h - what an error object is made of, and how those of any kind are made.
 *
 * An object is written while it is made, and never afterwards: it may be shared by all threads.
 * Only its reference count changes. Chains are trees by construction (an error can only refer to
 * older ones), so no cycle arises, and a long chain is freed without recursion.
 */
#ifndef WEFT_RUNTIME_TASK_ERROR_OBJECT_H
#define WEFT_RUNTIME_TASK_ERROR_OBJECT_H

#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>

#include <weft/error.h>

#include "runtime/task/error_slot.h"

struct weft_error {
    _Atomic uint32_t refs; /* any thread, by RMW */
    int code;
    weft_error *cause, *context;
    char *message; /* NULL: none; text_bytes with the terminating zero */
    size_t text_bytes;
    weft_error **members;
    size_t count;
    void *partial; /* what an incomplete read got; NULL: nothing */
    size_t partial_bytes;
    size_t number;     /* that an incomplete read expected, that an overrun consumed */
    weft_error *dying; /* while it is being freed: the next one to free */
    int frames_count;
    void *frames[]; /* where in its task it was made: return addresses, outermost call first */
};

/* The newest calls of the running task: so many tell where an error comes from. */
#define ERROR_FRAMES_MAX 64

struct error_trail {
    int count;
    void *frames[ERROR_FRAMES_MAX]; /* outermost call first */
};

/* Walks the running task's calls, from a frame that the caller is in; outside tasks there are none.
 * A public function passes its own, so that the trail ends with the code that called it. */
void wf_error_trail(struct error_trail *trail, const void *frame);

/* A bare object; what the slot (may be NULL) handles becomes its context. NULL: no memory. */
weft_error *wf_error_make(int code, const struct error_slot *slot, void *const *frames,
                          int frames_count);

/* Gives a bare object its message, a copy. False: no memory. */
bool wf_error_set_text(weft_error *error, const char *text, size_t length);

/* Gives a bare object the bytes that were read, a copy. False: no memory. */
bool wf_error_set_partial(weft_error *error, const void *partial, size_t bytes);

/* An object with its message, unless format is NULL. NULL: no memory. */
WEFT_PRINTF(4, 0)
weft_error *wf_error_makev(int code, const struct error_slot *slot, const struct error_trail *trail,
                           const char *format, va_list args);

/* A copy with another context (which may be NULL). NULL: no memory. */
weft_error *wf_error_copy(const weft_error *error, weft_error *context);

/* A copy with what is handled here as context; the object itself may be in other hands. NULL: no
 * memory. */
weft_error *wf_error_in_context(const weft_error *error, const struct error_slot *slot);

#endif
