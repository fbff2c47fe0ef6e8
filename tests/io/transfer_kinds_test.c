/*
 * transfer_kinds_test.c - registered descriptors that are not only received from: room to send, connections,
 * pipes, datagrams, and what cannot be waited for. Run on both pollers.
 */
#include <fcntl.h>
#include <netinet/in.h>

#include "tests/io/transfers.h"

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

int main(void)
{
    const TTest *const tests[] = {
        room_is_reported, connections_are_reported, a_connection_is_reported,
        pipes_are_read,   datagrams_are_read,       files_are_refused,
    };
    return suite_main(suite_with(open_all, close_all, "transfer, kinds", tests,
                                 sizeof(tests) / sizeof(tests[0])));
}
