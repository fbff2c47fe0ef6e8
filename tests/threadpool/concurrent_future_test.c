/*
 * concurrent_future_test.c - futures of no loop: their callbacks, those who wait for them, and
 * their mirrors.
 */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <unistd.h>

#include "tests/support/suite.h"
#include "tests/threadpool/background.h"

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

int main(void)
{
    Suite *suite = suite_create("concurrent_future");
    TCase *tcase = tcase_create("concurrent future");

    tcase_add_checked_fixture(tcase, open_runtime, close_runtime);
    tcase_add_test(tcase, callbacks_of_a_concurrent_future);
    tcase_add_test(tcase, failing_callback);
    tcase_add_test(tcase, waiting_in_the_loop_blocks_it);
    tcase_add_test(tcase, many_waiters);
    tcase_add_test(tcase, mirrors_tell_failed_from_cancelled);
    tcase_add_test(tcase, mirrors);
    suite_add_tcase(suite, tcase);
    return suite_main(suite);
}
