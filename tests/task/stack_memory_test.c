/*
 * stack_memory_test.c - the memory of stacks: what sleeping flows cost, and that it goes back when
 * nobody needs it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "runtime/task/stack.h"
#include "runtime/task/switch.h"
#include "tests/support/suite.h"
#include "tests/task/flow.h"
#include "tests/task/stacks.h"

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

int main(void)
{
    Suite *suite = suite_create("stack_memory");
    TCase *tcase = tcase_create("stack memory");

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 180);
#ifdef PLAIN_BUILD
    tcase_add_test(tcase, sleeping_flow_costs_one_page);
    tcase_add_test(tcase, a_million_guarded_stacks);
    tcase_add_test(tcase, trim_follows_demand);
    tcase_add_test(tcase, trim_drops_between_stacks_in_use);
#endif
    tcase_add_test(tcase, last_cache_takes_the_slabs_along);
    suite_add_tcase(suite, tcase);
    return suite_main(suite);
}
