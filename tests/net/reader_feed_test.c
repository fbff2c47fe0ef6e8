/*
 * reader_feed_test.c - what a reader is fed with: the end, flow control, its limit, its text.
 */
#include "api/stream_buffer.h"
#include "tests/net/streams.h"

/* RDER-18: at the end when the end has come and nothing is left. */
START_SIM(at_eof)
{
    weft_stream_reader *reader = reader_new(WEFT_STREAM_LIMIT);
    char *data;

    ck_assert_int_eq(weft_stream_at_eof(reader), 0);
    feed(reader, "a line\n");
    ck_assert_int_eq(weft_stream_at_eof(reader), 0);
    feed_eof(reader);
    ck_assert_int_eq(weft_stream_at_eof(reader), 0);
    ck_assert_read(weft_stream_read(reader, 2, &data), "a ");
    ck_assert_int_eq(weft_stream_at_eof(reader), 0);
    ck_assert_read(weft_stream_readline(reader, &data), "line\n");
    ck_assert_int_eq(weft_stream_at_eof(reader), 1);
    ck_assert_int_eq(weft_stream_at_eof(NULL), 0);
    weft_stream_reader_unref(reader);
    return 0;
}

/* RDER-24: paused above twice the limit, resumed at the limit. */
START_SIM(flow_control)
{
    struct stream s = stream_new(4);
    char *data;

    fake_feed(s.transport, TEXT("12345678"));
    ck_assert(weft_transport_is_reading(&s.transport->base));
    fake_feed(s.transport, TEXT("9"));
    ck_assert(!weft_transport_is_reading(&s.transport->base));
    ck_assert_read(weft_stream_read(s.reader, 4, &data), "1234");
    ck_assert(!weft_transport_is_reading(&s.transport->base));
    ck_assert_read(weft_stream_read(s.reader, 1, &data), "5");
    ck_assert(weft_transport_is_reading(&s.transport->base));
    ck_assert_read(weft_stream_read(s.reader, 10, &data), "6789");
    ck_assert_int_eq(s.transport->pauses, 1);
    ck_assert_int_eq(s.transport->resumes, 1);
    stream_close(&s);
    return 0;
}

/* RDER-24: every way of taking something lets it go on. */
START_SIM(flow_control_of_all)
{
    struct stream s = stream_new(4);
    char *data, bytes[8];

    fake_feed(s.transport, TEXT("12345678\n"));
    ck_assert_int_eq(weft_stream_readline(s.reader, &data), -EINVAL);
    ck_assert_int_eq(s.transport->resumes, 1);
    fake_feed(s.transport, TEXT("1234567890"));
    ck_assert_int_eq(weft_stream_readline(s.reader, &data), -EINVAL);
    ck_assert_int_eq(s.transport->resumes, 2);
    fake_feed(s.transport, TEXT("1234567890"));
    ck_assert_int_eq(weft_stream_read_into(s.reader, bytes, 8), 8);
    ck_assert_int_eq(s.transport->resumes, 3);
    fake_feed(s.transport, TEXT("1234567890"));
    ck_assert_read(weft_stream_readexactly(s.reader, 9, &data), "901234567");
    ck_assert_int_eq(s.transport->resumes, 4);
    fake_feed(s.transport, TEXT("abc#56789"));
    ck_assert_int_eq(s.transport->pauses, 5);
    ck_assert_read(weft_stream_readuntil(s.reader, "bc#", 3, &data), "890abc#");
    ck_assert_int_eq(s.transport->resumes, 4);
    ck_assert_read(weft_stream_read(s.reader, 1, &data), "5");
    ck_assert_int_eq(s.transport->resumes, 5);
    fake_feed(s.transport, TEXT("56789"));
    ck_assert_int_eq(s.transport->pauses, 6);
    fake_feed_eof(s.transport);
    sim_pass(1);
    ck_assert_int_eq(weft_stream_readexactly(s.reader, 20, &data), WEFT_EINCOMPLETEREAD);
    ck_assert_int_eq(s.transport->resumes, 6);
    stream_close(&s);
    return 0;
}

/* RDER-24: a read that has to wait resumes. */
START_SIM(waiting_resumes)
{
    struct stream s = stream_new(4);
    struct reading r = {.reader = s.reader, .how = EXACTLY, .bytes = 12};

    fake_feed(s.transport, TEXT("123456789"));
    ck_assert(!weft_transport_is_reading(&s.transport->base));
    fake_feed(s.transport, TEXT("abc")); /* arrives only then */
    weft_task *task = reading_start(&r);
    ck_assert_int_eq(weft_join(task, NULL), 0);
    ck_assert_str_eq(r.got, "123456789abc");
    stream_close(&s);
    return 0;
}

/* RDER-25: closing the writer ends the stream for the reader. */
START_SIM(closed_by_the_writer)
{
    struct stream s = stream_new(WEFT_STREAM_LIMIT);
    struct reading r = {.reader = s.reader, .bytes = 10};
    weft_task *task = reading_start(&r);

    weft_stream_close(s.writer);
    ck_assert_int_eq(weft_done(task), 0);
    ck_assert_int_eq(weft_join(task, NULL), 0);
    ck_assert_int_eq(r.result, 0);
    ck_assert_int_eq(weft_stream_at_eof(s.reader), 1);
    stream_close(&s);
    return 0;
}

/* RDER-26: the peer's end leaves the writing side open. */
START_SIM(half_closed)
{
    struct stream s = stream_new(WEFT_STREAM_LIMIT);
    char *data;

    fake_feed(s.transport, TEXT("last words"));
    fake_feed_eof(s.transport);
    sim_pass(2);
    ck_assert_read(weft_stream_read(s.reader, -1, &data), "last words");
    ck_assert(!weft_stream_is_closing(s.writer));
    ck_assert_int_eq(weft_stream_write(s.writer, TEXT("answer")), 0);
    ck_assert_sent(s.transport, "answer");
    stream_close(&s);
    return 0;
}

/* RDER-27: a limit of nothing. */
START_SIM(no_limit)
{
    errno = 0;
    ck_assert_ptr_null(weft_stream_reader_new(NULL, 0));
    ck_assert_int_eq(errno, EINVAL);
    ck_assert_ptr_null(weft_stream_reader_new(NULL, (size_t)-5));
    ck_assert_ptr_null(wf_stream_protocol_new(weft_get_running_loop(), 0, NULL));
    return 0;
}

/* RDER-28: nothing comes after the end. */
START_SIM(after_the_end)
{
    weft_stream_reader *reader = reader_new(WEFT_STREAM_LIMIT);
    char *data;

    feed(reader, "all");
    feed_eof(reader);
    feed_eof(reader);
    ck_assert_int_eq(weft_stream_feed_data(reader, TEXT("more")), WEFT_ERUNTIME);
    ck_assert_str_eq(sim_said(), "data after the end of the stream");
    ck_assert_read(weft_stream_read(reader, -1, &data), "all");
    ck_assert_int_eq(weft_stream_feed_data(reader, NULL, 3), -EINVAL);
    ck_assert_int_eq(weft_stream_feed_data(NULL, TEXT("more")), -EINVAL);
    ck_assert_int_eq(weft_stream_feed_eof(NULL), -EINVAL);
    weft_stream_reader_unref(reader);
    weft_stream_reader_unref(NULL);
    return 0;
}

/* RDER-29: without a loop there is no reader; with one that is only set there is. */
START_TEST(no_loop)
{
    errno = 0;
    ck_assert_ptr_null(weft_stream_reader_new(NULL, WEFT_STREAM_LIMIT));
    ck_assert_int_eq(errno, -WEFT_ENOLOOP);
    weft_loop *loop = weft_new_event_loop(NULL);
    weft_set_event_loop(loop);
    weft_stream_reader *reader = reader_new(WEFT_STREAM_LIMIT);
    char *data;
    feed(reader, "data");
    ck_assert_read(weft_stream_read(reader, 9, &data), "data"); /* it need not wait */
    ck_assert_int_eq(weft_stream_read(reader, 9, &data), WEFT_ENOTASK);
    weft_stream_reader_unref(reader);
    weft_set_event_loop(NULL);
    ck_assert_int_eq(weft_loop_free(loop), 0);
}
END_TEST

/* A reader belongs to one loop. */
START_SIM(other_loop)
{
    weft_loop *loop = weft_new_event_loop(NULL);
    weft_stream_reader *reader = weft_stream_reader_new(loop, WEFT_STREAM_LIMIT);
    char *data;

    ck_assert_int_eq(weft_stream_read(reader, 1, &data), WEFT_EWRONGTHREAD);
    feed(reader, "x");
    ck_assert_read(weft_stream_read(reader, 1, &data), "x");
    weft_stream_reader_unref(reader);
    ck_assert_int_eq(weft_loop_free(loop), 0);
    return 0;
}

static const char *text_of(const weft_stream_reader *reader)
{
    static char text[256];
    char head[64];
    int length = weft_stream_reader_text(reader, text, sizeof(text));

    ck_assert_int_eq(length, (int)strlen(text));
    snprintf(head, sizeof(head), "<weft_stream_reader %p", (const void *)reader);
    ck_assert_int_eq(strncmp(text, head, strlen(head)), 0);
    return text + strlen(head);
}

/* RDER-30: the text form. */
START_SIM(as_text)
{
    struct stream s = stream_new(4);
    weft_stream_reader *reader = reader_new(WEFT_STREAM_LIMIT);
    struct reading r = {.reader = reader, .bytes = 1};
    char expected[64], tiny[8];

    ck_assert_str_eq(text_of(reader), ">");
    weft_task *task = reading_start(&r);
    ck_assert_str_eq(text_of(reader), " waiter>");
    feed(reader, "abc");
    ck_assert_int_eq(weft_join(task, NULL), 0);
    feed_eof(reader);
    ck_assert_str_eq(text_of(reader), " 2 bytes eof>");
    weft_error *error = weft_error_new(-EPIPE, "cut");
    weft_stream_set_exception(reader, -EPIPE, error);
    ck_assert_str_eq(text_of(reader), " 2 bytes eof exception=EPIPE(cut)>");
    weft_stream_set_exception(reader, -EIO, NULL);
    weft_error_unref(error);
    ck_assert_str_eq(text_of(reader), " 2 bytes eof exception=EIO>");
    int length = (int)(strlen("<weft_stream_reader ") + strlen(text_of(reader)));
    ck_assert_int_gt(weft_stream_reader_text(reader, tiny, sizeof(tiny)), length);
    ck_assert_str_eq(tiny, "<weft_s");
    weft_stream_reader_unref(reader);

    snprintf(expected, sizeof(expected), " 9 bytes limit=4 transport=%p paused>",
             (void *)s.transport);
    fake_feed(s.transport, TEXT("123456789"));
    ck_assert_str_eq(text_of(s.reader), expected);
    ck_assert_int_eq(weft_stream_reader_text(NULL, tiny, sizeof(tiny)), -EINVAL);
    stream_close(&s);
    return 0;
}

/* A transport of one's own is told too; there is one at most. */
START_SIM(own_transport)
{
    static const weft_protocol_ops ops = {.connection_made = NULL};
    weft_protocol protocol = {&ops};
    struct fake_transport *t = fake_new(&protocol);
    weft_stream_reader *reader = reader_new(2);
    char *data;

    sim_pass(1);
    ck_assert_int_eq(weft_stream_set_transport(reader, NULL), -EINVAL);
    ck_assert_int_eq(weft_stream_set_transport(reader, &t->base), 0);
    ck_assert_int_eq(weft_stream_set_transport(reader, &t->base), WEFT_ERUNTIME);
    feed(reader, "12345");
    ck_assert(!weft_transport_is_reading(&t->base));
    ck_assert_read(weft_stream_read(reader, 5, &data), "12345");
    ck_assert(weft_transport_is_reading(&t->base));
    weft_stream_reader_unref(reader);
    weft_transport_close(&t->base);
    weft_transport_unref(&t->base);
    sim_pass(2);
    return 0;
}

/* What was handed out stays where it is, and ends with its zero byte, while any amount comes in. */
START_SIM(handed_out_stays)
{
    weft_stream_reader *reader = reader_new(WEFT_STREAM_LIMIT);
    char piece[1000], *data, *rest;

    memset(piece, 'p', sizeof(piece));
    for (size_t taken = 1; taken <= 8; taken++) {
        feed(reader, "12345678");
        ck_assert_int_eq(weft_stream_read(reader, (ssize_t)taken, &data), (ssize_t)taken);
        for (int i = 0; i < 100; i++)
            ck_assert_int_eq(weft_stream_feed_data(reader, piece, sizeof(piece)), 0);
        ck_assert_mem_eq(data, "12345678", taken);
        ck_assert_int_eq(data[taken], '\0');
        ck_assert_int_eq(weft_stream_read(reader, 1000000, &rest), (ssize_t)(8 - taken + 100000));
        ck_assert_mem_eq(rest, &"12345678"[taken], 8 - taken);
        for (size_t i = 8 - taken; i < 8 - taken + 100000; i++)
            ck_assert_int_eq(rest[i], 'p');
    }
    weft_stream_reader_unref(reader);
    return 0;
}

/* With no memory nothing of what is fed is taken, and it can be tried again. */
START_SIM(no_memory_to_feed)
{
    weft_stream_reader *reader = reader_new(WEFT_STREAM_LIMIT);
    static char piece[10000];
    char *data;

    memset(piece, 'p', sizeof(piece));
    wf_fault_arm(FAULT_ALLOC, 1, ENOMEM, true);
    ck_assert_int_eq(weft_stream_feed_data(reader, TEXT("first")), -ENOMEM);
    wf_fault_reset();
    ck_assert_int_eq(weft_stream_feed_data(reader, TEXT("first")), 0);
    ck_assert_read(weft_stream_read(reader, 2, &data), "fi");
    wf_fault_arm(FAULT_ALLOC, 1, ENOMEM, true);
    ck_assert_int_eq(weft_stream_feed_data(reader, piece, sizeof(piece)), -ENOMEM);
    ck_assert_int_eq(weft_stream_feed_data(reader, TEXT(" and more")),
                     0); /* for this there is room */
    wf_fault_reset();
    ck_assert_str_eq(data, "fi");
    ck_assert_int_eq(weft_stream_feed_data(reader, piece, sizeof(piece)), 0);
    ck_assert_read(weft_stream_readexactly(reader, 12, &data), "rst and more");
    ck_assert_int_eq(weft_stream_read(reader, 100000, &data), 10000);
    weft_stream_reader_unref(reader);
    return 0;
}

/* With no memory for the error of an incomplete read, the bytes stay. */
START_SIM(no_memory_for_the_error)
{
    weft_stream_reader *reader = reader_new(WEFT_STREAM_LIMIT);
    unsigned long nth = 0;
    char *data;
    int rc;

    feed(reader, "some");
    feed_eof(reader);
    wf_fault_arm(FAULT_ALLOC, 1, ENOMEM, true);
    ck_assert_int_eq(weft_stream_readuntil(reader, "#", 1, &data), -ENOMEM);
    do {
        wf_fault_arm(FAULT_ALLOC, ++nth, ENOMEM, false);
        rc = (int)weft_stream_readexactly(reader, 9, &data);
        ck_assert_int_eq(rc, wf_fault_calls(FAULT_ALLOC) >= nth ? -ENOMEM : WEFT_EINCOMPLETEREAD);
    } while (rc == -ENOMEM);
    ck_assert_uint_ge(nth, 3);
    wf_fault_reset();
    ck_assert_mem_eq(weft_error_partial(weft_error_current(), NULL), "some", 4);
    weft_stream_reader_unref(reader);
    return 0;
}

/* When memory runs short, what room there is serves; when there is none, the connection fails, and
 * the reader is told. */
START_SIM(no_memory_to_receive)
{
    struct stream s = stream_new(WEFT_STREAM_LIMIT);
    char piece[2000], *data;

    memset(piece, 'p', sizeof(piece));
    fake_feed(s.transport, piece, 2000); /* the first block has 2 KiB */
    wf_fault_arm(FAULT_ALLOC, 1, ENOMEM, true);
    fake_feed(s.transport, piece, 40);
    ck_assert_uint_eq(buffered(s.reader), 2040);
    ck_assert_int_eq(weft_stream_exception(s.reader, NULL), 0);
    fake_feed(s.transport, piece, 100);
    wf_fault_reset();
    sim_pass(2);
    ck_assert_int_eq(weft_stream_exception(s.reader, NULL), -ENOMEM);
    ck_assert_int_eq(weft_stream_read(s.reader, 1, &data), -ENOMEM);
    ck_assert_int_eq(weft_stream_wait_closed(s.writer), -ENOMEM);
    ck_assert_int_eq(reports_count, 1);
    stream_close(&s);
    return 0;
}

/* A stream that waits with nothing in its buffer has no block: the next one to receive takes it. */
START_SIM(no_block_at_rest)
{
    struct stream first = stream_new(WEFT_STREAM_LIMIT), second = stream_new(WEFT_STREAM_LIMIT);
    struct reading r[3] = {{.reader = first.reader, .bytes = 10},
                           {.reader = first.reader, .how = LINE},
                           {.reader = second.reader, .bytes = 10}};
    weft_task *tasks[3];

    tasks[0] = reading_start(&r[0]);
    fake_feed(first.transport, TEXT("one"));
    ck_assert_int_eq(weft_join(tasks[0], NULL), 0);
    tasks[1] = reading_start(&r[1]);
    tasks[2] = reading_start(&r[2]);
    if (BLOCK_KEEP_STREAM_MAX) /* else each goes back to the allocator */
        wf_fault_arm(FAULT_ALLOC, 1, ENOMEM, true);
    fake_feed(second.transport, TEXT("two"));
    wf_fault_reset();
    fake_feed(first.transport, TEXT("three"));
    fake_feed(first.transport, TEXT("\n"));
    for (int i = 1; i < 3; i++)
        ck_assert_int_eq(weft_join(tasks[i], NULL), 0);
    ck_assert_str_eq(r[0].got, "one");
    ck_assert_str_eq(r[1].got, "three\n");
    ck_assert_str_eq(r[2].got, "two");
    stream_close(&first);
    stream_close(&second);
    return 0;
}

/* More is received at a time once all the room there was has been used, also after a rest. What is fed by hand says
 * nothing of that, nor does a look that brought nothing. */
START_TEST(room_grows)
{
    enum { LEAST = BUFFER_BLOCK_MIN - 1 };
    struct stream_buffer b = {0};
    size_t room;

    for (size_t got = LEAST - 1; got <= LEAST; got++) {
        ck_assert_ptr_nonnull(wf_buffer_room(&b, &room));
        ck_assert_uint_eq(room, LEAST);
        buffer_filled(&b, got);
        wf_buffer_drop(&b, got);
    }
    wf_buffer_rest(&b, SIZE_MAX);
    ck_assert_ptr_null(b.block);
    ck_assert_ptr_nonnull(wf_buffer_room(&b, &room));
    ck_assert_uint_ge(room, 2 * LEAST);
    wf_buffer_fini(&b);

    b = (struct stream_buffer){0};
    ck_assert_ptr_nonnull(wf_buffer_room(&b, &room));
    ck_assert_ptr_nonnull(wf_buffer_reserve(&b, LEAST));
    buffer_filled(&b, LEAST);
    wf_buffer_drop(&b, LEAST);
    ck_assert_ptr_nonnull(wf_buffer_room(&b, &room));
    ck_assert_uint_eq(room, LEAST);
    wf_buffer_fini(&b);
}
END_TEST

static void makes_a_stream(void)
{
    struct weft_loop *loop = weft_new_event_loop(NULL);
    if (!loop) {
        ck_assert(fault_met());
        return;
    }
    weft_protocol *protocol = wf_stream_protocol_new(loop, WEFT_STREAM_LIMIT, NULL);
    if (protocol)
        wf_stream_protocol_give_up(protocol);
    else
        ck_assert(fault_met() && errno == ENOMEM);
    ck_assert_int_eq(weft_loop_free(loop), 0);
}

/* One allocation of the stream's, both handles in one, beside the loop's. */
START_TEST(no_memory_for_a_stream)
{
    ck_assert_uint_ge(run_with_each_fault(FAULT_ALLOC, ENOMEM, makes_a_stream), 2);
}
END_TEST

SUITE("reader_feed", at_eof, flow_control, flow_control_of_all, waiting_resumes,
      closed_by_the_writer, half_closed, no_limit, after_the_end, no_loop, other_loop, as_text,
      own_transport, handed_out_stays, no_memory_to_feed, no_memory_for_the_error,
      no_memory_to_receive, no_block_at_rest, room_grows, no_memory_for_a_stream)
