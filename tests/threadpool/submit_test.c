/*
 * submit_test.c - coroutines from foreign threads, and waiting for futures without a loop.
 */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <unistd.h>

#include "tests/support/sim.h"
#include "tests/support/suite.h"

static weft_runner runner;
static weft_loop *loop;

/* A runtime of two loops in the background, as in an existing server. */
static void open_runtime(void)
{
    weft_runner_options options = {.loops = 2};
    ck_assert_int_eq(weft_runner_init(&runner, &options), 0);
    ck_assert_int_eq(weft_runner_start(&runner), 0);
    loop = weft_runner_get_loop(&runner);
    weft_loop_set_exception_handler(loop, report_record, NULL);
}

static void close_runtime(void)
{
    ck_assert_int_eq(weft_runner_close(&runner), 0);
}

static int give(void *arg, void **result)
{
    *result = arg;
    return 0;
}

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

static int swallow(void *arg, void **result)
{
    sem_post(arg);
    ck_assert_int_eq(weft_sleep(WEFT_FOREVER), WEFT_ECANCELLED);
    *result = arg;
    sem_post(arg);
    return 0;
}

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

static char order[8];
static _Atomic int order_count;
static pthread_t order_thread;
static sem_t order_done;

static int note(weft_future *f, void *arg)
{
    (void)f;
    order[order_count++] = *(const char *)arg;
    order_thread = pthread_self();
    sem_post(&order_done);
    return 0;
}

/* XTHR-10, XTHR-11: callbacks run in order in the completing thread; on a done one, at once and
 * here. */
START_TEST(callbacks_of_a_concurrent_future)
{
    static sem_t sem; /* outlives the test: a task may still post it */
    sem_init(&order_done, 0, 0);
    sem_init(&sem, 0, 0);
    weft_future *f = weft_run_coroutine_threadsafe(swallow, &sem, loop);
    while (sem_wait(&sem))
        continue;
    weft_future *g = weft_future_new(NULL);
    ck_assert_int_eq(weft_add_done_callback(g, note, "a"), 0);
    ck_assert_int_eq(weft_add_done_callback(g, note, "b"), 0);
    char removed[] = "x";
    ck_assert_int_eq(weft_add_done_callback(g, note, removed), 0);
    ck_assert_int_eq(weft_add_done_callback(g, note, removed), 0);
    ck_assert_int_eq(weft_remove_done_callback(g, note, removed), 2);
    ck_assert_int_eq(weft_future_set_result(g, NULL), 0);
    ck_assert_int_eq(order_count, 2);
    ck_assert(order[0] == 'a' && order[1] == 'b');
    ck_assert(pthread_equal(order_thread, pthread_self()));
    ck_assert_int_eq(weft_add_done_callback(g, note, "c"), 0);
    ck_assert_int_eq(order_count, 3);
    ck_assert_int_eq(order[2], 'c');
    ck_assert_int_eq(weft_future_set_result(g, NULL), WEFT_EINVALIDSTATE); /* XTHR-17 */
    weft_unref(g);
    weft_cancel(f);
    weft_unref(f);
}
END_TEST

static int fail_note(weft_future *f, void *arg)
{
    note(f, arg);
    return weft_fail(-EIO, "no pen");
}

/* XTHR-12: an error of such a callback is logged, and the others are called. */
START_TEST(failing_callback)
{
    char log[512] = "";
    int fds[2];
    ck_assert_int_eq(pipe(fds), 0);
    sem_init(&order_done, 0, 0);
    weft_future *g = weft_future_new(NULL);
    ck_assert_int_eq(weft_add_done_callback(g, fail_note, "a"), 0);
    ck_assert_int_eq(weft_add_done_callback(g, note, "b"), 0);
    int stderr_kept = dup(STDERR_FILENO);
    ck_assert_int_ge(dup2(fds[1], STDERR_FILENO), 0);
    int rc = weft_future_set_result(g, NULL);
    ck_assert_int_ge(dup2(stderr_kept, STDERR_FILENO), 0);
    ck_assert_int_eq(rc, 0);
    ck_assert_int_eq(order_count, 2);
    ck_assert(order[0] == 'a' && order[1] == 'b');
    ck_assert_int_gt(read(fds[0], log, sizeof(log) - 1), 0);
    ck_assert_ptr_nonnull(strstr(log, "Exception in done callback"));
    ck_assert_ptr_nonnull(strstr(log, "no pen"));
    ck_assert_int_eq(weft_result(g, NULL), 0);
    close(stderr_kept);
    close(fds[0]);
    close(fds[1]);
    weft_unref(g);
}
END_TEST

static int set_true(void *arg, void **result)
{
    (void)result;
    *(bool *)arg = true;
    return 0;
}

static void *complete_later(void *f)
{
    ck_assert_int_eq(weft_future_set_result(f, f), 0);
    return NULL;
}

static int wait_in_the_loop(void *arg, void **result)
{
    bool ran = false;
    void *value = NULL;
    pthread_t thread;
    (void)arg, (void)result;
    weft_future *f = weft_future_new(NULL);
    weft_task *other = weft_create_task(set_true, &ran, NULL);
    ck_assert_int_eq(weft_future_wait(f, 0.001, NULL), WEFT_ETIMEDOUT);
    ck_assert(!ran);
    ck_assert_int_eq(pthread_create(&thread, NULL, complete_later, f), 0);
    ck_assert_int_eq(weft_future_wait(f, WEFT_FOREVER, &value), 0);
    ck_assert_ptr_eq(value, f);
    ck_assert(!ran);
    pthread_join(thread, NULL);
    weft_unref(f);
    ck_assert_int_eq(weft_join(other, NULL), 0);
    ck_assert(ran);
    return 0;
}

/* XTHR-15: waiting for a result in the loop's own thread blocks that loop. */
START_TEST(waiting_in_the_loop_blocks_it)
{
    weft_future *f = weft_run_coroutine_threadsafe(wait_in_the_loop, NULL, loop);
    ck_assert_int_eq(weft_future_wait(f, WEFT_FOREVER, NULL), 0);
    weft_unref(f);
}
END_TEST

static int cancel_later_task(void *arg, void **result)
{
    *result = arg;
    return weft_sleep(0.01);
}

static void *wait_for_it(void *arg)
{
    void *value = NULL;
    ck_assert_int_eq(weft_future_wait(arg, WEFT_FOREVER, &value), 0);
    return value;
}

/* XTHR-16: any number of threads may wait for one future. */
START_TEST(many_waiters)
{
    int mark;
    pthread_t threads[8];
    weft_future *f = weft_run_coroutine_threadsafe(cancel_later_task, &mark, loop);
    for (int i = 0; i < 8; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, wait_for_it, f), 0);
    for (int i = 0; i < 8; i++) {
        void *value;
        pthread_join(threads[i], &value);
        ck_assert_ptr_eq(value, &mark);
    }
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

static int mirror_main(void *arg, void **result)
{
    weft_future *source = arg, *mirror = weft_wrap_future(source);
    ck_assert_ptr_eq(weft_future_get_loop(mirror), weft_get_running_loop());
    weft_future *own = weft_create_future(), *same = weft_wrap_future(own);
    ck_assert_ptr_eq(own, same);
    weft_unref(own);
    weft_unref(same);
    return weft_join(mirror, result);
}

static int mirror_cancel_main(void *arg, void **result)
{
    weft_future *mirror = weft_wrap_future(arg);
    (void)result;
    ck_assert_int_eq(weft_cancel(mirror), 1);
    return weft_join(mirror, NULL) == WEFT_ECANCELLED ? 0 : -1;
}

/* A mirror of the argument ends with a CancelledError: gives whether it was cancelled. */
static int mirror_ends_main(void *arg, void **result)
{
    weft_future *mirror = weft_wrap_future(arg);
    ck_assert_int_eq(weft_await(mirror, NULL), WEFT_ECANCELLED);
    *result = (void *)(intptr_t)weft_cancelled(mirror);
    weft_unref(mirror);
    return 0;
}

/* XTHR-18: the mirror of a cancelled future is cancelled; that of one that failed has failed, be it
 * with CancelledError. */
START_TEST(mirrors_tell_failed_from_cancelled)
{
    for (int cancelled = 0; cancelled < 2; cancelled++) {
        void *value = NULL;
        weft_future *source = weft_future_new(NULL);
        weft_future *f = weft_run_coroutine_threadsafe(mirror_ends_main, source, loop);
        if (cancelled)
            ck_assert_int_eq(weft_cancel(source), 1);
        else
            ck_assert_int_eq(weft_future_set_exception(source, WEFT_ECANCELLED), 0);
        ck_assert_int_eq(weft_future_wait(f, WEFT_FOREVER, &value), 0);
        ck_assert_int_eq((int)(intptr_t)value, cancelled);
        weft_unref(f);
        weft_unref(source);
    }
}
END_TEST

/* XTHR-18, XTHR-19, XTHR-20: the mirror gets the outcome; cancelling it cancels the source. */
START_TEST(mirrors)
{
    int mark;
    void *value = NULL;
    weft_future *source = weft_future_new(NULL);
    weft_future *f = weft_run_coroutine_threadsafe(mirror_main, source, loop);
    ck_assert_int_eq(weft_future_set_result(source, &mark), 0);
    ck_assert_int_eq(weft_future_wait(f, WEFT_FOREVER, &value), 0);
    ck_assert_ptr_eq(value, &mark);
    weft_unref(f);
    weft_unref(source);
    source = weft_future_new(NULL);
    f = weft_run_coroutine_threadsafe(mirror_cancel_main, source, loop);
    ck_assert_int_eq(weft_future_wait(f, WEFT_FOREVER, NULL), 0);
    ck_assert_int_eq(weft_future_wait(source, WEFT_FOREVER, NULL), WEFT_ECANCELLED);
    weft_unref(f);
    weft_unref(source);
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
    tcase_add_test(tcase, callbacks_of_a_concurrent_future);
    tcase_add_test(tcase, failing_callback);
    tcase_add_test(tcase, waiting_in_the_loop_blocks_it);
    tcase_add_test(tcase, many_waiters);
    tcase_add_test(tcase, closed_loop);
    tcase_add_test(tcase, names);
    tcase_add_test(tcase, cancelled_after_the_task_is_gone);
    tcase_add_test(tcase, factory_fails);
    tcase_add_test(tcase, mirrors);
    tcase_add_test(tcase, mirrors_tell_failed_from_cancelled);
    tcase_add_test(tcase, thousands_of_threads);
    suite_add_tcase(suite, tcase);
    return suite_main(suite);
}
