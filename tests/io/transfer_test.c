/*
 * transfer_test.c - registered descriptors: the call first, then a wait; what comes, in which order, and
 * what is left when they are closed. Run on both pollers.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/io/source.h"
#include "tests/support/faults.h"
#include "tests/support/suite.h"

#define LOOKS_MAX 100000

static struct poller poller;
static int pair[2]; /* two sockets; the first is the source's */
static struct source source;

/* A wait, and how often it was queued. */
struct waiter {
    struct runnable ready;
    struct source_wait wait;
    int queued;
};

static void was_queued(struct runnable *self, struct weft_loop *loop)
{
    (void)loop;
    ((struct waiter *)(void *)self)->queued++; /* its first member */
}

static void nobody(void *watcher, void *arg)
{
    (void)watcher;
    (void)arg;
    ck_abort_msg("there are no watchers");
}

/* One look at the poller: what it queues is run. */
static int look(int64_t timeout_ns)
{
    struct poller_news news = {.found = nobody};
    int rc = wf_poller_wait(&poller, timeout_ns, &news);
    for (struct runnable *r = news.ready.first, *next; r; r = next) {
        next = r->next;
        r->run(r, NULL);
    }
    return rc;
}

static int watch(struct source *of, enum poller_side side, struct waiter *waiter)
{
    waiter->ready.run = was_queued;
    waiter->wait.ready = &waiter->ready;
    waiter->queued = 0;
    return wf_source_watch(of, &poller, side, &waiter->wait);
}

/* Waits until the side may be ready. */
static int wait_for(struct source *of, enum poller_side side)
{
    struct waiter waiter = {.queued = 0};
    int rc = watch(of, side, &waiter);
    for (int looks = 0; !rc && !waiter.queued; looks++) {
        ck_assert_int_lt(looks, LOOKS_MAX);
        (void)look(-1);
    }
    return rc;
}

static ssize_t receive(struct source *from, void *buffer, size_t bytes)
{
    for (int looks = 0; looks < LOOKS_MAX; looks++) {
        ssize_t n = wf_source_recv(from, buffer, bytes);
        if (n != -EAGAIN)
            return n;
        int rc = wait_for(from, POLLER_READ);
        if (rc)
            return rc;
    }
    ck_abort_msg("nothing comes");
}

static void make_pair(int type)
{
    ck_assert_int_eq(socketpair(AF_UNIX, type | SOCK_NONBLOCK, 0, pair), 0);
}

static void make_source(void)
{
    wf_source_init(&source, pair[0], true, false);
    source.stream = true;
}

static void open_all(void)
{
    wf_poller_init(&poller, POLLER_DEFAULT);
    make_pair(SOCK_STREAM);
    make_source();
}

static void close_all(void)
{
    wf_source_close(&source);
    wf_poller_clear(&poller, nobody, NULL);
    wf_poller_close(&poller);
    close(pair[1]);
}

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

/* ---- receiving ---- */

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

/* ---- sending, accepting, other files ---- */

/* Room is reported when there is some again. */
START_TEST(room_is_reported)
{
    static char block[65536];
    struct iovec piece = {block, sizeof(block)};
    struct waiter waiter = {.queued = 0};
    while (wf_source_send(&source, &piece, 1) != -EAGAIN)
        continue;
    ck_assert_int_eq(watch(&source, POLLER_WRITE, &waiter), 0);
    (void)look(0);
    ck_assert_int_eq(waiter.queued, 0);
    while (read(pair[1], block, sizeof(block)) > 0)
        continue;
    while (!waiter.queued)
        (void)look(-1);
    ck_assert_int_gt(wf_source_send(&source, &piece, 1), 0);
}
END_TEST

/* A listening socket is a stream that has none: connections are reported all the same. */
START_TEST(connections_are_reported)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t bytes = sizeof(address);
    struct source listener;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, bytes), 0);
    ck_assert_int_eq(listen(fd, 8), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&address, &bytes), 0);
    wf_source_init(&listener, fd, true, true);
    for (int i = 0; i < 3; i++) {
        int accepted, far = socket(AF_INET, SOCK_STREAM, 0);
        if (!i)
            ck_assert_int_eq(wf_source_accept(&listener, NULL, NULL), -EAGAIN);
        ck_assert_int_eq(connect(far, (struct sockaddr *)&address, bytes), 0);
        while ((accepted = wf_source_accept(&listener, NULL, NULL)) == -EAGAIN)
            ck_assert_int_eq(wait_for(&listener, POLLER_READ), 0);
        ck_assert_int_ge(accepted, 0);
        ck_assert_int_eq(wf_source_accept(&listener, NULL, NULL), -EAGAIN);
        close(accepted);
        close(far);
    }
    wf_source_close(&listener);
}
END_TEST

/* A connection that is being made is reported when it stands, and then receives. */
START_TEST(a_connection_is_reported)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t bytes = sizeof(address);
    struct source client;
    char in[8];
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(bind(listener, (struct sockaddr *)&address, bytes), 0);
    ck_assert_int_eq(listen(listener, 8), 0);
    ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&address, &bytes), 0);
    wf_source_init(&client, socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), true, true);
    int rc = wf_source_connect(&client, (struct sockaddr *)&address, bytes, false);
    if (rc == -EINPROGRESS) {
        ck_assert_int_eq(wait_for(&client, POLLER_WRITE), 0);
        rc = wf_source_connect(&client, (struct sockaddr *)&address, bytes, true);
    }
    ck_assert_int_eq(rc, 0);
    int far = accept(listener, NULL, NULL);
    ck_assert_int_eq(write(far, "hello", 5), 5);
    ck_assert_int_eq(receive(&client, in, sizeof(in)), 5);
    close(far);
    ck_assert_int_eq(receive(&client, in, sizeof(in)), 0);
    close(listener);
    wf_source_close(&client);
}
END_TEST

/* Pipes are read as sockets are; their end is reported. */
START_TEST(pipes_are_read)
{
    struct source pipe_end;
    int ends[2];
    char in[8];
    ck_assert_int_eq(pipe2(ends, O_NONBLOCK), 0);
    wf_source_init(&pipe_end, ends[0], false, false);
    struct waiter waiter = {.queued = 0};
    ck_assert_int_eq(watch(&pipe_end, POLLER_READ, &waiter), 0);
    (void)look(0);
    ck_assert_int_eq(waiter.queued, 0);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(write(ends[1], "abcd", 4), 4);
        ck_assert_int_eq(receive(&pipe_end, in, 3), 3);
        ck_assert_int_eq(receive(&pipe_end, in, sizeof(in)), 1);
    }
    close(ends[1]);
    ck_assert_int_eq(receive(&pipe_end, in, sizeof(in)), 0);
    wf_source_close(&pipe_end);
}
END_TEST

/* Datagrams keep their bounds. */
START_TEST(datagrams_are_read)
{
    struct source datagrams;
    int two[2];
    char in[8];
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, two), 0);
    wf_source_init(&datagrams, two[0], true, false);
    for (int i = 0; i < 3; i++) {
        struct waiter waiter = {.queued = 0};
        ck_assert_int_eq(wf_source_recv(&datagrams, in, sizeof(in)), -EAGAIN);
        ck_assert_int_eq(watch(&datagrams, POLLER_READ, &waiter), 0);
        ck_assert_int_eq(send(two[1], "abc", 3, 0), 3);
        ck_assert_int_eq(send(two[1], "", 0, 0), 0);
        while (!waiter.queued)
            (void)look(-1);
        ck_assert_int_eq(receive(&datagrams, in, sizeof(in)), 3);
        ck_assert_int_eq(receive(&datagrams, in, sizeof(in)), 0);
    }
    wf_source_close(&datagrams);
    close(two[1]);
}
END_TEST

/* A file that is always ready is refused, with nothing changed. */
START_TEST(files_are_refused)
{
    struct source file;
    struct waiter waiter = {.queued = 0};
    wf_source_init(&file, open("/proc/self/exe", O_RDONLY), false, false);
    ck_assert_int_eq(watch(&file, POLLER_READ, &waiter), -EPERM);
    ck_assert_ptr_null(file.poller);
    ck_assert_uint_eq(poller.waiting, 0);
    wf_source_close(&file);
}
END_TEST

/* ---- waits ---- */

/* All who wait for a side are queued, once each; who was taken back is not. */
START_TEST(all_waits_of_a_side_end)
{
    struct waiter waiters[3] = {{.queued = 0}};
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(watch(&source, POLLER_READ, &waiters[i]), 0);
    ck_assert_uint_eq(poller.waiting, 3);
    ck_assert(wf_source_unwatch(&source, POLLER_READ, &waiters[1].wait));
    ck_assert(!wf_source_unwatch(&source, POLLER_READ, &waiters[1].wait));
    ck_assert_int_eq(write(pair[1], "x", 1), 1);
    while (!waiters[0].queued)
        (void)look(-1);
    ck_assert_int_eq(waiters[2].queued, 1);
    ck_assert_int_eq(waiters[1].queued, 0);
    (void)look(0);
    ck_assert_int_eq(waiters[0].queued, 1);
    ck_assert_uint_eq(poller.waiting, 0);
}
END_TEST

/* A wait for what is there already ends with the next look. */
START_TEST(what_is_there_ends_a_wait)
{
    char in[8];
    ck_assert_int_eq(write(pair[1], "abc", 3), 3);
    ck_assert_int_eq(wait_for(&source, POLLER_READ), 0);
    ck_assert_int_eq(receive(&source, in, 1), 1);
    ck_assert_int_eq(wait_for(&source, POLLER_READ), 0);
    ck_assert_int_eq(receive(&source, in, 2), 2);
}
END_TEST

/* ---- the end ---- */

/* Closing ends the waits, and the peer hears of it at once. */
START_TEST(closing_is_heard_at_once)
{
    struct waiter reader = {.queued = 0}, writer = {.queued = 0};
    char in[8];
    ck_assert_int_eq(watch(&source, POLLER_READ, &reader), 0);
    (void)look(0);
    ck_assert_int_eq(watch(&source, POLLER_WRITE, &writer), 0);
    wf_source_close(&source);
    ck_assert_int_eq(source.fd, -1);
    ck_assert_int_eq(read(pair[1], in, sizeof(in)), 0);
    (void)look(0);
    ck_assert_int_eq(reader.queued, 1);
    ck_assert_int_eq(writer.queued, 1);
    ck_assert_uint_eq(poller.waiting, 0);
}
END_TEST

/* Neither what was received for a source nor what was reported of it reaches a later one of the same
 * number. */
START_TEST(a_number_is_used_again)
{
    char in[16];
    int number = pair[0];
    struct waiter first = {.queued = 0}, waiter = {.queued = 0};
    ck_assert_int_eq(watch(&source, POLLER_READ, &first), 0);
    (void)look(0);
    ck_assert_int_eq(write(pair[1], "of the first", 12), 12);
    wf_source_close(&source);
    close(pair[1]);
    make_pair(SOCK_STREAM);
    ck_assert_int_eq(pair[0], number);
    memset(&source, 0x5a, sizeof(source)); /* nobody looks into the first one */
    make_source();
    ck_assert_int_eq(watch(&source, POLLER_READ, &waiter), 0);
    (void)look(0);
    (void)look(0);
    ck_assert_int_eq(waiter.queued, 0);
    ck_assert_int_eq(write(pair[1], "of the second", 13), 13);
    ck_assert_int_eq(receive(&source, in, sizeof(in)), 13);
    ck_assert_int_eq(memcmp(in, "of the second", 13), 0);
}
END_TEST

/* A descriptor that is given back belongs to the caller alone: nobody else reads from it. */
START_TEST(a_descriptor_is_given_back)
{
    struct waiter waiter = {.queued = 0};
    char in[8];
    ck_assert_int_eq(watch(&source, POLLER_READ, &waiter), 0);
    (void)look(0);
    int fd = wf_source_detach(&source);
    ck_assert_int_eq(fd, pair[0]);
    ck_assert_int_eq(write(pair[1], "abc", 3), 3);
    (void)look(0);
    ck_assert_int_eq(waiter.queued, 1);
    ck_assert_int_eq(read(fd, in, sizeof(in)), 3);
    close(fd);
}
END_TEST

/* What was received ahead is read before the descriptor is given back. */
START_TEST(nothing_is_lost_by_giving_back)
{
    struct waiter waiter = {.queued = 0};
    char in[8] = "";
    ck_assert_int_eq(watch(&source, POLLER_READ, &waiter), 0);
    (void)look(0);
    ck_assert_int_eq(write(pair[1], "abc", 3), 3);
    int fd = wf_source_detach(&source);
    if (fd == -EBUSY) {
        ck_assert_int_eq(source.fd, pair[0]);
        ck_assert_int_eq(receive(&source, in, 1), 1);
        ck_assert_int_eq(wf_source_detach(&source), -EBUSY);
        ck_assert_int_eq(receive(&source, in + 1, 2), 2);
        ck_assert_int_eq(receive(&source, in, 0), 0);
        fd = wf_source_detach(&source);
    } else {
        ck_assert_int_eq(read(fd, in, sizeof(in)), 3);
    }
    ck_assert_int_eq(fd, pair[0]);
    ck_assert_str_eq(in, "abc");
    ck_assert_int_eq(write(pair[1], "d", 1), 1);
    ck_assert_int_eq(read(fd, in, 8), 1);
    (void)look(0);
    ck_assert_int_eq(waiter.queued, 1);
    close(fd);
}
END_TEST

/* A poller that is cleared forgets its sources, which are closed later or used with another one. */
START_TEST(a_poller_is_cleared)
{
    struct waiter waiter = {.queued = 0};
    char in[8];
    ck_assert_int_eq(watch(&source, POLLER_READ, &waiter), 0);
    (void)look(0);
    ck_assert_int_eq(write(pair[1], "x", 1), 1);
    wf_poller_clear(&poller, nobody, NULL);
    ck_assert_ptr_null(source.poller);
    ck_assert_uint_eq(poller.waiting, 0);
    wf_poller_close(&poller);
    ck_assert_int_eq(waiter.queued, 0);
    ck_assert_int_eq(write(pair[1], "y", 1), 1);
    ck_assert_int_gt(receive(&source, in, sizeof(in)), 0);
}
END_TEST

/* ---- threads ---- */

static void *run_elsewhere(void *arg)
{
    char in[16];
    poller_begin(&poller);
    ck_assert_int_eq(receive(&source, in, sizeof(in)), 5);
    ck_assert_int_eq(memcmp(in, "first", 5), 0);
    ck_assert_int_eq(receive(arg, in, sizeof(in)), 6);
    ck_assert_int_eq(memcmp(in, "second", 6), 0);
    (void)look(0);
    return NULL;
}

/* A poller that another thread goes on with has all that it had: what was received, and who waits. */
START_TEST(another_thread_goes_on)
{
    struct source second;
    struct waiter waiters[2] = {{.queued = 0}};
    int two[2];
    char in[8];
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, two), 0);
    wf_source_init(&second, two[0], true, false);
    second.stream = true;
    ck_assert_int_eq(watch(&source, POLLER_READ, &waiters[0]), 0);
    ck_assert_int_eq(watch(&second, POLLER_READ, &waiters[1]), 0);
    (void)look(0);
    ck_assert_int_eq(write(pair[1], "first", 5), 5);
    while (!waiters[0].queued)
        (void)look(-1);
    ck_assert_int_eq(write(two[1], "second", 6), 6);
    for (int i = 0; i < 2; i++) {
        pthread_t thread;
        ck_assert_int_eq(pthread_create(&thread, NULL, run_elsewhere, &second), 0);
        pthread_join(thread, NULL);
        ck_assert_int_eq(write(pair[1], "first", 5), 5);
        ck_assert_int_eq(write(two[1], "second", 6), 6);
    }
    poller_begin(&poller); /* and the first one again */
    ck_assert_int_eq(receive(&second, in, sizeof(in)), 6);
    ck_assert_int_eq(receive(&source, in, sizeof(in)), 5);
    (void)look(0);
    ck_assert_int_eq(waiters[1].queued, 1);
    ck_assert_uint_eq(poller.waiting, 0);
    wf_source_close(&second);
    close(two[1]);
}
END_TEST

/* ---- faults ---- */

static void life(void)
{
    static char out[20000], in[20000];
    struct waiter waiter = {.queued = 0};
    open_all();
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
    wf_poller_init(&poller, POLLER_DEFAULT);
    bool ring = !strcmp(poller_name(&poller), "io_uring");
    wf_poller_close(&poller);
    ck_assert_uint_eq(run_with_each_fault(FAULT_MMAP, ENOMEM, life) > 0, ring);
    ck_assert_uint_eq(run_with_each_fault(FAULT_URING_SETUP, EPERM, life) > 0, ring);
    ck_assert_uint_eq(run_with_each_fault(FAULT_URING_SETUP, EINVAL, life) > 0, ring);
    ck_assert_uint_eq(run_with_each_fault(FAULT_URING_ENTER, EPERM, life) > 0, ring);
    ck_assert_uint_eq(run_with_each_fault(FAULT_URING_ENTER, EINTR, life) > 0, ring);
    ck_assert_uint_eq(run_with_each_fault(FAULT_URING_ENTER, EBUSY, life) > 0, ring);
}
END_TEST

static Suite *transfer_suite(void)
{
    const TTest *const tests[] = {
        bytes_come_in_order,
        the_end_comes_last,
        an_error_comes_last,
        unread_input_is_bounded,
        others_receive_beside_a_flood,
        room_is_reported,
        connections_are_reported,
        a_connection_is_reported,
        pipes_are_read,
        datagrams_are_read,
        files_are_refused,
        all_waits_of_a_side_end,
        what_is_there_ends_a_wait,
        closing_is_heard_at_once,
        a_number_is_used_again,
        a_descriptor_is_given_back,
        nothing_is_lost_by_giving_back,
        a_poller_is_cleared,
        another_thread_goes_on,
    };
    Suite *suite = suite_create("transfer");
    TCase *sources = tcase_create("sources"), *faults = tcase_create("faults");
    tcase_add_checked_fixture(sources, open_all, close_all);
    for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
        tcase_add_test(sources, tests[i]);
    suite_add_tcase(suite, sources);
    tcase_add_test(faults, life_with_faults);
    suite_add_tcase(suite, faults);
    return suite;
}

int main(void)
{
    return suite_main(transfer_suite());
}
