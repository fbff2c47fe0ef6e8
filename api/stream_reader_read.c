/*
 * stream_reader_read.c - reads of a number of bytes.
 */
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "api/stream_reader.h"

/* Waits until there are so many bytes, or the end has come. */
static int wait_for_bytes(struct weft_stream_reader *reader, size_t bytes)
{
    while (buffer_bytes(&reader->buffer) < bytes && !reader->eof) {
        int rc = wf_reader_wait(reader);
        if (unlikely(rc))
            return rc;
    }
    return 0;
}

ssize_t weft_stream_read(weft_stream_reader *reader, ssize_t max, char **ret_data)
{
    if (unlikely(!ret_data))
        return -EINVAL;
    int rc = reader_begin(reader);
    if (likely(!rc) && likely(max))
        rc = wait_for_bytes(reader, max < 0 ? SIZE_MAX : 1);
    if (unlikely(rc))
        return rc;
    size_t bytes = buffer_bytes(&reader->buffer);
    if (max >= 0 && bytes > (size_t)max)
        bytes = (size_t)max;
    return reader_hand_out(reader, bytes, ret_data);
}

ssize_t weft_stream_read_into(weft_stream_reader *reader, void *buffer, size_t bytes)
{
    if (unlikely(!buffer && bytes))
        return -EINVAL;
    int rc = reader_begin(reader);
    if (likely(!rc) && likely(bytes))
        rc = wait_for_bytes(reader, 1);
    if (unlikely(rc))
        return rc;
    if (bytes > buffer_bytes(&reader->buffer))
        bytes = buffer_bytes(&reader->buffer);
    if (!bytes)
        return 0;
    memcpy(buffer, buffer_data(&reader->buffer), bytes);
    wf_buffer_drop(&reader->buffer, bytes);
    reader_took(reader);
    return (ssize_t)bytes;
}

int wf_reader_incomplete(struct weft_stream_reader *reader, size_t expected)
{
    size_t bytes = buffer_bytes(&reader->buffer);
    int rc =
        weft_fail_incomplete_read(bytes ? buffer_data(&reader->buffer) : NULL, bytes, expected);

    /* With no memory for the error the bytes would be lost. */
    if (unlikely(bytes && !wf_error_slot()->current))
        return -ENOMEM;
    wf_buffer_drop(&reader->buffer, bytes);
    reader_took(reader);
    return rc;
}

ssize_t weft_stream_readexactly(weft_stream_reader *reader, size_t bytes, char **ret_data)
{
    if (unlikely(!ret_data))
        return -EINVAL;
    if (unlikely(bytes > SSIZE_MAX)) /* RDER-06 */
        return weft_fail(-EINVAL, "a number of bytes to read that is too large, or negative");
    int rc = reader_begin(reader);
    if (likely(!rc))
        rc = wait_for_bytes(reader, bytes);
    if (unlikely(rc))
        return rc;
    if (unlikely(buffer_bytes(&reader->buffer) < bytes))
        return wf_reader_incomplete(reader, bytes);
    return reader_hand_out(reader, bytes, ret_data);
}
