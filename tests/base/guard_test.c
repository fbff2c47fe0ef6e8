/*
 * guard_test.c - a word under a guard, while the process has one thread and from the second on.
 */
#include <pthread.h>
#include <sched.h>

#include "runtime/base/guard.h"
#include "runtime/base/sanitizer.h"
#include "tests/support/suite.h"

#define ROUNDS  100000u
#define THREADS 3

#ifdef WEFT_TSAN
#define ALONE false /* the sanitizer has a thread of its own */
#else
#define ALONE true
#endif

static _Atomic uint32_t word;
static uint64_t counted; /* under the guard */

static uint32_t look(void)
{
    return atomic_load_explicit(&word, memory_order_relaxed);
}

static void word_set(uint32_t bits)
{
    atomic_store_explicit(&word, bits, memory_order_relaxed);
}

/* What holds with one thread or with several. */
static void changes_as_it_should(void)
{
    word_set(0x40);
    uint32_t seen = 0x20;
    ck_assert(!guard_change(&word, &seen, 0x60, memory_order_acquire));
    ck_assert_uint_eq(seen, 0x40);
    ck_assert_uint_eq(look(), 0x40);
    ck_assert(guard_change(&word, &seen, 0x60, memory_order_release));
    ck_assert_uint_eq(look(), 0x60);

    ck_assert_uint_eq(guard_lock(&word), 0x60);
    guard_unlock(&word, 0x80 | GUARD_HELD);
    ck_assert_uint_eq(look(), 0x80);
}

/* G3: nothing is held, since nobody could see it. */
START_TEST(one_thread)
{
    ck_assert_int_eq(single_threaded(), ALONE);
    changes_as_it_should();
    ck_assert_uint_eq(guard_lock(&word), 0x80);
    ck_assert_uint_eq(look(), ALONE ? 0x80 : 0x80 | GUARD_HELD);
    guard_show(&word, 0x80);
    ck_assert_uint_eq(look(), 0x80 | GUARD_HELD);
    guard_unlock(&word, 0);
}
END_TEST

static void *stay(void *arg)
{
    pthread_barrier_wait(arg);
    return NULL;
}

/* From the second thread on the guard's bit keeps the others out. */
START_TEST(the_second_thread)
{
    pthread_barrier_t end;
    pthread_t thread;
    word_set(0x40);
    ck_assert_uint_eq(guard_lock(&word), 0x40);
    guard_unlock(&word, 0x80);
    ck_assert_int_eq(pthread_barrier_init(&end, NULL, 2), 0);
    ck_assert_int_eq(pthread_create(&thread, NULL, stay, &end), 0);

    ck_assert(!single_threaded());
    ck_assert_uint_eq(guard_lock(&word), 0x80);
    ck_assert_uint_eq(look(), 0x80 | GUARD_HELD);
    uint32_t seen = 0x80;
    ck_assert(!guard_try(&word, &seen));
    seen = 0x80;
    ck_assert(!guard_change(&word, &seen, 0x90, memory_order_acquire));
    ck_assert_uint_eq(seen, 0x80 | GUARD_HELD);
    guard_unlock(&word, 0);
    changes_as_it_should();

    pthread_barrier_wait(&end);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    pthread_barrier_destroy(&end);
}
END_TEST

/* Counts under the guard, and in the word's upper bits beside it. */
static void *count(void *arg)
{
    (void)arg;
    for (uint32_t i = 0; i < ROUNDS; i++) {
        uint32_t bits = guard_lock(&word);
        counted++;
        guard_unlock(&word, bits + 4);
        uint32_t seen = look() & ~GUARD_HELD;
        while (!guard_change(&word, &seen, seen + 4, memory_order_release)) {
            sched_yield(); /* the holder may be waiting for this processor */
            seen &= ~GUARD_HELD;
        }
    }
    return NULL;
}

/* G2, from a first thread that began while it was alone. */
START_TEST(no_step_is_lost)
{
    pthread_t threads[THREADS];
    word_set(0);
    count(NULL);
    for (int i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, count, NULL), 0);
    count(NULL);
    for (int i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    ck_assert_uint_eq(counted, (THREADS + 2) * ROUNDS);
    ck_assert_uint_eq(look(), (THREADS + 2) * ROUNDS * 2 * 4);
}
END_TEST

SUITE("guard", one_thread, the_second_thread, no_step_is_lost)
