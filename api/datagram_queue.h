/*
 * datagram_queue.h - datagrams that wait to be sent: copies, each a block of its own, in order.
 */
#ifndef WEFT_API_DATAGRAM_QUEUE_H
#define WEFT_API_DATAGRAM_QUEUE_H

#include <errno.h>
#include <string.h>

#include <weft/address.h>

#include "runtime/base/mem.h"

#define DATAGRAM_HEADER_BYTES 8u /* what each counts beside its data, as in asyncio */

struct datagram {
    struct datagram *next;
    socklen_t address_bytes; /* 0: to the connected peer */
    size_t bytes;
    unsigned char content[]; /* the address, then the data */
};

struct datagram_queue {
    struct datagram *first, *last;
    size_t counted; /* bytes, for the marks */
};

/* address may be NULL. 0; -ENOMEM. */
static inline int datagram_queue_push(struct datagram_queue *queue, const void *data, size_t bytes,
                                      const weft_address *address)
{
    socklen_t address_bytes = address ? address->bytes : 0;
    struct datagram *datagram = mem_alloc(sizeof(*datagram) + address_bytes + bytes);

    if (!datagram)
        return -ENOMEM;
    *datagram = (struct datagram){.address_bytes = address_bytes, .bytes = bytes};
    if (address)
        memcpy(datagram->content, &address->storage, address_bytes);
    if (bytes)
        memcpy(datagram->content + address_bytes, data, bytes);
    *(queue->last ? &queue->last->next : &queue->first) = datagram;
    queue->last = datagram;
    queue->counted += bytes + DATAGRAM_HEADER_BYTES;
    return 0;
}

/* There is one. */
static inline void datagram_queue_pop(struct datagram_queue *queue)
{
    struct datagram *datagram = queue->first;

    queue->first = datagram->next;
    if (!queue->first)
        queue->last = NULL;
    queue->counted -= datagram->bytes + DATAGRAM_HEADER_BYTES;
    mem_free(datagram, sizeof(*datagram) + datagram->address_bytes + datagram->bytes);
}

static inline void datagram_queue_clear(struct datagram_queue *queue)
{
    while (queue->first)
        datagram_queue_pop(queue);
}

#endif
