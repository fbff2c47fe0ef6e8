/*
 * datagram_flow_test.c - datagrams that wait: in a full socket, while reading is paused, at the end.
 */
#include "tests/net/talker.h"

/* A pair of connected Unix datagram sockets: one is an endpoint, one is the test's. */
static int unix_endpoint(struct talker *t)
{
    int ends[2];
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
    weft_socket *sock = weft_socket_from_fd(ends[0]);
    ck_assert_ptr_nonnull(sock);
    ck_assert_int_eq(talker_open(t, &(weft_datagram_options){.sock = sock}), 0);
    return ends[1];
}

/* Sends numbered datagrams of 1000 bytes until some wait; how many. */
static int send_until_full(struct talker *t)
{
    char data[1000];
    int count = 0;

    while (!weft_transport_get_write_buffer_size(t->transport)) {
        memset(data, 'a' + count % 26, sizeof(data));
        ck_assert_int_eq(weft_datagram_sendto(t->transport, data, sizeof(data), NULL), 0);
        memset(data, '!', sizeof(data)); /* the caller's again (DGRM-10) */
        ck_assert_int_lt(count++, 100000);
    }
    return count;
}

/* Reads what there is; each is the next one. */
static int take_all(int fd, int next)
{
    char data[2000];
    ssize_t n;

    while ((n = recv(fd, data, sizeof(data), 0)) >= 0) {
        ck_assert_int_eq((int)n, 1000);
        ck_assert_int_eq(data[0], 'a' + next % 26);
        ck_assert_int_eq(data[999], data[0]);
        next++;
    }
    ck_assert_int_eq(errno, EAGAIN);
    return next;
}

/* DGRM-10: what the system does not take waits, in order, each for itself. DGRM-14: flow control. */
START_SIM(full_socket)
{
    struct talker t = TALKER;
    int fd = unix_endpoint(&t), next = 0;
    char data[1000];

    ck_assert_int_eq(weft_transport_set_write_buffer_limits(t.transport, 3000, 1500), 0);
    int sent = send_until_full(&t);
    ck_assert_uint_eq(weft_transport_get_write_buffer_size(t.transport), 1008);
    ck_assert_trace("made");
    for (int i = 0; i < 2; i++, sent++) {
        memset(data, 'a' + sent % 26, sizeof(data));
        ck_assert_int_eq(weft_datagram_sendto(t.transport, data, sizeof(data), NULL), 0);
    }
    ck_assert_uint_eq(weft_transport_get_write_buffer_size(t.transport), 3024);
    ck_assert_trace("pause");
    while (next < sent) {
        next = take_all(fd, next);
        if (next < sent)
            sim_pass(1);
    }
    sim_pass(2);
    ck_assert_uint_eq(weft_transport_get_write_buffer_size(t.transport), 0);
    ck_assert_trace("resume");
    ck_assert_int_eq(weft_sleep(1), 0);
    talker_close(&t);
    close(fd);
    return 0;
}

/* DGRM-15: close sends what waits, then connection_lost; abort drops it. */
START_SIM(close_and_abort)
{
    struct talker t = TALKER;
    int fd = unix_endpoint(&t), next = 0, sent = send_until_full(&t);

    weft_transport_close(t.transport);
    ck_assert(weft_transport_is_closing(t.transport));
    sim_pass(3);
    ck_assert_int_eq(t.lost, 0);
    while (!t.lost) {
        next = take_all(fd, next);
        sim_pass(1);
    }
    ck_assert_int_eq(take_all(fd, next), sent);
    ck_assert_int_eq(t.lost_code, 0);
    weft_transport_unref(t.transport);
    close(fd);

    t = (struct talker)TALKER;
    fd = unix_endpoint(&t);
    sent = send_until_full(&t);
    weft_transport_abort(t.transport);
    ck_assert_uint_eq(weft_transport_get_write_buffer_size(t.transport), 0);
    talker_await(&t, t.lost);
    ck_assert_int_eq(take_all(fd, 0), sent - 1);
    weft_transport_unref(t.transport);
    close(fd);
    ck_assert_trace("made lost made lost");
    return 0;
}

/* The peer of what waits is gone: an error for each, and the end comes all the same. */
START_SIM(peer_gone)
{
    struct talker t = TALKER;
    int fd = unix_endpoint(&t);

    send_until_full(&t);
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(send_text(&t, "waits, too", NULL), 0);
    close(fd);
    talker_await(&t, t.errors == 3);
    ck_assert_int_eq(t.lost, 0);
    talker_close(&t);
    ck_assert_int_eq(t.errors, 3);
    ck_assert_int_eq(t.lost_code, 0);
    return 0;
}

/* DGRM-17: after close it does nothing, and from the fifth time on that is reported. */
START_SIM(after_close)
{
    struct talker t = TALKER;
    weft_address address;
    char buffer[8];
    int fd = plain_socket(&address);

    ck_assert_int_eq(talker_open(&t, &(weft_datagram_options){.remote_address = &address}), 0);
    weft_transport_close(t.transport);
    talker_await(&t, t.lost);
    for (int i = 1; i <= 6; i++) {
        ck_assert_int_eq(send_text(&t, "x", NULL), 0);
        ck_assert_int_eq(reports_count, i < 5 ? 0 : i - 4);
    }
    ck_assert_str_eq(reports_message, "sendto() was called on a closed transport");
    ck_assert_int_lt((int)recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT), 0);
    ck_assert_int_ne(weft_address_port(name_of(&t, "sockname")), 0);
    weft_transport_unref(t.transport);
    close(fd);
    return 0;
}

/* Reading can be paused; what came meanwhile is there afterwards. */
START_SIM(paused)
{
    struct talker t = TALKER;
    int fd = unix_endpoint(&t);

    weft_transport_pause_reading(t.transport);
    ck_assert_int_eq((int)send(fd, "a", 1, 0), 1);
    ck_assert_int_eq(weft_sleep(1), 0);
    ck_assert_int_eq(t.received, 0);
    weft_transport_resume_reading(t.transport);
    talker_await(&t, t.received == 1);
    /* A crowd, of which one turn takes a part only. */
    t.quiet = true;
    for (int i = 0; i < 100; i++) {
        while (send(fd, "b", 1, MSG_DONTWAIT) != 1)
            sim_pass(1);
    }
    talker_await(&t, t.received == 101);
    /* The same, paused and resumed each time. */
    t.stutter = true;
    for (int i = 0; i < 100; i++) {
        while (send(fd, "c", 1, MSG_DONTWAIT) != 1)
            sim_pass(1);
    }
    talker_await(&t, t.received == 201);
    talker_close(&t);
    close(fd);
    return 0;
}

COROUTINE(open_and_return)
{
    return talker_open(arg, &on_loopback);
}

/* A loop that is closed over an endpoint closes its socket, and drops what waits. */
START_TEST(closed_loop)
{
    struct talker t = TALKER;
    weft_loop *loop = weft_new_event_loop(NULL);
    int descriptors = count_descriptors();

    weft_task *task = weft_create_task_on(loop, open_and_return, &t, NULL);
    ck_assert_int_eq(weft_loop_run_until_complete(loop, task, NULL), 0);
    weft_unref(task);
    wf_fault_arm(FAULT_SEND, 1, EAGAIN, false);
    ck_assert_int_eq(send_text(&t, "x", name_of(&t, "sockname")), 0);
    wf_fault_reset();
    ck_assert_uint_eq(weft_transport_get_write_buffer_size(t.transport), 9);
    ck_assert_int_eq(weft_loop_close(loop), 0);
    ck_assert_int_eq(t.dropped, 1);
    ck_assert_int_eq(t.lost, 0);
    weft_transport_unref(t.transport);
    ck_assert_int_eq(weft_loop_free(loop), 0);
    ck_assert_int_le(count_descriptors(), descriptors);
}
END_TEST

SUITE("datagram_flow", full_socket, close_and_abort, peer_gone, after_close, paused, closed_loop)
