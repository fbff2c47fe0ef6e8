/*
 * generator_blocks_test.c - blocks of code that a generator is in while it yields: time-outs, task
 * groups, contexts. One task enters them, another may leave them, and the first may be gone by then.
 */
#include <errno.h>

#include "tests/support/faults.h"
#include "tests/support/sim.h"
#include "tests/support/suite.h"

/* Yields twice inside a time-out of so many seconds; 0: of none. Awaits a little while it ends. */
static int limited(weft_generator *self, void *arg)
{
    double seconds = (double)(intptr_t)arg;
    weft_timeout limit;
    int rc = weft_timeout_init(&limit, seconds > 0 ? seconds : WEFT_FOREVER);
    if (!rc)
        rc = weft_timeout_begin(&limit);
    if (rc)
        return rc;
    rc = weft_generator_yield(self, &limit, NULL);
    if (!rc)
        rc = weft_generator_yield(self, &limit, NULL);
    rc = weft_timeout_end(&limit, rc);
    trace("ended:%s,%d", rc ? weft_error_name(rc) : "0", weft_timeout_expired(&limit));
    return rc;
}

COROUTINE(asks_once)
{
    return weft_generator_next(arg, result);
}

/* A task that has asked and is over, and its memory with it. */
static void *asked_by_another(weft_generator *g)
{
    void *value = NULL;
    ck_assert_int_eq(weft_join(weft_create_task(asks_once, g, NULL), &value), 0);
    return value;
}

/* Another task than the one that has entered leaves the block: the deadline is called off. */
START_SIM(left_by_another_task)
{
    weft_generator *g = weft_generator_new(limited, (void *)5, NULL);
    (void)asked_by_another(g);
    ck_assert_int_eq(weft_generator_next(g, NULL), 0);
    ck_assert_int_eq(weft_generator_next(g, NULL), WEFT_ESTOPITERATION);
    ck_assert_trace("ended:0,0");
    weft_generator_unref(g);

    g = weft_generator_new(limited, (void *)5, NULL);
    (void)asked_by_another(g);
    weft_generator_unref(g); /* closed by a task of the loop */
    ck_assert_int_eq(weft_sleep(10), 0);
    ck_assert_trace("ended:WEFT_EGENERATOREXIT,0");
    return 0;
}

/* The deadline strikes when the task that has entered is gone: nobody is cancelled. */
START_SIM(strikes_when_the_task_is_gone)
{
    weft_generator *g = weft_generator_new(limited, (void *)5, NULL);
    (void)asked_by_another(g);
    ck_assert_int_eq(weft_sleep(10), 0);
    ck_assert_int_eq(weft_generator_close(g), 0);
    ck_assert_trace("ended:WEFT_EGENERATOREXIT,1");
    weft_generator_unref(g);
    return 0;
}

/* Without a deadline at first: it gets one when the task that has entered is gone. */
START_SIM(rescheduled_when_the_task_is_gone)
{
    weft_generator *g = weft_generator_new(limited, NULL, NULL);
    weft_timeout *limit = asked_by_another(g);
    double now = weft_loop_time(weft_get_running_loop());
    ck_assert_int_eq(weft_timeout_reschedule(limit, now + 1), 0);
    ck_assert_int_eq(weft_sleep(2), 0);
    ck_assert_int_eq(weft_generator_close(g), 0);
    ck_assert_trace("ended:WEFT_EGENERATOREXIT,1");
    weft_generator_unref(g);
    return 0;
}

COROUTINE(fails_later)
{
    int rc = weft_sleep(1);
    return rc ? rc : weft_fail(-EIO, "late");
}

COROUTINE(sleeps_long)
{
    int rc = weft_sleep(100);
    trace(rc == WEFT_ECANCELLED ? "stopped" : "slept");
    return rc;
}

/* Yields inside a task group with two tasks, the first of which is arg. */
static int grouped(weft_generator *self, void *arg)
{
    weft_task_group group = WEFT_TASK_GROUP_INIT;
    weft_coroutine first = *(weft_coroutine *)arg;
    int rc = weft_task_group_begin(&group);
    ck_assert_int_eq(rc, 0);
    weft_unref(weft_task_group_create_task(&group, first, NULL, NULL));
    weft_unref(weft_task_group_create_task(&group, sleeps_long, NULL, NULL));
    rc = weft_generator_yield(self, NULL, NULL);
    rc = weft_task_group_end(&group, rc);
    trace("ended:%s", rc ? weft_error_name(rc) : "0");
    return rc;
}

/* A task of the group fails when the task that has entered is gone; another one leaves the block. */
START_SIM(group_left_by_another_task)
{
    weft_coroutine fails = fails_later, sleeps = sleeps_long;
    weft_generator *g = weft_generator_new(grouped, &fails, NULL);
    (void)asked_by_another(g);
    ck_assert_int_eq(weft_sleep(2), 0);
    ck_assert_trace("stopped");
    ck_assert_int_eq(weft_generator_next(g, NULL), WEFT_EGROUP);
    ck_assert_uint_eq(weft_error_count(weft_error_current()), 1);
    ck_assert_trace("ended:WEFT_EGROUP");
    weft_generator_unref(g);

    g = weft_generator_new(grouped, &sleeps, NULL);
    (void)asked_by_another(g);
    ck_assert_int_eq(weft_sleep(1), 0);
    ck_assert_int_eq(weft_generator_close(g), WEFT_EGROUP); /* TGRP-09 */
    ck_assert_int_eq(weft_error_code(weft_error_at(weft_error_current(), 0)), WEFT_EGENERATOREXIT);
    ck_assert_trace("stopped stopped ended:WEFT_EGROUP");
    weft_generator_unref(g);
    return 0;
}

/* The task that leaves the block is cancelled meanwhile: that is its own cancellation. */
START_SIM(leaver_is_cancelled)
{
    weft_coroutine sleeps = sleeps_long;
    weft_generator *g = weft_generator_new(grouped, &sleeps, NULL);
    (void)asked_by_another(g);
    ck_assert_int_eq(weft_sleep(1), 0);
    weft_task *leaver = weft_create_task(asks_once, g, NULL);
    sim_pass(2);
    ck_assert_int_eq(weft_cancel(leaver), 1);
    ck_assert_int_eq(weft_join(leaver, NULL), WEFT_ECANCELLED);
    ck_assert_trace("stopped stopped ended:WEFT_ECANCELLED");
    weft_generator_unref(g);
    return 0;
}

static int yields(void *arg, void **result)
{
    (void)result;
    return weft_generator_yield(arg, NULL, NULL);
}

/* Yields from within weft_context_run(), and says what that gives; then outside of it. */
static int in_context(weft_generator *self, void *arg)
{
    int rc = weft_context_run(arg, yields, self, NULL);
    trace("inside:%s", rc ? weft_error_name(rc) : "0");
    return weft_generator_yield(self, NULL, NULL);
}

static int asks_in_context(void *arg, void **result)
{
    return weft_generator_next(arg, result);
}

/* A yield cannot leave weft_context_run(): the context would go with who asked. One that the asker
 * has entered does not matter. */
START_SIM(no_yield_out_of_a_context)
{
    weft_context *inner = weft_context_new(), *outer = weft_context_new();
    weft_generator *g = weft_generator_new(in_context, inner, NULL);
    ck_assert_int_eq(weft_context_run(outer, asks_in_context, g, NULL), 0);
    ck_assert_trace("inside:WEFT_ERUNTIME");
    ck_assert_int_eq(weft_generator_next(g, NULL), WEFT_ESTOPITERATION);
    weft_generator_unref(g);
    ck_assert_int_eq(weft_context_run(inner, sleeps_long, NULL, NULL), 0);
    weft_context_unref(inner);
    weft_context_unref(outer);
    return 0;
}

static int stubborn_closings;

/* Does not let itself be closed, inside a time-out. */
static int stubborn(weft_generator *self, void *arg)
{
    weft_timeout limit;
    (void)arg;
    ck_assert_int_eq(weft_timeout_init(&limit, 5), 0);
    ck_assert_int_eq(weft_timeout_begin(&limit), 0);
    while (weft_generator_yield(self, NULL, NULL) == WEFT_EGENERATOREXIT)
        stubborn_closings++;
    return weft_timeout_end(&limit, 0);
}

/* What ignores its closing stays as it is, for what refers to its calls, until the loop is closed. */
START_SIM(stubborn_in_a_timeout)
{
    weft_generator *g = weft_generator_new(stubborn, NULL, NULL);
    stubborn_closings = 0;
    (void)asked_by_another(g);
    weft_generator_unref(g);
    ck_assert_int_eq(weft_sleep(10), 0);
    ck_assert_int_eq(stubborn_closings, 1);
    ck_assert_int_eq(reports_code, WEFT_ERUNTIME);
    return 0;
}

static int stubborn_with_own(weft_generator *self, void *arg)
{
    weft_timeout *limit = arg;
    ck_assert_int_eq(weft_timeout_init(limit, 5), 0);
    ck_assert_int_eq(weft_timeout_begin(limit), 0);
    while (weft_generator_yield(self, limit, NULL))
        ;
    return weft_timeout_end(limit, 0);
}

static void spoil_and_free(void *arg)
{
    memset(arg, 0xff, sizeof(weft_timeout));
    free(arg);
}

/* The same with the deadline still to come: the loop lets go of it before it frees the generator. */
START_SIM(stubborn_in_time)
{
    weft_generator_options options = {.arg_drop = spoil_and_free};
    weft_timeout *limit = malloc(sizeof(*limit));
    weft_generator *g = weft_generator_new(stubborn_with_own, limit, &options);
    ck_assert_ptr_eq(asked_by_another(g), limit);
    weft_generator_unref(g);
    return weft_sleep(1);
}

/* Without memory for the task that closes it, that is done at the end of the run. */
START_SIM(closing_finds_no_memory)
{
    weft_generator *g = weft_generator_new(limited, (void *)5, NULL);
    (void)asked_by_another(g);
    weft_task *held[64];
    int count = 0;
    wf_fault_arm(FAULT_ALLOC, 1, ENOMEM, true);
    while (count < 64 && (held[count] = weft_create_task(sleeps_long, NULL, NULL)))
        count++;
    weft_generator_unref(g);
    wf_fault_reset();
    for (int i = 0; i < count; i++) {
        weft_cancel(held[i]);
        (void)weft_join(held[i], NULL);
    }
    ck_assert_trace("");
    ck_assert_int_eq(weft_sleep(10), 0);
    ck_assert_int_eq(weft_loop_shutdown_asyncgens(weft_get_running_loop()), 0);
    ck_assert_trace("ended:WEFT_EGENERATOREXIT,1");
    return 0;
}

static int pauses(weft_generator *self, void *arg)
{
    int rc = weft_sleep(1);
    trace("went on");
    return rc ? rc : weft_generator_yield(self, arg, NULL);
}

/* The last reference is given back while a request is under way: it is closed after that. */
START_SIM(given_up_under_way)
{
    weft_generator *g = weft_generator_new(pauses, &stubborn_closings, NULL);
    void *value = NULL;
    weft_task *asker = weft_create_task(asks_once, g, NULL);
    sim_pass(1);
    weft_generator_unref(g);
    ck_assert_int_eq(weft_join(asker, &value), 0);
    ck_assert_ptr_eq(value, &stubborn_closings);
    ck_assert_int_eq(weft_sleep(1), 0);
    ck_assert_trace("went on");
    return 0;
}

/* A generator of a loop that is closed is not one of the loop that got its memory. */
START_TEST(loop_of_another_life)
{
    weft_loop_options options = {.clock = WEFT_CLOCK_VIRTUAL};
    weft_generator *g = weft_generator_new(pauses, NULL, NULL);
    for (int i = 0; i < 2; i++) {
        weft_loop *loop = weft_new_event_loop(&options);
        weft_task *t = weft_task_new(loop, asks_once, g, NULL);
        ck_assert_int_eq(weft_loop_run_until_complete(loop, t, NULL), i ? WEFT_EWRONGTHREAD : 0);
        weft_unref(t);
        ck_assert_int_eq(weft_loop_free(loop), 0);
    }
    weft_generator_unref(g);
}
END_TEST

/* A loop that is closed with a generator in a time-out, or in a group, keeps nothing. */
START_TEST(loop_is_closed_in_a_block)
{
    weft_loop_options options = {.clock = WEFT_CLOCK_VIRTUAL};
    weft_coroutine fails = fails_later;
    for (int i = 0; i < 4; i++) {
        weft_loop *loop = weft_new_event_loop(&options);
        weft_loop_set_exception_handler(loop, report_record, NULL);
        weft_generator *g = i < 2 ? weft_generator_new(limited, (void *)(intptr_t)i, NULL)
                                  : weft_generator_new(grouped, &fails, NULL);
        weft_task *t = weft_task_new(loop, asks_once, g, NULL);
        ck_assert_int_eq(weft_loop_run_until_complete(loop, t, NULL), 0);
        weft_unref(t);
        if (i == 3) {
            t = weft_task_new(loop, fails_later, NULL, NULL);
            ck_assert_int_eq(weft_loop_run_until_complete(loop, t, NULL), -EIO);
            weft_unref(t);
        }
        ck_assert_int_eq(weft_loop_free(loop), 0);
        weft_generator_unref(g);
    }
}
END_TEST

/* In a time-out and a group, whatever memory is missing: an error, or all of it. */
static int in_both(weft_generator *self, void *arg)
{
    weft_timeout limit;
    weft_task_group group = WEFT_TASK_GROUP_INIT;
    int rc = weft_timeout_init(&limit, 5);
    if (!rc)
        rc = weft_timeout_begin(&limit);
    if (rc)
        return rc;
    rc = weft_task_group_begin(&group);
    if (!rc)
        rc = weft_task_group_end(&group, weft_generator_yield(self, arg, NULL));
    return weft_timeout_end(&limit, rc);
}

COROUTINE(enters_both)
{
    weft_generator *g = weft_generator_new(in_both, NULL, NULL);
    int rc = g ? weft_join(weft_create_task(asks_once, g, NULL), NULL) : -ENOMEM;
    if (!rc)
        rc = weft_generator_next(g, NULL);
    weft_generator_unref(g);
    return rc == WEFT_ESTOPITERATION ? 0 : rc;
}

static void enter_with_fault(void)
{
    int rc = sim_run(enters_both, NULL);
    ck_assert(rc == 0 || rc == -ENOMEM || rc == -EAGAIN);
}

START_TEST(no_memory)
{
    ck_assert_uint_gt(run_with_each_fault(FAULT_ALLOC, ENOMEM, enter_with_fault), 10);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("generator_blocks");
    TCase *tests = tcase_create("generator_blocks");

    tcase_add_test(tests, left_by_another_task);
    tcase_add_test(tests, strikes_when_the_task_is_gone);
    tcase_add_test(tests, rescheduled_when_the_task_is_gone);
    tcase_add_test(tests, group_left_by_another_task);
    tcase_add_test(tests, leaver_is_cancelled);
    tcase_add_test(tests, no_yield_out_of_a_context);
    tcase_add_test(tests, stubborn_in_a_timeout);
    tcase_add_test(tests, stubborn_in_time);
    tcase_add_test(tests, closing_finds_no_memory);
    tcase_add_test(tests, given_up_under_way);
    tcase_add_test(tests, loop_of_another_life);
    tcase_add_test(tests, loop_is_closed_in_a_block);
    tcase_add_test(tests, no_memory);
    suite_add_tcase(suite, tests);
    return suite_main(suite);
}
