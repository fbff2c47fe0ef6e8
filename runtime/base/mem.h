/*
 * mem.h - all memory of the library goes through these few calls.
 *
 * Behind them stands one table of functions, linked in by the target that the program depends on:
 * jemalloc's sized interface (mem_jemalloc.c) or the program's own malloc (mem_malloc.c). Sizes are
 * passed back on release. Any thread. Each call can fail through the fault seam.
 */
#ifndef WEFT_RUNTIME_BASE_MEM_H
#define WEFT_RUNTIME_BASE_MEM_H

#include <stddef.h>
#include <string.h>

#include "runtime/base/fault.h"

#define MEM_CACHE_LINE 64

/* What an allocator has to offer; the one that is linked in defines wf_mem. alignment is a power of
 * two. */
struct mem_table {
    void *(*alloc)(size_t bytes, size_t alignment);
    void *(*resize)(void *memory, size_t old_bytes, size_t new_bytes);
    void (*free)(void *memory, size_t bytes, size_t alignment);
};
extern const struct mem_table wf_mem;

/* NULL when there is no memory; the contents are undefined. */
static inline void *mem_alloc(size_t bytes)
{
    return fault_hit(FAULT_ALLOC) ? NULL : wf_mem.alloc(bytes, _Alignof(max_align_t));
}

static inline void *mem_zalloc(size_t bytes)
{
    void *memory = mem_alloc(bytes);
    if (memory)
        memset(memory, 0, bytes);
    return memory;
}

/* On failure the old block is untouched. */
static inline void *mem_resize(void *memory, size_t old_bytes, size_t new_bytes)
{
    return fault_hit(FAULT_ALLOC) ? NULL : wf_mem.resize(memory, old_bytes, new_bytes);
}

static inline void mem_free(void *memory, size_t bytes)
{
    if (memory)
        wf_mem.free(memory, bytes, _Alignof(max_align_t));
}

/* A block that starts on a cache line. */
static inline void *mem_alloc_line(size_t bytes)
{
    return fault_hit(FAULT_ALLOC) ? NULL : wf_mem.alloc(bytes, MEM_CACHE_LINE);
}

static inline void mem_free_line(void *memory, size_t bytes)
{
    if (memory)
        wf_mem.free(memory, bytes, MEM_CACHE_LINE);
}

#endif
