/*
 * ring_test.c - the stealable ring and the overflow list on real threads: each task is run once.
 *
 * tests/model explores the same files in every interleaving at small sizes; this is the large size,
 * on this machine's memory, under ThreadSanitizer.
 */
#include "runtime/sched/ring.h"

#include <pthread.h>

#include "runtime/sched/overflow.h"
#include "tests/support/suite.h"

enum { TASKS = 40000, THIEVES = 3, BATCH = 64 };

struct task {
    struct runnable runnable;
    unsigned number;
    unsigned runs; /* plain: whoever runs the task is alone with it */
};

static struct task tasks[TASKS];
static struct ring ring;
static struct ring thief_rings[THIEVES];
static struct overflow overflow;
static _Atomic(unsigned) done;

static void setup(void)
{
    ring_init_at(&ring, UINT32_MAX - 100); /* the counts wrap soon */
    for (unsigned i = 0; i < THIEVES; i++)
        ring_init(&thief_rings[i]);
    overflow_init(&overflow);
    atomic_store_explicit(&done, 0, memory_order_relaxed);
    for (unsigned i = 0; i < TASKS; i++)
        tasks[i] = (struct task){.number = i};
}

static void run(struct runnable *r)
{
    struct task *t = (struct task *)r;

    if (t != &tasks[t->number] || t->runs++)
        ck_abort_msg("task %u runs twice", t->number);
    atomic_fetch_add_explicit(&done, 1, memory_order_relaxed);
}

static bool all_done(void)
{
    return atomic_load_explicit(&done, memory_order_relaxed) == TASKS;
}

static void push(struct runnable *r)
{
    struct runnable *first;
    struct runnable *last;

    if (ring_push(&ring, r))
        return;
    if (ring_take_half(&ring, &first, &last) > 0)
        ck_assert(overflow_push(&overflow, first, last));
    if (!ring_push(&ring, r))
        ck_assert(overflow_push(&overflow, r, r));
}

static bool run_overflow(void)
{
    struct runnable *chain;
    bool left;

    if (overflow_take(&overflow, BATCH, &chain, &left) == 0)
        return false;
    while (chain) {
        struct runnable *next = chain->next;
        run(chain);
        chain = next;
    }
    return true;
}

/* Steals from the owner and the other thieves, until all is done. */
static void *steal(void *arg)
{
    unsigned me = *(unsigned *)arg;

    while (!all_done()) {
        struct runnable *r = ring_pop(&thief_rings[me]);
        if (!r)
            r = ring_steal(&ring, &thief_rings[me]);
        for (unsigned i = 1; !r && i < THIEVES; i++)
            r = ring_steal(&thief_rings[(me + i) % THIEVES], &thief_rings[me]);
        if (r)
            run(r);
        else if (!run_overflow())
            cpu_relax();
    }
    return NULL;
}

/* An owner that pushes faster than it pops, and thieves: everything is run, and once. */
START_TEST(everything_is_run_once)
{
    pthread_t threads[THIEVES];
    unsigned numbers[THIEVES];
    for (unsigned i = 0; i < THIEVES; i++) {
        numbers[i] = i;
        ck_assert_int_eq(pthread_create(&threads[i], NULL, steal, &numbers[i]), 0);
    }
    for (unsigned i = 0; i < TASKS; i++) {
        push(&tasks[i].runnable);
        struct runnable *r = i % 3 == 0 ? ring_pop(&ring) : NULL;
        if (r)
            run(r);
    }
    while (!all_done()) {
        struct runnable *r = ring_pop(&ring);
        if (r)
            run(r);
        else if (!run_overflow())
            cpu_relax();
    }
    for (unsigned i = 0; i < THIEVES; i++)
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    ck_assert_ptr_null(overflow_close(&overflow));
    for (unsigned i = 0; i < TASKS; i++)
        if (tasks[i].runs != 1)
            ck_abort_msg("task %u runs %u times", i, tasks[i].runs);
}
END_TEST

/* The owner alone: first in, first out, up to the last slot, over the wrap of the counts. */
START_TEST(owner_is_first_in_first_out)
{
    unsigned next = 0;
    ck_assert_ptr_null(ring_pop(&ring));
    for (unsigned round = 0; round < 5; round++) {
        for (unsigned i = 0; i < RING_SLOTS; i++)
            ck_assert(ring_push(&ring, &tasks[next + i].runnable));
        ck_assert_uint_eq(ring_length(&ring), RING_SLOTS);
        ck_assert(!ring_push(&ring, &tasks[next].runnable));
        for (unsigned i = 0; i < RING_SLOTS; i++)
            ck_assert_ptr_eq(ring_pop(&ring), &tasks[next + i].runnable);
        ck_assert_ptr_null(ring_pop(&ring));
        next += RING_SLOTS;
    }
}
END_TEST

/* A thief runs the oldest and keeps the next ones, half of all and in their order. */
START_TEST(thief_takes_the_older_half)
{
    for (unsigned i = 0; i < 5; i++)
        ck_assert(ring_push(&ring, &tasks[i].runnable));
    ck_assert_ptr_eq(ring_steal(&ring, &thief_rings[0]), &tasks[0].runnable);
    ck_assert_uint_eq(ring_length(&thief_rings[0]), 2);
    ck_assert_ptr_eq(ring_pop(&thief_rings[0]), &tasks[1].runnable);
    ck_assert_ptr_eq(ring_pop(&thief_rings[0]), &tasks[2].runnable);
    ck_assert_ptr_eq(ring_pop(&ring), &tasks[3].runnable);
    ck_assert_ptr_eq(ring_steal(&ring, &thief_rings[0]), &tasks[4].runnable);
    ck_assert_ptr_null(ring_steal(&ring, &thief_rings[0]));
    ck_assert_uint_eq(ring_length(&thief_rings[0]), 0);
}
END_TEST

/* A thief whose own ring is more than half full takes nothing. */
START_TEST(busy_thief_takes_nothing)
{
    ck_assert(ring_push(&ring, &tasks[0].runnable));
    for (unsigned i = 0; i <= RING_SLOTS / 2; i++)
        ck_assert(ring_push(&thief_rings[0], &tasks[1 + i].runnable));
    ck_assert_ptr_null(ring_steal(&ring, &thief_rings[0]));
    ck_assert_ptr_eq(ring_pop(&thief_rings[0]), &tasks[1].runnable);
    ck_assert_ptr_eq(ring_steal(&ring, &thief_rings[0]), &tasks[0].runnable);
}
END_TEST

/* A full ring gives its older half out as a chain; one that is not full gives nothing. */
START_TEST(full_ring_spills_its_older_half)
{
    struct runnable *first = NULL;
    struct runnable *last = NULL;
    for (unsigned i = 0; i < RING_SLOTS; i++) {
        ck_assert_uint_eq(ring_take_half(&ring, &first, &last), 0);
        ck_assert(ring_push(&ring, &tasks[i].runnable));
    }
    ck_assert_uint_eq(ring_take_half(&ring, &first, &last), RING_SLOTS / 2);
    for (unsigned i = 0; i < RING_SLOTS / 2; i++) {
        ck_assert_ptr_eq(first, &tasks[i].runnable);
        if (i + 1 == RING_SLOTS / 2)
            ck_assert_ptr_eq(first, last);
        first = first->next;
    }
    ck_assert_ptr_null(first);
    ck_assert_ptr_eq(ring_pop(&ring), &tasks[RING_SLOTS / 2].runnable);
}
END_TEST

/* The overflow list is first in, first out, whatever a taker takes at once. */
START_TEST(overflow_keeps_its_order)
{
    unsigned expected = 0;
    for (unsigned i = 0; i < 30; i += 3) {
        tasks[i].runnable.next = &tasks[i + 1].runnable;
        tasks[i + 1].runnable.next = &tasks[i + 2].runnable;
        ck_assert(overflow_push(&overflow, &tasks[i].runnable, &tasks[i + 2].runnable));
        struct runnable *chain = NULL;
        bool left = false;
        ck_assert_uint_ge(overflow_take(&overflow, 2, &chain, &left), 1);
        ck_assert(overflow_has_work(&overflow) && overflow_recheck(&overflow));
        for (; chain; chain = chain->next)
            ck_assert_ptr_eq(chain, &tasks[expected++].runnable);
    }
    struct runnable *rest = overflow_close(&overflow);
    for (; rest; rest = rest->next)
        ck_assert_ptr_eq(rest, &tasks[expected++].runnable);
    ck_assert_uint_eq(expected, 30);
    ck_assert(!overflow_push(&overflow, &tasks[0].runnable, &tasks[0].runnable));
    ck_assert(!overflow_has_work(&overflow));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sched/ring");
    TCase *tcase = tcase_create("ring");
    tcase_add_checked_fixture(tcase, setup, NULL);
    tcase_add_test(tcase, owner_is_first_in_first_out);
    tcase_add_test(tcase, thief_takes_the_older_half);
    tcase_add_test(tcase, busy_thief_takes_nothing);
    tcase_add_test(tcase, full_ring_spills_its_older_half);
    tcase_add_test(tcase, overflow_keeps_its_order);
    tcase_add_test(tcase, everything_is_run_once);
    suite_add_tcase(suite, tcase);
    return suite_main(suite);
}
