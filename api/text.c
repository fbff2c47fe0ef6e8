/*
 * text.c - see text.h.
 */
#include "api/text.h"

#include <stdarg.h>
#include <stdio.h>

void wf_text_add(struct text *text, const char *format, ...)
{
    size_t offset = text->used < text->bytes ? text->used : text->bytes;
    char *place = text->bytes ? text->buffer + offset : NULL;
    va_list args;

    va_start(args, format);
    int added = vsnprintf(place, text->bytes - offset, format, args);
    va_end(args);
    text->used += added > 0 ? (size_t)added : 0;
}
