/*
 * error_slot.h - where the current error of a task or a thread is kept.
 */
#ifndef WEFT_RUNTIME_TASK_ERROR_SLOT_H
#define WEFT_RUNTIME_TASK_ERROR_SLOT_H

#include <stdatomic.h>
#include <weft/error.h>

struct error_slot {
    weft_error *current;         /* of the call that failed last; owned */
    struct weft_except *handled; /* the innermost `except` block */
};

struct stack;

/* The slot of the running task, and the stack it runs on; NULL: none is running. */
typedef struct error_slot *(*error_slot_hook)(const struct stack **ret_stack);

/* Set by the scheduler, to one and the same function whenever a loop is made: relaxed. */
extern _Atomic(error_slot_hook) wf_error_slot_hook;

/* The slot that the caller's errors go to. */
struct error_slot *wf_error_slot(void);

/* Makes error (owned; may be NULL) the slot's current one. */
static inline void error_slot_set(struct error_slot *slot, weft_error *error)
{
    weft_error *old = slot->current;
    slot->current = error;
    if (__builtin_expect(old != NULL, 0))
        weft_error_unref(old);
}

/* As error_slot_set(), for an error that may be in other hands: what the slot handles becomes its
 * context. */
void wf_error_raise(struct error_slot *slot, weft_error *error);

/* Takes the current error out if it goes with this code; NULL if none does (a stale one is
 * dropped). */
weft_error *wf_error_slot_take(struct error_slot *slot, int code);

/* Gives back what the slot holds. */
void wf_error_slot_fini(struct error_slot *slot);

#endif
