/*
 * descriptor_test.c - add_reader and add_writer: callbacks of descriptors, on pipes and
 * socketpairs.
 */
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/sched/callbacks.h"
#include "tests/support/faults.h"
#include "tests/support/suite.h"

static weft_loop *loop;
static int ends[2]; /* a pipe: read here, written there */
static int pair[2]; /* a connected pair of sockets */

static void open_all(void)
{
    loop = virtual_loop();
    ck_assert_int_eq(pipe2(ends, O_NONBLOCK), 0);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
}

static void close_all(void)
{
    ck_assert_int_eq(weft_loop_free(loop), 0);
    for (int i = 0; i < 2; i++) {
        close(ends[i]);
        close(pair[i]);
    }
}

static void put(int fd)
{
    ck_assert_int_eq(write(fd, "x", 1), 1);
}

static void take(int fd)
{
    char byte;
    ck_assert_int_eq(read(fd, &byte, 1), 1);
}

/* Fills a pipe or a socket until it takes no more. */
static void fill(int fd)
{
    static const char bytes[4096];
    while (write(fd, bytes, sizeof(bytes)) > 0)
        continue;
    while (write(fd, bytes, 1) > 0)
        continue;
}

static void drain(int fd)
{
    char bytes[4096];
    while (read(fd, bytes, sizeof(bytes)) > 0)
        continue;
}

/* ---- ready again and again ---- */

/* A reader is called in every iteration in which its descriptor is readable, until it is removed
 * (FDIO-01). */
START_TEST(a_reader_is_called_while_readable)
{
    for (int i = 0; i < 2; i++) {
        int from = i ? pair[0] : ends[0], to = i ? pair[1] : ends[1];
        ck_assert_int_eq(weft_loop_add_reader(loop, from, note, "r"), 0);
        run_once(loop);
        ck_assert_trace("");
        put(to);
        run_once(loop);
        run_once(loop);
        ck_assert_trace("r r");
        take(from);
        run_once(loop);
        ck_assert_trace("");
        put(to);
        run_once(loop);
        ck_assert_trace("r");
        ck_assert_int_eq(weft_loop_remove_reader(loop, from), 1);
        run_once(loop);
        ck_assert_trace("");
    }
}
END_TEST

/* So is a writer while there is room (FDIO-02). */
START_TEST(a_writer_is_called_while_writable)
{
    for (int i = 0; i < 2; i++) {
        int from = i ? pair[0] : ends[0], to = i ? pair[1] : ends[1];
        ck_assert_int_eq(weft_loop_add_writer(loop, to, note, "w"), 0);
        run_once(loop);
        run_once(loop);
        ck_assert_trace("w w");
        fill(to);
        run_once(loop);
        ck_assert_trace("");
        drain(from);
        run_once(loop);
        ck_assert_trace("w");
        ck_assert_int_eq(weft_loop_remove_writer(loop, to), 1);
        run_once(loop);
        ck_assert_trace("");
    }
}
END_TEST

/* A descriptor has a reader and a writer, each removed without the other; removing says whether
 * there was one (FDIO-03, FDIO-06). */
START_TEST(reader_and_writer_are_independent)
{
    put(pair[1]);
    weft_loop_add_reader(loop, pair[0], note, "r");
    weft_loop_add_writer(loop, pair[0], note, "w");
    run_once(loop);
    ck_assert_trace("r w");
    ck_assert_int_eq(weft_loop_remove_writer(loop, pair[0]), 1);
    ck_assert_int_eq(weft_loop_remove_writer(loop, pair[0]), 0);
    run_once(loop);
    ck_assert_trace("r");
    weft_loop_add_writer(loop, pair[0], note, "w");
    ck_assert_int_eq(weft_loop_remove_reader(loop, pair[0]), 1);
    ck_assert_int_eq(weft_loop_remove_reader(loop, pair[0]), 0);
    run_once(loop);
    ck_assert_trace("w");
    ck_assert_int_eq(weft_loop_remove_writer(loop, pair[0]), 1);

    ck_assert_int_eq(weft_loop_remove_reader(loop, ends[0]), 0);
    ck_assert_int_eq(weft_loop_remove_writer(loop, ends[1]), 0);
    ck_assert_int_eq(weft_loop_remove_reader(loop, -1), 0);
    ck_assert_int_eq(weft_loop_remove_reader(loop, INT_MAX), 0);
    ck_assert_int_eq(weft_loop_remove_writer(NULL, pair[0]), 0);
}
END_TEST

/* A second reader, or writer, takes the first one's place (FDIO-04). */
START_TEST(a_second_one_replaces_the_first)
{
    put(pair[1]);
    weft_loop_add_reader(loop, pair[0], note, "r1");
    weft_loop_add_writer(loop, pair[0], note, "w1");
    ck_assert_int_eq(weft_loop_add_reader(loop, pair[0], note, "r2"), 0);
    ck_assert_int_eq(weft_loop_add_writer(loop, pair[0], note, "w2"), 0);
    run_once(loop);
    ck_assert_trace("r2 w2");
    ck_assert_int_eq(weft_loop_remove_reader(loop, pair[0]), 1);
    ck_assert_int_eq(weft_loop_remove_writer(loop, pair[0]), 1);
    run_once(loop);
    ck_assert_trace("");
}
END_TEST

static int remove_both(void *arg)
{
    trace("%s", (const char *)arg);
    weft_loop_remove_reader(loop, ends[0]);
    weft_loop_remove_reader(loop, pair[0]);
    weft_loop_remove_writer(loop, pair[0]);
    return 0;
}

static int replace(void *arg)
{
    trace("%s", (const char *)arg);
    return weft_loop_add_reader(loop, ends[0], note, "new");
}

/* A callback that was removed, or replaced, by an earlier one of the same iteration does not run
 * (FDIO-04, FDIO-05). */
START_TEST(one_removed_in_the_same_iteration_does_not_run)
{
    put(ends[1]);
    put(pair[1]);
    weft_loop_add_reader(loop, ends[0], remove_both, "first");
    weft_loop_add_reader(loop, pair[0], remove_both, "first");
    weft_loop_add_writer(loop, pair[0], remove_both, "first");
    run_once(loop);
    ck_assert_trace("first");
    run_once(loop);
    ck_assert_trace("");

    weft_loop_add_reader(loop, ends[0], note, "old");
    weft_call_soon(loop, replace, "replace", NULL);
    run_once(loop);
    ck_assert_trace("replace");
    run_once(loop);
    ck_assert_trace("new");
}
END_TEST

static int remove_self(void *arg)
{
    trace("%s", (const char *)arg);
    ck_assert_int_eq(weft_loop_remove_reader(loop, ends[0]), 1);
    return 0;
}

static int take_over(void *arg)
{
    trace("%s", (const char *)arg);
    ck_assert_int_eq(weft_loop_remove_reader(loop, ends[0]), 1);
    return weft_loop_add_reader(loop, ends[0], remove_self, "again");
}

/* A callback can remove itself, and put itself or another back (FDIO-01, FDIO-04). */
START_TEST(a_callback_removes_itself)
{
    put(ends[1]);
    weft_loop_add_reader(loop, ends[0], take_over, "once");
    run_once(loop);
    run_once(loop);
    run_once(loop);
    ck_assert_trace("once again");
}
END_TEST

static int fail_once(void *arg)
{
    trace("%s", (const char *)arg);
    return weft_fail(-EIO, "reader");
}

/* An error of such a callback is reported, and it stays (SOON-07, FDIO-01). */
START_TEST(an_error_does_not_remove)
{
    put(ends[1]);
    weft_loop_add_reader(loop, ends[0], fail_once, "r");
    run_once(loop);
    run_once(loop);
    ck_assert_trace("r r");
    ck_assert_int_eq(reports_count, 2);
    ck_assert_str_eq(reports_error, "reader");
}
END_TEST

/* ---- which descriptors ---- */

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

/* The other side's end, and errors, count as readable and as writable (FDIO-10). */
START_TEST(hang_up_counts_as_ready)
{
    /* The write end is gone: end of file. */
    weft_loop_add_reader(loop, ends[0], note, "end");
    close(ends[1]);
    run_once(loop);
    ck_assert_trace("end");
    weft_loop_remove_reader(loop, ends[0]);

    /* The peer is gone, with the socket full: reading and writing both have something to say. */
    fill(pair[0]);
    weft_loop_add_reader(loop, pair[0], note, "r");
    weft_loop_add_writer(loop, pair[0], note, "w");
    run_once(loop);
    ck_assert_trace("");
    close(pair[1]);
    run_once(loop);
    ck_assert_trace("r w");
    weft_loop_remove_reader(loop, pair[0]);
    weft_loop_remove_writer(loop, pair[0]);

    /* The read end of a full pipe is gone: an error. */
    ck_assert_int_eq(pipe2(ends + 0, O_NONBLOCK), 0);
    fill(ends[1]);
    weft_loop_add_writer(loop, ends[1], note, "broken");
    run_once(loop);
    ck_assert_trace("");
    close(ends[0]);
    run_once(loop);
    ck_assert_trace("broken");
    ends[0] = pair[1] = -1;
}
END_TEST

/* A descriptor that was closed while it was watched can be removed, and its number be another's. */
START_TEST(a_number_can_be_used_again)
{
    int number = dup(ends[0]);
    weft_loop_add_reader(loop, number, note, "old");
    close(number);
    ck_assert_int_eq(dup2(pair[0], number), number);
    put(pair[1]);
    run_once(loop);
    ck_assert_trace("");
    ck_assert_int_eq(weft_loop_add_reader(loop, number, note, "new"), 0);
    run_once(loop);
    ck_assert_trace("new");
    ck_assert_int_eq(weft_loop_remove_reader(loop, number), 1);

    weft_loop_add_reader(loop, number, note, "last");
    close(number);
    ck_assert_int_eq(weft_loop_remove_reader(loop, number), 1);
    ck_assert_int_eq(weft_loop_remove_reader(loop, number), 0);
    run_once(loop);
    ck_assert_trace("");
}
END_TEST

static int counts[700];

static int count(void *arg)
{
    (*(int *)arg)++;
    return 0;
}

/* However many are ready, each is called in each iteration (FDIO-01). */
START_TEST(all_that_are_ready_are_called)
{
    enum { MANY = sizeof(counts) / sizeof(counts[0]) };
    static int fds[MANY];
    struct rlimit limit;
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = limit.rlim_max < 1024 ? limit.rlim_max : 1024;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    put(ends[1]);
    for (int i = 0; i < MANY; i++) {
        fds[i] = dup(ends[0]);
        ck_assert_int_ge(fds[i], 0);
        ck_assert_int_eq(weft_loop_add_reader(loop, fds[i], count, &counts[i]), 0);
    }
    for (int turn = 1; turn <= 3; turn++) {
        run_once(loop);
        for (int i = 0; i < MANY; i++)
            ck_assert_int_eq(counts[i], turn);
    }
    for (int i = 0; i < MANY; i++) {
        ck_assert_int_eq(weft_loop_remove_reader(loop, fds[i]), 1);
        close(fds[i]);
    }
}
END_TEST

/* ---- waiting ---- */

static weft_loop *real;

static bool is_parked(void)
{
    weft_loop_stats stats;
    ck_assert_int_eq(weft_loop_get_stats(real, &stats), 0);
    return stats.parks > 0;
}

static void *write_when_asleep(void *arg)
{
    (void)arg;
    while (!is_parked())
        sched_yield();
    put(ends[1]);
    return NULL;
}

static void *call_when_asleep(void *arg)
{
    (void)arg;
    while (!is_parked())
        sched_yield();
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

/* ---- resources ---- */

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
    ck_assert_uint_ge(run_with_each_fault(FAULT_EPOLL_CTL, ENOMEM, watch_and_wait), 3);
    ck_assert_uint_ge(run_with_each_fault(FAULT_EPOLL_WAIT, EINTR, watch_and_wait), 1);
    ck_assert_uint_ge(run_with_each_fault(FAULT_EPOLL_WAIT, EBADF, watch_and_wait), 1);
}
END_TEST

static int expect_stop(void *arg)
{
    return weft_loop_stop(arg);
}

static void *call_to_stop(void *arg)
{
    (void)arg;
    while (!is_parked())
        sched_yield();
    ck_assert_int_eq(weft_call_soon_threadsafe(real, expect_stop, real, NULL), 0);
    return NULL;
}

/* Sleeps in the poller, and is woken by a thread. */
static void sleep_and_wake(void)
{
    pthread_t thread;
    ck_assert_int_eq(pipe2(ends, O_NONBLOCK), 0);
    real = weft_new_event_loop(NULL);
    ck_assert_int_eq(weft_loop_add_reader(real, ends[0], note, "r"), 0);
    ck_assert_int_eq(pthread_create(&thread, NULL, call_to_stop, NULL), 0);
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

static Suite *descriptor_suite(void)
{
    const TTest *const tests[] = {
        a_reader_is_called_while_readable,
        a_writer_is_called_while_writable,
        reader_and_writer_are_independent,
        a_second_one_replaces_the_first,
        one_removed_in_the_same_iteration_does_not_run,
        a_callback_removes_itself,
        an_error_does_not_remove,
        what_cannot_be_watched_is_refused,
        a_closed_loop_watches_nothing,
        hang_up_counts_as_ready,
        a_number_can_be_used_again,
        all_that_are_ready_are_called,
        a_sleeping_loop_is_woken,
        a_timer_ends_the_sleep,
        no_call_is_lost,
    };
    Suite *suite = suite_create("descriptor");
    TCase *descriptors = tcase_create("descriptors"), *faults = tcase_create("faults");
    tcase_add_checked_fixture(descriptors, open_all, close_all);
    for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
        tcase_add_test(descriptors, tests[i]);
    suite_add_tcase(suite, descriptors);
    tcase_add_test(faults, watching_with_faults);
    tcase_add_test(faults, waking_with_faults);
    suite_add_tcase(suite, faults);
    return suite;
}

int main(void)
{
    return suite_main(descriptor_suite());
}
