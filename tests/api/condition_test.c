/*
 * condition_test.c - tasks wait, with a lock given back, until they are notified.
 */
#include "tests/support/sim.h"
#include "tests/support/suite.h"

static weft_lock lock = WEFT_LOCK_INIT;
static weft_condition condition = WEFT_CONDITION_INIT(NULL);
static weft_condition shared = WEFT_CONDITION_INIT(&lock), other = WEFT_CONDITION_INIT(&lock);

static void acquire(void)
{
    ck_assert_int_eq(weft_condition_acquire(&condition), 0);
}

static void release(void)
{
    ck_assert_int_eq(weft_condition_release(&condition), 0);
}

static void notify(long n)
{
    ck_assert_int_eq(weft_condition_notify(&condition, n), 0);
}

/* Waits once, says how it ended and that the lock is held, and gives the lock back. */
COROUTINE(waiter)
{
    int rc = weft_condition_acquire(&condition);
    if (rc)
        return rc;
    rc = weft_condition_wait(&condition);
    const char *message = weft_error_message(weft_error_current());
    trace("%s%s%s", (const char *)arg, rc ? ":" : "", !rc ? "" : message ? message : "cancelled");
    ck_assert_int_eq(weft_condition_locked(&condition), 1);
    release();
    return rc;
}

static weft_task *start(const char *name)
{
    return weft_create_task(waiter, (void *)(uintptr_t)name, NULL);
}

/* COND-01: two conditions on one lock; its operations are the lock's. */
START_SIM(one_lock)
{
    ck_assert_int_eq(weft_condition_acquire(&shared), 0);
    ck_assert_int_eq(weft_lock_locked(&lock), 1);
    ck_assert_int_eq(weft_condition_locked(&other), 1);
    ck_assert_int_eq(weft_condition_notify(&other, 1), 0);
    ck_assert_int_eq(weft_condition_locked(&condition), 0);
    ck_assert_int_eq(weft_condition_release(&other), 0);
    ck_assert_int_eq(weft_condition_release(&shared), WEFT_ERUNTIME);
    return 0;
}

/* COND-02: without the lock neither waiting nor notifying. */
START_SIM(without_lock)
{
    ck_assert_int_eq(weft_condition_wait(&condition), WEFT_ERUNTIME);
    ck_assert_int_eq(weft_condition_notify(&condition, 1), WEFT_ERUNTIME);
    ck_assert_int_eq(weft_condition_notify_all(&condition), WEFT_ERUNTIME);
    ck_assert_int_eq(weft_condition_wait(NULL), -EINVAL);
    ck_assert_int_eq(weft_condition_notify(NULL, 1), -EINVAL);
    ck_assert_int_eq(weft_condition_acquire(NULL), -EINVAL);
    ck_assert_int_eq(weft_condition_release(NULL), -EINVAL);
    return 0;
}

COROUTINE(notifier)
{
    notify(1);
    return 0;
}

/* COND-03, COND-04: that somebody holds the lock is enough for notifying; the wait gives it back,
 * and takes it again. */
START_SIM(held_by_another)
{
    weft_task *a = start("a");
    sim_pass(1);
    ck_assert_int_eq(weft_condition_locked(&condition), 0);
    acquire();
    ck_assert_int_eq(weft_join(weft_create_task(notifier, NULL, NULL), NULL), 0);
    ck_assert_int_eq(weft_done(a), 0);
    release();
    ck_assert_int_eq(weft_join(a, NULL), 0);
    ck_assert_trace("a");
    return 0;
}

/* COND-05: n are woken, the longest waiting; all if there are fewer; none for zero. */
START_SIM(notify_some)
{
    weft_task *tasks[] = {start("a"), start("b"), start("c"), start("d"), start("e")};
    sim_pass(1);
    acquire();
    notify(0);
    notify(-1);
    notify(2);
    release();
    sim_pass(4);
    trace("main");
    acquire();
    notify(1);
    release();
    sim_pass(4);
    trace("main");
    acquire();
    notify(9);
    release();
    for (int i = 0; i < 5; i++)
        ck_assert_int_eq(weft_join(tasks[i], NULL), 0);
    ck_assert_trace("a b main c main d e");
    return 0;
}

/* COND-06: those who are woken go on when the lock is free, one by one. */
START_SIM(notify_all_keeps_lock)
{
    weft_task *a = start("a"), *b = start("b");
    sim_pass(1);
    acquire();
    ck_assert_int_eq(weft_condition_notify_all(&condition), 0);
    sim_pass(3);
    trace("main");
    ck_assert_int_eq(weft_condition_locked(&condition), 1);
    release();
    ck_assert_int_eq(weft_join(a, NULL), 0);
    ck_assert_int_eq(weft_join(b, NULL), 0);
    ck_assert_trace("main a b");
    return 0;
}

static int level, calls;

static int level_reached(void *arg)
{
    calls++;
    ck_assert_int_eq(weft_condition_locked(&condition), 1);
    return level >= (int)(intptr_t)arg ? level : 0;
}

static int no_lock_needed(void *arg)
{
    return (int)(intptr_t)arg;
}

COROUTINE(waits_for)
{
    acquire();
    int rc = weft_condition_wait_for(&condition, level_reached, arg);
    release();
    trace("level:%d", rc);
    return 0;
}

/* COND-07: a predicate is asked with the lock held until it holds, and its value comes back. */
START_SIM(predicate)
{
    weft_task *task = weft_create_task(waits_for, (void *)3, NULL);
    for (int i = 0; i < 3; i++) {
        sim_pass(3);
        acquire();
        level += 2;
        notify(1);
        release();
    }
    ck_assert_int_eq(weft_join(task, NULL), 0);
    ck_assert_trace("level:4");
    ck_assert_int_eq(calls, 3);
    return 0;
}

/* COND-08: a predicate that holds at once, or fails, needs no lock; one that does not hold does. */
START_SIM(predicate_at_once)
{
    ck_assert_int_eq(weft_condition_wait_for(&condition, no_lock_needed, (void *)7), 7);
    ck_assert_int_eq(weft_condition_wait_for(&condition, no_lock_needed, (void *)-EIO), -EIO);
    ck_assert_int_eq(weft_condition_wait_for(&condition, no_lock_needed, NULL), WEFT_ERUNTIME);
    ck_assert_int_eq(weft_condition_wait_for(&condition, NULL, NULL), -EINVAL);
    return 0;
}

/* COND-09, COND-10, COND-11: the error comes out when the lock is held again, and is the latest. */
START_SIM(cancelled_twice)
{
    weft_task *a = start("a");
    sim_pass(1);
    acquire();
    ck_assert_int_eq(weft_cancel_msg(a, "first"), 1);
    sim_pass(2);
    ck_assert_int_eq(weft_cancel_msg(a, "second"), 1);
    sim_pass(2);
    ck_assert_int_eq(weft_done(a), 0);
    ck_assert_int_eq(weft_cancelling(a), 2);
    release();
    ck_assert_int_eq(weft_join(a, NULL), WEFT_ECANCELLED);
    ck_assert_str_eq(weft_error_message(weft_error_current()), "second");
    ck_assert_trace("a:second");
    ck_assert_int_eq(weft_condition_locked(&condition), 0);
    return 0;
}

/* COND-12: who was notified and is cancelled before it runs notifies another, once. */
START_SIM(passed_on)
{
    weft_task *a = start("a"), *b = start("b"), *c = start("c");
    sim_pass(1);
    acquire();
    notify(1);
    ck_assert_int_eq(weft_cancel(a), 1);
    release();
    sim_pass(4);
    ck_assert_trace("a:cancelled b");
    ck_assert_int_eq(weft_join(a, NULL), WEFT_ECANCELLED);
    ck_assert_int_eq(weft_join(b, NULL), 0);
    ck_assert_int_eq(weft_done(c), 0);
    acquire();
    notify(1);
    release();
    return weft_join(c, NULL);
}

/* COND-12, COND-15: the same while it waits for the lock. */
START_SIM(passed_on_from_lock)
{
    weft_task *a = start("a"), *b = start("b");
    sim_pass(1);
    acquire();
    notify(1);
    sim_pass(2);
    ck_assert_int_eq(weft_cancel_msg(a, "m"), 1);
    sim_pass(1);
    ck_assert_int_eq(weft_done(a), 0);
    release();
    ck_assert_int_eq(weft_join(a, NULL), WEFT_ECANCELLED);
    ck_assert_int_eq(weft_join(b, NULL), 0);
    ck_assert_trace("a:m b");
    return 0;
}

/* COND-13: a waiter that was never notified notifies another all the same when it is cancelled. */
START_SIM(spurious)
{
    weft_task *a = start("a"), *b = start("b");
    sim_pass(1);
    ck_assert_int_eq(weft_cancel(a), 1);
    ck_assert_int_eq(weft_join(a, NULL), WEFT_ECANCELLED);
    ck_assert_int_eq(weft_join(b, NULL), 0);
    ck_assert_trace("a:cancelled b");
    return 0;
}

static int limit_strikes(void *arg)
{
    return weft_cancel(arg) == 1 ? 0 : -EINVAL;
}

COROUTINE(waits_with_limit)
{
    acquire();
    weft_task *inner = weft_current_task();
    ck_assert_int_eq(weft_call_later(weft_get_running_loop(), 1, limit_strikes, inner, NULL), 0);
    int rc = weft_condition_wait(&condition);
    ck_assert_int_eq(rc, WEFT_ECANCELLED);
    ck_assert_int_eq(weft_uncancel(inner), 0);
    ck_assert_int_eq(weft_condition_locked(&condition), 1);
    trace("held");
    release();
    return 0;
}

/* COND-14: a wait that a time limit ends leaves the lock with the caller. */
START_SIM(time_limit)
{
    weft_task *a = weft_create_task(waits_with_limit, NULL, NULL);
    ck_assert_int_eq(weft_join(a, NULL), 0);
    ck_assert_trace("held");
    ck_assert_int_eq(weft_condition_locked(&condition), 0);
    return 0;
}

/* Between the notification and the waiter's turn others that wait for the lock come first. */
START_SIM(behind_newcomers)
{
    weft_task *a = start("a");
    sim_pass(1);
    acquire();
    weft_task *b = start("b"); /* waits for the lock, then for a notification */
    sim_pass(1);
    notify(1);
    release();
    ck_assert_int_eq(weft_join(a, NULL), 0);
    ck_assert_trace("a");
    ck_assert_int_eq(weft_done(b), 0);
    acquire();
    notify(1);
    release();
    return weft_join(b, NULL);
}

/* COND-16: the condition as text. */
START_SIM(as_text)
{
    char text[100], expected[100];
    weft_condition_format(&condition, text, sizeof(text));
    snprintf(expected, sizeof(expected), "<weft_condition %p [unlocked]>", (void *)&condition);
    ck_assert_str_eq(text, expected);
    weft_task *a = start("a");
    sim_pass(1);
    acquire();
    weft_condition_format(&condition, text, sizeof(text));
    snprintf(expected, sizeof(expected), "<weft_condition %p [locked, waiters:1]>",
             (void *)&condition);
    ck_assert_str_eq(text, expected);
    notify(1);
    release();
    return weft_join(a, NULL);
}

/* Outside a task there is no waiting; who holds the lock may notify. */
START_TEST(outside_tasks)
{
    acquire();
    ck_assert_int_eq(weft_condition_wait(&condition), WEFT_ENOTASK);
    notify(1);
    release();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("condition");
    TCase *tests = tcase_create("condition");

    tcase_add_test(tests, one_lock);
    tcase_add_test(tests, without_lock);
    tcase_add_test(tests, held_by_another);
    tcase_add_test(tests, notify_some);
    tcase_add_test(tests, notify_all_keeps_lock);
    tcase_add_test(tests, predicate);
    tcase_add_test(tests, predicate_at_once);
    tcase_add_test(tests, cancelled_twice);
    tcase_add_test(tests, passed_on);
    tcase_add_test(tests, passed_on_from_lock);
    tcase_add_test(tests, spurious);
    tcase_add_test(tests, time_limit);
    tcase_add_test(tests, behind_newcomers);
    tcase_add_test(tests, as_text);
    tcase_add_test(tests, outside_tasks);
    suite_add_tcase(suite, tests);
    return suite_main(suite);
}
