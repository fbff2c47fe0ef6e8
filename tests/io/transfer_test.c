/*
 * transfer_test.c - registered descriptors: the call first, then a wait; what comes, in which order, and when
 * the system refuses something. Run on both pollers.
 */
#include <linux/io_uring.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/syscall.h>

#include "tests/io/transfers.h"
#include "tests/support/faults.h"
#include "tests/support/grace.h"

/* A pair over TCP: *ret_near is non-blocking. */
static void make_tcp(int *ret_near, int *ret_far)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t bytes = sizeof(address);
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(bind(listener, (struct sockaddr *)&address, bytes), 0);
    ck_assert_int_eq(listen(listener, 1), 0);
    ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&address, &bytes), 0);
    *ret_far = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(connect(*ret_far, (struct sockaddr *)&address, bytes), 0);
    *ret_near = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
    ck_assert_int_ge(*ret_near, 0);
    close(listener);
}

static char pattern(size_t i)
{
    return (char)(i * 7 + i / 251);
}

/* Whatever the sizes of the pieces are in which it is sent and read, it comes whole and in order. */
START_TEST(bytes_come_in_order)
{
    enum { ALL = 300000 };
    static const size_t sends[] = {1, 5000, 64, 1500, 30000, 2}, reads[] = {3, 4096, 1, 70000, 64};
    static char out[ALL], in[70000];
    for (size_t i = 0; i < ALL; i++)
        out[i] = pattern(i);
    size_t sent = 0, got = 0;
    for (unsigned turn = 0; got < ALL; turn++) {
        size_t n = sends[turn % 6] < ALL - sent ? sends[turn % 6] : ALL - sent;
        ssize_t rc = write(pair[1], out + sent, n);
        sent += rc > 0 ? (size_t)rc : 0;
        rc = got < sent ? receive(&source, in, reads[turn % 5]) : 0;
        ck_assert_int_ge(rc, 0);
        ck_assert_int_eq(memcmp(in, out + got, (size_t)rc), 0);
        got += (size_t)rc;
    }
}
END_TEST

/* The end of the stream comes after all that was sent, and stays (SOCK-03). */
START_TEST(the_end_comes_last)
{
    char in[16];
    ck_assert_int_eq(wait_for(&source, POLLER_WRITE), 0);
    struct waiter waiter = {.queued = 0};
    ck_assert_int_eq(watch(&source, POLLER_READ, &waiter), 0);
    (void)look(0);
    ck_assert_int_eq(write(pair[1], "last words", 10), 10);
    close(pair[1]);
    pair[1] = -1;
    while (!waiter.queued)
        (void)look(-1);
    ck_assert_int_eq(receive(&source, in, 4), 4);
    ck_assert_int_eq(receive(&source, in + 4, sizeof(in) - 4), 6);
    ck_assert_int_eq(memcmp(in, "last words", 10), 0);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(receive(&source, in, sizeof(in)), 0);
}
END_TEST

/* An error of the connection comes after what was received before it. */
START_TEST(an_error_comes_last)
{
    struct linger at_once = {.l_onoff = 1};
    struct source tcp;
    int near, far;
    char in[16];
    make_tcp(&near, &far);
    wf_source_init(&tcp, near, true, true);
    struct waiter waiter = {.queued = 0};
    ck_assert_int_eq(watch(&tcp, POLLER_READ, &waiter), 0);
    (void)look(0);
    ck_assert_int_eq(write(far, "abc", 3), 3);
    while (!waiter.queued)
        (void)look(-1);
    ck_assert_int_eq(setsockopt(far, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)), 0);
    close(far);
    (void)look(0);
    ck_assert_int_eq(receive(&tcp, in, 2), 2);
    ck_assert_int_eq(receive(&tcp, in, sizeof(in)), 1);
    ck_assert_int_eq(receive(&tcp, in, sizeof(in)), -ECONNRESET);
    ck_assert_int_eq(receive(&tcp, in, sizeof(in)), 0); /* as the system's call does */
    wf_source_close(&tcp);
}
END_TEST

/* A stream that nobody reads stops its sender; later it is read whole, and the next one goes on. */
START_TEST(unread_input_is_bounded)
{
    enum { LIMIT = 8 << 20 };
    static char block[65536], in[65536];
    struct waiter waiter = {.queued = 0};
    size_t sent = 0, got = 0;
    ck_assert_int_eq(watch(&source, POLLER_READ, &waiter), 0);
    for (int full = 0; full < 4;) {
        for (size_t i = 0; i < sizeof(block); i++)
            block[i] = pattern(sent + i);
        ssize_t n = write(pair[1], block, sizeof(block));
        full = n < 0 ? full + 1 : 0;
        sent += n > 0 ? (size_t)n : 0;
        ck_assert_uint_lt(sent, LIMIT);
        (void)look(0);
    }
    while (got < sent) {
        ssize_t n = receive(&source, in, sizeof(in));
        ck_assert_int_gt(n, 0);
        for (ssize_t i = 0; i < n; i++)
            ck_assert_int_eq(in[i], pattern(got + (size_t)i));
        got += (size_t)n;
    }
    ck_assert_int_eq(write(pair[1], "more", 4), 4);
    ck_assert_int_eq(receive(&source, in, sizeof(in)), 4);
}
END_TEST

/* Streams that nobody reads do not keep the others from receiving, however many there are. */
START_TEST(others_receive_beside_a_flood)
{
    enum { FLOODS = 40 };
    static char block[65536];
    static struct source floods[FLOODS];
    static struct waiter waiters[FLOODS];
    int ends[FLOODS], two[2];
    char in[16];
    for (int i = 0; i < FLOODS; i++) {
        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, two), 0);
        wf_source_init(&floods[i], two[0], true, false);
        floods[i].stream = true;
        ends[i] = two[1];
        ck_assert_int_eq(watch(&floods[i], POLLER_READ, &waiters[i]), 0);
    }
    for (int turn = 0; turn < 8; turn++) {
        for (int i = 0; i < FLOODS; i++)
            (void)!write(ends[i], block, sizeof(block));
        (void)look(0);
        ck_assert_int_eq(write(pair[1], "mine", 4), 4);
        ck_assert_int_eq(receive(&source, in, sizeof(in)), 4);
    }
    for (int i = 0; i < FLOODS; i++) {
        ck_assert_int_eq(waiters[i].queued, 1);
        ck_assert_int_gt(receive(&floods[i], block, sizeof(block)), 0);
        wf_source_close(&floods[i]);
        close(ends[i]);
    }
}
END_TEST

/* ---- faults ---- */

static bool is_ring_wanted(void)
{
    const char *wish = getenv("WEFT_POLLER");
    return wish && strcmp(wish, "io_uring") == 0;
}

/* Whether the poller gets a ring in the end: it wants one, and the kernel has them. */
static bool comes_ring(void)
{
    if (!is_ring_wanted())
        return false;
    struct io_uring_params params = {0};
    long ring = syscall(SYS_io_uring_setup, 1, &params);
    if (ring < 0)
        return errno == ENOMEM; /* for a moment */
    close((int)ring);
    return params.features & IORING_FEAT_EXT_ARG;
}

static void life(void)
{
    static char out[20000], in[20000];
    struct waiter waiter = {.queued = 0};
    open_all();
    for (int tries = 0;
         strcmp(poller_name(&poller), "io_uring") != 0 && !fault_met() && comes_ring(); tries++) {
        ck_assert_int_lt(tries, GRACE_PERIODS_MAX);
        close_all();
        grace_period();
        open_all();
    }
    for (int turn = 0; turn < 3; turn++) {
        size_t got = 0;
        ssize_t n;
        while ((n = wf_source_recv(&source, in, sizeof(in))) == -EINTR)
            continue;
        ck_assert_int_eq(n, -EAGAIN);
        while (watch(&source, POLLER_READ, &waiter)) /* refused: nothing has changed */
            ck_assert_uint_eq(poller.waiting, 0);
        (void)look(0);
        ck_assert_int_eq(write(pair[1], out, sizeof(out)), sizeof(out));
        while (!waiter.queued)
            (void)look(-1);
        while (got < sizeof(out)) {
            n = receive(&source, in, sizeof(in));
            ck_assert(n > 0 || n == -ENOMEM);
            got += n > 0 ? (size_t)n : 0;
        }
        ck_assert_uint_eq(got, sizeof(out));
    }
    while (watch(&source, POLLER_WRITE, &waiter))
        continue;
    while (!waiter.queued)
        (void)look(-1);
    close_all();
}

/* Whatever the system refuses, and whenever: a watch that fails says so and has changed nothing; the rest is
 * done, if need be without what was refused. */
START_TEST(life_with_faults)
{
    ck_assert_uint_ge(run_with_each_fault(FAULT_ALLOC, ENOMEM, life), 1);
    ck_assert_uint_ge(run_with_each_fault(FAULT_EVENTFD, EMFILE, life), 1);
    ck_assert_uint_ge(run_with_each_fault(FAULT_EPOLL_CREATE, EMFILE, life), 1);
    ck_assert_uint_ge(run_with_each_fault(FAULT_EPOLL_CTL, ENOMEM, life), 1);
    ck_assert_uint_ge(run_with_each_fault(FAULT_EPOLL_WAIT, EINTR, life), 0);
    ck_assert_uint_ge(run_with_each_fault(FAULT_RECV, EINTR, life), 1);
    bool wanted = is_ring_wanted(), ring = comes_ring();
    ck_assert_uint_eq(run_with_each_fault(FAULT_MMAP, ENOMEM, life) > 0, ring);
    ck_assert_uint_eq(run_with_each_fault(FAULT_URING_SETUP, EPERM, life) > 0, wanted);
    ck_assert_uint_eq(run_with_each_fault(FAULT_URING_SETUP, EINVAL, life) > 0, wanted);
    ck_assert_uint_eq(run_with_each_fault(FAULT_URING_ENTER, EPERM, life) > 0, ring);
    ck_assert_uint_eq(run_with_each_fault(FAULT_URING_ENTER, EINTR, life) > 0, ring);
    ck_assert_uint_eq(run_with_each_fault(FAULT_URING_ENTER, EBUSY, life) > 0, ring);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        bytes_come_in_order,           the_end_comes_last,
        an_error_comes_last,           unread_input_is_bounded,
        others_receive_beside_a_flood,
    };
    Suite *suite =
        suite_with(open_all, close_all, "transfer", tests, sizeof(tests) / sizeof(tests[0]));
    TCase *faults = tcase_create("faults");
    tcase_add_test(faults, life_with_faults);
    suite_add_tcase(suite, faults);
    return suite_main(suite);
}
