/*
 * bindings.c - making changed maps from maps that stay as they are: the nodes on the way to the
 * change are made anew, the others are shared.
 */
#include "runtime/task/bindings.h"

#include <errno.h>
#include <string.h>

#include "runtime/base/mem.h"

/* What a node has in one place; NULL: nothing. */
struct slot {
    void *what;
    bool deeper;
};

void wf_context_var_ref(weft_context_var *var)
{
    /* Relaxed: the caller knows that it stays. A static one counts nothing, and is not written. */
    if (__atomic_load_n(&var->refs_, __ATOMIC_RELAXED))
        (void)__atomic_fetch_add(&var->refs_, 1, __ATOMIC_RELAXED);
}

void wf_context_var_unref(weft_context_var *var)
{
    /* Acquire and release: all uses come before the free. */
    if (!__atomic_load_n(&var->refs_, __ATOMIC_RELAXED) ||
        __atomic_fetch_sub(&var->refs_, 1, __ATOMIC_ACQ_REL) != 1)
        return;
    char *name = (char *)(uintptr_t)var->name;
    if (name)
        mem_free(name, strlen(name) + 1);
    mem_free(var, sizeof(*var));
}

struct binding *wf_binding_new(weft_context_var *var, void *value)
{
    struct binding *binding = mem_alloc(sizeof(*binding));
    if (!binding)
        return NULL;
    atomic_init(&binding->refs, 1);
    binding->var = var;
    binding->value = value;
    wf_context_var_ref(var);
    return binding;
}

void wf_binding_discard(struct binding *binding)
{
    wf_context_var_unref(binding->var);
    mem_free(binding, sizeof(*binding));
}

void wf_binding_unref(struct binding *binding)
{
    /* Acquire and release: all uses of the value come before its drop. */
    if (atomic_fetch_sub_explicit(&binding->refs, 1, memory_order_acq_rel) != 1)
        return;
    if (binding->var->drop)
        binding->var->drop(binding->value);
    wf_binding_discard(binding);
}

static void slot_ref(struct slot slot)
{
    if (slot.deeper)
        bindings_ref(slot.what);
    else
        atomic_fetch_add_explicit(&((struct binding *)slot.what)->refs, 1,
                                  memory_order_relaxed); /* a node or the caller holds one */
}

static void slot_unref(struct slot slot)
{
    if (slot.deeper)
        wf_bindings_unref(slot.what);
    else if (slot.what)
        wf_binding_unref(slot.what);
}

static uint32_t slot_count(struct slot slot)
{
    return slot.deeper ? ((struct bindings *)slot.what)->count : slot.what != NULL;
}

static unsigned node_slots(const struct bindings *node)
{
    return (unsigned)__builtin_popcount(node->filled);
}

static size_t node_bytes(unsigned slots)
{
    return sizeof(struct bindings) + slots * sizeof(void *);
}

/* Of a place that is filled. */
static struct slot node_filled(const struct bindings *node, unsigned place)
{
    return (struct slot){node->slots[bindings_index(node, place)], (node->deeper & place) != 0};
}

static struct slot node_slot(const struct bindings *node, unsigned place)
{
    return node->filled & place ? node_filled(node, place) : (struct slot){NULL, false};
}

void wf_bindings_unref(struct bindings *map)
{
    /* Acquire and release: all uses come before the free. */
    if (!map || atomic_fetch_sub_explicit(&map->refs, 1, memory_order_acq_rel) != 1)
        return;
    for (unsigned rest = map->filled; rest; rest &= rest - 1)
        slot_unref(node_filled(map, rest & -rest));
    mem_free(map, node_bytes(node_slots(map)));
}

/*
 * A node like this one (or like an empty one, for NULL), but with `slot` in one place. The slot's
 * reference passes to the call, which gives it back when there is no memory; what it replaces is
 * left out.
 */
static struct bindings *node_like(const struct bindings *node, unsigned place, struct slot slot)
{
    static const struct bindings empty;
    if (!node)
        node = &empty;
    unsigned filled = slot.what ? node->filled | place : node->filled & ~place;
    unsigned slots = (unsigned)__builtin_popcount(filled);
    struct bindings *copy = mem_alloc(node_bytes(slots));
    if (!copy) {
        slot_unref(slot);
        return NULL;
    }
    atomic_init(&copy->refs, 1);
    copy->count = node->count - slot_count(node_slot(node, place)) + slot_count(slot);
    copy->filled = (uint16_t)filled;
    copy->deeper = (uint16_t)(slot.deeper ? node->deeper | place : node->deeper & ~place);
    unsigned i = 0;
    for (unsigned rest = filled; rest; rest &= rest - 1) {
        unsigned at = rest & -rest;
        struct slot kept = at == place ? slot : node_filled(node, at);
        if (at != place)
            slot_ref(kept);
        copy->slots[i++] = kept.what;
    }
    return copy;
}

/* A node with these two bindings of different variables, or a line of nodes that ends in one. */
static struct bindings *node_pair(struct binding *a, struct binding *b, unsigned level)
{
    unsigned place_a = bindings_place(bindings_hash(a->var), level);
    unsigned place_b = bindings_place(bindings_hash(b->var), level);

    if (place_a == place_b) {
        struct bindings *deeper = node_pair(a, b, level + 1);
        return deeper ? node_like(NULL, place_a, (struct slot){deeper, true}) : NULL;
    }
    slot_ref((struct slot){a, false});
    struct bindings *one = node_like(NULL, place_a, (struct slot){a, false});
    if (!one)
        return NULL;
    slot_ref((struct slot){b, false});
    struct bindings *two = node_like(one, place_b, (struct slot){b, false});
    wf_bindings_unref(one);
    return two;
}

static struct bindings *node_with(const struct bindings *node, struct binding *binding,
                                  unsigned level)
{
    unsigned place = bindings_place(bindings_hash(binding->var), level);
    struct slot old = node ? node_slot(node, place) : (struct slot){NULL, false};
    struct slot new = {binding, false};

    if (old.deeper)
        new = (struct slot){node_with(old.what, binding, level + 1), true};
    else if (old.what && ((struct binding *)old.what)->var != binding->var)
        new = (struct slot){node_pair(old.what, binding, level + 1), true};
    else
        slot_ref(new);
    return new.what ? node_like(node, place, new) : NULL;
}

struct bindings *wf_bindings_with(struct bindings *map, struct binding *binding)
{
    return node_with(map, binding, 0);
}

/* The only binding but this variable's of a node that holds two; borrowed. */
static struct binding *node_other(const struct bindings *node, const weft_context_var *var)
{
    for (unsigned rest = node->filled; rest; rest &= rest - 1) {
        struct slot slot = node_filled(node, rest & -rest);
        if (slot.deeper)
            return node_other(slot.what, var);
        if (((struct binding *)slot.what)->var != var)
            return slot.what;
    }
    return NULL;
}

/* What becomes of a node when a variable that it holds leaves: it may be nothing, with 0, or a
 * binding in place of the node (B3). */
static int node_without(const struct bindings *node, const weft_context_var *var, unsigned level,
                        struct slot *ret_slot)
{
    unsigned place = bindings_place(bindings_hash(var), level);
    struct slot old = node_slot(node, place), new = {NULL, false};

    if (node->count == 1) {
        *ret_slot = new;
        return 0;
    }
    if (level > 0 && node->count == 2) {
        *ret_slot = (struct slot){node_other(node, var), false};
        slot_ref(*ret_slot);
        return 0;
    }
    int rc = old.deeper ? node_without(old.what, var, level + 1, &new) : 0;
    struct bindings *copy = rc ? NULL : node_like(node, place, new);
    if (!copy)
        return -ENOMEM;
    *ret_slot = (struct slot){copy, true};
    return 0;
}

int wf_bindings_without(struct bindings *map, const weft_context_var *var,
                        struct bindings **ret_map)
{
    if (!bindings_find(map, var)) {
        *ret_map = bindings_ref(map);
        return 0;
    }
    struct slot slot;
    int rc = node_without(map, var, 0, &slot);
    if (!rc)
        *ret_map = slot.what;
    return rc;
}

int wf_bindings_each(const struct bindings *map, weft_context_visitor visit, void *arg)
{
    int rc = 0;
    for (unsigned rest = map ? map->filled : 0; rest && !rc; rest &= rest - 1) {
        struct slot slot = node_filled(map, rest & -rest);
        const struct binding *binding = slot.what;
        rc = slot.deeper ? wf_bindings_each(slot.what, visit, arg)
                         : visit(binding->var, binding->value, arg);
    }
    return rc;
}
