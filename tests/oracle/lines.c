/*
 * lines.c - the lines of a scenario, each parted into words.
 */
#include "tests/oracle/lines.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLANKS "\t\r\f\v "
#define LOWER  "abcdefghijklmnopqrstuvwxyz"
#define UPPER  "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

bool lines_failed(const struct lines *lines)
{
    return lines->complaint->length > 0;
}

bool lines_complain(struct lines *lines, int number, const char *format, ...)
{
    char what[200];
    va_list args;

    if (lines_failed(lines))
        return false;
    va_start(args, format);
    vsnprintf(what, sizeof(what), format, args);
    va_end(args);
    if (number > 0)
        text_add(lines->complaint, "line %d: ", number);
    text_add(lines->complaint, "%s", what);
    return false;
}

/* Parts the line that begins here into words; false if there are too many. */
static bool lines_part(struct lines *lines, const char *line, const char *end)
{
    lines->count = 0;
    for (;;) {
        line += strspn(line, BLANKS);
        if (line >= end)
            return true;
        size_t length = strcspn(line, BLANKS "\n");
        if (lines->count == LINE_WORDS)
            return lines_complain(lines, lines->number, "more than %d words", LINE_WORDS);
        lines->words[lines->count++] = arena_copy(lines->arena, line, length);
        line += length;
    }
}

bool lines_next(struct lines *lines)
{
    while (*lines->rest && !lines_failed(lines)) {
        const char *line = lines->rest, *end = strchrnul(line, '\n');
        lines->rest = *end ? end + 1 : end;
        lines->number++;
        if (!lines_part(lines, line, end))
            return false;
        if (lines->count && lines->words[0][0] != '#')
            return true;
    }
    return lines_complain(lines, 0, "unexpected end of the file");
}

bool word_is_integer(const char *word, long *ret_number)
{
    const char *digits = word + (*word == '-');
    if (!*digits || digits[strspn(digits, DIGITS)])
        return false;
    errno = 0;
    long number = strtol(word, NULL, 10);
    if (errno || number > INT32_MAX || number < INT32_MIN)
        return false;
    *ret_number = number;
    return true;
}

bool word_is_plain(const char *word)
{
    return *word && !word[strspn(word, LOWER UPPER DIGITS "_")];
}

bool word_is_name(const char *word)
{
    static const char *const reserved[] = {"end", "none", "self", "main", "any"};

    for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++)
        if (!strcmp(word, reserved[i]))
            return false;
    return strspn(word, LOWER) > 0 && !word[strspn(word, LOWER DIGITS "_")];
}
