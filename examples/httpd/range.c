/*
 * range.c - see range.h.
 */
#include "examples/httpd/range.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

/* Digits only; a number beyond all files is as good as the greatest. False: there is none. */
static bool take_number(const char **text, uint64_t *ret_number)
{
    const char *digit = *text;
    uint64_t number = 0;
    for (; *digit >= '0' && *digit <= '9'; digit++) {
        unsigned next = (unsigned)(*digit - '0');
        number = number > (UINT64_MAX - next) / 10 ? UINT64_MAX : number * 10 + next;
    }
    bool any = digit != *text;
    *text = digit;
    *ret_number = number;
    return any;
}

enum range_kind range_parse(const char *header, uint64_t size, uint64_t *ret_first,
                            uint64_t *ret_last)
{
    static const char unit[] = "bytes=";
    if (!header || strncasecmp(header, unit, sizeof(unit) - 1) != 0)
        return RANGE_WHOLE;
    const char *text = header + sizeof(unit) - 1;
    uint64_t first, last;
    bool has_first = take_number(&text, &first);
    if (*text++ != '-')
        return RANGE_WHOLE;
    bool has_last = take_number(&text, &last);
    if (*text || !(has_first || has_last) || (has_first && has_last && last < first))
        return RANGE_WHOLE;

    if (!has_first) { /* the last so many bytes */
        if (last == 0 || size == 0)
            return RANGE_OUTSIDE;
        first = last < size ? size - last : 0;
        has_last = false;
    }
    if (first >= size)
        return RANGE_OUTSIDE;
    *ret_first = first;
    *ret_last = has_last && last < size ? last : size - 1;
    return RANGE_PART;
}
