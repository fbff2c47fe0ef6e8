/*
 * error_group_test.c - errors that hold others, and their parting by kind.
 */
#include <errno.h>

#include "tests/support/suite.h"
#include "tests/task/errors.h"

/* EXCP-10, EXCP-11: a group holds a message and at least one error. */
START_TEST(groups)
{
    weft_error *errors[] = {weft_error_new(-EIO, "a"), weft_error_new(-EPIPE, "b"), NULL};

    weft_error *group = weft_error_group("two", errors, 2);
    ck_assert_int_eq(weft_error_code(group), WEFT_EGROUP);
    ck_assert_str_eq(weft_error_message(group), "two");
    ck_assert_uint_eq(weft_error_count(group), 2);
    ck_assert_ptr_eq(weft_error_at(group, 0), errors[0]);
    ck_assert_ptr_eq(weft_error_at(group, 1), errors[1]);
    ck_assert_ptr_null(weft_error_at(group, 2));
    ck_assert_uint_eq(weft_error_count(errors[0]), 0);
    errno = 0;
    ck_assert_ptr_null(weft_error_group("none", errors, 0));
    ck_assert_int_eq(errno, EINVAL);
    errno = 0;
    ck_assert_ptr_null(weft_error_group("null", errors, 3));
    ck_assert_int_eq(errno, EINVAL);
    ck_assert_ptr_null(weft_error_group("null", NULL, 1));
    ck_assert_ptr_null(weft_error_group(NULL, errors, 1));
    weft_error_unref(errors[0]);
    weft_error_unref(errors[1]);
    ck_assert_str_eq(weft_error_message(weft_error_at(group, 1)), "b");
    weft_error_unref(group);
}
END_TEST

/* EXCP-10: a group is parted by kind, the groups inside it as well. */
START_TEST(groups_are_split)
{
    weft_error *group = nested_group(), *match = NULL, *rest = NULL;
    int code = -EIO;

    ck_assert_int_eq(weft_error_split(group, has_code, &code, &match, &rest), 0);
    note_error(match);
    ck_assert_trace("outer [ 1 inner [ 3 ] ]");
    note_error(rest);
    ck_assert_trace("outer [ inner [ 2 ] 4 ]");
    weft_error_unref(match);
    weft_error_unref(rest);

    code = WEFT_EGROUP; /* the whole group is asked for first */
    ck_assert_int_eq(weft_error_split(group, has_code, &code, &match, &rest), 0);
    ck_assert_ptr_eq(match, group);
    ck_assert_ptr_null(rest);
    weft_error_unref(match);

    code = -ENOSPC;
    ck_assert_int_eq(weft_error_split(group, has_code, &code, &match, &rest), 0);
    ck_assert_ptr_null(match);
    note_error(rest);
    ck_assert_trace("outer [ 1 inner [ 2 3 ] 4 ]");
    weft_error_unref(rest);

    ck_assert_int_eq(weft_error_split(NULL, has_code, &code, &match, &rest), -EINVAL);
    ck_assert_int_eq(weft_error_split(group, NULL, NULL, &match, &rest), -EINVAL);
    weft_error_unref(group);
}
END_TEST

/* EXCP-10: an error that is no group is all match or all rest. */
START_TEST(single_errors_are_split)
{
    weft_error *error = weft_error_new(-EIO, "alone"), *match = NULL, *rest = NULL;
    int code = -EIO;

    ck_assert_int_eq(weft_error_split(error, has_code, &code, &match, &rest), 0);
    ck_assert_ptr_eq(match, error);
    ck_assert_ptr_null(rest);
    weft_error_unref(match);
    code = -EPIPE;
    ck_assert_int_eq(weft_error_split(error, has_code, &code, &match, &rest), 0);
    ck_assert_ptr_null(match);
    ck_assert_ptr_eq(rest, error);
    weft_error_unref(rest);
    weft_error_unref(error);
}
END_TEST

/* EXCP-10, EXCP-12: the parts of a group keep its cause and its context. */
START_TEST(parts_keep_cause_and_context)
{
    weft_except scope;
    weft_error *group = nested_group(), *match = NULL, *rest = NULL;
    int code = -EIO;

    weft_except_begin(&scope, weft_fail(-ENOSPC, "handled"));
    ck_assert_int_eq(weft_raise(group), WEFT_EGROUP);
    weft_except_end(&scope);
    group = weft_catch(WEFT_EGROUP);
    ck_assert_int_eq(weft_error_split(group, has_code, &code, &match, &rest), 0);
    ck_assert_str_eq(weft_error_message(weft_error_context(match)), "handled");
    ck_assert_str_eq(weft_error_message(weft_error_context(rest)), "handled");
    weft_error_unref(match);
    weft_error_unref(rest);
    weft_error_unref(group);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("error_group");

    TCase *grouping = tcase_create("groups");
    tcase_add_test(grouping, groups);
    tcase_add_test(grouping, groups_are_split);
    tcase_add_test(grouping, single_errors_are_split);
    tcase_add_test(grouping, parts_keep_cause_and_context);
    suite_add_tcase(suite, grouping);

    return suite_main(suite);
}
