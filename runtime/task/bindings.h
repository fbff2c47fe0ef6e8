/*
 * bindings.h - a persistent map from context variables to values: it never changes, and a changed
 * one shares with it what they have in common.
 *
 * A trie over the bits of a hash, four at each level (Bagwell's hash array mapped trie, 2001), whose
 * nodes have no empty slots:
 *
 *     filled  0 1 0 0 0 1 0 0 0 0 0 1 0 0 0 0     which of sixteen places are taken
 *     deeper  0 0 0 0 0 1 0 0 0 0 0 0 0 0 0 0     which of these hold a further node
 *     slots   [binding] [node] [binding]
 *
 * B1  A map is not written once it is made, but for its reference count: any threads may share it.
 * B2  A node holds one reference to each of its slots, a binding one to its variable.
 * B3  Below the root, a node holds two bindings at least: equal maps have equal shapes.
 * B4  Different variables have different hashes, so that the levels are always enough.
 *
 * The empty map is NULL, and costs nothing.
 */
#ifndef WEFT_RUNTIME_TASK_BINDINGS_H
#define WEFT_RUNTIME_TASK_BINDINGS_H

#include <stdbool.h>
#include <stdint.h>
#include <weft/context.h>

#include "runtime/base/atomic.h"

/* A value that was set: it is dropped with the last map that holds it. */
struct binding {
    _Atomic uint32_t refs; /* any thread, by RMW */
    weft_context_var *var;
    void *value;
};

struct bindings {
    _Atomic uint32_t refs; /* any thread, by RMW */
    uint32_t count;        /* of the bindings here and below */
    uint16_t filled, deeper;
    void *slots[]; /* struct binding, or struct bindings where deeper says so */
};

#define BINDINGS_LEVEL_BITS 4u

/* B4: the product with an odd number is a permutation of all words. Its high bits are well mixed. */
static inline uint64_t bindings_hash(const weft_context_var *var)
{
    return (uint64_t)(uintptr_t)var * UINT64_C(0x9e3779b97f4a7c15);
}

/* The place of a hash at a level, as a bit. */
static inline unsigned bindings_place(uint64_t hash, unsigned level)
{
    return 1u << (hash << (level * BINDINGS_LEVEL_BITS) >> (64 - BINDINGS_LEVEL_BITS));
}

/* The index of a place's slot. */
static inline unsigned bindings_index(const struct bindings *node, unsigned place)
{
    return (unsigned)__builtin_popcount(node->filled & (place - 1));
}

/* The variable's binding, borrowed, or NULL. */
static inline struct binding *bindings_find(const struct bindings *map, const weft_context_var *var)
{
    uint64_t hash = bindings_hash(var);

    for (unsigned level = 0; map; level++) {
        unsigned place = bindings_place(hash, level);
        if (!(map->filled & place))
            return NULL;
        void *slot = map->slots[bindings_index(map, place)];
        if (!(map->deeper & place))
            return ((struct binding *)slot)->var == var ? slot : NULL;
        map = slot;
    }
    return NULL;
}

static inline uint32_t bindings_count(const struct bindings *map)
{
    return map ? map->count : 0;
}

/* One more reference to a map that the caller knows to stay; NULL is passed through. */
static inline struct bindings *bindings_ref(struct bindings *map)
{
    if (map)
        atomic_fetch_add_explicit(&map->refs, 1, memory_order_relaxed); /* somebody holds one */
    return map;
}

/* One less; the last one frees, and gives values back. NULL is allowed. */
void wf_bindings_unref(struct bindings *map);

/* A binding with one reference, which the caller gives to maps and then gives back. NULL: no
 * memory. */
struct binding *wf_binding_new(weft_context_var *var, void *value);
void wf_binding_unref(struct binding *binding);

/* As wf_binding_unref(), for one that was never in a map: the value stays the caller's. */
void wf_binding_discard(struct binding *binding);

/* The map with this binding in place of what its variable has. Map and binding are borrowed. NULL:
 * no memory. */
struct bindings *wf_bindings_with(struct bindings *map, struct binding *binding);

/* The map without a variable: 0, or -ENOMEM with *ret_map left alone. */
int wf_bindings_without(struct bindings *map, const weft_context_var *var,
                        struct bindings **ret_map);

/* Visits all bindings. As weft_context_items(). */
int wf_bindings_each(const struct bindings *map, weft_context_visitor visit, void *arg);

/* References to a variable of weft_context_var_new(); a static one has none. */
void wf_context_var_ref(weft_context_var *var);
void wf_context_var_unref(weft_context_var *var);

#endif
