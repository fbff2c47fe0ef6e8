/*
 * task_end_stress_test.c - a task ends on one loop, while its last reference is given back on
 * another, and its memory is another task's at once.
 */
#include <errno.h>
#include <sched.h>

#include "tests/support/pair.h"
#include "tests/support/suite.h"

#define ROUNDS 300

static _Atomic(weft_task *) handed_over;
static weft_coroutine ending; /* how tasks end: set before the loops begin */

COROUTINE(with_result)
{
    return 0;
}

COROUTINE(with_error)
{
    return -EIO;
}

/* The task's own loop makes it, and so holds no barrier against who comes from elsewhere. */
COROUTINE(makes)
{
    for (int round = 0; round < ROUNDS; round++) {
        weft_task *task = weft_create_task(ending, NULL, NULL);
        ck_assert_ptr_nonnull(task);
        handed_over = task;
        while (handed_over)
            ck_assert_int_eq(weft_yield(), 0);
    }
    return 0;
}

static void take_and_reuse(weft_task *task)
{
    while (!weft_done(task))
        sched_yield();
    ck_assert_int_eq(weft_result(task, NULL), ending(NULL, NULL));
    weft_unref(task);
    ck_assert_int_eq(weft_join(weft_create_task(with_result, NULL, NULL), NULL), 0);
}

COROUTINE(takes)
{
    weft_task *maker = weft_create_task_on(pair_loop(1), makes, NULL, NULL);
    for (int round = 0; round < ROUNDS; round++) {
        weft_task *task;
        while (!(task = handed_over))
            sched_yield();
        handed_over = NULL;
        take_and_reuse(task);
    }
    return weft_join(maker, NULL);
}

/* MULT-08: the last reference may go as soon as the task is done, while its loop still tells those
 * who wait. */
START_TEST(last_reference_elsewhere)
{
    static const weft_coroutine endings[] = {with_result, with_error};
    ending = endings[_i];
    pair_run(takes);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("task_end_stress");
    TCase *tests = tcase_create("task_end");
    tcase_add_loop_test(tests, last_reference_elsewhere, 0, 2);
    suite_add_tcase(suite, tests);
    return suite_main(suite);
}
