/*
 * stream_reader_text.c - what people want to know about a reader.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "api/stream_reader.h"

/* A text that grows as snprintf()'s does: what does not fit is counted. */
struct text {
    char *buffer;
    size_t size;
    size_t used;
};

__attribute__((format(printf, 2, 3))) static void text_add(struct text *text, const char *format,
                                                           ...)
{
    size_t offset = text->used < text->size ? text->used : text->size;
    char *place = text->size ? text->buffer + offset : NULL;
    va_list args;

    va_start(args, format);
    int added = vsnprintf(place, text->size - offset, format, args);
    va_end(args);
    text->used += added > 0 ? (size_t)added : 0;
}

int weft_stream_reader_text(const weft_stream_reader *reader, char *buffer, size_t size)
{
    if (!reader)
        return -EINVAL;
    struct text text = {buffer, size, 0};
    size_t bytes = buffer_bytes(&reader->buffer);

    text_add(&text, "<weft_stream_reader %p", (const void *)reader);
    if (bytes)
        text_add(&text, " %zu bytes", bytes);
    if (reader->eof)
        text_add(&text, " eof");
    if (reader->limit != WEFT_STREAM_LIMIT)
        text_add(&text, " limit=%zu", reader->limit);
    if (reader->waits.first)
        text_add(&text, " waiter");
    const char *message = weft_error_message(reader->error);
    if (reader->code)
        text_add(&text, " exception=%s", weft_error_name(reader->code));
    if (reader->code && message)
        text_add(&text, "(%s)", message);
    if (reader->transport)
        text_add(&text, " transport=%p", (const void *)reader->transport);
    text_add(&text, reader->paused ? " paused>" : ">");
    return (int)text.used;
}
