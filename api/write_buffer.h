/*
 * write_buffer.h - bytes that the system has not taken yet: appended at the end, sent from the
 * beginning.
 *
 *     memory: | sent | waiting ........... | room |
 *                    ^begin                ^end   ^bytes
 *
 * One block, so that one call sends it all. What waits is moved to the front when that costs less than
 * what was sent before; so each byte is moved a bounded number of times. An empty buffer keeps a small
 * block only: idle connections are cheap.
 */
#ifndef WEFT_API_WRITE_BUFFER_H
#define WEFT_API_WRITE_BUFFER_H

#include <errno.h>
#include <stdbool.h>
#include <sys/uio.h>

#include "runtime/base/mem.h"

#define WRITE_BUFFER_FIRST 4096u /* bytes: the first block */
#define WRITE_BUFFER_KEEP  8192u /* bytes: a block that is not larger is kept when it is empty */

struct write_buffer {
    char *memory; /* NULL: none */
    size_t bytes, begin, end;
};

static inline size_t write_buffer_size(const struct write_buffer *buffer)
{
    return buffer->end - buffer->begin;
}

static inline char *write_buffer_data(const struct write_buffer *buffer)
{
    return buffer->memory + buffer->begin;
}

static inline void write_buffer_clear(struct write_buffer *buffer)
{
    mem_free(buffer->memory, buffer->bytes);
    *buffer = (struct write_buffer){0};
}

/* So many bytes are sent. */
static inline void write_buffer_consume(struct write_buffer *buffer, size_t bytes)
{
    buffer->begin += bytes;
    if (buffer->begin < buffer->end)
        return;
    buffer->begin = buffer->end = 0;
    if (buffer->bytes > WRITE_BUFFER_KEEP)
        write_buffer_clear(buffer);
}

/* Makes room for so many more bytes. False: there is no memory, and nothing has changed. */
bool wf_write_buffer_reserve(struct write_buffer *buffer, size_t more);

/* Appends the pieces but for the first `skip` bytes of them; there is room. */
static inline void write_buffer_append(struct write_buffer *buffer, const struct iovec *pieces,
                                       int count, size_t skip)
{
    for (int i = 0; i < count; i++) {
        size_t bytes = pieces[i].iov_len;
        if (skip >= bytes) {
            skip -= bytes;
            continue;
        }
        memcpy(buffer->memory + buffer->end, (const char *)pieces[i].iov_base + skip, bytes - skip);
        buffer->end += bytes - skip;
        skip = 0;
    }
}

#endif
