/*
 * fault_test.c - the seam through which the other tests make calls fail.
 */
#include <errno.h>
#include <pthread.h>

#include "runtime/base/fault.h"
#include "tests/support/suite.h"

/* Unarmed, nothing fails. */
START_TEST(unarmed_goes_ahead)
{
    for (int site = 0; site < FAULT_SITES; site++)
        ck_assert_int_eq(fault_hit((enum fault_site)site), 0);
}
END_TEST

/* The n-th call fails, with the error asked for; those before and after it go ahead. */
START_TEST(nth_call_fails_once)
{
    wf_fault_arm(FAULT_READ, 3, EIO, false);
    ck_assert_int_eq(fault_hit(FAULT_READ), 0);
    ck_assert_int_eq(fault_hit(FAULT_READ), 0);
    ck_assert_int_eq(fault_hit(FAULT_READ), EIO);
    for (int i = 0; i < 10; i++)
        ck_assert_int_eq(fault_hit(FAULT_READ), 0);
    ck_assert_uint_eq(wf_fault_calls(FAULT_READ), 13);
}
END_TEST

/* A sticky fault fails the n-th call and every later one. */
START_TEST(sticky_fault_stays)
{
    wf_fault_arm(FAULT_WRITE, 2, ENOSPC, true);
    ck_assert_int_eq(fault_hit(FAULT_WRITE), 0);
    for (int i = 0; i < 10; i++)
        ck_assert_int_eq(fault_hit(FAULT_WRITE), ENOSPC);
}
END_TEST

/* One site's fault is no other site's. */
START_TEST(sites_are_separate)
{
    wf_fault_arm(FAULT_MMAP, 1, ENOMEM, true);
    wf_fault_arm(FAULT_FUTEX, 2, EINTR, false);
    for (int site = 0; site < FAULT_SITES; site++)
        ck_assert_int_eq(fault_hit((enum fault_site)site), site == FAULT_MMAP ? ENOMEM : 0);
    ck_assert_int_eq(fault_hit(FAULT_FUTEX), EINTR);
}
END_TEST

/* After a reset nothing fails, and arming again counts from the start. */
START_TEST(reset_disarms)
{
    wf_fault_arm(FAULT_READ, 1, EIO, true);
    ck_assert_int_eq(fault_hit(FAULT_READ), EIO);
    wf_fault_reset();
    ck_assert_int_eq(fault_hit(FAULT_READ), 0);

    wf_fault_arm(FAULT_READ, 2, EAGAIN, false);
    ck_assert_int_eq(fault_hit(FAULT_READ), 0);
    ck_assert_int_eq(fault_hit(FAULT_READ), EAGAIN);
}
END_TEST

enum { THREADS = 4, CALLS_EACH = 10000 };

static void *count_failures(void *arg)
{
    long *failures = (long *)arg;
    for (int i = 0; i < CALLS_EACH; i++)
        *failures += fault_hit(FAULT_ALLOC) != 0;
    return NULL;
}

/* With many threads on one site, each call is counted and exactly one of them fails. */
START_TEST(one_thread_takes_the_fault)
{
    pthread_t threads[THREADS];
    long failures[THREADS] = {0};
    long total = 0;

    wf_fault_arm(FAULT_ALLOC, THREADS * CALLS_EACH / 2, ENOMEM, false);
    for (int i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, count_failures, &failures[i]), 0);
    for (int i = 0; i < THREADS; i++) {
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
        total += failures[i];
    }
    ck_assert_int_eq(total, 1);
    ck_assert_uint_eq(wf_fault_calls(FAULT_ALLOC), THREADS * CALLS_EACH);
}
END_TEST

static Suite *fault_suite(void)
{
    Suite *suite = suite_create("fault");
    TCase *tests = tcase_create("fault");
    tcase_add_checked_fixture(tests, NULL, wf_fault_reset);
    tcase_add_test(tests, unarmed_goes_ahead);
    tcase_add_test(tests, nth_call_fails_once);
    tcase_add_test(tests, sticky_fault_stays);
    tcase_add_test(tests, sites_are_separate);
    tcase_add_test(tests, reset_disarms);
    tcase_add_test(tests, one_thread_takes_the_fault);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return suite_main(fault_suite());
}
