/*
 * stack.h - the stacks that tasks run on: fixed classes of size, each with a guard below it, handed
 * out from a cache that a loop has to itself.
 *
 *     task  <->  struct stack_cache (one a loop, no atomics)       stack_get, stack_put
 *                     |  whole batches, under a mutex
 *                depot (one a class, process-wide)                 stack.c
 *                     |  slots carved from slabs, one mmap a slab
 *                kernel                                            stack_slab.c
 *
 * Recycling a stack makes no system call and writes two words. A stack that nobody has run on since
 * it was carved or trimmed has no memory behind it; one that holds a sleeping task has one page,
 * because its metadata lives with the slab and not on it.
 *
 * S1  A stack belongs to exactly one of: a task, one cache, the depot.
 * S2  A cache is used by its loop's thread alone; a stack may be put into another cache than
 *     the one it came from.
 * S3  stack_get() and stack_put() look at no more than the stack's metadata, never at the
 *     stack. What is below `top` when a stack is handed out is undefined.
 * S4  The stack that was put last stays in its cache until the next call on that cache. So a
 *     flow may put the very stack that it runs on, and leave it by the next switch.
 */
#ifndef WEFT_RUNTIME_TASK_STACK_H
#define WEFT_RUNTIME_TASK_STACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/base/sanitizer.h"

/* The first three are meant to be named; the others exist so that any size is recycled alike. */
enum stack_class {
    STACK_SMALL,  /* 16 KiB */
    STACK_NORMAL, /* 64 KiB, the default */
    STACK_LARGE,  /* 320 KiB: TLS handshakes, getaddrinfo */
    STACK_512K,
    STACK_1M,
    STACK_2M,
    STACK_4M,
    STACK_8M,
    STACK_16M,
    STACK_32M,
    STACK_64M,
    STACK_CLASSES
};

struct context;
struct stack;

/* Where the flow on an inner stack goes on when it leaves that: a generator's caller. */
struct stack_caller {
    const struct context *context; /* suspended */
    struct stack *stack;
};

/* What a stack is known by: 32 bytes in the slab's metadata, not on the stack. */
struct stack {
    void *top;   /* where the first frame goes: a multiple of 64, coloured by slot */
    void *owner; /* written by whoever runs on it; read by the overflow message */
    union {
        struct stack *next;                /* in a cache or the depot: the next of its list */
        const struct stack_caller *caller; /* inner: what the flow on it was called from */
    };
    uint32_t slot; /* index in its slab; fixed */
    uint8_t class; /* enum stack_class; fixed */
    uint8_t guard; /* what guards it, if anything yet (stack_slab.c) */
    bool inner;    /* it carries a part of a task's flow that began on another stack */
#ifdef WEFT_TSAN
    void *fiber;         /* ThreadSanitizer's idea of the flow; made at the first switch to it */
    unsigned fiber_ends; /* flows that have ended on it, in frames that never returned */
#endif
#ifdef WEFT_VALGRIND
    unsigned valgrind_id;
#endif
};

/* Free stacks of one class: two lists of at most a batch each, so that a loop that goes up and down
 * by one at the edge of a batch does not visit the depot each time (Bonwick's magazines). */
struct stack_magazine {
    struct stack *loaded;
    struct stack *previous;
    uint32_t loaded_count;
    uint32_t previous_count;
};

/* A loop's free stacks. Used by one thread at a time (S2). */
struct stack_cache {
    struct stack_magazine magazines[STACK_CLASSES];
};

/* Stacks in one list of a magazine, which go to the depot together. */
extern const uint16_t wf_stack_batch[STACK_CLASSES];

/* The slow halves of stack_get() and stack_put(). */
struct stack *wf_stack_refill(struct stack_cache *cache, enum stack_class class);
void wf_stack_flush(struct stack_cache *cache, enum stack_class class);

/* Takes no memory and cannot fail; every init is undone by one fini. */
void wf_stack_cache_init(struct stack_cache *cache);

/* Gives the cache's stacks to the depot. The last cache of the process to go gives what is free
 * back to the system. */
void wf_stack_cache_fini(struct stack_cache *cache);

/*
 * A stack of the class, guarded, with owner NULL or left from its last use; NULL where there is no
 * memory, or no mapping left for its guard. The caller owns it until stack_put().
 */
static inline struct stack *stack_get(struct stack_cache *cache, enum stack_class class)
{
    struct stack_magazine *magazine = &cache->magazines[class];
    struct stack *stack = magazine->loaded;

    if (__builtin_expect(!stack, 0))
        return wf_stack_refill(cache, class);
    magazine->loaded = stack->next;
    magazine->loaded_count--;
    return stack;
}

/* Takes a stack back that nobody runs on any more. */
static inline void stack_put(struct stack_cache *cache, struct stack *stack)
{
    struct stack_magazine *magazine = &cache->magazines[stack->class];

    stack->next = magazine->loaded;
    magazine->loaded = stack;
    if (__builtin_expect(++magazine->loaded_count == wf_stack_batch[stack->class], 0))
        wf_stack_flush(cache, (enum stack_class)stack->class);
}

/* The smallest class that offers so many bytes; STACK_CLASSES if none does (above 64 MiB). */
enum stack_class wf_stack_class_for(size_t bytes);

/* The size that users know the class by. */
size_t wf_stack_class_bytes(enum stack_class class);

static inline void *stack_top(const struct stack *stack)
{
    return stack->top;
}

/* The lowest address that may be used; the guard is below. */
void *wf_stack_limit(const struct stack *stack);

/* The size that users know the stack by. */
static inline size_t stack_bytes(const struct stack *stack)
{
    return wf_stack_class_bytes((enum stack_class)stack->class);
}

/* The stack in whose guard the address lies, or NULL. Any thread, async-signal-safe. */
struct stack *wf_stack_find(const void *address);

/*
 * Gives the memory of stacks that nobody needed lately back to the system: moves the cache's stacks
 * to the depot, and there lets the number of stacks with memory behind them sink to what was in use
 * at most since the last call, or by half if that is more. Called by the cache's owner when it has
 * been idle for long; a call that finds nothing to do costs a mutex a class in use.
 */
void wf_stack_trim(struct stack_cache *cache);

/* Around a fork: no other thread is inside while it happens. */
void wf_stack_lock(void);
void wf_stack_unlock(void);

#endif
