/*
 * text.h - a text that is made in pieces, in a buffer of the caller's.
 */
#ifndef WEFT_API_TEXT_H
#define WEFT_API_TEXT_H

#include <stddef.h>

/* It grows as snprintf()'s does: what does not fit is counted. */
struct text {
    char *buffer;
    size_t bytes; /* of the buffer */
    size_t used;  /* without the final zero; may be more */
};

__attribute__((format(printf, 2, 3))) void wf_text_add(struct text *text, const char *format, ...);

#endif
