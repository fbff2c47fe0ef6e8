/*
 * operations.c - what the threads of a model call: the atomic operations, with the bug that is
 * planted at one of them; what must hold; and the operating system.
 */
#include <stdio.h>
#include <string.h>

#include "tests/model/explore.h"
#include "tests/model/memory.h"

static struct model_site *sites; /* in the order of functions and lines */

static void learn_site(struct model_site *site, memory_order order, memory_order failure_order)
{
    site->order = order;
    site->failure_order = failure_order;
    if (site->known || explore_current() == 0)
        return;
    struct model_site **at = &sites;
    while (*at && (strcmp((*at)->function, site->function) < 0 ||
                   (strcmp((*at)->function, site->function) == 0 && (*at)->line < site->line)))
        at = &(*at)->next;
    site->known = true;
    site->next = *at;
    *at = site;
}

struct model_site *model_sites(void)
{
    return sites;
}

/* The bug planted here, if there is one. */
static enum model_fault fault_at(const struct model_site *site)
{
    const struct model_mutation *mutation = explore_mutation();

    return mutation && mutation->site == site && explore_current() != 0 ? mutation->fault
                                                                        : MODEL_SOUND;
}

static memory_order order_at(const struct model_site *site, memory_order order)
{
    return fault_at(site) == MODEL_ORDER ? explore_mutation()->order : order;
}

static uint64_t load(struct model_site *site, const volatile void *object, unsigned bytes,
                     memory_order order)
{
    explore_step();
    uint64_t value = memory_load(explore_current(), object, bytes, order, false);
    if (memory_last().was_forced)
        explore_acted(); /* at another time it would get another value */
    explore_note(site, NULL);
    return value;
}

static void store(struct model_site *site, volatile void *object, unsigned bytes, uint64_t value,
                  memory_order order)
{
    explore_step();
    memory_store(explore_current(), object, bytes, value, order);
    explore_acted();
    explore_note(site, NULL);
}

uint64_t model_load(struct model_site *site, const volatile void *object, unsigned bytes,
                    memory_order order)
{
    learn_site(site, order, order);
    if (fault_at(site) == MODEL_SKIP)
        return 0;
    return load(site, object, bytes, order_at(site, order));
}

void model_store(struct model_site *site, volatile void *object, unsigned bytes, uint64_t value,
                 memory_order order)
{
    learn_site(site, order, order);
    if (fault_at(site) == MODEL_SKIP)
        return;
    store(site, object, bytes, value, order_at(site, order));
}

static memory_order load_half(memory_order order)
{
    return order == memory_order_acq_rel   ? memory_order_acquire
           : order == memory_order_release ? memory_order_relaxed
                                           : order;
}

static memory_order store_half(memory_order order)
{
    return order == memory_order_acq_rel   ? memory_order_release
           : order == memory_order_acquire ? memory_order_relaxed
                                           : order;
}

uint64_t model_rmw(struct model_site *site, volatile void *object, unsigned bytes,
                   enum model_rmw operation, uint64_t operand, memory_order order)
{
    learn_site(site, order, order);
    if (fault_at(site) == MODEL_SKIP)
        return load(site, object, bytes, load_half(order));
    if (fault_at(site) == MODEL_SPLIT) {
        uint64_t old = load(site, object, bytes, load_half(order));
        uint64_t value = operation == MODEL_ADD   ? old + operand
                         : operation == MODEL_SUB ? old - operand
                         : operation == MODEL_AND ? (old & operand)
                         : operation == MODEL_OR  ? (old | operand)
                                                  : operand;
        store(site, object, bytes, value & (UINT64_MAX >> (64 - 8 * bytes)), store_half(order));
        return old;
    }
    explore_step();
    uint64_t old =
        memory_rmw(explore_current(), object, bytes, operation, operand, order_at(site, order));
    explore_acted();
    explore_note(site, NULL);
    return old;
}

bool model_cas(struct model_site *site, volatile void *object, unsigned bytes, uint64_t *expected,
               uint64_t desired, memory_order order, memory_order failure_order)
{
    learn_site(site, order, failure_order);
    if (fault_at(site) == MODEL_SPLIT) {
        uint64_t seen = load(site, object, bytes, load_half(order));
        if (seen != *expected) {
            *expected = seen;
            return false;
        }
        store(site, object, bytes, desired, store_half(order));
        return true;
    }
    if (fault_at(site) == MODEL_FAILURE_ORDER)
        failure_order = explore_mutation()->order;
    explore_step();
    bool swapped = memory_cas(explore_current(), object, bytes, expected, desired,
                              order_at(site, order), failure_order);
    if (swapped)
        explore_acted();
    explore_note(site, NULL);
    return swapped;
}

void model_yield(void)
{
    explore_wait_for_stores(memory_spin(explore_current()));
}

/* ---- What models state ---- */

void model_require_that(bool holds, const char *text)
{
    char what[200];

    if (holds)
        return;
    snprintf(what, sizeof(what), "not so: %s", text);
    explore_violated(what);
}

unsigned model_thread(void)
{
    return explore_current();
}

unsigned model_stores(void)
{
    return memory_stores();
}

void model_data_read(const void *data)
{
    explore_accessed();
    if (!memory_data_read(explore_current(), data))
        explore_violated("data race, found by a read");
}

void model_data_write(const void *data)
{
    explore_accessed();
    if (!memory_data_write(explore_current(), data))
        explore_violated("data race, found by a write");
}

/* ---- The operating system ---- */

void model_semaphore_post(struct model_semaphore *semaphore)
{
    explore_step();
    semaphore->count++;
    explore_acted();
    memory_remember(explore_current(), (uintptr_t)semaphore);
    explore_note(NULL, "posts a semaphore");
}

void model_semaphore_wait(struct model_semaphore *semaphore)
{
    explore_wait_for_semaphore(semaphore);
    semaphore->count--;
    explore_acted();
    memory_remember(explore_current(), (uintptr_t)semaphore);
    explore_note(NULL, "waited for a semaphore");
}

void model_futex_wait(const volatile void *word, uint32_t value)
{
    explore_step();
    /* The kernel looks at the word itself: relaxed, but never stale, so the moment matters. */
    explore_acted();
    if (memory_load(explore_current(), word, sizeof(value), memory_order_relaxed, true) != value)
        return;
    explore_note(NULL, "waits on a futex");
    explore_wait_for_futex(word);
    explore_note(NULL, "was woken");
}

void model_futex_wake(const volatile void *word)
{
    explore_step();
    explore_note(NULL, "wakes a futex");
    explore_acted();
    explore_wake_futex(word);
}

void model_membarrier(void)
{
    explore_step();
    explore_membarrier();
    explore_acted();
    explore_note(NULL, "membarrier");
}
