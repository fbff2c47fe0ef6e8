/*
 * stream_pipe_test.c - streams over transports that a program makes itself: pipes.
 */
#include <fcntl.h>
#include <weft/pipe.h>

#include "tests/net/streams.h"

struct end {
    weft_stream_reader *reader;
    weft_stream_writer *writer;
};

/* One end of a pipe as a stream; what the connecting says. */
static int connect_end(int fd, bool read, struct end *end)
{
    weft_transport *transport = NULL;
    weft_protocol *protocol = weft_stream_protocol_new(0, &end->reader, &end->writer);

    ck_assert_ptr_nonnull(protocol);
    ck_assert_int_eq(weft_stream_write(end->writer, TEXT("too early")), WEFT_ERUNTIME);
    ck_assert_int_eq(weft_stream_wait_closed(end->writer), WEFT_ERUNTIME);
    int rc = read ? weft_connect_read_pipe(fd, protocol, &transport)
                  : weft_connect_write_pipe(fd, protocol, &transport);
    weft_transport_unref(transport);
    return rc;
}

static void end_free(struct end *end)
{
    weft_stream_reader_unref(end->reader);
    weft_stream_writer_unref(end->writer);
}

/* Lines through a pipe: what a program does with its standard input. */
START_SIM(lines)
{
    int fds[2];
    struct end in, out;
    char *data;

    ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
    ck_assert_int_eq(connect_end(fds[0], true, &in), 0);
    ck_assert_int_eq(connect_end(fds[1], false, &out), 0);
    ck_assert_int_eq(weft_stream_write(out.writer, TEXT("one\ntwo\n")), 0);
    ck_assert_read(weft_stream_readline(in.reader, &data), "one\n");
    ck_assert_int_eq(weft_stream_write(out.writer, TEXT("three")), 0);
    ck_assert_int_eq(weft_stream_drain(out.writer), 0);
    weft_stream_close(out.writer);
    ck_assert_int_eq(weft_stream_wait_closed(out.writer), 0);
    ck_assert_read(weft_stream_readline(in.reader, &data), "two\n");
    ck_assert_read(weft_stream_readline(in.reader, &data), "three");
    ck_assert_int_eq(weft_stream_readline(in.reader, &data), 0);
    weft_stream_close(in.writer);
    ck_assert_int_eq(weft_stream_wait_closed(in.writer), 0);
    end_free(&in);
    end_free(&out);
    ck_assert_int_eq(reports_count, 0);
    return 0;
}

/* What cannot be connected leaves two handles to give back, and nothing is reported. */
START_SIM(refused)
{
    struct end end;
    int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(connect_end(fd, true, &end), -EINVAL);
    end_free(&end);
    close(fd);
    ck_assert_ptr_null(weft_stream_protocol_new(0, NULL, &end.writer));
    ck_assert_int_eq(errno, EINVAL);
    ck_assert_ptr_null(weft_stream_protocol_new((size_t)-1, &end.reader, &end.writer));
    ck_assert_int_eq(errno, EINVAL);
    ck_assert_int_eq(reports_count, 0);
    return 0;
}

START_TEST(no_loop)
{
    struct end end;
    errno = 0;
    ck_assert_ptr_null(weft_stream_protocol_new(0, &end.reader, &end.writer));
    ck_assert_int_eq(errno, -WEFT_ENOLOOP);
}
END_TEST

SUITE("stream_pipe", lines, refused, no_loop)
