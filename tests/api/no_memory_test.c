/*
 * no_memory_test.c - each allocation of the high-level calls fails once: the call says so, nothing is
 * lost, and asked again it works.
 *
 * What is lost is found by the leak checker: each run is a process of its own.
 */
#include <errno.h>

#include "runtime/base/fault.h"
#include "tests/support/faults.h"
#include "tests/support/sim.h"
#include "tests/support/suite.h"

/* A call that answers with a code: the one failure there is may hit it, and then not again. */
#define ck_assert_asked(call, code)     \
    do {                                \
        int asked_ = (call);            \
        if (asked_ == -ENOMEM) {        \
            lacks++;                    \
            asked_ = (call);            \
        }                               \
        ck_assert_int_eq(asked_, code); \
    } while (0)

/* A call that answers with a handle. */
#define make(handle, call)                   \
    do {                                     \
        (handle) = (call);                   \
        if (!(handle)) {                     \
            ck_assert_int_eq(errno, ENOMEM); \
            lacks++;                         \
            (handle) = (call);               \
        }                                    \
        ck_assert_ptr_nonnull(handle);       \
    } while (0)

static int lacks; /* calls that met the failure */

/* Runs a body on virtual time: it ends well, or there was no memory to begin with. */
static void run_body(weft_coroutine body)
{
    int rc = sim_run(body, NULL);
    ck_assert_msg(rc == 0 || rc == -ENOMEM, "it ended with %d", rc);
    ck_assert_int_le(lacks, 1);
}

#define START_SCARCE(name, least)                                                       \
    COROUTINE(name##_body);                                                             \
    static void name##_run(void)                                                        \
    {                                                                                   \
        run_body(name##_body);                                                          \
    }                                                                                   \
    START_TEST(name)                                                                    \
    {                                                                                   \
        ck_assert_uint_ge(run_with_each_fault(FAULT_ALLOC, ENOMEM, name##_run), least); \
    }                                                                                   \
    END_TEST                                                                            \
    COROUTINE(name##_body)

/* Sleeps, and ends with the code that its argument stands for. */
COROUTINE(ends_with)
{
    int rc = weft_sleep(1);
    return rc ? rc : (int)(intptr_t)arg;
}

static weft_task *start(int code)
{
    weft_task *task;
    make(task, weft_create_task(ends_with, (void *)(intptr_t)code, NULL));
    return task;
}

/* A pending future of the loop, or of none. */
static weft_future *pending(weft_loop *loop)
{
    weft_future *future;
    make(future, weft_future_new(loop));
    return future;
}

/* What a task may end with that was to end with this: it needs a stack, and its error an object. */
static void ck_assert_ended(int rc, int code)
{
    ck_assert_msg(rc == code || rc == -ENOMEM, "ended with %d, not %d", rc, code);
}

START_SCARCE(gathers, 8)
{
    weft_future *jobs[] = {start(0), start(0), pending(NULL)};
    weft_future *g;
    make(g, weft_gather(jobs, 3, WEFT_RETURN_EXCEPTIONS));
    ck_assert_int_eq(weft_future_set_result(jobs[2], NULL), 0);
    ck_assert_int_eq(weft_join(g, NULL), 0);
    make(g, weft_gather(jobs, 3, 0));
    ck_assert(weft_done(g));
    weft_unref(g);
    weft_future *others[] = {pending(weft_get_running_loop()), jobs[0]};
    make(g, weft_gather(others, 2, 0));
    int rc = weft_cancel_msg(g, "a message");
    ck_assert(rc == 1 || rc == -ENOMEM);
    if (rc == -ENOMEM)
        ck_assert_int_eq(weft_cancel(g), 1);
    ck_assert_ended(weft_join(g, NULL), WEFT_ECANCELLED);
    weft_unref(others[0]);
    for (int i = 0; i < 3; i++)
        weft_unref(jobs[i]);
    return 0;
}

START_SCARCE(waits, 6)
{
    weft_future *f[] = {start(0), pending(weft_get_running_loop()), pending(NULL)};
    size_t done = 0;
    ck_assert_asked(weft_wait(f, 3, 2, WEFT_ALL_COMPLETED, &done), 0);
    ck_assert_uint_eq(done, 1);
    ck_assert_asked(weft_wait(f, 3, 0, WEFT_FIRST_COMPLETED, &done), 0);
    for (int i = 0; i < 3; i++)
        weft_unref(f[i]);
    return 0;
}

START_SCARCE(iterates, 8)
{
    weft_future *f[] = {start(0), start(0), pending(NULL), NULL}, *next;
    weft_as_completed iter;
    f[3] = f[0];
    ck_assert_asked(weft_as_completed_begin(&iter, f, 4, 5), 0);
    ck_assert_int_eq(weft_as_completed_next(&iter, &next), 0);
    ck_assert_ended(weft_as_completed_next_result(&iter, NULL), 0);
    ck_assert_int_eq(weft_as_completed_next(&iter, &next), WEFT_ETIMEDOUT);
    weft_as_completed_end(&iter);
    for (int i = 0; i < 3; i++)
        weft_unref(f[i]);
    return 0;
}

START_SCARCE(shields, 6)
{
    weft_task *t = start(-EIO);
    weft_future *s, *cancelled;
    make(s, weft_shield(t));
    make(cancelled, weft_shield(t));
    int rc = weft_cancel_msg(cancelled, "a message");
    ck_assert(rc == 1 || rc == -ENOMEM);
    weft_unref(cancelled);
    ck_assert_ended(weft_join(s, NULL), -EIO);
    weft_unref(t);
    return 0;
}

COROUTINE(turns_it)
{
    weft_except handling;
    int rc = weft_sleep(100);
    weft_except_begin(&handling, rc);
    rc = weft_fail(-EIO, "while ending");
    weft_except_end(&handling);
    return rc;
}

START_SCARCE(times_out, 5)
{
    weft_timeout limit;
    ck_assert_int_eq(weft_timeout_init(&limit, 1), 0);
    ck_assert_asked(weft_timeout_begin(&limit), 0);
    double when = weft_timeout_when(&limit) + 1;
    ck_assert_asked(weft_timeout_reschedule(&limit, when), 0);
    ck_assert_int_eq(weft_timeout_end(&limit, weft_sleep(1.5)), 0);
    ck_assert_int_eq(weft_timeout_init(&limit, 1), 0);
    ck_assert_asked(weft_timeout_begin(&limit), 0);
    ck_assert_int_eq(weft_timeout_end(&limit, turns_it(NULL, NULL)), -EIO);
    ck_assert_int_eq(weft_timeout_expired(&limit), 1);
    ck_assert_int_eq(weft_cancelling(weft_current_task()), 0);
    return 0;
}

START_SCARCE(waits_for, 5)
{
    weft_future *f = pending(weft_get_running_loop());
    ck_assert_asked(weft_wait_for(f, 1, NULL), WEFT_ETIMEDOUT);
    weft_unref(f);
    f = pending(weft_get_running_loop());
    ck_assert_asked(weft_wait_for(f, 0, NULL), WEFT_ETIMEDOUT);
    weft_unref(f);
    weft_task *t = start(0);
    int rc = weft_wait_for(t, 5, NULL);
    ck_assert_ended(rc == -ENOMEM ? weft_await(t, NULL) : rc, 0);
    weft_unref(t);
    ck_assert_int_eq(weft_cancelling(weft_current_task()), 0);
    return 0;
}

COROUTINE(fails_in_cleanup)
{
    int rc = weft_sleep(100);
    return rc == WEFT_ECANCELLED ? weft_fail(-EIO, "clean-up of %s", "a task") : rc;
}

START_SCARCE(groups, 10)
{
    weft_task_group group = WEFT_TASK_GROUP_INIT;
    ck_assert_int_eq(weft_task_group_begin(&group), 0);
    weft_task *t;
    for (int i = 0; i < 2; i++) {
        make(t, weft_task_group_create_task(&group, ends_with, NULL, NULL));
        weft_unref(t);
    }
    int rc = weft_task_group_end(&group, 0);
    ck_assert(rc == 0 || rc == WEFT_EGROUP); /* a task without a stack */
    group = (weft_task_group)WEFT_TASK_GROUP_INIT;
    ck_assert_int_eq(weft_task_group_begin(&group), 0);
    make(t, weft_task_group_create_task(&group, fails_in_cleanup, NULL, NULL));
    weft_unref(t);
    ck_assert_int_eq(weft_yield(), 0);
    rc = weft_task_group_end(&group, weft_fail(-EBUSY, "body"));
    ck_assert(rc == WEFT_EGROUP || rc == -ENOMEM);
    ck_assert_int_eq(weft_cancelling(weft_current_task()), 0);
    return 0;
}

static int drops;

static void count_drop(void *arg)
{
    (void)arg;
    drops++;
}

static int yields(weft_generator *self, void *arg)
{
    int rc;
    while (!(rc = weft_generator_yield(self, arg, NULL)))
        ;
    (void)weft_sleep(1);
    return rc == WEFT_EGENERATOREXIT ? rc : weft_fail(-EIO, "not %d", rc);
}

START_SCARCE(generates, 8)
{
    weft_generator_options options = {.name = "scarce", .arg_drop = count_drop};
    weft_generator *g[4];
    for (int i = 0; i < 4; i++) {
        make(g[i], weft_generator_new(yields, NULL, &options));
        ck_assert_asked(weft_generator_next(g[i], NULL), 0);
        ck_assert_asked(weft_generator_send(g[i], &options, NULL), 0);
    }
    ck_assert_int_eq(weft_generator_throw(g[0], weft_fail(-EBADF, "thrown"), NULL), -EIO);
    ck_assert_int_eq(weft_generator_close(g[1]), 0);
    for (int i = 0; i < 3; i++)
        weft_generator_unref(g[i]); /* the last one is closed by a task, or at the end */
    ck_assert_int_eq(weft_sleep(2), 0);
    ck_assert_int_ge(drops, 2);
    ck_assert_asked(weft_loop_shutdown_asyncgens(weft_get_running_loop()), 0);
    weft_generator_unref(g[3]);
    return 0;
}

COROUTINE(puts_and_gets)
{
    void *item = NULL;
    ck_assert_asked(weft_queue_put(arg, &drops), 0);
    return weft_queue_get(arg, &item);
}

static int by_address(const void *a, const void *b)
{
    return (uintptr_t)a < (uintptr_t)b ? -1 : (uintptr_t)a > (uintptr_t)b;
}

START_SCARCE(queues, 8)
{
    weft_queue *kinds[3];
    make(kinds[0], weft_queue_new(0));
    make(kinds[1], weft_lifo_queue_new(0));
    make(kinds[2], weft_priority_queue_new(0, by_address));
    for (int i = 0; i < 3; i++) {
        for (int put = 0; put < 100; put++)
            ck_assert_asked(weft_queue_put_nowait(kinds[i], &drops), 0);
        ck_assert_uint_eq(weft_queue_qsize(kinds[i]), 100);
        weft_task *t;
        make(t, weft_create_task(puts_and_gets, kinds[i], NULL));
        ck_assert_ended(weft_join(t, NULL), 0);
        ck_assert_uint_eq(weft_queue_qsize(kinds[i]), 100);
        ck_assert_int_eq(weft_queue_free(kinds[i]), 0);
    }
    return 0;
}

int main(void)
{
    Suite *suite = suite_create("no memory");
    TCase *tests = tcase_create("no memory");

    tcase_add_test(tests, gathers);
    tcase_add_test(tests, waits);
    tcase_add_test(tests, iterates);
    tcase_add_test(tests, shields);
    tcase_add_test(tests, times_out);
    tcase_add_test(tests, waits_for);
    tcase_add_test(tests, groups);
    tcase_add_test(tests, generates);
    tcase_add_test(tests, queues);
    suite_add_tcase(suite, tests);
    return suite_main(suite);
}
