/*
 * stream_socket_test.c - both ends of a connection as streams, over a pair of real sockets.
 */
#include "api/socket_transport.h"
#include "api/stream_buffer.h"
#include "tests/net/streams.h"

struct end {
    weft_stream_reader *reader;
    weft_stream_writer *writer;
};

static bool make_end(int fd, size_t limit, weft_protocol **ret_protocol)
{
    weft_protocol *protocol = wf_stream_protocol_new(weft_get_running_loop(), limit, NULL);
    if (!protocol)
        return false;
    weft_transport *transport =
        wf_socket_transport_new(weft_get_running_loop(), fd, protocol, NULL);
    if (!transport) {
        wf_stream_protocol_give_up(protocol);
        return false;
    }
    weft_transport_unref(transport);
    *ret_protocol = protocol;
    return true;
}

/* False: no memory, and nothing is left. */
static bool make_pair(size_t limit, struct end ends[2])
{
    weft_socket *sockets[2];
    weft_protocol *protocols[2];

    if (weft_socketpair(sockets))
        return false;
    int fds[] = {weft_socket_detach(sockets[0]), weft_socket_detach(sockets[1])};
    for (int i = 0; i < 2; i++) {
        if (make_end(fds[i], limit, &protocols[i]))
            continue;
        for (int j = i; j < 2; j++)
            close(fds[j]);
        (void)weft_yield(); /* connection_made */
        if (i)
            wf_stream_protocol_give_up(protocols[0]);
        return false;
    }
    (void)weft_yield();
    for (int i = 0; i < 2; i++)
        wf_stream_protocol_take(protocols[i], &ends[i].reader, &ends[i].writer);
    return true;
}

static void end_close(struct end *end)
{
    weft_stream_close(end->writer);
    (void)weft_stream_wait_closed(end->writer);
    weft_stream_reader_unref(end->reader);
    weft_stream_writer_unref(end->writer);
}

static void pair_close(struct end ends[2])
{
    end_close(&ends[0]);
    end_close(&ends[1]);
}

/* Byte number i of a long stream. */
static char byte_at(size_t i)
{
    return (char)(i * 31 + (i >> 8) * 7 + (i >> 16));
}

/* RDER-01, RDER-09, WRIT-01: lines, there and back. */
START_SIM(lines)
{
    struct end ends[2];
    char *data;

    ck_assert(make_pair(WEFT_STREAM_LIMIT, ends));
    ck_assert_int_eq(weft_stream_write(ends[0].writer, TEXT("one\ntwo\nrest")), 0);
    ck_assert_read(weft_stream_readline(ends[1].reader, &data), "one\n");
    ck_assert_read(weft_stream_readline(ends[1].reader, &data), "two\n");
    ck_assert_int_eq(weft_stream_write(ends[1].writer, TEXT("answer\n")), 0);
    ck_assert_read(weft_stream_readline(ends[0].reader, &data), "answer\n");
    ck_assert_int_eq(weft_stream_write(ends[0].writer, TEXT(" of it\n")), 0);
    ck_assert_read(weft_stream_readline(ends[1].reader, &data), "rest of it\n");
    pair_close(ends);
    ck_assert_int_eq(reports_count, 0);
    return 0;
}

#define MUCH ((size_t)8 * 1024 * 1024)

struct sending {
    weft_stream_writer *writer;
    size_t most_buffered;
};

/* Sends much in parts of all sizes, and ends the stream. */
COROUTINE(send_much)
{
    struct sending *s = arg;
    static char part[100000];
    size_t sent = 0, size = 1;

    while (sent < MUCH) {
        size = size * 5 % 99991;
        size = size < MUCH - sent ? size : MUCH - sent;
        for (size_t i = 0; i < size; i++)
            part[i] = byte_at(sent + i);
        const struct iovec pieces[] = {{part, size / 3}, {part + size / 3, size - size / 3}};
        int rc = size % 2 ? weft_stream_write(s->writer, part, size)
                          : weft_stream_writelines(s->writer, pieces, 2);
        ck_assert_int_eq(rc, 0);
        sent += size;
        size_t waiting = weft_transport_get_write_buffer_size(weft_stream_transport(s->writer));
        s->most_buffered = waiting > s->most_buffered ? waiting : s->most_buffered;
        ck_assert_int_eq(weft_stream_drain(s->writer), 0);
    }
    return weft_stream_write_eof(s->writer);
}

/* WRIT-25, RDER-04, RDER-24: much more than all buffers hold arrives whole and in order, whatever the
 * calls are; neither side's buffer grows beyond what flow control allows. */
START_SIM(whole_and_in_order)
{
    struct end ends[2];
    ck_assert(make_pair(20000, ends));
    struct sending sending = {ends[0].writer, 0};
    weft_task *task = weft_create_task(send_much, &sending, NULL);
    static char into[70000];
    size_t received = 0, most = 0;
    char *data = into;
    ssize_t n = 1;

    for (int call = 0; n > 0; call++) {
        switch (call % 4) {
        case 0:
            n = weft_stream_read(ends[1].reader, 50000, &data);
            break;
        case 1:
            data = into;
            n = weft_stream_read_into(ends[1].reader, into, sizeof(into));
            break;
        case 2:
            n = received + 100000 <= MUCH ? weft_stream_readexactly(ends[1].reader, 100000, &data)
                                          : weft_stream_read(ends[1].reader, 100, &data);
            break;
        default:
            n = weft_stream_read(ends[1].reader, 1, &data);
        }
        ck_assert_int_ge(n, 0);
        for (size_t i = 0; i < (size_t)n; i++)
            if (data[i] != byte_at(received + i))
                ck_abort_msg("byte %zu is wrong", received + i);
        received += (size_t)n;
        most = buffered(ends[1].reader) > most ? buffered(ends[1].reader) : most;
    }
    ck_assert_int_eq(weft_join(task, NULL), 0);
    ck_assert_uint_eq(received, MUCH);
    ck_assert_uint_le(sending.most_buffered, 64 * 1024 + 100000);
    ck_assert_uint_le(most, 2 * 20000 + BUFFER_CHUNK_MAX + 100000);
    pair_close(ends);
    return 0;
}

/* WRIT-06: a peer that does not read makes drain wait, until it does. */
START_SIM(slow_peer)
{
    struct end ends[2];
    ck_assert(make_pair(WEFT_STREAM_LIMIT, ends));
    struct sending sending = {ends[0].writer, 0};
    weft_task *task = weft_create_task(send_much, &sending, NULL);
    char *data;

    sim_pass(100);
    ck_assert_int_eq(weft_done(task), 0);
    ck_assert(!weft_transport_is_reading(weft_stream_transport(ends[1].writer)));
    ck_assert_int_eq(weft_stream_read(ends[1].reader, -1, &data), (ssize_t)MUCH);
    for (size_t i = 0; i < MUCH; i++)
        if (data[i] != byte_at(i))
            ck_abort_msg("byte %zu is wrong", i);
    ck_assert_int_eq(weft_join(task, NULL), 0);
    pair_close(ends);
    return 0;
}

/* RDER-26, WRIT-17, WRIT-19: one side ends; the other still answers. */
START_SIM(half_close)
{
    struct end ends[2];
    char *data;

    ck_assert(make_pair(WEFT_STREAM_LIMIT, ends));
    ck_assert(weft_stream_can_write_eof(ends[0].writer));
    ck_assert_int_eq(weft_stream_write(ends[0].writer, TEXT("question")), 0);
    ck_assert_int_eq(weft_stream_write_eof(ends[0].writer), 0);
    ck_assert_read(weft_stream_read(ends[1].reader, -1, &data), "question");
    ck_assert(weft_stream_at_eof(ends[1].reader));
    ck_assert_int_eq(weft_stream_write(ends[1].writer, TEXT("answer")), 0);
    ck_assert_int_eq(weft_stream_write_eof(ends[1].writer), 0);
    ck_assert_read(weft_stream_read(ends[0].reader, -1, &data), "answer");
    ck_assert(!weft_stream_is_closing(ends[0].writer));
    pair_close(ends);
    return 0;
}

/* RDER-25, WRIT-12, WRIT-13: one side closes; both readers see the end. */
START_SIM(one_closes)
{
    struct end ends[2];
    struct reading mine = {.name = "mine", .bytes = 9}, theirs = {.name = "theirs", .bytes = 9};

    ck_assert(make_pair(WEFT_STREAM_LIMIT, ends));
    mine.reader = ends[0].reader;
    theirs.reader = ends[1].reader;
    weft_task *a = reading_start(&mine), *b = reading_start(&theirs);
    weft_stream_close(ends[0].writer);
    ck_assert_int_eq(weft_stream_wait_closed(ends[0].writer), 0);
    ck_assert_int_eq(weft_join(a, NULL), 0);
    ck_assert_int_eq(weft_join(b, NULL), 0);
    ck_assert_int_eq(mine.result, 0);
    ck_assert_int_eq(theirs.result, 0);
    pair_close(ends);
    return 0;
}

/* WRIT-09, WRIT-14, WRIT-23: the peer is gone: a write meets an error, which drain, the reader and
 * wait_closed tell, and nobody else. */
START_SIM(peer_is_gone)
{
    struct end ends[2];
    char *data;
    int rc = 0;

    ck_assert(make_pair(WEFT_STREAM_LIMIT, ends));
    weft_transport_pause_reading(weft_stream_transport(ends[0].writer)); /* it sees no end */
    end_close(&ends[1]);
    for (int i = 0; i < 100 && !rc; i++) {
        ck_assert_int_eq(weft_stream_write(ends[0].writer, TEXT("x")), 0);
        rc = weft_stream_drain(ends[0].writer);
    }
    ck_assert_int_eq(rc, -ECONNRESET);
    ck_assert_int_eq(weft_stream_exception(ends[0].reader, NULL), -EPIPE);
    ck_assert_int_eq(weft_stream_read(ends[0].reader, 1, &data), -EPIPE);
    ck_assert_int_eq(weft_stream_drain(ends[0].writer), -EPIPE);
    ck_assert_int_eq(weft_stream_wait_closed(ends[0].writer), -EPIPE);
    ck_assert_int_eq(weft_stream_wait_closed(ends[0].writer), -EPIPE);
    end_close(&ends[0]);
    ck_assert_int_eq(reports_count, 0);
    return 0;
}

/* WRIT-20, WRIT-21: what is known of the connection, also afterwards. */
START_SIM(extra_info)
{
    struct end ends[2];

    ck_assert(make_pair(WEFT_STREAM_LIMIT, ends));
    const weft_transport_socket *socket =
        weft_stream_get_extra_info(ends[0].writer, "socket", NULL);
    ck_assert_ptr_nonnull(socket);
    ck_assert_int_ge(socket->fd, 0);
    ck_assert_int_eq(socket->type, SOCK_STREAM);
    ck_assert_ptr_nonnull(weft_stream_get_extra_info(ends[0].writer, "sockname", NULL));
    weft_stream_close(ends[0].writer);
    ck_assert_int_eq(weft_stream_wait_closed(ends[0].writer), 0);
    ck_assert_ptr_eq(weft_stream_get_extra_info(ends[0].writer, "socket", NULL), socket);
    ck_assert_int_eq(socket->fd, -1);
    pair_close(ends);
    return 0;
}

/* Sends back line by line, and closes. */
COROUTINE(echo)
{
    struct end *end = arg;
    char *line;
    ssize_t n;
    int rc = 0;

    while (!rc && (n = weft_stream_readline(end->reader, &line)) != 0) {
        rc = n < 0 ? (int)n : weft_stream_write(end->writer, line, (size_t)n);
        if (!rc)
            rc = weft_stream_drain(end->writer);
    }
    weft_stream_close(end->writer);
    return rc;
}

/* At rest a stream allocates nothing, whatever the calls are; where a loop keeps no blocks, it is one block for
 * each message. */
START_SIM(allocates_nothing)
{
    struct end ends[2];
    char *data, into[100];

    ck_assert(make_pair(WEFT_STREAM_LIMIT, ends));
    weft_task *task = weft_create_task(echo, &ends[1], NULL);
    for (int i = 0; i < 2000; i++) {
        if (i == 1000)
            wf_fault_arm(FAULT_ALLOC, (unsigned long)-1, ENOMEM, false); /* only counts */
        ck_assert_int_eq(weft_stream_write(ends[0].writer, TEXT("some line or other\n")), 0);
        ck_assert_int_eq(weft_stream_drain(ends[0].writer), 0);
        ck_assert_read(weft_stream_readexactly(ends[0].reader, 5, &data), "some ");
        ck_assert_read(weft_stream_readuntil(ends[0].reader, "or", 2, &data), "line or");
        ck_assert_int_eq(weft_stream_read_into(ends[0].reader, into, 1), 1);
        ck_assert_read(weft_stream_readline(ends[0].reader, &data), "other\n");
    }
    ck_assert_uint_eq(wf_fault_calls(FAULT_ALLOC), BLOCK_KEEP_STREAM_MAX ? 0 : 2000);
    wf_fault_reset();
    weft_stream_close(ends[0].writer);
    ck_assert_int_eq(weft_join(task, NULL), 0);
    pair_close(ends);
    return 0;
}

COROUTINE(two_lines)
{
    struct end ends[2];
    static char much[200000];
    char *data;

    if (!make_pair(WEFT_STREAM_LIMIT, ends)) {
        ck_assert(fault_met());
        return 0;
    }
    weft_task *task = weft_create_task(echo, &ends[1], NULL);
    memset(much, 'm', sizeof(much) - 1);
    much[sizeof(much) - 1] = '\n';
    int rc = weft_stream_write(ends[0].writer, TEXT("a line\n"));
    ssize_t n = rc || !task ? -ENOMEM : weft_stream_readline(ends[0].reader, &data);
    if (n <= 0) { /* an end had no memory to write it, or to read it */
        ck_assert(fault_met());
    } else {
        ck_assert_int_eq(n, 7);
        ck_assert_str_eq(data, "a line\n");
        /* A line that is too long: what the echo says of it is the end, with the rest unread. */
        rc = weft_stream_write(ends[0].writer, much, sizeof(much));
        n = rc ? rc : weft_stream_readline(ends[0].reader, &data);
        if (n && n != -ECONNRESET)
            ck_assert_fault_only((int)n);
    }
    weft_stream_close(ends[0].writer);
    weft_stream_close(ends[1].writer);
    if (task)
        (void)weft_join(task, NULL);
    pair_close(ends);
    return 0;
}

static void scenario(void)
{
    ck_assert_fault_only(sim_run(two_lines, NULL));
}

/* Whatever allocation fails, it is told, and all is given back. */
START_TEST(no_memory)
{
    ck_assert_uint_ge(run_with_each_fault(FAULT_ALLOC, ENOMEM, scenario), 10);
}
END_TEST

SUITE("stream_socket", lines, whole_and_in_order, slow_peer, half_close, one_closes, peer_is_gone,
      extra_info, allocates_nothing, no_memory)
