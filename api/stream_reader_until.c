/*
 * stream_reader_until.c - reads up to a separator: lines, and records of any kind.
 */
#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "api/stream_reader.h"

/* Where a separator is, counted from the first byte that was not taken. */
struct match {
    size_t start,
        end; /* end is 0 while there is none; start then: so many bytes cannot be in one */
};

/* The first place of one separator, from offset on. False: there is none. */
static bool find_one(const char *data, size_t bytes, size_t offset, const struct iovec *separator,
                     size_t *ret_start)
{
    const char *place;

    if (separator->iov_len == 1)
        place = memchr(data + offset, *(const unsigned char *)separator->iov_base, bytes - offset);
    else
        place = memmem(data + offset, bytes - offset, separator->iov_base, separator->iov_len);
    if (place)
        *ret_start = (size_t)(place - data);
    return place != NULL;
}

/* The match that ends first; of two that end together the shorter one (RDER-17). */
static bool find(const struct weft_stream_reader *reader, const struct iovec *separators, int count,
                 size_t offset, struct match *ret_match)
{
    size_t bytes = buffer_bytes(&reader->buffer);
    struct match best = {0, 0};

    if (offset >= bytes)
        return false;
    const char *data = buffer_data(&reader->buffer);
    for (int i = 0; i < count; i++) {
        size_t start;
        if (!find_one(data, bytes, offset, &separators[i], &start))
            continue;
        size_t end = start + separators[i].iov_len;
        if (!best.end || end < best.end || (end == best.end && start > best.start))
            best = (struct match){start, end};
    }
    if (best.end)
        *ret_match = best;
    return best.end > 0;
}

/* How a search ended, beside an error of the connection, which may have any code. */
enum {
    SEARCH_FOUND,
    SEARCH_ENDED,   /* there is none before the end of the stream */
    SEARCH_OVERRUN, /* RDER-14, RDER-15 */
};

/*
 * Waits until a separator is there; longest is the length of the longest, and none begins before
 * offset. SEARCH_*, or a negative error.
 */
static int wait_for_match(struct weft_stream_reader *reader, const struct iovec *separators,
                          int count, size_t longest, size_t offset, struct match *match)
{
    *match = (struct match){0, 0};
    for (;;) {
        size_t bytes = buffer_bytes(&reader->buffer);
        if (find(reader, separators, count, offset, match))
            return match->start > reader->limit ? SEARCH_OVERRUN : SEARCH_FOUND;
        if (bytes >= longest && bytes + 1 - longest > offset)
            offset = bytes + 1 - longest;
        match->start = offset;
        if (offset > reader->limit)
            return SEARCH_OVERRUN;
        if (reader->eof)
            return SEARCH_ENDED;
        int rc = wf_reader_wait(reader);
        if (unlikely(rc))
            return rc;
    }
}

static const char *overrun_text(const struct match *match)
{
    return match->end ? "a separator was found, but what is before it is longer than the limit"
                      : "no separator was found within the limit";
}

ssize_t weft_stream_readuntil_any(weft_stream_reader *reader, const struct iovec *separators,
                                  int count, char **ret_data)
{
    struct match match;
    size_t longest = 0;

    if (unlikely(!ret_data) || unlikely(!separators && count))
        return -EINVAL;
    if (unlikely(count <= 0)) /* RDER-16 */
        return weft_fail(-EINVAL, "no separator is given");
    for (int i = 0; i < count; i++) {
        if (!separators[i].iov_len || !separators[i].iov_base)
            return weft_fail(-EINVAL, "an empty separator");
        if (separators[i].iov_len > longest)
            longest = separators[i].iov_len;
    }
    int rc = reader_begin(reader);
    if (unlikely(rc))
        return rc;
    rc = wait_for_match(reader, separators, count, longest, 0, &match);
    if (likely(rc == SEARCH_FOUND))
        return reader_hand_out(reader, match.end, ret_data);
    if (rc == SEARCH_ENDED)
        return wf_reader_incomplete(reader, WEFT_UNKNOWN);
    if (rc == SEARCH_OVERRUN)
        return weft_fail_limit_overrun(match.start, "%s", overrun_text(&match));
    return rc;
}

ssize_t weft_stream_readuntil(weft_stream_reader *reader, const void *separator, size_t bytes,
                              char **ret_data)
{
    struct iovec one = {(void *)(uintptr_t)separator, bytes};
    return weft_stream_readuntil_any(reader, &one, 1, ret_data);
}

/* There is no newline in the first `offset` bytes; or there is one, but too late. */
static __attribute__((noinline)) ssize_t readline_slow(struct weft_stream_reader *reader,
                                                       size_t offset, char **ret_line)
{
    const struct iovec separator = {(void *)(uintptr_t) "\n", 1};
    struct match match;

    int rc = wait_for_match(reader, &separator, 1, 1, offset, &match);
    if (likely(rc == SEARCH_FOUND))
        return reader_hand_out(reader, match.end, ret_line);
    if (rc == SEARCH_ENDED) /* RDER-09: what is left */
        return reader_hand_out(reader, buffer_bytes(&reader->buffer), ret_line);
    if (rc != SEARCH_OVERRUN)
        return rc;
    /* RDER-10: the line is dropped, or what there is of it. */
    wf_buffer_drop(&reader->buffer, match.end ? match.end : buffer_bytes(&reader->buffer));
    reader_took(reader);
    return weft_fail(-EINVAL, "%s", overrun_text(&match));
}

ssize_t weft_stream_readline(weft_stream_reader *reader, char **ret_line)
{
    if (unlikely(!ret_line))
        return -EINVAL;
    int rc = reader_begin(reader);
    if (unlikely(rc))
        return rc;
    size_t bytes = buffer_bytes(&reader->buffer);
    if (unlikely(!bytes))
        return readline_slow(reader, 0, ret_line);
    const char *data = buffer_data(&reader->buffer);
    const char *newline = memchr(data, '\n', bytes);
    if (unlikely(!newline))
        return readline_slow(reader, bytes, ret_line);
    size_t before = (size_t)(newline - data);
    if (unlikely(before > reader->limit))
        return readline_slow(reader, 0, ret_line);
    return reader_hand_out(reader, before + 1, ret_line);
}
