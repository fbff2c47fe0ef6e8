/*
 * semaphore_test.c - permits for tasks.
 */
#include "tests/support/sim.h"
#include "tests/support/suite.h"

static weft_semaphore semaphore = WEFT_SEMAPHORE_INIT(1);

static void set_value(long value)
{
    ck_assert_int_eq(weft_semaphore_init(&semaphore, value), 0);
}

static void release(void)
{
    ck_assert_int_eq(weft_semaphore_release(&semaphore), 0);
}

static void acquire(void)
{
    ck_assert_int_eq(weft_semaphore_acquire(&semaphore), 0);
}

/* Takes a permit and keeps it. */
COROUTINE(taker)
{
    int rc = weft_semaphore_acquire(&semaphore);
    trace("%s%s", (const char *)arg, rc ? ":cancelled" : "");
    return rc;
}

static weft_task *start(const char *name)
{
    return weft_create_task(taker, (void *)(uintptr_t)name, NULL);
}

/* SEMA-01, SEMA-02, SEMA-04, SEMA-08: permits without anybody waiting. */
START_SIM(alone)
{
    int turn = sim_turn();
    ck_assert_int_eq(weft_semaphore_locked(&semaphore), 0); /* 1, from its initialiser */
    acquire();
    ck_assert_int_eq(weft_semaphore_locked(&semaphore), 1);
    release();
    release();
    acquire();
    acquire();
    ck_assert_int_eq(weft_semaphore_locked(&semaphore), 1);
    set_value(0);
    ck_assert_int_eq(weft_semaphore_locked(&semaphore), 1);
    ck_assert_int_eq(weft_semaphore_init(&semaphore, -1), -EINVAL);
    ck_assert_int_eq(weft_bounded_semaphore_init(&semaphore, -1), -EINVAL);
    ck_assert_int_eq(weft_semaphore_init(&semaphore, WEFT_SEMAPHORE_MAX + 1L), -EINVAL);
    ck_assert_int_eq(sim_turn(), turn);
    return 0;
}

/* SEMA-03, SEMA-05, SEMA-15: a permit is handed over at once, and its waiter runs in the next
 * iteration; who comes meanwhile waits. */
START_SIM(handed_over)
{
    set_value(0);
    weft_task *a = start("a");
    sim_pass(2);
    release();
    ck_assert_int_eq(weft_semaphore_locked(&semaphore), 1);
    weft_task *b = start("b");
    int turn = sim_turn();
    ck_assert_int_eq(weft_join(a, NULL), 0);
    ck_assert_int_eq(sim_turn(), turn + 2); /* a runs in the first */
    ck_assert_int_eq(weft_done(b), 0);
    release();
    ck_assert_int_eq(weft_join(b, NULL), 0);
    ck_assert_trace("a b");
    return 0;
}

/* A permit is free, and somebody who was woken has not run: a newcomer waits. */
START_SIM(behind_the_woken)
{
    set_value(0);
    weft_task *a = start("a");
    sim_pass(1);
    release();
    release();
    ck_assert_int_eq(weft_semaphore_locked(&semaphore), 1);
    int turn = sim_turn();
    acquire(); /* a wakes us (SEMA-07) */
    trace("main+%d", sim_turn() - turn);
    ck_assert_int_eq(weft_join(a, NULL), 0);
    ck_assert_trace("a main+2");
    return 0;
}

COROUTINE(repeats)
{
    for (int i = 0; i < 3; i++) {
        acquire();
        trace("%s", (const char *)arg);
        release();
    }
    return 0;
}

/* SEMA-06: in the order in which they began to wait, also when they come again and again. */
START_SIM(in_order)
{
    acquire();
    weft_task *a = weft_create_task(repeats, (void *)(uintptr_t) "a", NULL);
    weft_task *b = weft_create_task(repeats, (void *)(uintptr_t) "b", NULL);
    weft_task *c = weft_create_task(repeats, (void *)(uintptr_t) "c", NULL);
    sim_pass(1);
    release();
    ck_assert_int_eq(weft_join(a, NULL), 0);
    ck_assert_int_eq(weft_join(b, NULL), 0);
    ck_assert_int_eq(weft_join(c, NULL), 0);
    ck_assert_trace("a b c a b c a b c");
    return 0;
}

/* SEMA-07: several releases wake several, each one. */
START_SIM(several_releases)
{
    set_value(0);
    weft_task *tasks[] = {start("a"), start("b"), start("c")};
    sim_pass(1);
    release();
    release();
    sim_pass(1);
    trace("main");
    release();
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(weft_join(tasks[i], NULL), 0);
    ck_assert_trace("a b main c");
    ck_assert_int_eq(weft_semaphore_locked(&semaphore), 1);
    return 0;
}

/* SEMA-09, SEMA-11: a cancelled waiter leaves, and a release goes past it. */
START_SIM(cancelled_in_line)
{
    set_value(0);
    weft_task *a = start("a"), *b = start("b"), *c = start("c");
    sim_pass(1);
    ck_assert_int_eq(weft_cancel(a), 1);
    release();
    ck_assert_int_eq(weft_join(b, NULL), 0);
    ck_assert_trace("a:cancelled b");
    ck_assert_int_eq(weft_join(a, NULL), WEFT_ECANCELLED);
    ck_assert_int_eq(weft_done(c), 0);
    release();
    return weft_join(c, NULL);
}

/* SEMA-10: who was handed a permit and is cancelled gives it to the next. */
START_SIM(cancelled_with_permit)
{
    set_value(0);
    weft_task *a = start("a"), *b = start("b");
    sim_pass(1);
    release();
    ck_assert_int_eq(weft_cancel(a), 1);
    ck_assert_int_eq(weft_join(a, NULL), WEFT_ECANCELLED);
    ck_assert_int_eq(weft_join(b, NULL), 0);
    ck_assert_trace("a:cancelled b");
    ck_assert_int_eq(weft_semaphore_locked(&semaphore), 1);
    return 0;
}

/* SEMA-04, SEMA-12: cancelled waiters that have not run hold nobody back. */
START_SIM(only_cancelled_in_line)
{
    acquire();
    weft_task *a = start("a");
    sim_pass(1);
    ck_assert_int_eq(weft_cancel(a), 1);
    release();
    ck_assert_int_eq(weft_semaphore_locked(&semaphore), 0);
    int turn = sim_turn();
    acquire();
    ck_assert_int_eq(sim_turn(), turn);
    ck_assert_int_eq(weft_join(a, NULL), WEFT_ECANCELLED);
    ck_assert_int_eq(weft_semaphore_locked(&semaphore), 1);
    return 0;
}

static int inside, inside_max;

COROUTINE(guarded)
{
    acquire();
    if (++inside > inside_max)
        inside_max = inside;
    sim_pass(3);
    inside--;
    release();
    return 0;
}

/* SEMA-13: never more inside than there are permits. */
START_SIM(at_most)
{
    weft_task *tasks[20];
    set_value(3);
    for (int i = 0; i < 20; i++)
        tasks[i] = weft_create_task(guarded, NULL, NULL);
    for (int i = 0; i < 20; i++)
        ck_assert_int_eq(weft_join(tasks[i], NULL), 0);
    ck_assert_int_eq(inside_max, 3);
    return 0;
}

/* SEMA-14: a bounded one is never released above its first value. */
START_SIM(bounded)
{
    static weft_semaphore both[] = {WEFT_BOUNDED_SEMAPHORE_INIT(1), WEFT_BOUNDED_SEMAPHORE_INIT(9)};
    ck_assert_int_eq(weft_bounded_semaphore_init(&both[1], 0), 0);
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(weft_semaphore_release(&both[i]), -EINVAL);
        ck_assert_int_eq(weft_semaphore_locked(&both[i]), i);
    }
    ck_assert_int_eq(weft_semaphore_acquire(&both[0]), 0);
    ck_assert_int_eq(weft_semaphore_release(&both[0]), 0);
    ck_assert_int_eq(weft_semaphore_release(&both[0]), -EINVAL);
    ck_assert_int_eq(weft_semaphore_acquire(&both[0]), 0);
    ck_assert_int_eq(weft_semaphore_locked(&both[0]), 1);
    return 0;
}

/* As many permits as there can be; what no semaphore is. */
START_SIM(limits)
{
    set_value(WEFT_SEMAPHORE_MAX);
    ck_assert_int_eq(weft_semaphore_release(&semaphore), -EOVERFLOW);
    acquire();
    release();
    ck_assert_int_eq(weft_semaphore_release(&semaphore), -EOVERFLOW);
    ck_assert_int_eq(weft_semaphore_acquire(NULL), -EINVAL);
    ck_assert_int_eq(weft_semaphore_release(NULL), -EINVAL);
    ck_assert_int_eq(weft_semaphore_init(NULL, 1), -EINVAL);
    ck_assert_int_eq(weft_semaphore_locked(NULL), 0);
    return 0;
}

/* SEMA-16: the semaphore as text. */
START_SIM(as_text)
{
    char text[100], expected[100];
    weft_semaphore_format(&semaphore, text, sizeof(text));
    snprintf(expected, sizeof(expected), "<weft_semaphore %p [unlocked, value:1]>",
             (void *)&semaphore);
    ck_assert_str_eq(text, expected);
    acquire();
    weft_task *a = start("a");
    sim_pass(1);
    weft_semaphore_format(&semaphore, text, sizeof(text));
    snprintf(expected, sizeof(expected), "<weft_semaphore %p [locked, waiters:1]>",
             (void *)&semaphore);
    ck_assert_str_eq(text, expected);
    release();
    return weft_join(a, NULL);
}

/* Outside a task permits can be given and taken, but not waited for. */
START_TEST(outside_tasks)
{
    acquire();
    ck_assert_int_eq(weft_semaphore_acquire(&semaphore), WEFT_ENOTASK);
    release();
    acquire();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("semaphore");
    TCase *tests = tcase_create("semaphore");

    tcase_add_test(tests, alone);
    tcase_add_test(tests, handed_over);
    tcase_add_test(tests, behind_the_woken);
    tcase_add_test(tests, in_order);
    tcase_add_test(tests, several_releases);
    tcase_add_test(tests, cancelled_in_line);
    tcase_add_test(tests, cancelled_with_permit);
    tcase_add_test(tests, only_cancelled_in_line);
    tcase_add_test(tests, at_most);
    tcase_add_test(tests, bounded);
    tcase_add_test(tests, limits);
    tcase_add_test(tests, as_text);
    tcase_add_test(tests, outside_tasks);
    suite_add_tcase(suite, tests);
    return suite_main(suite);
}
