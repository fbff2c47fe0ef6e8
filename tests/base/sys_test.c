/*
 * sys_test.c - the calls to the operating system: what they return, and that each one fails when
 * the seam says so.
 */
#include <stdatomic.h>

#include "runtime/base/clock.h"
#include "runtime/base/sys.h"
#include "tests/support/suite.h"

enum { PAGE = 4096 };

/* Memory is mapped, protected, advised and unmapped; errors are negative errnos. */
START_TEST(memory_is_mapped)
{
    void *base = NULL;
    ck_assert_int_eq(sys_map(16 * PAGE, PROT_READ | PROT_WRITE, MAP_NORESERVE, &base), 0);
    memset(base, 1, 16 * PAGE);
    ck_assert_int_eq(sys_protect(base, PAGE, PROT_NONE), 0);
    ck_assert_int_eq(sys_advise((char *)base + PAGE, PAGE, MADV_DONTNEED), 0);
    ck_assert_int_eq(((char *)base)[PAGE], 0);
    ck_assert_int_eq(((char *)base)[2 * PAGE], 1);
    ck_assert_int_eq(sys_unmap(base, 16 * PAGE), 0);

    ck_assert_int_eq(sys_protect((char *)base + 1, PAGE, PROT_NONE), -EINVAL);
    ck_assert_int_eq(sys_unmap((char *)base + 1, PAGE), -EINVAL);
}
END_TEST

/* A failed map leaves its out-parameter alone. */
START_TEST(failed_map_leaves_the_base_alone)
{
    int mine;
    void *base = &mine;
    ck_assert_int_eq(sys_map(0, PROT_READ, 0, &base), -EINVAL);
    ck_assert_ptr_eq(base, &mine);
}
END_TEST

static void *report_signals(void *arg)
{
    pthread_sigmask(SIG_BLOCK, NULL, (sigset_t *)arg);
    return arg;
}

/* A thread starts with every signal blocked, and its creator's mask is as it was. */
START_TEST(threads_take_no_signals)
{
    sigset_t before, inside, after;
    pthread_t thread;
    void *result = NULL;

    sigemptyset(&inside);
    pthread_sigmask(SIG_BLOCK, NULL, &before);
    ck_assert_int_eq(sys_thread_create(&thread, report_signals, &inside), 0);
    ck_assert_int_eq(pthread_join(thread, &result), 0);
    ck_assert_ptr_eq(result, &inside);
    pthread_sigmask(SIG_BLOCK, NULL, &after);

    ck_assert_int_eq(sigismember(&inside, SIGINT), 1);
    ck_assert_int_eq(sigismember(&inside, SIGTERM), 1);
    ck_assert_int_eq(sigismember(&after, SIGINT), sigismember(&before, SIGINT));
    ck_assert_int_eq(sigismember(&after, SIGTERM), sigismember(&before, SIGTERM));
}
END_TEST

/* An eventfd is written, polled and read; an empty one is -EAGAIN. */
START_TEST(an_eventfd_wakes_a_poll)
{
    uint64_t one = 1, got = 0;
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = 7};
    struct epoll_event seen = {0};

    int epoll_fd = sys_epoll_create();
    int fd = sys_eventfd();
    ck_assert_int_ge(epoll_fd, 0);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(sys_epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event), 0);
    ck_assert_int_eq(sys_epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event), -EEXIST);
    ck_assert_int_eq(sys_epoll_wait(epoll_fd, &seen, 1, 0), 0);

    ck_assert_int_eq(sys_write(fd, &one, sizeof(one)), sizeof(one));
    ck_assert_int_eq(sys_epoll_wait(epoll_fd, &seen, 1, -1), 1);
    ck_assert_uint_eq(seen.data.u64, 7);
    ck_assert_int_eq(sys_read(fd, &got, sizeof(got)), sizeof(got));
    ck_assert_uint_eq(got, 1);
    ck_assert_int_eq(sys_read(fd, &got, sizeof(got)), -EAGAIN);

    ck_assert_int_eq(sys_write(-1, &one, sizeof(one)), -EBADF);
    close(fd);
    close(epoll_fd);
}
END_TEST

/* A poll that nothing wakes returns after its limit, never before it. */
START_TEST(a_poll_is_never_early)
{
    struct epoll_event seen = {0};
    int epoll_fd = sys_epoll_create();
    for (int64_t limit_ns = 1; limit_ns <= 10000000; limit_ns *= 10) {
        int64_t start = clock_now_ns();
        ck_assert_int_eq(sys_epoll_wait(epoll_fd, &seen, 1, limit_ns), 0);
        ck_assert_int_ge(clock_now_ns() - start, limit_ns);
    }
    close(epoll_fd);
}
END_TEST

static void *set_and_wake(void *arg)
{
    _Atomic uint32_t *word = (_Atomic uint32_t *)arg;
    atomic_store(word, 1);
    sys_futex_wake(word, 1);
    return NULL;
}

/* A futex wait ends with a wake, returns at once where the word differs, and times out. */
START_TEST(a_futex_waits_for_its_word)
{
    _Atomic uint32_t word = 0;
    pthread_t thread;

    ck_assert_int_eq(sys_futex_wait(&word, 5, INT64_MAX), -EAGAIN);

    int64_t deadline_ns = clock_now_ns() + 1000000;
    int rc;
    while ((rc = sys_futex_wait(&word, 0, deadline_ns)) == 0 || rc == -EINTR)
        ;
    ck_assert_int_eq(rc, -ETIMEDOUT);
    ck_assert_int_ge(clock_now_ns(), deadline_ns);

    ck_assert_int_eq(sys_thread_create(&thread, set_and_wake, &word), 0);
    while (atomic_load(&word) == 0)
        sys_futex_wait(&word, 0, INT64_MAX);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
}
END_TEST

/* An alternate signal stack is set and handed back. */
START_TEST(a_signal_stack_is_set)
{
    static char memory[64 * 1024];
    stack_t mine = {.ss_sp = memory, .ss_size = sizeof(memory)};
    stack_t old = {0}, now = {0};
    ck_assert_int_eq(sys_sigaltstack(&mine, &old), 0);
    ck_assert_int_eq(sys_sigaltstack(NULL, &now), 0);
    ck_assert_ptr_eq(now.ss_sp, memory);
    ck_assert_int_eq(sys_sigaltstack(&old, NULL), 0);
}
END_TEST

static void *no_thread(void *arg)
{
    return arg;
}

/* Each call that has a site fails with the error of its fault, and does nothing. */
START_TEST(every_site_fails)
{
    static const enum fault_site with_calls[] = {
        FAULT_THREAD,    FAULT_MMAP,        FAULT_MPROTECT,   FAULT_MADVISE, FAULT_EPOLL_CREATE,
        FAULT_EPOLL_CTL, FAULT_EPOLL_WAIT,  FAULT_EVENTFD,    FAULT_READ,    FAULT_WRITE,
        FAULT_FUTEX,     FAULT_SIGALTSTACK, FAULT_MEMBARRIER,
    };
    for (size_t i = 0; i < sizeof(with_calls) / sizeof(with_calls[0]); i++)
        wf_fault_arm(with_calls[i], 1, EOWNERDEAD, true); /* an error that no call returns */

    pthread_t thread;
    void *base = NULL;
    char byte = 0;
    _Atomic uint32_t word = 0;
    struct epoll_event event = {0};
    stack_t stack;
    ck_assert_int_eq(sys_thread_create(&thread, no_thread, NULL), -EOWNERDEAD);
    ck_assert_int_eq(sys_map(PAGE, PROT_READ, 0, &base), -EOWNERDEAD);
    ck_assert_ptr_null(base);
    ck_assert_int_eq(sys_protect(&byte, 1, PROT_NONE), -EOWNERDEAD);
    ck_assert_int_eq(sys_advise(&byte, 1, MADV_DONTNEED), -EOWNERDEAD);
    ck_assert_int_eq(sys_epoll_create(), -EOWNERDEAD);
    ck_assert_int_eq(sys_epoll_ctl(0, EPOLL_CTL_ADD, 0, &event), -EOWNERDEAD);
    ck_assert_int_eq(sys_epoll_wait(0, &event, 1, 0), -EOWNERDEAD);
    ck_assert_int_eq(sys_eventfd(), -EOWNERDEAD);
    ck_assert_int_eq(sys_read(0, &byte, 1), -EOWNERDEAD);
    ck_assert_int_eq(sys_write(1, &byte, 1), -EOWNERDEAD);
    ck_assert_int_eq(sys_futex_wait(&word, 0, 0), -EOWNERDEAD);
    ck_assert_int_eq(sys_sigaltstack(NULL, &stack), -EOWNERDEAD);
    ck_assert_int_eq(sys_membarrier(0), -EOWNERDEAD);
}
END_TEST

static Suite *sys_suite(void)
{
    Suite *suite = suite_create("sys");
    TCase *tests = tcase_create("sys");
    tcase_add_checked_fixture(tests, NULL, wf_fault_reset);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, memory_is_mapped);
    tcase_add_test(tests, failed_map_leaves_the_base_alone);
    tcase_add_test(tests, threads_take_no_signals);
    tcase_add_test(tests, an_eventfd_wakes_a_poll);
    tcase_add_test(tests, a_poll_is_never_early);
    tcase_add_test(tests, a_futex_waits_for_its_word);
    tcase_add_test(tests, a_signal_stack_is_set);
    tcase_add_test(tests, every_site_fails);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return suite_main(sys_suite());
}
