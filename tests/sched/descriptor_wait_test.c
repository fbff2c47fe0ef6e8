/*
 * descriptor_wait_test.c - a loop that sleeps beside descriptors, which of them it takes, and what
 * it does when the system fails it.
 */
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include "tests/sched/descriptors.h"
#include "tests/support/faults.h"
#include "tests/support/suite.h"

/* What is no descriptor, or cannot be polled, is refused and leaves no trace (FDIO-07). */
START_TEST(what_cannot_be_watched_is_refused)
{
    int closed = dup(ends[0]), file = open("/proc/self/exe", O_RDONLY);
    close(closed);
    ck_assert_int_ge(file, 0);
    ck_assert_int_eq(weft_loop_add_reader(loop, -1, note, ""), -EINVAL);
    ck_assert_int_eq(weft_loop_add_writer(loop, INT_MIN, note, ""), -EINVAL);
    ck_assert_int_eq(weft_loop_add_reader(loop, INT_MAX, note, ""), -EBADF);
    ck_assert_int_eq(weft_loop_add_reader(loop, 1000000, note, ""), -EBADF);
    ck_assert_int_eq(weft_loop_add_reader(loop, closed, note, ""), -EBADF);
    ck_assert_int_eq(weft_loop_add_reader(loop, file, note, ""), -EPERM);
    ck_assert_int_eq(weft_loop_add_reader(loop, ends[0], NULL, ""), -EINVAL);
    ck_assert_int_eq(weft_loop_add_reader(NULL, ends[0], note, ""), -EINVAL);
    ck_assert_int_eq(weft_loop_remove_reader(loop, file), 0);
    ck_assert_int_eq(weft_loop_remove_reader(loop, closed), 0);
    run_once(loop);
    ck_assert_trace("");
    close(file);
}
END_TEST

/* On a closed loop there is nothing to add or remove (FDIO-09). */
START_TEST(a_closed_loop_watches_nothing)
{
    weft_loop_add_reader(loop, ends[0], note, "r");
    weft_loop_close(loop);
    ck_assert_int_eq(weft_loop_remove_reader(loop, ends[0]), 0);
    ck_assert_int_eq(weft_loop_remove_writer(loop, ends[0]), 0);
    ck_assert_int_eq(weft_loop_add_reader(loop, ends[0], note, "r"), WEFT_ELOOPCLOSED);
    ck_assert_int_eq(weft_loop_add_writer(loop, ends[1], note, "w"), WEFT_ELOOPCLOSED);
}
END_TEST

static weft_loop *real;

static void *write_when_asleep(void *arg)
{
    (void)arg;
    wait_until_parked(real);
    put(ends[1]);
    return NULL;
}

static void *call_when_asleep(void *arg)
{
    (void)arg;
    wait_until_parked(real);
    ck_assert_int_eq(weft_call_soon_threadsafe(real, stop, real, NULL), 0);
    return NULL;
}

/* A loop that sleeps with a descriptor to watch is woken by the descriptor and by other threads
 * alike, with timers or without (LIFE-23, SOON-08). */
START_TEST(a_sleeping_loop_is_woken)
{
    for (int i = 0; i < 4; i++) {
        pthread_t thread;
        real = weft_new_event_loop(NULL);
        if (i & 1)
            weft_call_later(real, 100000, note, "late", NULL);
        weft_loop_add_reader(real, ends[0], stop, real);
        ck_assert_int_eq(
            pthread_create(&thread, NULL, i & 2 ? write_when_asleep : call_when_asleep, NULL), 0);
        ck_assert_int_eq(weft_loop_run_forever(real), 0);
        pthread_join(thread, NULL);
        weft_loop_free(real);
        drain(ends[0]);
    }
    ck_assert_trace("");
}
END_TEST

/* A timer ends the sleep of a loop that watches descriptors. */
START_TEST(a_timer_ends_the_sleep)
{
    real = weft_new_event_loop(NULL);
    double start = weft_loop_time(real);
    weft_loop_add_reader(real, ends[0], note, "r");
    weft_call_later(real, 0.002, stop, real, NULL);
    ck_assert_int_eq(weft_loop_run_forever(real), 0);
    ck_assert_double_ge(weft_loop_time(real), start + 0.002);
    ck_assert_trace("");
    weft_loop_free(real);
}
END_TEST

enum { CALLS = 2000 };
static int calls_seen;

static int see_call(void *arg)
{
    (void)arg;
    return ++calls_seen == CALLS ? weft_loop_stop(real) : 0;
}

static void *call_often(void *arg)
{
    for (int i = 0; i < CALLS; i++) {
        ck_assert_int_eq(weft_call_soon_threadsafe(real, see_call, NULL, NULL), 0);
        if (i % 16 == 0)
            sched_yield();
    }
    return arg;
}

/* No wake-up is lost between a loop that falls asleep in its poller and threads that call
 * (SOON-08, LIFE-27). */
START_TEST(no_call_is_lost)
{
    pthread_t thread;
    real = weft_new_event_loop(NULL);
    weft_loop_add_reader(real, ends[0], note, "r");
    ck_assert_int_eq(pthread_create(&thread, NULL, call_often, NULL), 0);
    ck_assert_int_eq(weft_loop_run_forever(real), 0);
    pthread_join(thread, NULL);
    ck_assert_int_eq(calls_seen, CALLS);
    weft_loop_free(real);
}
END_TEST

static int take_and_stop(void *arg)
{
    (void)arg;
    take(ends[0]);
    return weft_loop_stop(loop);
}

/* Watches a descriptor, waits for it on the real clock, and closes. */
static void watch_and_wait(void)
{
    ck_assert_int_eq(pipe2(ends, O_NONBLOCK), 0);
    loop = weft_new_event_loop(NULL);
    if (loop) {
        weft_loop_set_exception_handler(loop, report_record, NULL);
        int rc = weft_loop_add_reader(loop, ends[0], take_and_stop, NULL);
        ck_assert(rc == 0 || rc == -ENOMEM || rc == -EMFILE);
        if (rc)
            rc = weft_loop_add_reader(loop, ends[0], take_and_stop, NULL);
        ck_assert_int_eq(rc, 0);
        put(ends[1]);
        ck_assert_int_eq(weft_loop_run_forever(loop), 0);
        ck_assert_int_eq(weft_loop_remove_reader(loop, ends[0]), 1);
        ck_assert_int_eq(weft_loop_free(loop), 0);
    }
    close(ends[0]);
    close(ends[1]);
}

/* When the system refuses memory or descriptors, adding says so, and works when it is tried again;
 * a poll that fails is reported and made again. */
START_TEST(watching_with_faults)
{
    ck_assert_uint_ge(run_with_each_fault(FAULT_ALLOC, ENOMEM, watch_and_wait), 3);
    ck_assert_uint_eq(run_with_each_fault(FAULT_EVENTFD, EMFILE, watch_and_wait), 1);
    ck_assert_uint_eq(run_with_each_fault(FAULT_EPOLL_CREATE, EMFILE, watch_and_wait), 1);
    ck_assert_uint_ge(run_with_each_fault(FAULT_EPOLL_CTL, ENOMEM, watch_and_wait), 2);
    ck_assert_uint_ge(run_with_each_fault(FAULT_EPOLL_WAIT, EINTR, watch_and_wait), 1);
    ck_assert_uint_ge(run_with_each_fault(FAULT_EPOLL_WAIT, EBADF, watch_and_wait), 1);
}
END_TEST

/* Sleeps in the poller, and is woken by a thread. */
static void sleep_and_wake(void)
{
    pthread_t thread;
    ck_assert_int_eq(pipe2(ends, O_NONBLOCK), 0);
    real = weft_new_event_loop(NULL);
    ck_assert_int_eq(weft_loop_add_reader(real, ends[0], note, "r"), 0);
    ck_assert_int_eq(pthread_create(&thread, NULL, call_when_asleep, NULL), 0);
    ck_assert_int_eq(weft_loop_run_forever(real), 0);
    pthread_join(thread, NULL);
    ck_assert_int_eq(weft_loop_free(real), 0);
    close(ends[0]);
    close(ends[1]);
}

/* Interrupted calls are made again: a wake-up comes through, and nothing is left behind. */
START_TEST(waking_with_faults)
{
    ck_assert_uint_eq(run_with_each_fault(FAULT_WRITE, EINTR, sleep_and_wake), 1);
    ck_assert_uint_ge(run_with_each_fault(FAULT_READ, EINTR, sleep_and_wake), 1);
    run_with_fault(FAULT_EPOLL_WAIT, 1, EINTR, false, sleep_and_wake);
    /* On a futex the word itself says whether to sleep: a wait that fails is a look. */
    run_with_fault(FAULT_FUTEX, 1, EINTR, true, sleep_and_wake);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        what_cannot_be_watched_is_refused,
        a_closed_loop_watches_nothing,
        a_sleeping_loop_is_woken,
        a_timer_ends_the_sleep,
        no_call_is_lost,
    };
    Suite *suite = suite_create("descriptor_wait");
    TCase *tcase = tcase_create("waiting");
    tcase_add_checked_fixture(tcase, open_all, close_all);
    for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
        tcase_add_test(tcase, tests[i]);
    suite_add_tcase(suite, tcase);

    TCase *faults = tcase_create("faults");
    tcase_add_test(faults, watching_with_faults);
    tcase_add_test(faults, waking_with_faults);
    suite_add_tcase(suite, faults);
    return suite_main(suite);
}
