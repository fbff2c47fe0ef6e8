/*
 * stack_test.c - stacks come guarded and distinct, and are recycled without system calls.
 */
#include <pthread.h>

#include "runtime/task/stack.h"
#include "runtime/task/switch.h"
#include "tests/support/suite.h"
#include "tests/task/flow.h"
#include "tests/task/stacks.h"

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
    suite_add_tcase(suite, tcase);
    return suite_main(suite);
}
