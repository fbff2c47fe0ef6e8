/*
 * error.c - error objects, and the current error of each task and thread.
 *
 * An object is written while it is made, and never afterwards: it may be shared by all threads.
 * Only its reference count changes. Chains are trees by construction (an error can only refer to
 * older ones), so no cycle arises, and a long chain is freed without recursion.
 */
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

#include <weft/error.h>

#include "runtime/base/mem.h"
#include "runtime/task/error_slot.h"

struct weft_error {
    _Atomic uint32_t refs; /* any thread, by RMW */
    int code;
    weft_error *cause, *context;
    char *message; /* NULL: none; text_bytes with the terminating zero */
    size_t text_bytes;
    weft_error **members;
    size_t count;
    weft_error *dying; /* while it is being freed: the next one to free */
};

_Atomic(struct error_slot *(*)(void)) wf_error_slot_hook;

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

__attribute__((noinline)) struct error_slot *wf_error_slot(void)
{
    struct error_slot *(*hook)(void) =
        atomic_load_explicit(&wf_error_slot_hook, memory_order_relaxed);
    struct error_slot *slot = hook ? hook() : NULL;
    if (slot)
        return slot;
    if (!thread_slot_known)
        thread_slot_register();
    return &thread_slot;
}

weft_error *weft_error_ref(weft_error *error)
{
    if (error)
        atomic_fetch_add_explicit(&error->refs, 1, memory_order_relaxed); /* we hold one already */
    return error;
}

/* Gives one reference back; the last one puts the object on the list of those to free. */
static void error_drop(weft_error *error, weft_error **dying)
{
    /* Release: our reads come before the free. Acquire: so do everybody's. */
    if (!error || atomic_fetch_sub_explicit(&error->refs, 1, memory_order_acq_rel) != 1)
        return;
    error->dying = *dying;
    *dying = error;
}

void weft_error_unref(weft_error *error)
{
    weft_error *dying = NULL;

    error_drop(error, &dying);
    while (dying) {
        weft_error *dead = dying;
        dying = dead->dying;
        error_drop(dead->cause, &dying);
        error_drop(dead->context, &dying);
        for (size_t i = 0; i < dead->count; i++)
            error_drop(dead->members[i], &dying);
        mem_free(dead->members, dead->count * sizeof(dead->members[0]));
        mem_free(dead->message, dead->text_bytes);
        mem_free(dead, sizeof(*dead));
    }
}

/* Whether `link` is found in the error's causes and contexts, along one line of them. */
static bool error_leads_to(const weft_error *error, const weft_error *link)
{
    for (; error; error = error->context ? error->context : error->cause)
        if (error == link)
            return true;
    return false;
}

/* A bare object; what is handled here becomes its context. */
static weft_error *error_make(int code, const struct error_slot *slot)
{
    weft_error *error = mem_zalloc(sizeof(*error));
    if (!error)
        return NULL;
    atomic_init(&error->refs, 1);
    error->code = code;
    if (slot && slot->handled)
        error->context = weft_error_ref(slot->handled->error);
    return error;
}

static bool error_set_text(weft_error *error, const char *text, size_t length)
{
    error->message = mem_alloc(length + 1);
    if (!error->message)
        return false;
    memcpy(error->message, text, length);
    error->message[length] = '\0';
    error->text_bytes = length + 1;
    return true;
}

WEFT_PRINTF(2, 0) static bool error_format(weft_error *error, const char *format, va_list args)
{
    char small[256];
    va_list again;

    va_copy(again, args);
    int length = vsnprintf(small, sizeof(small), format, args);
    bool ok = length >= 0;
    if (ok && (size_t)length < sizeof(small)) {
        ok = error_set_text(error, small, (size_t)length);
    } else if (ok) {
        error->text_bytes = (size_t)length + 1;
        error->message = mem_alloc(error->text_bytes);
        ok = error->message && vsnprintf(error->message, error->text_bytes, format, again) >= 0;
        if (!error->message)
            error->text_bytes = 0;
    }
    va_end(again);
    return ok;
}

WEFT_PRINTF(3, 0)
static weft_error *error_newv(int code, const struct error_slot *slot, const char *format,
                              va_list args)
{
    weft_error *error = error_make(code, slot);
    if (error && format && !error_format(error, format, args)) {
        weft_error_unref(error);
        return NULL;
    }
    return error;
}

weft_error *weft_error_new(int code, const char *format, ...)
{
    if (code >= 0) {
        errno = EINVAL;
        return NULL;
    }
    va_list args;
    va_start(args, format);
    weft_error *error = error_newv(code, NULL, format, args);
    va_end(args);
    if (!error)
        errno = ENOMEM;
    return error;
}

int weft_fail(int code, const char *format, ...)
{
    struct error_slot *slot = wf_error_slot();
    va_list args;

    va_start(args, format);
    error_slot_set(slot, error_newv(code, slot, format, args));
    va_end(args);
    return code;
}

int weft_fail_from(weft_error *cause, int code, const char *format, ...)
{
    struct error_slot *slot = wf_error_slot();
    va_list args;

    va_start(args, format);
    weft_error *error = error_newv(code, slot, format, args);
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

/* A copy with what is handled here as context; the object itself may be in other hands. NULL: no
 * memory. */
static weft_error *error_in_context(const weft_error *error, const struct error_slot *slot)
{
    weft_error *copy = error_make(error->code, slot);
    if (!copy)
        return NULL;
    copy->cause = weft_error_ref(error->cause);
    if (error->message && !error_set_text(copy, error->message, error->text_bytes - 1))
        goto unref_copy;
    if (error->count) {
        copy->members = mem_alloc(error->count * sizeof(copy->members[0]));
        if (!copy->members)
            goto unref_copy;
        for (; copy->count < error->count; copy->count++)
            copy->members[copy->count] = weft_error_ref(error->members[copy->count]);
    }
    return copy;

unref_copy:
    weft_error_unref(copy);
    return NULL;
}

void wf_error_raise(struct error_slot *slot, weft_error *error)
{
    if (error && slot->handled && slot->handled->error && !error->context &&
        !error_leads_to(slot->handled->error, error)) {
        weft_error *copy = error_in_context(error, slot);
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
        error = error_make(code, slot);
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

/* A group of these members, each with a further reference. NULL: no memory. */
static weft_error *group_make(const char *message, weft_error *const *errors, size_t count)
{
    weft_error *group = error_make(WEFT_EGROUP, NULL);
    if (!group || !error_set_text(group, message, strlen(message)))
        goto unref_group;
    group->members = mem_alloc(count * sizeof(group->members[0]));
    if (!group->members)
        goto unref_group;
    for (; group->count < count; group->count++)
        group->members[group->count] = weft_error_ref(errors[group->count]);
    return group;

unref_group:
    weft_error_unref(group);
    return NULL;
}

weft_error *weft_error_group(const char *message, weft_error *const *errors, size_t count)
{
    bool valid = errors && count && message;
    for (size_t i = 0; valid && i < count; i++)
        valid = errors[i] != NULL;
    weft_error *group = valid ? group_make(message, errors, count) : NULL;
    if (!group)
        errno = valid ? ENOMEM : EINVAL;
    return group;
}

/* A group that is being parted, inside the one that it is a member of. */
struct split_level {
    struct split_level *outer;
    weft_error *group;
    size_t asked; /* so many members have been parted */
    size_t matches, rests;
    weft_error *parts[]; /* matches from the front, rests from the back; owned */
};

static size_t level_bytes(const weft_error *group)
{
    return sizeof(struct split_level) + 2 * group->count * sizeof(weft_error *);
}

static bool level_enter(struct split_level **level, weft_error *group)
{
    struct split_level *inner = mem_alloc(level_bytes(group));
    if (!inner)
        return false;
    *inner = (struct split_level){.outer = *level, .group = group};
    *level = inner;
    return true;
}

static void level_leave(struct split_level **level)
{
    struct split_level *inner = *level;
    *level = inner->outer;
    while (inner->matches)
        weft_error_unref(inner->parts[--inner->matches]);
    while (inner->rests)
        weft_error_unref(inner->parts[inner->group->count + --inner->rests]);
    mem_free(inner, level_bytes(inner->group));
}

/* What became of the next member; both references pass to the level. */
static void level_add(struct split_level *level, weft_error *match, weft_error *rest)
{
    if (match)
        level->parts[level->matches++] = match;
    if (rest)
        level->parts[level->group->count + level->rests++] = rest;
    level->asked++;
}

/* The group's likeness with these members: NULL for none; false: no memory. */
static bool group_part(const weft_error *group, weft_error *const *members, size_t count,
                       weft_error **ret_part)
{
    *ret_part = count ? group_make(group->message, members, count) : NULL;
    if (!*ret_part)
        return count == 0;
    (*ret_part)->cause = weft_error_ref(group->cause);
    (*ret_part)->context = weft_error_ref(group->context);
    return true;
}

/* The parts of a group all of whose members have been parted. */
static bool level_parts(const struct split_level *level, weft_error **ret_match,
                        weft_error **ret_rest)
{
    const weft_error *group = level->group;
    if (!group_part(group, level->parts, level->matches, ret_match))
        return false;
    if (group_part(group, level->parts + group->count, level->rests, ret_rest))
        return true;
    weft_error_unref(*ret_match);
    return false;
}

int weft_error_split(weft_error *error, weft_error_predicate wanted, void *arg,
                     weft_error **ret_match, weft_error **ret_rest)
{
    struct split_level *level = NULL;
    weft_error *match, *rest;

    if (!error || !wanted)
        return -EINVAL;
    /* Groups in groups may be many: the levels are on the heap. */
    for (;;) {
        bool whole = wanted(error, arg) != 0;
        if (!whole && error->count) {
            if (!level_enter(&level, error))
                goto leave_levels;
            error = error->members[0];
            continue;
        }
        match = whole ? weft_error_ref(error) : NULL;
        rest = whole ? NULL : weft_error_ref(error);
        for (;;) {
            if (!level) {
                *ret_match = match;
                *ret_rest = rest;
                return 0;
            }
            level_add(level, match, rest);
            if (level->asked < level->group->count)
                break;
            if (!level_parts(level, &match, &rest))
                goto leave_levels;
            level_leave(&level);
        }
        error = level->group->members[level->asked];
    }

leave_levels:
    while (level)
        level_leave(&level);
    return -ENOMEM;
}

int weft_error_code(const weft_error *error)
{
    return error ? error->code : 0;
}

const char *weft_error_message(const weft_error *error)
{
    return error ? error->message : NULL;
}

weft_error *weft_error_cause(const weft_error *error)
{
    return error ? error->cause : NULL;
}

weft_error *weft_error_context(const weft_error *error)
{
    return error ? error->context : NULL;
}

size_t weft_error_count(const weft_error *error)
{
    return error ? error->count : 0;
}

weft_error *weft_error_at(const weft_error *error, size_t index)
{
    return error && index < error->count ? error->members[index] : NULL;
}
