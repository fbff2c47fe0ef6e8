/*
 * transport_write_test.c - what is written: at once, later, in order, and how the marks tell.
 */
#include "tests/net/probe.h"

#define MUCH ((size_t)1 << 20)

static char much[MUCH];

/* Bytes that show their place. */
static void fill(void)
{
    for (size_t i = 0; i < MUCH; i++)
        much[i] = (char)(i * 7 + i / 251);
}

/* The peer takes all that there is for it now, and compares it with what was written. */
static size_t take(int fd, size_t from)
{
    static char back[65536];
    size_t at = from;
    ssize_t n;
    while ((n = recv(fd, back, sizeof(back), 0)) > 0) {
        ck_assert_uint_le(at + (size_t)n, MUCH);
        ck_assert_mem_eq(back, much + at, (size_t)n);
        at += (size_t)n;
    }
    return at - from;
}

/* Takes so many bytes, over as many turns as that needs. */
static void take_all(int fd, size_t bytes)
{
    for (size_t at = 0; at < bytes;) {
        at += take(fd, at);
        ck_assert_int_eq(weft_yield(), 0);
    }
}

/* A write that the system takes is gone when the call returns: the buffer is empty (WRIT-01, TRAN-03). */
START_SIM(a_write_is_sent_at_once)
{
    int ends[2];
    struct probe p = {0};
    probe_open_pair(&p, ends);
    ck_assert_int_eq(weft_transport_write(p.transport, "now", 3), 0);
    ck_assert_str_eq(peer_received(ends[1]), "now");
    ck_assert_uint_eq(weft_transport_get_write_buffer_size(p.transport), 0);
    ck_assert_int_eq(weft_transport_write(p.transport, NULL, 0), 0);
    ck_assert_int_eq(weft_transport_write(p.transport, NULL, 1), -EINVAL);
    ck_assert_int_eq(weft_transport_write(NULL, "x", 1), -EINVAL);
    ck_assert_str_eq(peer_received(ends[1]), "nothing");
    probe_close_pair(&p, ends);
    return 0;
}

/* What the system does not take is buffered, and counted (TRAN-03); all of it arrives in order, what
 * was sent at once and what was not (WRIT-25). */
START_SIM(the_rest_comes_later_in_order)
{
    int ends[2];
    struct probe p = {0};
    fill();
    probe_open_pair(&p, ends);
    size_t at = 0;
    for (size_t piece = 1; at < MUCH; at += piece, piece = piece * 3 % 5000 + 1) {
        if (piece > MUCH - at)
            piece = MUCH - at;
        ck_assert_int_eq(weft_transport_write(p.transport, much + at, piece), 0);
    }
    size_t buffered = weft_transport_get_write_buffer_size(p.transport);
    ck_assert_uint_gt(buffered, 0);
    size_t got = take(ends[1], 0);
    ck_assert_uint_eq(got + buffered, MUCH);
    while (got < MUCH) {
        ck_assert_int_eq(weft_yield(), 0);
        got += take(ends[1], got);
    }
    ck_assert_uint_eq(weft_transport_get_write_buffer_size(p.transport), 0);
    probe_close_pair(&p, ends);
    return 0;
}

/* Pieces are sent as one write of them all, at once or from the buffer (WRIT-03). */
START_SIM(pieces_are_one_write)
{
    int ends[2];
    struct probe p = {0};
    struct iovec few[] = {{"one ", 4}, {NULL, 0}, {"two ", 4}, {"three", 5}};
    static struct iovec many[3000];
    probe_open_pair(&p, ends);
    ck_assert_int_eq(weft_transport_writelines(p.transport, few, 4), 0);
    ck_assert_str_eq(peer_received(ends[1]), "one two three");
    ck_assert_int_eq(weft_transport_writelines(p.transport, few, 0), 0);
    ck_assert_int_eq(weft_transport_writelines(p.transport, few, -1), -EINVAL);
    ck_assert_int_eq(weft_transport_writelines(p.transport, NULL, 1), -EINVAL);
    few[1].iov_len = 1;
    ck_assert_int_eq(weft_transport_writelines(p.transport, few, 4), -EINVAL);
    fill();
    for (int i = 0; i < 3000; i++) /* more than one call of the system takes */
        many[i] = (struct iovec){much + i * 10, 10};
    ck_assert_int_eq(weft_transport_writelines(p.transport, many, 3000), 0);
    take_all(ends[1], 30000);
    for (int i = 0; i < 10; i++) /* more than the socket takes */
        many[i] = (struct iovec){much + (size_t)i * (MUCH / 10), MUCH / 10};
    ck_assert_int_eq(weft_transport_writelines(p.transport, many, 10), 0);
    ck_assert_uint_gt(weft_transport_get_write_buffer_size(p.transport), 0);
    take_all(ends[1], MUCH / 10 * 10);
    probe_close_pair(&p, ends);
    return 0;
}

static void ck_marks(weft_transport *transport, size_t low, size_t high)
{
    size_t low_is, high_is;
    ck_assert_int_eq(weft_transport_get_write_buffer_limits(transport, &low_is, &high_is), 0);
    ck_assert_uint_eq(low_is, low);
    ck_assert_uint_eq(high_is, high);
}

/* Each mark is to be had from the other; anything but high >= low >= 0 is refused (TRAN-01). */
START_SIM(marks_have_defaults)
{
    int ends[2];
    struct probe p = {0};
    probe_open_pair(&p, ends);
    weft_transport *t = p.transport;
    ck_marks(t, 16384, 65536);
    ck_assert_int_eq(weft_transport_set_write_buffer_limits(t, 1000, WEFT_DEFAULT_MARK), 0);
    ck_marks(t, 250, 1000);
    ck_assert_int_eq(weft_transport_set_write_buffer_limits(t, WEFT_DEFAULT_MARK, 100), 0);
    ck_marks(t, 100, 400);
    ck_assert_int_eq(weft_transport_set_write_buffer_limits(t, 7, 5), 0);
    ck_marks(t, 5, 7);
    ck_assert_int_eq(weft_transport_set_write_buffer_limits(t, 5, 7), -EINVAL);
    ck_assert_int_eq(weft_transport_set_write_buffer_limits(t, -2, WEFT_DEFAULT_MARK), -EINVAL);
    ck_assert_int_eq(weft_transport_set_write_buffer_limits(t, 5, -2), -EINVAL);
    ck_marks(t, 5, 7);
    ck_assert_int_eq(
        weft_transport_set_write_buffer_limits(t, WEFT_DEFAULT_MARK, WEFT_DEFAULT_MARK), 0);
    ck_marks(t, 16384, 65536);
    probe_close_pair(&p, ends);
    return 0;
}

/* Above the high mark the protocol is told to pause, once; at the low one to resume, once. New marks are
 * looked at at once (TRAN-01). */
START_SIM(marks_pause_and_resume)
{
    int ends[2];
    struct probe p = {0};
    fill();
    probe_open_pair(&p, ends);
    ck_assert_int_eq(weft_transport_set_write_buffer_limits(p.transport, 100000, 1000), 0);
    size_t at = 0;
    while (weft_transport_get_write_buffer_size(p.transport) <= 100000) {
        ck_assert_int_eq(p.pauses, 0);
        ck_assert_int_eq(weft_transport_write(p.transport, much + at, 1000), 0);
        at += 1000;
    }
    ck_assert_int_eq(p.pauses, 1);
    ck_assert_int_eq(weft_transport_write(p.transport, much + at, 1000), 0);
    at += 1000;
    ck_assert_int_eq(p.pauses, 1);
    /* Both marks higher: there is room again. Lower ones: none. */
    ck_assert_int_eq(weft_transport_set_write_buffer_limits(p.transport, 400000, 200000), 0);
    ck_assert_int_eq(p.resumes, 1);
    ck_assert_int_eq(weft_transport_set_write_buffer_limits(p.transport, 4000, 1000), 0);
    ck_assert_int_eq(p.pauses, 2);
    for (size_t got = 0; got < at;) {
        got += take(ends[1], got);
        ck_assert_int_eq(weft_yield(), 0);
        ck_assert_int_eq(p.resumes,
                         1 + (weft_transport_get_write_buffer_size(p.transport) <= 1000));
    }
    ck_assert_int_eq(p.pauses, 2);
    ck_assert_trace("made pause resume pause resume");
    probe_close_pair(&p, ends);
    return 0;
}

/* With a high mark of 0 writing pauses whenever the buffer is not empty (TRAN-02). */
START_SIM(a_mark_of_zero)
{
    int ends[2];
    struct probe p = {0};
    fill();
    probe_open_pair(&p, ends);
    ck_assert_int_eq(weft_transport_set_write_buffer_limits(p.transport, 0, WEFT_DEFAULT_MARK), 0);
    ck_marks(p.transport, 0, 0);
    ck_assert_int_eq(weft_transport_write(p.transport, much, 100), 0);
    ck_assert_int_eq(p.pauses, 0);
    ck_assert_int_eq(weft_transport_write(p.transport, much + 100, MUCH - 100), 0);
    ck_assert_int_eq(p.pauses, 1);
    take_all(ends[1], MUCH);
    ck_assert_int_eq(p.resumes, 1);
    probe_close_pair(&p, ends);
    return 0;
}

/* close() sends what is buffered first; then the peer sees the end (WRIT-12). */
START_SIM(close_flushes)
{
    int ends[2];
    struct probe p = {0};
    fill();
    probe_open_pair(&p, ends);
    ck_assert_int_eq(weft_transport_write(p.transport, much, MUCH), 0);
    weft_transport_close(p.transport);
    ck_assert(weft_transport_is_closing(p.transport));
    ck_assert_int_eq(weft_transport_write(p.transport, "dropped", 7), 0);
    take_all(ends[1], MUCH);
    probe_await(&p, p.lost);
    ck_assert_int_eq(p.lost_code, 0);
    ck_assert_str_eq(peer_received(ends[1]), "end");
    weft_transport_unref(p.transport);
    close(ends[1]);
    return 0;
}

/* write_eof() ends the stream after what is buffered; reading goes on, writing is refused, and the second
 * time nothing happens (WRIT-17, WRIT-18). */
static void end_stream(size_t bytes)
{
    int ends[2];
    struct probe p = {0};
    probe_open_pair(&p, ends);
    ck_assert(weft_transport_can_write_eof(p.transport));
    ck_assert_int_eq(weft_transport_write(p.transport, much, bytes), 0);
    ck_assert_int_eq(weft_transport_write_eof(p.transport), 0);
    ck_assert_int_eq(weft_transport_write_eof(p.transport), 0);
    ck_assert_int_eq(weft_transport_write(p.transport, "x", 1), WEFT_ERUNTIME);
    ck_assert_int_eq(weft_transport_writelines(p.transport, &(struct iovec){"x", 1}, 1),
                     WEFT_ERUNTIME);
    take_all(ends[1], bytes);
    ck_assert_int_eq(weft_yield(), 0);
    ck_assert_str_eq(peer_received(ends[1]), "end");
    peer_send(ends[1], "back");
    probe_await(&p, p.bytes == 4);
    weft_transport_close(p.transport);
    ck_assert_int_eq(weft_transport_write_eof(p.transport), 0);
    probe_await(&p, p.lost);
    weft_transport_unref(p.transport);
    close(ends[1]);
}

START_SIM(the_end_comes_after_the_buffer)
{
    fill();
    end_stream(10);
    end_stream(MUCH);
    return 0;
}

/* Writes after close do nothing; from the fifth on that is reported (WRIT-16). */
START_SIM(writes_after_close_are_reported)
{
    int ends[2];
    struct probe p = {0};
    probe_open_pair(&p, ends);
    weft_transport_close(p.transport);
    for (int i = 1; i <= 7; i++) {
        ck_assert_int_eq(weft_transport_write(p.transport, "x", 1), 0);
        ck_assert_int_eq(reports_count, i < 5 ? 0 : i - 4);
        if (i == 3)
            probe_await(&p, p.lost);
    }
    ck_assert_str_eq(reports_message, "write() was called on a closed transport");
    ck_assert_str_eq(peer_received(ends[1]), "end");
    weft_transport_unref(p.transport);
    close(ends[1]);
    return 0;
}

/* A write to a peer that is gone closes the connection with that error, from the loop, with no report;
 * the call itself succeeds (TRAN-11, WRIT-23). */
START_SIM(a_broken_connection_is_no_report)
{
    int ends[2];
    struct probe p = {.keep_open = true};
    probe_open_pair(&p, ends);
    close(ends[1]);
    ck_assert_int_eq(weft_transport_write(p.transport, "x", 1), 0);
    ck_assert(weft_transport_is_closing(p.transport));
    ck_assert_int_eq(p.lost, 0);
    probe_fails(&p, -EPIPE, NULL);
    return 0;
}

/* The same while it is flushed. */
START_SIM(a_connection_breaks_while_it_is_flushed)
{
    int ends[2];
    struct probe p = {.keep_open = true};
    probe_open_pair(&p, ends);
    ck_assert_int_eq(weft_transport_write(p.transport, much, MUCH), 0);
    close(ends[1]);
    probe_await(&p, p.lost);
    ck_assert(p.lost_code == -EPIPE || p.lost_code == -ECONNRESET);
    ck_assert_uint_eq(weft_transport_get_write_buffer_size(p.transport), 0);
    ck_assert_int_eq(reports_count, 0);
    weft_transport_unref(p.transport);
    return 0;
}

/* Another error of a write is reported as well (TRAN-11). */
START_SIM(another_error_is_reported)
{
    int ends[2];
    struct probe p = {0};
    probe_open_pair(&p, ends);
    wf_fault_arm(FAULT_SEND, 1, EIO, false);
    ck_assert_int_eq(weft_transport_write(p.transport, "x", 1), 0);
    wf_fault_reset();
    probe_fails(&p, -EIO, "fatal error writing to a socket transport");
    close(ends[1]);
    return 0;
}

/* A write for which there is no memory takes nothing if nothing was sent; if a part was, the connection
 * ends. */
START_SIM(no_memory_for_the_buffer)
{
    int ends[2];
    struct probe p = {0};
    fill();
    probe_open_pair(&p, ends);
    wf_fault_arm(FAULT_SEND, 1, EAGAIN, false);
    wf_fault_arm(FAULT_ALLOC, 1, ENOMEM, false);
    ck_assert_int_eq(weft_transport_write(p.transport, much, 10), -ENOMEM);
    wf_fault_reset();
    ck_assert(!weft_transport_is_closing(p.transport));
    ck_assert_int_eq(weft_transport_write(p.transport, much, 100000), 0);
    ck_assert_uint_eq(take(ends[1], 0), 0);
    take_all(ends[1], 100000);
    wf_fault_arm(FAULT_ALLOC, 1, ENOMEM, false);
    ck_assert_int_eq(weft_transport_write(p.transport, much, MUCH), -ENOMEM);
    wf_fault_reset();
    probe_await(&p, p.lost);
    ck_assert_int_eq(p.lost_code, -ENOMEM);
    weft_transport_unref(p.transport);
    close(ends[1]);
    return 0;
}

SUITE("transport_write", a_write_is_sent_at_once, the_rest_comes_later_in_order,
      pieces_are_one_write, marks_have_defaults, marks_pause_and_resume, a_mark_of_zero,
      close_flushes, the_end_comes_after_the_buffer, writes_after_close_are_reported,
      a_broken_connection_is_no_report, a_connection_breaks_while_it_is_flushed,
      another_error_is_reported, no_memory_for_the_buffer)
