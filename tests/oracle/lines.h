/*
 * lines.h - the lines of a scenario, each parted into words; and the first complaint about them.
 */
#ifndef WEFT_TESTS_ORACLE_LINES_H
#define WEFT_TESTS_ORACLE_LINES_H

#include <stdbool.h>

#include "tests/oracle/memory.h"
#include "tests/oracle/text.h"

#define LINE_WORDS 64

struct lines {
    const char *rest; /* what has not been read */
    int number;       /* of the line that was read last, from 1 */
    char *words[LINE_WORDS];
    int count;
    struct arena *arena; /* of the words */
    struct text *complaint;
};

/* Goes on to the next line with words that is no comment. False at the end, and after a complaint. */
bool lines_next(struct lines *lines);

/* Notes what is wrong in a line; only the first complaint counts. Returns false. */
__attribute__((format(printf, 3, 4))) bool lines_complain(struct lines *lines, int number,
                                                          const char *format, ...);

/* Whether there was a complaint. */
bool lines_failed(const struct lines *lines);

/* An integer that fits 32 bits. */
bool word_is_integer(const char *word, long *ret_number);

/* Letters, digits and underscores. */
bool word_is_plain(const char *word);

/* What a variable or a body may be called. */
bool word_is_name(const char *word);

#endif
