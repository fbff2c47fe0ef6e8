/*
 * wait_for_race_test.c - a limit beside a result, a cancellation, a close and other threads.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "tests/api/limits.h"
#include "tests/support/suite.h"

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
        double before = sim_now();

        ck_assert_int_eq(weft_sleep(1), 0);
        ck_assert_int_eq(weft_cancel_msg(caller, "stop"), 1);
        ck_assert_int_eq(weft_await(caller, NULL), WEFT_ECANCELLED);
        ck_assert_int_eq(waiting.rc, WEFT_ECANCELLED);
        ck_assert_trace("job wait_for");
        ck_assert(weft_cancelled(t) && weft_cancelled(caller));
        ck_assert_double_ge(sim_now() - before, 6);
        ck_assert_int_eq(weft_cancelling(caller), 1);
        weft_unref(caller);
        weft_unref(t);
    }
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
    trace_clear();
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
    Suite *suite = suite_create("wait_for_race");
    TCase *tcase = tcase_create("races");

    tcase_add_test(tcase, caller_is_cancelled);
    tcase_add_test(tcase, deadline_beats_an_unseen_result);
    tcase_add_test(tcase, deadline_before_the_result);
    tcase_add_test(tcase, deadline_behind_the_resumed_caller);
    tcase_add_test(tcase, cancel_beats_an_unseen_result);
    tcase_add_test(tcase, deadline_and_cancel_together);
    tcase_add_test(tcase, loop_is_closed_meanwhile);
    tcase_add_test(tcase, close_meets_the_word_of_the_end);
    tcase_add_test(tcase, limit_meets_completion);
    suite_add_tcase(suite, tcase);
    return suite_main(suite);
}
