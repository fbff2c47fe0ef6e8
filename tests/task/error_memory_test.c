/*
 * error_memory_test.c - errors without memory: the code stands, or the call says so; nothing is
 * lost.
 */
#include <errno.h>

#include "runtime/base/fault.h"
#include "tests/support/suite.h"
#include "tests/task/errors.h"

static weft_error *read_earlier; /* 3 bytes of 10 */

/* The calls with the n-th allocation failing: 0, or -ENOMEM; what they were given stays usable. */
static int new_call(weft_error *error)
{
    (void)error;
    errno = 0;
    weft_error *made = weft_error_new(-EIO, "a message");
    int rc = made ? 0 : -errno;
    weft_error_unref(made);
    return rc;
}

static int new_long_call(weft_error *error)
{
    (void)error;
    errno = 0;
    weft_error *made = weft_error_new(-EIO, "%500d", 1);
    int rc = made ? 0 : -errno;
    weft_error_unref(made);
    return rc;
}

static int group_call(weft_error *error)
{
    errno = 0;
    weft_error *made = weft_error_group("group", (weft_error *[]){error, error}, 2);
    int rc = made ? 0 : -errno;
    weft_error_unref(made);
    return rc;
}

static int split_call(weft_error *error)
{
    weft_error *match = NULL, *rest = NULL;
    int code = -EIO;
    int rc = weft_error_split(error, has_code, &code, &match, &rest);
    if (rc) {
        ck_assert_ptr_null(match);
        ck_assert_ptr_null(rest);
    }
    weft_error_unref(match);
    weft_error_unref(rest);
    return rc;
}

/* The code stands without memory for an object. */
static int fail_call(weft_error *error)
{
    ck_assert_int_eq(weft_fail_from(error, -EPIPE, "a message"), -EPIPE);
    weft_error *current = weft_error_current();
    ck_assert(!current || weft_error_code(current) == -EPIPE);
    return current ? 0 : -ENOMEM;
}

static int catch_call(weft_error *error)
{
    (void)error;
    errno = 0;
    weft_error *caught = weft_catch(-EIO);
    int rc = caught ? 0 : -errno;
    weft_error_unref(caught);
    return rc;
}

static int read_call(weft_error *error)
{
    (void)error;
    ck_assert_int_eq(weft_fail_incomplete_read("abc", 3, 10), WEFT_EINCOMPLETEREAD);
    return weft_error_current() ? 0 : -ENOMEM;
}

static int overrun_call(weft_error *error)
{
    (void)error;
    ck_assert_int_eq(weft_fail_limit_overrun(7, "no separator"), WEFT_ELIMITOVERRUN);
    return weft_error_current() ? 0 : -ENOMEM;
}

/* An error that carries bytes is raised all the same when there is no memory to copy them with a
 * context. */
static int read_again_call(weft_error *error)
{
    weft_except scope;
    weft_error *handled = weft_except_begin(&scope, WEFT_EGROUP);
    (void)error;
    (void)weft_raise(weft_error_ref(read_earlier));
    size_t bytes = 0;
    ck_assert_int_eq(memcmp(weft_error_partial(weft_error_current(), &bytes), "abc", 3), 0);
    ck_assert_uint_eq(bytes, 3);
    ck_assert_uint_eq(weft_error_expected(weft_error_current()), 10);
    weft_error *context = weft_error_context(weft_error_current());
    ck_assert(!context || context == handled);
    weft_except_end(&scope);
    return context ? 0 : -ENOMEM;
}

/* Without memory the block is entered all the same, and the error raised, if without context. */
static int except_call(weft_error *error)
{
    weft_except scope;
    weft_error *handled = weft_except_begin(&scope, -EPIPE);
    ck_assert_int_eq(weft_raise(weft_error_ref(error)), WEFT_EGROUP);
    ck_assert_int_eq(weft_error_code(weft_error_current()), WEFT_EGROUP);
    weft_error *context = weft_error_context(weft_error_current());
    ck_assert(!context || context == handled);
    weft_except_end(&scope);
    return context ? 0 : -ENOMEM;
}

static int (*const fault_calls[])(weft_error *) = {
    new_call,   new_long_call, group_call, split_call,   fail_call,
    catch_call, except_call,   read_call,  overrun_call, read_again_call,
};
#define FAULT_CALLS ((int)(sizeof(fault_calls) / sizeof(fault_calls[0])))

START_TEST(calls_without_memory)
{
    weft_error *group = nested_group();
    unsigned long failures = 0;

    read_earlier = weft_catch(weft_fail_incomplete_read("abc", 3, 10));

    for (unsigned long n = 1;; n++) {
        wf_fault_arm(FAULT_ALLOC, n, ENOMEM, false);
        int rc = fault_calls[_i](group);
        bool over = wf_fault_calls(FAULT_ALLOC) < n;
        wf_fault_reset();
        ck_assert_int_eq(rc, over ? 0 : -ENOMEM);
        note_error(group);
        ck_assert_trace("outer [ 1 inner [ 2 3 ] 4 ]");
        if (over)
            break;
        failures++;
    }
    ck_assert_uint_gt(failures, 0);
    weft_error_unref(group);
    weft_error_unref(read_earlier);
    weft_fail(-EIO, NULL);
    weft_error_unref(weft_catch(-EIO));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("error_memory");

    TCase *memory = tcase_create("memory");
    tcase_add_loop_test(memory, calls_without_memory, 0, FAULT_CALLS);
    suite_add_tcase(suite, memory);

    return suite_main(suite);
}
