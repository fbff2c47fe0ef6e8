/*
 * connect_errors.c - the errors of all attempts become one (CONN-02, CONN-03, CONN-13, CONN-15).
 */
#include "api/connect.h"

#include <string.h>

#include "runtime/base/mem.h"

static const char *text_of(const weft_error *error)
{
    const char *message = weft_error_message(error);
    return message ? message : weft_strerror(weft_error_code(error));
}

/* Moves them together, in order; they are the connect's still. How many. */
static int gather_errors(struct connect *connect, weft_error **errors)
{
    int count = 0;

    for (int i = 0; i < connect->count; i++)
        for (int j = 0; j < connect->attempts[i].errors_count; j++)
            errors[count++] = connect->attempts[i].errors[j];
    return count;
}

static bool have_one_text(weft_error *const *errors, int count)
{
    for (int i = 1; i < count; i++)
        if (strcmp(text_of(errors[i]), text_of(errors[0])) != 0)
            return false;
    return true;
}

/* An error with the code of the first one that has the texts of all. */
static int fail_with_texts(weft_error *const *errors, int count)
{
    int code = weft_error_code(errors[0]);
    size_t bytes = 1, used = 0;

    for (int i = 0; i < count; i++)
        bytes += strlen(text_of(errors[i])) + 2;
    char *texts = mem_alloc(bytes);
    if (!texts)
        return -ENOMEM;
    for (int i = 0; i < count; i++)
        used +=
            (size_t)snprintf(texts + used, bytes - used, "%s%s", i ? ", " : "", text_of(errors[i]));
    int rc = weft_fail(code, "several errors: %s", texts);
    mem_free(texts, bytes);
    return rc;
}

static int fail_as_one(weft_error *const *errors, int count, bool all_errors)
{
    if (all_errors) {
        weft_error *group = weft_error_group("no connection", errors, (size_t)count);
        return group ? weft_raise(group) : -ENOMEM;
    }
    if (have_one_text(errors, count))
        return weft_raise(weft_error_ref(errors[0]));
    return fail_with_texts(errors, count);
}

int wf_connect_fail(struct connect *connect, bool all_errors)
{
    size_t bytes = 0;

    for (int i = 0; i < connect->count; i++)
        bytes += (size_t)connect->attempts[i].errors_count * sizeof(weft_error *);
    weft_error **errors = mem_alloc(bytes);
    if (!errors)
        return -ENOMEM;
    int rc = fail_as_one(errors, gather_errors(connect, errors), all_errors);
    mem_free(errors, bytes);
    return rc;
}
