/*
 * transport_read_test.c - what a socket transport tells its protocol, and in which order.
 */
#include "tests/net/probe.h"

/* A protocol sees connection_made, data, the end at most once, and connection_lost (TRAN-08); without
 * a word from it the transport closes itself at the end (TRAN-09). */
START_SIM(a_connection_has_an_order)
{
    int ends[2];
    struct probe p = {0};
    probe_open_pair(&p, ends);
    peer_send(ends[1], "one");
    probe_await(&p, p.bytes == 3);
    peer_send(ends[1], "two");
    close(ends[1]);
    probe_await(&p, p.lost);
    ck_assert_trace("made one two eof lost");
    ck_assert(weft_transport_is_closing(p.transport));
    sim_pass(3);
    ck_assert_int_eq(p.lost, 1);
    weft_transport_unref(p.transport);
    return 0;
}

/* Where eof_received says so, the writing side stays open (TRAN-09), and the end is told once, however
 * often reading is paused and resumed (TRAN-08). */
START_SIM(the_writing_side_may_stay_open)
{
    int ends[2];
    struct probe p = {.keep_open = true};
    probe_open_pair(&p, ends);
    ck_assert_int_eq(shutdown(ends[1], SHUT_WR), 0);
    probe_await(&p, p.eofs);
    ck_assert(!weft_transport_is_closing(p.transport));
    weft_transport_pause_reading(p.transport);
    weft_transport_resume_reading(p.transport);
    sim_ask_poller();
    ck_assert_int_eq(p.eofs, 1);
    ck_assert_int_eq(weft_transport_write(p.transport, "still", 5), 0);
    ck_assert_str_eq(peer_received(ends[1]), "still");
    weft_transport_close(p.transport);
    probe_await(&p, p.lost);
    ck_assert_str_eq(peer_received(ends[1]), "end");
    ck_assert_trace("made eof lost");
    weft_transport_unref(p.transport);
    close(ends[1]);
    return 0;
}

/* What has come before connection_made waits for it; one that pauses there gets no data until it
 * resumes (TRAN-05). */
START_SIM(a_pause_in_connection_made_holds)
{
    int ends[2];
    struct probe p = {.pause_at_once = true};
    unix_pair(ends);
    peer_send(ends[1], "early");
    probe_open(&p, ends[0]);
    ck_assert(!weft_transport_is_reading(p.transport));
    sim_ask_poller();
    ck_assert_trace("made");
    weft_transport_resume_reading(p.transport);
    probe_await(&p, p.bytes == 5);
    ck_assert_trace("early");
    probe_close_pair(&p, ends);
    return 0;
}

/* Pausing and resuming are idempotent, say how they stand, and do nothing on a closing transport
 * (TRAN-04). */
START_SIM(pausing_is_idempotent)
{
    int ends[2];
    struct probe p = {0};
    probe_open_pair(&p, ends);
    ck_assert(weft_transport_is_reading(p.transport));
    weft_transport_resume_reading(p.transport);
    weft_transport_pause_reading(p.transport);
    weft_transport_pause_reading(p.transport);
    ck_assert(!weft_transport_is_reading(p.transport));
    peer_send(ends[1], "held");
    sim_ask_poller();
    ck_assert_trace("made");
    weft_transport_resume_reading(p.transport);
    weft_transport_resume_reading(p.transport);
    ck_assert(weft_transport_is_reading(p.transport));
    probe_await(&p, p.bytes == 4);
    weft_transport_close(p.transport);
    ck_assert(!weft_transport_is_reading(p.transport));
    weft_transport_pause_reading(p.transport);
    weft_transport_resume_reading(p.transport);
    probe_ends(&p, "held lost");
    close(ends[1]);
    return 0;
}

/* A pause between what the poller found and the read holds too; data are read once, whatever pauses and
 * resumes there were (TRAN-04). */
START_SIM(a_pause_comes_before_a_read_that_is_due)
{
    int ends[2];
    struct probe p = {0};
    probe_open_pair(&p, ends);
    peer_send(ends[1], "due");
    ck_assert_int_eq(weft_yield(), 0); /* the poller has been asked, and the read is queued */
    weft_transport_pause_reading(p.transport);
    sim_ask_poller();
    ck_assert_uint_eq(p.bytes, 0);
    weft_transport_resume_reading(p.transport);
    weft_transport_pause_reading(p.transport);
    weft_transport_resume_reading(p.transport);
    probe_await(&p, p.bytes == 3);
    sim_ask_poller();
    ck_assert_trace("made due");
    probe_close_pair(&p, ends);
    return 0;
}

/* A protocol with a buffer of its own has the data received into it, as much as fits (TRAN-14). */
START_SIM(data_go_into_the_protocols_buffer)
{
    int ends[2];
    struct probe p = {.protocol.ops = &buffered_probe_ops, .own_size = 4};
    probe_open_pair(&p, ends);
    peer_send(ends[1], "abcdefgh-");
    probe_await(&p, p.bytes == 9);
    ck_assert_trace("made abcd efgh -");
    close(ends[1]);
    probe_ends(&p, "eof lost");
    return 0;
}

/* An empty buffer is an error (TRAN-14). */
START_SIM(an_empty_buffer_is_an_error)
{
    int ends[2];
    struct probe p = {.protocol.ops = &buffered_probe_ops, .own_size = 0};
    probe_open_pair(&p, ends);
    peer_send(ends[1], "x");
    probe_await(&p, p.lost);
    ck_assert_int_eq(p.lost_code, WEFT_ERUNTIME);
    ck_assert_int_eq(reports_count, 1);
    ck_assert_str_eq(reports_error, "get_buffer() gave an empty buffer");
    weft_transport_unref(p.transport);
    close(ends[1]);
    return 0;
}

static int count_turns(void *arg)
{
    ++*(int *)arg;
    return weft_call_soon(weft_get_running_loop(), count_turns, arg, NULL);
}

/* A peer that always has more does not keep the others from running: so many reads are made in a
 * turn. */
START_SIM(a_firehose_lets_others_run)
{
    static char much[40 * 64];
    int ends[2], turns = 0;
    struct probe p = {.protocol.ops = &buffered_probe_ops, .own_size = 64, .quiet = true};
    probe_open_pair(&p, ends);
    weft_transport_pause_reading(p.transport);
    ck_assert_int_eq(send(ends[1], much, sizeof(much), MSG_NOSIGNAL), sizeof(much));
    ck_assert_int_eq(count_turns(&turns), 0);
    weft_transport_resume_reading(p.transport);
    probe_await(&p, p.bytes == sizeof(much));
    ck_assert_int_ge(turns, 9);
    probe_close_pair(&p, ends);
    return 0;
}

/* A protocol that pauses and resumes within data_received gets all, once and in order (TRAN-04). */
START_SIM(a_stutter_loses_nothing)
{
    enum { MUCH = 50 * 16 };
    int ends[2];
    struct probe p = {.protocol.ops = &buffered_probe_ops,
                      .own_size = 16,
                      .quiet = true,
                      .patterned = true,
                      .stutter = true};
    probe_open_pair(&p, ends);
    for (size_t sent = 0; sent < (size_t)3 * MUCH; sent += MUCH) {
        ck_assert_int_eq(send(ends[1], pattern() + sent, MUCH, MSG_NOSIGNAL), MUCH);
        probe_await(&p, p.bytes == sent + MUCH);
    }
    sim_ask_poller();
    ck_assert_uint_eq(p.bytes, (size_t)3 * MUCH);
    close(ends[1]);
    probe_ends(&p, "made eof lost");
    return 0;
}

/* An error of the protocol is reported, and aborts the connection with that error (TRAN-10). */
static void fails(struct probe *p, int expected, const char *where)
{
    int ends[2];
    char message[64];
    unix_pair(ends);
    reports_count = 0;
    probe_open(p, ends[0]);
    peer_send(ends[1], "x");
    close(ends[1]);
    snprintf(message, sizeof(message), "a protocol of a socket transport failed in %s()", where);
    probe_fails(p, expected, message);
}

START_SIM(errors_of_the_protocol_abort)
{
    fails(&(struct probe){.fail_in_data = -EPROTO}, -EPROTO, "data_received");
    fails(&(struct probe){.fail_in_eof = WEFT_ERUNTIME}, WEFT_ERUNTIME, "eof_received");
    fails(&(struct probe){.fail_in_made = -EPERM}, -EPERM, "connection_made");
    /* A connection's error is reported too if it is the protocol's. */
    fails(&(struct probe){.fail_in_data = -ECONNRESET}, -ECONNRESET, "data_received");
    return 0;
}

/* A connection that is reset ends with that error, and nothing is reported (TRAN-11). */
START_SIM(a_reset_is_no_report)
{
    int ends[2];
    struct probe p = {0};
    tcp_pair(ends);
    probe_open(&p, ends[0]);
    peer_reset(ends[1]);
    probe_fails(&p, -ECONNRESET, NULL);
    ck_assert_trace("made ECONNRESET");
    return 0;
}

/* Any other error of a read is reported as well (TRAN-11). */
START_SIM(another_error_is_reported)
{
    int ends[2];
    struct probe p = {0};
    probe_open_pair(&p, ends);
    wf_fault_arm(FAULT_RECV, 1, EIO, false);
    peer_send(ends[1], "x");
    probe_fails(&p, -EIO, "fatal error reading from a socket transport");
    wf_fault_reset();
    close(ends[1]);
    return 0;
}

SUITE("transport_read", a_connection_has_an_order, the_writing_side_may_stay_open,
      a_pause_in_connection_made_holds, pausing_is_idempotent,
      a_pause_comes_before_a_read_that_is_due, data_go_into_the_protocols_buffer,
      an_empty_buffer_is_an_error, a_firehose_lets_others_run, a_stutter_loses_nothing,
      errors_of_the_protocol_abort, a_reset_is_no_report, another_error_is_reported)
