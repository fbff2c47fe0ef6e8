/*
 * streams.h - readers that a test feeds, tasks that read from them, and streams over fake transports.
 */
#ifndef WEFT_TESTS_NET_STREAMS_H
#define WEFT_TESTS_NET_STREAMS_H

#include <stdlib.h>

#include "api/stream_protocol.h"
#include "tests/support/fake_transport.h"
#include "tests/support/faults.h"
#include "tests/support/sim.h"
#include "tests/support/suite.h"

/* A text with its length. */
#define TEXT(literal) (literal), (sizeof(literal) - 1)

static inline weft_stream_reader *reader_new(size_t limit)
{
    weft_stream_reader *reader = weft_stream_reader_new(NULL, limit);
    ck_assert_ptr_nonnull(reader);
    return reader;
}

static inline void feed(weft_stream_reader *reader, const char *text)
{
    ck_assert_int_eq(weft_stream_feed_data(reader, text, strlen(text)), 0);
}

static inline void feed_eof(weft_stream_reader *reader)
{
    ck_assert_int_eq(weft_stream_feed_eof(reader), 0);
}

/* What a call handed out is this text, with a zero byte behind it. */
#define ck_assert_read(call, text)                        \
    do {                                                  \
        ssize_t read_ = (call);                           \
        ck_assert_int_eq(read_, (ssize_t)strlen(text));   \
        ck_assert_mem_eq(data, (text), strlen(text) + 1); \
    } while (0)

/* How much is buffered: what the reader says of itself. */
static inline size_t buffered(const weft_stream_reader *reader)
{
    char text[256], *rest;
    weft_stream_reader_text(reader, text, sizeof(text));
    const char *bytes = strstr(text, " bytes");
    if (!bytes)
        return 0;
    while (bytes > text && bytes[-1] != ' ')
        bytes--;
    return strtoul(bytes, &rest, 10);
}

/* A read in a task of its own, which writes down how it ended. */
struct reading {
    weft_stream_reader *reader;
    enum { READ, EXACTLY, LINE, UNTIL, INTO } how;
    ssize_t bytes;
    const char *separator;
    const char *name;
    ssize_t result;
    char got[256];
    int turn; /* in which it ended */
};

__attribute__((unused)) COROUTINE(reading_main)
{
    struct reading *r = arg;
    char *data = NULL, into[64];

    switch (r->how) {
    case READ:
        r->result = weft_stream_read(r->reader, r->bytes, &data);
        break;
    case EXACTLY:
        r->result = weft_stream_readexactly(r->reader, (size_t)r->bytes, &data);
        break;
    case LINE:
        r->result = weft_stream_readline(r->reader, &data);
        break;
    case UNTIL:
        r->result = weft_stream_readuntil(r->reader, r->separator, strlen(r->separator), &data);
        break;
    case INTO:
        r->result = weft_stream_read_into(r->reader, into, (size_t)r->bytes);
        data = into;
        break;
    }
    if (r->result >= 0)
        snprintf(r->got, sizeof(r->got), "%.*s", (int)r->result, data);
    r->turn = sim_turn();
    trace("%s:%s", r->name ? r->name : "read",
          r->result >= 0 ? r->got : weft_error_name((int)r->result));
    return r->result < 0 ? (int)r->result : 0;
}

/* Begins one, and lets it wait. */
__attribute__((unused)) static weft_task *reading_start(struct reading *r)
{
    weft_task *task = weft_create_task(reading_main, r, NULL);
    ck_assert_ptr_nonnull(task);
    sim_pass(1);
    return task;
}

/* A client's stream over a fake transport. */
struct stream {
    weft_stream_reader *reader;
    weft_stream_writer *writer;
    struct fake_transport *transport; /* the test has a reference */
};

__attribute__((unused)) static struct stream stream_new(size_t limit)
{
    weft_protocol *protocol = wf_stream_protocol_new(weft_get_running_loop(), limit, NULL);
    struct stream s = {NULL, NULL, NULL};

    ck_assert_ptr_nonnull(protocol);
    s.transport = fake_new(protocol);
    sim_pass(1);
    wf_stream_protocol_take(protocol, &s.reader, &s.writer);
    return s;
}

__attribute__((unused)) static void stream_close(struct stream *s)
{
    weft_stream_close(s->writer);
    weft_stream_reader_unref(s->reader);
    weft_stream_writer_unref(s->writer);
    weft_transport_unref(&s->transport->base);
    sim_pass(2);
}

#endif
