/*
 * wrap_future_test.c - futures that mirror one of another loop, or of none.
 */
#include <pthread.h>

#include "tests/support/pair.h"
#include "tests/support/suite.h"
#include "tests/threadpool/gate.h"

COROUTINE(give)
{
    *result = arg;
    return 0;
}

COROUTINE(fail_io)
{
    return weft_fail(-EIO, "no disk");
}

COROUTINE(cancel_self)
{
    weft_cancel(weft_current_task());
    return weft_sleep(WEFT_FOREVER);
}

/* The mirror, on this loop, of a task on the other one. */
static weft_future *mirror_of_other(weft_coroutine fn, void *arg, weft_task **ret_task)
{
    *ret_task = weft_create_task_on(pair_loop(1), fn, arg, NULL);
    ck_assert_ptr_nonnull(*ret_task);
    weft_future *mirror = weft_wrap_future(*ret_task);
    ck_assert_ptr_nonnull(mirror);
    ck_assert_ptr_eq(weft_future_get_loop(mirror), weft_get_running_loop());
    ck_assert_ptr_ne(mirror, *ret_task);
    return mirror;
}

/* MULT-04: result, error and cancellation of a task of another loop come to its mirror here. */
START_PAIR(outcomes_cross)
{
    int mark;
    void *value = NULL;
    weft_task *task;
    weft_future *mirror = mirror_of_other(give, &mark, &task);
    ck_assert_int_eq(weft_join(mirror, &value), 0);
    ck_assert_ptr_eq(value, &mark);
    ck_assert(weft_done(task));
    weft_unref(task);

    mirror = mirror_of_other(fail_io, NULL, &task);
    ck_assert_int_eq(weft_join(mirror, NULL), -EIO);
    ck_assert_str_eq(weft_error_message(weft_error_current()), "no disk");
    weft_unref(task);

    mirror = mirror_of_other(cancel_self, NULL, &task);
    ck_assert_int_eq(weft_await(mirror, NULL), WEFT_ECANCELLED);
    ck_assert(weft_cancelled(mirror));
    weft_unref(mirror);
    weft_unref(task);
    return 0;
}

/* MULT-04: cancelling the mirror cancels it at once, and asks the other loop to end the task. */
START_PAIR(cancellation_goes_back)
{
    weft_task *task;
    weft_future *mirror = mirror_of_other(sim_sleep, NULL, &task);
    ck_assert_int_eq(weft_cancel(mirror), 1);
    ck_assert(weft_cancelled(mirror));
    ck_assert_int_eq(weft_cancel(mirror), 0);
    ck_assert_int_eq(weft_await(task, NULL), WEFT_ECANCELLED);
    ck_assert(weft_cancelled(task));
    weft_unref(mirror);
    weft_unref(task);
    return 0;
}

/* MULT-03 in weft: a future of another loop may be awaited directly, and needs no mirror. */
START_PAIR(awaited_directly)
{
    int mark;
    void *value = NULL;
    ck_assert_int_eq(weft_join(weft_create_task_on(pair_loop(1), give, &mark, NULL), &value), 0);
    ck_assert_ptr_eq(value, &mark);
    ck_assert_int_eq(weft_join(weft_create_task_on(pair_loop(1), fail_io, NULL, NULL), NULL), -EIO);
    weft_task *task = weft_create_task_on(pair_loop(1), sim_sleep, NULL, NULL);
    ck_assert_int_eq(weft_cancel(task), 1);
    ck_assert_int_eq(weft_join(task, NULL), WEFT_ECANCELLED);
    return 0;
}

static int record_turn(weft_future *future, void *arg)
{
    (void)future;
    *(int *)arg = sim_turn();
    return 0;
}

static void *complete(void *arg)
{
    ck_assert_int_eq(weft_future_set_result(arg, arg), 0);
    return NULL;
}

static void complete_elsewhere(weft_future *source)
{
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, complete, source), 0);
    pthread_join(thread, NULL);
}

/* XTHR-20: the completion, in any thread, reaches the mirror through its loop's queue: not at once,
 * and its awaiters after one more iteration. */
START_SIM(completion_is_a_callback)
{
    int turn = 0;
    weft_future *source = weft_future_new(NULL), *mirror = weft_wrap_future(source);
    ck_assert_int_eq(weft_add_done_callback(mirror, record_turn, &turn), 0);
    int now = sim_turn();
    complete_elsewhere(source);
    ck_assert(weft_done(source));
    ck_assert(!weft_done(mirror));
    sim_pass(2); /* we run first in each */
    ck_assert(weft_done(mirror));
    ck_assert_int_eq(turn, 0);
    sim_pass(1);
    ck_assert_int_eq(turn, now + 2);
    ck_assert_int_eq(weft_await(mirror, NULL), 0);
    weft_unref(mirror);
    weft_unref(source);
    return 0;
}

/* XTHR-18: what is done already is mirrored too; a future of this loop is itself. */
START_SIM(mirrors_what_is_done)
{
    int mark;
    void *value = NULL;
    weft_future *source = weft_future_new(NULL), *own = weft_create_future();
    ck_assert_int_eq(weft_future_set_result(source, &mark), 0);
    weft_future *mirror = weft_wrap_future(source), *same = weft_wrap_future(own);
    ck_assert_int_eq(weft_join(mirror, &value), 0);
    ck_assert_ptr_eq(value, &mark);
    ck_assert_ptr_eq(same, own);
    weft_unref(own);
    weft_unref(same);
    weft_unref(source);
    return 0;
}

/* XTHR-19: cancelling the mirror leaves a source alone that is done. */
START_SIM(cancelled_too_late_for_the_source)
{
    weft_future *source = weft_future_new(NULL), *mirror = weft_wrap_future(source);
    complete_elsewhere(source);
    ck_assert_int_eq(weft_cancel(mirror), 1); /* before the completion has come here */
    ck_assert_int_eq(weft_await(mirror, NULL), WEFT_ECANCELLED);
    ck_assert_int_eq(weft_result(source, NULL), 0);
    weft_unref(mirror);
    weft_unref(source);
    return 0;
}

static struct gate gate;

static void *work_of_a_thread(void *executor)
{
    weft_future *work = weft_run_in_executor(NULL, executor, pass_gate, &gate);
    ck_assert_ptr_nonnull(work);
    wait_for_sem(&gate.entered);
    return work;
}

/* XTHR-19, XTHR-22: so does one whose function a thread runs. */
START_SIM(cancelled_while_the_source_runs)
{
    pthread_t thread;
    void *work;
    weft_executor *executor = weft_executor_new(NULL);
    gate_init(&gate);
    ck_assert_int_eq(pthread_create(&thread, NULL, work_of_a_thread, executor), 0);
    pthread_join(thread, &work);
    weft_future *mirror = weft_wrap_future(work);
    ck_assert_int_eq(weft_cancel(mirror), 1);
    ck_assert_int_eq(weft_join(mirror, NULL), WEFT_ECANCELLED);
    ck_assert(!weft_done(work));
    sem_post(&gate.open);
    ck_assert_int_eq(weft_join(work, NULL), 0);
    ck_assert_int_eq(weft_executor_shutdown(executor, WEFT_FOREVER, 0), 0);
    weft_executor_free(executor);
    return 0;
}

static int wrap_it(void *arg)
{
    weft_future **futures = arg;
    futures[1] = weft_wrap_future(futures[0]);
    ck_assert_ptr_nonnull(futures[1]);
    return weft_loop_stop(weft_get_running_loop());
}

/* XTHR-21, MULT-05: a completion for a closed loop is dropped silently, with all that belongs to
 * it. */
START_TEST(closed_loop_drops_the_outcome)
{
    for (int early = 0; early < 2; early++) {
        weft_loop *loop = weft_new_event_loop(NULL);
        weft_loop_set_exception_handler(loop, report_record, NULL);
        weft_future *futures[2] = {weft_future_new(NULL), NULL};
        ck_assert_int_eq(weft_call_soon(loop, wrap_it, futures, NULL), 0);
        ck_assert_int_eq(weft_loop_run_forever(loop), 0);
        if (early) /* on its way when the loop is closed */
            ck_assert_int_eq(weft_future_set_result(futures[0], NULL), 0);
        ck_assert_int_eq(weft_loop_close(loop), 0);
        if (!early)
            ck_assert_int_eq(weft_future_set_exception(futures[0], -EIO), 0);
        ck_assert(!weft_done(futures[1]));
        ck_assert_int_eq(weft_result(futures[0], NULL), early ? 0 : -EIO);
        weft_unref(futures[0]);
        weft_unref(futures[1]);
        ck_assert_int_eq(reports_count, 0);
        weft_loop_free(loop);
    }
}
END_TEST

static _Atomic int dropped;

static void count_drop(void *value)
{
    (void)value;
    dropped++;
}

/* A result that comes too late for a cancelled mirror was taken by nobody: it is dropped once. */
START_SIM(late_result_is_dropped)
{
    int mark;
    weft_future *source = weft_future_new(NULL);
    weft_future_set_drop(source, count_drop);
    weft_future *mirror = weft_wrap_future(source);
    ck_assert_int_eq(weft_future_set_result(source, &mark), 0);
    ck_assert_int_eq(weft_cancel(mirror), 1);
    sim_pass(2);
    weft_unref(source);
    weft_unref(mirror);
    sim_pass(1);
    ck_assert_int_eq(dropped, 1);

    /* One that came in time and was not asked for goes with the mirror. */
    source = weft_future_new(NULL);
    weft_future_set_drop(source, count_drop);
    mirror = weft_wrap_future(source);
    ck_assert_int_eq(weft_future_set_result(source, &mark), 0);
    sim_pass(2);
    ck_assert(weft_done(mirror));
    weft_unref(source);
    weft_unref(mirror);
    ck_assert_int_eq(dropped, 2);
    return 0;
}

START_TEST(bad_arguments)
{
    errno = 0;
    ck_assert_ptr_null(weft_wrap_future(NULL));
    ck_assert_int_eq(errno, EINVAL);
    weft_future *f = weft_future_new(NULL);
    ck_assert_ptr_null(weft_wrap_future(f));
    ck_assert_int_eq(errno, -WEFT_ENOLOOP);
    weft_unref(f);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("wrap_future");
    TCase *tcase = tcase_create("wrap_future");
    tcase_add_test(tcase, outcomes_cross);
    tcase_add_test(tcase, cancellation_goes_back);
    tcase_add_test(tcase, awaited_directly);
    tcase_add_test(tcase, completion_is_a_callback);
    tcase_add_test(tcase, mirrors_what_is_done);
    tcase_add_test(tcase, cancelled_too_late_for_the_source);
    tcase_add_test(tcase, cancelled_while_the_source_runs);
    tcase_add_test(tcase, closed_loop_drops_the_outcome);
    tcase_add_test(tcase, late_result_is_dropped);
    tcase_add_test(tcase, bad_arguments);
    suite_add_tcase(suite, tcase);
    return suite_main(suite);
}
