/*
 * eager_group_test.c - gathers and task groups of tasks that start eagerly.
 */
#include <errno.h>

#include "tests/support/sim.h"
#include "tests/support/suite.h"

static const weft_task_options eager = {.eager_start = 1};

COROUTINE(give_value)
{
    *result = arg;
    return 0;
}

COROUTINE(fail_at_once)
{
    return weft_fail(-EIO, "at once");
}

COROUTINE(sleep_long)
{
    return weft_sleep(1000);
}

/* EAGR-12: a gather of tasks that completed eagerly is done when it returns, with their first error
 * if there is one; one that is not done keeps it waiting. */
START_SIM(gather_of_what_is_done)
{
    for (int failing = 0; failing < 2; failing++) {
        weft_future *jobs[3] = {
            weft_create_task(give_value, NULL, &eager),
            weft_create_task(failing ? fail_at_once : give_value, NULL, &eager),
            weft_create_task(sleep_long, NULL, &eager),
        };
        weft_future *two = weft_gather(jobs, 2, 0);
        ck_assert(weft_done(two));
        ck_assert_int_eq(weft_result(two, NULL), failing ? -EIO : 0);
        weft_future *three = weft_gather(jobs, 3, WEFT_RETURN_EXCEPTIONS);
        ck_assert(!weft_done(three));
        weft_cancel(jobs[2]);
        ck_assert_int_eq(weft_join(three, NULL), 0);
        weft_unref(two);
        for (int i = 0; i < 3; i++)
            weft_unref(jobs[i]);
    }
    return 0;
}

/* EAGR-13: a task of a group that fails eagerly does not cancel the body inside create_task, which
 * may go on and make others; the group learns of it in the next iteration. */
START_SIM(group_learns_of_an_eager_failure_later)
{
    weft_task_group group = WEFT_TASK_GROUP_INIT;
    weft_task *self = weft_current_task();

    ck_assert_int_eq(weft_task_group_begin(&group), 0);
    weft_task *failed = weft_task_group_create_task(&group, fail_at_once, NULL, &eager);
    ck_assert_ptr_nonnull(failed);
    ck_assert(weft_done(failed));
    ck_assert_int_eq(weft_cancelling(self), 0);
    weft_task *sleeper = weft_task_group_create_task(&group, sleep_long, NULL, &eager);
    ck_assert_ptr_nonnull(sleeper);
    ck_assert(!weft_done(sleeper));

    int turn = sim_turn();
    int rc = weft_sleep(1000);
    ck_assert_int_eq(rc, WEFT_ECANCELLED);
    ck_assert_int_eq(sim_turn(),
                     turn + 2); /* the group reacts in the next one, the body in that after */
    ck_assert_int_eq(weft_task_group_end(&group, rc), WEFT_EGROUP);
    ck_assert_uint_eq(weft_error_count(weft_error_current()), 1);
    ck_assert_int_eq(weft_error_code(weft_error_at(weft_error_current(), 0)), -EIO);
    ck_assert_int_eq(weft_cancelling(self), 0);
    ck_assert(weft_cancelled(sleeper));
    weft_unref(failed);
    weft_unref(sleeper);
    return 0;
}

/* Enters a group on a loop whose factory is eager, and makes a task that fails. */
static weft_task *begin_with_failure(weft_task_group *group)
{
    weft_loop_set_task_factory(weft_get_running_loop(), weft_eager_task_factory, NULL);
    ck_assert_int_eq(weft_task_group_begin(group), 0);
    weft_task *failed = weft_task_group_create_task(group, fail_at_once, NULL, NULL);
    ck_assert_ptr_nonnull(failed);
    ck_assert(weft_done(failed));
    return failed;
}

/* TGRP-05, TGRP-06, TGRP-17: a task that the factory made eager, and that fails, ends the group
 * inside create_task: the body is cancelled already, and can make no others. */
START_SIM(group_learns_of_a_factorys_failure_at_once)
{
    weft_task_group group = WEFT_TASK_GROUP_INIT;
    weft_task *failed = begin_with_failure(&group);

    ck_assert_int_eq(weft_cancelling(weft_current_task()), 1);
    ck_assert_ptr_null(weft_task_group_create_task(&group, give_value, NULL, NULL));
    ck_assert_int_eq(errno, -WEFT_ERUNTIME);
    int rc = weft_sleep(1000);
    ck_assert_int_eq(rc, WEFT_ECANCELLED);
    ck_assert_int_eq(weft_task_group_end(&group, rc), WEFT_EGROUP);
    ck_assert_uint_eq(weft_error_count(weft_error_current()), 1);
    ck_assert_int_eq(weft_error_code(weft_error_at(weft_error_current(), 0)), -EIO);
    ck_assert_int_eq(weft_cancelling(weft_current_task()), 0);
    ck_assert_double_eq(weft_loop_time(weft_get_running_loop()), 0);
    weft_unref(failed);
    return 0;
}

/* A body that does not suspend either leaves the group with the error in the same iteration, and the
 * request to cancel it is taken back. */
START_SIM(group_is_left_at_once_after_a_factorys_failure)
{
    weft_task_group group = WEFT_TASK_GROUP_INIT;
    int turn = sim_turn();
    weft_task *failed = begin_with_failure(&group);

    ck_assert_int_eq(weft_task_group_end(&group, 0), WEFT_EGROUP);
    ck_assert_int_eq(weft_error_code(weft_error_at(weft_error_current(), 0)), -EIO);
    ck_assert_int_eq(sim_turn(), turn);
    ck_assert_int_eq(weft_cancelling(weft_current_task()), 0);
    ck_assert_int_eq(weft_yield(), 0);
    weft_unref(failed);
    return 0;
}

/* A tree of groups and gathers, three children a node, that adds its nodes up. */
struct node {
    int depth;
    int sum;
};

COROUTINE(add_up)
{
    struct node *node = arg, children[3];
    weft_task_group group = WEFT_TASK_GROUP_INIT;
    weft_future *jobs[3];

    node->sum = 1;
    if (node->depth == 0)
        return 0;
    int rc = weft_task_group_begin(&group);
    for (int i = 0; i < 3; i++) {
        children[i] = (struct node){.depth = node->depth - 1};
        jobs[i] = weft_task_group_create_task(&group, add_up, &children[i], NULL);
    }
    if (!rc)
        rc = weft_join(weft_gather(jobs, 3, 0), NULL);
    rc = weft_task_group_end(&group, rc);
    for (int i = 0; i < 3; i++) {
        node->sum += children[i].sum;
        weft_unref(jobs[i]);
    }
    return rc;
}

/* EAGR-16: a tree of groups and gathers that never waits queues no task under the eager factory:
 * not an iteration passes. */
START_SIM(tree_of_groups_and_gathers_queues_nothing)
{
    weft_loop *loop = weft_get_running_loop();
    struct node root = {.depth = 4};
    int turn = sim_turn();

    weft_loop_set_task_factory(loop, weft_eager_task_factory, NULL);
    weft_task *t = weft_create_task(add_up, &root, NULL);
    ck_assert(weft_done(t));
    ck_assert_int_eq(weft_join(t, NULL), 0);
    ck_assert_int_eq(sim_turn(), turn);
    ck_assert_int_eq(root.sum, 1 + 3 + 9 + 27 + 81);
    weft_loop_set_task_factory(loop, NULL, NULL);
    return 0;
}

int main(void)
{
    Suite *suite = suite_create("eager_group");

    TCase *eagerly = tcase_create("eagerly");
    tcase_add_test(eagerly, gather_of_what_is_done);
    tcase_add_test(eagerly, group_learns_of_an_eager_failure_later);
    tcase_add_test(eagerly, group_learns_of_a_factorys_failure_at_once);
    tcase_add_test(eagerly, group_is_left_at_once_after_a_factorys_failure);
    tcase_add_test(eagerly, tree_of_groups_and_gathers_queues_nothing);
    suite_add_tcase(suite, eagerly);

    return suite_main(suite);
}
