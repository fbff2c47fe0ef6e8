/*
 * layer.c - memory for layers in libraries of their own.
 */
#include "api/layer.h"

#include "runtime/base/mem.h"

void *wf_layer_alloc(size_t bytes)
{
    return mem_alloc(bytes);
}

void wf_layer_free(void *memory, size_t bytes)
{
    mem_free(memory, bytes);
}
