/*
 * stack_slab.h - slabs of stacks: where stacks come from before they are first used, and the way
 * back from an address to the stack (see stack_slab.c). Used by the depot in stack.c alone.
 */
#ifndef WEFT_RUNTIME_TASK_STACK_SLAB_H
#define WEFT_RUNTIME_TASK_STACK_SLAB_H

#include "runtime/task/stack.h"

struct slab {
    size_t mapped_bytes; /* this header, the stacks' metadata, the slots */
    char *slots_base;    /* slot i begins at slots_base + i * slot_bytes, with its guard */
    size_t slot_bytes;   /* guard and stack */
    size_t guard_bytes;
    uint32_t slots;      /* how many there are */
    uint32_t carved;     /* how many have been carved; the others have no metadata yet */
    uint32_t registered; /* index in the registry */
    uint8_t class;       /* enum stack_class */

    /* The depot's, under its mutex: */
    uint8_t shelf;       /* in which list of slabs it is */
    uint32_t idle;       /* carved stacks that are in the depot: in used or in clean */
    uint32_t used_count; /* those of them that are in used */
    struct stack *used;  /* those that were run on */
    struct stack *clean; /* those with no memory behind them */
    struct slab *next;
    struct slab *prev;

    _Alignas(64) struct stack stacks[];
};

/* Reserves a slab of up to `slots` slots, fewer where there is no room; NULL where there is none at
 * all. */
struct slab *wf_slab_new(enum stack_class class, uint32_t slots);

/* Unmaps the slab. Its stacks may be in no use, no cache and no list. */
void wf_slab_free(struct slab *slab);

/* The next stack that was never carved, with no guard yet; the slab must have one. */
struct stack *wf_slab_carve(struct slab *slab);

/* Puts a stack's guard in place if it has none; false where there is no memory or mapping for it.
 * Whoever owns the stack; two threads may guard two stacks of one slab. */
bool wf_slab_guard(struct stack *stack);

/* Gives the memory behind a free stack back. */
void wf_slab_drop(const struct stack *stack);

struct slab *wf_slab_of(const struct stack *stack);

/* Around a fork: the registry of slabs is in nobody's hands. */
void wf_slab_lock(void);
void wf_slab_unlock(void);

#endif
