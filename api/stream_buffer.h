/*
 * stream_buffer.h - the bytes of a stream that came in and were not taken yet, in one block.
 *
 *     block      taken       [start .............. end)   room   |capacity
 *                    ^ handed out: ends with a zero byte
 *
 * What is taken is handed out where it lies, and stays there until the next call of the reader
 * (buffer_settle()). Meanwhile more may come in.
 *
 * B1  A zero byte ends what is handed out. If bytes that are not taken follow it, it stands on the
 *     first of these (`cut`), which is kept in `held`. If none do, it has a byte of its own, behind
 *     which the next ones will lie. So a block always has a byte more than it has bytes.
 * B2  While something is handed out, nothing in its block moves. If the block is full, what was
 *     not taken goes on in another one, and the first is kept, as `other`, until settled.
 * B3  Afterwards the other block serves for the next time: no allocation once the sizes are found.
 * B4  An empty buffer of the least size has no block while a read waits: that is one of the loop's, which the
 *     next connection to receive something takes, warm. So a crowd of connections is cheap, and what
 *     they touch is small.
 */
#ifndef WEFT_API_STREAM_BUFFER_H
#define WEFT_API_STREAM_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/uio.h>

#include "runtime/base/blocks.h"
#include "runtime/base/likely.h"

#define BUFFER_BLOCK_MIN BLOCK_STREAM_BYTES
#define BUFFER_CHUNK_MAX (128u * 1024 - 1) /* with the zero byte a round number */

/* All zero: empty. */
struct stream_buffer {
    char *block; /* NULL: there is none yet */
    size_t capacity;
    size_t start, end;
    char *other; /* see B2 and B3; or NULL */
    size_t other_capacity;
    size_t chunk;    /* how much is received at a time: more, if that was filled; 0: the least */
    bool offered;    /* all the room there was has been given out */
    bool other_lent; /* B2 */
    bool handed;     /* something before `start` is in the caller's hands */
    bool cut;        /* B1 */
    char held;
};

static inline size_t buffer_bytes(const struct stream_buffer *b)
{
    return b->end - b->start;
}

void wf_buffer_settle(struct stream_buffer *b);

/* The caller has had what was handed out. */
static inline void buffer_settle(struct stream_buffer *b)
{
    if (likely(b->handed))
        wf_buffer_settle(b);
}

/* What was not taken; settled, and valid until more comes in. */
static inline const char *buffer_data(const struct stream_buffer *b)
{
    return b->block + b->start;
}

/* Hands out the next so many bytes, at least one; settled. */
char *wf_buffer_hand_out(struct stream_buffer *b, size_t bytes);

/* The next so many are gone; settled. */
void wf_buffer_drop(struct stream_buffer *b, size_t bytes);

/* What was not taken, in two pieces, either of which may be empty; need not be settled. */
void wf_buffer_pieces(const struct stream_buffer *b, struct iovec ret_pieces[2]);

/* All that was not taken is gone; what was handed out stays. */
void wf_buffer_forget(struct stream_buffer *b);

/* Room for exactly so many bytes or more. NULL: no memory, and nothing has changed. */
char *wf_buffer_reserve(struct stream_buffer *b, size_t bytes);

/* Room for whatever may come, at least one byte. NULL: no memory for that. */
char *wf_buffer_room(struct stream_buffer *b, size_t *ret_bytes);

/* So many bytes were written there. */
static inline void buffer_filled(struct stream_buffer *b, size_t bytes)
{
    b->end += bytes;
    if (unlikely(b->end + 1 >= b->capacity) && b->offered)
        b->chunk = bytes < BUFFER_CHUNK_MAX / 2 ? 2 * bytes : BUFFER_CHUNK_MAX;
}

/* Empty and settled, and nothing is expected soon: a block of the least size is given back (B4), and so is
 * one larger than `keep`. */
void wf_buffer_rest(struct stream_buffer *b, size_t keep);

void wf_buffer_fini(struct stream_buffer *b);

#endif
