/*
 * error.c - error objects: made, shared, copied, freed, asked.
 */
#include "runtime/task/error_object.h"

#include <string.h>

#include "runtime/base/mem.h"

weft_error *weft_error_ref(weft_error *error)
{
    if (error)
        atomic_fetch_add_explicit(&error->refs, 1, memory_order_relaxed); /* we hold one already */
    return error;
}

static size_t error_bytes(int frames_count)
{
    return sizeof(weft_error) + (size_t)frames_count * sizeof(void *);
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
        mem_free(dead->partial, dead->partial_bytes);
        mem_free(dead->message, dead->text_bytes);
        mem_free(dead, error_bytes(dead->frames_count));
    }
}

weft_error *wf_error_make(int code, const struct error_slot *slot, void *const *frames,
                          int frames_count)
{
    weft_error *error = mem_zalloc(error_bytes(frames_count));
    if (!error)
        return NULL;
    error->frames_count = frames_count;
    for (int i = 0; i < frames_count; i++)
        error->frames[i] = frames[i];
    atomic_init(&error->refs, 1);
    error->code = code;
    error->number = code == WEFT_EINCOMPLETEREAD ? WEFT_UNKNOWN : 0;
    if (slot && slot->handled)
        error->context = weft_error_ref(slot->handled->error);
    return error;
}

bool wf_error_set_partial(weft_error *error, const void *partial, size_t bytes)
{
    if (!bytes)
        return true;
    error->partial = mem_alloc(bytes);
    if (!error->partial)
        return false;
    memcpy(error->partial, partial, bytes);
    error->partial_bytes = bytes;
    return true;
}

bool wf_error_set_text(weft_error *error, const char *text, size_t length)
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
        ok = wf_error_set_text(error, small, (size_t)length);
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

weft_error *wf_error_makev(int code, const struct error_slot *slot, const struct error_trail *trail,
                           const char *format, va_list args)
{
    weft_error *error = wf_error_make(code, slot, trail->frames, trail->count);
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
    struct error_trail trail;
    va_list args;

    wf_error_trail(&trail, __builtin_frame_address(0));
    va_start(args, format);
    weft_error *error = wf_error_makev(code, NULL, &trail, format, args);
    va_end(args);
    if (!error)
        errno = ENOMEM;
    return error;
}

weft_error *wf_error_in_context(const weft_error *error, const struct error_slot *slot)
{
    return wf_error_copy(error, slot->handled ? slot->handled->error : NULL);
}

weft_error *wf_error_copy(const weft_error *error, weft_error *context)
{
    weft_error *copy = wf_error_make(error->code, NULL, error->frames, error->frames_count);
    if (!copy)
        return NULL;
    copy->context = weft_error_ref(context);
    copy->cause = weft_error_ref(error->cause);
    if (error->message && !wf_error_set_text(copy, error->message, error->text_bytes - 1))
        goto unref_copy;
    if (!wf_error_set_partial(copy, error->partial, error->partial_bytes))
        goto unref_copy;
    copy->number = error->number;
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

int weft_error_get_stack(const weft_error *error, void **frames, int max)
{
    if (!error || !frames || max < 0)
        return -EINVAL;
    int count = error->frames_count < max ? error->frames_count : max;
    for (int i = 0; i < count; i++)
        frames[i] = error->frames[i];
    return count;
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
