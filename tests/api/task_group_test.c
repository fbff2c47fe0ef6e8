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

int main(void)
{
    Suite *suite = suite_create("task group");
    TCase *tests = tcase_create("task group");

    tcase_add_test(tests, waits_for_all);
    tcase_add_test(tests, empty_and_refused);
    tcase_add_test(tests, failure);
    tcase_add_test(tests, body_fails);
    tcase_add_test(tests, cancel_group);
    suite_add_tcase(suite, tests);
    return suite_main(suite);
}
