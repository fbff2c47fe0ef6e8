/*
 * write_buffer.c - how a write buffer grows (see write_buffer.h).
 */
#include "api/write_buffer.h"

bool wf_write_buffer_reserve(struct write_buffer *buffer, size_t more)
{
    size_t used = write_buffer_size(buffer), needed;

    if (more <= buffer->bytes - buffer->end)
        return true;
    if (__builtin_add_overflow(used, more, &needed))
        return false;
    if (needed <= buffer->bytes && used <= buffer->begin) {
        memcpy(buffer->memory, write_buffer_data(buffer), used);
        buffer->begin = 0;
        buffer->end = used;
        return true;
    }
    size_t bytes = buffer->bytes ? buffer->bytes : WRITE_BUFFER_FIRST;
    while (bytes < needed)
        if (__builtin_mul_overflow(bytes, 2, &bytes))
            return false;
    char *memory = mem_alloc(bytes);
    if (!memory)
        return false;
    if (used)
        memcpy(memory, write_buffer_data(buffer), used);
    mem_free(buffer->memory, buffer->bytes);
    *buffer = (struct write_buffer){.memory = memory, .bytes = bytes, .end = used};
    return true;
}
