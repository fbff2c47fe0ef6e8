/*
 * error_test.c - errors: codes, messages, causes, contexts; whose current one is which.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "tests/support/suite.h"
#include "tests/task/errors.h"

#define LISTED(name, value, text, asyncio) {#name, name, text},
static const struct {
    const char *name;
    int code;
    const char *text;
} listed[] = {WEFT_ERRORS(LISTED)};
#define LISTED_COUNT (sizeof(listed) / sizeof(listed[0]))

/* EXCP-01, EXCP-03, EXCP-04, EXCP-05, EXCP-06, EXCP-07, EXCP-08, EXCP-09: each kind of error has a
 * code of its own, with a name and a text; the general time-out and cancellation are the system's. */
START_TEST(codes_are_distinct_and_named)
{
    for (size_t i = 0; i < LISTED_COUNT; i++) {
        ck_assert_int_lt(listed[i].code, 0);
        ck_assert_str_eq(weft_error_name(listed[i].code), listed[i].name);
        ck_assert_str_eq(weft_strerror(listed[i].code), listed[i].text);
        for (size_t j = 0; j < i; j++)
            ck_assert_int_ne(listed[i].code, listed[j].code);
    }
    ck_assert_int_eq(WEFT_ETIMEDOUT, -ETIMEDOUT);
    ck_assert_int_eq(WEFT_ECANCELLED, -ECANCELED);
}
END_TEST

/* EXCP-13: the system's errors keep their numbers, and have names and texts too. */
START_TEST(system_errors_keep_their_numbers)
{
    ck_assert_str_eq(weft_error_name(-ECONNRESET), "ECONNRESET");
    ck_assert_str_eq(weft_error_name(-ECONNREFUSED), "ECONNREFUSED");
    ck_assert_str_eq(weft_error_name(-EPIPE), "EPIPE");
    ck_assert_str_eq(weft_strerror(-EPIPE), strerror(EPIPE));
    ck_assert_str_eq(weft_error_name(-4000), "?");
    ck_assert_str_eq(weft_error_name(-100000), "?");
    ck_assert_str_eq(weft_error_name(1), "?");
    ck_assert_ptr_nonnull(weft_strerror(-100000));
    ck_assert_ptr_nonnull(weft_strerror(17));
    ck_assert_str_eq(weft_strerror(0), "no error");
}
END_TEST

/* EXCP-02: an error has a message or none, of any length. */
START_TEST(messages)
{
    char longest[5000];
    memset(longest, 'x', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    static const size_t lengths[] = {0, 1, 254, 255, 256, 257, 4999};

    weft_error *none = weft_error_new(-EIO, NULL);
    ck_assert_int_eq(weft_error_code(none), -EIO);
    ck_assert_ptr_null(weft_error_message(none));
    weft_error_unref(none);
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        weft_error *error = weft_error_new(-EIO, "%.*s", (int)lengths[i], longest);
        ck_assert_uint_eq(strlen(weft_error_message(error)), lengths[i]);
        weft_error_unref(error);
    }
    weft_error *formatted = weft_error_new(WEFT_EPANIC, "%s %d", "disk", 7);
    ck_assert_str_eq(weft_error_message(formatted), "disk 7");
    weft_error_unref(formatted);
}
END_TEST

/* Questions about no error have empty answers. */
START_TEST(no_error_answers_empty)
{
    ck_assert_int_eq(weft_error_code(NULL), 0);
    ck_assert_ptr_null(weft_error_message(NULL));
    ck_assert_ptr_null(weft_error_cause(NULL));
    ck_assert_ptr_null(weft_error_context(NULL));
    ck_assert_uint_eq(weft_error_count(NULL), 0);
    ck_assert_ptr_null(weft_error_at(NULL, 0));
    ck_assert_ptr_null(weft_error_ref(NULL));
    weft_error_unref(NULL);
    weft_error_print(NULL, stderr);
}
END_TEST

/* Only negative codes make errors. */
START_TEST(codes_that_are_not_negative)
{
    errno = 0;
    ck_assert_ptr_null(weft_error_new(0, "none"));
    ck_assert_int_eq(errno, EINVAL);
    errno = 0;
    ck_assert_ptr_null(weft_error_new(EIO, "positive"));
    ck_assert_int_eq(errno, EINVAL);
    errno = 0;
    ck_assert_ptr_null(weft_catch(0));
    ck_assert_int_eq(errno, EINVAL);
    ck_assert_int_eq(weft_raise(NULL), -EINVAL);
}
END_TEST

/* What fails last here is the current error, until it is taken. */
START_TEST(latest_failure_is_current)
{
    ck_assert_ptr_null(weft_error_current());
    ck_assert_int_eq(weft_fail(-EIO, "first %d", 1), -EIO);
    ck_assert_str_eq(weft_error_message(weft_error_current()), "first 1");
    ck_assert_int_eq(weft_fail(-EPIPE, "second"), -EPIPE);
    ck_assert_int_eq(weft_error_code(weft_error_current()), -EPIPE);
    weft_error *caught = weft_catch(-EPIPE);
    ck_assert_str_eq(weft_error_message(caught), "second");
    ck_assert_ptr_null(weft_error_current());
    ck_assert_int_eq(weft_raise(caught), -EPIPE);
    ck_assert_ptr_eq(weft_error_current(), caught);
    caught = weft_catch(-EPIPE);
    weft_error_unref(caught);
}
END_TEST

/* Caught by another code than the current one's, a plain object is made for that code. */
START_TEST(catch_goes_by_the_code)
{
    weft_fail(-EIO, "of something else");
    weft_error *error = weft_catch(WEFT_EQUEUEFULL);
    ck_assert_int_eq(weft_error_code(error), WEFT_EQUEUEFULL);
    ck_assert_ptr_null(weft_error_message(error));
    ck_assert_ptr_null(weft_error_current());
    weft_error_unref(error);
}
END_TEST

/* EXCP-12: raised from another, an error has it as cause. */
START_TEST(cause_is_kept)
{
    weft_error *cause = weft_error_new(-EIO, "the disk");
    ck_assert_int_eq(weft_fail_from(cause, WEFT_ERUNTIME, "cannot %s", "start"), WEFT_ERUNTIME);
    weft_error_unref(cause);
    weft_error *error = weft_catch(WEFT_ERUNTIME);
    ck_assert_str_eq(weft_error_message(error), "cannot start");
    ck_assert_str_eq(weft_error_message(weft_error_cause(error)), "the disk");
    ck_assert_ptr_null(weft_error_context(error));
    weft_error_unref(error);
    ck_assert_int_eq(weft_fail_from(NULL, -EIO, NULL), -EIO);
    ck_assert_ptr_null(weft_error_cause(weft_error_current()));
    weft_error_unref(weft_catch(-EIO));
}
END_TEST

/* EXCP-12: raised while another is handled, an error has that one as context; blocks nest, and what
 * comes after them has none. */
START_TEST(context_is_what_is_handled)
{
    weft_except outer, inner;

    weft_error *first = weft_except_begin(&outer, weft_fail(-EIO, "first"));
    ck_assert_str_eq(weft_error_message(first), "first");
    ck_assert_ptr_null(weft_error_current());
    weft_error *second = weft_except_begin(&inner, weft_fail(-EPIPE, "second"));
    ck_assert_ptr_eq(weft_error_context(second), first);
    weft_fail(WEFT_ERUNTIME, "third");
    ck_assert_ptr_eq(weft_error_context(weft_error_current()), second);
    weft_except_end(&inner);
    weft_fail(WEFT_ERUNTIME, "fourth");
    ck_assert_ptr_eq(weft_error_context(weft_error_current()), first);
    weft_except_end(&outer);
    weft_fail(WEFT_ERUNTIME, "fifth");
    ck_assert_ptr_null(weft_error_context(weft_error_current()));
    weft_error_unref(weft_catch(WEFT_ERUNTIME));
}
END_TEST

/* An error that is only made, and not raised, has no context. */
START_TEST(made_errors_have_no_context)
{
    weft_except scope;

    weft_except_begin(&scope, weft_fail(-EIO, "handled"));
    weft_error *made = weft_error_new(-EPIPE, "made");
    ck_assert_ptr_null(weft_error_context(made));
    weft_except_end(&scope);
    weft_error_unref(made);
}
END_TEST

/* Raised again in its own block, an error does not become its own context. */
START_TEST(raised_again_makes_no_circle)
{
    weft_except scope;

    weft_error *error = weft_except_begin(&scope, weft_fail(-EIO, "once"));
    ck_assert_int_eq(weft_raise(weft_error_ref(error)), -EIO);
    ck_assert_ptr_eq(weft_error_current(), error);
    ck_assert_ptr_null(weft_error_context(error));
    weft_except_end(&scope);
    weft_error_unref(weft_catch(-EIO));
}
END_TEST

/* An older error raised while another is handled gets that one as context, without being changed
 * for others who hold it; a cause and the members of a group come along. */
START_TEST(raised_error_gets_a_context)
{
    weft_except scope;
    weft_error *member = weft_error_new(-EIO, "member");
    weft_error *group = weft_error_group("group", &member, 1);
    weft_error *shared = weft_error_ref(group);

    weft_error *handled = weft_except_begin(&scope, weft_fail(-EPIPE, "handled"));
    ck_assert_int_eq(weft_raise(group), WEFT_EGROUP);
    weft_error *raised = weft_error_current();
    ck_assert_ptr_eq(weft_error_context(raised), handled);
    ck_assert_str_eq(weft_error_message(raised), "group");
    ck_assert_uint_eq(weft_error_count(raised), 1);
    ck_assert_ptr_eq(weft_error_at(raised, 0), member);
    ck_assert_ptr_null(weft_error_context(shared));
    weft_except_end(&scope);
    weft_error_unref(shared);
    weft_error_unref(member);
    weft_error_unref(weft_catch(WEFT_EGROUP));
}
END_TEST

static char *printed(const weft_error *error)
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *file = open_memstream(&text, &bytes);
    ck_assert_ptr_nonnull(file);
    weft_error_print(error, file);
    fclose(file);
    return text;
}

/* The printed form shows name and message, members, and the cause, else the context, indented. */
START_TEST(errors_are_printed)
{
    weft_except scope;
    weft_error *group = nested_group();

    weft_except_begin(&scope, weft_fail(-EPIPE, NULL));
    weft_error_unref(weft_catch(weft_fail(-EIO, "between")));
    weft_fail(-ENOSPC, "full");
    weft_except_end(&scope);
    weft_error *cause = weft_error_group("both", (weft_error *[]){group, weft_error_current()}, 2);
    weft_fail_from(cause, WEFT_ERUNTIME, "top");
    weft_error_unref(cause);
    weft_error_unref(group);
    weft_error *error = weft_catch(WEFT_ERUNTIME);
    char *text = printed(error);
    ck_assert_str_eq(text, "WEFT_ERUNTIME: top\n"
                           "  caused by WEFT_EGROUP: both\n"
                           "    - WEFT_EGROUP: outer\n"
                           "      - EIO: 1\n"
                           "      - WEFT_EGROUP: inner\n"
                           "        - EPIPE: 2\n"
                           "        - EIO: 3\n"
                           "      - EPIPE: 4\n"
                           "    - ENOSPC: full\n"
                           "      while handling EPIPE: Broken pipe\n");
    free(text);
    weft_error_unref(error);
}
END_TEST

/* Raised from what is handled, an error has that as cause and context: it is printed once. */
START_TEST(cause_hides_context)
{
    weft_except scopes[30];

    weft_fail(-EIO, "first");
    for (int i = 0; i < 30; i++) {
        weft_error *handled = weft_except_begin(&scopes[i], -EIO);
        weft_fail_from(handled, -EIO, "again");
    }
    for (int i = 30; i-- > 0;)
        weft_except_end(&scopes[i]);
    weft_error *error = weft_catch(-EIO);
    char *text = printed(error);
    int lines = 0;
    for (const char *c = text; *c; c++)
        lines += *c == '\n';
    ck_assert_int_eq(lines, 31);
    free(text);
    weft_error_unref(error);
}
END_TEST

#define DEEP 200000

/* A long chain of causes, and groups inside groups, are freed without recursion. */
static void *free_deep_chains(void *arg)
{
    (void)arg;
    weft_error *cause = NULL;
    for (int i = 0; i < DEEP; i++) {
        weft_fail_from(cause, -EIO, NULL);
        weft_error_unref(cause);
        cause = weft_catch(-EIO);
    }
    weft_error_unref(cause);
    weft_error *group = weft_error_new(-EIO, NULL);
    for (int i = 0; i < DEEP; i++) {
        weft_error *outer = weft_error_group("group", &group, 1);
        weft_error_unref(group);
        group = outer;
    }
    weft_error_unref(group);
    return NULL;
}

START_TEST(deep_chains_are_freed)
{
    pthread_attr_t small;
    pthread_t thread;

    ck_assert_int_eq(pthread_attr_init(&small), 0);
    ck_assert_int_eq(pthread_attr_setstacksize(&small, 256 << 10), 0);
    ck_assert_int_eq(pthread_create(&thread, &small, free_deep_chains, NULL), 0);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    pthread_attr_destroy(&small);
}
END_TEST

/* Nor do parting and printing them need a deep stack. */
COROUTINE(use_deep_error)
{
    weft_error *error = weft_error_new(-EIO, "bottom");
    weft_error *match = NULL, *rest = NULL;
    int code = -EIO;

    for (int i = 0; i < 10000; i++) {
        weft_error *outer = weft_error_group("group", &error, 1);
        weft_error_unref(error);
        error = outer;
    }
    ck_assert_int_eq(weft_error_split(error, has_code, &code, &match, &rest), 0);
    ck_assert_ptr_nonnull(match);
    ck_assert_ptr_null(rest);
    weft_error_unref(match);
    FILE *file = fopen("/dev/null", "w");
    weft_error_print(error, file);
    fclose(file);
    weft_error_unref(error);
    return 0;
}

START_TEST(deep_errors_fit_a_small_stack)
{
    ck_assert_int_eq(sim_run(use_deep_error, NULL), 0);
}
END_TEST

static void *share_error(void *arg)
{
    for (int i = 0; i < 1000; i++) {
        weft_error *error = weft_error_ref(arg);
        ck_assert_str_eq(weft_error_message(error), "shared");
        weft_fail_from(error, -EPIPE, "mine");
        weft_error_unref(error);
    }
    weft_error_unref(weft_catch(-EPIPE));
    weft_error_unref(arg);
    return NULL;
}

/* An error may be used by many threads, each of which has a current one of its own. */
START_TEST(errors_are_shared_by_threads)
{
    weft_error *error = weft_error_new(-EIO, "shared");
    pthread_t threads[4];

    weft_fail(-ENOSPC, "of the main thread");
    for (int i = 0; i < 4; i++) {
        weft_error_ref(error);
        ck_assert_int_eq(pthread_create(&threads[i], NULL, share_error, error), 0);
    }
    weft_error_unref(error);
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    ck_assert_str_eq(weft_error_message(weft_error_current()), "of the main thread");
    weft_error_unref(weft_catch(-ENOSPC));
}
END_TEST

COROUTINE(keep_an_error)
{
    const char *mine = arg;
    weft_except scope;

    ck_assert_ptr_null(weft_error_current());
    weft_fail(-EIO, "%s", mine);
    ck_assert_int_eq(weft_yield(), 0);
    ck_assert_str_eq(weft_error_message(weft_error_current()), mine);
    weft_except_begin(&scope, -EIO);
    ck_assert_int_eq(weft_yield(), 0);
    weft_fail(-EPIPE, "%s again", mine);
    ck_assert_str_eq(weft_error_message(weft_error_context(weft_error_current())), mine);
    weft_except_end(&scope);
    return 0;
}

/* Each task has a current error, and what it handles, of its own. */
START_SIM(tasks_have_their_own_errors)
{
    weft_fail(-ENOSPC, "of the main task");
    weft_task *a = weft_create_task(keep_an_error, "a", NULL);
    weft_task *b = weft_create_task(keep_an_error, "b", NULL);

    ck_assert_int_eq(weft_join(a, NULL), 0);
    ck_assert_int_eq(weft_join(b, NULL), 0);
    ck_assert_str_eq(weft_error_message(weft_error_current()), "of the main task");
    return 0;
}

COROUTINE(fail_with_cause)
{
    weft_error *cause = weft_error_new(-EIO, "the disk");
    int rc = weft_fail_from(cause, WEFT_ERUNTIME, "cannot go on");
    weft_error_unref(cause);
    return rc;
}

COROUTINE(pass_it_on)
{
    return weft_await(arg, NULL);
}

/* EXCP-12: message and cause cross tasks and awaits. */
START_SIM(errors_cross_tasks)
{
    weft_task *inner = weft_create_task(fail_with_cause, NULL, NULL);
    weft_task *outer = weft_create_task(pass_it_on, inner, NULL);

    ck_assert_int_eq(weft_await(outer, NULL), WEFT_ERUNTIME);
    ck_assert_str_eq(weft_error_message(weft_error_current()), "cannot go on");
    ck_assert_str_eq(weft_error_message(weft_error_cause(weft_error_current())), "the disk");
    weft_unref(outer);
    weft_unref(inner);
    return 0;
}

int main(void)
{
    Suite *suite = suite_create("error");

    TCase *codes = tcase_create("codes");
    tcase_add_test(codes, codes_are_distinct_and_named);
    tcase_add_test(codes, system_errors_keep_their_numbers);
    tcase_add_test(codes, codes_that_are_not_negative);
    suite_add_tcase(suite, codes);

    TCase *objects = tcase_create("objects");
    tcase_add_test(objects, messages);
    tcase_add_test(objects, no_error_answers_empty);
    tcase_add_test(objects, errors_are_printed);
    tcase_add_test(objects, cause_hides_context);
    tcase_add_test(objects, deep_chains_are_freed);
    tcase_add_test(objects, deep_errors_fit_a_small_stack);
    tcase_add_test(objects, errors_are_shared_by_threads);
    suite_add_tcase(suite, objects);

    TCase *current = tcase_create("current");
    tcase_add_test(current, latest_failure_is_current);
    tcase_add_test(current, catch_goes_by_the_code);
    tcase_add_test(current, tasks_have_their_own_errors);
    tcase_add_test(current, errors_cross_tasks);
    suite_add_tcase(suite, current);

    TCase *links = tcase_create("cause_and_context");
    tcase_add_test(links, cause_is_kept);
    tcase_add_test(links, context_is_what_is_handled);
    tcase_add_test(links, made_errors_have_no_context);
    tcase_add_test(links, raised_again_makes_no_circle);
    tcase_add_test(links, raised_error_gets_a_context);
    suite_add_tcase(suite, links);

    return suite_main(suite);
}
