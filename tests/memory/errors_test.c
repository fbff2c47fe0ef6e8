/*
 * errors_test.c - error objects, without memory: an error that finds none has its code only.
 */
#include "tests/memory/scarce.h"

static int is_io(const weft_error *error, void *arg)
{
    (void)arg;
    return weft_error_code(error) == -EIO;
}

/* The current error has this code; its object may be missing. */
static void ck_assert_current(int code)
{
    weft_error *error;
    NEVER(error = weft_error_current());
    ck_assert(!error || weft_error_code(error) == code);
}

START_SCARCE(texts, 0)
{
    NEVER(ck_assert_str_ne(weft_strerror(WEFT_ECANCELLED), ""));
    NEVER(ck_assert_str_eq(weft_error_name(WEFT_ECANCELLED), "WEFT_ECANCELLED"));
    return 0;
}

/* What fails keeps its code. */
START_SCARCE(failures, 5)
{
    weft_error *cause;
    MAKE(cause, weft_error_new(-EIO, "a message of %d words", 5));
    COPES(ck_assert_int_eq(weft_fail(-EBUSY, "a message that is long, %s", "longer than most"),
                           -EBUSY));
    ck_assert_current(-EBUSY);
    COPES(ck_assert_int_eq(weft_fail_from(cause, -EBADF, "from %s", "that"), -EBADF));
    ck_assert_current(-EBADF);
    COPES(ck_assert_int_eq(weft_fail_incomplete_read("abc", 3, 10), WEFT_EINCOMPLETEREAD));
    ck_assert_current(WEFT_EINCOMPLETEREAD);
    COPES(ck_assert_int_eq(weft_fail_limit_overrun(7, "over %d", 6), WEFT_ELIMITOVERRUN));
    ck_assert_current(WEFT_ELIMITOVERRUN);
    weft_error_ref(cause);
    COPES(ck_assert_int_eq(weft_raise(cause), -EIO)); /* with what is handled as its context */
    ck_assert_current(-EIO);
    weft_error_unref(cause);
    return 0;
}

/* What is being handled is there, or a NULL; and what fails meanwhile keeps its code. */
START_SCARCE(handled, 4)
{
    weft_except scope;
    weft_error *error;
    COPES(error = weft_except_begin(&scope, weft_fail(-EIO, "handled %d", 1)));
    ck_assert(!error || weft_error_code(error) == -EIO);
    ck_assert_int_eq(weft_fail(-EBUSY, "in its handling"), -EBUSY);
    COPES(weft_except_end(&scope));
    ck_assert_current(-EBUSY);
    MAKE(error, weft_catch(-EBADF)); /* another code: a plain one is made */
    ck_assert_int_eq(weft_error_code(error), -EBADF);
    weft_error_unref(error);
    return 0;
}

START_SCARCE(groups, 6)
{
    weft_error *members[2], *group, *match = NULL, *rest = NULL;
    MAKE(members[0], weft_error_new(-EIO, "first"));
    MAKE(members[1], weft_error_new(-EBUSY, NULL));
    MAKE(group, weft_error_group("both", members, 2));
    ASKED(weft_error_split(group, is_io, NULL, &match, &rest), 0);
    ck_assert_uint_eq(weft_error_count(match), 1);
    ck_assert_int_eq(weft_error_code(weft_error_at(rest, 0)), -EBUSY);
    weft_error_unref(match);
    weft_error_unref(rest);
    weft_error_unref(group);
    weft_error_unref(members[0]);
    weft_error_unref(members[1]);
    return 0;
}

START_SCARCE(reads, 1)
{
    weft_error *error;
    void *frames[8];
    size_t bytes;
    MAKE(error, weft_error_new(-EIO, "read"));
    NEVER(ck_assert_int_ge(weft_error_get_stack(error, frames, 8), 0));
    NEVER(ck_assert_int_eq(weft_error_code(error), -EIO));
    NEVER(ck_assert_str_eq(weft_error_message(error), "read"));
    NEVER(ck_assert_ptr_null(weft_error_cause(error)));
    NEVER(ck_assert_ptr_null(weft_error_context(error)));
    NEVER(ck_assert_uint_eq(weft_error_count(error), 0));
    NEVER(ck_assert_ptr_null(weft_error_at(error, 0)));
    NEVER(ck_assert_ptr_null(weft_error_partial(error, &bytes)));
    NEVER(ck_assert_uint_eq(weft_error_expected(error), SIZE_MAX));
    NEVER(ck_assert_uint_eq(weft_error_consumed(error), 0));
    NEVER(ck_assert_ptr_eq(weft_error_ref(error), error));
    NEVER(weft_error_unref(error));
    FILE *file = tmpfile();
    NEVER(weft_error_print(error, file));
    ck_assert_int_gt(ftell(file), 0);
    ck_assert_int_eq(fclose(file), 0);
    NEVER(weft_error_unref(error));
    return 0;
}

int main(void)
{
    Suite *suite = suite_create("errors without memory");
    TCase *tests = tcase_create("errors without memory");

    tcase_add_test(tests, texts);
    tcase_add_test(tests, failures);
    tcase_add_test(tests, handled);
    tcase_add_test(tests, groups);
    tcase_add_test(tests, reads);
    suite_add_tcase(suite, tests);
    return suite_main(suite);
}
