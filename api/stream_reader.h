/*
 * stream_reader.h - what a reader is made of, for those who read from it and those who feed it.
 *
 * Belongs to the thread of its loop.
 *
 *     transport --> wf_reader_room(), wf_reader_fed() --> buffer --> the reading calls --> a task
 *
 * N1  At most one call reads at a time: from its first wait to its end the reader is `busy`
 *     (RDER-20). A call that need not wait is over before another one can begin.
 * N2  The transport is paused when more than twice the limit is buffered, and goes on when the buffer
 *     is down to the limit or a read has to wait (RDER-24).
 */
#ifndef WEFT_API_STREAM_READER_H
#define WEFT_API_STREAM_READER_H

#include <weft/stream.h>

#include "api/stream_buffer.h"
#include "api/stream_wait.h"

struct weft_stream_reader {
    struct stream_buffer buffer;
    struct weft_loop *loop;
    weft_transport *transport; /* borrowed; NULL: none, or its connection is lost */
    struct stream_waits waits; /* at most one */
    size_t limit;
    weft_error *error; /* of the connection; owned; may be NULL */
    int code;          /* its code; 0: none */
    uint32_t refs;
    uint16_t bytes; /* of the block that it begins */
    bool eof;
    bool paused; /* N2 */
    bool busy;   /* N1 */
    char none;   /* what is handed out when there is nothing */
};

_Static_assert(sizeof(struct weft_stream_reader) <= 128, "a stream's memory is cold: few lines");

/* As weft_stream_reader_new(), at the beginning of a zeroed block of so many bytes, which is freed with it. */
struct weft_stream_reader *wf_reader_new(struct weft_loop *loop, size_t limit, size_t bytes);

/* Room for what is received: see wf_buffer_room(). 0; -ENOMEM; WEFT_ERUNTIME after the end. */
int wf_reader_room(struct weft_stream_reader *reader, void **ret_buffer, size_t *ret_bytes);

/* So many bytes were written there. */
void wf_reader_fed(struct weft_stream_reader *reader, size_t bytes);

/* Its transport is gone, or another one takes its place. */
void wf_reader_replace_transport(struct weft_stream_reader *reader, weft_transport *transport);

/* What was received and not read is gone, and so is a pause for it; what was handed out stays. */
void wf_reader_forget(struct weft_stream_reader *reader);

/* ---- For the reading calls ---- */

/* The connection's error as the current one; its code. */
int wf_reader_failed(const struct weft_stream_reader *reader);

/* Not now, or not any more: see reader_begin(). */
int wf_reader_refused(const struct weft_stream_reader *reader);

/* The next call: what the last one handed out is over. 0, or why there is nothing to read. */
static inline int reader_begin(struct weft_stream_reader *reader)
{
    if (unlikely(!reader) || unlikely(reader->busy) || unlikely(reader->code))
        return wf_reader_refused(reader);
    buffer_settle(&reader->buffer);
    return 0;
}

/* Waits until more came, or the end; the caller looks. 0; the connection's error; WEFT_ECANCELLED. */
int wf_reader_wait(struct weft_stream_reader *reader);

void wf_reader_resume(struct weft_stream_reader *reader);

/* Something was taken (N2). */
static inline void reader_took(struct weft_stream_reader *reader)
{
    if (unlikely(reader->paused) && buffer_bytes(&reader->buffer) <= reader->limit)
        wf_reader_resume(reader);
}

/* Hands out the next so many bytes, which are there; may be none. Returns how many. */
static inline ssize_t reader_hand_out(struct weft_stream_reader *reader, size_t bytes,
                                      char **ret_data)
{
    if (unlikely(!bytes)) {
        reader->none = '\0';
        *ret_data = &reader->none;
        return 0;
    }
    *ret_data = wf_buffer_hand_out(&reader->buffer, bytes);
    reader_took(reader);
    return (ssize_t)bytes;
}

/* The stream ended too early: what is there goes into the error, and is gone (RDER-07, RDER-13).
 * WEFT_EINCOMPLETEREAD; -ENOMEM: nothing has changed. */
int wf_reader_incomplete(struct weft_stream_reader *reader, size_t expected);

#endif
