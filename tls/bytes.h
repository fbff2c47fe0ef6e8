/*
 * bytes.h - a queue of bytes in one piece of memory: put in at its end, taken from its start.
 *
 *     data [ taken | held ......... | room ..... ]
 *                    ^ head          ^ tail      ^ size
 *
 * Without bytes in it, it need not have memory.
 */
#ifndef WEFT_TLS_BYTES_H
#define WEFT_TLS_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct tls_bytes {
    unsigned char *data;
    size_t head, tail, size;
};

/* Room for so many at the end; false: no memory, and nothing has changed. */
bool wf_tls_bytes_reserve(struct tls_bytes *bytes, size_t room);

/* Gives the memory back, and what is in it. */
void wf_tls_bytes_clear(struct tls_bytes *bytes);

static inline size_t bytes_held(const struct tls_bytes *bytes)
{
    return bytes->tail - bytes->head;
}

static inline size_t bytes_room(const struct tls_bytes *bytes)
{
    return bytes->size - bytes->tail;
}

/* Valid until anything is put in. */
static inline unsigned char *bytes_first(const struct tls_bytes *bytes)
{
    return bytes->data + bytes->head;
}

/* There must be room. */
static inline void bytes_put(struct tls_bytes *bytes, const void *data, size_t count)
{
    memcpy(bytes->data + bytes->tail, data, count);
    bytes->tail += count;
}

static inline void bytes_take(struct tls_bytes *bytes, size_t count)
{
    bytes->head += count;
    if (bytes->head == bytes->tail)
        bytes->head = bytes->tail = 0;
}

/* Memory that is empty, and more than so much, is given back. */
static inline void bytes_trim(struct tls_bytes *bytes, size_t keep)
{
    if (bytes->tail == 0 && bytes->size > keep)
        wf_tls_bytes_clear(bytes);
}

#endif
