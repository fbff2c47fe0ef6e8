/*
 * poller_test.c - the poller: who is told when a descriptor is ready, and how a sleeper is woken.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/io/poller.h"
#include "tests/support/faults.h"
#include "tests/support/suite.h"

static struct poller poller;
static int ends[2]; /* a pipe */
static int pair[2]; /* two sockets */

static void open_all(void)
{
    wf_poller_init(&poller, POLLER_DEFAULT);
    ck_assert_int_eq(pipe2(ends, O_NONBLOCK), 0);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
}

static void close_all(void)
{
    wf_poller_close(&poller);
    for (int i = 0; i < 2; i++) {
        close(ends[i]);
        close(pair[i]);
    }
}

/* Watchers are characters; those that are told are collected as text. */
static char told[64];

static void tell(void *watcher, void *arg)
{
    size_t used = strlen(told);
    ck_assert_ptr_eq(arg, told);
    ck_assert_uint_lt(used + 1, sizeof(told));
    told[used] = *(const char *)watcher;
    told[used + 1] = '\0';
}

static const char *poll_once(int64_t timeout_ns)
{
    told[0] = '\0';
    struct poller_news news = {.found = tell, .arg = told};
    ck_assert_int_eq(wf_poller_wait(&poller, timeout_ns, &news), 0);
    return told;
}

static void watch(int fd, enum poller_side side, char *watcher)
{
    void *old = NULL;
    ck_assert_int_eq(wf_poller_watch(&poller, fd, side, watcher, &old), 0);
    ck_assert_ptr_null(old);
}

/* Nothing is opened before the first descriptor is watched, and closing closes all. */
START_TEST(opens_when_it_is_needed)
{
    int before = count_descriptors();
    ck_assert(!poller_is_open(&poller));
    wf_poller_close(&poller);
    ck_assert_int_eq(count_descriptors(), before);
    watch(ends[0], POLLER_READ, "r");
    ck_assert(poller_is_open(&poller));
    ck_assert_int_eq(count_descriptors(), before + 2);
    ck_assert_ptr_nonnull(wf_poller_unwatch(&poller, ends[0], POLLER_READ));
    wf_poller_close(&poller);
    ck_assert(!poller_is_open(&poller));
    ck_assert_int_eq(count_descriptors(), before);
    watch(ends[0], POLLER_READ, "r"); /* and can be opened again */
    ck_assert_uint_eq(poller.watched, 1);
}
END_TEST

/* Each side has a watcher of its own, told in every poll while it is ready. */
START_TEST(sides_are_independent)
{
    watch(pair[0], POLLER_READ, "r");
    ck_assert_str_eq(poll_once(0), "");
    ck_assert_int_eq(write(pair[1], "x", 1), 1);
    ck_assert_str_eq(poll_once(0), "r");
    ck_assert_str_eq(poll_once(-1), "r");
    watch(pair[0], POLLER_WRITE, "w");
    ck_assert_uint_eq(poller.watched, 2);
    ck_assert_str_eq(poll_once(0), "rw");
    ck_assert_str_eq(wf_poller_unwatch(&poller, pair[0], POLLER_READ), "r");
    ck_assert_ptr_null(wf_poller_unwatch(&poller, pair[0], POLLER_READ));
    ck_assert_str_eq(poll_once(0), "w");
    ck_assert_str_eq(wf_poller_unwatch(&poller, pair[0], POLLER_WRITE), "w");
    ck_assert_str_eq(poll_once(0), "");
    ck_assert_uint_eq(poller.watched, 0);
}
END_TEST

/* A second watcher takes the place of the first, which is handed back. */
START_TEST(a_watcher_is_replaced)
{
    void *old = NULL;
    char first[] = "1", second[] = "2";
    ck_assert_int_eq(write(ends[1], "x", 1), 1);
    watch(ends[0], POLLER_READ, first);
    ck_assert_int_eq(wf_poller_watch(&poller, ends[0], POLLER_READ, second, &old), 0);
    ck_assert_ptr_eq(old, first);
    ck_assert_uint_eq(poller.watched, 1);
    ck_assert_str_eq(poll_once(0), "2");
}
END_TEST

/* Hang-up tells both sides (FDIO-10). */
START_TEST(hang_up_tells_both)
{
    watch(pair[0], POLLER_READ, "r");
    watch(pair[0], POLLER_WRITE, "w");
    close(pair[1]);
    pair[1] = -1;
    ck_assert_str_eq(poll_once(-1), "rw");
}
END_TEST

/* What is no descriptor is refused before anything is opened or grown; what cannot be polled, with
 * nothing changed (FDIO-07). */
START_TEST(refuses_what_is_no_descriptor)
{
    void *old = told;
    int before = count_descriptors();
    ck_assert_int_eq(wf_poller_watch(&poller, -1, POLLER_READ, "", &old), -EINVAL);
    ck_assert_int_eq(wf_poller_watch(&poller, 1 << 30, POLLER_READ, "", &old), -EBADF);
    ck_assert_int_eq(count_descriptors(), before);
    ck_assert_uint_eq(poller.entries_count, 0);

    int file = open("/proc/self/exe", O_RDONLY);
    ck_assert_int_eq(wf_poller_watch(&poller, file, POLLER_READ, "", &old), -EPERM);
    ck_assert_ptr_eq(old, told);
    ck_assert_uint_eq(poller.watched, 0);
    ck_assert_ptr_null(wf_poller_unwatch(&poller, file, POLLER_READ));
    close(file);
}
END_TEST

/* A watched descriptor that was closed is forgotten by unwatch, and its number watched anew. */
START_TEST(a_number_is_used_again)
{
    void *old = NULL;
    int number = ends[0];
    watch(number, POLLER_READ, "1");
    ck_assert_int_eq(dup2(pair[0], number), number); /* closes the pipe's only read end */
    ck_assert_int_eq(wf_poller_watch(&poller, number, POLLER_READ, "2", &old), 0);
    ck_assert_str_eq(old, "1");
    ck_assert_int_eq(write(pair[1], "x", 1), 1);
    ck_assert_str_eq(poll_once(-1), "2");
    close(number);
    ends[0] = -1;
    ck_assert_str_eq(wf_poller_unwatch(&poller, number, POLLER_READ), "2");
    ck_assert_uint_eq(poller.watched, 0);
}
END_TEST

/* Clearing hands every watcher back, and nobody is told afterwards. */
START_TEST(clear_forgets_all)
{
    watch(ends[0], POLLER_READ, "r");
    watch(pair[0], POLLER_READ, "R");
    watch(pair[0], POLLER_WRITE, "W");
    told[0] = '\0';
    wf_poller_clear(&poller, tell, told);
    ck_assert_uint_eq(strlen(told), 3);
    ck_assert_ptr_nonnull(strchr(told, 'r'));
    ck_assert_ptr_nonnull(strchr(told, 'R'));
    ck_assert_ptr_nonnull(strchr(told, 'W'));
    ck_assert_uint_eq(poller.watched, 0);
    ck_assert_str_eq(poll_once(0), "");
}
END_TEST

static int times[300];

static void count(void *watcher, void *arg)
{
    (void)arg;
    (*(int *)watcher)++;
}

/* One wait finds all that are ready, more than fit in a batch too (FDIO-01). */
START_TEST(finds_all_that_are_ready)
{
    enum { MANY = sizeof(times) / sizeof(times[0]) };
    static int fds[MANY];
    void *old;
    ck_assert_int_eq(write(ends[1], "x", 1), 1);
    for (int i = 0; i < MANY; i++) {
        fds[i] = dup(ends[0]);
        ck_assert_int_ge(fds[i], 0);
        ck_assert_int_eq(wf_poller_watch(&poller, fds[i], POLLER_READ, &times[i], &old), 0);
    }
    struct poller_news news = {.found = count};
    ck_assert_int_eq(wf_poller_wait(&poller, -1, &news), 0);
    for (int i = 0; i < MANY; i++) {
        ck_assert_int_ge(times[i], 1);
        ck_assert_ptr_nonnull(wf_poller_unwatch(&poller, fds[i], POLLER_READ));
        close(fds[i]);
    }
}
END_TEST

/* The table grows with the numbers, and keeps what it has. */
START_TEST(grows_with_the_numbers)
{
    watch(ends[0], POLLER_READ, "a");
    int high = fcntl(pair[0], F_DUPFD, 500);
    ck_assert_int_ge(high, 500);
    watch(high, POLLER_READ, "b");
    ck_assert_int_eq(write(ends[1], "x", 1), 1);
    ck_assert_int_eq(write(pair[1], "x", 1), 1);
    poll_once(-1);
    ck_assert_ptr_nonnull(strchr(told, 'a'));
    ck_assert_ptr_nonnull(strchr(told, 'b'));
    ck_assert_str_eq(wf_poller_unwatch(&poller, high, POLLER_READ), "b");
    close(high);
}
END_TEST

/* ---- waking ---- */

/* A wake-up ends the next wait, or the present one, and is used up by it. */
START_TEST(a_wake_up_ends_a_wait)
{
    watch(ends[0], POLLER_READ, "r");
    poller.tokens_due++;
    wf_poller_wake(&poller);
    ck_assert_str_eq(poll_once(-1), "");
    ck_assert(poller.tokens_due == 0);
    ck_assert_str_eq(poll_once(0), "");
}
END_TEST

/* A full counter wakes as well, and keeps nobody who wakes (LIFE-27). */
START_TEST(a_full_counter_wakes_as_well)
{
    uint64_t almost_all = UINT64_MAX - 1;
    watch(ends[0], POLLER_READ, "r");
    ck_assert_int_eq(write(poller.event_fd, &almost_all, sizeof(almost_all)), sizeof(almost_all));
    wf_poller_wake(&poller);
    ck_assert_str_eq(poll_once(-1), "");
    poller.tokens_due = 0; /* those were not promised */
}
END_TEST

static void *wake_late(void *arg)
{
    atomic_bool *go = arg;
    while (!atomic_load(go))
        sched_yield();
    wf_poller_wake(&poller);
    return NULL;
}

/* Closing waits for wakers that are on their way to the eventfd: they find it, not another file of
 * its number. */
START_TEST(close_waits_for_wakers)
{
    pthread_t thread;
    atomic_bool go = false;
    watch(ends[0], POLLER_READ, "r");
    poller.tokens_due++;
    ck_assert_int_eq(pthread_create(&thread, NULL, wake_late, &go), 0);
    atomic_store(&go, true);
    wf_poller_close(&poller);
    pthread_join(thread, NULL);
}
END_TEST

/* A wait is over when its time is. */
START_TEST(a_wait_has_an_end)
{
    watch(ends[0], POLLER_READ, "r");
    ck_assert_str_eq(poll_once(1), "");
    ck_assert_str_eq(poll_once(1000000), "");
}
END_TEST

/* ---- faults ---- */

static void life(void)
{
    void *old = NULL;
    int high;

    open_all();
    high = fcntl(ends[0], F_DUPFD, 100);
    for (int i = 0; i < 2; i++) {
        int fd = i ? high : ends[0];
        int rc = wf_poller_watch(&poller, fd, POLLER_READ, "r", &old);
        if (rc) {
            ck_assert(rc == -ENOMEM || rc == -EMFILE);
            ck_assert_uint_eq(poller.watched, (unsigned)i);
            ck_assert_int_eq(wf_poller_watch(&poller, fd, POLLER_READ, "r", &old), 0);
        }
    }
    ck_assert_int_eq(write(ends[1], "x", 1), 1);
    told[0] = '\0';
    struct poller_news news = {.found = tell, .arg = told};
    int rc = wf_poller_wait(&poller, -1, &news);
    if (rc)
        ck_assert_int_eq(rc, -EBADF);
    if (rc || !told[0]) /* refused, or interrupted */
        poll_once(-1);
    ck_assert_str_eq(told, "rr");
    poller.tokens_due++;
    wf_poller_wake(&poller);
    wf_poller_clear(&poller, tell, told);
    close_all();
    close(high);
}

/* Whatever the system refuses is said, leaves nothing half done, and works the next time; an
 * interrupted wait is no failure, an interrupted wake-up is made again. */
START_TEST(life_with_faults)
{
    ck_assert_uint_ge(run_with_each_fault(FAULT_ALLOC, ENOMEM, life), 2);
    ck_assert_uint_eq(run_with_each_fault(FAULT_EVENTFD, EMFILE, life), 1);
    ck_assert_uint_eq(run_with_each_fault(FAULT_EPOLL_CREATE, EMFILE, life), 1);
    ck_assert_uint_ge(run_with_each_fault(FAULT_EPOLL_CTL, ENOMEM, life), 3);
    ck_assert_uint_ge(run_with_each_fault(FAULT_EPOLL_WAIT, EINTR, life), 1);
    ck_assert_uint_ge(run_with_each_fault(FAULT_EPOLL_WAIT, EBADF, life), 1);
    ck_assert_uint_eq(run_with_each_fault(FAULT_WRITE, EINTR, life), 1);
    ck_assert_uint_ge(run_with_each_fault(FAULT_READ, EINTR, life), 1);
}
END_TEST

static Suite *poller_suite(void)
{
    const TTest *const tests[] = {
        opens_when_it_is_needed, sides_are_independent,         a_watcher_is_replaced,
        hang_up_tells_both,      refuses_what_is_no_descriptor, a_number_is_used_again,
        clear_forgets_all,       finds_all_that_are_ready,      grows_with_the_numbers,
        a_wake_up_ends_a_wait,   a_full_counter_wakes_as_well,  close_waits_for_wakers,
        a_wait_has_an_end,
    };
    Suite *suite = suite_create("poller");
    TCase *descriptors = tcase_create("descriptors"), *faults = tcase_create("faults");
    tcase_add_checked_fixture(descriptors, open_all, close_all);
    for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
        tcase_add_test(descriptors, tests[i]);
    suite_add_tcase(suite, descriptors);
    tcase_add_test(faults, life_with_faults);
    suite_add_tcase(suite, faults);
    return suite;
}

int main(void)
{
    return suite_main(poller_suite());
}
