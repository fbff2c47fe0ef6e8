/*
 * task_group_cancel_test.c - groups whose parent is cancelled, and groups in groups.
 */
#include <errno.h>

#include "tests/support/sim.h"
#include "tests/support/suite.h"

struct job {
    const char *name;
    double seconds;
    int code;       /* what it ends with after that */
    int cancelled;  /* what it ends with when it is cancelled */
    double cleanup; /* and how long that takes */
};

COROUTINE(work)
{
    const struct job *job = arg;
    int rc = weft_sleep(job->seconds);
    if (rc == WEFT_ECANCELLED) {
        trace("%s:cancelled", job->name);
        while (job->cleanup > 0 && weft_sleep(job->cleanup))
            trace("%s:again", job->name);
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

static int cancelling(void)
{
    return weft_cancelling(weft_current_task());
}

/* A block with up to two jobs, whose body sleeps unless it is told to go to the exit. */
struct block {
    const struct job *jobs[2];
    double body;   /* seconds */
    int body_code; /* what the body makes of its cancellation; 0: nothing */
    int after;     /* what the next suspension after the block gives */
};

COROUTINE(blocks)
{
    struct block *block = arg;
    weft_task_group group = WEFT_TASK_GROUP_INIT;
    ck_assert_int_eq(weft_task_group_begin(&group), 0);
    for (int i = 0; i < 2; i++) {
        if (block->jobs[i])
            add(&group, block->jobs[i]);
    }
    int rc = block->body > 0 ? weft_sleep(block->body) : 0;
    if (rc && block->body_code)
        rc = weft_fail(block->body_code, "body");
    rc = weft_task_group_end(&group, rc);
    const char *message = weft_error_message(weft_error_current());
    trace("%s:%s cancelling:%d", rc ? weft_error_name(rc) : "0", rc && message ? message : "-",
          cancelling());
    if (rc == WEFT_EGROUP) {
        for (size_t i = 0; i < weft_error_count(weft_error_current()); i++)
            trace("%s", weft_error_message(weft_error_at(weft_error_current(), i)));
    }
    block->after = weft_yield();
    return rc;
}

/* Cancels the parent after a while; what came out of the block is in the record. */
static void cancel_block(struct block *block, double after)
{
    weft_task *t = weft_create_task(blocks, block, NULL);
    ck_assert_int_eq(weft_sleep(after), 0);
    ck_assert_int_eq(weft_cancel_msg(t, "outside"), 1);
    (void)weft_join(t, NULL);
}

/* TGRP-21, TGRP-22: cancelled in the body or at the exit, it goes on as a cancellation when all tasks
 * have ended, also if they swallow theirs. */
START_SIM(from_outside)
{
    struct job a = {"a", 10, 0, WEFT_ECANCELLED, 1}, b = {"b", 10, 0, 0, 0};
    struct block block = {{&a, &b}, 0, 0, 0};
    for (int in_body = 0; in_body < 2; in_body++) {
        block.body = in_body ? 10 : 0;
        cancel_block(&block, 1);
        ck_assert_trace("a:cancelled b:cancelled WEFT_ECANCELLED:outside cancelling:1");
        ck_assert_int_eq(block.after, 0);
    }
    struct block swallowed = {{&b, NULL}, 0, 0, 0};
    cancel_block(&swallowed, 1);
    ck_assert_trace("b:cancelled WEFT_ECANCELLED:outside cancelling:1");
    return 0;
}

/* TGRP-23: tasks that fail because of it are what comes out; the next suspension is cancelled. */
START_SIM(tasks_fail_meanwhile)
{
    struct job a = {"a", 10, 0, -EIO, 0};
    struct block block = {{&a, NULL}, 0, 0, 0};
    for (int in_body = 0; in_body < 2; in_body++) {
        block.body = in_body ? 10 : 0;
        cancel_block(&block, 1);
        ck_assert_trace("a:cancelled WEFT_EGROUP:unhandled errors in a task group cancelling:1 a");
        ck_assert_int_eq(block.after, WEFT_ECANCELLED);
    }
    return 0;
}

/* TGRP-24: a body that makes another error of the cancellation. */
START_SIM(body_turns_it)
{
    struct job a = {"a", 10, 0, WEFT_ECANCELLED, 0};
    struct block block = {{&a, NULL}, 10, -EBUSY, 0};
    cancel_block(&block, 1);
    ck_assert_trace("a:cancelled WEFT_EGROUP:unhandled errors in a task group cancelling:1 body");
    ck_assert_int_eq(block.after, WEFT_ECANCELLED);
    return 0;
}

/* TGRP-25: more cancellations do not end the wait early, nor reach the tasks, and the first counts. */
START_SIM(more_than_once)
{
    struct job a = {"a", 10, 0, WEFT_ECANCELLED, 5};
    struct block block = {{&a, NULL}, 0, 0, 0};
    weft_task *t = weft_create_task(blocks, &block, NULL);
    ck_assert_int_eq(weft_sleep(1), 0);
    ck_assert_int_eq(weft_cancel_msg(t, "first"), 1);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(weft_sleep(1), 0);
        ck_assert_int_eq(weft_cancel_msg(t, "later"), 1);
    }
    ck_assert_int_eq(weft_join(t, NULL), WEFT_ECANCELLED);
    ck_assert_trace("a:cancelled WEFT_ECANCELLED:first cancelling:4");
    ck_assert_double_ge(weft_loop_time(weft_get_running_loop()), 6);
    return 0;
}

/* TGRP-27: inner and outer fail at once: the inner block raises first, then the outer one interrupts
 * what comes next. */
START_SIM(both_fail)
{
    struct job o = {"outer", 1, -EIO, 0, 0}, i = {"inner", 1, -EPERM, 0, 0};
    weft_task_group outer = WEFT_TASK_GROUP_INIT, inner = WEFT_TASK_GROUP_INIT;
    ck_assert_int_eq(weft_task_group_begin(&outer), 0);
    ck_assert_int_eq(weft_task_group_begin(&inner), 0);
    add(&inner, &i);
    add(&outer, &o);
    int rc = weft_task_group_end(&inner, weft_sleep(10));
    ck_assert_int_eq(rc, WEFT_EGROUP);
    ck_assert_str_eq(weft_error_message(weft_error_at(weft_error_current(), 0)), "inner");
    ck_assert_int_eq(weft_sleep(10), WEFT_ECANCELLED);
    ck_assert_int_eq(weft_task_group_end(&outer, WEFT_ECANCELLED), WEFT_EGROUP);
    ck_assert_uint_eq(weft_error_count(weft_error_current()), 1);
    ck_assert_str_eq(weft_error_message(weft_error_at(weft_error_current(), 0)), "outer");
    ck_assert_int_eq(cancelling(), 0);
    return weft_sleep(1);
}

COROUTINE(two_levels)
{
    struct block *inside = arg;
    weft_task_group outer = WEFT_TASK_GROUP_INIT, inner = WEFT_TASK_GROUP_INIT;
    ck_assert_int_eq(weft_task_group_begin(&outer), 0);
    if (inside->jobs[1])
        add(&outer, inside->jobs[1]);
    ck_assert_int_eq(weft_task_group_begin(&inner), 0);
    add(&inner, inside->jobs[0]);
    int rc = weft_task_group_end(&inner, weft_sleep(10));
    trace("inner:%s", weft_error_name(rc));
    rc = weft_task_group_end(&outer, rc);
    weft_error *error = weft_error_current();
    trace("outer:%s:%d", weft_error_name(rc), weft_error_code(weft_error_at(error, 0)));
    trace("%s", weft_error_message(weft_error_at(weft_error_at(error, 0), 0))
                    ? weft_error_message(weft_error_at(weft_error_at(error, 0), 0))
                    : weft_error_message(weft_error_at(error, 0)));
    return rc;
}

/* TGRP-28: cancelled from outside, with an inner task that fails while it cleans up. */
START_SIM(nested_from_outside)
{
    struct job i = {"in", 10, 0, -EIO, 0};
    struct block inside = {{&i, NULL}, 0, 0, 0};
    weft_task *t = weft_create_task(two_levels, &inside, NULL);
    ck_assert_int_eq(weft_sleep(1), 0);
    ck_assert_int_eq(weft_cancel(t), 1);
    ck_assert_int_eq(weft_join(t, NULL), WEFT_EGROUP);
    ck_assert_trace("in:cancelled inner:WEFT_EGROUP outer:WEFT_EGROUP:-5021 in");
    return 0;
}

/* TGRP-29: an outer task fails: the inner ones are cancelled, and only the outer block raises.
 * TGRP-30: an inner one does: the outer block wraps the inner block's error. */
START_SIM(one_level_fails)
{
    struct job i = {"in", 10, 0, WEFT_ECANCELLED, 0}, o = {"out", 1, -EIO, 0, 0};
    struct block inside = {{&i, &o}, 0, 0, 0};
    ck_assert_int_eq(weft_join(weft_create_task(two_levels, &inside, NULL), NULL), WEFT_EGROUP);
    ck_assert_trace("out in:cancelled inner:WEFT_ECANCELLED outer:WEFT_EGROUP:-5 out");

    struct job fails = {"in", 1, -EIO, 0, 0}, other = {"out", 10, 0, WEFT_ECANCELLED, 0};
    struct block wrapped = {{&fails, &other}, 0, 0, 0};
    ck_assert_int_eq(weft_join(weft_create_task(two_levels, &wrapped, NULL), NULL), WEFT_EGROUP);
    ck_assert_trace("in inner:WEFT_EGROUP out:cancelled outer:WEFT_EGROUP:-5021 in");
    return 0;
}

/* TGRP-31: the body swallows its cancellation and goes on: the errors still come at the end. */
START_SIM(swallowed)
{
    struct job a = {"a", 1, -EIO, 0, 0};
    weft_task_group group = WEFT_TASK_GROUP_INIT;
    ck_assert_int_eq(weft_task_group_begin(&group), 0);
    add(&group, &a);
    ck_assert_int_eq(weft_sleep(10), WEFT_ECANCELLED);
    ck_assert_int_eq(weft_sleep(10), 0);
    ck_assert_int_eq(weft_task_group_end(&group, 0), WEFT_EGROUP);
    ck_assert_uint_eq(weft_error_count(weft_error_current()), 1);
    ck_assert_int_eq(cancelling(), 0);
    ck_assert_trace("a");
    return 0;
}

/* TGRP-33: an error of a clean-up inside the body is listed with the task's. */
START_SIM(cleanup_fails)
{
    struct job a = {"a", 1, -EIO, 0, 0};
    struct block block = {{&a, NULL}, 10, -EBUSY, 0};
    ck_assert_int_eq(weft_join(weft_create_task(blocks, &block, NULL), NULL), WEFT_EGROUP);
    ck_assert_trace("a WEFT_EGROUP:unhandled errors in a task group cancelling:0 a body");
    ck_assert_int_eq(block.after, 0);
    return 0;
}

COROUTINE(cancels_its_group)
{
    weft_task_group_cancel(arg);
    return weft_sleep(10);
}

struct ending {
    weft_task_group group;
    struct job cleans;
};

COROUTINE(ends_by_cancel)
{
    struct ending *ending = arg;
    ck_assert_int_eq(weft_task_group_begin(&ending->group), 0);
    add(&ending->group, &ending->cleans);
    sim_pass(1);
    weft_task *t =
        weft_task_group_create_task(&ending->group, cancels_its_group, &ending->group, NULL);
    weft_unref(t);
    int rc = weft_task_group_end(&ending->group, 0);
    trace("%s cancelling:%d", rc ? weft_error_name(rc) : "0", cancelling());
    return rc;
}

/* TGRP-36, TGRP-37: a group that ends itself, from a task of its own; and what comes from outside
 * while it does is not lost. */
START_SIM(cancels_itself)
{
    struct ending ending = {WEFT_TASK_GROUP_INIT, {"a", 10, 0, WEFT_ECANCELLED, 5}};
    ck_assert_int_eq(weft_join(weft_create_task(ends_by_cancel, &ending, NULL), NULL), 0);
    ck_assert_trace("a:cancelled 0 cancelling:0");
    ending.group = (weft_task_group)WEFT_TASK_GROUP_INIT;
    weft_task *t = weft_create_task(ends_by_cancel, &ending, NULL);
    ck_assert_int_eq(weft_sleep(2), 0);
    ck_assert_int_eq(weft_cancel(t), 1);
    ck_assert_int_eq(weft_join(t, NULL), WEFT_ECANCELLED);
    ck_assert_trace("a:cancelled WEFT_ECANCELLED cancelling:1");
    return 0;
}

/* TGRP-36: asked before it is entered, it acts on entry. */
START_SIM(cancelled_before_entry)
{
    struct job a = {"a", 10, 0, 0, 0};
    weft_task_group group = WEFT_TASK_GROUP_INIT;
    ck_assert_int_eq(weft_task_group_cancel(&group), 0);
    ck_assert_int_eq(weft_task_group_cancel(&group), 0);
    ck_assert_int_eq(weft_task_group_begin(&group), 0);
    ck_assert_ptr_null(weft_task_group_create_task(&group, work, &a, NULL));
    ck_assert_int_eq(weft_task_group_end(&group, weft_sleep(10)), 0);
    ck_assert_int_eq(cancelling(), 0);
    ck_assert_double_le(weft_loop_time(weft_get_running_loop()), 0.001);
    return 0;
}

/* The parent is cancelled in each iteration around the end of the last task: it hears of it, or it
 * was over; and the group's memory is not touched afterwards. */
START_SIM(in_every_iteration)
{
    int late = 0;
    for (int k = 0; k < 24; k++) {
        struct job a = {"a", 0, k % 2 ? -EIO : 0, 0, 0};
        struct block block = {{&a, NULL}, 0, 0, 0};
        weft_task *t = weft_create_task(blocks, &block, NULL);
        sim_pass(k / 2);
        bool heard = weft_cancel(t);
        late += !heard;
        int rc = weft_join(t, NULL);
        ck_assert(heard || rc == (k % 2 ? WEFT_EGROUP : 0));
        ck_assert(!heard || rc == WEFT_ECANCELLED || rc == WEFT_EGROUP || block.after);
        trace_clear();
    }
    ck_assert_int_gt(late, 0);
    ck_assert_int_lt(late, 22);
    return 0;
}

int main(void)
{
    Suite *suite = suite_create("task group cancel");
    TCase *tests = tcase_create("task group cancel");

    tcase_add_test(tests, from_outside);
    tcase_add_test(tests, tasks_fail_meanwhile);
    tcase_add_test(tests, body_turns_it);
    tcase_add_test(tests, more_than_once);
    tcase_add_test(tests, both_fail);
    tcase_add_test(tests, nested_from_outside);
    tcase_add_test(tests, one_level_fails);
    tcase_add_test(tests, swallowed);
    tcase_add_test(tests, cleanup_fails);
    tcase_add_test(tests, cancels_itself);
    tcase_add_test(tests, cancelled_before_entry);
    tcase_add_test(tests, in_every_iteration);
    suite_add_tcase(suite, tests);
    return suite_main(suite);
}
