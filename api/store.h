/*
 * store.h - what is in a queue: items in the order in which they come out again.
 *
 *     FIRST_IN    a ring:  head -> [oldest] ... [newest]       pushed at the end, popped at the head
 *     LAST_IN     a stack: the same, popped at the end
 *     SMALLEST    a heap in slots[0 .. count), by the user's comparison (heap.c)
 *
 * The queue's guard protects it. Nothing here allocates: the owner gets memory before it takes the
 * guard, and hands it over (store_adopt()).
 */
#ifndef WEFT_API_STORE_H
#define WEFT_API_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "runtime/base/likely.h"

#define STORE_SLOTS_MIN 16

enum store_order { STORE_FIRST_IN, STORE_LAST_IN, STORE_SMALLEST };

struct store {
    void **slots;
    size_t capacity; /* of slots: zero, or a power of two */
    size_t head;
    size_t count;
    enum store_order order;
    int (*compare)(const void *a, const void *b);
};

void wf_heap_push(struct store *store, void *item);
void *wf_heap_pop(struct store *store);

static inline bool store_has_room(const struct store *store)
{
    return store->count < store->capacity;
}

static inline void **store_slot(const struct store *store, size_t index)
{
    return &store->slots[(store->head + index) & (store->capacity - 1)];
}

/* Whether a push or pop may call the user. */
static inline bool store_compares(const struct store *store)
{
    return store->order == STORE_SMALLEST;
}

/* There is room. */
static inline void store_push(struct store *store, void *item)
{
    if (unlikely(store_compares(store))) {
        wf_heap_push(store, item);
        return;
    }
    *store_slot(store, store->count) = item;
    store->count++;
}

/* There is an item. */
static inline void *store_pop(struct store *store)
{
    if (unlikely(store_compares(store)))
        return wf_heap_pop(store);
    store->count--;
    if (store->order == STORE_LAST_IN)
        return *store_slot(store, store->count);
    void *item = *store_slot(store, 0);
    store->head = (store->head + 1) & (store->capacity - 1);
    return item;
}

/*
 * Moves the items to larger slots, and gives the old ones back in their place. False: the store has
 * as many by now.
 */
static inline bool store_adopt(struct store *store, void ***slots, size_t *capacity)
{
    if (*capacity <= store->capacity)
        return false;
    void **old = store->slots;
    size_t old_capacity = store->capacity;
    if (store->count) {
        size_t to_end = old_capacity - store->head;
        size_t first = store->count < to_end ? store->count : to_end;
        memcpy(*slots, old + store->head, first * sizeof(*old));
        memcpy(*slots + first, old, (store->count - first) * sizeof(*old));
    }
    store->slots = *slots;
    store->capacity = *capacity;
    store->head = 0;
    *slots = old;
    *capacity = old_capacity;
    return true;
}

#endif
