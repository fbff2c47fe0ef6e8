/*
 * values.c - values, errors and states, as they are written in a trace.
 */
#include "tests/oracle/values.h"

#include <string.h>

/* What asyncio calls the errors that a program can meet here; NULL for any other. */
static const char *error_name(int code)
{
    switch (code) {
#define NAME(constant, value, text, asyncio) \
    case constant:                           \
        return asyncio;
        WEFT_ERRORS(NAME)
#undef NAME
    case -EINVAL:
        return "ValueError";
    case USER_ERROR:
        return "UserError";
    default:
        return NULL;
    }
}

void write_value(struct text *text, void *value)
{
    if (value)
        text_add(text, "%ld", number_of_value(value));
    else
        text_add(text, "none");
}

static void write_cancellation(struct text *text, const weft_error *error)
{
    const char *message = weft_error_message(error);
    text_add(text, message && *message ? "CancelledError(%s)" : "CancelledError", message);
}

void write_error(struct run *run, struct text *text, int code, const weft_error *error)
{
    const char *name = error_name(code);

    if (code == WEFT_ECANCELLED) {
        write_cancellation(text, error);
    } else if (code == USER_ERROR) {
        text_add(text, "UserError(%s)", weft_error_message(error));
    } else if (code == WEFT_EGROUP) {
        text_add(text, "ExceptionGroup[");
        for (size_t i = 0; i < weft_error_count(error); i++) {
            weft_error *member = weft_error_at(error, i);
            text_add(text, i ? "," : "");
            write_error(run, text, weft_error_code(member), member);
        }
        text_add(text, "]");
    } else if (name) {
        text_add(text, "%s", name);
    } else {
        run_break(run, "unexpected error %s", weft_error_name(code));
    }
}

void write_current_error(struct run *run, struct text *text, int code)
{
    const weft_error *error = weft_error_current();
    write_error(run, text, code, weft_error_code(error) == code ? error : NULL);
}

/* A member of a gather's list, which is done: its value, or its error. */
static void write_outcome(struct run *run, struct text *text, const struct object *object)
{
    weft_error *error = NULL;

    if (weft_cancelled(object->future)) {
        /* A list has no message that a task's body has raised: that is for the first who asks. */
        if (object->type != TYPE_TASK || object->returned)
            write_current_error(run, text, weft_result(object->future, NULL));
        else
            text_add(text, "CancelledError");
    } else if (weft_exception(object->future, &error) == 0 && error) {
        write_error(run, text, weft_error_code(error), error);
        weft_error_unref(error);
    } else {
        write_result(run, text, object);
    }
}

void write_result(struct run *run, struct text *text, const struct object *object)
{
    void *value = NULL;

    if (object->inner) {
        write_result(run, text, object->inner);
    } else if (object->children) {
        text_add(text, "[");
        for (size_t i = 0; i < object->count; i++) {
            text_add(text, i ? "," : "");
            write_outcome(run, text, object->children[i]);
        }
        text_add(text, "]");
    } else {
        weft_result(object->future, &value);
        write_value(text, value);
    }
}

void write_state(struct run *run, struct text *text, const struct object *object)
{
    weft_error *error = NULL;

    if (!weft_done(object->future)) {
        text_add(text, "pending");
    } else if (weft_cancelled(object->future)) {
        text_add(text, "cancelled");
    } else if (weft_exception(object->future, &error) == 0 && error) {
        text_add(text, "error ");
        write_error(run, text, weft_error_code(error), error);
        weft_error_unref(error);
    } else {
        text_add(text, "result ");
        write_result(run, text, object);
    }
}

int raise_argument(const struct argument *argument)
{
    static const struct {
        const char *name;
        int code;
    } codes[] = {
        {"CancelledError", WEFT_ECANCELLED},
        {"TimeoutError", WEFT_ETIMEDOUT},
        {"RuntimeError", WEFT_ERUNTIME},
        {"ValueError", -EINVAL},
    };

    if (argument->failure)
        return weft_fail(USER_ERROR, "%ld", argument->number);
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
        if (!strcmp(codes[i].name, argument->word))
            return weft_fail(codes[i].code, NULL);
    return weft_fail(WEFT_EPANIC, "no such error");
}

bool error_matches(const char *kind, int code)
{
    const char *name = error_name(code);

    if (code == WEFT_EGENERATOREXIT || !name)
        return false;
    if (!strcmp(kind, "any"))
        return true;
    if (!strcmp(kind, "Exception"))
        return code != WEFT_ECANCELLED;
    return !strcmp(kind, name) || (!strcmp(kind, "RuntimeError") && code == WEFT_EBROKENBARRIER);
}
