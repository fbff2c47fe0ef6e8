/*
 * stream_reader.c - a reader's life, what it is fed with, and how a read waits for that.
 */
#include "api/stream_reader.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "runtime/base/mem.h"
#include "runtime/sched/future_ops.h"

/* An empty buffer that has grown beyond this is given back before a wait. */
#define KEEP_BYTES_MIN ((size_t)256 * 1024)

/* ---- A reader's life ---- */

struct weft_stream_reader *wf_reader_new(struct weft_loop *loop, size_t limit, size_t bytes)
{
    if (!limit || limit > SSIZE_MAX) { /* RDER-27 */
        (void)weft_fail(-EINVAL, "a reader's limit is at least one byte");
        errno = EINVAL;
        return NULL;
    }
    if (!loop)
        loop = weft_get_event_loop();
    if (!loop) /* RDER-29; errno says so */
        return NULL;
    struct weft_stream_reader *reader = mem_alloc_line(bytes);
    if (!reader) {
        errno = ENOMEM;
        return NULL;
    }
    memset(reader, 0, bytes);
    reader->loop = loop;
    reader->limit = limit;
    reader->refs = 1;
    reader->bytes = (uint16_t)bytes;
    return reader;
}

weft_stream_reader *weft_stream_reader_new(weft_loop *loop, size_t limit)
{
    return wf_reader_new(loop, limit, sizeof(struct weft_stream_reader));
}

weft_stream_reader *weft_stream_reader_ref(weft_stream_reader *reader)
{
    if (reader)
        reader->refs++;
    return reader;
}

void weft_stream_reader_unref(weft_stream_reader *reader)
{
    if (!reader || --reader->refs)
        return;
    wf_buffer_fini(&reader->buffer);
    weft_error_unref(reader->error);
    mem_free_line(reader, reader->bytes);
}

/* ---- What comes in ---- */

/* More than twice the limit. */
static bool is_full(const struct weft_stream_reader *reader)
{
    size_t bytes = buffer_bytes(&reader->buffer);
    return bytes > reader->limit && bytes - reader->limit > reader->limit;
}

int wf_reader_room(struct weft_stream_reader *reader, void **ret_buffer, size_t *ret_bytes)
{
    if (unlikely(reader->eof))
        return weft_fail(WEFT_ERUNTIME, "data after the end of the stream"); /* RDER-28 */
    void *room = wf_buffer_room(&reader->buffer, ret_bytes);
    if (unlikely(!room))
        return weft_fail(-ENOMEM, "no memory for what is received");
    __builtin_prefetch(reader->waits.first, 1); /* is cold, and comes while the system copies */
    *ret_buffer = room;
    return 0;
}

void wf_reader_fed(struct weft_stream_reader *reader, size_t bytes)
{
    buffer_filled(&reader->buffer, bytes);
    if (likely(reader->waits.first != NULL))
        wf_stream_wake(&reader->waits, 0, NULL);
    if (unlikely(is_full(reader)) && reader->transport && !reader->paused) {
        reader->paused = true;
        weft_transport_pause_reading(reader->transport);
    }
}

int weft_stream_feed_data(weft_stream_reader *reader, const void *data, size_t bytes)
{
    if (!reader || (!data && bytes))
        return -EINVAL;
    if (reader->eof)
        return weft_fail(WEFT_ERUNTIME, "data after the end of the stream");
    if (!bytes)
        return 0;
    char *room = wf_buffer_reserve(&reader->buffer, bytes);
    if (!room)
        return weft_fail(-ENOMEM, "no memory for %zu bytes", bytes);
    memcpy(room, data, bytes);
    wf_reader_fed(reader, bytes);
    return 0;
}

int weft_stream_feed_eof(weft_stream_reader *reader)
{
    if (!reader)
        return -EINVAL;
    reader->eof = true;
    wf_stream_wake(&reader->waits, 0, NULL);
    return 0;
}

int weft_stream_set_exception(weft_stream_reader *reader, int code, weft_error *error)
{
    if (!reader || code >= 0)
        return -EINVAL;
    weft_error *old = reader->error;
    reader->code = code;
    reader->error = weft_error_ref(error);
    weft_error_unref(old);
    wf_stream_wake(&reader->waits, code, error); /* RDER-23 */
    return 0;
}

int weft_stream_set_transport(weft_stream_reader *reader, weft_transport *transport)
{
    if (!reader || !transport)
        return -EINVAL;
    if (reader->transport)
        return weft_fail(WEFT_ERUNTIME, "the reader has a transport");
    reader->transport = transport;
    return 0;
}

void wf_reader_replace_transport(struct weft_stream_reader *reader, weft_transport *transport)
{
    reader->transport = transport;
    if (reader->paused && transport)
        weft_transport_pause_reading(transport);
}

void wf_reader_forget(struct weft_stream_reader *reader)
{
    wf_buffer_forget(&reader->buffer);
    reader_took(reader);
}

bool weft_stream_at_eof(const weft_stream_reader *reader)
{
    return reader && reader->eof && !buffer_bytes(&reader->buffer);
}

int weft_stream_exception(const weft_stream_reader *reader, weft_error **ret_error)
{
    if (ret_error)
        *ret_error = reader ? reader->error : NULL;
    return reader ? reader->code : 0;
}

/* ---- How a read waits ---- */

static const struct wait_ops read_ops = STREAM_WAIT_OPS("stream read");

int wf_reader_failed(const struct weft_stream_reader *reader)
{
    wf_error_raise(wf_error_slot(), weft_error_ref(reader->error));
    return reader->code;
}

int wf_reader_refused(const struct weft_stream_reader *reader)
{
    if (!reader)
        return -EINVAL;
    if (reader->code)
        return wf_reader_failed(reader);
    return weft_fail(WEFT_ERUNTIME, "another task is reading from the stream");
}

void wf_reader_resume(struct weft_stream_reader *reader)
{
    reader->paused = false;
    if (reader->transport)
        weft_transport_resume_reading(reader->transport);
}

int wf_reader_wait(struct weft_stream_reader *reader)
{
    size_t bytes = buffer_bytes(&reader->buffer);
    size_t keep = reader->limit < KEEP_BYTES_MIN / 4 ? KEEP_BYTES_MIN : 4 * reader->limit;

    if (unlikely(reader->code))
        return wf_reader_failed(reader);
    if (unlikely(reader->paused)) {
        wf_reader_resume(reader);
        if (reader->code || reader->eof || buffer_bytes(&reader->buffer) != bytes)
            return reader->code ? wf_reader_failed(reader) : 0;
    }
    if (!bytes)
        wf_buffer_rest(&reader->buffer, keep);
    reader->busy = true;
    int rc = wf_stream_wait(reader->loop, &reader->waits, &read_ops, reader);
    reader->busy = false;
    return rc;
}
