/*
 * response.h - what is sent back: the head of a response, put together in memory.
 */
#ifndef HTTPD_RESPONSE_H
#define HTTPD_RESPONSE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Text in the caller's memory, without a zero byte at its end. What does not fit is left out. */
struct text {
    char *at;
    size_t bytes, room;
    bool overflow; /* something was left out */
};

void text_add(struct text *text, const char *more);
void text_add_bytes(struct text *text, const char *more, size_t bytes);
void text_add_number(struct text *text, uint64_t number);

/* As printf() does, for what is not done often. */
void text_format(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

struct response {
    int status;
    const char *type;     /* Content-Type; NULL: none */
    uint64_t length;      /* Content-Length */
    const char *etag;     /* NULL: none */
    const char *location; /* of a redirection: not ended by a zero byte; NULL: none */
    size_t location_bytes;
    bool ranges; /* says that parts can be had */
    bool part;   /* it is one, of a file of this size */
    uint64_t part_first, part_size;
    bool close; /* the connection ends with it */
};

/* The most that the head of a response can take, but for its location. */
#define RESPONSE_HEAD_MAX ((size_t)512)

/* Adds the head, with the empty line at its end. date: of now, as HTTP writes it. */
void response_head(struct text *text, const struct response *response, const char *date);

/* "Not Found"; "" for a status that is not sent here. */
const char *response_reason(int status);

#define RESPONSE_DATE_BYTES ((size_t)40)

/* Seconds since 1970 as HTTP writes them, whatever the locale. */
void response_date(int64_t seconds, char ret_date[RESPONSE_DATE_BYTES]);

#endif
