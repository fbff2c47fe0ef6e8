/*
 * text.c - a text that grows.
 */
#include "tests/oracle/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/oracle/memory.h"

/* Makes room for so many more characters and the terminator. */
static void text_reserve(struct text *text, size_t more)
{
    size_t room = text->room ? text->room : 256;
    while (room - text->length <= more)
        room *= 2;
    if (room == text->room)
        return;
    char *data = realloc(text->data, room);
    if (!data)
        die("out of memory");
    text->data = data;
    text->room = room;
}

void text_add_args(struct text *text, const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    int length = vsnprintf(NULL, 0, format, again);
    va_end(again);
    if (length < 0)
        die("a text that cannot be written");
    text_reserve(text, (size_t)length);
    vsnprintf(text->data + text->length, (size_t)length + 1, format, args);
    text->length += (size_t)length;
}

void text_add(struct text *text, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    text_add_args(text, format, args);
    va_end(args);
}

void text_reset(struct text *text)
{
    text->length = 0;
    if (text->data)
        text->data[0] = '\0';
}

const char *text_get(const struct text *text)
{
    return text->data ? text->data : "";
}

void text_fini(struct text *text)
{
    free(text->data);
    *text = (struct text){0};
}

int text_read_file(struct text *text, const char *path)
{
    FILE *file = fopen(path, "re");
    if (!file)
        return -errno;
    for (;;) {
        text_reserve(text, BUFSIZ);
        size_t got = fread(text->data + text->length, 1, BUFSIZ, file);
        text->length += got;
        text->data[text->length] = '\0';
        if (!got)
            break;
    }
    int rc = ferror(file) ? -EIO : 0;
    fclose(file);
    return rc;
}
