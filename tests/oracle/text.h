/*
 * text.h - a text that grows.
 */
#ifndef WEFT_TESTS_ORACLE_TEXT_H
#define WEFT_TESTS_ORACLE_TEXT_H

#include <stdarg.h>
#include <stddef.h>

/* Zeroed, it is empty; text_fini() gives its memory back. */
struct text {
    char *data; /* NULL, or terminated */
    size_t length, room;
};

__attribute__((format(printf, 2, 3))) void text_add(struct text *text, const char *format, ...);

__attribute__((format(printf, 2, 0))) void text_add_args(struct text *text, const char *format,
                                                         va_list args);

/* Empties a text; its memory stays. */
void text_reset(struct text *text);

/* What is in the text, never NULL. */
const char *text_get(const struct text *text);

void text_fini(struct text *text);

/* Reads a file to its end. 0, or a negative error. */
int text_read_file(struct text *text, const char *path);

#endif
