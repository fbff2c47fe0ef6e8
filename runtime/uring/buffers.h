/*
 * buffers.h - the buffers that the kernel receives into, of all streams of a loop.
 *
 * The kernel takes one from the buffer ring when there is something to put into it, so a stream that is silent
 * costs none. When they run out there are twice as many from then on: as many as streams have something at the same
 * time. What was received stays where it is until it is read: a stream's pieces form a
 * chain, in order. The buffers outlive a ring that is given up.
 */
#ifndef WEFT_RUNTIME_URING_BUFFERS_H
#define WEFT_RUNTIME_URING_BUFFERS_H

#include <liburing.h>
#include <stdbool.h>
#include <stdint.h>

#define BUFFERS_GROUP 0
#define BUFFERS_FIRST 128u  /* so many to begin with, */
#define BUFFERS_COUNT 4096u /* and so many at most: a power of two */
#define BUFFERS_BYTES 4096u

/* What a buffer holds. */
struct piece {
    uint16_t next; /* in the chain; of the last one: undefined */
    uint32_t offset;
    uint32_t bytes; /* left to be read; 0: the kernel has the buffer */
};

/* Received, and not read yet. */
struct pieces {
    uint16_t first, last;
    uint32_t count;
    size_t bytes;
};

struct buffers {
    struct io_uring_buf_ring *ring; /* NULL: there are none */
    char *memory;
    struct piece *pieces;
    unsigned count; /* that are in use: the rest has no memory yet */
    unsigned held;  /* of these: by pieces */
};

/* Makes them, if there are none, and gives those that hold nothing to the ring. 0 or -errno. */
int wf_buffers_open(struct buffers *buffers, struct io_uring *io);
void wf_buffers_close(struct buffers *buffers); /* after the ring */

/* A stream has found none: there are more from now on, unless there are as many as there may be. */
void wf_buffers_grow(struct buffers *buffers);

/* The kernel has put so many bytes into a buffer. */
void wf_pieces_add(struct buffers *buffers, struct pieces *pieces, unsigned buffer, uint32_t bytes);

/* Takes at most so many bytes out; how many. */
size_t wf_pieces_take(struct buffers *buffers, struct pieces *pieces, void *into, size_t bytes);

/* Gives them all back, unread. */
void wf_pieces_drop(struct buffers *buffers, struct pieces *pieces);

/* A buffer that nobody wants to read. */
void wf_buffers_return(struct buffers *buffers, unsigned buffer);

#endif
