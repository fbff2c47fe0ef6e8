/*
 * error_current.c - the current error of each task and thread: who raises, who catches.
 */
#include <pthread.h>

#include "runtime/task/error_object.h"
#include "runtime/task/unwind.h"

_Atomic(error_slot_hook) wf_error_slot_hook;

/* The slot of code outside tasks. What it holds when the thread ends is given back by a destructor. */
static _Thread_local struct error_slot thread_slot;
static _Thread_local bool thread_slot_known;
static pthread_once_t thread_slot_once = PTHREAD_ONCE_INIT;
static pthread_key_t thread_slot_key;
static bool thread_slot_key_made; /* written once, under thread_slot_once */

static void thread_slot_end(void *slot)
{
    wf_error_slot_fini(slot);
}

static void thread_slot_make_key(void)
{
    thread_slot_key_made = pthread_key_create(&thread_slot_key, thread_slot_end) == 0;
}

/* Without a key, or memory for the thread's entry, a thread that ends takes its last error along. */
static void thread_slot_register(void)
{
    thread_slot_known = true;
    pthread_once(&thread_slot_once, thread_slot_make_key);
    if (thread_slot_key_made)
        (void)pthread_setspecific(thread_slot_key, &thread_slot);
}

/* The running task's slot and stack, or NULL. */
static struct error_slot *task_slot(const struct stack **ret_stack)
{
    error_slot_hook hook = atomic_load_explicit(&wf_error_slot_hook, memory_order_relaxed);
    return hook ? hook(ret_stack) : NULL;
}

void wf_error_trail(struct error_trail *trail, const void *frame)
{
    const struct stack *stack;

    trail->count =
        task_slot(&stack) ? wf_unwind_from(frame, stack, trail->frames, ERROR_FRAMES_MAX) : 0;
    for (int i = 0; i < trail->count / 2; i++) { /* newest first becomes oldest first */
        void *address = trail->frames[i];
        trail->frames[i] = trail->frames[trail->count - 1 - i];
        trail->frames[trail->count - 1 - i] = address;
    }
}

__attribute__((noinline)) struct error_slot *wf_error_slot(void)
{
    const struct stack *stack;
    struct error_slot *slot = task_slot(&stack);
    if (slot)
        return slot;
    if (!thread_slot_known)
        thread_slot_register();
    return &thread_slot;
}

int(weft_fail)(int code, const char *format, ...)
{
    struct error_slot *slot = wf_error_slot();
    struct error_trail trail;
    va_list args;

    wf_error_trail(&trail, __builtin_frame_address(0));
    va_start(args, format);
    error_slot_set(slot, wf_error_makev(code, slot, &trail, format, args));
    va_end(args);
    return code;
}

int(weft_fail_from)(weft_error *cause, int code, const char *format, ...)
{
    struct error_slot *slot = wf_error_slot();
    struct error_trail trail;
    va_list args;

    wf_error_trail(&trail, __builtin_frame_address(0));
    va_start(args, format);
    weft_error *error = wf_error_makev(code, slot, &trail, format, args);
    va_end(args);
    if (error)
        error->cause = weft_error_ref(cause);
    error_slot_set(slot, error);
    return code;
}

int weft_raise(weft_error *error)
{
    struct error_slot *slot = wf_error_slot();

    if (!error)
        return -EINVAL;
    int code = error->code;
    wf_error_raise(slot, error);
    return code;
}

/* Whether `link` is found in the error's causes and contexts, along one line of them. */
static bool error_leads_to(const weft_error *error, const weft_error *link)
{
    for (; error; error = error->context ? error->context : error->cause)
        if (error == link)
            return true;
    return false;
}

void wf_error_raise(struct error_slot *slot, weft_error *error)
{
    if (error && slot->handled && slot->handled->error && !error->context &&
        !error_leads_to(slot->handled->error, error)) {
        weft_error *copy = wf_error_in_context(error, slot);
        if (copy) {
            weft_error_unref(error);
            error = copy;
        }
    }
    error_slot_set(slot, error);
}

weft_error *weft_error_current(void)
{
    return wf_error_slot()->current;
}

weft_error *wf_error_slot_take(struct error_slot *slot, int code)
{
    weft_error *error = slot->current;

    slot->current = NULL;
    if (error && error->code != code) {
        weft_error_unref(error);
        error = NULL;
    }
    return error;
}

void wf_error_slot_fini(struct error_slot *slot)
{
    error_slot_set(slot, NULL);
}

weft_error *weft_catch(int code)
{
    if (code >= 0) {
        errno = EINVAL;
        return NULL;
    }
    struct error_slot *slot = wf_error_slot();
    weft_error *error = wf_error_slot_take(slot, code);
    if (!error)
        error = wf_error_make(code, slot, NULL, 0);
    if (!error)
        errno = ENOMEM;
    return error;
}

weft_error *weft_except_begin(weft_except *scope, int code)
{
    struct error_slot *slot = wf_error_slot();

    scope->error = weft_catch(code);
    scope->outer = slot->handled;
    slot->handled = scope;
    return scope->error;
}

void weft_except_end(weft_except *scope)
{
    struct error_slot *slot = wf_error_slot();

    if (slot->handled == scope)
        slot->handled = scope->outer;
    weft_error_unref(scope->error);
    scope->error = NULL;
}
