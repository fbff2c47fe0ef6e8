/*
 * stream_buffer.c - how a stream's block grows, moves on and is handed out.
 */
#include "api/stream_buffer.h"

#include <stdint.h>
#include <string.h>

#include "runtime/sched/loop.h"

/* ---- Blocks: those of the least size are the loop's (B4) ---- */

static struct block_cache *blocks_here(void)
{
    struct weft_loop *loop = loop_current();
    return loop ? &loop->blocks : NULL;
}

static char *block_new(size_t capacity)
{
    return likely(capacity == BUFFER_BLOCK_MIN) ? block_get(blocks_here(), BLOCK_STREAM)
                                                : mem_alloc(capacity);
}

static void block_free(char *block, size_t capacity)
{
    if (!block)
        return;
    if (likely(capacity == BUFFER_BLOCK_MIN))
        block_put(blocks_here(), BLOCK_STREAM, block);
    else
        mem_free(block, capacity);
}

/* ---- What is handed out ---- */

void wf_buffer_settle(struct stream_buffer *b)
{
    b->handed = false;
    if (b->cut) {
        b->block[b->start] = b->held;
        b->cut = false;
    }
    if (b->start == b->end)
        b->start = b->end = 0;
    if (unlikely(b->other_lent)) {
        b->other_lent = false;
        if (b->other_capacity != b->capacity) {
            block_free(b->other, b->other_capacity);
            b->other = NULL;
        }
    }
}

char *wf_buffer_hand_out(struct stream_buffer *b, size_t bytes)
{
    char *data = b->block + b->start;

    b->handed = true;
    b->start += bytes;
    if (b->start == b->end) {
        b->start = ++b->end; /* B1: the zero byte is not overwritten by what comes */
    } else {
        b->cut = true;
        b->held = data[bytes];
    }
    data[bytes] = '\0';
    return data;
}

void wf_buffer_drop(struct stream_buffer *b, size_t bytes)
{
    b->start += bytes;
    if (b->start == b->end)
        b->start = b->end = 0;
}

void wf_buffer_pieces(const struct stream_buffer *b, struct iovec ret_pieces[2])
{
    size_t held = b->cut ? 1 : 0;

    ret_pieces[0] = (struct iovec){(void *)(uintptr_t)&b->held, held};
    ret_pieces[1] =
        (struct iovec){b->block ? b->block + b->start + held : NULL, buffer_bytes(b) - held};
}

void wf_buffer_forget(struct stream_buffer *b)
{
    if (!b->handed) {
        b->start = b->end = 0;
        return;
    }
    b->start = b->end = b->cut ? b->start + 1 : b->start; /* B1: the zero byte has one of its own */
    b->cut = false;
}

/* ---- How it grows ---- */

/* Without the byte for the zero. */
static size_t room_left(const struct stream_buffer *b)
{
    return b->end + 1 < b->capacity ? b->capacity - b->end - 1 : 0;
}

static void move_to_front(struct stream_buffer *b)
{
    size_t bytes = buffer_bytes(b);
    memmove(b->block, b->block + b->start, bytes);
    b->start = 0;
    b->end = bytes;
}

/* What was not taken goes on in another block. False: no memory. */
static bool move_to_block(struct stream_buffer *b, size_t capacity)
{
    size_t bytes = buffer_bytes(b);
    bool reuse = b->other && !b->other_lent && b->other_capacity == capacity;
    char *block = reuse ? b->other : block_new(capacity);

    if (!block)
        return false;
    if (bytes)
        memcpy(block, b->block + b->start, bytes);
    if (b->cut) {
        block[0] = b->held;
        b->cut = false;
    }
    if (reuse)
        b->other = NULL;
    /* Only the first block since the last settling has something handed out in it. */
    if (b->handed && !b->other_lent) {
        block_free(b->other, b->other_capacity);
        b->other = b->block;
        b->other_capacity = b->capacity;
        b->other_lent = b->other != NULL;
    } else {
        block_free(b->block, b->capacity);
        if (b->other && !b->other_lent && b->other_capacity != capacity) {
            block_free(b->other, b->other_capacity);
            b->other = NULL;
        }
    }
    b->block = block;
    b->capacity = capacity;
    b->start = 0;
    b->end = bytes;
    return true;
}

/* Whether bytes that were handed out lie in the block itself. */
static bool block_is_lent(const struct stream_buffer *b)
{
    return b->handed && !b->other_lent;
}

static bool make_room(struct stream_buffer *b, size_t room)
{
    size_t bytes = buffer_bytes(b);
    bool movable = !block_is_lent(b) && b->start > 0;

    if (room > SIZE_MAX / 4 || bytes > SIZE_MAX / 4)
        return false;
    size_t needed = bytes + room + 1;
    if (movable && needed <= b->capacity && bytes <= b->start) { /* no more than has been taken */
        move_to_front(b);
        return true;
    }
    size_t capacity = b->capacity ? b->capacity : BUFFER_BLOCK_MIN;
    if (b->capacity && !block_is_lent(b))
        capacity *= 2;
    while (capacity < needed)
        capacity *= 2;
    if (move_to_block(b, capacity))
        return true;
    if (!movable)
        return false;
    move_to_front(b);
    return needed <= b->capacity;
}

char *wf_buffer_reserve(struct stream_buffer *b, size_t bytes)
{
    if (room_left(b) < bytes && !make_room(b, bytes))
        return NULL;
    b->offered = false; /* says nothing of what is received at a time */
    return b->block + b->end;
}

char *wf_buffer_room(struct stream_buffer *b, size_t *ret_bytes)
{
    size_t chunk = b->chunk ? b->chunk : BUFFER_BLOCK_MIN - 1;
    size_t enough = buffer_bytes(b) || b->handed ? chunk / 2 : chunk;

    if (unlikely(room_left(b) < enough))
        (void)make_room(b, chunk); /* with no memory, what there is */
    *ret_bytes = room_left(b);
    b->offered = true;
    return likely(*ret_bytes) ? b->block + b->end : NULL;
}

void wf_buffer_rest(struct stream_buffer *b, size_t keep)
{
    bool least = b->capacity == BUFFER_BLOCK_MIN;

    if (!least && b->capacity <= keep)
        return;
    size_t chunk = least ? b->chunk : 0;
    wf_buffer_fini(b);
    *b = (struct stream_buffer){.chunk = chunk};
}

void wf_buffer_fini(struct stream_buffer *b)
{
    block_free(b->block, b->capacity);
    block_free(b->other, b->other_capacity);
}
