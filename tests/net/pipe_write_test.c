/*
 * pipe_write_test.c - pipes, sockets, terminals and devices that are written.
 */
#include <pty.h>

#include "tests/net/pipes.h"

/* Reads so many bytes, while the loop goes on, and compares; returns what came: less at the end. */
static size_t drain_pipe(int fd, const char *want, size_t bytes)
{
    static char got[LARGE];
    size_t done = 0;
    while (done < bytes) {
        ssize_t n = read(fd, got + done, bytes - done);
        if (n > 0)
            done += (size_t)n;
        else if (n == 0)
            break;
        else
            sim_pass(1);
    }
    ck_assert_int_eq(memcmp(got, want, done), 0);
    return done;
}

static bool at_end(int fd)
{
    char byte;
    return read(fd, &byte, 1) == 0;
}

/* Data that do not fit are kept, and sent in order (PIPE-06); the protocol is told of the marks. */
START_SIM(all_is_sent_in_order)
{
    struct probe p = {0};
    int ends[2];
    open_write_pipe(&p, ends);
    ck_assert_int_eq(weft_transport_write(p.transport, "first ", 6), 0);
    ck_assert_uint_eq(weft_transport_get_write_buffer_size(p.transport), 0); /* at once */
    ck_assert_int_eq(weft_transport_write(p.transport, pattern(), LARGE), 0);
    ck_assert_uint_gt(weft_transport_get_write_buffer_size(p.transport), 0);
    struct iovec pieces[] = {{(char[]){"and "}, 4}, {NULL, 0}, {(char[]){"last"}, 4}};
    ck_assert_int_eq(weft_transport_writelines(p.transport, pieces, 3), 0);
    ck_assert_trace("made pause");
    ck_assert_uint_eq(drain_pipe(ends[0], "first ", 6), 6);
    ck_assert_uint_eq(drain_pipe(ends[0], pattern(), LARGE), LARGE);
    ck_assert_uint_eq(drain_pipe(ends[0], "and last", 8), 8);
    probe_await(&p, p.resumes);
    ck_assert_trace("resume");
    ck_assert_uint_eq(weft_transport_get_write_buffer_size(p.transport), 0);
    probe_close(&p);
    ck_assert(at_end(ends[0]));
    close(ends[0]);
    return 0;
}

/* close and write_eof send what is buffered, and then close; nothing is sent after them, and a second one
 * changes nothing (PIPE-06, PIPE-08). */
START_SIM(closing_sends_what_is_buffered)
{
    for (int by_eof = 0; by_eof < 2; by_eof++) {
        struct probe p = {0};
        int ends[2];
        open_write_pipe(&p, ends);
        ck_assert(weft_transport_can_write_eof(p.transport));
        ck_assert_int_eq(weft_transport_write(p.transport, pattern(), LARGE), 0);
        for (int i = 0; i < 2; i++) {
            if (by_eof)
                ck_assert_int_eq(weft_transport_write_eof(p.transport), 0);
            else
                weft_transport_close(p.transport);
            ck_assert(weft_transport_is_closing(p.transport));
        }
        ck_assert_int_eq(weft_transport_write(p.transport, "x", 1), by_eof ? WEFT_ERUNTIME : 0);
        ck_assert_uint_eq(drain_pipe(ends[0], pattern(), LARGE), LARGE);
        probe_await(&p, p.lost);
        ck_assert_int_eq(p.lost_code, 0);
        sim_pass(2);
        ck_assert(at_end(ends[0]));
        weft_transport_close(p.transport);
        weft_transport_abort(p.transport);
        sim_pass(2);
        ck_assert_trace("made pause resume lost");
        close(ends[0]);
        probe_gone(&p);
    }
    return 0;
}

/* abort drops it (PIPE-08). */
START_SIM(abort_drops_what_is_buffered)
{
    struct probe p = {0};
    int ends[2];
    open_write_pipe(&p, ends);
    ck_assert_int_eq(weft_transport_write(p.transport, pattern(), LARGE), 0);
    weft_transport_abort(p.transport);
    weft_transport_abort(p.transport);
    weft_transport_close(p.transport);
    ck_assert_uint_eq(weft_transport_get_write_buffer_size(p.transport), 0);
    probe_await(&p, p.lost);
    ck_assert_int_eq(p.lost_code, 0);
    sim_pass(2);
    ck_assert_uint_lt(drain_pipe(ends[0], pattern(), LARGE), LARGE);
    ck_assert_trace("made pause lost");
    close(ends[0]);
    probe_gone(&p);
    return 0;
}

/* One that is written: the end of a pipe, or a socket. */
static void open_writer(struct probe *p, int ends[2], bool socket)
{
    if (socket)
        unix_pair(ends);
    else
        open_pipe(ends, 0);
    probe_write_pipe(p, ends[1]);
}

/* A writer notices that the other end was closed, although it writes nothing (PIPE-05). */
START_SIM(a_closed_other_end_is_noticed)
{
    for (int socket = 0; socket < 2; socket++) {
        struct probe p = {0};
        int ends[2];
        open_writer(&p, ends, socket);
        if (socket) { /* what the peer sends does not matter */
            put(ends[0], "ignored");
            sim_pass(200);
            ck_assert_int_eq(p.lost, 0);
        }
        close(ends[0]);
        probe_await(&p, p.lost);
        ck_assert_int_eq(p.lost_code, 0);
        ck_assert_trace("made lost");
        probe_gone(&p);
    }
    ck_assert_int_eq(reports_count, 0);
    return 0;
}

/* If data were still to be sent, it is an error (PIPE-05), which nobody reports. */
START_SIM(a_closed_other_end_loses_data)
{
    for (int socket = 0; socket < 2; socket++) {
        struct probe p = {0};
        int ends[2];
        open_writer(&p, ends, socket);
        ck_assert_int_eq(weft_transport_write(p.transport, pattern(), LARGE), 0);
        close(ends[0]);
        probe_ends(&p, "made pause EPIPE");
    }
    ck_assert_int_eq(reports_count, 0);
    return 0;
}

static bool pending(int number)
{
    sigset_t set;
    ck_assert_int_eq(sigpending(&set), 0);
    return sigismember(&set, number);
}

/* Writing where nobody reads raises no SIGPIPE, whose default would end this process; also where the
 * system has no flag for that. */
START_SIM(no_sigpipe_is_raised)
{
    ck_assert_ptr_ne(signal(SIGPIPE, SIG_DFL), SIG_ERR);
    sigset_t broken, before;
    sigemptyset(&broken);
    sigaddset(&broken, SIGPIPE);
    ck_assert_int_eq(pthread_sigmask(SIG_UNBLOCK, &broken, &before), 0);
    for (int way = 0; way < 4; way++) {
        struct probe p = {0};
        int ends[2];
        open_write_pipe(&p, ends);
        close(ends[0]);
        if (way == 1) /* and never again in this process */
            wf_fault_arm(FAULT_QUIET_WRITE, 1, EOPNOTSUPP, false);
        if (way == 2) /* blocked by the program */
            ck_assert_int_eq(pthread_sigmask(SIG_BLOCK, &broken, NULL), 0);
        if (way == 3) /* and on its way already */
            ck_assert_int_eq(raise(SIGPIPE), 0);
        ck_assert_int_eq(weft_transport_write(p.transport, "x", 1), 0);
        ck_assert_int_eq(pending(SIGPIPE), way == 3);
        ck_assert(weft_transport_is_closing(p.transport));
        probe_ends(&p, "made EPIPE");
        wf_fault_reset();
    }
    const struct timespec at_once = {0, 0};
    ck_assert_int_eq(sigtimedwait(&broken, NULL, &at_once), SIGPIPE);
    ck_assert_int_eq(pthread_sigmask(SIG_SETMASK, &before, NULL), 0);
    return 0;
}

/* The other way to write sends the same bytes. */
START_SIM(all_is_sent_in_order_without_the_flag)
{
    struct probe p = {0};
    int ends[2];
    open_write_pipe(&p, ends);
    wf_fault_arm(FAULT_QUIET_WRITE, 1, ENOSYS, false);
    ck_assert_int_eq(weft_transport_write(p.transport, pattern(), LARGE), 0);
    wf_fault_reset();
    ck_assert_uint_eq(drain_pipe(ends[0], pattern(), LARGE), LARGE);
    probe_close(&p);
    close(ends[0]);
    return 0;
}

/* An error of a write drops the buffer and closes the pipe with it (PIPE-07), also later. */
START_SIM(a_write_error_closes)
{
    for (int later = 0; later < 2; later++) {
        struct probe p = {0};
        int ends[2];
        open_write_pipe(&p, ends);
        if (later)
            ck_assert_int_eq(weft_transport_write(p.transport, pattern(), LARGE), 0);
        wf_fault_arm(FAULT_QUIET_WRITE, 1, ENOSPC, false);
        if (later) {
            static char some[65536];
            ck_assert_int_gt(read(ends[0], some, sizeof(some)), 0);
        } else {
            ck_assert_int_eq(weft_transport_write(p.transport, "x", 1), 0);
        }
        probe_await(&p, p.lost);
        wf_fault_reset();
        ck_assert_trace(later ? "made pause ENOSPC" : "made ENOSPC");
        ck_assert_uint_eq(weft_transport_get_write_buffer_size(p.transport), 0);
        sim_pass(2);
        ck_assert(!is_open(ends[1]));
        close(ends[0]);
        probe_gone(&p);
    }
    return 0;
}

/* Terminals and other devices are written, too (PIPE-01). */
START_SIM(terminals_and_devices_are_written)
{
    struct probe p = {0};
    char got[16] = "";
    int of_user, terminal;
    ck_assert_int_eq(openpty(&of_user, &terminal, NULL, NULL, NULL), 0);
    probe_write_pipe(&p, terminal);
    ck_assert_int_eq(weft_transport_write(p.transport, "hello\n", 6), 0);
    ck_assert_int_eq(read(of_user, got, sizeof(got)), 7);
    ck_assert_str_eq(got, "hello\r\n");
    probe_close(&p);
    close(of_user);
    p = (struct probe){0};
    probe_write_pipe(&p, open("/dev/null", O_WRONLY | O_CLOEXEC));
    for (int i = 0; i < 10; i++)
        ck_assert_int_eq(weft_transport_write(p.transport, pattern(), LARGE), 0);
    ck_assert_uint_eq(weft_transport_get_write_buffer_size(p.transport), 0);
    weft_transport_pause_reading(p.transport); /* there is none */
    weft_transport_resume_reading(p.transport);
    probe_close(&p);
    ck_assert_trace("made lost made lost");
    return 0;
}

/* A device that cannot be polled may take nothing for a moment: it is asked again. */
START_SIM(a_device_is_asked_again)
{
    struct probe p = {0};
    probe_write_pipe(&p, open("/dev/null", O_WRONLY | O_CLOEXEC));
    ck_assert_int_eq(weft_transport_set_write_buffer_limits(p.transport, 0, 0), 0);
    wf_fault_arm(FAULT_WRITE, 1, EAGAIN, false);
    ck_assert_int_eq(weft_transport_write(p.transport, "x", 1), 0);
    ck_assert_uint_eq(weft_transport_get_write_buffer_size(p.transport), 1);
    probe_await(&p, p.resumes);
    wf_fault_reset();
    probe_close(&p);
    ck_assert_trace("made pause resume lost");
    return 0;
}

/* One that is given back without being closed is reported (PIPE-09); what was written is sent. */
START_SIM(a_dropped_pipe_is_reported)
{
    struct probe p = {0};
    int ends[2];
    open_write_pipe(&p, ends);
    ck_assert_int_eq(weft_transport_write(p.transport, pattern(), LARGE), 0);
    weft_transport_unref(p.transport);
    ck_assert_int_eq(reports_count, 1);
    ck_assert_ptr_nonnull(strstr(reports_message, "write pipe"));
    ck_assert_uint_eq(drain_pipe(ends[0], pattern(), LARGE), LARGE);
    probe_await(&p, p.lost);
    sim_pass(2);
    ck_assert(!is_open(ends[1]));
    close(ends[0]);
    return 0;
}

/* A loop that is closed with an open pipe closes it, whatever it was still to send. */
static struct probe left;
static int left_ends[2];

COROUTINE(leaves_a_pipe)
{
    open_write_pipe(&left, left_ends);
    ck_assert_int_eq(weft_transport_write(left.transport, pattern(), LARGE), 0);
    return 0;
}

START_TEST(a_closed_loop_closes_its_pipes)
{
    int descriptors = count_descriptors();
    ck_assert_int_eq(weft_run(leaves_a_pipe, NULL, NULL), 0);
    ck_assert_int_eq(left.dropped, 1);
    ck_assert_int_eq(left.lost, 0);
    ck_assert_int_eq(weft_transport_write(left.transport, "x", 1), 0);
    weft_transport_abort(left.transport);
    weft_transport_unref(left.transport);
    close(left_ends[0]);
    ck_assert_int_eq(count_descriptors(), descriptors);
}
END_TEST

/* One without memory for what the system does not take has taken none of it. */
START_SIM(no_memory_for_what_is_written)
{
    struct probe p = {0};
    int ends[2];
    open_pipe(ends, 0);
    ck_assert_int_eq(fcntl(ends[1], F_SETFL, O_NONBLOCK), 0);
    ssize_t full = write(ends[1], pattern(), LARGE); /* the pipe is full */
    ck_assert_int_gt(full, 4096);
    probe_write_pipe(&p, ends[1]);
    wf_fault_arm(FAULT_ALLOC, 1, ENOMEM, true);
    ck_assert_int_eq(weft_transport_write(p.transport, "x", 1), -ENOMEM);
    wf_fault_reset();
    ck_assert(!weft_transport_is_closing(p.transport));
    ck_assert_uint_eq(drain_pipe(ends[0], pattern(), 4096), 4096);
    ck_assert_int_eq(weft_transport_write(p.transport, "y", 1), 0);
    size_t rest = (size_t)full - 4096;
    ck_assert_uint_eq(drain_pipe(ends[0], pattern() + 4096, rest), rest);
    ck_assert_uint_eq(drain_pipe(ends[0], "y", 1), 1);
    probe_close(&p);
    /* A part of it was taken: the rest of the stream would be wrong. */
    p = (struct probe){0};
    close(ends[0]);
    open_write_pipe(&p, ends);
    wf_fault_arm(FAULT_ALLOC, 1, ENOMEM, true);
    ck_assert_int_eq(weft_transport_write(p.transport, pattern(), LARGE), -ENOMEM);
    wf_fault_reset();
    probe_await(&p, p.lost);
    ck_assert_int_eq(p.lost_code, -ENOMEM);
    probe_gone(&p);
    close(ends[0]);
    return 0;
}

SUITE("pipe_write", all_is_sent_in_order, closing_sends_what_is_buffered,
      abort_drops_what_is_buffered, a_closed_other_end_is_noticed, a_closed_other_end_loses_data,
      no_sigpipe_is_raised, all_is_sent_in_order_without_the_flag, a_write_error_closes,
      terminals_and_devices_are_written, a_device_is_asked_again, a_dropped_pipe_is_reported,
      a_closed_loop_closes_its_pipes, no_memory_for_what_is_written)
