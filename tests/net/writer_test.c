/*
 * writer_test.c - the writing side of a stream, over a fake transport.
 */
#include "tests/net/streams.h"

#define HIGH ((size_t)64 * 1024)

/* So many bytes to write. */
static const char *bytes_of(size_t count)
{
    static char bytes[4 * HIGH];
    ck_assert_uint_le(count, sizeof(bytes));
    memset(bytes, 'b', sizeof(bytes));
    return bytes;
}

static void write_bytes(struct stream *s, size_t count)
{
    ck_assert_int_eq(weft_stream_write(s->writer, bytes_of(count), count), 0);
}

/* A task that drains, and writes down how that went. */
struct draining {
    weft_stream_writer *writer;
    int (*call)(weft_stream_writer *writer);
    const char *name;
    int turn;
};

COROUTINE(draining_main)
{
    struct draining *d = arg;
    int rc = d->call(d->writer);
    d->turn = sim_turn();
    trace("%s:%s", d->name, rc ? weft_error_name(rc) : "ok");
    return rc;
}

static weft_task *draining_start(struct draining *d)
{
    weft_task *task = weft_create_task(draining_main, d, NULL);
    ck_assert_ptr_nonnull(task);
    sim_pass(1);
    return task;
}

/* WRIT-01, WRIT-03, WRIT-25: at once what is taken, the rest buffered, all in order. */
START_SIM(in_order)
{
    struct stream s = stream_new(WEFT_STREAM_LIMIT);
    const struct iovec pieces[] = {{(char[]){"cd"}, 2}, {NULL, 0}, {(char[]){"efg"}, 3}};

    s.transport->takes = 3;
    ck_assert_int_eq(weft_stream_write(s.writer, TEXT("ab")), 0);
    ck_assert_int_eq(weft_stream_writelines(s.writer, pieces, 3), 0);
    ck_assert_int_eq(weft_stream_write(s.writer, TEXT("hij")), 0);
    ck_assert_sent(s.transport, "abcdefgh");
    ck_assert_uint_eq(weft_transport_get_write_buffer_size(weft_stream_transport(s.writer)), 2);
    fake_take(s.transport, 100);
    ck_assert_sent(s.transport, "abcdefghij");
    stream_close(&s);
    return 0;
}

/* WRIT-02: what are no bytes is refused; none are nothing. */
START_SIM(no_bytes)
{
    struct stream s = stream_new(WEFT_STREAM_LIMIT);

    ck_assert_int_eq(weft_stream_write(s.writer, NULL, 3), -EINVAL);
    ck_assert_int_eq(weft_stream_write(s.writer, NULL, 0), 0);
    ck_assert_int_eq(weft_stream_write(s.writer, "", 0), 0);
    ck_assert_int_eq(weft_stream_writelines(s.writer, NULL, 2), -EINVAL);
    ck_assert_int_eq(weft_stream_writelines(s.writer, NULL, 0), 0);
    ck_assert_int_eq(weft_stream_write(NULL, "x", 1), -EINVAL);
    ck_assert_int_eq(weft_stream_writelines(NULL, NULL, 0), -EINVAL);
    ck_assert_int_eq(weft_stream_drain(NULL), -EINVAL);
    ck_assert_int_eq(weft_stream_wait_closed(NULL), -EINVAL);
    ck_assert_int_eq(weft_stream_write_eof(NULL), -EINVAL);
    ck_assert_sent(s.transport, "");
    stream_close(&s);
    return 0;
}

/* WRIT-05, WRIT-06, WRIT-07: at the high-water mark nobody waits; above it all do, until the low one. */
START_SIM(drain_between_the_marks)
{
    struct stream s = stream_new(WEFT_STREAM_LIMIT);
    struct draining a = {s.writer, weft_stream_drain, "a", 0}, b = a;
    b.name = "b";

    s.transport->takes = 0;
    write_bytes(&s, HIGH);
    int turn = sim_turn();
    ck_assert_int_eq(weft_stream_drain(s.writer), 0);
    ck_assert_int_eq(sim_turn(), turn);
    write_bytes(&s, 1);
    weft_task *first = draining_start(&a), *second = draining_start(&b);
    fake_take(s.transport, HIGH - 16 * 1024);
    sim_pass(2);
    ck_assert_int_eq(weft_done(first), 0);
    turn = sim_turn();
    fake_take(s.transport, 1);
    ck_assert_int_eq(weft_join(first, NULL), 0);
    ck_assert_int_eq(weft_join(second, NULL), 0);
    ck_assert_int_eq(a.turn, turn + 1);
    ck_assert_int_eq(b.turn, turn + 1);
    ck_assert_trace("a:ok b:ok");
    ck_assert_int_eq(weft_stream_drain(s.writer), 0);
    stream_close(&s);
    fake_take(s.transport, SIZE_MAX);
    return 0;
}

/* WRIT-04: many pieces count as what they are together. */
START_SIM(writelines_and_drain)
{
    struct stream s = stream_new(WEFT_STREAM_LIMIT);
    struct draining d = {s.writer, weft_stream_drain, "drain", 0};
    struct iovec pieces[3];

    for (int i = 0; i < 3; i++)
        pieces[i] = (struct iovec){(void *)(uintptr_t)bytes_of(HIGH / 2), HIGH / 2};
    s.transport->takes = 0;
    ck_assert_int_eq(weft_stream_writelines(s.writer, pieces, 3), 0);
    weft_task *task = draining_start(&d);
    sim_pass(1);
    ck_assert_int_eq(weft_done(task), 0);
    fake_take(s.transport, SIZE_MAX);
    ck_assert_int_eq(weft_join(task, NULL), 0);
    stream_close(&s);
    return 0;
}

/* WRIT-08: a cancelled drain changes nothing. */
START_SIM(drain_cancelled)
{
    struct stream s = stream_new(WEFT_STREAM_LIMIT);
    struct draining a = {s.writer, weft_stream_drain, "a", 0}, b = a;
    b.name = "b";

    s.transport->takes = 0;
    write_bytes(&s, 2 * HIGH);
    weft_task *first = draining_start(&a), *second = draining_start(&b);
    ck_assert_int_eq(weft_cancel(first), 1);
    ck_assert_int_eq(weft_join(first, NULL), WEFT_ECANCELLED);
    ck_assert(!weft_stream_is_closing(s.writer));
    ck_assert_uint_eq(fake_size(&s.transport->buffer), 2 * HIGH);
    fake_take(s.transport, SIZE_MAX);
    ck_assert_int_eq(weft_join(second, NULL), 0);
    ck_assert_uint_eq(fake_size(&s.transport->sent), 2 * HIGH);
    stream_close(&s);
    return 0;
}

/* WRIT-09, WRIT-11, WRIT-23: a connection that fails while tasks drain; all get the error, each time,
 * and nobody else is told. */
START_SIM(lost_while_draining)
{
    struct stream s = stream_new(WEFT_STREAM_LIMIT);
    struct draining a = {s.writer, weft_stream_drain, "drain", 0};
    struct draining b = {s.writer, weft_stream_wait_closed, "closed", 0};
    struct reading r = {.reader = s.reader, .bytes = 9};

    s.transport->takes = 0;
    write_bytes(&s, 2 * HIGH);
    weft_task *drain = draining_start(&a), *closed = draining_start(&b), *read = reading_start(&r);
    fake_fail(s.transport, -EPIPE);
    ck_assert_int_eq(weft_join(drain, NULL), -EPIPE);
    ck_assert_int_eq(weft_join(closed, NULL), -EPIPE);
    ck_assert_int_eq(weft_join(read, NULL), -EPIPE);
    ck_assert_trace("read:EPIPE closed:EPIPE drain:EPIPE");
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(weft_stream_wait_closed(s.writer), -EPIPE); /* WRIT-14 */
        ck_assert_int_eq(weft_stream_drain(s.writer), -EPIPE);       /* WRIT-11 */
    }
    ck_assert(weft_stream_is_closing(s.writer));
    stream_close(&s);
    ck_assert_int_eq(reports_count, 0);
    return 0;
}

/* WRIT-09: after a loss that was no error, a drain that waited has succeeded, and later ones fail. */
START_SIM(closed_while_draining)
{
    struct stream s = stream_new(WEFT_STREAM_LIMIT);
    struct draining a = {s.writer, weft_stream_drain, "drain", 0};

    s.transport->takes = 0;
    write_bytes(&s, 2 * HIGH);
    weft_task *drain = draining_start(&a);
    weft_transport_abort(weft_stream_transport(s.writer));
    ck_assert_int_eq(weft_join(drain, NULL), 0);
    ck_assert_int_eq(weft_stream_drain(s.writer), -ECONNRESET);
    ck_assert_int_eq(weft_stream_drain(s.writer), -ECONNRESET);
    ck_assert_int_eq(weft_stream_wait_closed(s.writer), 0);
    stream_close(&s);
    return 0;
}

/* WRIT-10: a loop of writes and drains comes to see that the connection is lost. */
START_SIM(drain_lets_the_loop_run)
{
    struct stream s = stream_new(WEFT_STREAM_LIMIT);
    int rounds = 0, rc;

    s.transport->write_error = EPIPE;
    do {
        ck_assert_int_eq(weft_stream_write(s.writer, "x", 1), 0);
        rc = weft_stream_drain(s.writer);
    } while (!rc && ++rounds < 10);
    ck_assert_int_eq(rc, -ECONNRESET); /* the reader did not hold the error yet when it was asked */
    ck_assert_int_eq(rounds, 0);
    ck_assert_int_eq(weft_stream_drain(s.writer), -EPIPE);
    stream_close(&s);
    ck_assert_int_eq(reports_count, 0);
    return 0;
}

/* WRIT-12, WRIT-13: what is buffered is sent, then it is closed; who waits is told then. */
START_SIM(close_sends_the_rest)
{
    struct stream s = stream_new(WEFT_STREAM_LIMIT);
    struct draining a = {s.writer, weft_stream_wait_closed, "a", 0}, b = a;
    b.name = "b";

    s.transport->takes = 0;
    write_bytes(&s, 10);
    ck_assert(!weft_stream_is_closing(s.writer));
    weft_stream_close(s.writer);
    ck_assert(weft_stream_is_closing(s.writer));
    weft_stream_close(s.writer);
    fake_feed(s.transport, TEXT("too late"));
    ck_assert_uint_eq(buffered(s.reader), 0);
    weft_task *first = draining_start(&a), *second = draining_start(&b);
    sim_pass(2);
    ck_assert_int_eq(weft_done(first), 0);
    fake_take(s.transport, 100);
    ck_assert_int_eq(weft_join(first, NULL), 0);
    ck_assert_int_eq(weft_join(second, NULL), 0);
    ck_assert_sent(s.transport, "bbbbbbbbbb");
    int turn = sim_turn();
    ck_assert_int_eq(weft_stream_wait_closed(s.writer), 0);
    ck_assert_int_eq(sim_turn(), turn);
    stream_close(&s);
    return 0;
}

/* WRIT-13: one of two that wait is cancelled; the other is not concerned. */
START_SIM(wait_closed_cancelled)
{
    struct stream s = stream_new(WEFT_STREAM_LIMIT);
    struct draining a = {s.writer, weft_stream_wait_closed, "a", 0}, b = a;
    b.name = "b";
    weft_task *first = draining_start(&a), *second = draining_start(&b);

    ck_assert_int_eq(weft_cancel(first), 1);
    ck_assert_int_eq(weft_join(first, NULL), WEFT_ECANCELLED);
    ck_assert_int_eq(weft_done(second), 0);
    weft_stream_close(s.writer);
    ck_assert_int_eq(weft_join(second, NULL), 0);
    ck_assert_int_eq(weft_stream_wait_closed(s.writer), 0);
    stream_close(&s);
    return 0;
}

/* WRIT-15: with unread data in the reader, which stay there. */
START_SIM(close_with_unread_data)
{
    struct stream s = stream_new(WEFT_STREAM_LIMIT);
    char *data;

    fake_feed(s.transport, TEXT("unread"));
    weft_stream_close(s.writer);
    ck_assert_int_eq(weft_stream_wait_closed(s.writer), 0);
    ck_assert_read(weft_stream_read(s.reader, -1, &data), "unread");
    stream_close(&s);
    return 0;
}

/* WRIT-16: writes after close are dropped, from the fifth on with a report; drain says it. */
START_SIM(write_after_close)
{
    struct stream s = stream_new(WEFT_STREAM_LIMIT);

    weft_stream_close(s.writer);
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(weft_stream_write(s.writer, "x", 1), 0);
    ck_assert_int_eq(reports_count, 0);
    ck_assert_int_eq(weft_stream_write(s.writer, "x", 1), 0);
    ck_assert_int_eq(reports_count, 1);
    ck_assert_int_eq(weft_stream_drain(s.writer), -ECONNRESET);
    ck_assert_sent(s.transport, "");
    stream_close(&s);
    return 0;
}

/* WRIT-17, WRIT-18, WRIT-19: the end, after what is buffered, once; reading goes on, writing does not. */
START_SIM(write_eof)
{
    struct stream s = stream_new(WEFT_STREAM_LIMIT);
    const struct iovec piece = {(char[]){"x"}, 1};
    char *data;

    ck_assert(weft_stream_can_write_eof(s.writer));
    ck_assert(!weft_stream_can_write_eof(NULL));
    s.transport->takes = 0;
    write_bytes(&s, 3);
    ck_assert_int_eq(weft_stream_write_eof(s.writer), 0);
    ck_assert(!s.transport->eof_sent);
    ck_assert_int_eq(weft_stream_write_eof(s.writer), 0);
    ck_assert_int_eq(weft_stream_write(s.writer, "x", 1), WEFT_ERUNTIME);
    ck_assert_int_eq(weft_stream_writelines(s.writer, &piece, 1), WEFT_ERUNTIME);
    fake_take(s.transport, 100);
    ck_assert(s.transport->eof_sent);
    fake_feed(s.transport, TEXT("answer"));
    ck_assert_read(weft_stream_read(s.reader, 9, &data), "answer");
    weft_stream_close(s.writer);
    ck_assert_int_eq(weft_stream_write_eof(s.writer), 0);
    stream_close(&s);
    return 0;
}

/* WRIT-20, WRIT-21, WRIT-22: what the transport knows, also after the end. */
START_SIM(extra_info)
{
    struct stream s = stream_new(WEFT_STREAM_LIMIT);
    int peer, other;

    s.transport->info_name = "peername";
    s.transport->info = &peer;
    ck_assert_ptr_eq(weft_stream_get_extra_info(s.writer, "peername", NULL), &peer);
    ck_assert_ptr_eq(weft_stream_get_extra_info(s.writer, "nonsense", &other), &other);
    ck_assert_ptr_eq(weft_stream_get_extra_info(NULL, "peername", &other), &other);
    ck_assert_ptr_eq(weft_stream_transport(s.writer), &s.transport->base);
    weft_stream_close(s.writer);
    ck_assert_int_eq(weft_stream_wait_closed(s.writer), 0);
    ck_assert_ptr_eq(weft_stream_get_extra_info(s.writer, "peername", NULL), &peer);
    ck_assert_ptr_null(weft_stream_get_extra_info(s.writer, "nonsense", NULL));
    ck_assert_ptr_eq(weft_stream_transport(s.writer), &s.transport->base);
    stream_close(&s);
    return 0;
}

/* WRIT-24: the last handle of one that was not closed: reported, and closed once all is sent. */
START_SIM(unclosed)
{
    struct stream s = stream_new(WEFT_STREAM_LIMIT);

    s.transport->takes = 0;
    write_bytes(&s, 5);
    ck_assert_ptr_eq(weft_stream_writer_ref(s.writer), s.writer);
    weft_stream_writer_unref(s.writer);
    ck_assert_int_eq(reports_count, 0);
    weft_stream_writer_unref(s.writer);
    ck_assert_int_eq(reports_count, 1);
    ck_assert_str_eq(reports_message, "a stream writer was given back without being closed");
    ck_assert(weft_transport_is_closing(&s.transport->base));
    ck_assert(!s.transport->base.lost);
    fake_take(s.transport, 100);
    ck_assert_sent(s.transport, "bbbbb");
    sim_pass(2);
    ck_assert(s.transport->base.lost);
    weft_stream_reader_unref(s.reader);
    weft_transport_unref(&s.transport->base);
    weft_stream_writer_unref(NULL);
    ck_assert_int_eq(reports_count, 1);
    return 0;
}

static struct stream kept;

COROUTINE(keeps_a_stream)
{
    kept = stream_new(WEFT_STREAM_LIMIT);
    kept.transport->takes = 0;
    ck_assert_int_eq(weft_stream_write(kept.writer, "x", 1), 0);
    if (arg)
        weft_stream_close(kept.writer); /* which is not over when the loop is closed */
    return 0;
}

/* WRIT-24: when the loop is closed before, there is only the report; a closed one gets none. */
START_TEST(unclosed_with_its_loop)
{
    for (int closed = 0; closed < 2; closed++) {
        weft_loop *loop = weft_new_event_loop(NULL);
        weft_loop_set_exception_handler(loop, report_record, NULL);
        weft_task *task = weft_create_task_on(loop, keeps_a_stream, closed ? &kept : NULL, NULL);
        ck_assert_int_eq(weft_loop_run_until_complete(loop, task, NULL), 0);
        weft_unref(task);
        ck_assert_int_eq(weft_loop_close(loop), 0);
        char *data;
        ck_assert_int_eq(weft_stream_read(kept.reader, 1, &data), WEFT_ELOOPCLOSED);
        ck_assert(weft_stream_is_closing(kept.writer));
        ck_assert_int_eq(weft_stream_write(kept.writer, "x", 1), WEFT_ELOOPCLOSED);
        ck_assert_int_eq(weft_stream_write_eof(kept.writer), WEFT_ELOOPCLOSED);
        ck_assert_int_eq(weft_stream_wait_closed(kept.writer), WEFT_ELOOPCLOSED);
        weft_stream_reader_unref(kept.reader);
        ck_assert_int_eq(reports_count, closed); /* that of the first round */
        weft_stream_writer_unref(kept.writer);
        weft_transport_unref(&kept.transport->base);
        ck_assert_int_eq(reports_count, 1);
        ck_assert_str_eq(reports_message, "a stream writer was not closed, and its loop is closed");
        ck_assert_int_eq(weft_loop_free(loop), 0);
    }
}
END_TEST

/* A connection that nobody took is given up in silence, before it is made and after. */
START_SIM(given_up)
{
    weft_protocol *protocol =
        wf_stream_protocol_new(weft_get_running_loop(), WEFT_STREAM_LIMIT, NULL);
    struct fake_transport *t;

    wf_stream_protocol_give_up(protocol);
    protocol = wf_stream_protocol_new(weft_get_running_loop(), WEFT_STREAM_LIMIT, NULL);
    t = fake_new(protocol);
    sim_pass(1);
    wf_stream_protocol_give_up(protocol);
    ck_assert(weft_transport_is_closing(&t->base));
    sim_pass(1);
    weft_transport_unref(&t->base);

    /* It is lost before anybody has it. */
    protocol = wf_stream_protocol_new(weft_get_running_loop(), WEFT_STREAM_LIMIT, NULL);
    t = fake_new(protocol);
    sim_pass(1);
    fake_fail(t, -EPIPE);
    sim_pass(1);
    weft_transport_unref(&t->base);

    /* Half of it is taken. */
    protocol = wf_stream_protocol_new(weft_get_running_loop(), WEFT_STREAM_LIMIT, NULL);
    t = fake_new(protocol);
    sim_pass(1);
    weft_stream_reader *reader = NULL;
    wf_stream_protocol_take(protocol, &reader, NULL);
    fake_feed(t, TEXT("line\n"));
    char *data;
    ck_assert_read(weft_stream_readline(reader, &data), "line\n");
    weft_transport_close(&t->base);
    sim_pass(1);
    ck_assert(weft_stream_at_eof(reader));
    weft_stream_reader_unref(reader);
    weft_transport_unref(&t->base);
    ck_assert_int_eq(reports_count, 0);
    return 0;
}

SUITE("writer", in_order, no_bytes, drain_between_the_marks, writelines_and_drain, drain_cancelled,
      lost_while_draining, closed_while_draining, drain_lets_the_loop_run, close_sends_the_rest,
      wait_closed_cancelled, close_with_unread_data, write_after_close, write_eof, extra_info,
      unclosed, unclosed_with_its_loop, given_up)
