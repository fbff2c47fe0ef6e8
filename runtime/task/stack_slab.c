/*
 * stack_slab.c - slabs: many stacks reserved with one mmap, their guards, and the registry that
 * leads from an address back to a stack.
 *
 *     | header, struct stack[slots] | guard | stack 0    <-top | guard | stack 1    <-top | ...
 *
 * A slab is address space until somebody runs on its stacks (no reserve, no huge pages: one touched
 * byte must not become 2 MiB). Metadata lies together at the front, so that a free stack can lose
 * all its memory and an idle task's costs one page and 32 bytes.
 *
 * G1  Guards are marked in the page table where the kernel can (MADV_GUARD_INSTALL, 6.13): a slab
 *     stays one mapping, a million guarded stacks fit under the default vm.max_map_count, and the
 *     marks survive MADV_DONTNEED. Elsewhere a guard costs two mappings (mprotect), and their
 *     number is held below half of vm.max_map_count: the rest is the program's.
 * G2  A guard is 16 KiB, not a page, so that a frame of up to that size which jumps over its
 *     stack's end still hits it; only -fstack-clash-protection makes that certain.
 * G3  The registry is read by a signal handler while others change it: an entry's begin is
 *     written last when it is made and first when it goes.
 *
 * Measured on Linux 6.18 in a VM, ns a stack: reserve 4, guard 720 (640 if it were one page), first
 * touch of its top page 1370. Populating the top pages ahead (MADV_POPULATE_WRITE) costs 150 to 450
 * more than the faults it saves. process_madvise() over 16 guards at once would save 170; but
 * sandboxes that list the system calls a program may make do not expect that one, and some kill.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "runtime/base/sys.h"
#include "runtime/task/stack_slab.h"

#ifdef WEFT_VALGRIND
#include <valgrind/valgrind.h>
#endif
#ifdef WEFT_TSAN
#include <sanitizer/tsan_interface.h>
#endif

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif

#define SLAB_GUARD_BYTES ((size_t)16 << 10)
/* Stacks start 0 to 15 cache lines below their end, by slot: without it the hottest lines of all
 * stacks would share one cache set. A page still holds 3 KiB of frames. */
#define SLAB_COLOURS     16
#define SLAB_COLOUR_STEP ((size_t)64)
#define SLAB_SLOTS_MIN   16
#define MAPS_DEFAULT     65530 /* vm.max_map_count where it cannot be read */
#define REGISTRY_ENTRIES 65536

/* Sanitizers and unoptimised builds have larger frames; users go by the plain size. */
#if defined(WEFT_ASAN) || defined(WEFT_TSAN) || !defined(__OPTIMIZE__)
#define SLAB_SCALE 4
#else
#define SLAB_SCALE 1
#endif

/* ---- guards ---- */

enum guard { GUARD_NONE, GUARD_MARKED, GUARD_PROTECTED };

/* Whether marking was refused; goes from false to true once. Relaxed: whoever still reads false is
 * refused as well. */
static _Atomic bool marking_refused;
/* Protected guards that there are. Relaxed: a count and nothing else. */
static _Atomic long guards_protected;
/* How many there may be; 0: not read yet. Relaxed: every reader computes the same value. */
static _Atomic long guards_protected_max;

/* A quarter of vm.max_map_count, as each guard takes two mappings (G1). */
static long protected_max(void)
{
    long max = atomic_load_explicit(&guards_protected_max, memory_order_relaxed);
    if (max)
        return max;

    char text[24] = {0};
    long maps = 0;
    int fd = sys_open("/proc/sys/vm/max_map_count", O_RDONLY);
    if (fd >= 0) {
        if (sys_read(fd, text, sizeof(text) - 1) > 0)
            for (const char *digit = text; *digit >= '0' && *digit <= '9'; digit++)
                maps = maps * 10 + (*digit - '0');
        sys_close(fd);
    }
    max = (maps ? maps : MAPS_DEFAULT) / 4;
    atomic_store_explicit(&guards_protected_max, max, memory_order_relaxed);
    return max;
}

static bool guard_protect(void *base, size_t bytes)
{
    if (atomic_fetch_add_explicit(&guards_protected, 1, memory_order_relaxed) < protected_max() &&
        sys_protect(base, bytes, PROT_NONE) == 0)
        return true;
    atomic_fetch_sub_explicit(&guards_protected, 1, memory_order_relaxed);
    return false;
}

static char *slot_base(const struct slab *slab, uint32_t slot)
{
    return slab->slots_base + slot * slab->slot_bytes;
}

bool wf_slab_guard(struct stack *stack)
{
    if (stack->guard != GUARD_NONE)
        return true;

    const struct slab *slab = wf_slab_of(stack);
    void *base = slot_base(slab, stack->slot);
    if (!atomic_load_explicit(&marking_refused, memory_order_relaxed)) {
        int rc = sys_advise(base, slab->guard_bytes, MADV_GUARD_INSTALL);
        if (rc == 0)
            stack->guard = GUARD_MARKED;
        if (rc != -EINVAL)
            return rc == 0;
        /* An older kernel, or memory that mlockall() has locked. */
        atomic_store_explicit(&marking_refused, true, memory_order_relaxed);
    }
    if (!guard_protect(base, slab->guard_bytes))
        return false;
    stack->guard = GUARD_PROTECTED;
    return true;
}

/* ---- registry ---- */

/* Written under the mutex, read by the overflow handler without it (G3). In .bss: costs what is
 * used. While begin is 0, end is the next free entry's index. */
static struct {
    _Atomic uintptr_t begin;
    _Atomic uintptr_t end;
} registry[REGISTRY_ENTRIES];
static pthread_mutex_t registry_mutex = PTHREAD_MUTEX_INITIALIZER;
static _Atomic uint32_t registry_used; /* entries that have ever been in use; only grows */
static uint32_t registry_free;         /* first free entry + 1, or 0; under the mutex */

static bool registry_add(struct slab *slab)
{
    uint32_t index;

    pthread_mutex_lock(&registry_mutex);
    if (registry_free) {
        index = registry_free - 1;
        registry_free = (uint32_t)atomic_load_explicit(&registry[index].end, memory_order_relaxed);
    } else {
        index = atomic_load_explicit(&registry_used, memory_order_relaxed);
        if (index == REGISTRY_ENTRIES) {
            pthread_mutex_unlock(&registry_mutex);
            return false;
        }
    }
    slab->registered = index;
    atomic_store_explicit(&registry[index].end, (uintptr_t)slab + slab->mapped_bytes,
                          memory_order_relaxed);
    /* Release, with the acquires in wf_stack_find(): the slab's header and end are there (G3). */
    atomic_store_explicit(&registry[index].begin, (uintptr_t)slab, memory_order_release);
    if (index >= atomic_load_explicit(&registry_used, memory_order_relaxed))
        atomic_store_explicit(&registry_used, index + 1, memory_order_release);
    pthread_mutex_unlock(&registry_mutex);
    return true;
}

static void registry_remove(struct slab *slab)
{
    pthread_mutex_lock(&registry_mutex);
    atomic_store_explicit(&registry[slab->registered].begin, 0, memory_order_release);
    atomic_store_explicit(&registry[slab->registered].end, registry_free, memory_order_release);
    registry_free = slab->registered + 1;
    pthread_mutex_unlock(&registry_mutex);
}

void wf_slab_lock(void)
{
    pthread_mutex_lock(&registry_mutex);
}

void wf_slab_unlock(void)
{
    pthread_mutex_unlock(&registry_mutex);
}

struct stack *wf_stack_find(const void *address)
{
    uintptr_t at = (uintptr_t)address;
    uint32_t used = atomic_load_explicit(&registry_used, memory_order_acquire);

    for (uint32_t i = 0; i < used; i++) {
        uintptr_t begin = atomic_load_explicit(&registry[i].begin, memory_order_acquire);
        if (!begin || at < begin ||
            at >= atomic_load_explicit(&registry[i].end, memory_order_acquire))
            continue;
        struct slab *slab = (struct slab *)begin;
        size_t offset = (size_t)(at - (uintptr_t)slab->slots_base);
        if (at < (uintptr_t)slab->slots_base || offset % slab->slot_bytes >= slab->guard_bytes)
            return NULL;
        return &slab->stacks[offset / slab->slot_bytes];
    }
    return NULL;
}

/* ---- slabs ---- */

struct slab *wf_slab_of(const struct stack *stack)
{
    return (struct slab *)((uintptr_t)(stack - stack->slot) - offsetof(struct slab, stacks));
}

void *wf_stack_limit(const struct stack *stack)
{
    const struct slab *slab = wf_slab_of(stack);
    return slot_base(slab, stack->slot) + slab->guard_bytes;
}

static size_t round_up(size_t bytes, size_t unit)
{
    return (bytes + unit - 1) / unit * unit;
}

struct slab *wf_slab_new(enum stack_class class, uint32_t slots)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t guard_bytes = round_up(SLAB_GUARD_BYTES, page);
    size_t slot_bytes = guard_bytes + round_up(wf_stack_class_bytes(class) * SLAB_SCALE, page);
    size_t front_bytes, mapped_bytes;
    void *base = NULL;

    for (;; slots /= 2) {
        front_bytes = round_up(sizeof(struct slab) + slots * sizeof(struct stack), page);
        mapped_bytes = front_bytes + slots * slot_bytes;
        if (sys_map(mapped_bytes, PROT_READ | PROT_WRITE, MAP_NORESERVE, &base) == 0)
            break;
        if (slots <= SLAB_SLOTS_MIN) /* fewer may fit where address space is limited */
            return NULL;
    }
    sys_advise(base, mapped_bytes, MADV_NOHUGEPAGE); /* refused where there are none */

    struct slab *slab = (struct slab *)base; /* zeroed */
    slab->mapped_bytes = mapped_bytes;
    slab->slots_base = (char *)base + front_bytes;
    slab->slot_bytes = slot_bytes;
    slab->guard_bytes = guard_bytes;
    slab->slots = slots;
    slab->class = (uint8_t) class;
    if (!registry_add(slab)) {
        sys_unmap(base, mapped_bytes);
        return NULL;
    }
    return slab;
}

struct stack *wf_slab_carve(struct slab *slab)
{
    uint32_t slot = slab->carved++;
    struct stack *stack = &slab->stacks[slot];
    char *end = slot_base(slab, slot) + slab->slot_bytes;

    stack->top = end - slot % SLAB_COLOURS * SLAB_COLOUR_STEP;
    stack->slot = slot;
    stack->class = slab->class;
#ifdef WEFT_VALGRIND
    stack->valgrind_id = VALGRIND_STACK_REGISTER(slot_base(slab, slot) + slab->guard_bytes, end);
#endif
    return stack;
}

void wf_slab_drop(const struct stack *stack)
{
    const struct slab *slab = wf_slab_of(stack);

    sys_advise(wf_stack_limit(stack), slab->slot_bytes - slab->guard_bytes, MADV_DONTNEED);
}

void wf_slab_free(struct slab *slab)
{
    for (uint32_t i = 0; i < slab->carved; i++) {
        struct stack *stack = &slab->stacks[i];
        if (stack->guard == GUARD_PROTECTED)
            atomic_fetch_sub_explicit(&guards_protected, 1, memory_order_relaxed);
#ifdef WEFT_TSAN
        if (stack->fiber)
            __tsan_destroy_fiber(stack->fiber);
#endif
#ifdef WEFT_VALGRIND
        VALGRIND_STACK_DEREGISTER(stack->valgrind_id);
#endif
    }
    registry_remove(slab);
    sys_unmap(slab, slab->mapped_bytes);
}
