/*
 * stream_reader_text.c - what people want to know about a reader.
 */
#include <errno.h>

#include "api/stream_reader.h"
#include "api/text.h"

int weft_stream_reader_text(const weft_stream_reader *reader, char *buffer, size_t size)
{
    if (!reader)
        return -EINVAL;
    struct text text = {buffer, size, 0};
    size_t bytes = buffer_bytes(&reader->buffer);

    wf_text_add(&text, "<weft_stream_reader %p", (const void *)reader);
    if (bytes)
        wf_text_add(&text, " %zu bytes", bytes);
    if (reader->eof)
        wf_text_add(&text, " eof");
    if (reader->limit != WEFT_STREAM_LIMIT)
        wf_text_add(&text, " limit=%zu", reader->limit);
    if (reader->waits.first)
        wf_text_add(&text, " waiter");
    const char *message = weft_error_message(reader->error);
    if (reader->code)
        wf_text_add(&text, " exception=%s", weft_error_name(reader->code));
    if (reader->code && message)
        wf_text_add(&text, "(%s)", message);
    if (reader->transport)
        wf_text_add(&text, " transport=%p", (const void *)reader->transport);
    wf_text_add(&text, reader->paused ? " paused>" : ">");
    return (int)text.used;
}
