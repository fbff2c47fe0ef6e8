/*
 * mem_malloc.c - the memory table on whatever malloc the program has.
 */
#include <stdlib.h>

#include "runtime/base/mem.h"

static void *table_alloc(size_t bytes, size_t alignment)
{
    if (alignment <= _Alignof(max_align_t))
        return malloc(bytes);
    return aligned_alloc(alignment, (bytes + alignment - 1) & ~(alignment - 1));
}

static void *table_resize(void *memory, size_t old_bytes, size_t new_bytes)
{
    (void)old_bytes;
    return realloc(memory, new_bytes);
}

static void table_free(void *memory, size_t bytes, size_t alignment)
{
    (void)bytes;
    (void)alignment;
    free(memory);
}

const struct mem_table wf_mem = {table_alloc, table_resize, table_free};
