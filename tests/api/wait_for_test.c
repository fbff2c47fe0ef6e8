/*
 * wait_for_test.c - awaiting a future for a limited time.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "runtime/base/fault.h"
#include "tests/support/sim.h"
#include "tests/support/suite.h"

static int values[4];

static double now(void)
{
    return weft_loop_time(weft_get_running_loop());
}

static const char *said(void)
{
    const char *message = weft_error_message(weft_error_current());
    return message ? message : "-";
}

struct job {
    double seconds;
    int code;         /* 0: ends with a value */
    int cancelled;    /* what it ends with when it is cancelled; 0: with a value */
    double clean_up;  /* seconds that it takes to end then */
    const char *name; /* traced when it ends */
};

COROUTINE(work)
{
    const struct job *job = arg;
    int rc = weft_sleep(job->seconds);
    if (rc == WEFT_ECANCELLED) {
        if (job->clean_up > 0)
            ck_assert_int_eq(weft_sleep(job->clean_up), 0);
        rc = job->cancelled;
    } else if (!rc) {
        rc = job->code;
    }
    *result = &values[1];
    if (job->name)
        trace("%s", job->name);
    return rc < 0 && rc != WEFT_ECANCELLED ? weft_fail(rc, "of the job") : rc;
}

static weft_task *start(const struct job *job)
{
    return weft_create_task(work, (void *)(uintptr_t)job, NULL);
}

/* WFOR-01: what ends in time gives its result or its error. */
START_SIM(outcome_in_time)
{
    struct job returns = {.seconds = 1}, fails = {.seconds = 1, .code = -EIO};
    weft_task *t = start(&returns);
    void *value = NULL;

    ck_assert_int_eq(weft_wait_for(t, 2, &value), 0);
    ck_assert_ptr_eq(value, &values[1]);
    ck_assert_double_le(now(), 1.001);
    weft_unref(t);
    t = start(&fails);
    value = NULL;
    ck_assert_int_eq(weft_wait_for(t, 2, &value), -EIO);
    ck_assert_str_eq(said(), "of the job");
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
    double begin = now();

    weft_loop *loop = weft_get_running_loop();
    ck_assert_int_eq(weft_call_later(loop, 2, memory_comes_back, NULL, NULL), 0);
    ck_assert_int_eq(weft_call_later(loop, 0.5, set_it, soon, NULL), 0);
    wf_fault_arm(FAULT_ALLOC, 1, ENOMEM, true);
    ck_assert_int_eq(weft_wait_for(soon, 1, NULL), 0);
    ck_assert_int_eq(weft_wait_for(never, 1, NULL), WEFT_ETIMEDOUT);
    ck_assert_double_ge(now() - begin, 2);
    ck_assert_double_le(now() - begin, 2.002);
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
    ck_assert_double_ge(now(), 1e6);
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
    ck_assert_double_ge(now(), 2);
    ck_assert_double_le(now(), 2.001);
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
    ck_assert_double_ge(now(), 51);
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
    ck_assert_str_eq(said(), "of the job");
    ck_assert_int_eq(weft_cancelling(weft_current_task()), 0);
    weft_unref(t);
    return 0;
}

struct waiting {
    weft_future *future;
    double timeout;
    int rc;
    int turn;
    void *value;
};

COROUTINE(wait_it)
{
    struct waiting *waiting = arg;
    waiting->rc = weft_wait_for(waiting->future, waiting->timeout, &waiting->value);
    waiting->turn = sim_turn();
    trace("wait_for");
    return waiting->rc;
}

/* WFOR-07: cancelling the caller cancels the future, and the caller has its error when that one has
 * ended. */
START_SIM(caller_is_cancelled)
{
    double timeouts[] = {1000, WEFT_FOREVER};

    for (int i = 0; i < 2; i++) {
        struct job job = {
            .seconds = 100, .cancelled = WEFT_ECANCELLED, .clean_up = 5, .name = "job"};
        weft_task *t = start(&job);
        struct waiting waiting = {.future = t, .timeout = timeouts[i]};
        weft_task *caller = weft_create_task(wait_it, &waiting, NULL);
        double before = now();

        ck_assert_int_eq(weft_sleep(1), 0);
        ck_assert_int_eq(weft_cancel_msg(caller, "stop"), 1);
        ck_assert_int_eq(weft_await(caller, NULL), WEFT_ECANCELLED);
        ck_assert_int_eq(waiting.rc, WEFT_ECANCELLED);
        ck_assert_trace("job wait_for");
        ck_assert(weft_cancelled(t) && weft_cancelled(caller));
        ck_assert_double_ge(now() - before, 6);
        ck_assert_int_eq(weft_cancelling(caller), 1);
        weft_unref(caller);
        weft_unref(t);
    }
    return 0;
}

COROUTINE(never_run)
{
    trace("ran");
    return 0;
}

static void note_drop(void *arg)
{
    trace("drop:%s", (const char *)arg);
}

/* WFOR-09: with no time a task that has not started never runs; what it was given is released. */
START_SIM(no_time_for_an_unstarted_task)
{
    weft_task_options options = {.arg_drop = note_drop};
    double timeouts[] = {0, -1, -(double)INFINITY};

    for (int i = 0; i < 3; i++) {
        weft_task *t = weft_create_task(never_run, "arg", &options);
        ck_assert_int_eq(weft_wait_for(t, timeouts[i], NULL), WEFT_ETIMEDOUT);
        ck_assert_int_eq(weft_error_code(weft_error_cause(weft_error_current())), WEFT_ECANCELLED);
        ck_assert_trace("drop:arg");
        ck_assert(weft_cancelled(t));
        weft_unref(t);
    }
    return 0;
}

/* WFOR-10, WFOR-16: what is done gives its outcome without suspending, whatever the limit. */
START_SIM(done_future_at_once)
{
    double timeouts[] = {0, -1, 1, WEFT_FOREVER};
    weft_future *f = weft_create_future(), *g = weft_create_future(), *h = weft_create_future();
    int turn = sim_turn();

    weft_future_set_result(f, &values[2]);
    weft_future_set_exception(g, weft_fail(-EIO, "error"));
    weft_cancel(h);
    for (int i = 0; i < 4; i++) {
        void *value = NULL;
        ck_assert_int_eq(weft_wait_for(f, timeouts[i], &value), 0);
        ck_assert_ptr_eq(value, &values[2]);
        ck_assert_int_eq(weft_wait_for(g, timeouts[i], NULL), -EIO);
        ck_assert_str_eq(said(), "error");
        ck_assert_int_eq(weft_wait_for(h, timeouts[i], NULL), WEFT_ECANCELLED);
    }
    ck_assert_int_eq(sim_turn(), turn);
    weft_unref(f);
    weft_unref(g);
    weft_unref(h);
    return 0;
}

/* WFOR-11: with no time a pending task is cancelled and waited for; then it is a time-out, or the
 * value or other error that it ended with. */
START_SIM(no_time_for_a_pending_task)
{
    struct job jobs[] = {{.seconds = 9, .cancelled = WEFT_ECANCELLED, .clean_up = 5},
                         {.seconds = 9, .clean_up = 5},
                         {.seconds = 9, .cancelled = -EIO, .clean_up = 5}};
    int outcomes[] = {WEFT_ETIMEDOUT, 0, -EIO};

    for (int i = 0; i < 3; i++) {
        weft_task *t = start(&jobs[i]);
        void *value = NULL;
        sim_pass(1);
        double before = now();
        ck_assert_int_eq(weft_wait_for(t, 0, &value), outcomes[i]);
        ck_assert_double_ge(now() - before, 5 - 1e-6);
        ck_assert(weft_done(t));
        ck_assert_ptr_eq(value, i == 1 ? &values[1] : NULL);
        ck_assert_int_eq(weft_cancelling(weft_current_task()), 0);
        weft_unref(t);
    }
    return 0;
}

static int note_soon(void *name)
{
    trace("%s", (const char *)name);
    return 0;
}

static int note_done(weft_future *future, void *name)
{
    (void)future;
    return note_soon(name);
}

/* WFOR-11: the caller resumes in the iteration after that of the future's callbacks, also when the
 * future is a plain one that is cancelled at once. */
START_SIM(no_time_for_a_plain_future)
{
    weft_future *f = weft_create_future();
    int turn = sim_turn();

    weft_add_done_callback(f, note_done, "done");
    weft_call_soon(weft_get_running_loop(), note_soon, "soon", NULL);
    ck_assert_int_eq(weft_wait_for(f, -1, NULL), WEFT_ETIMEDOUT);
    ck_assert_int_eq(sim_turn(), turn + 2);
    ck_assert(weft_cancelled(f));
    ck_assert_trace("soon done");
    weft_unref(f);
    return 0;
}

/* WFOR-11: a request that the caller has caught before does not turn the time-out into a
 * cancellation. */
START_SIM(no_time_after_a_caught_cancellation)
{
    struct job job = {.seconds = 9, .cancelled = WEFT_ECANCELLED};
    double timeouts[] = {0, 1};

    weft_cancel(weft_current_task());
    ck_assert_int_eq(weft_yield(), WEFT_ECANCELLED);
    for (int i = 0; i < 2; i++) {
        weft_task *t = start(&job);
        ck_assert_int_eq(weft_wait_for(t, timeouts[i], NULL), WEFT_ETIMEDOUT);
        ck_assert_int_eq(weft_cancelling(weft_current_task()), 1);
        weft_unref(t);
    }
    ck_assert_int_eq(weft_uncancel(weft_current_task()), 0);
    return 0;
}

/* WFOR-11: a caller that is cancelled while it waits with no time leaves at once, and the task,
 * which was cancelled already, cleans up in peace. */
START_SIM(caller_with_no_time_is_cancelled)
{
    struct job job = {.seconds = 9, .cancelled = WEFT_ECANCELLED, .clean_up = 5, .name = "job"};
    weft_task *t = start(&job);
    struct waiting waiting = {.future = t, .timeout = 0};

    sim_pass(1);
    weft_task *caller = weft_create_task(wait_it, &waiting, NULL);
    sim_pass(2);
    ck_assert_int_eq(weft_cancel_msg(caller, "first"), 1);
    ck_assert_int_eq(weft_cancel_msg(caller, "second"), 1);
    ck_assert_int_eq(weft_await(caller, NULL), WEFT_ECANCELLED);
    ck_assert_str_eq(said(), "first");
    ck_assert_trace("wait_for");
    ck_assert_int_eq(weft_cancelling(t), 1);
    ck_assert(!weft_done(t));
    ck_assert_int_eq(weft_await(t, NULL), WEFT_ECANCELLED);
    ck_assert_trace("job");
    weft_unref(caller);
    weft_unref(t);
    return 0;
}

COROUTINE(yield_and_return)
{
    ck_assert_int_eq(weft_sleep(9), WEFT_ECANCELLED);
    ck_assert_int_eq(weft_yield(), 0);
    *result = &values[3];
    trace("task");
    return 0;
}

/* WFOR-14: so it is when the task ends in the iteration in which the caller is cancelled. */
START_SIM(caller_with_no_time_is_cancelled_at_the_end)
{
    weft_task *t = weft_create_task(yield_and_return, NULL, NULL);
    struct waiting waiting = {.future = t, .timeout = 0};
    void *value = NULL;

    sim_pass(1);
    weft_task *caller = weft_create_task(wait_it, &waiting, NULL);
    sim_pass(2);
    ck_assert_int_eq(weft_cancel_msg(caller, "stop"), 1);
    sim_pass(1);
    ck_assert_trace("task wait_for");
    ck_assert_int_eq(weft_result(caller, NULL), WEFT_ECANCELLED);
    ck_assert_str_eq(said(), "stop");
    ck_assert_int_eq(weft_result(t, &value), 0);
    ck_assert_ptr_eq(value, &values[3]);
    sim_pass(2);
    weft_unref(caller);
    weft_unref(t);
    return 0;
}

static int set_result_at(void *future)
{
    trace("%s", weft_future_set_result(future, &values[2]) ? "late" : "set");
    return 0;
}

/* WFOR-13: a deadline in the iteration in which the future gets done, before the caller resumes,
 * wins; the future keeps its value. */
START_SIM(deadline_beats_an_unseen_result)
{
    weft_loop *loop = weft_get_running_loop();
    weft_future *f = weft_create_future();
    struct waiting waiting = {.future = f, .timeout = 5};
    void *value = NULL;

    weft_call_later(loop, 4, set_result_at, f, NULL);
    weft_task *t = weft_create_task(wait_it, &waiting, NULL);
    sim_pass(1);
    ck_assert_int_eq(weft_loop_advance(loop, 10), 0);
    ck_assert_int_eq(weft_await(t, NULL), WEFT_ETIMEDOUT);
    ck_assert_trace("set wait_for");
    ck_assert_ptr_null(waiting.value);
    ck_assert_int_eq(weft_cancelling(t), 0);
    ck_assert_int_eq(weft_result(f, &value), 0);
    ck_assert_ptr_eq(value, &values[2]);
    weft_unref(t);
    weft_unref(f);
    return 0;
}

/* WFOR-13: the other way round the future is cancelled, and completing it is refused. */
START_SIM(deadline_before_the_result)
{
    weft_loop *loop = weft_get_running_loop();
    weft_future *f = weft_create_future();
    struct waiting waiting = {.future = f, .timeout = 5};
    weft_task *t = weft_create_task(wait_it, &waiting, NULL);

    weft_call_later(loop, 6, set_result_at, f, NULL);
    sim_pass(1);
    ck_assert_int_eq(weft_loop_advance(loop, 10), 0);
    ck_assert_int_eq(weft_await(t, NULL), WEFT_ETIMEDOUT);
    ck_assert_trace("late wait_for");
    weft_unref(t);
    weft_unref(f);
    return 0;
}

/* WFOR-13: a deadline that is due in the iteration in which the caller resumes does nothing. */
START_SIM(deadline_behind_the_resumed_caller)
{
    weft_loop *loop = weft_get_running_loop();
    weft_future *f = weft_create_future();
    struct waiting waiting = {.future = f, .timeout = 5};
    weft_task *t = weft_create_task(wait_it, &waiting, NULL);

    sim_pass(1);
    ck_assert_int_eq(weft_future_set_result(f, &values[2]), 0);
    ck_assert_int_eq(weft_loop_advance(loop, 10), 0);
    ck_assert_int_eq(weft_await(t, NULL), 0);
    ck_assert_ptr_eq(waiting.value, &values[2]);
    ck_assert_int_eq(weft_cancelling(t), 0);
    trace_text[0] = '\0';
    sim_pass(2);
    weft_unref(t);
    weft_unref(f);
    return 0;
}

/* WFOR-14: a caller that is cancelled when the task is done but it has not resumed gets the
 * cancellation; the task keeps its result. */
START_SIM(cancel_beats_an_unseen_result)
{
    struct job job = {.seconds = 1};
    weft_task *inner = start(&job);
    struct waiting waiting = {.future = inner, .timeout = 100};
    weft_task *caller = weft_create_task(wait_it, &waiting, NULL);
    void *value = NULL;

    /* The timer, the end of the job, the caller: an iteration each, and each behind the main task.
     */
    sim_pass(1);
    ck_assert_int_eq(weft_loop_advance(weft_get_running_loop(), 1), 0);
    sim_pass(3);
    ck_assert(weft_done(inner));
    ck_assert(!weft_done(caller));
    ck_assert_int_eq(weft_cancel(caller), 1);
    ck_assert_int_eq(weft_await(caller, NULL), WEFT_ECANCELLED);
    ck_assert_ptr_null(waiting.value);
    ck_assert_int_eq(weft_result(inner, &value), 0);
    ck_assert_ptr_eq(value, &values[1]);
    weft_unref(caller);
    weft_unref(inner);
    return 0;
}

static int cancel_at(void *task)
{
    weft_cancel_msg(task, "outside");
    return 0;
}

/* TMO-18: when others ask for the end in the same iteration, it stays a cancellation, and the
 * deadline takes its own request back. */
START_SIM(deadline_and_cancel_together)
{
    struct job job = {.seconds = 60, .cancelled = WEFT_ECANCELLED};
    weft_task *inner = start(&job);
    struct waiting waiting = {.future = inner, .timeout = 5};
    weft_task *caller = weft_create_task(wait_it, &waiting, NULL);

    weft_call_later(weft_get_running_loop(), 6, cancel_at, caller, NULL);
    sim_pass(1);
    ck_assert_int_eq(weft_loop_advance(weft_get_running_loop(), 10), 0);
    sim_pass(2);
    ck_assert_int_eq(weft_cancelling(caller), 2);
    ck_assert_int_eq(weft_cancelling(inner), 2);
    ck_assert_int_eq(weft_await(caller, NULL), WEFT_ECANCELLED);
    ck_assert_int_eq(weft_cancelling(caller), 1);
    ck_assert_trace("wait_for");
    weft_unref(caller);
    weft_unref(inner);
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

static weft_task *start_on(weft_loop *loop, struct waiting *waiting)
{
    return weft_create_task_on(loop, wait_it, waiting, NULL);
}

/* A loop may be closed in the middle of every kind of wait: nothing is left behind. */
START_TEST(loop_is_closed_meanwhile)
{
    weft_loop *loop = weft_new_event_loop(&(weft_loop_options){.clock = WEFT_CLOCK_VIRTUAL});
    struct job job = {
        .seconds = 1000, .cancelled = WEFT_ECANCELLED, .clean_up = 1000, .name = "never"};
    struct job clock = {.seconds = 2};
    weft_task *inner[3];
    struct waiting waiting[4];
    weft_task *callers[4];
    double timeouts[] = {100, 1, 0, 0};

    weft_loop_set_exception_handler(loop, report_record, NULL);
    for (int i = 0; i < 3; i++)
        inner[i] = weft_create_task_on(loop, work, &job, NULL);
    weft_future *concurrent = weft_future_new(NULL);
    for (int i = 0; i < 4; i++) {
        waiting[i] =
            (struct waiting){.future = i < 3 ? inner[i] : concurrent, .timeout = timeouts[i]};
        callers[i] = start_on(loop, &waiting[i]);
    }
    weft_task *t = weft_create_task_on(loop, work, &clock, NULL);
    ck_assert_int_eq(weft_loop_run_until_complete(loop, t, NULL), 0);
    ck_assert(!weft_done(callers[0]) && !weft_done(callers[1]) && !weft_done(callers[2]));
    ck_assert_int_eq(weft_loop_close(loop), 0);
    for (int i = 0; i < 4; i++) {
        ck_assert(weft_done(callers[i]));
        weft_cancel(callers[i]); /* the report of the last one is not of interest */
        weft_unref(callers[i]);
    }
    for (int i = 0; i < 3; i++)
        weft_unref(inner[i]);
    weft_unref(concurrent);
    weft_unref(t);
    ck_assert_int_eq(weft_loop_free(loop), 0);
}
END_TEST

static atomic_int staying;

/* Stays until it is cancelled when the future is done. */
COROUTINE(stay)
{
    atomic_fetch_add(&staying, 1);
    while (weft_sleep(WEFT_FOREVER) != 0 && !weft_done(arg))
        continue;
    return 0;
}

/* The word of the end may be on its way from another thread when the loop is closed: whoever of the
 * two comes last frees what they share. */
START_TEST(close_meets_the_word_of_the_end)
{
    weft_runner runner;
    ck_assert_int_eq(weft_runner_init(&runner, &(weft_runner_options){.loops = 1}), 0);
    ck_assert_int_eq(weft_runner_start(&runner), 0);
    for (int round = 0; round < 300; round++) {
        weft_loop *loop = weft_new_event_loop(&(weft_loop_options){.clock = WEFT_CLOCK_VIRTUAL});
        weft_loop_set_exception_handler(loop, report_record, NULL);
        weft_future *end = weft_future_new(NULL);
        weft_task *far = weft_create_task_on(weft_runner_get_loop(&runner), stay, end, NULL);
        struct waiting waiting = {.future = far};
        while (atomic_load(&staying) <= round)
            sched_yield();
        weft_task *caller = start_on(loop, &waiting);
        for (int turns = 0; turns < 3; turns++) {
            weft_loop_stop(loop);
            ck_assert_int_eq(weft_loop_run_forever(loop), 0);
        }
        weft_future_set_result(end, NULL);
        weft_cancel(far);
        while (!weft_done(far)) /* then the word is sent */
            continue;
        ck_assert_int_eq(weft_loop_close(loop), 0);
        ck_assert_int_eq(weft_future_wait(far, WEFT_FOREVER, NULL), 0);
        ck_assert(weft_cancelled(caller));
        weft_unref(caller);
        weft_unref(far);
        weft_unref(end);
        ck_assert_int_eq(weft_loop_free(loop), 0);
    }
    ck_assert_int_eq(weft_runner_close(&runner), 0);
}
END_TEST

static void *complete_from_thread(void *future)
{
    weft_future_set_result(future, &values[1]);
    return NULL;
}

/* The limit and the completion by another thread may meet: it is one or the other. */
COROUTINE(meet_other_thread)
{
    for (int i = 0; i < 200; i++) {
        weft_future *f = i % 2 ? weft_create_future() : weft_future_new(NULL);
        void *value = NULL;
        pthread_t thread;
        ck_assert_int_eq(pthread_create(&thread, NULL, complete_from_thread, f), 0);
        int rc = weft_wait_for(f, i % 3 ? 0 : 1e-5, &value);
        ck_assert(rc == WEFT_ETIMEDOUT ? weft_done(f) : rc == 0 && value == &values[1]);
        ck_assert_int_eq(pthread_join(thread, NULL), 0);
        ck_assert_int_eq(weft_cancelling(weft_current_task()), 0);
        weft_unref(f);
    }
    return 0;
}

START_TEST(limit_meets_completion)
{
    ck_assert_int_eq(weft_run(meet_other_thread, NULL, NULL), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("wait_for");

    TCase *outcomes = tcase_create("outcomes");
    tcase_add_test(outcomes, outcome_in_time);
    tcase_add_test(outcomes, limit_without_memory);
    tcase_add_test(outcomes, no_limit);
    tcase_add_test(outcomes, time_is_over);
    tcase_add_test(outcomes, ends_with_what_was_cancelled);
    tcase_add_test(outcomes, value_after_the_time);
    tcase_add_test(outcomes, error_after_the_time);
    tcase_add_test(outcomes, caller_resumes_in_the_next_iteration);
    tcase_add_test(outcomes, wrong_places_and_arguments);
    tcase_add_test(outcomes, no_loop);
    tcase_add_test(outcomes, limits_nest);
    tcase_add_test(outcomes, concurrent_future);
    suite_add_tcase(suite, outcomes);

    TCase *no_time = tcase_create("no_time");
    tcase_add_test(no_time, no_time_for_an_unstarted_task);
    tcase_add_test(no_time, done_future_at_once);
    tcase_add_test(no_time, no_time_for_a_pending_task);
    tcase_add_test(no_time, no_time_for_a_plain_future);
    tcase_add_test(no_time, no_time_after_a_caught_cancellation);
    suite_add_tcase(suite, no_time);

    TCase *races = tcase_create("races");
    tcase_add_test(races, caller_is_cancelled);
    tcase_add_test(races, caller_with_no_time_is_cancelled);
    tcase_add_test(races, caller_with_no_time_is_cancelled_at_the_end);
    tcase_add_test(races, deadline_beats_an_unseen_result);
    tcase_add_test(races, deadline_before_the_result);
    tcase_add_test(races, deadline_behind_the_resumed_caller);
    tcase_add_test(races, cancel_beats_an_unseen_result);
    tcase_add_test(races, deadline_and_cancel_together);
    tcase_add_test(races, loop_is_closed_meanwhile);
    tcase_add_test(races, close_meets_the_word_of_the_end);
    tcase_add_test(races, limit_meets_completion);
    suite_add_tcase(suite, races);

    return suite_main(suite);
}
