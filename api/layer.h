/*
 * layer.h - what a layer above the API may use that is a library of its own, such as TLS.
 *
 * Such a layer sees the headers of api/, but in libweft.so only what is marked WEFT_LAYER, beside the
 * public functions: it is in the node WEFT_PRIVATE of tools/install/weft.map, and no part of the
 * contract. Functions only, so that the core's own uses of its data stay as they are.
 */
#ifndef WEFT_API_LAYER_H
#define WEFT_API_LAYER_H

#include <stddef.h>

#define WEFT_LAYER __attribute__((visibility("default")))

/* As mem_alloc() and mem_free(). */
WEFT_LAYER void *wf_layer_alloc(size_t bytes);
WEFT_LAYER void wf_layer_free(void *memory, size_t bytes);

#endif
