/*
 * wait_for_test.c - awaiting a future for a limited time: what comes of it.
 */
#include <errno.h>

#include "runtime/base/fault.h"
#include "tests/api/limits.h"
#include "tests/support/suite.h"

/* WFOR-01: what ends in time gives its result or its error. */
START_SIM(outcome_in_time)
{
    struct job returns = {.seconds = 1}, fails = {.seconds = 1, .code = -EIO};
    weft_task *t = start(&returns);
    void *value = NULL;

    ck_assert_int_eq(weft_wait_for(t, 2, &value), 0);
    ck_assert_ptr_eq(value, &values[1]);
    ck_assert_double_le(sim_now(), 1.001);
    weft_unref(t);
    t = start(&fails);
    value = NULL;
    ck_assert_int_eq(weft_wait_for(t, 2, &value), -EIO);
    ck_assert_str_eq(sim_said(), "of the job");
    ck_assert_ptr_null(value);
    weft_unref(t);
    ck_assert_int_eq(weft_cancelling(weft_current_task()), 0);
    ck_assert_int_eq(weft_sleep(10), 0);
    return 0;
}

static int memory_comes_back(void *arg)
{
    ck_assert_uint_ge(wf_fault_calls(FAULT_ALLOC), 1);
    wf_fault_reset();
    (void)arg;
    return 0;
}

static int set_it(void *future)
{
    return weft_future_set_result(future, NULL);
}

/* A limit that is reached while there is no memory strikes as soon as there is some; one that is not reached needs
 * none. */
START_SIM(limit_without_memory)
{
    weft_future *never = weft_create_future(), *soon = weft_create_future();
    double begin = sim_now();

    weft_loop *loop = weft_get_running_loop();
    ck_assert_int_eq(weft_call_later(loop, 2, memory_comes_back, NULL, NULL), 0);
    ck_assert_int_eq(weft_call_later(loop, 0.5, set_it, soon, NULL), 0);
    wf_fault_arm(FAULT_ALLOC, 1, ENOMEM, true);
    ck_assert_int_eq(weft_wait_for(soon, 1, NULL), 0);
    ck_assert_int_eq(weft_wait_for(never, 1, NULL), WEFT_ETIMEDOUT);
    ck_assert_double_ge(sim_now() - begin, 2);
    ck_assert_double_le(sim_now() - begin, 2.002);
    weft_unref(never);
    weft_unref(soon);
    return 0;
}

/* WFOR-02: without a limit it waits for as long as it takes. */
START_SIM(no_limit)
{
    struct job long_job = {.seconds = 1e6};
    weft_task *t = start(&long_job);

    ck_assert_int_eq(weft_wait_for(t, WEFT_FOREVER, NULL), 0);
    ck_assert_double_ge(sim_now(), 1e6);
    weft_unref(t);
    t = start(&long_job);
    ck_assert_int_eq(weft_wait_for(t, 1e12, NULL), 0);
    weft_unref(t);
    return 0;
}

/* WFOR-03, WFOR-15: when the time is over the future is cancelled, and the error is a time-out with
 * the cancellation as cause; the caller's count is what it was. */
START_SIM(time_is_over)
{
    struct job job = {.seconds = 100, .cancelled = WEFT_ECANCELLED};
    weft_future *f = weft_create_future();
    weft_task *t = start(&job);
    void *value = &values[0];

    ck_assert_int_eq(weft_wait_for(t, 2, &value), WEFT_ETIMEDOUT);
    ck_assert_int_eq(weft_error_code(weft_error_current()), WEFT_ETIMEDOUT);
    ck_assert_int_eq(weft_error_code(weft_error_cause(weft_error_current())), WEFT_ECANCELLED);
    ck_assert_ptr_eq(value, &values[0]);
    ck_assert(weft_cancelled(t));
    ck_assert_double_ge(sim_now(), 2);
    ck_assert_double_le(sim_now(), 2.001);
    ck_assert_int_eq(weft_cancelling(weft_current_task()), 0);
    ck_assert_int_eq(weft_wait_for(f, 2, NULL), WEFT_ETIMEDOUT);
    ck_assert(weft_cancelled(f));
    ck_assert_int_eq(weft_sleep(1), 0);
    weft_unref(t);
    weft_unref(f);
    return 0;
}

/* WFOR-04: the call returns when what was cancelled has really ended, however long that takes. */
START_SIM(ends_with_what_was_cancelled)
{
    struct job job = {.seconds = 100, .cancelled = WEFT_ECANCELLED, .clean_up = 50};
    weft_task *t = start(&job);

    ck_assert_int_eq(weft_wait_for(t, 1, NULL), WEFT_ETIMEDOUT);
    ck_assert(weft_cancelled(t));
    ck_assert_double_ge(sim_now(), 51);
    weft_unref(t);
    return 0;
}

/* WFOR-05: if it swallows the cancellation, its value is given. */
START_SIM(value_after_the_time)
{
    struct job job = {.seconds = 100, .clean_up = 5};
    weft_task *t = start(&job);
    void *value = NULL;

    ck_assert_int_eq(weft_wait_for(t, 1, &value), 0);
    ck_assert_ptr_eq(value, &values[1]);
    ck_assert_int_eq(weft_cancelling(weft_current_task()), 0);
    ck_assert_int_eq(weft_sleep(1), 0);
    weft_unref(t);
    return 0;
}

/* WFOR-06: if it fails while it is being cancelled, that error is given. */
START_SIM(error_after_the_time)
{
    struct job job = {.seconds = 100, .cancelled = -EIO};
    weft_task *t = start(&job);

    ck_assert_int_eq(weft_wait_for(t, 1, NULL), -EIO);
    ck_assert_str_eq(sim_said(), "of the job");
    ck_assert_int_eq(weft_cancelling(weft_current_task()), 0);
    weft_unref(t);
    return 0;
}

/* WFOR-16: a future that is done in iteration k resumes the caller in k+1. */
START_SIM(caller_resumes_in_the_next_iteration)
{
    weft_future *f = weft_create_future();
    struct waiting waiting = {.future = f, .timeout = 100};
    weft_task *t = weft_create_task(wait_it, &waiting, NULL);

    sim_pass(2);
    int turn = sim_turn();
    weft_future_set_result(f, NULL);
    ck_assert_int_eq(weft_join(t, NULL), 0);
    ck_assert_int_eq(waiting.turn, turn + 1);
    ck_assert_trace("wait_for");
    weft_unref(f);
    return 0;
}

static int wait_in_callback(void *future)
{
    ck_assert_int_eq(weft_wait_for(future, 1, NULL), WEFT_ENOTASK);
    ck_assert_int_eq(weft_wait_for(future, 0, NULL), WEFT_ENOTASK);
    trace("refused");
    return 0;
}

/* WFOR-17: outside a task, or with no loop running, it fails; and so it does with wrong arguments.
 */
START_SIM(wrong_places_and_arguments)
{
    weft_future *f = weft_create_future();

    weft_call_soon(weft_get_running_loop(), wait_in_callback, f, NULL);
    sim_pass(1);
    ck_assert_trace("refused");
    ck_assert_int_eq(weft_wait_for(NULL, 1, NULL), -EINVAL);
    ck_assert_int_eq(weft_wait_for(f, (double)NAN, NULL), -EINVAL);
    ck_assert(!weft_done(f));
    weft_unref(f);
    return 0;
}

START_TEST(no_loop)
{
    weft_future *f = weft_future_new(NULL);
    ck_assert_int_eq(weft_wait_for(f, 1, NULL), WEFT_ENOTASK);
    weft_unref(f);
}
END_TEST

/* Limits nest: the one that is over first decides. */
COROUTINE(wait_inside)
{
    struct waiting *waiting = arg;
    struct job job = {.seconds = 100, .cancelled = WEFT_ECANCELLED};
    weft_task *t = start(&job);
    waiting->rc = weft_wait_for(t, waiting->timeout, NULL);
    weft_unref(t);
    return waiting->rc;
}

START_SIM(limits_nest)
{
    struct waiting inner = {.timeout = 1}, outer = {.timeout = 5};
    weft_task *t = weft_create_task(wait_inside, &inner, NULL);

    ck_assert_int_eq(weft_wait_for(t, 5, NULL), WEFT_ETIMEDOUT);
    ck_assert(!weft_cancelled(t));
    ck_assert_int_eq(inner.rc, WEFT_ETIMEDOUT);
    weft_unref(t);
    t = weft_create_task(wait_inside, &outer, NULL);
    ck_assert_int_eq(weft_wait_for(t, 1, NULL), WEFT_ETIMEDOUT);
    ck_assert(weft_cancelled(t));
    ck_assert_int_eq(outer.rc, WEFT_ECANCELLED);
    weft_unref(t);
    return 0;
}

/* A future of no loop is awaited, and cancelled, in the same way. */
START_SIM(concurrent_future)
{
    weft_future *f = weft_future_new(NULL), *g = weft_future_new(NULL);

    ck_assert_int_eq(weft_wait_for(f, 1, NULL), WEFT_ETIMEDOUT);
    ck_assert(weft_cancelled(f));
    ck_assert_int_eq(weft_wait_for(g, 0, NULL), WEFT_ETIMEDOUT);
    ck_assert(weft_cancelled(g));
    weft_unref(f);
    weft_unref(g);
    return 0;
}

int main(void)
{
    Suite *suite = suite_create("wait_for");
    TCase *tcase = tcase_create("outcomes");

    tcase_add_test(tcase, outcome_in_time);
    tcase_add_test(tcase, limit_without_memory);
    tcase_add_test(tcase, no_limit);
    tcase_add_test(tcase, time_is_over);
    tcase_add_test(tcase, ends_with_what_was_cancelled);
    tcase_add_test(tcase, value_after_the_time);
    tcase_add_test(tcase, error_after_the_time);
    tcase_add_test(tcase, caller_resumes_in_the_next_iteration);
    tcase_add_test(tcase, wrong_places_and_arguments);
    tcase_add_test(tcase, no_loop);
    tcase_add_test(tcase, limits_nest);
    tcase_add_test(tcase, concurrent_future);
    suite_add_tcase(suite, tcase);
    return suite_main(suite);
}
