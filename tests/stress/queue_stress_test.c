/*
 * queue_stress_test.c - queues between tasks of several loops, and threads, with cancellations at
 * random: each item that was put comes out once, in each producer's order.
 */
#include "tests/stress/sync_stress.h"

#define ITEMS     3000 /* of each producer */
#define PRODUCERS 6
#define CONSUMERS 6

static weft_queue *queue;
static unsigned char seen[PRODUCERS + 1][ITEMS];
static _Atomic int producers_left;
static _Atomic long total, gave_up;
static bool ordered; /* first in, first out */

static void *item(uintptr_t producer, uintptr_t number)
{
    return (void *)(producer << 16 | number);
}

COROUTINE(produces)
{
    uintptr_t me = ((uintptr_t)arg - 1) / 2;
    unsigned state = (unsigned)me;
    for (uintptr_t i = 0; i < ITEMS;) {
        int rc = next_random(&state) % 8 ? weft_queue_put(queue, item(me, i))
                                         : weft_queue_put_nowait(queue, item(me, i));
        if (rc == 0)
            i++;
        else if (rc == WEFT_EQUEUEFULL)
            dawdle(&state);
        else
            ck_assert_int_eq(rc, WEFT_ECANCELLED);
    }
    if (--producers_left == 0)
        ck_assert_int_eq(weft_queue_shutdown(queue, 0), 0);
    return 0;
}

COROUTINE(consumes)
{
    long last[PRODUCERS + 1];
    for (int i = 0; i <= PRODUCERS; i++)
        last[i] = -1;
    for (;;) {
        void *got = NULL;
        int rc = weft_queue_get(queue, &got);
        if (rc == WEFT_EQUEUESHUTDOWN)
            return 0;
        if (rc) {
            ck_assert_int_eq(rc, WEFT_ECANCELLED);
            gave_up++;
            continue;
        }
        uintptr_t producer = (uintptr_t)got >> 16, number = (uintptr_t)got & 0xffff;
        ck_assert(!ordered || (long)number > last[producer]);
        last[producer] = (long)number;
        seen[producer][number]++;
        total++;
        ck_assert_int_eq(weft_queue_task_done(queue), 0);
    }
}

COROUTINE(start_line)
{
    producers_left = PRODUCERS;
    for (int i = 0; i < PRODUCERS; i++) {
        add_worker(produces);
        add_worker(consumes);
    }
    return 0;
}

static int by_value(const void *a, const void *b)
{
    return ((uintptr_t)a > (uintptr_t)b) - ((uintptr_t)a < (uintptr_t)b);
}

static void run_line(weft_queue *made, bool in_order)
{
    ck_assert_ptr_nonnull(made);
    queue = made;
    ordered = in_order;
    run_workers(start_line);
    ck_assert_int_eq(total, PRODUCERS * ITEMS);
    for (int i = 0; i < PRODUCERS; i++) {
        for (int j = 0; j < ITEMS; j++)
            ck_assert_int_eq(seen[i][j], 1);
    }
    ck_assert_int_eq(weft_queue_join(queue), 0);
    ck_assert_int_eq(weft_queue_free(queue), 0);
}

/* A small queue, whose producers and consumers wait all the time. */
START_TEST(bounded)
{
    run_line(weft_queue_new(3), true);
}
END_TEST

/* A queue that grows under everybody's hands. */
START_TEST(unbounded)
{
    run_line(weft_queue_new(0), true);
}
END_TEST

/* The other orders. */
START_TEST(last_in)
{
    run_line(weft_lifo_queue_new(5), false);
}
END_TEST

START_TEST(by_priority)
{
    run_line(weft_priority_queue_new(5, by_value), false);
}
END_TEST

static long put_count;
static _Atomic long got_count;

COROUTINE(gets_for_good)
{
    void *got = NULL;
    while (weft_queue_get(queue, &got) == 0)
        got_count++;
    return WEFT_ECANCELLED;
}

static void put_one(void)
{
    if (weft_queue_put_nowait(queue, NULL) == 0)
        put_count++;
}

/* A loop is closed while items are put for its tasks: each is taken, or still there. */
START_TEST(items_outlive_loops)
{
    for (unsigned round = 1; round <= 150; round++) {
        put_count = 0;
        got_count = 0;
        queue = weft_queue_new(20);
        ck_assert_ptr_nonnull(queue);
        run_and_close(gets_for_good, 8, put_one, 60, round);
        ck_assert_int_eq(got_count + (long)weft_queue_qsize(queue), put_count);
        ck_assert_int_eq(weft_queue_free(queue), 0);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("queue stress");
    TCase *tests = tcase_create("stress");

    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, bounded);
    tcase_add_test(tests, unbounded);
    tcase_add_test(tests, last_in);
    tcase_add_test(tests, by_priority);
    tcase_add_test(tests, items_outlive_loops);
    suite_add_tcase(suite, tests);
    return suite_main(suite);
}
