/*
 * error_text.c - error codes and error objects as text, from the list in weft/error.h.
 */
#include <string.h>

#include <weft/error.h>

#define ERROR_TEXT(name, value, text, asyncio) \
    case value:                                \
        return text;
#define ERROR_NAME(name, value, text, asyncio) \
    case value:                                \
        return #name;

const char *weft_strerror(int code)
{
    const char *text;

    switch (code) {
    case 0:
        return "no error";
        WEFT_ERRORS(ERROR_TEXT)
    default:
        text = code < 0 && code > -4096 ? strerrordesc_np(-code) : NULL;
        return text ? text : "unknown error";
    }
}

const char *weft_error_name(int code)
{
    switch (code) {
        WEFT_ERRORS(ERROR_NAME)
    default: {
        const char *name = code < 0 && code > -4096 ? strerrorname_np(-code) : NULL;
        return name ? name : "?";
    }
    }
}

/* So many levels are written: a chain of errors may be longer than the stack is deep. */
#define PRINT_DEPTH_MAX 40

static void error_print_at(const weft_error *error, FILE *file, int depth, const char *relation)
{
    const char *message = weft_error_message(error);

    if (depth > PRINT_DEPTH_MAX) {
        fprintf(file, "%*s...\n", 2 * depth, "");
        return;
    }
    fprintf(file, "%*s%s%s", 2 * depth, "", relation, weft_error_name(weft_error_code(error)));
    fprintf(file, ": %s\n", message ? message : weft_strerror(weft_error_code(error)));
    for (size_t i = 0; i < weft_error_count(error); i++)
        error_print_at(weft_error_at(error, i), file, depth + 1, "- ");
    /* As in asyncio a cause hides the context, which often is the same error. */
    if (weft_error_cause(error))
        error_print_at(weft_error_cause(error), file, depth + 1, "caused by ");
    else if (weft_error_context(error))
        error_print_at(weft_error_context(error), file, depth + 1, "while handling ");
}

void weft_error_print(const weft_error *error, FILE *file)
{
    if (error && file)
        error_print_at(error, file, 0, "");
}
