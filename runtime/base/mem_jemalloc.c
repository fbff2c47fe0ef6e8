/*
 * mem_jemalloc.c - the memory table on jemalloc's sized interface: a release that is told the size
 * does not look it up.
 */
#include <jemalloc/jemalloc.h>

#include "runtime/base/mem.h"

static void *table_alloc(size_t bytes, size_t alignment)
{
    return mallocx(bytes, MALLOCX_ALIGN(alignment));
}

static void *table_resize(void *memory, size_t old_bytes, size_t new_bytes)
{
    (void)old_bytes;
    return memory ? rallocx(memory, new_bytes, 0) : mallocx(new_bytes, 0);
}

static void table_free(void *memory, size_t bytes, size_t alignment)
{
    sdallocx(memory, bytes, MALLOCX_ALIGN(alignment));
}

const struct mem_table wf_mem = {table_alloc, table_resize, table_free};
