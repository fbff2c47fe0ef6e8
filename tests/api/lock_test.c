/*
 * lock_test.c - a lock for tasks.
 */
#include "tests/support/sim.h"
#include "tests/support/suite.h"

static weft_lock lock = WEFT_LOCK_INIT;

/* Takes the lock, says its name, and gives the lock back one iteration later. */
COROUTINE(user)
{
    int rc = weft_lock_acquire(&lock);
    if (rc) {
        trace("%s:cancelled", (const char *)arg);
        return rc;
    }
    trace("%s", (const char *)arg);
    ck_assert_int_eq(weft_yield(), 0);
    return weft_lock_release(&lock);
}

static weft_task *start(const char *name)
{
    return weft_create_task(user, (void *)(uintptr_t)name, NULL);
}

/* LOCK-01, LOCK-02, LOCK-08, LOCK-13: taking and giving back without anybody waiting. */
START_SIM(alone)
{
    int turn = sim_turn();
    ck_assert_int_eq(weft_lock_locked(&lock), 0);
    ck_assert_int_eq(weft_lock_release(&lock), WEFT_ERUNTIME);
    ck_assert_int_eq(weft_lock_acquire(&lock), 0);
    ck_assert_int_eq(weft_lock_locked(&lock), 1);
    ck_assert_int_eq(weft_lock_release(&lock), 0);
    ck_assert_int_eq(weft_lock_locked(&lock), 0);
    ck_assert_int_eq(weft_lock_release(&lock), WEFT_ERUNTIME);
    ck_assert_int_eq(sim_turn(), turn);
    return 0;
}

/* LOCK-03, LOCK-04: those who wait get it in the order in which they came. */
START_SIM(in_order)
{
    weft_task *tasks[] = {start("a"), start("b"), start("c")};
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(weft_join(tasks[i], NULL), 0);
    ck_assert_trace("a b c");
    return 0;
}

/* LOCK-05, LOCK-06, LOCK-14: between release() and the woken waiter the lock is free, and yet
 * nobody else gets it. */
START_SIM(handed_over)
{
    ck_assert_int_eq(weft_lock_acquire(&lock), 0);
    weft_task *a = start("a");
    sim_pass(1);
    ck_assert_int_eq(weft_lock_release(&lock), 0);
    ck_assert_int_eq(weft_lock_locked(&lock), 0);
    int turn = sim_turn();
    trace("again");
    ck_assert_int_eq(weft_lock_acquire(&lock), 0);
    trace("main+%d", sim_turn() - turn);
    ck_assert_int_eq(weft_lock_release(&lock), 0);
    ck_assert_int_eq(weft_join(a, NULL), 0);
    ck_assert_trace("again a main+3");
    return 0;
}

/* LOCK-10, LOCK-11: a waiter that was woken and is cancelled before it runs passes the lock on. */
START_SIM(wake_up_passed_on)
{
    ck_assert_int_eq(weft_lock_acquire(&lock), 0);
    weft_task *a = start("a"), *b = start("b"), *c = start("c");
    sim_pass(1);
    ck_assert_int_eq(weft_cancel(b), 1);
    ck_assert_int_eq(weft_lock_release(&lock), 0);
    ck_assert_int_eq(weft_cancel(a), 1);
    ck_assert_int_eq(weft_join(a, NULL), WEFT_ECANCELLED);
    ck_assert_int_eq(weft_join(b, NULL), WEFT_ECANCELLED);
    ck_assert_int_eq(weft_join(c, NULL), 0);
    ck_assert_trace("b:cancelled a:cancelled c");
    return 0;
}

/* LOCK-07: cancelled waiters that have not run yet hold nobody back. */
START_SIM(cancelled_line)
{
    ck_assert_int_eq(weft_lock_acquire(&lock), 0);
    weft_task *a = start("a");
    sim_pass(1);
    ck_assert_int_eq(weft_cancel(a), 1);
    ck_assert_int_eq(weft_lock_release(&lock), 0);
    int turn = sim_turn();
    ck_assert_int_eq(weft_lock_acquire(&lock), 0);
    ck_assert_int_eq(sim_turn(), turn);
    ck_assert_int_eq(weft_join(a, NULL), WEFT_ECANCELLED);
    ck_assert_int_eq(weft_lock_locked(&lock), 1);
    ck_assert_int_eq(weft_lock_release(&lock), 0);
    ck_assert_trace("a:cancelled");
    return 0;
}

COROUTINE(releases)
{
    return weft_lock_release(&lock);
}

/* LOCK-09: it has no owner: another task may give it back, and who takes it twice waits. */
START_SIM(no_owner)
{
    ck_assert_int_eq(weft_lock_acquire(&lock), 0);
    weft_task *other = weft_create_task(releases, NULL, NULL);
    int turn = sim_turn();
    ck_assert_int_eq(weft_lock_acquire(&lock), 0);
    ck_assert_int_gt(sim_turn(), turn);
    ck_assert_int_eq(weft_join(other, NULL), 0);
    return weft_lock_release(&lock);
}

/* LOCK-12: a waiter is cancelled in the iteration of the release, before or after it: exactly one of
 * the others gets the lock. */
START_SIM(cancelled_with_the_release)
{
    for (int cancelled = 0; cancelled < 3; cancelled++) {
        for (int before = 0; before < 2; before++) {
            ck_assert_int_eq(weft_lock_acquire(&lock), 0);
            weft_task *tasks[] = {start("x"), start("x"), start("x")};
            sim_pass(1);
            if (before)
                ck_assert_int_eq(weft_cancel(tasks[cancelled]), 1);
            ck_assert_int_eq(weft_lock_release(&lock), 0);
            if (!before)
                ck_assert_int_eq(weft_cancel(tasks[cancelled]), 1);
            sim_pass(2);
            ck_assert_trace(cancelled && !before ? "x x:cancelled" : "x:cancelled x");
            for (int i = 0; i < 3; i++) {
                int rc = weft_join(tasks[i], NULL);
                ck_assert_int_eq(rc, i == cancelled ? WEFT_ECANCELLED : 0);
            }
            trace_clear();
        }
    }
    return 0;
}

/* LOCK-15: the lock as text. */
START_SIM(as_text)
{
    char text[100], expected[100];
    weft_lock_format(&lock, text, sizeof(text));
    snprintf(expected, sizeof(expected), "<weft_lock %p [unlocked]>", (void *)&lock);
    ck_assert_str_eq(text, expected);
    ck_assert_int_eq(weft_lock_acquire(&lock), 0);
    weft_task *a = start("a");
    sim_pass(1);
    weft_lock_format(&lock, text, sizeof(text));
    snprintf(expected, sizeof(expected), "<weft_lock %p [locked, waiters:1]>", (void *)&lock);
    ck_assert_str_eq(text, expected);
    ck_assert_int_eq(weft_lock_release(&lock), 0);
    return weft_join(a, NULL);
}

int main(void)
{
    Suite *suite = suite_create("lock");
    TCase *tests = tcase_create("lock");

    tcase_add_test(tests, alone);
    tcase_add_test(tests, in_order);
    tcase_add_test(tests, handed_over);
    tcase_add_test(tests, wake_up_passed_on);
    tcase_add_test(tests, cancelled_line);
    tcase_add_test(tests, no_owner);
    tcase_add_test(tests, cancelled_with_the_release);
    tcase_add_test(tests, as_text);
    suite_add_tcase(suite, tests);
    return suite_main(suite);
}
