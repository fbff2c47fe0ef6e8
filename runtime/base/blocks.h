/*
 * blocks.h - free lists of small blocks, one set for each loop: what tasks, futures and handles are
 * made of, and what streams receive into.
 *
 * A cache belongs to one thread at a time. Blocks come from mem.h one by one, so any cache may take
 * any block, wherever it was made: what one loop makes and another frees simply moves.
 */
#ifndef WEFT_RUNTIME_BASE_BLOCKS_H
#define WEFT_RUNTIME_BASE_BLOCKS_H

#include <stdbool.h>

#include "runtime/base/mem.h"
#include "runtime/base/sanitizer.h"

enum block_class {
    BLOCK_LINE,  /* timers of sleeping tasks */
    BLOCK_SMALL, /* futures, handles */
    BLOCK_TASK,
    BLOCK_SMALL_TRACED, /* the same with room behind it, for debug mode */
    BLOCK_TASK_TRACED,
    BLOCK_STREAM, /* bytes of a stream that nobody has read yet */
    BLOCK_CLASSES
};

/* How many of a class are kept; what is above goes back to the allocator. */
#ifdef WEFT_ASAN /* every block does, so that a late use is seen */
#define BLOCK_KEEP_MAX        0u
#define BLOCK_KEEP_STREAM_MAX 0u
#else
#define BLOCK_KEEP_MAX        8192u
#define BLOCK_KEEP_STREAM_MAX 512u
#endif

#define BLOCK_LINE_BYTES  64u
#define BLOCK_SMALL_BYTES 128u
#if defined(WEFT_ASAN) || defined(WEFT_TSAN)
#define BLOCK_TASK_BYTES 384u /* a context is larger there */
#else
#define BLOCK_TASK_BYTES 256u
#endif

#define BLOCK_STREAM_BYTES 2048u

/* What debug mode adds to a block. */
#define BLOCK_TRACE_BYTES 128u

struct block {
    struct block *next;
};

struct block_cache {
    struct block *free[BLOCK_CLASSES];
    unsigned count[BLOCK_CLASSES];
};

static inline size_t block_bytes(enum block_class class)
{
    return class == BLOCK_LINE           ? BLOCK_LINE_BYTES
           : class == BLOCK_SMALL        ? BLOCK_SMALL_BYTES
           : class == BLOCK_SMALL_TRACED ? BLOCK_SMALL_BYTES + BLOCK_TRACE_BYTES
           : class == BLOCK_TASK_TRACED  ? BLOCK_TASK_BYTES + BLOCK_TRACE_BYTES
           : class == BLOCK_STREAM       ? BLOCK_STREAM_BYTES
                                         : BLOCK_TASK_BYTES;
}

static inline unsigned block_keep_max(enum block_class class)
{
    return class == BLOCK_STREAM ? BLOCK_KEEP_STREAM_MAX : BLOCK_KEEP_MAX;
}

/* A free block; NULL: none is kept. */
static inline void *block_reuse(struct block_cache *cache, enum block_class class)
{
    struct block *block = cache->free[class];

    if (block) {
        cache->free[class] = block->next;
        cache->count[class]--;
    }
    return block;
}

/* cache may be NULL (a thread without a loop). NULL when there is no memory. */
static inline void *block_get(struct block_cache *cache, enum block_class class)
{
    void *block = cache ? block_reuse(cache, class) : NULL;
    return block ? block : mem_alloc_line(block_bytes(class));
}

static inline bool block_cache_is_full(const struct block_cache *cache, enum block_class class)
{
#ifdef WEFT_ASAN
    (void)cache;
    (void)class;
    return true;
#else
    return cache->count[class] >= block_keep_max(class);
#endif
}

static inline void block_put(struct block_cache *cache, enum block_class class, void *memory)
{
    if (!cache || block_cache_is_full(cache, class)) {
        mem_free_line(memory, block_bytes(class));
        return;
    }
    struct block *block = memory;
    block->next = cache->free[class];
    cache->free[class] = block;
    cache->count[class]++;
}

static inline void block_list_free(struct block_cache *cache, enum block_class class)
{
    while (cache->free[class]) {
        struct block *block = cache->free[class];
        cache->free[class] = block->next;
        mem_free_line(block, block_bytes(class));
    }
    cache->count[class] = 0;
}

/* Gives every block back. */
static inline void block_cache_fini(struct block_cache *cache)
{
    for (unsigned class = 0; class < BLOCK_CLASSES; class ++)
        block_list_free(cache, (enum block_class) class);
}

/* From here on no block of the class is kept, so that there is none to reuse; or they are again. */
static inline void block_cache_bypass(struct block_cache *cache, enum block_class class, bool on)
{
    block_list_free(cache, class);
    cache->count[class] = on ? block_keep_max(class) : 0;
}

#endif
