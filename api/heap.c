/*
 * heap.c - a binary heap: the smallest item is at the root, and each is no smaller than its parent.
 */
#include "api/store.h"

static bool comes_first(const struct store *store, const void *a, const void *b)
{
    return store->compare(a, b) < 0;
}

void wf_heap_push(struct store *store, void *item)
{
    size_t place = store->count++;

    while (place > 0) {
        size_t parent = (place - 1) / 2;
        if (!comes_first(store, item, store->slots[parent]))
            break;
        store->slots[place] = store->slots[parent];
        place = parent;
    }
    store->slots[place] = item;
}

void *wf_heap_pop(struct store *store)
{
    void *smallest = store->slots[0];
    void *item = store->slots[--store->count];
    size_t place = 0, child;

    while ((child = 2 * place + 1) < store->count) {
        if (child + 1 < store->count &&
            comes_first(store, store->slots[child + 1], store->slots[child]))
            child++;
        if (!comes_first(store, store->slots[child], item))
            break;
        store->slots[place] = store->slots[child];
        place = child;
    }
    store->slots[place] = item;
    return smallest;
}
