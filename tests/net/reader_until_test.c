/*
 * reader_until_test.c - reads up to a separator, and lines.
 */
#include "tests/net/streams.h"

#define SEPARATORS(...)                    \
    ((const struct iovec[]){__VA_ARGS__}), \
        (int)(sizeof((const struct iovec[]){__VA_ARGS__}) / sizeof(struct iovec))
#define SEP(literal)                                       \
    {                                                      \
        (void *)(uintptr_t)(literal), sizeof(literal) - 1, \
    }

/* RDER-09, RDER-19: line by line until there is none. */
START_SIM(lines)
{
    weft_stream_reader *reader = reader_new(WEFT_STREAM_LIMIT);
    char *data;
    ssize_t n;

    feed(reader, "line1\nli");
    feed(reader, "ne2\n\nline3");
    feed_eof(reader);
    while ((n = weft_stream_readline(reader, &data)) > 0) {
        ck_assert_int_eq((ssize_t)strlen(data), n);
        if (data[n - 1] == '\n')
            data[n - 1] = '$';
        trace("%s", data);
    }
    ck_assert_int_eq(n, 0);
    ck_assert_trace("line1$ line2$ $ line3");
    weft_stream_reader_unref(reader);
    return 0;
}

/* RDER-09: it waits for the newline, or the end. */
START_SIM(line_waits)
{
    weft_stream_reader *reader = reader_new(WEFT_STREAM_LIMIT);
    struct reading first = {.reader = reader, .how = LINE}, last = first, none = first;
    weft_task *task = reading_start(&first);

    feed(reader, "one ");
    sim_pass(1);
    feed(reader, "two ");
    sim_pass(1);
    ck_assert_int_eq(weft_done(task), 0);
    feed(reader, "three\nfour");
    ck_assert_int_eq(weft_join(task, NULL), 0);
    ck_assert_str_eq(first.got, "one two three\n");
    task = reading_start(&last);
    feed_eof(reader);
    ck_assert_int_eq(weft_join(task, NULL), 0);
    ck_assert_str_eq(last.got, "four");
    ck_assert_int_eq(weft_join(reading_start(&none), NULL), 0);
    ck_assert_int_eq(none.result, 0);
    weft_stream_reader_unref(reader);
    return 0;
}

/* RDER-10: a line that is too long is dropped, or what there is of it. */
START_SIM(long_lines)
{
    weft_stream_reader *reader = reader_new(3);
    char *data = NULL;

    feed(reader, "li");
    feed(reader, "ne1\nline2\nabc\n");
    ck_assert_int_eq(weft_stream_readline(reader, &data), -EINVAL);
    ck_assert_str_eq(sim_said(),
                     "a separator was found, but what is before it is longer than the limit");
    ck_assert_uint_eq(buffered(reader), strlen("line2\nabc\n"));
    ck_assert_int_eq(weft_stream_readline(reader, &data), -EINVAL);
    ck_assert_read(weft_stream_readline(reader, &data), "abc\n");

    struct reading r = {.reader = reader, .how = LINE};
    weft_task *task = reading_start(&r);
    feed(reader, "abc");
    sim_pass(1);
    ck_assert_int_eq(weft_done(task), 0);
    feed(reader, "defg");
    ck_assert_int_eq(weft_join(task, NULL), -EINVAL);
    ck_assert_str_eq(sim_said(), "no separator was found within the limit");
    ck_assert_uint_eq(buffered(reader), 0);
    feed(reader, "x\n");
    ck_assert_read(weft_stream_readline(reader, &data), "x\n");
    weft_stream_reader_unref(reader);
    return 0;
}

/* RDER-11: as long as the limit, and a newline. */
START_SIM(line_of_the_limit)
{
    weft_stream_reader *reader = reader_new(4);
    char *data;

    feed(reader, "1234\n12345\n");
    ck_assert_read(weft_stream_readline(reader, &data), "1234\n");
    ck_assert_int_eq(weft_stream_readline(reader, &data), -EINVAL);
    weft_stream_reader_unref(reader);
    return 0;
}

/* RDER-12: however the data are cut. */
START_SIM(every_cut)
{
    static const char input[] = "abcXXYXXYXXZdef";

    for (size_t first = 0; first <= strlen(input); first++) {
        for (size_t second = first; second <= strlen(input); second++) {
            weft_stream_reader *reader = reader_new(WEFT_STREAM_LIMIT);
            struct reading r = {.reader = reader, .how = UNTIL, .separator = "XXYXXZ"};
            weft_task *task = reading_start(&r);
            ck_assert_int_eq(weft_stream_feed_data(reader, input, first), 0);
            sim_pass(1);
            ck_assert_int_eq(weft_stream_feed_data(reader, input + first, second - first), 0);
            sim_pass(1);
            ck_assert_int_eq(weft_stream_feed_data(reader, input + second, strlen(input) - second),
                             0);
            ck_assert_int_eq(weft_join(task, NULL), 0);
            ck_assert_str_eq(r.got, "abcXXYXXYXXZ");
            ck_assert_uint_eq(buffered(reader), 3);
            weft_stream_reader_unref(reader);
            trace_clear();
        }
    }
    return 0;
}

/* RDER-13: the stream ends before a separator. */
START_SIM(incomplete)
{
    weft_stream_reader *reader = reader_new(WEFT_STREAM_LIMIT);
    struct reading r = {.reader = reader, .how = UNTIL, .separator = "#"};
    weft_task *task = reading_start(&r);
    size_t bytes;

    feed(reader, "some data");
    feed_eof(reader);
    ck_assert_int_eq(weft_join(task, NULL), WEFT_EINCOMPLETEREAD);
    weft_error *error = weft_error_current();
    ck_assert_mem_eq(weft_error_partial(error, &bytes), "some data", 9);
    ck_assert_uint_eq(bytes, 9);
    ck_assert_uint_eq(weft_error_expected(error), WEFT_UNKNOWN);
    ck_assert_int_eq(weft_stream_at_eof(reader), 1);
    weft_stream_reader_unref(reader);
    return 0;
}

/* RDER-14: too much before a separator; nothing is taken, and the text says whether there is one. */
START_SIM(overrun)
{
    weft_stream_reader *reader = reader_new(7);
    char *data = NULL;

    feed(reader, "some dataAAA");
    ck_assert_int_eq(weft_stream_readuntil(reader, "AAA", 3, &data), WEFT_ELIMITOVERRUN);
    ck_assert_uint_eq(weft_error_consumed(weft_error_current()), 9);
    ck_assert_str_eq(sim_said(),
                     "a separator was found, but what is before it is longer than the limit");
    ck_assert_uint_eq(buffered(reader), 12);
    ck_assert_int_eq(weft_stream_readuntil(reader, "BB", 2, &data), WEFT_ELIMITOVERRUN);
    ck_assert_uint_eq(weft_error_consumed(weft_error_current()), 11);
    ck_assert_str_eq(sim_said(), "no separator was found within the limit");
    ck_assert_ptr_null(data);
    ck_assert_read(weft_stream_readexactly(reader, 5, &data), "some ");
    ck_assert_read(weft_stream_readuntil(reader, "AAA", 3, &data), "dataAAA");
    weft_stream_reader_unref(reader);
    return 0;
}

/* RDER-15: it waits as long as the first `limit` bytes and a part of a separator may be all there is. */
START_SIM(overrun_out_of_sight)
{
    weft_stream_reader *reader = reader_new(4);
    struct reading r = {.reader = reader, .how = UNTIL, .separator = "END"};
    weft_task *task = reading_start(&r);

    feed(reader, "1234EN");
    sim_pass(1);
    ck_assert_int_eq(weft_done(task), 0);
    feed(reader, "D");
    ck_assert_int_eq(weft_join(task, NULL), 0);
    ck_assert_str_eq(r.got, "1234END");
    struct reading other = {.reader = reader, .how = UNTIL, .separator = "END"};
    task = reading_start(&other);
    feed(reader, "1234EN");
    sim_pass(1);
    ck_assert_int_eq(weft_done(task), 0);
    feed(reader, "N");
    ck_assert_int_eq(weft_join(task, NULL), WEFT_ELIMITOVERRUN);
    ck_assert_uint_eq(weft_error_consumed(weft_error_current()), 5);
    ck_assert_uint_eq(buffered(reader), 7);
    weft_stream_reader_unref(reader);
    return 0;
}

/* RDER-16: an empty separator, or none. */
START_SIM(no_separator)
{
    weft_stream_reader *reader = reader_new(WEFT_STREAM_LIMIT);
    char *data;

    feed(reader, "data\n");
    ck_assert_int_eq(weft_stream_readuntil(reader, "", 0, &data), -EINVAL);
    ck_assert_int_eq(weft_stream_readuntil(reader, NULL, 1, &data), -EINVAL);
    ck_assert_int_eq(weft_stream_readuntil_any(reader, NULL, 0, &data), -EINVAL);
    ck_assert_int_eq(weft_stream_readuntil_any(reader, NULL, 1, &data), -EINVAL);
    ck_assert_int_eq(weft_stream_readuntil_any(reader, SEPARATORS(SEP("\n"), SEP("")), &data),
                     -EINVAL);
    ck_assert_read(weft_stream_readuntil(reader, "\n", 1, &data), "data\n");
    weft_stream_reader_unref(reader);
    return 0;
}

/* RDER-17: of several separators the match that ends first. */
START_SIM(several)
{
    weft_stream_reader *reader = reader_new(3);
    char *data;

    feed(reader, "line\nother\r\nxyz\r\nABABC#");
    ck_assert_int_eq(weft_stream_readuntil_any(reader, SEPARATORS(SEP("\r\n"), SEP("\n")), &data),
                     WEFT_ELIMITOVERRUN);
    ck_assert_uint_eq(weft_error_consumed(weft_error_current()), 4);
    ck_assert_read(weft_stream_readexactly(reader, 7, &data), "line\not");
    /* Both end together: what is before the shorter one counts, and that is too long. */
    ck_assert_int_eq(weft_stream_readuntil_any(reader, SEPARATORS(SEP("\r\n"), SEP("\n")), &data),
                     WEFT_ELIMITOVERRUN);
    ck_assert_uint_eq(weft_error_consumed(weft_error_current()), 4);
    ck_assert_read(weft_stream_readexactly(reader, 2, &data), "he");
    ck_assert_read(weft_stream_readuntil_any(reader, SEPARATORS(SEP("\r\n"), SEP("\n")), &data),
                   "r\r\n");
    ck_assert_read(weft_stream_readuntil(reader, "\r\n", 2, &data), "xyz\r\n");
    ck_assert_read(weft_stream_readuntil_any(reader, SEPARATORS(SEP("BABC"), SEP("ABA")), &data),
                   "ABA");
    ck_assert_read(weft_stream_readuntil_any(reader, SEPARATORS(SEP("#"), SEP("C#")), &data),
                   "BC#");
    weft_stream_reader_unref(reader);
    return 0;
}

/* RDER-12, RDER-17: a part of the longer separator has come when the shorter one does. */
COROUTINE(until_either)
{
    char *data;
    ssize_t n = weft_stream_readuntil_any(arg, SEPARATORS(SEP("\r\n\r\n"), SEP(";")), &data);
    trace("%zd", n);
    return n < 0 ? (int)n : 0;
}

START_SIM(several_in_pieces)
{
    static const char *const inputs[] = {"abc\r\n;", "abc\r\n\r\n", "abc\r\n\r;\n", ";\r\n\r\n"};

    for (int i = 0; i < 4; i++) {
        weft_stream_reader *reader = reader_new(WEFT_STREAM_LIMIT);
        weft_task *task = weft_create_task(until_either, reader, NULL);
        sim_pass(1);
        for (const char *byte = inputs[i]; *byte; byte++) {
            ck_assert_int_eq(weft_stream_feed_data(reader, byte, 1), 0);
            sim_pass(1);
        }
        ck_assert_int_eq(weft_join(task, NULL), 0);
        weft_stream_reader_unref(reader);
    }
    ck_assert_trace("6 7 7 1");
    return 0;
}

/* Data with zero bytes in them are data. */
START_SIM(zero_bytes)
{
    weft_stream_reader *reader = reader_new(WEFT_STREAM_LIMIT);
    char *data;

    ck_assert_int_eq(weft_stream_feed_data(reader, TEXT("a\0b\0\0c\n")), 0);
    ck_assert_int_eq(weft_stream_readuntil(reader, "\0\0", 2, &data), 5);
    ck_assert_mem_eq(data, "a\0b\0\0", 6);
    ck_assert_read(weft_stream_readline(reader, &data), "c\n");
    weft_stream_reader_unref(reader);
    return 0;
}

SUITE("reader_until", lines, line_waits, long_lines, line_of_the_limit, every_cut, incomplete,
      overrun, overrun_out_of_sight, no_separator, several, several_in_pieces, zero_bytes)
