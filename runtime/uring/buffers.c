/*
 * buffers.c - the buffers that the kernel receives into (see buffers.h).
 *
 *     one mapping:  [ buffer ring | pieces | buffer 0 | buffer 1 | ... ]
 */
#include "runtime/uring/buffers.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "runtime/base/likely.h"
#include "runtime/uring/core.h"

#define PAGE        4096u
#define PAGES(n)    (((n) + PAGE - 1) / PAGE * PAGE)
#define RING_BYTES  PAGES(BUFFERS_COUNT * sizeof(struct io_uring_buf))
#define PIECE_BYTES PAGES(BUFFERS_COUNT * sizeof(struct piece))
#define ALL_BYTES   (RING_BYTES + PIECE_BYTES + (size_t)BUFFERS_COUNT * BUFFERS_BYTES)

static int buffers_make(struct buffers *buffers)
{
    URING_FAIL_IF(FAULT_MMAP);
    void *base = mmap(NULL, ALL_BYTES, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED)
        return SYS_FAILED(errno);
    buffers->ring = base;
    buffers->pieces = (void *)((char *)base + RING_BYTES);
    buffers->memory = (char *)base + RING_BYTES + PIECE_BYTES;
    buffers->count = BUFFERS_FIRST;
    return 0;
}

static inline void add(struct buffers *buffers, unsigned buffer, int at)
{
    io_uring_buf_ring_add(buffers->ring, buffers->memory + (size_t)buffer * BUFFERS_BYTES,
                          BUFFERS_BYTES, (unsigned short)buffer,
                          io_uring_buf_ring_mask(BUFFERS_COUNT), at);
}

int wf_buffers_open(struct buffers *buffers, struct io_uring *io)
{
    int rc = buffers->ring ? 0 : buffers_make(buffers);
    if (rc)
        return rc;
    struct io_uring_buf_reg reg = {.ring_addr = (uintptr_t)buffers->ring,
                                   .ring_entries = BUFFERS_COUNT,
                                   .bgid = BUFFERS_GROUP};
    URING_FAIL_IF(FAULT_URING_SETUP);
    rc = io_uring_register_buf_ring(io, &reg, 0);
    if (rc)
        return rc;
    int free = 0;
    io_uring_buf_ring_init(buffers->ring);
    for (unsigned i = 0; i < buffers->count; i++)
        if (!buffers->pieces[i].bytes)
            add(buffers, i, free++);
    io_uring_buf_ring_advance(buffers->ring, free);
    return 0;
}

void wf_buffers_grow(struct buffers *buffers)
{
    /* Of many streams that found none only the first makes them more. */
    if (buffers->count == BUFFERS_COUNT || buffers->held <= buffers->count / 2)
        return;
    for (unsigned i = 0; i < buffers->count; i++)
        add(buffers, buffers->count + i, (int)i);
    io_uring_buf_ring_advance(buffers->ring, (int)buffers->count);
    buffers->count *= 2;
}

void wf_buffers_close(struct buffers *buffers)
{
    if (buffers->ring)
        (void)munmap(buffers->ring, ALL_BYTES);
    *buffers = (struct buffers){0};
}

void wf_buffers_return(struct buffers *buffers, unsigned buffer)
{
    buffers->pieces[buffer].bytes = 0;
    add(buffers, buffer, 0);
    io_uring_buf_ring_advance(buffers->ring, 1);
}

void wf_pieces_add(struct buffers *buffers, struct pieces *pieces, unsigned buffer, uint32_t bytes)
{
    buffers->pieces[buffer] = (struct piece){.bytes = bytes};
    buffers->held++;
    if (pieces->count++)
        buffers->pieces[pieces->last].next = (uint16_t)buffer;
    else
        pieces->first = (uint16_t)buffer;
    pieces->last = (uint16_t)buffer;
    pieces->bytes += bytes;
}

/* The first one's buffer goes back. */
static inline void drop_first(struct buffers *buffers, struct pieces *pieces)
{
    unsigned buffer = pieces->first;
    pieces->first = buffers->pieces[buffer].next;
    pieces->count--;
    buffers->held--;
    wf_buffers_return(buffers, buffer);
}

size_t wf_pieces_take(struct buffers *buffers, struct pieces *pieces, void *into, size_t bytes)
{
    size_t taken = 0;
    while (taken < bytes && pieces->count) {
        struct piece *piece = &buffers->pieces[pieces->first];
        size_t n = piece->bytes < bytes - taken ? piece->bytes : bytes - taken;
        memcpy((char *)into + taken,
               buffers->memory + (size_t)pieces->first * BUFFERS_BYTES + piece->offset, n);
        taken += n;
        piece->offset += (uint32_t)n;
        piece->bytes -= (uint32_t)n;
        if (likely(!piece->bytes))
            drop_first(buffers, pieces);
    }
    pieces->bytes -= taken;
    return taken;
}

void wf_pieces_drop(struct buffers *buffers, struct pieces *pieces)
{
    while (pieces->count)
        drop_first(buffers, pieces);
    pieces->bytes = 0;
}
