/*
 * target.h - what a request asks for: the path, decoded, and the fields of the query.
 */
#ifndef HTTPD_TARGET_H
#define HTTPD_TARGET_H

#include <stdbool.h>
#include <stddef.h>

#include "examples/httpd/request.h"

struct target {
    char path[REQUEST_TARGET_MAX + 1]; /* begins with a slash; without ".." */
    const char *query;                 /* what follows the question mark, in the request; or "" */
    const char *raw;                   /* the path in the request, not decoded */
    size_t raw_bytes;
};

/*
 * Takes a target such as "/a%20b?x=1" or "http://host/a" apart. False for what is none: a bad escape
 * or an escaped zero byte, "*", "host:port", and a path with a segment "..": clients take those out
 * before they ask.
 */
bool target_parse(const char *text, struct target *ret_target);

/*
 * The value of a field of the query, decoded. False, and an empty text, when it is not there, does
 * not fit, or is no valid text.
 */
bool target_field(const struct target *target, const char *name, char *ret_value, size_t room);

/* A field that is a number from min to max; false for anything else. */
bool target_number(const struct target *target, const char *name, double min, double max,
                   double *ret_number);

#endif
