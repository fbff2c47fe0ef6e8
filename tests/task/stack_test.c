/*
 * stack_test.c - stacks come guarded and distinct, are recycled without system calls, and their
 * memory goes back when nobody needs it.
 */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "runtime/base/fault.h"
#include "runtime/task/stack.h"
#include "runtime/task/switch.h"
#include "tests/support/suite.h"
#include "tests/task/flow.h"

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif

/* Sanitizers, valgrind and unoptimised frames have memory needs of their own. */
#if !defined(WEFT_ASAN) && !defined(WEFT_TSAN) && !defined(WEFT_VALGRIND) && defined(__OPTIMIZE__)
#define PLAIN_BUILD 1
#endif

static struct stack_cache cache;

static void setup(void)
{
    wf_stack_cache_init(&cache);
}

static void teardown(void)
{
    wf_fault_reset();
    wf_stack_cache_fini(&cache);
}

/* ---- what the kernel says ---- */

static size_t count_mappings(void)
{
    FILE *maps = fopen("/proc/self/maps", "re");
    size_t lines = 0;
    int c;

    ck_assert_ptr_nonnull(maps);
    while ((c = fgetc(maps)) != EOF)
        lines += c == '\n';
    fclose(maps);
    return lines;
}

static sigjmp_buf fault_return;

static void on_segv(int number)
{
    siglongjmp(fault_return, number);
}

/* Whether reading the byte faults. */
static bool faults(const char *address)
{
    struct sigaction action = {.sa_handler = on_segv}, old;
    bool faulted = true;

    sigaction(SIGSEGV, &action, &old);
    if (sigsetjmp(fault_return, 1) == 0) {
        (void)*(const volatile char *)address;
        faulted = false;
    }
    sigaction(SIGSEGV, &old, NULL);
    return faulted;
}

/* ---- classes ---- */

/* A size gets the smallest class that holds it, and none beyond the largest. */
START_TEST(class_is_the_smallest_that_fits)
{
    ck_assert_int_eq(wf_stack_class_for(0), STACK_SMALL);
    ck_assert_int_eq(wf_stack_class_for(16 << 10), STACK_SMALL);
    ck_assert_int_eq(wf_stack_class_for((16 << 10) + 1), STACK_NORMAL);
    ck_assert_int_eq(wf_stack_class_for(64 << 10), STACK_NORMAL);
    ck_assert_int_eq(wf_stack_class_for(320 << 10), STACK_LARGE);
    ck_assert_int_eq(wf_stack_class_for((320 << 10) + 1), STACK_512K);
    ck_assert_int_eq(wf_stack_class_for((size_t)64 << 20), STACK_64M);
    ck_assert_int_eq(wf_stack_class_for(((size_t)64 << 20) + 1), STACK_CLASSES);
    ck_assert_int_eq(wf_stack_class_for(SIZE_MAX), STACK_CLASSES);
}
END_TEST

/* A stack of each class has the room it promises, may be written from end to end, and is guarded
 * below. */
START_TEST(stack_is_usable_and_guarded)
{
    enum stack_class class = (enum stack_class)_i;
    struct stack *stack = stack_get(&cache, class);
    ck_assert_ptr_nonnull(stack);

    char *limit = (char *)wf_stack_limit(stack), *top = (char *)stack_top(stack);
    ck_assert_uint_ge((size_t)(top - limit) + 1024, stack_bytes(stack));
    ck_assert_uint_eq(stack_bytes(stack), wf_stack_class_bytes(class));
    ck_assert_uint_eq((uintptr_t)top % 64, 0);
    for (char *byte = limit; byte < top; byte += 1024)
        *byte = 1;
    top[-1] = 1;
    for (int distance = 1; distance <= 16384; distance += 1365)
        ck_assert(faults(limit - distance));
    stack_put(&cache, stack);
}
END_TEST

/* Stacks that are out at once do not overlap. */
START_TEST(stacks_are_distinct)
{
    enum { STACKS = 500 };
    struct stack *stacks[STACKS];

    for (int i = 0; i < STACKS; i++) {
        stacks[i] = stack_get(&cache, i % 2 ? STACK_NORMAL : STACK_SMALL);
        ck_assert_ptr_nonnull(stacks[i]);
        stacks[i]->owner = stacks[i];
        ((struct stack **)stack_top(stacks[i]))[-1] = stacks[i];
        *(struct stack **)wf_stack_limit(stacks[i]) = stacks[i];
    }
    for (int i = 0; i < STACKS; i++) {
        ck_assert_ptr_eq(stacks[i]->owner, stacks[i]);
        ck_assert_ptr_eq(((struct stack **)stack_top(stacks[i]))[-1], stacks[i]);
        ck_assert_ptr_eq(*(struct stack **)wf_stack_limit(stacks[i]), stacks[i]);
        stack_put(&cache, stacks[i]);
    }
}
END_TEST

/* Stacks start at different cache lines of a page, all in its last KiB. */
START_TEST(tops_are_coloured)
{
    struct stack *stacks[16];
    unsigned lines = 0;

    for (int i = 0; i < 16; i++) {
        stacks[i] = stack_get(&cache, STACK_NORMAL);
        uintptr_t below = (4096 - (uintptr_t)stack_top(stacks[i]) % 4096) % 4096;
        ck_assert_uint_lt(below, 1024);
        lines |= 1u << below / 64;
    }
    ck_assert_uint_eq(lines, 0xffff);
    for (int i = 0; i < 16; i++)
        stack_put(&cache, stacks[i]);
}
END_TEST

/* An address leads to a stack exactly if it is in the stack's guard. */
START_TEST(guard_leads_to_its_stack)
{
    struct stack *stacks[100];

    for (int i = 0; i < 100; i++)
        stacks[i] = stack_get(&cache, (enum stack_class)(i % 3));
    for (int i = 0; i < 100; i++) {
        char *limit = (char *)wf_stack_limit(stacks[i]);
        ck_assert_ptr_eq(wf_stack_find(limit - 1), stacks[i]);
        ck_assert_ptr_eq(wf_stack_find(limit - 16384), stacks[i]);
        ck_assert_ptr_ne(wf_stack_find(limit - 16385), stacks[i]);
        ck_assert_ptr_null(wf_stack_find(limit));
        ck_assert_ptr_null(wf_stack_find((char *)stack_top(stacks[i]) - 1));
    }
    ck_assert_ptr_null(wf_stack_find(NULL));
    ck_assert_ptr_null(wf_stack_find(stacks));
    ck_assert_ptr_null(wf_stack_find(stacks[0]));
    for (int i = 0; i < 100; i++)
        stack_put(&cache, stacks[i]);
}
END_TEST

/* ---- recycling ---- */

/* The stack that was put back last is still warm, and is handed out first. */
START_TEST(last_in_is_first_out)
{
    struct stack *one = stack_get(&cache, STACK_NORMAL), *two = stack_get(&cache, STACK_NORMAL);

    stack_put(&cache, one);
    stack_put(&cache, two);
    ck_assert_ptr_eq(stack_get(&cache, STACK_NORMAL), two);
    ck_assert_ptr_eq(stack_get(&cache, STACK_NORMAL), one);
    stack_put(&cache, one);
    stack_put(&cache, two);
}
END_TEST

static const enum fault_site system_calls[] = {FAULT_MMAP, FAULT_MADVISE, FAULT_MPROTECT};

/* Counts calls of these sites from here on, and makes none fail. */
static void count_system_calls(void)
{
    for (size_t i = 0; i < sizeof(system_calls) / sizeof(*system_calls); i++)
        wf_fault_arm(system_calls[i], 0, ENOMEM, false);
}

static unsigned long system_calls_counted(void)
{
    unsigned long calls = 0;

    for (size_t i = 0; i < sizeof(system_calls) / sizeof(*system_calls); i++)
        calls += wf_fault_calls(system_calls[i]);
    return calls;
}

/* Once as many stacks as are needed at a time exist, no system call is made, whichever cache takes
 * them and however they go up and down. */
START_TEST(recycling_makes_no_system_call)
{
    enum { STACKS = 1000 };
    static struct stack *stacks[STACKS];
    struct stack_cache other;

    wf_stack_cache_init(&other);
    for (int i = 0; i < STACKS; i++)
        stacks[i] = stack_get(&cache, STACK_NORMAL);
    for (int i = 0; i < STACKS; i++)
        stack_put(&cache, stacks[i]);

    count_system_calls();
    for (int round = 0; round < 50; round++) {
        /* What lies in the one cache cannot be had from the other: 128 stacks at most. */
        struct stack_cache *from = round % 2 ? &other : &cache, *to = round % 3 ? &other : &cache;
        for (int i = 0; i < STACKS - 256; i++)
            stacks[i] = stack_get(from, STACK_NORMAL);
        for (int i = 0; i < STACKS - 256; i++)
            stack_put(to, stacks[i]);
    }
    ck_assert_uint_eq(system_calls_counted(), 0);
    wf_stack_cache_fini(&other);
}
END_TEST

/* A stack put into another cache than it came from is that cache's to hand out. */
START_TEST(stacks_move_between_caches)
{
    struct stack_cache other;
    struct stack *stack = stack_get(&cache, STACK_LARGE);

    wf_stack_cache_init(&other);
    stack_put(&other, stack);
    ck_assert_ptr_eq(stack_get(&other, STACK_LARGE), stack);
    stack_put(&other, stack);
    wf_stack_cache_fini(&other);
    /* and what the other had when it went can be had here */
    bool found = false;
    struct stack *stacks[64];
    for (int i = 0; i < 64; i++) {
        stacks[i] = stack_get(&cache, STACK_LARGE);
        found = found || stacks[i] == stack;
    }
    ck_assert(found);
    for (int i = 0; i < 64; i++)
        stack_put(&cache, stacks[i]);
}
END_TEST

/* However full the cache, the stack that was put last is still in it, and not in the depot for
 * another thread to take: a flow may put the stack it runs on. */
START_TEST(last_stack_put_stays_in_the_cache)
{
    enum stack_class class = (enum stack_class)_i;
    struct stack *stacks[200], *others[200];
    struct stack_cache other;
    int count = class <= STACK_LARGE ? 200 : 20;

    wf_stack_cache_init(&other);
    for (int i = 0; i < count; i++)
        stacks[i] = stack_get(&cache, class);
    for (int put = 0; put < count; put++) {
        stack_put(&cache, stacks[put]);
        others[put] = stack_get(&other, class); /* what the depot has, or a fresh one */
        ck_assert_ptr_ne(others[put], stacks[put]);
    }
    for (int i = 0; i < count; i++)
        stack_put(&other, others[i]);
    wf_stack_cache_fini(&other);
}
END_TEST

static void *thread_of_stacks(void *arg)
{
    unsigned seed = (unsigned)(uintptr_t)arg;
    struct stack_cache own;
    struct stack *stacks[200] = {0};

    wf_stack_cache_init(&own);
    for (int step = 0; step < 20000; step++) {
        seed = seed * 1103515245u + 12345u;
        struct stack **slot = &stacks[(seed >> 16) % 200];
        if (*slot) {
            ck_assert_ptr_eq((*slot)->owner, slot);
            ck_assert_ptr_eq(((void **)stack_top(*slot))[-1], slot);
            stack_put(&own, *slot);
            *slot = NULL;
        } else {
            *slot = stack_get(&own, (seed >> 8) % 8 ? STACK_SMALL : STACK_LARGE);
            ck_assert_ptr_nonnull(*slot);
            (*slot)->owner = slot;
            ((void **)stack_top(*slot))[-1] = slot;
        }
        if (step % 5000 == 4999)
            wf_stack_trim(&own);
    }
    for (int i = 0; i < 200; i++)
        if (stacks[i])
            stack_put(&own, stacks[i]);
    wf_stack_cache_fini(&own);
    return NULL;
}

/* Threads that take, put back and trim at once never get the same stack. */
START_TEST(threads_share_the_depot)
{
    pthread_t threads[4];

    for (uintptr_t i = 0; i < 4; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, thread_of_stacks, (void *)(i + 1)), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
}
END_TEST

/* ---- memory ---- */

#ifdef PLAIN_BUILD

/* Where a stack is, to look at when its slab may have gone. */
struct range {
    uintptr_t begin;
    uintptr_t end;
};

static struct range stack_range(const struct stack *stack)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);

    return (struct range){(uintptr_t)wf_stack_limit(stack),
                          ((uintptr_t)stack_top(stack) + page - 1) / page * page};
}

/* Pages of the range that have memory behind them. */
static size_t range_resident(struct range range)
{
    unsigned char pages[1024];
    size_t count = (range.end - range.begin) / (size_t)sysconf(_SC_PAGESIZE);
    size_t resident = 0;

    ck_assert_uint_le(count, sizeof(pages));
    if (mincore((void *)range.begin, range.end - range.begin, pages) != 0)
        return 0; /* not mapped any more */
    for (size_t i = 0; i < count; i++)
        resident += pages[i] & 1;
    return resident;
}

static size_t resident_pages(const struct stack *stack)
{
    return range_resident(stack_range(stack));
}

static bool has_guard_markers(void)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    void *base = mmap(NULL, page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    bool has = madvise(base, page, MADV_GUARD_INSTALL) == 0;

    munmap(base, page);
    return has;
}

static void body_sleep(struct flow *flow, void *arg)
{
    char request[512];
    char *volatile escaped = request;

    (void)arg;
    memset(escaped, 1, sizeof(request));
    flow_pause(flow);
}

/* A flow that sleeps in a shallow call costs one page of its stack. */
START_TEST(sleeping_flow_costs_one_page)
{
    enum { FLOWS = 500 };
    static struct flow flows[FLOWS];
    struct context self;

    context_init_thread(&self);
    for (int i = 0; i < FLOWS; i++) {
        flow_init(&flows[i], stack_get(&cache, STACK_NORMAL), body_sleep, NULL);
        flow_resume(&flows[i], &self);
        /* The first may have had the dynamic linker on its stack. */
        ck_assert_uint_eq(i ? resident_pages(flows[i].stack) : 1, 1);
    }
    context_fini_thread(&self);
}
END_TEST

/* A million guarded stacks fit under the default vm.max_map_count; a stack has no memory until it
 * is used, and then one page. */
START_TEST(a_million_guarded_stacks)
{
    enum { STACKS = 1000000, TOUCHED = 4000 };
    struct stack **stacks = malloc(STACKS * sizeof(*stacks));

    if (!has_guard_markers()) /* an older kernel: the limit that applies is tested below */
        return;
    ck_assert_ptr_nonnull(stacks);
    size_t mappings = count_mappings();
    for (int i = 0; i < STACKS; i++) {
        stacks[i] = stack_get(&cache, STACK_NORMAL);
        ck_assert_msg(stacks[i] != NULL, "no stack after %d", i);
    }
    ck_assert_uint_lt(count_mappings(), mappings + 2000);
    for (int i = 0; i < TOUCHED; i++) {
        struct stack *stack = stacks[i * (STACKS / TOUCHED)];
        ck_assert_uint_eq(resident_pages(stack), 0);
        ((char *)stack_top(stack))[-1] = 1;
        ck_assert_uint_eq(resident_pages(stack), 1);
        ck_assert(faults((char *)wf_stack_limit(stack) - 1));
        ck_assert(!faults((char *)wf_stack_limit(stack)));
    }
    for (int i = 0; i < STACKS; i++)
        stack_put(&cache, stacks[i]);
    free(stacks);
    for (int i = 0; i < 30; i++)
        wf_stack_trim(&cache);
    ck_assert_uint_lt(count_mappings(), mappings + 10);
}
END_TEST

/* Takes stacks, writes to each, and puts them back. */
static void use_stacks(size_t count, struct range *ret_ranges)
{
    struct stack *stacks[512];

    ck_assert_uint_le(count, 512);
    for (size_t i = 0; i < count; i++) {
        stacks[i] = stack_get(&cache, STACK_NORMAL);
        ((char *)stack_top(stacks[i]))[-1] = 1;
        if (ret_ranges)
            ret_ranges[i] = stack_range(stacks[i]);
    }
    for (size_t i = 0; i < count; i++)
        stack_put(&cache, stacks[i]);
}

static size_t ranges_resident(const struct range *ranges, size_t count)
{
    size_t resident = 0;

    for (size_t i = 0; i < count; i++)
        resident += range_resident(ranges[i]);
    return resident;
}

/* Idle stacks lose their memory over a few trims, by half at most each time; those that are needed
 * again and again keep it, and cost no system call. */
START_TEST(trim_follows_demand)
{
    enum { PEAK = 500, STEADY = 40, BATCH = 64 };
    struct range ranges[PEAK];

    use_stacks(PEAK, ranges);
    wf_stack_trim(&cache); /* of the interval with the peak */
    ck_assert_uint_eq(ranges_resident(ranges, PEAK), PEAK);
    use_stacks(STEADY, NULL);
    wf_stack_trim(&cache);
    /* Some of a batch that was carved for the peak were never used. */
    ck_assert_uint_ge(ranges_resident(ranges, PEAK), PEAK / 2 - BATCH);
    for (int trim = 0; trim < 20; trim++) {
        use_stacks(STEADY, NULL);
        wf_stack_trim(&cache);
    }
    /* What a loop takes at once, a batch, counts as needed. */
    ck_assert_uint_ge(ranges_resident(ranges, PEAK), STEADY);
    ck_assert_uint_le(ranges_resident(ranges, PEAK), BATCH);
    count_system_calls();
    use_stacks(STEADY, NULL);
    ck_assert_uint_eq(system_calls_counted(), 0);
}
END_TEST

/* With stacks in use all over, the free ones between them still lose their memory, and keep their
 * guards. */
START_TEST(trim_drops_between_stacks_in_use)
{
    enum { STACKS = 512 };
    struct stack *stacks[STACKS];
    size_t free_resident = 0;

    for (int i = 0; i < STACKS; i++) {
        stacks[i] = stack_get(&cache, STACK_NORMAL);
        memset((char *)stack_top(stacks[i]) - 20000, 1, 20000);
    }
    for (int i = 0; i < STACKS; i++)
        if (i % 4)
            stack_put(&cache, stacks[i]);
    for (int i = 0; i < 12; i++)
        wf_stack_trim(&cache);
    for (int i = 0; i < STACKS; i++)
        if (i % 4)
            free_resident += resident_pages(stacks[i]);
        else
            ck_assert_uint_ge(resident_pages(stacks[i]), 5);
    ck_assert_uint_eq(free_resident, 0);
    for (int i = 0; i < STACKS; i++)
        ck_assert(faults((char *)wf_stack_limit(stacks[i]) - 1));
    for (int i = 0; i < STACKS; i += 4)
        stack_put(&cache, stacks[i]);
}
END_TEST

#endif

/* When the last cache goes, so do the slabs, and what was a guard is nobody's. */
START_TEST(last_cache_takes_the_slabs_along)
{
    struct stack *stacks[200];
    size_t mappings;

    wf_stack_cache_fini(&cache);
    mappings = count_mappings();
    wf_stack_cache_init(&cache);
    for (int i = 0; i < 200; i++)
        stacks[i] = stack_get(&cache, (enum stack_class)(i % 5));
    char *guard = (char *)wf_stack_limit(stacks[0]) - 1;
    ck_assert_ptr_nonnull(wf_stack_find(guard));
    for (int i = 0; i < 200; i++)
        stack_put(&cache, stacks[i]);
    wf_stack_cache_fini(&cache);
    ck_assert_ptr_null(wf_stack_find(guard));
#ifdef PLAIN_BUILD
    ck_assert_uint_eq(count_mappings(), mappings);
#else
    (void)mappings;
#endif
    wf_stack_cache_init(&cache);
    ck_assert_ptr_nonnull(stacks[0] = stack_get(&cache, STACK_NORMAL));
    stack_put(&cache, stacks[0]);
}
END_TEST

/* ---- failures ---- */

/* Starts again from nothing: what is mapped then is not ours. (The sanitizers' own come and go.) */
static size_t mappings_without_stacks(void)
{
    wf_stack_cache_fini(&cache);
#ifdef PLAIN_BUILD
    size_t mappings = count_mappings();
#else
    size_t mappings = 0;
#endif
    wf_stack_cache_init(&cache);
    return mappings;
}

/* No address space: no stack, and a stack as soon as there is some. */
START_TEST(mmap_failure_is_no_memory)
{
    wf_fault_arm(FAULT_MMAP, 1, ENOMEM, true);
    ck_assert_ptr_null(stack_get(&cache, STACK_NORMAL));
    ck_assert_ptr_null(stack_get(&cache, STACK_64M));
    wf_fault_reset();
    struct stack *stack = stack_get(&cache, STACK_NORMAL);
    ck_assert_ptr_nonnull(stack);
    stack_put(&cache, stack);
}
END_TEST

/* Where a slab does not fit, a smaller one may. */
START_TEST(smaller_slab_where_a_large_one_fails)
{
    wf_fault_arm(FAULT_MMAP, 1, ENOMEM, false);
    struct stack *stack = stack_get(&cache, STACK_NORMAL);
    ck_assert_ptr_nonnull(stack);
    ck_assert_uint_eq(wf_fault_calls(FAULT_MMAP), 2);
    stack_put(&cache, stack);
}
END_TEST

/* Whichever madvise fails, stacks that are handed out are guarded, and none are lost. */
START_TEST(guard_failure_is_no_memory)
{
    enum { STACKS = 64 };
    size_t mappings = mappings_without_stacks();

    for (unsigned long nth = 1; nth <= 40; nth++) {
        struct stack *stacks[STACKS];
        int count = 0;

        wf_fault_arm(FAULT_MADVISE, nth, ENOMEM, true);
        while (count < STACKS && (stacks[count] = stack_get(&cache, STACK_SMALL)))
            count++;
        if (nth <= 2) /* the first may be that for huge pages, which is only a hint */
            ck_assert_int_eq(count, 0);
        for (int i = 0; i < count; i++)
            ck_assert(faults((char *)wf_stack_limit(stacks[i]) - 1));
        wf_fault_reset();
        for (; count < STACKS; count++)
            ck_assert_ptr_nonnull(stacks[count] = stack_get(&cache, STACK_SMALL));
        for (int i = 0; i < STACKS; i++) {
            ck_assert(faults((char *)wf_stack_limit(stacks[i]) - 1));
            stack_put(&cache, stacks[i]);
        }
        ck_assert_uint_eq(mappings_without_stacks(), mappings);
    }
}
END_TEST

/* On a kernel without guard markers stacks are guarded by protection. */
START_TEST(guards_fall_back_to_protection)
{
    struct stack *stacks[100];

    wf_fault_arm(FAULT_MADVISE, 1, EINVAL, true);
    wf_fault_arm(FAULT_MPROTECT, 0, EINVAL, false);
    for (int i = 0; i < 100; i++) {
        stacks[i] = stack_get(&cache, STACK_NORMAL);
        ck_assert_ptr_nonnull(stacks[i]);
        ck_assert(faults((char *)wf_stack_limit(stacks[i]) - 1));
        ck_assert(faults((char *)wf_stack_limit(stacks[i]) - 16384));
        ck_assert(!faults((char *)wf_stack_limit(stacks[i])));
        ck_assert_ptr_eq(wf_stack_find((char *)wf_stack_limit(stacks[i]) - 1), stacks[i]);
    }
    ck_assert_uint_ge(wf_fault_calls(FAULT_MPROTECT), 100);
    /* One refusal is enough: nobody asks again. */
    ck_assert_uint_le(wf_fault_calls(FAULT_MADVISE), 4);
    for (int i = 0; i < 100; i++)
        stack_put(&cache, stacks[i]);
}
END_TEST

/* Where protection fails as well there is no stack, and one when it works again. */
START_TEST(protection_failure_is_no_memory)
{
    size_t mappings = mappings_without_stacks();

    wf_fault_arm(FAULT_MADVISE, 1, EINVAL, true);
    for (unsigned long nth = 1; nth <= 34; nth++) {
        struct stack *stacks[64];
        int count = 0;

        wf_fault_arm(FAULT_MPROTECT, nth, ENOMEM, true);
        while (count < 64 && (stacks[count] = stack_get(&cache, STACK_NORMAL)))
            count++;
        ck_assert_int_eq(count, (int)nth - 1);
        wf_fault_arm(FAULT_MPROTECT, 0, ENOMEM, false);
        for (; count < 64; count++)
            ck_assert_ptr_nonnull(stacks[count] = stack_get(&cache, STACK_NORMAL));
        for (int i = 0; i < 64; i++)
            stack_put(&cache, stacks[i]);
        ck_assert_uint_eq(mappings_without_stacks(), mappings);
    }
}
END_TEST

#ifdef PLAIN_BUILD
/* Guards by protection take no more than half of the mappings the process may have; the memory of a
 * slab that goes brings its mappings back. */
START_TEST(protected_guards_leave_mappings_to_others)
{
    enum { STACKS_MAX = 100000 };
    struct stack **stacks = malloc(STACKS_MAX * sizeof(*stacks));
    long maps_max = 0;
    FILE *file = fopen("/proc/sys/vm/max_map_count", "re");

    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(fscanf(file, "%ld", &maps_max), 1);
    fclose(file);
    if (maps_max > STACKS_MAX) /* raised by the administrator */
        return;
    for (int round = 0; round < 2; round++) {
        int count = 0;
        wf_fault_arm(FAULT_MADVISE, 1, EINVAL, true);
        while (count < STACKS_MAX && (stacks[count] = stack_get(&cache, STACK_SMALL)))
            count++;
        ck_assert_int_gt(count, maps_max / 5);
        ck_assert_uint_lt(count_mappings(), (size_t)maps_max / 2 + 200);
        for (int i = 0; i < count; i++)
            stack_put(&cache, stacks[i]);
        wf_stack_cache_fini(&cache);
        wf_stack_cache_init(&cache);
    }
    free(stacks);
}
END_TEST
#endif

int main(void)
{
    Suite *suite = suite_create("stack");
    TCase *tcase = tcase_create("stack");

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 180);
    tcase_add_test(tcase, class_is_the_smallest_that_fits);
    tcase_add_loop_test(tcase, stack_is_usable_and_guarded, 0, STACK_CLASSES);
    tcase_add_test(tcase, stacks_are_distinct);
    tcase_add_test(tcase, tops_are_coloured);
    tcase_add_test(tcase, guard_leads_to_its_stack);
    tcase_add_test(tcase, last_in_is_first_out);
    tcase_add_test(tcase, recycling_makes_no_system_call);
    tcase_add_test(tcase, stacks_move_between_caches);
    tcase_add_loop_test(tcase, last_stack_put_stays_in_the_cache, 0, STACK_CLASSES);
    tcase_add_test(tcase, threads_share_the_depot);
#ifdef PLAIN_BUILD
    tcase_add_test(tcase, sleeping_flow_costs_one_page);
    tcase_add_test(tcase, a_million_guarded_stacks);
    tcase_add_test(tcase, trim_follows_demand);
    tcase_add_test(tcase, trim_drops_between_stacks_in_use);
    tcase_add_test(tcase, protected_guards_leave_mappings_to_others);
#endif
    tcase_add_test(tcase, last_cache_takes_the_slabs_along);
    tcase_add_test(tcase, mmap_failure_is_no_memory);
    tcase_add_test(tcase, smaller_slab_where_a_large_one_fails);
    tcase_add_test(tcase, guard_failure_is_no_memory);
    tcase_add_test(tcase, guards_fall_back_to_protection);
    tcase_add_test(tcase, protection_failure_is_no_memory);
    suite_add_tcase(suite, tcase);
    return suite_main(suite);
}
