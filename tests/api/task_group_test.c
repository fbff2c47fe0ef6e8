/*
 * task_group_test.c - tasks that belong to a block of code.
 */
#include <errno.h>

#include "tests/support/sim.h"
#include "tests/support/suite.h"

struct job {
    const char *name;
    double seconds;
    int code;
    int cancelled;
};

COROUTINE(work)
{
    const struct job *job = arg;
    int rc = weft_sleep(job->seconds);
    if (rc == WEFT_ECANCELLED) {
        trace("%s:cancelled", job->name);
        return job->cancelled ? weft_fail(job->cancelled, "%s", job->name) : 0;
    }
    trace("%s", job->name);
    return job->code ? weft_fail(job->code, "%s", job->name) : 0;
}

static void add(weft_task_group *group, const struct job *job)
{
    weft_task *task = weft_task_group_create_task(group, work, (void *)(uintptr_t)job, NULL);
    ck_assert_ptr_nonnull(task);
    weft_unref(task);
}

static const char *member(size_t i)
{
    return weft_error_message(weft_error_at(weft_error_current(), i));
}

/* TGRP-01, TGRP-34: leaving waits for every task, and goes on two iterations after the last. */
START_SIM(waits_for_all)
{
    weft_task_group group = WEFT_TASK_GROUP_INIT;
    struct job a = {"a", 2, 0, 0}, b = {"b", 1, 0, 0};

    ck_assert_int_eq(weft_task_group_begin(&group), 0);
    add(&group, &a);
    add(&group, &b);
    ck_assert_int_eq(weft_task_group_end(&group, 0), 0);
    ck_assert_trace("b a");
    return 0;
}

/* TGRP-04, TGRP-15, TGRP-16, TGRP-19: an empty group does not suspend; what is refused. */
START_SIM(empty_and_refused)
{
    weft_task_group group = WEFT_TASK_GROUP_INIT;
    int turn = sim_turn();

    ck_assert_ptr_null(weft_task_group_create_task(&group, work, NULL, NULL));
    ck_assert_int_eq(errno, -WEFT_ERUNTIME);
    ck_assert_int_eq(weft_task_group_end(&group, 0), WEFT_ERUNTIME);
    ck_assert_int_eq(weft_task_group_begin(&group), 0);
    ck_assert_int_eq(weft_task_group_begin(&group), WEFT_ERUNTIME);
    ck_assert_int_eq(weft_task_group_end(&group, 0), 0);
    ck_assert_int_eq(sim_turn(), turn);
    ck_assert_ptr_null(weft_task_group_create_task(&group, work, NULL, NULL));
    ck_assert_int_eq(errno, -WEFT_ERUNTIME);
    ck_assert_int_eq(weft_task_group_begin(&group), WEFT_ERUNTIME);
    return 0;
}

/* TGRP-05 to TGRP-08, TGRP-10, TGRP-26: a failure ends the others and the body; all errors come out
 * together, in the order in which the tasks ended, the body's own last. */
START_SIM(failure)
{
    weft_task_group group = WEFT_TASK_GROUP_INIT;
    struct job a = {"a", 2, 0, -EIO}, b = {"b", 1, -EPERM, 0};

    ck_assert_int_eq(weft_task_group_begin(&group), 0);
    add(&group, &a);
    add(&group, &b);
    ck_assert_int_eq(weft_sleep(10), WEFT_ECANCELLED);
    ck_assert_ptr_null(weft_task_group_create_task(&group, work, NULL, NULL)); /* TGRP-17 */
    ck_assert_int_eq(weft_task_group_end(&group, weft_fail(-EBUSY, "body")), WEFT_EGROUP);
    ck_assert_uint_eq(weft_error_count(weft_error_current()), 3);
    ck_assert_str_eq(member(0), "b");
    ck_assert_str_eq(member(1), "a");
    ck_assert_str_eq(member(2), "body");
    ck_assert_int_eq(weft_cancelling(weft_current_task()), 0);
    ck_assert_trace("b a:cancelled");
    ck_assert_int_eq(weft_sleep(1), 0);
    return 0;
}

/* TGRP-09: an error of the body alone is in a group too. */
START_SIM(body_fails)
{
    weft_task_group group = WEFT_TASK_GROUP_INIT;
    struct job a = {"a", 2, 0, WEFT_ECANCELLED};

    ck_assert_int_eq(weft_task_group_begin(&group), 0);
    add(&group, &a);
    sim_pass(1);
    ck_assert_int_eq(weft_task_group_end(&group, weft_fail(-EBUSY, "body")), WEFT_EGROUP);
    ck_assert_uint_eq(weft_error_count(weft_error_current()), 1);
    ck_assert_str_eq(member(0), "body");
    ck_assert_trace("a:cancelled");
    return 0;
}

/* TGRP-36: cancel() ends the block without an error. */
START_SIM(cancel_group)
{
    weft_task_group group = WEFT_TASK_GROUP_INIT;
    struct job a = {"a", 2, 0, WEFT_ECANCELLED};

    ck_assert_int_eq(weft_task_group_begin(&group), 0);
    add(&group, &a);
    sim_pass(1);
    ck_assert_int_eq(weft_task_group_cancel(&group), 0);
    ck_assert_int_eq(weft_sleep(1), WEFT_ECANCELLED);
    ck_assert_int_eq(weft_task_group_end(&group, WEFT_ECANCELLED), 0);
    ck_assert_int_eq(weft_task_group_cancel(&group), 0);
    ck_assert_int_eq(weft_cancelling(weft_current_task()), 0);
    ck_assert_int_eq(weft_sleep(1), 0);
    ck_assert_trace("a:cancelled");
    return 0;
}

COROUTINE(gives)
{
    trace("%s", weft_task_get_name(weft_current_task()));
    *result = arg;
    return 0;
}

/* TGRP-02, TGRP-03, TGRP-04: tasks with names; results are read when the block is over; done ones
 * make nobody wait. */
START_SIM(results)
{
    weft_task_group group = WEFT_TASK_GROUP_INIT;
    weft_task_options options = {.name = "named"};
    weft_task *t[3];
    ck_assert_int_eq(weft_task_group_begin(&group), 0);
    for (int i = 0; i < 3; i++) {
        t[i] = weft_task_group_create_task(&group, gives, &t[i], &options);
        ck_assert_ptr_nonnull(t[i]);
    }
    ck_assert_int_eq(weft_task_group_end(&group, 0), 0);
    for (int i = 0; i < 3; i++) {
        void *value = NULL;
        ck_assert_int_eq(weft_join(t[i], &value), 0);
        ck_assert_ptr_eq(value, &t[i]);
    }
    ck_assert_trace("named named named");
    return 0;
}

COROUTINE(says_when)
{
    int rc = weft_sleep(1);
    *(int *)arg = sim_turn();
    return rc;
}

/* TGRP-34: it goes on two iterations after the one in which the last task finished. */
START_SIM(hops)
{
    weft_task_group group = WEFT_TASK_GROUP_INIT;
    int turn = 0;
    ck_assert_int_eq(weft_task_group_begin(&group), 0);
    weft_unref(weft_task_group_create_task(&group, says_when, &turn, NULL));
    ck_assert_int_eq(weft_task_group_end(&group, 0), 0);
    ck_assert_int_eq(sim_turn(), turn + 2);
    return 0;
}

/* TGRP-07: the errors' group has a message that never changes. TGRP-35: an error of one's own ends a
 * group early, and is found outside. */
START_SIM(ended_early)
{
    weft_task_group group = WEFT_TASK_GROUP_INIT;
    struct job a = {"a", 10, 0, WEFT_ECANCELLED}, stop = {"stop", 1, -ECANCELED - 4000, 0};
    ck_assert_int_eq(weft_task_group_begin(&group), 0);
    add(&group, &a);
    add(&group, &stop);
    ck_assert_int_eq(weft_task_group_end(&group, 0), WEFT_EGROUP);
    ck_assert_str_eq(weft_error_message(weft_error_current()), "unhandled errors in a task group");
    ck_assert_uint_eq(weft_error_count(weft_error_current()), 1);
    ck_assert_int_eq(weft_error_code(weft_error_at(weft_error_current(), 0)), stop.code);
    ck_assert_trace("stop a:cancelled");
    return 0;
}

/* TGRP-13: a task that ends cancelled is no failure. */
START_SIM(cancelled_task)
{
    weft_task_group group = WEFT_TASK_GROUP_INIT;
    struct job a = {"a", 2, 0, WEFT_ECANCELLED}, b = {"b", 3, 0, 0};
    ck_assert_int_eq(weft_task_group_begin(&group), 0);
    weft_task *t = weft_task_group_create_task(&group, work, &a, NULL);
    add(&group, &b);
    sim_pass(1);
    ck_assert_int_eq(weft_cancel(t), 1);
    ck_assert_int_eq(weft_task_group_end(&group, 0), 0);
    ck_assert(weft_cancelled(t));
    weft_unref(t);
    ck_assert_trace("a:cancelled b");
    return 0;
}

struct chain {
    weft_task_group *group;
    int left;
};

COROUTINE(adds_another)
{
    struct chain *chain = arg;
    int rc = weft_yield();
    if (rc || !chain->left--)
        return rc;
    weft_task *task = weft_task_group_create_task(chain->group, adds_another, chain, NULL);
    ck_assert_ptr_nonnull(task);
    weft_unref(task);
    return 0;
}

/* TGRP-14, TGRP-16: while the exit waits tasks may add tasks, and when none is left nobody may. */
START_SIM(tasks_add_tasks)
{
    weft_task_group group = WEFT_TASK_GROUP_INIT;
    struct chain chain = {&group, 50};
    ck_assert_int_eq(weft_task_group_begin(&group), 0);
    weft_unref(weft_task_group_create_task(&group, adds_another, &chain, NULL));
    ck_assert_int_eq(weft_task_group_end(&group, 0), 0);
    ck_assert_int_eq(chain.left, -1);
    ck_assert_ptr_null(weft_task_group_create_task(&group, adds_another, &chain, NULL));
    return 0;
}

COROUTINE(fails_after_adding)
{
    struct chain *chain = arg;
    for (int i = 0; i < 3; i++)
        weft_unref(weft_task_group_create_task(chain->group, adds_another, chain, NULL));
    return -EIO;
}

/* TGRP-05, TGRP-17: tasks that were added and have not begun, when another one fails. */
START_SIM(added_before_a_failure)
{
    weft_task_group group = WEFT_TASK_GROUP_INIT;
    struct chain chain = {&group, 1000};
    ck_assert_int_eq(weft_task_group_begin(&group), 0);
    weft_unref(weft_task_group_create_task(&group, fails_after_adding, &chain, NULL));
    ck_assert_int_eq(weft_task_group_end(&group, 0), WEFT_EGROUP);
    ck_assert_uint_eq(weft_error_count(weft_error_current()), 1);
    ck_assert_int_gt(chain.left, 900);
    return 0;
}

static int drops;

static void count_drop(void *arg)
{
    (void)arg;
    drops++;
}

/* TGRP-15, TGRP-16, TGRP-17, TGRP-18: what is refused is still the caller's. */
START_SIM(refused_arguments)
{
    weft_task_group group = WEFT_TASK_GROUP_INIT;
    weft_task_options options = {.arg_drop = count_drop};
    struct job a = {"a", 1, 0, 0};
    ck_assert_ptr_null(weft_task_group_create_task(&group, work, &a, &options));
    ck_assert_int_eq(weft_task_group_begin(&group), 0);
    ck_assert_int_eq(weft_task_group_cancel(&group), 0);
    ck_assert_ptr_null(weft_task_group_create_task(&group, work, &a, &options));
    ck_assert_int_eq(weft_task_group_end(&group, weft_sleep(1)), 0);
    ck_assert_ptr_null(weft_task_group_create_task(&group, work, &a, &options));
    ck_assert_int_eq(errno, -WEFT_ERUNTIME);
    ck_assert_int_eq(drops, 0);
    return 0;
}

/* TGRP-20: outside a task it is refused, and can be entered later. */
static weft_task_group early = WEFT_TASK_GROUP_INIT;

COROUTINE(enters_early)
{
    ck_assert_int_eq(weft_task_group_begin(&early), 0);
    return weft_task_group_end(&early, 0);
}

START_TEST(outside_a_task)
{
    ck_assert_int_eq(weft_task_group_begin(&early), WEFT_ENOTASK);
    ck_assert_int_eq(weft_task_group_begin(NULL), -EINVAL);
    ck_assert_int_eq(weft_task_group_end(&early, 0), WEFT_ERUNTIME);
    ck_assert_int_eq(weft_task_group_cancel(NULL), -EINVAL);
    ck_assert_int_eq(sim_run(enters_early, NULL), 0);
}
END_TEST

/* TGRP-12: a fatal error of the body comes out bare, after all tasks; the others' are lost. */
START_SIM(fatal_body)
{
    weft_task_group group = WEFT_TASK_GROUP_INIT;
    struct job a = {"a", 1, 0, -EIO};
    ck_assert_int_eq(weft_task_group_begin(&group), 0);
    add(&group, &a);
    sim_pass(1);
    int rc = weft_task_group_end(&group, weft_fail(WEFT_ESYSTEMEXIT, "exit"));
    ck_assert_int_eq(rc, WEFT_ESYSTEMEXIT);
    ck_assert_str_eq(weft_error_message(weft_error_current()), "exit");
    ck_assert_trace("a:cancelled");
    return 0;
}

COROUTINE(fatal_task_main)
{
    weft_task_group group = WEFT_TASK_GROUP_INIT;
    struct job a = {"a", 5, 0, WEFT_ECANCELLED}, b = {"b", 1, WEFT_ESYSTEMEXIT, 0};
    ck_assert_int_eq(weft_task_group_begin(&group), 0);
    add(&group, &a);
    add(&group, &b);
    int rc = weft_task_group_end(&group, 0);
    trace("%s", weft_error_name(rc));
    return rc;
}

/* TGRP-12: and one of a task too, which also ends the run. */
START_TEST(fatal_task)
{
    ck_assert_int_eq(sim_run(fatal_task_main, NULL), WEFT_ESYSTEMEXIT);
    ck_assert_trace("b a:cancelled WEFT_ESYSTEMEXIT");
}
END_TEST

/* TGRP-32: what is finished leaves the group at once: nothing but its handle keeps it. */
START_SIM(finished_tasks_leave)
{
    weft_task_group group = WEFT_TASK_GROUP_INIT;
    struct job a = {"a", 10, 0, 0};
    weft_task_options options = {.arg_drop = NULL, .result_drop = count_drop};
    ck_assert_int_eq(weft_task_group_begin(&group), 0);
    add(&group, &a);
    for (int i = 1; i <= 20; i++) {
        weft_unref(weft_task_group_create_task(&group, gives, &a, &options));
        sim_pass(3);
        ck_assert_int_eq(drops, i);
    }
    trace_clear();
    return weft_task_group_end(&group, 0);
}

#define CROWD 1000

/* A thousand tasks that all fail, each in its place among the errors. */
START_SIM(crowd)
{
    static struct job jobs[CROWD];
    weft_task_group group = WEFT_TASK_GROUP_INIT;
    ck_assert_int_eq(weft_task_group_begin(&group), 0);
    for (int i = 0; i < CROWD; i++) {
        jobs[i] = (struct job){"t", 1, -1 - i % 100, -1 - i % 100};
        add(&group, &jobs[i]);
    }
    ck_assert_int_eq(weft_task_group_end(&group, 0), WEFT_EGROUP);
    ck_assert_uint_eq(weft_error_count(weft_error_current()), CROWD);
    for (int i = 0; i < CROWD; i++) {
        const weft_error *error = weft_error_at(weft_error_current(), (size_t)i);
        ck_assert_int_eq(weft_error_code(error), jobs[i].code);
    }
    return 0;
}

COROUTINE(stays_in_group)
{
    weft_task_group group = WEFT_TASK_GROUP_INIT;
    static struct job a = {"a", 100, 0, 0}, b = {"b", 0, -EIO, 0};
    ck_assert_int_eq(weft_task_group_begin(&group), 0);
    add(&group, &a);
    if (arg)
        add(&group, &b);
    return weft_task_group_end(&group, 0);
}

/* The loop closes while the exit waits, with a task that has failed already and with none. */
START_TEST(loop_is_closed)
{
    for (int failed = 0; failed < 2; failed++) {
        weft_loop *loop = weft_new_event_loop(&(weft_loop_options){.clock = WEFT_CLOCK_VIRTUAL});
        weft_loop_set_exception_handler(loop, report_record, NULL);
        weft_task *t = weft_task_new(loop, stays_in_group, failed ? loop : NULL, NULL);
        for (int turn = 0; turn < 3; turn++) {
            weft_loop_stop(loop);
            ck_assert_int_eq(weft_loop_run_forever(loop), 0);
        }
        ck_assert_int_eq(weft_loop_free(loop), 0);
        ck_assert(weft_cancelled(t));
        weft_unref(t);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("task group");
    TCase *tests = tcase_create("task group");

    tcase_add_test(tests, waits_for_all);
    tcase_add_test(tests, empty_and_refused);
    tcase_add_test(tests, failure);
    tcase_add_test(tests, body_fails);
    tcase_add_test(tests, cancel_group);
    tcase_add_test(tests, results);
    tcase_add_test(tests, hops);
    tcase_add_test(tests, ended_early);
    tcase_add_test(tests, cancelled_task);
    tcase_add_test(tests, tasks_add_tasks);
    tcase_add_test(tests, added_before_a_failure);
    tcase_add_test(tests, refused_arguments);
    tcase_add_test(tests, outside_a_task);
    tcase_add_test(tests, fatal_body);
    tcase_add_test(tests, fatal_task);
    tcase_add_test(tests, finished_tasks_leave);
    tcase_add_test(tests, crowd);
    tcase_add_test(tests, loop_is_closed);
    suite_add_tcase(suite, tests);
    return suite_main(suite);
}
