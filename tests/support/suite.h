/*
 * suite.h - the main of a libcheck program: runs one suite and says how it went.
 */
#ifndef WEFT_TESTS_SUPPORT_SUITE_H
#define WEFT_TESTS_SUPPORT_SUITE_H

#include <check.h>
#include <stdlib.h>

/* Runs the suite (each test in a fork, unless CK_FORK=no); the exit status for main. */
static inline int suite_main(Suite *suite)
{
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* A suite of tests that find what before() makes, and leave the rest to after(): for each one anew. */
static inline Suite *suite_with(SFun before, SFun after, const char *name,
                                const TTest *const *tests, size_t count)
{
    Suite *suite = suite_create(name);
    TCase *tcase = tcase_create(name);
    tcase_add_checked_fixture(tcase, before, after);
    for (size_t i = 0; i < count; i++)
        tcase_add_test(tcase, tests[i]);
    suite_add_tcase(suite, tcase);
    return suite;
}

/* The main of a program whose one suite has these tests. */
#define SUITE(name, ...)                                            \
    int main(void)                                                  \
    {                                                               \
        const TTest *const tests[] = {__VA_ARGS__};                 \
        Suite *suite = suite_create(name);                          \
        TCase *tcase = tcase_create(name);                          \
                                                                    \
        for (size_t i = 0; i < sizeof(tests) / sizeof(*tests); i++) \
            tcase_add_test(tcase, tests[i]);                        \
        suite_add_tcase(suite, tcase);                              \
        return suite_main(suite);                                   \
    }

#endif
