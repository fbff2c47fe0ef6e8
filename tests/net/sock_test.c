/*
 * sock_test.c - sockets as objects, and bytes that go in and out of them.
 */
#include "tests/net/sockets.h"
#include "tests/support/suite.h"

/* What is there is received at once, without suspending; at the end of the stream that is nothing
 * (SOCK-03, SOCK-04). */
START_SIM(at_once)
{
    char buffer[8];
    weft_loop_stats before, after;
    open_pair();
    peer_sends(pair[1], "hello");
    weft_loop_get_stats(weft_get_running_loop(), &before);
    ck_assert_int_eq(weft_sock_recv(pair[0], buffer, 3), 3);
    ck_assert_mem_eq(buffer, "hel", 3);
    ck_assert_int_eq(weft_sock_recv(pair[0], buffer, sizeof(buffer)), 2);
    ck_assert_int_eq(weft_sock_sendall(pair[0], "x", 1), 0);
    weft_loop_get_stats(weft_get_running_loop(), &after);
    ck_assert_uint_eq(after.switches, before.switches);
    ck_assert_int_eq(weft_socket_shutdown(pair[1], SHUT_WR), 0);
    ck_assert_int_eq(weft_sock_recv(pair[0], buffer, sizeof(buffer)), 0);
    ck_assert_int_eq(weft_sock_recv(pair[0], buffer, sizeof(buffer)), 0);
    close_pair();
    return 0;
}

/* A task that finds nothing waits, and has what comes; others run meanwhile (SOCK-03, SOCK-05,
 * SOCK-17). */
START_SIM(later)
{
    char buffer[16];
    open_pair();
    weft_task *task = weft_create_task(receiver, pair[0], NULL);
    settle();
    trace("send");
    ck_assert_int_eq(weft_sock_sendall(pair[1], "later", 5), 0);
    ck_assert_int_eq(weft_join(task, NULL), 0);
    ck_assert_trace("send later");
    task = weft_create_task(receiver, pair[0], NULL);
    settle();
    ck_assert_int_eq(weft_socket_shutdown(pair[1], SHUT_WR), 0);
    ck_assert_int_eq(weft_join(task, NULL), 0);
    ck_assert_trace("eof");
    peer_sends(pair[0], "into");
    ck_assert_int_eq(weft_sock_recv_into(pair[1], buffer, sizeof(buffer)), 4);
    ck_assert_mem_eq(buffer, "into", 4);
    close_pair();
    return 0;
}

/* Data that comes together with the end of the stream, or just before it, is not lost. */
START_SIM(before_end)
{
    char buffer[16];
    for (int waits = 0; waits < 2; waits++) {
        open_pair();
        weft_task *task = waits ? weft_create_task(receiver, pair[0], NULL) : NULL;
        settle();
        peer_sends(pair[1], "last");
        ck_assert_int_eq(weft_socket_close(pair[1]), 0);
        pair[1] = NULL;
        if (waits) {
            ck_assert_int_eq(weft_join(task, NULL), 0);
            ck_assert_trace("last");
        } else {
            ck_assert_int_eq(weft_sock_recv(pair[0], buffer, sizeof(buffer)), 4);
        }
        ck_assert_int_eq(weft_sock_recv(pair[0], buffer, sizeof(buffer)), 0);
        close_pair();
    }
    return 0;
}

#define LARGE ((size_t)8 << 20)

struct transfer {
    weft_socket *socket;
    const unsigned char *data;
    size_t got;
};

COROUTINE(receive_all)
{
    struct transfer *transfer = arg;
    unsigned char buffer[5000];
    ssize_t n;
    while ((n = weft_sock_recv(transfer->socket, buffer, sizeof(buffer))) > 0) {
        ck_assert_uint_le(transfer->got + (size_t)n, LARGE);
        ck_assert_int_eq(memcmp(buffer, transfer->data + transfer->got, (size_t)n), 0);
        transfer->got += (size_t)n;
    }
    return (int)n;
}

/* All of it is sent, however much, in order; nothing to send returns at once (SOCK-07). */
START_SIM(large)
{
    unsigned char *data = malloc(LARGE);
    ck_assert_ptr_nonnull(data);
    for (size_t i = 0; i < LARGE; i++)
        data[i] = (unsigned char)(i * 31 >> 3);
    open_pair();
    struct transfer transfer = {pair[0], data, 0};
    weft_task *task = weft_create_task(receive_all, &transfer, NULL);
    ck_assert_int_eq(weft_sock_sendall(pair[1], data, 0), 0);
    ck_assert_int_eq(weft_sock_sendall(pair[1], NULL, 0), 0);
    ck_assert_int_eq(weft_sock_sendall(pair[1], data, LARGE), 0);
    ck_assert_int_eq(weft_socket_shutdown(pair[1], SHUT_WR), 0);
    ck_assert_int_eq(weft_join(task, NULL), 0);
    ck_assert_uint_eq(transfer.got, LARGE);
    free(data);
    close_pair();
    return 0;
}

/* A sender that waits for room is told of the peer's end by the system's error, and no signal
 * (SOCK-16). */
COROUTINE(blocked_sender)
{
    static const char data[1 << 20];
    return weft_sock_sendall(arg, data, sizeof(data));
}

START_SIM(to_closed)
{
    open_pair();
    weft_task *task = weft_create_task(blocked_sender, pair[0], NULL);
    settle();
    ck_assert_int_eq(weft_done(task), 0);
    weft_socket_close(pair[1]);
    pair[1] = NULL;
    int rc = weft_join(task, NULL);
    ck_assert(rc == -EPIPE || rc == -ECONNRESET);
    ck_assert_int_eq(weft_sock_sendall(pair[0], "x", 1), -EPIPE);
    close_pair();
    return 0;
}

/* Datagrams keep their boundaries and tell their sender; what does not fit is cut off (SOCK-06, SOCK-08). */
START_SIM(by_datagram)
{
    weft_socket *ends[2];
    weft_address addresses[2], sender;
    char buffer[8];
    for (int i = 0; i < 2; i++) {
        weft_address any = loopback(0);
        ends[i] = weft_socket_new(AF_INET, SOCK_DGRAM, 0);
        ck_assert_ptr_nonnull(ends[i]);
        ck_assert_int_eq(weft_socket_bind(ends[i], &any), 0);
        ck_assert_int_eq(weft_socket_getsockname(ends[i], &addresses[i]), 0);
    }
    ck_assert_int_eq(weft_sock_sendto(ends[0], "one", 3, &addresses[1]), 3);
    ck_assert_int_eq(weft_sock_sendto(ends[0], "", 0, &addresses[1]), 0);
    ck_assert_int_eq(weft_sock_sendto(ends[0], "much too long", 13, &addresses[1]), 13);
    ck_assert_int_eq(weft_sock_recvfrom(ends[1], buffer, sizeof(buffer), &sender), 3);
    ck_assert_mem_eq(buffer, "one", 3);
    ck_assert_uint_eq(sender.in.sin_port, addresses[0].in.sin_port);
    ck_assert_int_eq(weft_sock_recvfrom(ends[1], buffer, sizeof(buffer), &sender), 0);
    ck_assert_int_eq(weft_sock_recvfrom(ends[1], buffer, sizeof(buffer), NULL), 8);
    ck_assert_mem_eq(buffer, "much too", 8);
    weft_task *task = weft_create_task(receiver, ends[1], NULL);
    settle();
    ck_assert_int_eq(weft_sock_sendto(ends[0], "waited", 6, &addresses[1]), 6);
    ck_assert_int_eq(weft_join(task, NULL), 0);
    ck_assert_trace("waited");
    weft_socket_close(ends[0]);
    weft_socket_close(ends[1]);
    return 0;
}

/* A socket from a descriptor takes it over, and gives it back; one that is no socket is refused and stays
 * the caller's (SOCK-01). */
START_SIM(from_fd)
{
    int fds[2], pipe_fds[2];
    char buffer[4];
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0); /* blocking */
    ck_assert_int_eq(pipe(pipe_fds), 0);
    ck_assert_ptr_null(weft_socket_from_fd(pipe_fds[0]));
    ck_assert_int_eq(errno, ENOTSOCK);
    ck_assert_ptr_null(weft_socket_from_fd(-1));
    ck_assert_int_eq(errno, EBADF);
    weft_socket *socket = weft_socket_from_fd(fds[0]);
    ck_assert_ptr_nonnull(socket);
    ck_assert_int_eq(weft_socket_fileno(socket), fds[0]);
    ck_assert_int_eq(weft_socket_family(socket), AF_UNIX);
    ck_assert_int_eq(weft_socket_type(socket), SOCK_STREAM);
    weft_task *task = weft_create_task(receiver, socket, NULL);
    settle(); /* it is non-blocking now: the loop goes on */
    ck_assert_int_eq(weft_socket_detach(socket), -EBUSY);
    ck_assert_int_eq(write(fds[1], "abc", 3), 3);
    ck_assert_int_eq(weft_join(task, NULL), 0);
    ck_assert_trace("abc");
    ck_assert_int_eq(weft_socket_detach(socket), fds[0]);
    ck_assert_int_eq(write(fds[1], "def", 3), 3);
    ck_assert_int_eq(read(fds[0], buffer, sizeof(buffer)), 3);
    for (int i = 0; i < 2; i++) {
        close(fds[i]);
        close(pipe_fds[i]);
    }
    return 0;
}

/* What cannot be is refused, and nothing is done (SOCK-16). */
COROUTINE(misuse)
{
    char buffer[4];
    weft_socket *accepted;
    open_pair();
    ck_assert_int_eq(weft_sock_recv(NULL, buffer, 1), -EINVAL);
    ck_assert_int_eq(weft_sock_recv(pair[0], NULL, 1), -EINVAL);
    ck_assert_int_eq(weft_sock_recv(pair[0], buffer, 0), -EINVAL);
    ck_assert_int_eq(weft_sock_recvfrom(NULL, buffer, 1, NULL), -EINVAL);
    ck_assert_int_eq(weft_sock_sendall(NULL, "x", 1), -EINVAL);
    ck_assert_int_eq(weft_sock_sendall(pair[0], NULL, 1), -EINVAL);
    ck_assert_int_eq(weft_sock_sendto(pair[0], NULL, 1, NULL), -EINVAL);
    ck_assert_int_eq(weft_sock_connect(pair[0], NULL), -EINVAL);
    ck_assert_int_eq(weft_sock_accept(pair[0], NULL, NULL), -EINVAL);
    ck_assert_int_eq(weft_sock_accept(pair[0], &accepted, NULL), -EINVAL); /* it does not listen */
    ck_assert_int_eq(weft_socket_bind(pair[0], NULL), -EINVAL);
    ck_assert_int_eq(weft_socket_close(NULL), 0);
    ck_assert_int_eq(weft_socket_detach(NULL), -EINVAL);
    ck_assert_int_eq(weft_socket_fileno(NULL), -EINVAL);
    ck_assert_ptr_null(weft_socket_new(-1, -1, -1));
    ck_assert_int_eq(weft_loop_add_reader(weft_get_running_loop(), weft_socket_fileno(pair[0]),
                                          (weft_callback)abort, NULL),
                     0); /* not registered yet */
    weft_task *task = weft_create_task(receiver, pair[0], NULL);
    ck_assert_int_eq(weft_join(task, NULL), -EBUSY);
    weft_loop_remove_reader(weft_get_running_loop(), weft_socket_fileno(pair[0]));
    close_pair();
    ck_assert_trace("EBUSY");
    return 0;
}

START_TEST(refused)
{
    char buffer[4];
    ck_assert_int_eq(sim_run(misuse, NULL), 0);
    open_pair();
    ck_assert_int_eq(weft_sock_recv(pair[0], buffer, 1), WEFT_ENOTASK);
    ck_assert_int_eq(weft_sock_sendall(pair[0], "x", 1), WEFT_ENOTASK);
    close_pair();
}
END_TEST

/* add_reader on a registered descriptor fails (FDIO-08). */
START_SIM(twice)
{
    open_pair();
    weft_task *task = weft_create_task(receiver, pair[0], NULL);
    settle();
    weft_loop *loop = weft_get_running_loop();
    int fd = weft_socket_fileno(pair[0]);
    ck_assert_int_eq(weft_loop_add_reader(loop, fd, (weft_callback)abort, NULL), WEFT_ERUNTIME);
    ck_assert_int_eq(weft_loop_add_writer(loop, fd, (weft_callback)abort, NULL), WEFT_ERUNTIME);
    ck_assert_int_eq(weft_loop_remove_reader(loop, fd), 0);
    peer_sends(pair[1], "still");
    ck_assert_int_eq(weft_join(task, NULL), 0);
    ck_assert_trace("still");
    close_pair();
    return 0;
}

/* Where a short count does not say that no more is there, nothing stays behind: at descriptors that were
 * passed, and at urgent data. */
START_SIM(short_counts)
{
    char buffer[16], control[CMSG_SPACE(sizeof(int))] = "";
    open_pair();
    struct iovec piece = {(char[]){"ab"}, 2};
    struct msghdr message = {.msg_iov = &piece,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = sizeof(control)};
    struct cmsghdr *head = CMSG_FIRSTHDR(&message);
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(head), &(int){0}, sizeof(int));
    ck_assert_int_eq(sendmsg(weft_socket_fileno(pair[1]), &message, 0), 2);
    peer_sends(pair[1], "cd");
    ck_assert_int_eq(weft_sock_recv(pair[0], buffer, sizeof(buffer)), 2);
    ck_assert_int_eq(weft_sock_recv(pair[0], buffer, sizeof(buffer)), 2);
    ck_assert_mem_eq(buffer, "cd", 2);
    close_pair();

    weft_address address;
    weft_socket *listener = listen_on_loopback(4, &address), *server;
    weft_socket *client = weft_socket_new(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(weft_sock_connect(client, &address), 0);
    ck_assert_int_eq(weft_sock_accept(listener, &server, NULL), 0);
    weft_task *task = weft_create_task(receiver, server, NULL);
    settle();
    peer_sends(client, "before");
    ck_assert_int_eq(weft_join(task, NULL), 0);
    ck_assert_trace("before");
    peer_sends(client, "x");
    ck_assert_int_eq(send(weft_socket_fileno(client), "!", 1, MSG_OOB), 1);
    peer_sends(client, "after");
    for (ssize_t got = 0;
         got < 6;) { /* a call stops at the urgent byte, unless it was received ahead */
        ssize_t n = weft_sock_recv(server, buffer + got, sizeof(buffer) - (size_t)got);
        ck_assert_int_gt(n, 0);
        got += n;
    }
    ck_assert_mem_eq(buffer, "xafter", 6);
    weft_socket_close(client);
    weft_socket_close(server);
    weft_socket_close(listener);
    return 0;
}

COROUTINE(count_turns)
{
    int *turns = arg;
    for (;; ++*turns)
        if (weft_yield())
            return WEFT_ECANCELLED;
}

/* A peer that is always ready for a little more does not keep others from running. */
START_SIM(a_long_sendall_lets_others_run)
{
    static char much[200]; /* each byte is a buffer of the system's */
    int turns = 0;
    open_pair();
    weft_task *task = weft_create_task(count_turns, &turns, NULL);
    wf_fault_arm(FAULT_SHORT_SEND, 1, 1, true);
    int rc = weft_sock_sendall(pair[0], much, sizeof(much));
    wf_fault_reset();
    ck_assert_int_eq(rc, 0);
    ck_assert_int_ge(turns, 2);
    weft_cancel(task);
    ck_assert_int_eq(weft_join(task, NULL), WEFT_ECANCELLED);
    drain(pair[1], sizeof(much));
    close_pair();
    return 0;
}

COROUTINE(reader_of_much)
{
    weft_socket *socket = arg;
    char byte;
    ssize_t n;
    while ((n = weft_sock_recv(socket, &byte, 1)) == 1)
        continue;
    return (int)n;
}

/* A socket that always has something lets others run; one of them may close it. */
START_SIM(closed_by_others)
{
    open_pair();
    ck_assert_uint_gt(fill(pair[1]), 4096);
    weft_task *task = weft_create_task(reader_of_much, pair[0], NULL);
    ck_assert_int_eq(weft_yield(), 0);
    ck_assert(!weft_done(task));
    weft_socket_close(pair[0]);
    pair[0] = NULL;
    ck_assert_int_eq(weft_join(task, NULL), -EBADF);
    close_pair();
    return 0;
}

enum { CROWD = 100 };
static weft_socket *crowd[CROWD][2];

COROUTINE(receives_a_byte)
{
    char byte;
    return (int)weft_sock_recv(arg, &byte, 1);
}

/* The poller knows them, and nobody waits for any. */
static void open_crowd(void)
{
    for (int i = 0; i < CROWD; i++) {
        ck_assert_int_eq(weft_socketpair(crowd[i]), 0);
        weft_task *task = weft_create_task(receives_a_byte, crowd[i][0], NULL);
        settle();
        weft_cancel(task);
        ck_assert_int_eq(weft_join(task, NULL), WEFT_ECANCELLED);
    }
}

static void close_crowd(void)
{
    for (int i = 0; i < CROWD; i++) {
        weft_socket_close(crowd[i][0]);
        weft_socket_close(crowd[i][1]);
    }
}

static int crowd_sends(void *arg)
{
    for (int i = 0; i < CROWD; i++)
        peer_sends(crowd[i][1], "x");
    peer_sends(arg, "news");
    return 0;
}

/* However much comes that nobody waits for, virtual time stands still while what somebody waits for is there. */
START_SIM(behind_a_crowd)
{
    open_pair();
    open_crowd();
    weft_task *task = weft_create_task(receiver, pair[0], NULL);
    settle();
    double start = sim_now();
    weft_call_soon(weft_get_running_loop(), crowd_sends, pair[1], NULL);
    ck_assert_int_eq(weft_wait_for(task, 1, NULL), 0);
    weft_unref(task);
    ck_assert_trace("news");
    ck_assert_double_eq(sim_now(), start);
    close_crowd();
    close_pair();
    return 0;
}

static int received, received_before;

COROUTINE(receives_one_of_many)
{
    char byte;
    ssize_t n = weft_sock_recv(arg, &byte, 1);
    received++;
    return n == 1 ? 0 : (int)n;
}

static int timer_is_due(void *arg)
{
    (void)arg;
    received_before = received;
    return 0;
}

static int crowd_sends_and_arms(void *arg)
{
    (void)crowd_sends(arg);
    return weft_call_later(weft_get_running_loop(), 0, timer_is_due, NULL, NULL);
}

/* LIFE-21: what has come runs before a timer that is due, however much it is. */
START_SIM(before_a_timer)
{
    weft_task *tasks[CROWD];

    open_pair();
    open_crowd();
    for (int i = 0; i < CROWD; i++)
        tasks[i] = weft_create_task(receives_one_of_many, crowd[i][0], NULL);
    settle();
    weft_call_soon(weft_get_running_loop(), crowd_sends_and_arms, pair[1], NULL);
    for (int i = 0; i < CROWD; i++)
        ck_assert_int_eq(weft_join(tasks[i], NULL), 0);
    settle();
    ck_assert_int_eq(received_before, CROWD);
    close_crowd();
    close_pair();
    return 0;
}

SUITE("sock", at_once, later, before_end, large, to_closed, by_datagram, from_fd, refused, twice,
      short_counts, a_long_sendall_lets_others_run, closed_by_others, behind_a_crowd,
      before_a_timer)
