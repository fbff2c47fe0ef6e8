/*
 * submit_test.c - coroutines that threads without a loop submit to one.
 */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>

#include "tests/support/suite.h"
#include "tests/threadpool/background.h"

static int fail_io(void *arg, void **result)
{
    (void)arg, (void)result;
    return weft_fail(-EIO, "no disk");
}

static int sleep_forever(void *arg, void **result)
{
    (void)result;
    int rc = weft_sleep(WEFT_FOREVER);
    if (arg)
        *(_Atomic int *)arg = rc;
    return rc;
}

/* XTHR-01, XTHR-03: it returns at once, and the result comes from the loop's task. */
START_TEST(result_and_error)
{
    int mark;
    void *value = NULL;
    weft_future *f = weft_run_coroutine_threadsafe(give, &mark, loop);
    ck_assert_ptr_null(weft_future_get_loop(f));
    ck_assert_int_eq(weft_future_wait(f, WEFT_FOREVER, &value), 0);
    ck_assert_ptr_eq(value, &mark);
    weft_unref(f);
    f = weft_run_coroutine_threadsafe(fail_io, NULL, loop);
    ck_assert_int_eq(weft_future_wait(f, WEFT_FOREVER, NULL), -EIO);
    ck_assert_str_eq(weft_error_message(weft_error_current()), "no disk");
    weft_unref(f);
}
END_TEST

/* XTHR-02: no function, no loop: an error in the caller. */
START_TEST(bad_arguments)
{
    errno = 0;
    ck_assert_ptr_null(weft_run_coroutine_threadsafe(NULL, NULL, loop));
    ck_assert_int_eq(errno, EINVAL);
    ck_assert_ptr_null(weft_run_coroutine_threadsafe(give, NULL, NULL));
    ck_assert_int_eq(errno, EINVAL);
}
END_TEST

static int yield_twice(void *arg, void **result)
{
    (void)arg, (void)result;
    weft_yield();
    return weft_yield();
}

/* XTHR-04, XTHR-05, XTHR-07: a time-out leaves the task running; cancel ends both, and says 1
 * again. */
START_TEST(time_out_and_cancel)
{
    _Atomic int ended = 0;
    weft_future *f = weft_run_coroutine_threadsafe(sleep_forever, (void *)&ended, loop);
    weft_future *behind = weft_run_coroutine_threadsafe(yield_twice, NULL, loop);
    ck_assert_int_eq(weft_future_wait(behind, WEFT_FOREVER, NULL), 0); /* so the first one sleeps */
    weft_unref(behind);
    ck_assert_int_eq(weft_future_wait(f, 0, NULL), WEFT_ETIMEDOUT);
    ck_assert_int_eq(weft_future_wait(f, 0.002, NULL), WEFT_ETIMEDOUT);
    ck_assert(!weft_done(f));
    ck_assert_int_eq(weft_cancel(f), 1);
    ck_assert(weft_cancelled(f));
    ck_assert_int_eq(weft_future_wait(f, WEFT_FOREVER, NULL), WEFT_ECANCELLED);
    ck_assert_int_eq(weft_cancel(f), 1);
    weft_unref(f);
    /* The loop was asked to cancel the task: what is submitted now comes after that request. */
    f = weft_run_coroutine_threadsafe(yield_twice, NULL, loop);
    ck_assert_int_eq(weft_future_wait(f, WEFT_FOREVER, NULL), 0);
    weft_unref(f);
    ck_assert_int_eq(ended, WEFT_ECANCELLED);
}
END_TEST

/* XTHR-09: a task that has begun does not make its future "running": cancel works until it is done. */
START_TEST(cancel_works_while_the_task_runs)
{
    static sem_t sem; /* outlives the test: a task may still post it */
    sem_init(&sem, 0, 0);
    weft_future *f = weft_run_coroutine_threadsafe(swallow, &sem, loop);
    while (sem_wait(&sem)) /* it has begun */
        continue;
    ck_assert(!weft_done(f));
    ck_assert_int_eq(weft_cancel(f), 1);
    ck_assert(weft_cancelled(f));
    weft_unref(f);
    while (sem_wait(&sem))
        continue;
    int mark;
    f = weft_run_coroutine_threadsafe(give, &mark, loop);
    ck_assert_int_eq(weft_future_wait(f, WEFT_FOREVER, NULL), 0);
    ck_assert_int_eq(weft_cancel(f), 0); /* XTHR-07: it has a result */
    weft_unref(f);
}
END_TEST

/* XTHR-06: a task that catches the cancellation and returns: its value is dropped. */
START_TEST(swallowed_cancellation)
{
    static sem_t sem; /* outlives the test: a task may still post it */
    sem_init(&sem, 0, 0);
    weft_future *f = weft_run_coroutine_threadsafe(swallow, &sem, loop);
    while (sem_wait(&sem))
        continue;
    ck_assert_int_eq(weft_cancel(f), 1);
    while (sem_wait(&sem))
        continue;
    ck_assert_int_eq(weft_result(f, NULL), WEFT_ECANCELLED);
    weft_unref(f);
}
END_TEST

static int cancel_self(void *arg, void **result)
{
    (void)arg, (void)result;
    weft_cancel(weft_current_task());
    return weft_sleep(1);
}

/* XTHR-08: a task that is cancelled inside the loop cancels the concurrent future. */
START_TEST(cancelled_inside)
{
    weft_future *f = weft_run_coroutine_threadsafe(cancel_self, NULL, loop);
    ck_assert_int_eq(weft_future_wait(f, WEFT_FOREVER, NULL), WEFT_ECANCELLED);
    ck_assert(weft_cancelled(f));
    weft_unref(f);
}
END_TEST

static _Atomic int dropped;

static void count_drop(void *value)
{
    (void)value;
    dropped++;
}

/* XTHR-14: a closed loop is an error in the caller, and what was passed is released. */
START_TEST(closed_loop)
{
    weft_loop *closed = weft_new_event_loop(NULL);
    weft_task_options options = {.arg_drop = count_drop};
    /* Submitted and never begun: the loop closes first, and what was passed is released. */
    weft_future *f = weft_run_coroutine_threadsafe_with(give, NULL, closed, &options);
    weft_loop_close(closed);
    ck_assert_int_eq(dropped, 1);
    ck_assert_int_eq(weft_future_wait(f, WEFT_FOREVER, NULL), WEFT_ELOOPCLOSED);
    weft_unref(f);
    errno = 0;
    ck_assert_ptr_null(weft_run_coroutine_threadsafe(give, NULL, closed));
    ck_assert_int_eq(errno, -WEFT_ELOOPCLOSED);
    ck_assert_ptr_null(weft_run_coroutine_threadsafe_with(give, NULL, closed, &options));
    ck_assert_int_eq(errno, -WEFT_ELOOPCLOSED);
    ck_assert_int_eq(dropped, 2);
    weft_loop_free(closed);
}
END_TEST

static int ask_name(void *arg, void **result)
{
    snprintf(arg, 32, "%s", weft_task_get_name(weft_current_task()));
    *result = arg;
    return 0;
}

/* A submitted coroutine's task has the name that it was given. */
START_TEST(names)
{
    char name[32] = "";
    weft_task_options options = {.name = "mailman"};
    weft_future *f = weft_run_coroutine_threadsafe_with(ask_name, name, loop, &options);
    ck_assert_int_eq(weft_future_wait(f, WEFT_FOREVER, NULL), 0);
    ck_assert_str_eq(name, "mailman");
    weft_unref(f);
}
END_TEST

static int stop_it(void *arg)
{
    return weft_loop_stop(arg);
}

static int cancel_it(void *arg)
{
    ck_assert_int_eq(weft_cancel(arg), 1);
    return 0;
}

/* A cancellation that is on its way when the task has ended and is gone hits nothing (XTHR-06). */
START_TEST(cancelled_after_the_task_is_gone)
{
    weft_loop *own = weft_new_event_loop(NULL);
    weft_future *f = weft_run_coroutine_threadsafe(give, NULL, own);
    weft_call_soon(own, stop_it, own, NULL);
    ck_assert_int_eq(weft_loop_run_forever(own), 0); /* the task is made */
    weft_call_soon(own, cancel_it, f, NULL);         /* after its first and last step */
    weft_call_later(own, 0.001, stop_it, own, NULL);
    ck_assert_int_eq(weft_loop_run_forever(own), 0);
    ck_assert_int_eq(weft_cancelled(f), 1);
    weft_unref(f);
    weft_loop_free(own);
}
END_TEST

static weft_task *broken_factory(weft_loop *l, weft_coroutine fn, void *arg,
                                 const weft_task_options *options, void *factory_arg)
{
    (void)l, (void)fn, (void)arg, (void)options, (void)factory_arg;
    errno = EPERM;
    return NULL;
}

static int set_broken_factory(void *arg)
{
    weft_loop_set_task_factory(arg, broken_factory, NULL);
    return 0;
}

static int unset_factory(void *arg)
{
    weft_loop_set_task_factory(arg, NULL, NULL);
    return 0;
}

/* XTHR-13: a task that cannot be made fails the future, with a report. */
START_TEST(factory_fails)
{
    weft_call_soon_threadsafe(loop, set_broken_factory, loop, NULL);
    weft_future *f = weft_run_coroutine_threadsafe(give, NULL, loop);
    ck_assert_int_eq(weft_future_wait(f, WEFT_FOREVER, NULL), -EPERM);
    weft_unref(f);
    ck_assert_int_eq(reports_count, 1);
    weft_call_soon_threadsafe(loop, unset_factory, loop, NULL);
    f = weft_run_coroutine_threadsafe(give, NULL, loop);
    ck_assert_int_eq(weft_future_wait(f, WEFT_FOREVER, NULL), 0);
    weft_unref(f);
}
END_TEST

#define THREADS 2000

static _Atomic int ran;

static int count_run(void *arg, void **result)
{
    (void)arg, (void)result;
    ran++;
    return 0;
}

static void *submit_once(void *arg)
{
    weft_future *f = weft_run_coroutine_threadsafe(count_run, NULL, arg);
    ck_assert_ptr_nonnull(f);
    ck_assert_int_eq(weft_future_wait(f, WEFT_FOREVER, NULL), 0);
    weft_unref(f);
    return NULL;
}

/* Thousands of threads that submit at once lose nothing. */
START_TEST(thousands_of_threads)
{
    static pthread_t threads[THREADS];
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, 256 * 1024);
    for (int done = 0; done < THREADS;) {
        int n = 0;
        while (
            done + n < THREADS && n < 500 &&
            !pthread_create(&threads[n], &attr, submit_once, weft_runner_loop_at(&runner, n % 2)))
            n++;
        ck_assert_int_gt(n, 0);
        for (int i = 0; i < n; i++)
            pthread_join(threads[i], NULL);
        done += n;
    }
    pthread_attr_destroy(&attr);
    ck_assert_int_eq(ran, THREADS);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("submit");
    TCase *tcase = tcase_create("submit");

    tcase_add_checked_fixture(tcase, open_runtime, close_runtime);
    tcase_add_test(tcase, result_and_error);
    tcase_add_test(tcase, bad_arguments);
    tcase_add_test(tcase, time_out_and_cancel);
    tcase_add_test(tcase, cancel_works_while_the_task_runs);
    tcase_add_test(tcase, swallowed_cancellation);
    tcase_add_test(tcase, cancelled_inside);
    tcase_add_test(tcase, closed_loop);
    tcase_add_test(tcase, names);
    tcase_add_test(tcase, cancelled_after_the_task_is_gone);
    tcase_add_test(tcase, factory_fails);
    tcase_add_test(tcase, thousands_of_threads);
    suite_add_tcase(suite, tcase);
    return suite_main(suite);
}
