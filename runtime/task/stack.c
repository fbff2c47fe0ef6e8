/*
 * stack.c - the depot: free stacks of the whole process, between the loops' caches and the kernel.
 *
 *     cache (loaded, previous)  <--batches-->  depot of the class
 *                                              warm: slabs with free stacks that were run on
 *                                              cold: slabs with only clean or uncarved stacks left
 *                                              bare: slabs with nothing to give
 *
 * Free stacks hang on their slab, so that a slab whose stacks are all free is found and unmapped
 * without a search. A class's depot is behind one mutex, which a cache takes once a batch. Stacks
 * that were run on are handed out before clean ones, and those before fresh ones: the warm are used
 * first, and no more are resident than at the last peak.
 *
 * D1  out counts the carved stacks that are in use or in a cache; the others hang on their slab or
 *     are just losing their memory.
 * D2  out_peak is the largest out since the last trim. A trim lets target sink to it, but by half
 *     at most; free stacks beyond target lose their memory.
 * D3  Slabs go while target is met without them. Only what the depot holds whole can go (idle ==
 *     carved), so nobody can be using it.
 *
 * System calls are made outside the mutex, by whoever took the stacks or the slab out; but for
 * mmap, once for hundreds of stacks.
 */
#include <pthread.h>

#include "runtime/task/stack.h"
#include "runtime/task/stack_slab.h"

/* How many fresh stacks are guarded at a time: about 20 us. */
#define CARVE_BATCH 32
/* How many stacks lose their memory between two looks at the depot. */
#define DROP_BATCH       64
#define SLAB_FIRST_SLOTS 64

const uint16_t wf_stack_batch[STACK_CLASSES] = {64, 64, 16, 8, 4, 2, 1, 1, 1, 1, 1};

static const size_t class_bytes[STACK_CLASSES] = {
    16 << 10, 64 << 10, 320 << 10, 512 << 10, 1 << 20,  2 << 20,
    4 << 20,  8 << 20,  16 << 20,  32 << 20,  64 << 20,
};

/* The largest slab of each class: 32 to 80 MiB of address space. */
static const uint16_t slab_slots_max[STACK_CLASSES] = {1024, 1024, 128, 64, 32, 16, 8, 4, 2, 1, 1};

enum shelf { SHELF_NONE, SHELF_WARM, SHELF_COLD, SHELF_BARE, SHELVES };

/* All fields under the mutex. */
struct depot {
    pthread_mutex_t mutex;
    struct slab *shelves[SHELVES];
    uint32_t slab_slots; /* how many slots the next slab gets; 0: the first is yet to come */
    size_t carved;       /* stacks carved in all slabs */
    size_t used;         /* free stacks with memory behind them */
    size_t out;          /* D1 */
    size_t out_peak;     /* D2 */
    size_t target;       /* D2 */
};

static struct depot depots[STACK_CLASSES] = {
    [0 ... STACK_CLASSES - 1] = {.mutex = PTHREAD_MUTEX_INITIALIZER},
};

/* Caches that there are; the last to go empties the depots. */
static pthread_mutex_t caches_mutex = PTHREAD_MUTEX_INITIALIZER;
static size_t caches;

enum stack_class wf_stack_class_for(size_t bytes)
{
    int class = STACK_SMALL;

    while (class < STACK_CLASSES && class_bytes[class] < bytes)
        class ++;
    return (enum stack_class) class;
}

size_t wf_stack_class_bytes(enum stack_class class)
{
    return class_bytes[class];
}

/* ---- slabs and their free stacks; the mutex is held ---- */

static void slab_unshelve(struct depot *depot, struct slab *slab)
{
    if (slab->prev)
        slab->prev->next = slab->next;
    else
        depot->shelves[slab->shelf] = slab->next;
    if (slab->next)
        slab->next->prev = slab->prev;
}

/* Puts the slab on the shelf where its free stacks belong. */
static void slab_shelve(struct depot *depot, struct slab *slab)
{
    enum shelf shelf = slab->used                                  ? SHELF_WARM
                       : slab->clean || slab->carved < slab->slots ? SHELF_COLD
                                                                   : SHELF_BARE;
    if (slab->shelf == shelf)
        return;
    if (slab->shelf != SHELF_NONE)
        slab_unshelve(depot, slab);
    slab->shelf = (uint8_t)shelf;
    slab->prev = NULL;
    slab->next = depot->shelves[shelf];
    if (slab->next)
        slab->next->prev = slab;
    depot->shelves[shelf] = slab;
}

static void depot_push(struct depot *depot, struct stack *stack, bool used)
{
    struct slab *slab = wf_slab_of(stack);
    struct stack **list = used ? &slab->used : &slab->clean;

    stack->next = *list;
    *list = stack;
    slab->idle++;
    slab->used_count += used;
    depot->used += used;
    depot->out--;
    slab_shelve(depot, slab);
}

static void depot_push_list(struct depot *depot, struct stack *list, bool used)
{
    while (list) {
        struct stack *stack = list;
        list = stack->next;
        depot_push(depot, stack, used);
    }
}

/* A stack that was run on, or NULL. */
static struct stack *depot_pop_used(struct depot *depot)
{
    struct slab *slab = depot->shelves[SHELF_WARM];
    if (!slab)
        return NULL;

    struct stack *stack = slab->used;
    slab->used = stack->next;
    slab->idle--;
    slab->used_count--;
    depot->used--;
    depot->out++;
    slab_shelve(depot, slab);
    return stack;
}

static struct slab *depot_grow(struct depot *depot, enum stack_class class)
{
    uint32_t slots = depot->slab_slots ? depot->slab_slots : SLAB_FIRST_SLOTS;
    if (slots > slab_slots_max[class])
        slots = slab_slots_max[class];

    struct slab *slab = wf_slab_new(class, slots);
    if (!slab)
        return NULL;
    depot->slab_slots = slab->slots * 2; /* small programs reserve little, large ones seldom */
    slab_shelve(depot, slab);
    return slab;
}

/* A stack with no memory behind it, or NULL. */
static struct stack *depot_pop_clean(struct depot *depot, enum stack_class class)
{
    struct slab *slab = depot->shelves[SHELF_COLD];
    if (!slab && !(slab = depot_grow(depot, class)))
        return NULL;

    struct stack *stack = slab->clean;
    if (stack) {
        slab->clean = stack->next;
        slab->idle--;
    } else {
        stack = wf_slab_carve(slab);
        depot->carved++;
    }
    depot->out++;
    slab_shelve(depot, slab);
    return stack;
}

/* ---- between the depot and a cache ---- */

/* Up to a batch of stacks, which may lack their guards; their number in *ret_count. */
static struct stack *depot_take(struct depot *depot, enum stack_class class, uint32_t *ret_count)
{
    struct stack *list = NULL, **tail = &list, *stack;
    uint32_t max = wf_stack_batch[class], count = 0;

    pthread_mutex_lock(&depot->mutex);
    for (; count < max && (stack = depot_pop_used(depot)); count++, tail = &stack->next)
        *tail = stack;
    if (!count) {
        max = max < CARVE_BATCH ? max : CARVE_BATCH;
        for (; count < max && (stack = depot_pop_clean(depot, class)); count++, tail = &stack->next)
            *tail = stack;
    }
    *tail = NULL;
    if (depot->out > depot->out_peak)
        depot->out_peak = depot->out;
    pthread_mutex_unlock(&depot->mutex);
    *ret_count = count;
    return list;
}

static void depot_put(struct depot *depot, struct stack *list, bool used)
{
    if (!list)
        return;
    pthread_mutex_lock(&depot->mutex);
    depot_push_list(depot, list, used);
    pthread_mutex_unlock(&depot->mutex);
}

/* Guards the stacks of a list as far as that goes, and gives the others back. How many are left. */
static uint32_t list_guard(struct depot *depot, struct stack **list)
{
    uint32_t count = 0;

    for (; *list; list = &(*list)->next, count++)
        if (!wf_slab_guard(*list)) {
            depot_put(depot, *list, false);
            *list = NULL;
            break;
        }
    return count;
}

/* ---- the slow halves of stack_get() and stack_put() ---- */

/* May run on a task's stack: keeps to one page with what it calls. */
struct stack *wf_stack_refill(struct stack_cache *cache, enum stack_class class)
{
    struct stack_magazine *magazine = &cache->magazines[class];

    if (magazine->previous) {
        magazine->loaded = magazine->previous;
        magazine->loaded_count = magazine->previous_count;
        magazine->previous = NULL;
        magazine->previous_count = 0;
    } else {
        uint32_t count;
        struct stack *list = depot_take(&depots[class], class, &count);
        magazine->loaded_count = list_guard(&depots[class], &list);
        magazine->loaded = list;
    }
    return magazine->loaded ? stack_get(cache, class) : NULL;
}

void wf_stack_flush(struct stack_cache *cache, enum stack_class class)
{
    struct stack_magazine *magazine = &cache->magazines[class];

    depot_put(&depots[class], magazine->previous, true);
    magazine->previous = magazine->loaded;
    magazine->previous_count = magazine->loaded_count;
    magazine->loaded = NULL;
    magazine->loaded_count = 0;
}

/* ---- giving memory back ---- */

/* Takes slabs that are not needed off their shelves (D3). */
static struct slab *depot_pop_slabs(struct depot *depot)
{
    struct slab *doomed = NULL;

    for (enum shelf shelf = SHELF_WARM; shelf <= SHELF_COLD; shelf++)
        for (struct slab *slab = depot->shelves[shelf], *next; slab; slab = next) {
            next = slab->next;
            if (slab->idle < slab->carved || depot->carved - slab->carved < depot->target)
                continue;
            slab_unshelve(depot, slab);
            depot->carved -= slab->carved;
            depot->used -= slab->used_count;
            slab->next = doomed;
            doomed = slab;
        }
    if (!depot->carved)
        depot->slab_slots = 0;
    return doomed;
}

/* Takes out up to DROP_BATCH stacks that are resident beyond the target (D2). */
static struct stack *depot_pop_surplus(struct depot *depot)
{
    struct stack *list = NULL, *stack;

    for (int i = 0; i < DROP_BATCH && depot->out + depot->used > depot->target; i++) {
        stack = depot_pop_used(depot);
        if (!stack)
            break;
        depot->out--; /* being dropped, not out (D1) */
        stack->next = list;
        list = stack;
    }
    return list;
}

static void depot_put_dropped(struct depot *depot, struct stack *list)
{
    pthread_mutex_lock(&depot->mutex);
    for (struct stack *stack = list; stack; stack = stack->next)
        depot->out++;
    depot_push_list(depot, list, false);
    pthread_mutex_unlock(&depot->mutex);
}

/* Lets target sink (D2), or to 0 with all, and gives back the memory of what is free beyond it. */
static void depot_trim(struct depot *depot, bool all)
{
    pthread_mutex_lock(&depot->mutex);
    depot->target /= 2;
    if (depot->target < depot->out_peak)
        depot->target = depot->out_peak;
    if (all)
        depot->target = 0;
    depot->out_peak = depot->out;
    struct slab *doomed = depot_pop_slabs(depot);
    pthread_mutex_unlock(&depot->mutex);

    while (doomed) {
        struct slab *slab = doomed;
        doomed = slab->next;
        wf_slab_free(slab);
    }
    for (;;) {
        pthread_mutex_lock(&depot->mutex);
        struct stack *surplus = depot_pop_surplus(depot);
        pthread_mutex_unlock(&depot->mutex);
        if (!surplus)
            return;
        for (struct stack *stack = surplus; stack; stack = stack->next)
            wf_slab_drop(stack);
        depot_put_dropped(depot, surplus);
    }
}

static void cache_flush(struct stack_cache *cache)
{
    for (int class = 0; class < STACK_CLASSES; class ++) {
        struct stack_magazine *magazine = &cache->magazines[class];
        depot_put(&depots[class], magazine->loaded, true);
        depot_put(&depots[class], magazine->previous, true);
        *magazine = (struct stack_magazine){0};
    }
}

void wf_stack_trim(struct stack_cache *cache)
{
    cache_flush(cache);
    for (int class = 0; class < STACK_CLASSES; class ++)
        depot_trim(&depots[class], false);
}

void wf_stack_cache_init(struct stack_cache *cache)
{
    *cache = (struct stack_cache){0};
    pthread_mutex_lock(&caches_mutex);
    caches++;
    pthread_mutex_unlock(&caches_mutex);
}

void wf_stack_cache_fini(struct stack_cache *cache)
{
    cache_flush(cache);
    pthread_mutex_lock(&caches_mutex);
    if (--caches == 0)
        for (int class = 0; class < STACK_CLASSES; class ++)
            depot_trim(&depots[class], true);
    pthread_mutex_unlock(&caches_mutex);
}

void wf_stack_lock(void)
{
    pthread_mutex_lock(&caches_mutex);
    for (int class = 0; class < STACK_CLASSES; class ++)
        pthread_mutex_lock(&depots[class].mutex);
    wf_slab_lock();
}

void wf_stack_unlock(void)
{
    wf_slab_unlock();
    for (int class = STACK_CLASSES - 1; class >= 0; class --)
        pthread_mutex_unlock(&depots[class].mutex);
    pthread_mutex_unlock(&caches_mutex);
}
