/*
 * range.h - which part of a file a request asks for.
 */
#ifndef HTTPD_RANGE_H
#define HTTPD_RANGE_H

#include <stdint.h>

enum range_kind {
    RANGE_WHOLE,   /* none, several, or in another form: the whole file is the answer */
    RANGE_PART,    /* *ret_first and *ret_last say which bytes */
    RANGE_OUTSIDE, /* nothing of it is in the file: 416 */
};

/* Of a header such as "bytes=0-99", "bytes=100-" or "bytes=-100" (NULL: none), and a file's size. */
enum range_kind range_parse(const char *header, uint64_t size, uint64_t *ret_first,
                            uint64_t *ret_last);

#endif
