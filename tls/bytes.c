/*
 * bytes.c - a queue of bytes: where its memory comes from.
 */
#include "tls/bytes.h"

#include <stdint.h>

#include "api/layer.h"

#define BYTES_LEAST ((size_t)1024)

static bool bytes_grow(struct tls_bytes *bytes, size_t size)
{
    unsigned char *data = wf_layer_alloc(size);
    if (!data)
        return false;
    size_t held = bytes_held(bytes);
    if (held)
        memcpy(data, bytes_first(bytes), held);
    wf_layer_free(bytes->data, bytes->size);
    *bytes = (struct tls_bytes){data, 0, held, size};
    return true;
}

bool wf_tls_bytes_reserve(struct tls_bytes *bytes, size_t room)
{
    size_t held = bytes_held(bytes), size = bytes->size < BYTES_LEAST ? BYTES_LEAST : bytes->size;

    if (bytes_room(bytes) >= room)
        return true;
    if (room > SIZE_MAX / 4 - held)
        return false;
    /* What is moved to the start is no more than what was taken since: a byte moves once or twice. */
    if (held + room <= bytes->size && held <= bytes->head) {
        memcpy(bytes->data, bytes_first(bytes), held);
        bytes->head = 0;
        bytes->tail = held;
        return true;
    }
    while (size < held + room)
        size *= 2;
    return bytes_grow(bytes, size);
}

void wf_tls_bytes_clear(struct tls_bytes *bytes)
{
    wf_layer_free(bytes->data, bytes->size);
    *bytes = (struct tls_bytes){NULL, 0, 0, 0};
}
