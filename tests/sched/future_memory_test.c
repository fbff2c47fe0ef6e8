/*
 * future_memory_test.c - what futures hold and free, and calls that find no memory.
 */
#include <errno.h>

#include "runtime/base/fault.h"
#include "tests/sched/futures.h"
#include "tests/support/sim.h"
#include "tests/support/suite.h"

static int values[4];

static void note_drop(void *value)
{
    trace("drop%d", (int)((int *)value - values));
}

/* A result that nobody takes is released once, with the last reference; a taken one is not. */
START_SIM(untaken_result_is_dropped)
{
    weft_future *untaken = weft_create_future(), *taken = weft_create_future();
    weft_future *failed = weft_create_future();
    void *value = NULL;

    weft_future_set_drop(untaken, note_drop);
    weft_future_set_drop(taken, note_drop);
    weft_future_set_drop(failed, note_drop);
    weft_future_set_result(untaken, &values[1]);
    weft_future_set_result(taken, &values[2]);
    weft_future_set_exception(failed, -EIO);
    ck_assert_int_eq(weft_result(taken, &value), 0);
    weft_result(failed, NULL);
    weft_ref(untaken);
    weft_unref(untaken);
    ck_assert_trace("");
    weft_unref(untaken);
    weft_unref(taken);
    weft_unref(failed);
    ck_assert_trace("drop1");
    return 0;
}

/* MULT-05, LIFE-19: futures work on a closed loop; a callback of a done one is refused. */
START_TEST(futures_outlive_their_loop)
{
    weft_loop *loop = weft_new_event_loop(NULL);
    weft_future *f = weft_future_new(loop), *g = weft_future_new(loop);
    void *value = NULL;

    ck_assert_int_eq(weft_add_done_callback(g, note, "dropped"), 0);
    ck_assert_int_eq(weft_loop_close(loop), 0);
    weft_future *newer = weft_future_new(loop);
    ck_assert_ptr_nonnull(newer);
    ck_assert_int_eq(weft_future_set_result(f, &values[0]), 0);
    ck_assert_int_eq(weft_result(f, &value), 0);
    ck_assert_ptr_eq(value, &values[0]);
    ck_assert_int_eq(weft_add_done_callback(f, note, "never"), WEFT_ELOOPCLOSED);
    ck_assert_int_eq(weft_future_set_result(g, NULL), 0);
    ck_assert_int_eq(weft_cancel(newer), 1);
    weft_unref(f);
    weft_unref(g);
    weft_unref(newer);
    ck_assert_trace("");
    ck_assert_int_eq(weft_loop_free(loop), 0);
}
END_TEST

/* The calls below, each with the n-th allocation failing: 0, or -ENOMEM. */
static int create_call(weft_future *f)
{
    (void)f;
    errno = 0;
    weft_future *made = weft_create_future();
    int rc = made ? 0 : -errno;
    weft_unref(made);
    return rc;
}

static int new_call(weft_future *f)
{
    (void)f;
    errno = 0;
    weft_future *made = weft_future_new(NULL);
    int rc = made ? 0 : -errno;
    weft_unref(made);
    return rc;
}

static int set_result_call(weft_future *f)
{
    return weft_future_set_result(f, &values[0]);
}

static int set_exception_call(weft_future *f)
{
    return weft_future_set_exception(f, weft_fail(-EIO, "a message"));
}

static int cancel_call(weft_future *f)
{
    int rc = weft_cancel(f);
    return rc == 1 ? 0 : rc;
}

static int cancel_msg_call(weft_future *f)
{
    int rc = weft_cancel_msg(f, "a message");
    return rc == 1 ? 0 : rc;
}

static int exception_call(weft_future *f)
{
    weft_error *error = NULL;
    wf_fault_reset();
    weft_future_set_exception(f, -EIO);
    wf_fault_arm(FAULT_ALLOC, 1, ENOMEM, false);
    int rc = weft_exception(f, &error);
    weft_error_unref(error);
    ck_assert_int_eq(rc, -ENOMEM);
    rc = weft_exception(f, &error);
    weft_error_unref(error);
    return rc;
}

static int pending_result_call(weft_future *f)
{
    int rc = weft_result(f, NULL);
    return rc == WEFT_EINVALIDSTATE ? 0 : rc;
}

static int callback_call(weft_future *f)
{
    int rc = weft_add_done_callback(f, note, "a");
    return rc;
}

static int done_callback_call(weft_future *f)
{
    weft_future_set_result(f, NULL);
    return weft_add_done_callback(f, note, "a");
}

static int wait_call(weft_future *f)
{
    int rc = weft_future_wait(f, 0, NULL);
    return rc == WEFT_ETIMEDOUT ? 0 : rc;
}

static int (*const fault_calls[])(weft_future *) = {
    create_call,   new_call,           set_result_call, set_exception_call,
    cancel_call,   cancel_msg_call,    exception_call,  pending_result_call,
    callback_call, done_callback_call, wait_call,
};
#define FAULT_CALLS ((int)(sizeof(fault_calls) / sizeof(fault_calls[0])))

/* Whatever allocation fails, a call fails with ENOMEM or works, and the future stays usable. */
COROUTINE(call_without_memory)
{
    int (*const call)(weft_future *) = fault_calls[*(int *)arg];

    for (unsigned long n = 1;; n++) {
        weft_future *f = weft_create_future();
        wf_fault_arm(FAULT_ALLOC, n, ENOMEM, false);
        int rc = call(f);
        bool over = wf_fault_calls(FAULT_ALLOC) < n;
        wf_fault_reset();
        ck_assert(rc == 0 || rc == -ENOMEM);
        if (over)
            ck_assert_int_eq(rc, 0);
        if (!weft_done(f))
            ck_assert_int_eq(weft_future_set_result(f, NULL), 0);
        weft_await(f, NULL);
        sim_pass(1);
        weft_unref(f);
        if (over)
            return 0;
    }
}

START_TEST(calls_without_memory)
{
    ck_assert_int_eq(sim_run(call_without_memory, &_i), 0);
    ck_assert_int_eq(reports_count, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("future_memory");
    TCase *tcase = tcase_create("memory");

    tcase_add_test(tcase, untaken_result_is_dropped);
    tcase_add_test(tcase, futures_outlive_their_loop);
    tcase_add_loop_test(tcase, calls_without_memory, 0, FAULT_CALLS);
    suite_add_tcase(suite, tcase);
    return suite_main(suite);
}
