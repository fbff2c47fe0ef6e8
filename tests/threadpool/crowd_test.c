/*
 * crowd_test.c - many coroutines that threads have submitted before the loop's turn begins: they take the turns that
 * callbacks would take which make tasks one by one.
 */
#include <errno.h>

#include "tests/sched/callbacks.h"
#include "tests/support/faults.h"
#include "tests/support/suite.h"

/* More than one part of a crowd, and not a whole number of parts. */
#define CROWD 100

static weft_loop *loop;
static weft_future *futures[CROWD];
static int first_steps, second_steps;

static void open_loop(void)
{
    loop = virtual_loop();
    first_steps = second_steps = 0;
}

static void close_loop(void)
{
    ck_assert_int_eq(weft_loop_free(loop), 0);
}

/* Gives its argument, a number, in its second step. Both steps are in the order of the numbers. */
static int give_late(void *arg, void **result)
{
    ck_assert_int_eq(first_steps++, (int)(intptr_t)arg);
    int rc = weft_yield();
    if (rc)
        return rc;
    ck_assert_int_eq(first_steps, CROWD);
    ck_assert_int_eq(second_steps++, (int)(intptr_t)arg);
    *result = arg;
    return 0;
}

static int give(void *arg, void **result)
{
    first_steps++;
    *result = arg;
    return 0;
}

static void submit_all(weft_coroutine fn)
{
    for (int i = 0; i < CROWD; i++) {
        futures[i] = weft_run_coroutine_threadsafe(fn, (void *)(intptr_t)i, loop);
        ck_assert_ptr_nonnull(futures[i]);
    }
}

/* Each future has its number. */
static void take_all(void)
{
    for (int i = 0; i < CROWD; i++) {
        void *result = NULL;
        ck_assert_int_eq(weft_future_wait(futures[i], 0, &result), 0);
        ck_assert_int_eq((int)(intptr_t)result, i);
        weft_unref(futures[i]);
    }
}

/* XTHR-01: what has arrived when a turn begins belongs to it. One turn makes the tasks, the next has all first steps,
 * the one after has all second steps. */
START_TEST(turns_of_a_crowd)
{
    submit_all(give_late);
    run_once(loop);
    ck_assert_int_eq(first_steps, 0);
    run_once(loop);
    ck_assert_int_eq(first_steps, CROWD);
    ck_assert_int_eq(second_steps, 0);
    run_once(loop);
    ck_assert_int_eq(second_steps, CROWD);
    run_once(loop);
    take_all();
}
END_TEST

static int note_steps(void *word)
{
    trace("%s%d", (const char *)word, first_steps);
    return 0;
}

/* Callbacks before, among and behind the crowd keep their places, and see its tasks. */
START_TEST(callbacks_among_a_crowd)
{
    ck_assert_int_eq(weft_call_soon_threadsafe(loop, note_steps, "before:", NULL), 0);
    for (int i = 0; i < CROWD; i++) {
        futures[i] = weft_run_coroutine_threadsafe(give, (void *)(intptr_t)i, loop);
        if (i == CROWD / 2)
            ck_assert_int_eq(weft_call_soon_threadsafe(loop, note_steps, "among:", NULL), 0);
    }
    ck_assert_int_eq(weft_call_soon_threadsafe(loop, note_steps, "behind:", NULL), 0);
    run_once(loop);
    ck_assert_trace("before:0 among:0 behind:0");
    ck_assert_int_eq(weft_call_soon(loop, note_steps, "after:", NULL), 0);
    run_once(loop);
    ck_assert_trace("after:100");
    take_all();
}
END_TEST

/* INTR-07: whose tasks are not made yet counts as made. */
START_TEST(tasks_of_a_crowd_are_listed)
{
    weft_task **tasks;

    submit_all(give);
    run_once(loop);
    long count = weft_all_tasks(loop, &tasks);
    ck_assert_int_eq(count, CROWD);
    weft_task_list_free(tasks, count);
    ck_assert_int_eq(first_steps, 0);
    run_once(loop);
    ck_assert_int_eq(first_steps, CROWD);
    run_once(loop);
    take_all();
    ck_assert_int_eq(weft_all_tasks(loop, &tasks), 0);
    weft_task_list_free(tasks, 0);
}
END_TEST

/* XTHR-05: those that are cancelled before their first step never make it, whether their tasks are made or not. */
START_TEST(cancelled_in_a_crowd)
{
    weft_task **tasks;

    submit_all(give);
    ck_assert_int_eq(weft_cancel(futures[0]), 1);
    ck_assert_int_eq(weft_cancel(futures[40]), 1);
    run_once(loop);
    if (_i) {
        long count = weft_all_tasks(loop, &tasks);
        weft_task_list_free(tasks, count);
    }
    ck_assert_int_eq(weft_cancel(futures[CROWD - 1]), 1);
    run_once(loop);
    run_once(loop);
    run_once(loop);
    /* The last one's request is a message that comes with the first steps, behind them. */
    ck_assert_int_eq(first_steps, CROWD - 2);
    for (int i = 0; i < CROWD; i++) {
        bool cancelled = i == 0 || i == 40 || i == CROWD - 1;
        ck_assert_int_eq(weft_future_wait(futures[i], 0, NULL), cancelled ? WEFT_ECANCELLED : 0);
        weft_unref(futures[i]);
    }
}
END_TEST

static int stop_in_the_middle(void *arg, void **result)
{
    if ((int)(intptr_t)arg == CROWD / 2)
        weft_loop_stop(loop);
    return give(arg, result);
}

/* LIFE-04: stop() ends the run with the turn, which is that of the whole crowd. */
START_TEST(stop_inside_a_crowd)
{
    submit_all(stop_in_the_middle);
    ck_assert_int_eq(weft_loop_run_forever(loop), 0);
    ck_assert_int_eq(first_steps, CROWD);
    run_once(loop);
    take_all();
}
END_TEST

static int interrupt_in_the_middle(void *arg, void **result)
{
    first_steps++;
    *result = arg;
    return (int)(intptr_t)arg == CROWD / 2 ? WEFT_EINTERRUPTED : 0;
}

/* TASK-18: a fatal error ends the run at once; the others run in the next. */
START_TEST(fatal_error_inside_a_crowd)
{
    submit_all(interrupt_in_the_middle);
    ck_assert_int_eq(weft_loop_run_forever(loop), WEFT_EINTERRUPTED);
    ck_assert_int_eq(first_steps, CROWD / 2 + 1);
    run_once(loop);
    ck_assert_int_eq(first_steps, CROWD);
    run_once(loop);
    for (int i = 0; i < CROWD; i++) {
        ck_assert_int_eq(weft_future_wait(futures[i], 0, NULL),
                         i == CROWD / 2 ? WEFT_EINTERRUPTED : 0);
        weft_unref(futures[i]);
    }
}
END_TEST

/* TASK-19: the loop is closed with the crowd in the queue: 0 turns, 1, in the middle of the first steps, or after. */
START_TEST(closed_with_a_crowd)
{
    static const int runs[] = {0, 1, 1, 2};
    submit_all(_i == 2 ? interrupt_in_the_middle : give_late);
    for (int i = 0; i < runs[_i]; i++)
        run_once(loop);
    if (_i == 2) {
        ck_assert_int_eq(weft_loop_run_forever(loop), WEFT_EINTERRUPTED);
        ck_assert_int_eq(first_steps, CROWD / 2 + 1);
    }
    ck_assert_int_eq(weft_loop_close(loop), 0);
    int done = _i == 2 ? CROWD / 2 : 0;
    int lost = _i == 0 ? WEFT_ELOOPCLOSED : WEFT_ECANCELLED;
    for (int i = 0; i < CROWD; i++) {
        int expected = i < done ? 0 : i == done && _i == 2 ? WEFT_EINTERRUPTED : lost;
        ck_assert_int_eq(weft_future_wait(futures[i], 0, NULL), expected);
        weft_unref(futures[i]);
    }
}
END_TEST

static void crowd_without_memory(void)
{
    weft_loop *own = weft_new_event_loop(NULL);
    weft_future *few[40];
    int made = 0, ran = 0;

    if (!own)
        return;
    weft_loop_set_exception_handler(own, report_record, NULL);

    for (int i = 0; i < 40; i++)
        few[i] = weft_run_coroutine_threadsafe(give, NULL, own);
    for (int i = 0; i < 4; i++)
        run_once(own);
    for (int i = 0; i < 40; i++) {
        if (!few[i])
            continue;
        made++;
        int rc = weft_future_wait(few[i], 0, NULL);
        ck_assert_msg(rc == 0 || rc == -ENOMEM, "%d", rc);
        ran += rc == 0;
        weft_unref(few[i]);
    }
    ck_assert_int_ge(made, 39);
    ck_assert_int_ge(ran, made - 1);
    ck_assert_int_eq(weft_loop_free(own), 0);
}

/* XTHR-13: one allocation that fails costs one submission at most, and that one is told. */
START_TEST(a_crowd_without_memory)
{
    ck_assert_uint_ge(run_with_each_fault(FAULT_ALLOC, ENOMEM, crowd_without_memory), 40);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("crowd");
    TCase *crowds = tcase_create("crowds"), *faults = tcase_create("faults");

    tcase_add_checked_fixture(crowds, open_loop, close_loop);
    tcase_add_test(crowds, turns_of_a_crowd);
    tcase_add_test(crowds, callbacks_among_a_crowd);
    tcase_add_test(crowds, tasks_of_a_crowd_are_listed);
    tcase_add_loop_test(crowds, cancelled_in_a_crowd, 0, 2);
    tcase_add_test(crowds, stop_inside_a_crowd);
    tcase_add_test(crowds, fatal_error_inside_a_crowd);
    tcase_add_loop_test(crowds, closed_with_a_crowd, 0, 4);
    suite_add_tcase(suite, crowds);
    tcase_add_test(faults, a_crowd_without_memory);
    suite_add_tcase(suite, faults);
    return suite_main(suite);
}
