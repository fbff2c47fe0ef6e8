/*
 * stack_fault_test.c - stacks when the system refuses memory or guards.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "runtime/base/fault.h"
#include "runtime/task/stack.h"
#include "tests/support/suite.h"
#include "tests/task/flow.h"
#include "tests/task/stacks.h"

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
    Suite *suite = suite_create("stack_fault");
    TCase *tcase = tcase_create("stack faults");

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 180);
#ifdef PLAIN_BUILD
    tcase_add_test(tcase, protected_guards_leave_mappings_to_others);
#endif
    tcase_add_test(tcase, mmap_failure_is_no_memory);
    tcase_add_test(tcase, smaller_slab_where_a_large_one_fails);
    tcase_add_test(tcase, guard_failure_is_no_memory);
    tcase_add_test(tcase, guards_fall_back_to_protection);
    tcase_add_test(tcase, protection_failure_is_no_memory);
    suite_add_tcase(suite, tcase);
    return suite_main(suite);
}
