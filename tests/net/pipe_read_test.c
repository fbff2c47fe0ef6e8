/*
 * pipe_read_test.c - pipes, sockets, terminals and devices that are read.
 */
#include <pty.h>
#include <termios.h>

#include "tests/net/pipes.h"

/* A pipe is read until its end: eof_received, then connection_lost, once each (PIPE-01, PIPE-02; PROC-36:
 * what one pipe tells comes in order). */
START_SIM(a_pipe_is_read_to_its_end)
{
    struct probe p = {0};
    int ends[2];
    open_pipe(ends, 1);
    ck_assert_int_eq(fcntl(ends[0], F_GETFL) & O_NONBLOCK, 0);
    probe_read_pipe(&p, ends[0]);
    ck_assert_int_ne(fcntl(ends[0], F_GETFL) & O_NONBLOCK, 0);
    ck_assert_int_eq(*(const int *)weft_transport_get_extra_info(p.transport, "pipe", NULL),
                     ends[0]);
    ck_assert_ptr_null(weft_transport_get_extra_info(p.transport, "socket", NULL));
    put(ends[1], "one");
    probe_await(&p, p.bytes == 3);
    put(ends[1], "two");
    put(ends[1], "three");
    close(ends[1]);
    probe_await(&p, p.lost);
    ck_assert_trace("made one twothree eof lost");
    ck_assert_int_eq(p.lost_code, 0);
    sim_pass(3);
    ck_assert_int_eq(p.eofs, 1);
    ck_assert(!is_open(ends[0]));
    probe_gone(&p);
    return 0;
}

/* What a protocol answers to the end does not keep it open. */
START_SIM(the_end_cannot_be_put_off)
{
    struct probe p = {.keep_open = true};
    int ends[2];
    open_read_pipe(&p, ends);
    close(ends[1]);
    probe_ends(&p, "made eof lost");
    return 0;
}

/* Into the buffer of a protocol that has one, too. */
START_SIM(a_protocol_with_a_buffer)
{
    struct probe p = {.protocol.ops = &buffered_probe_ops, .own_size = 4};
    int ends[2];
    open_read_pipe(&p, ends);
    put(ends[1], "abcdefghij");
    close(ends[1]);
    probe_ends(&p, "made abcd efgh ij eof lost");
    p = (struct probe){.protocol.ops = &buffered_probe_ops}; /* an empty one is an error */
    open_read_pipe(&p, ends);
    put(ends[1], "x");
    probe_await(&p, p.lost);
    ck_assert_trace("made WEFT_ERUNTIME");
    ck_assert_int_eq(reports_count, 1);
    close(ends[1]);
    probe_gone(&p);
    return 0;
}

/* Much, in pieces, in order. */
START_SIM(much_is_read_in_turns)
{
    struct probe p = {.quiet = true, .patterned = true};
    int ends[2];
    open_read_pipe(&p, ends);
    size_t sent = 0;
    while (sent < 8 * LARGE) {
        size_t at = sent % LARGE, rest = LARGE - at;
        ssize_t n = write(ends[1], pattern() + at, rest < 32768 ? rest : 32768);
        if (n < 0)
            sim_pass(1); /* the loop polls when nothing else is to be done, or after some steps */
        else
            sent += (size_t)n;
    }
    close(ends[1]);
    probe_await(&p, p.lost);
    ck_assert_uint_eq(p.bytes, sent);
    probe_gone(&p);
    return 0;
}

/* A protocol that pauses and resumes with all that it gets is read on, in turns (PIPE-03). */
START_SIM(a_stutter_loses_nothing)
{
    struct probe p = {.protocol.ops = &buffered_probe_ops,
                      .own_size = 16,
                      .quiet = true,
                      .patterned = true,
                      .stutter = true};
    int ends[2];
    open_read_pipe(&p, ends);
    ck_assert_int_eq(write(ends[1], pattern(), 4096), 4096);
    close(ends[1]);
    probe_ends(&p, "made eof lost");
    ck_assert_uint_eq(p.bytes, 4096);
    return 0;
}

/* Sockets are read as well; a character device also, where it cannot be polled. */
START_SIM(sockets_and_devices_are_read)
{
    struct probe p = {0};
    int ends[2];
    unix_pair(ends);
    probe_read_pipe(&p, ends[0]);
    put(ends[1], "text");
    close(ends[1]);
    probe_ends(&p, "made text eof lost");
    /* Messages that are shorter than there was room for. */
    p = (struct probe){0};
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, ends), 0);
    put(ends[1], "a");
    put(ends[1], "bc");
    close(ends[1]);
    probe_read_pipe(&p, ends[0]);
    probe_ends(&p, "made a bc eof lost");
    p = (struct probe){0};
    probe_read_pipe(&p, open("/dev/null", O_RDONLY | O_CLOEXEC));
    probe_ends(&p, "made eof lost");
    p = (struct probe){.quiet = true};
    probe_read_pipe(&p, open("/dev/zero", O_RDONLY | O_CLOEXEC));
    probe_await(&p, p.bytes > 1u << 20);
    probe_close(&p);
    return 0;
}

/* A device that cannot be polled may have nothing for a moment: it is asked again. */
START_SIM(a_device_is_asked_again)
{
    struct probe p = {.quiet = true, .pause_at_once = true};
    probe_read_pipe(&p, open("/dev/zero", O_RDONLY | O_CLOEXEC));
    wf_fault_arm(FAULT_READ, 1, EAGAIN, false);
    weft_transport_resume_reading(p.transport);
    probe_await(&p, p.bytes);
    ck_assert_uint_ge(wf_fault_calls(FAULT_READ), 2);
    wf_fault_reset();
    probe_close(&p);
    return 0;
}

/* A terminal whose other end is closed: EIO ends it, and is not reported (PIPE-04). */
START_SIM(a_closed_terminal_is_no_news)
{
    struct probe p = {0};
    int of_user, terminal;
    struct termios raw;
    ck_assert_int_eq(openpty(&of_user, &terminal, NULL, NULL, NULL), 0);
    ck_assert_int_eq(tcgetattr(terminal, &raw), 0);
    cfmakeraw(&raw);
    ck_assert_int_eq(tcsetattr(terminal, TCSANOW, &raw), 0);
    probe_read_pipe(&p, of_user);
    put(terminal, "typed");
    probe_await(&p, p.bytes == 5);
    put(terminal, "last");
    close(terminal);
    probe_await(&p, p.lost);
    ck_assert_trace("made typed last EIO");
    ck_assert_int_eq(p.lost_code, -EIO);
    ck_assert_int_eq(reports_count, 0);
    probe_gone(&p);
    return 0;
}

/* A terminal gives a line at a time; none is left lying. */
START_SIM(a_terminal_gives_its_lines)
{
    struct probe p = {0};
    int of_user, terminal;
    ck_assert_int_eq(openpty(&of_user, &terminal, NULL, NULL, NULL), 0);
    put(of_user, "one\ntwo\nthree\n");
    probe_read_pipe(&p, terminal);
    probe_await(&p, p.bytes == 14);
    ck_assert_trace("made one\n two\n three\n");
    probe_close(&p);
    close(of_user);
    return 0;
}

/* Another error closes the pipe with it, and is reported (PIPE-04). */
START_SIM(a_read_error_is_reported)
{
    struct probe p = {0};
    int ends[2];
    open_read_pipe(&p, ends);
    put(ends[1], "x");
    wf_fault_arm(FAULT_READ, 1, EBADMSG, true);
    sim_pass(1);
    probe_await(&p, p.lost);
    wf_fault_reset();
    ck_assert_trace("made EBADMSG");
    ck_assert_int_eq(p.lost_code, -EBADMSG);
    ck_assert_int_eq(reports_count, 1);
    ck_assert_int_eq(reports_code, -EBADMSG);
    ck_assert_ptr_nonnull(strstr(reports_message, "read pipe"));
    close(ends[1]);
    probe_gone(&p);
    return 0;
}

/* A paused pipe is not read until it is resumed; a closed one takes no notice (PIPE-03). */
START_SIM(reading_pauses_and_resumes)
{
    struct probe p = {.pause_at_once = true};
    int ends[2];
    open_read_pipe(&p, ends);
    ck_assert(!weft_transport_is_reading(p.transport));
    put(ends[1], "one");
    sim_pass(200);
    ck_assert_trace("made");
    weft_transport_resume_reading(p.transport);
    weft_transport_resume_reading(p.transport);
    ck_assert(weft_transport_is_reading(p.transport));
    probe_await(&p, p.bytes == 3);
    weft_transport_pause_reading(p.transport);
    weft_transport_pause_reading(p.transport);
    put(ends[1], "two");
    close(ends[1]);
    sim_pass(200);
    ck_assert_trace("one");
    weft_transport_resume_reading(p.transport);
    probe_await(&p, p.lost);
    ck_assert_trace("two eof lost");
    weft_transport_pause_reading(p.transport);
    weft_transport_resume_reading(p.transport);
    ck_assert(!weft_transport_is_reading(p.transport));
    sim_pass(3);
    ck_assert_trace("");
    probe_gone(&p);
    return 0;
}

/* Closing ends it with what was not read; twice is once. The other end notices. */
START_SIM(closing_stops_reading)
{
    struct probe p = {0};
    int ends[2];
    open_read_pipe(&p, ends);
    put(ends[1], "never read");
    weft_transport_close(p.transport);
    ck_assert(weft_transport_is_closing(p.transport));
    weft_transport_close(p.transport);
    weft_transport_abort(p.transport);
    ck_assert_trace("made"); /* not inside the call */
    probe_await(&p, p.lost);
    sim_pass(3);
    ck_assert_trace("lost");
    ck_assert_ptr_ne(signal(SIGPIPE, SIG_IGN), SIG_ERR);
    ck_assert_int_eq(write(ends[1], "x", 1), -1);
    ck_assert_int_eq(errno, EPIPE);
    close(ends[1]);
    probe_gone(&p);
    return 0;
}

/* It is for reading only. */
START_SIM(a_read_pipe_takes_no_data)
{
    struct probe p = {0};
    int ends[2];
    open_read_pipe(&p, ends);
    ck_assert_int_eq(weft_transport_write(p.transport, "x", 1), WEFT_ERUNTIME);
    ck_assert_int_eq(weft_transport_write_eof(p.transport), WEFT_ERUNTIME);
    ck_assert(!weft_transport_can_write_eof(p.transport));
    ck_assert_uint_eq(weft_transport_get_write_buffer_size(p.transport), 0);
    close(ends[1]);
    probe_close(&p);
    return 0;
}

/* A protocol that fails is reported, and the pipe closed with its error. */
START_SIM(a_failing_protocol_closes_the_pipe)
{
    for (int which = 0; which < 3; which++) {
        struct probe p = {0};
        int ends[2];
        *(which == 0 ? &p.fail_in_made : which == 1 ? &p.fail_in_data : &p.fail_in_eof) = -EPROTO;
        open_pipe(ends, 1);
        put(ends[1], "x");
        close(ends[1]);
        probe_read_pipe(&p, ends[0]);
        probe_await(&p, p.lost);
        ck_assert_int_eq(p.lost_code, -EPROTO);
        ck_assert_int_eq(reports_count, which + 1);
        probe_gone(&p);
    }
    ck_assert_trace("made EPROTO made x EPROTO made x eof EPROTO");
    return 0;
}

/* A transport that is given back without being closed is reported, and its descriptor closed (PIPE-09). */
START_SIM(a_dropped_pipe_is_reported)
{
    struct probe p = {0};
    int ends[2];
    open_read_pipe(&p, ends);
    weft_transport_unref(p.transport);
    ck_assert_int_eq(reports_count, 1);
    ck_assert_ptr_nonnull(strstr(reports_message, "read pipe"));
    probe_await(&p, p.lost);
    sim_pass(2);
    ck_assert(!is_open(ends[0]));
    ck_assert_trace("made lost");
    close(ends[1]);
    return 0;
}

/* A loop that is closed with an open pipe closes it: the protocol is told so, and no more. */
static struct probe left;
static int left_ends[2];

COROUTINE(leaves_a_pipe)
{
    open_read_pipe(&left, left_ends);
    put(left_ends[1], "never read");
    return 0;
}

START_TEST(a_closed_loop_closes_its_pipes)
{
    int descriptors = count_descriptors();
    ck_assert_int_eq(weft_run(leaves_a_pipe, NULL, NULL), 0);
    ck_assert_int_eq(left.dropped, 1);
    ck_assert_int_eq(left.lost, 0);
    weft_transport_close(left.transport);
    weft_transport_unref(left.transport);
    close(left_ends[1]);
    ck_assert_int_eq(count_descriptors(), descriptors);
}
END_TEST

SUITE("pipe_read", a_pipe_is_read_to_its_end, the_end_cannot_be_put_off, a_protocol_with_a_buffer,
      much_is_read_in_turns, a_stutter_loses_nothing, sockets_and_devices_are_read,
      a_device_is_asked_again, a_closed_terminal_is_no_news, a_terminal_gives_its_lines,
      a_read_error_is_reported, reading_pauses_and_resumes, closing_stops_reading,
      a_read_pipe_takes_no_data, a_failing_protocol_closes_the_pipe, a_dropped_pipe_is_reported,
      a_closed_loop_closes_its_pipes)
