/*
 * reader_read_test.c - reads of a number of bytes.
 */
#include "tests/net/streams.h"

/* RDER-01: what is there, at most so much; a zero byte ends what is handed out, and what follows is
 * not harmed by that, nor by what the caller does to its bytes. */
START_SIM(what_is_there)
{
    weft_stream_reader *reader = reader_new(WEFT_STREAM_LIMIT);
    char *data;

    feed(reader, "abcdef");
    ck_assert_read(weft_stream_read(reader, 2, &data), "ab");
    memset(data, '#', 2);
    ck_assert_read(weft_stream_read(reader, 2, &data), "cd");
    ck_assert_read(weft_stream_read(reader, 100, &data), "ef");
    feed(reader, "gh");
    ck_assert_str_eq(data, "ef"); /* also when more comes in */
    ck_assert_read(weft_stream_read(reader, 100, &data), "gh");
    feed_eof(reader);
    ck_assert_read(weft_stream_read(reader, 100, &data), "");
    ck_assert_read(weft_stream_read(reader, 100, &data), "");
    weft_stream_reader_unref(reader);
    return 0;
}

/* RDER-01, RDER-28: a read waits for the first bytes, and goes on in the iteration after that in which they
 * came. */
START_SIM(waits)
{
    weft_stream_reader *reader = reader_new(WEFT_STREAM_LIMIT);
    struct reading first = {.reader = reader, .bytes = 3};
    weft_task *task = reading_start(&first);

    sim_pass(2);
    ck_assert_int_eq(weft_done(task), 0);
    ck_assert_int_eq(weft_stream_feed_data(reader, NULL, 0), 0); /* nothing changes nothing */
    sim_pass(2);
    ck_assert_int_eq(weft_done(task), 0);
    int turn = sim_turn();
    feed(reader, "abcdef");
    ck_assert_int_eq(weft_done(task), 0);
    ck_assert_int_eq(weft_join(task, NULL), 0);
    ck_assert_int_eq(first.turn, turn + 1);
    ck_assert_str_eq(first.got, "abc");
    ck_assert_uint_eq(buffered(reader), 3);

    struct reading second = {.reader = reader, .bytes = 3};
    ck_assert_int_eq(weft_join(weft_create_task(reading_main, &second, NULL), NULL), 0);
    ck_assert_str_eq(second.got, "def");
    struct reading end = {.reader = reader, .bytes = 3};
    task = reading_start(&end);
    feed_eof(reader);
    ck_assert_int_eq(weft_join(task, NULL), 0);
    ck_assert_int_eq(end.result, 0);
    weft_stream_reader_unref(reader);
    return 0;
}

/* RDER-02: everything to the end, whatever the limit; it waits for the end. */
START_SIM(everything)
{
    weft_stream_reader *reader = reader_new(4);
    struct reading all = {.reader = reader, .bytes = -1};
    weft_task *task = reading_start(&all);

    for (int i = 0; i < 20; i++) {
        feed(reader, "0123456789");
        sim_pass(1);
    }
    ck_assert_int_eq(weft_done(task), 0);
    feed_eof(reader);
    ck_assert_int_eq(weft_join(task, NULL), 0);
    ck_assert_int_eq(all.result, 200);
    ck_assert_int_eq(weft_stream_at_eof(reader), 1);
    weft_stream_reader_unref(reader);
    return 0;
}

/* RDER-03, RDER-05: a read of nothing gives nothing, takes nothing and does not wait. */
START_SIM(nothing)
{
    weft_stream_reader *reader = reader_new(WEFT_STREAM_LIMIT);
    char *data, byte = 'x';
    int turn = sim_turn();

    ck_assert_read(weft_stream_read(reader, 0, &data), "");
    ck_assert_read(weft_stream_readexactly(reader, 0, &data), "");
    ck_assert_int_eq(weft_stream_read_into(reader, &byte, 0), 0);
    ck_assert_int_eq(weft_stream_read_into(reader, NULL, 0), 0);
    feed(reader, "abc");
    ck_assert_read(weft_stream_read(reader, 0, &data), "");
    ck_assert_read(weft_stream_readexactly(reader, 0, &data), "");
    ck_assert_int_eq(weft_stream_read_into(reader, &byte, 0), 0);
    ck_assert_int_eq(byte, 'x');
    ck_assert_int_eq(sim_turn(), turn);
    ck_assert_read(weft_stream_read(reader, 10, &data), "abc");
    weft_stream_reader_unref(reader);
    return 0;
}

/* RDER-04: the limit is none for these. */
START_SIM(beyond_the_limit)
{
    weft_stream_reader *reader = reader_new(3);
    char *data;

    feed(reader, "some data that is long");
    ck_assert_read(weft_stream_read(reader, 9, &data), "some data");
    ck_assert_read(weft_stream_readexactly(reader, 13, &data), " that is long");
    weft_stream_reader_unref(reader);
    return 0;
}

/* RDER-05: exactly so many, waiting for them. */
START_SIM(exactly)
{
    weft_stream_reader *reader = reader_new(WEFT_STREAM_LIMIT);
    struct reading r = {.reader = reader, .how = EXACTLY, .bytes = 7};
    weft_task *task = reading_start(&r);

    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(weft_done(task), 0);
        feed(reader, "abc");
        sim_pass(1);
    }
    ck_assert_int_eq(weft_join(task, NULL), 0);
    ck_assert_str_eq(r.got, "abcabca");
    ck_assert_uint_eq(buffered(reader), 2);
    weft_stream_reader_unref(reader);
    return 0;
}

/* RDER-06: a negative number, which is a very large one here, is refused. */
START_SIM(negative)
{
    weft_stream_reader *reader = reader_new(WEFT_STREAM_LIMIT);
    char *data = NULL;

    feed(reader, "line\n");
    ck_assert_int_eq(weft_stream_readexactly(reader, (size_t)-1, &data), -EINVAL);
    ck_assert_str_ne(sim_said(), "-");
    ck_assert_ptr_null(data);
    ck_assert_int_eq(weft_stream_read(reader, 1, NULL), -EINVAL);
    ck_assert_int_eq(weft_stream_readexactly(reader, 1, NULL), -EINVAL);
    ck_assert_int_eq(weft_stream_readline(reader, NULL), -EINVAL);
    ck_assert_int_eq(weft_stream_readuntil(reader, "\n", 1, NULL), -EINVAL);
    ck_assert_int_eq(weft_stream_read_into(reader, NULL, 1), -EINVAL);
    ck_assert_int_eq(weft_stream_read(NULL, 1, &data), -EINVAL);
    ck_assert_read(weft_stream_read(reader, -1 + 6, &data), "line\n");
    weft_stream_reader_unref(reader);
    return 0;
}

/* RDER-07: the stream ends too early. */
START_SIM(incomplete)
{
    weft_stream_reader *reader = reader_new(WEFT_STREAM_LIMIT);
    struct reading r = {.reader = reader, .how = EXACTLY, .bytes = 9};
    weft_task *task = reading_start(&r);
    weft_error *error;
    char *data;
    size_t bytes;

    feed(reader, "abcd");
    feed_eof(reader);
    ck_assert_int_eq(weft_join(task, NULL), WEFT_EINCOMPLETEREAD);
    error = weft_error_current();
    ck_assert_mem_eq(weft_error_partial(error, &bytes), "abcd", 4);
    ck_assert_uint_eq(bytes, 4);
    ck_assert_uint_eq(weft_error_expected(error), 9);
    ck_assert_int_eq(weft_stream_at_eof(reader), 1);
    ck_assert_int_eq(weft_stream_readexactly(reader, 2, &data), WEFT_EINCOMPLETEREAD);
    ck_assert_ptr_null(weft_error_partial(weft_error_current(), &bytes));
    ck_assert_uint_eq(bytes, 0);
    weft_stream_reader_unref(reader);
    return 0;
}

/* RDER-08: far more than twice the limit: the waiting read lets the transport go on. */
START_SIM(exactly_beyond_the_limit)
{
    struct stream s = stream_new(10);
    struct reading r = {.reader = s.reader, .how = EXACTLY, .bytes = 200};
    weft_task *task = reading_start(&r);
    char piece[20];

    memset(piece, 'x', sizeof(piece));
    for (int i = 0; i < 10; i++) {
        ck_assert(weft_transport_is_reading(&s.transport->base));
        fake_feed(s.transport, piece, sizeof(piece));
        sim_pass(1);
    }
    ck_assert_int_eq(weft_join(task, NULL), 0);
    ck_assert_int_eq(r.result, 200);
    ck_assert_int_ge(s.transport->pauses, 8);
    ck_assert_int_eq(s.transport->pauses, s.transport->resumes);
    stream_close(&s);
    return 0;
}

/* Into a buffer of the caller's: what is there, at least one byte. */
START_SIM(into)
{
    weft_stream_reader *reader = reader_new(WEFT_STREAM_LIMIT);
    struct reading r = {.reader = reader, .how = INTO, .bytes = 5};
    weft_task *task = reading_start(&r);
    char buffer[8] = "########", *data;

    feed(reader, "abcdefgh");
    ck_assert_int_eq(weft_join(task, NULL), 0);
    ck_assert_str_eq(r.got, "abcde");
    ck_assert_int_eq(weft_stream_read_into(reader, buffer, sizeof(buffer)), 3);
    ck_assert_mem_eq(buffer, "fgh#####", 8);
    feed(reader, "ij");
    ck_assert_read(weft_stream_read(reader, 9, &data), "ij");
    feed_eof(reader);
    ck_assert_int_eq(weft_stream_read_into(reader, buffer, sizeof(buffer)), 0);
    weft_stream_reader_unref(reader);
    return 0;
}

/* RDER-20: while one task waits for data, another cannot read; the first is not disturbed. */
START_SIM(one_at_a_time)
{
    weft_stream_reader *reader = reader_new(WEFT_STREAM_LIMIT);
    struct reading r = {.reader = reader, .how = EXACTLY, .bytes = 6};
    char *data, byte;

    feed(reader, "abc");
    weft_task *task = reading_start(&r);
    ck_assert_int_eq(weft_stream_read(reader, 1, &data), WEFT_ERUNTIME);
    ck_assert_str_eq(sim_said(), "another task is reading from the stream");
    ck_assert_int_eq(weft_stream_readexactly(reader, 1, &data), WEFT_ERUNTIME);
    ck_assert_int_eq(weft_stream_readline(reader, &data), WEFT_ERUNTIME);
    ck_assert_int_eq(weft_stream_readuntil(reader, "a", 1, &data), WEFT_ERUNTIME);
    ck_assert_int_eq(weft_stream_read_into(reader, &byte, 1), WEFT_ERUNTIME);
    feed(reader, "def");
    ck_assert_int_eq(weft_stream_read(reader, 1, &data), WEFT_ERUNTIME); /* its turn is to come */
    ck_assert_int_eq(weft_join(task, NULL), 0);
    ck_assert_str_eq(r.got, "abcdef");
    weft_stream_reader_unref(reader);
    return 0;
}

/* RDER-21: a cancelled read takes nothing, whatever kind it is, also if the data came before the
 * cancellation was delivered. */
START_SIM(cancelled)
{
    weft_stream_reader *reader = reader_new(WEFT_STREAM_LIMIT);
    const struct reading readings[] = {
        {.reader = reader, .bytes = -1},
        {.reader = reader, .how = EXACTLY, .bytes = 100},
        {.reader = reader, .how = LINE},
        {.reader = reader, .how = UNTIL, .separator = "#"},
    };
    char *data;

    feed(reader, "ab");
    for (int i = 0; i < 4; i++) {
        struct reading r = readings[i];
        weft_task *task = reading_start(&r);
        ck_assert_int_eq(weft_cancel_msg(task, "enough"), 1);
        ck_assert_int_eq(weft_join(task, NULL), WEFT_ECANCELLED);
        ck_assert_str_eq(sim_said(), "enough");

        struct reading again = readings[i];
        task = reading_start(&again);
        feed(reader, "c");
        ck_assert_int_eq(weft_cancel(task), 1);
        ck_assert_int_eq(weft_join(task, NULL), WEFT_ECANCELLED);
    }
    ck_assert_read(weft_stream_read(reader, 100, &data), "abcccc");
    struct reading r = {.reader = reader, .bytes = 100};
    weft_task *task = reading_start(&r);
    feed(reader, "late");
    ck_assert_int_eq(weft_cancel(task), 1);
    ck_assert_int_eq(weft_join(task, NULL), WEFT_ECANCELLED);
    ck_assert_read(weft_stream_read(reader, 100, &data), "late");
    weft_stream_reader_unref(reader);
    return 0;
}

/* RDER-22: after an error every read fails with it, whatever is buffered. */
START_SIM(failed)
{
    weft_stream_reader *reader = reader_new(WEFT_STREAM_LIMIT);
    weft_error *error = weft_error_new(-EPIPE, "the wire is cut"), *same;
    const struct iovec separators[] = {{(char[]){"a"}, 1}, {(char[]){"b"}, 1}};
    char *data, byte;

    ck_assert_int_eq(weft_stream_exception(reader, &same), 0);
    ck_assert_ptr_null(same);
    feed(reader, "abc\n");
    ck_assert_int_eq(weft_stream_set_exception(reader, -EPIPE, error), 0);
    ck_assert_int_eq(weft_stream_exception(reader, &same), -EPIPE);
    ck_assert_ptr_eq(same, error);
    ck_assert_int_eq(weft_stream_exception(reader, NULL), -EPIPE);
    ck_assert_int_eq(weft_stream_read(reader, 0, &data), -EPIPE);
    ck_assert_str_eq(sim_said(), "the wire is cut");
    ck_assert_int_eq(weft_stream_read(reader, 1, &data), -EPIPE);
    ck_assert_int_eq(weft_stream_read(reader, -1, &data), -EPIPE);
    ck_assert_int_eq(weft_stream_read_into(reader, &byte, 1), -EPIPE);
    ck_assert_int_eq(weft_stream_readexactly(reader, 0, &data), -EPIPE);
    ck_assert_int_eq(weft_stream_readline(reader, &data), -EPIPE);
    ck_assert_int_eq(weft_stream_readuntil(reader, "a", 1, &data), -EPIPE);
    ck_assert_int_eq(weft_stream_readuntil_any(reader, separators, 2, &data), -EPIPE);
    ck_assert_str_eq(sim_said(), "the wire is cut");
    ck_assert_int_eq(weft_stream_set_exception(reader, 0, NULL), -EINVAL);
    weft_error_unref(error);
    weft_stream_reader_unref(reader);
    return 0;
}

/* RDER-22, RDER-23: whatever the error is, also one that reads have a meaning for. */
START_SIM(failed_like_a_read)
{
    static const int codes[] = {WEFT_EINCOMPLETEREAD, WEFT_ELIMITOVERRUN, -EINVAL};

    for (int i = 0; i < 3; i++) {
        weft_stream_reader *reader = reader_new(WEFT_STREAM_LIMIT);
        struct reading line = {.reader = reader, .how = LINE};
        char *data;
        feed(reader, "some");
        weft_task *task = reading_start(&line);
        ck_assert_int_eq(weft_stream_set_exception(reader, codes[i], NULL), 0);
        ck_assert_int_eq(weft_join(task, NULL), codes[i]);
        ck_assert_int_eq(weft_stream_readuntil(reader, "e", 1, &data), codes[i]);
        ck_assert_int_eq(weft_stream_readline(reader, &data), codes[i]);
        ck_assert_uint_eq(buffered(reader), 4);
        weft_stream_reader_unref(reader);
    }
    return 0;
}

/* RDER-23: a task that waits gets the error at once. */
START_SIM(failed_while_waiting)
{
    weft_stream_reader *reader = reader_new(WEFT_STREAM_LIMIT);
    struct reading r = {.reader = reader, .how = LINE};
    weft_error *error = weft_error_new(-ECONNRESET, "gone");

    feed(reader, "half a line");
    weft_task *task = reading_start(&r);
    int turn = sim_turn();
    ck_assert_int_eq(weft_stream_set_exception(reader, -ECONNRESET, error), 0);
    weft_error_unref(error);
    ck_assert_int_eq(weft_join(task, NULL), -ECONNRESET);
    ck_assert_str_eq(sim_said(), "gone");
    ck_assert_int_eq(r.turn, turn + 1);

    /* The data came first, and the error before the task could run: a read that has what it wants gives
     * it, one that has not fails. */
    weft_stream_reader *other = reader_new(WEFT_STREAM_LIMIT);
    struct reading some = {.reader = other, .bytes = 10};
    task = reading_start(&some);
    feed(other, "abc");
    ck_assert_int_eq(weft_stream_set_exception(other, -EIO, NULL), 0);
    ck_assert_int_eq(weft_join(task, NULL), 0);
    ck_assert_str_eq(some.got, "abc");
    weft_stream_reader_unref(other);
    other = reader_new(WEFT_STREAM_LIMIT);
    struct reading line = {.reader = other, .how = LINE};
    task = reading_start(&line);
    feed(other, "abc");
    ck_assert_int_eq(weft_stream_set_exception(other, -EIO, NULL), 0);
    ck_assert_int_eq(weft_join(task, NULL), -EIO);
    weft_stream_reader_unref(other);
    weft_stream_reader_unref(reader);
    return 0;
}

SUITE("reader_read", what_is_there, waits, everything, nothing, beyond_the_limit, exactly, negative,
      incomplete, exactly_beyond_the_limit, into, one_at_a_time, cancelled, failed,
      failed_like_a_read, failed_while_waiting)
