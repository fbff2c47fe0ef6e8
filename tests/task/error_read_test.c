/*
 * error_read_test.c - what the errors of reading carry: the bytes that came, and the counts.
 */
#include <errno.h>

#include "tests/support/sim.h"
#include "tests/support/suite.h"

/* EXCP-05: an incomplete read has the bytes that came and how many were expected; its text names
 * both counts. */
START_TEST(incomplete_read)
{
    char buffer[] = "ab\0de";
    size_t bytes = 0;

    ck_assert_int_eq(weft_fail_incomplete_read(buffer, 5, 12), WEFT_EINCOMPLETEREAD);
    buffer[0] = 'x'; /* a copy was made */
    weft_error *error = weft_catch(WEFT_EINCOMPLETEREAD);
    ck_assert_int_eq(memcmp(weft_error_partial(error, &bytes), "ab\0de", 5), 0);
    ck_assert_uint_eq(bytes, 5);
    ck_assert_ptr_nonnull(weft_error_partial(error, NULL));
    ck_assert_uint_eq(weft_error_expected(error), 12);
    ck_assert_uint_eq(weft_error_consumed(error), 0);
    ck_assert_ptr_nonnull(strstr(weft_error_message(error), "5 of 12"));
    weft_error_unref(error);
}
END_TEST

/* EXCP-05: the number may be unknown, and nothing may have come. */
START_TEST(incomplete_read_of_an_unknown_number)
{
    size_t bytes = 1;

    ck_assert_int_eq(weft_fail_incomplete_read(NULL, 0, WEFT_UNKNOWN), WEFT_EINCOMPLETEREAD);
    weft_error *error = weft_catch(WEFT_EINCOMPLETEREAD);
    ck_assert_ptr_null(weft_error_partial(error, &bytes));
    ck_assert_uint_eq(bytes, 0);
    ck_assert_uint_eq(weft_error_expected(error), WEFT_UNKNOWN);
    ck_assert_ptr_nonnull(strstr(weft_error_message(error), "0 bytes"));
    ck_assert_ptr_nonnull(strstr(weft_error_message(error), "unknown"));
    weft_error_unref(error);
    ck_assert_int_eq(weft_fail_incomplete_read(NULL, 1, 2), -EINVAL);
    weft_error_unref(weft_catch(-EINVAL));
}
END_TEST

/* EXCP-06: an overrun says how many bytes were consumed, with a message or none. */
START_TEST(limit_overrun)
{
    ck_assert_int_eq(weft_fail_limit_overrun(65, "line %d", 3), WEFT_ELIMITOVERRUN);
    weft_error *error = weft_catch(WEFT_ELIMITOVERRUN);
    ck_assert_uint_eq(weft_error_consumed(error), 65);
    ck_assert_str_eq(weft_error_message(error), "line 3");
    ck_assert_uint_eq(weft_error_expected(error), WEFT_UNKNOWN);
    ck_assert_ptr_null(weft_error_partial(error, NULL));
    weft_error_unref(error);
    ck_assert_int_eq(weft_fail_limit_overrun(0, NULL), WEFT_ELIMITOVERRUN);
    error = weft_catch(WEFT_ELIMITOVERRUN);
    ck_assert_uint_eq(weft_error_consumed(error), 0);
    ck_assert_ptr_null(weft_error_message(error));
    weft_error_unref(error);
}
END_TEST

/* Other errors, and none, answer as errors that carry nothing. */
START_TEST(other_errors_carry_nothing)
{
    weft_error *errors[] = {NULL, weft_error_new(-EIO, "other"),
                            weft_error_new(WEFT_ELIMITOVERRUN, "made by hand"),
                            weft_error_new(WEFT_EINCOMPLETEREAD, "made by hand")};

    for (int i = 0; i < 4; i++) {
        size_t bytes = 1;
        ck_assert_ptr_null(weft_error_partial(errors[i], &bytes));
        ck_assert_uint_eq(bytes, 0);
        ck_assert_uint_eq(weft_error_expected(errors[i]), WEFT_UNKNOWN);
        ck_assert_uint_eq(weft_error_consumed(errors[i]), 0);
        weft_error_unref(errors[i]);
    }
}
END_TEST

COROUTINE(read_too_little)
{
    return weft_fail_incomplete_read("abc", 3, *(size_t *)arg);
}

/* EXCP-05, EXCP-12: what the error carries crosses awaits, also when it gets a context there; and
 * it says where it was made. */
START_SIM(fields_cross_tasks)
{
    size_t expected = 10, bytes = 0;
    weft_except block;
    weft_task *t = weft_create_task(read_too_little, &expected, NULL);
    void *frames[64];

    weft_error *handled = weft_except_begin(&block, weft_fail(-EIO, "older"));
    ck_assert_int_eq(weft_await(t, NULL), WEFT_EINCOMPLETEREAD);
    weft_error *error = weft_error_current();
    ck_assert_ptr_eq(weft_error_context(error), handled);
    ck_assert_int_eq(memcmp(weft_error_partial(error, &bytes), "abc", 3), 0);
    ck_assert_uint_eq(bytes, 3);
    ck_assert_uint_eq(weft_error_expected(error), 10);
    ck_assert_int_gt(weft_error_get_stack(error, frames, 64), 0);
    weft_except_end(&block);
    weft_unref(t);
    return 0;
}

int main(void)
{
    Suite *suite = suite_create("error_read");

    TCase *fields = tcase_create("fields");
    tcase_add_test(fields, incomplete_read);
    tcase_add_test(fields, incomplete_read_of_an_unknown_number);
    tcase_add_test(fields, limit_overrun);
    tcase_add_test(fields, other_errors_carry_nothing);
    tcase_add_test(fields, fields_cross_tasks);
    suite_add_tcase(suite, fields);

    return suite_main(suite);
}
