/*
 * fault_test.c - the seam through which the other tests make calls fail.
 */
#include <errno.h>

#include "runtime/base/fault.h"
#include "tests/support/suite.h"

/* Unarmed, nothing fails. */
START_TEST(unarmed_goes_ahead)
{
    for (int site = 0; site < FAULT_SITES; site++)
        ck_assert_int_eq(fault_hit((enum fault_site)site), 0);
}
END_TEST

static Suite *fault_suite(void)
{
    Suite *suite = suite_create("fault");
    TCase *tests = tcase_create("fault");
    tcase_add_test(tests, unarmed_goes_ahead);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return suite_main(fault_suite());
}
