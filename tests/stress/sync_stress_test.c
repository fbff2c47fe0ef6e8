/*
 * sync_stress_test.c - locks, semaphores, conditions and events under tasks of several loops that
 * are cancelled at random. What each guards is checked all the time; at the end nothing is held,
 * nothing is lost, and everybody has come through.
 */
#include "tests/stress/sync_stress.h"

#define ROUNDS  1500
#define PERMITS 3

static weft_lock lock = WEFT_LOCK_INIT;
static weft_semaphore semaphore = WEFT_SEMAPHORE_INIT(PERMITS);
static long counter; /* under the lock; no atomic, so that ThreadSanitizer sees a race */
static _Atomic long expected;
static _Atomic int inside, cancelled;

COROUTINE(locks)
{
    unsigned state = (unsigned)(uintptr_t)arg;
    for (int i = 0; i < ROUNDS; i++) {
        if (weft_lock_acquire(&lock)) {
            cancelled++;
            continue;
        }
        long seen = counter;
        if (next_random(&state) % 4 == 0)
            dawdle(&state);
        ck_assert_int_eq(counter, seen);
        counter = seen + 1;
        expected++;
        ck_assert_int_eq(weft_lock_release(&lock), 0);
    }
    return 0;
}

COROUTINE(start_locks)
{
    for (int i = 0; i < 12; i++)
        add_worker(locks);
    return 0;
}

/* One holder at a time, whatever is cancelled. */
START_TEST(lock_excludes)
{
    run_workers(start_locks);
    ck_assert_int_eq(counter, expected);
    ck_assert_int_eq(counter + cancelled, 12 * ROUNDS);
    ck_assert_int_eq(weft_lock_locked(&lock), 0);
    ck_assert_int_eq(weft_lock_acquire(&lock), 0);
}
END_TEST

COROUTINE(takes_permits)
{
    unsigned state = (unsigned)(uintptr_t)arg;
    for (int i = 0; i < ROUNDS; i++) {
        if (weft_semaphore_acquire(&semaphore))
            continue;
        ck_assert_int_le(++inside, PERMITS);
        dawdle(&state);
        inside--;
        ck_assert_int_eq(weft_semaphore_release(&semaphore), 0);
    }
    return 0;
}

COROUTINE(start_permits)
{
    for (int i = 0; i < 12; i++)
        add_worker(takes_permits);
    return 0;
}

/* Permits that can be had without waiting. */
static int free_permits(void)
{
    int count = 0;
    while (weft_semaphore_acquire(&semaphore) == 0)
        count++;
    return count;
}

/* Never more inside than permits, and all of them there at the end. */
START_TEST(permits_are_conserved)
{
    run_workers(start_permits);
    ck_assert_int_eq(inside, 0);
    ck_assert_int_eq(free_permits(), PERMITS);
}
END_TEST

/* A number that some raise and others lower, between bounds, on two conditions of one lock. */
static weft_condition not_full = WEFT_CONDITION_INIT(&lock);
static weft_condition not_empty = WEFT_CONDITION_INIT(&lock);
static int level, raised, lowered, raisers;

static int has_room(void *arg)
{
    (void)arg;
    return level < 4;
}

static int has_some(void *arg)
{
    (void)arg;
    return level > 0 || raisers == 0;
}

COROUTINE(raises)
{
    for (int i = 0; i < ROUNDS; i++) {
        if (weft_lock_acquire(&lock))
            continue;
        if (weft_condition_wait_for(&not_full, has_room, NULL) > 0) {
            level++;
            raised++;
            ck_assert_int_eq(weft_condition_notify(&not_empty, 1), 0);
        }
        ck_assert_int_eq(weft_lock_release(&lock), 0);
    }
    while (weft_lock_acquire(&lock))
        ;
    if (--raisers == 0)
        ck_assert_int_eq(weft_condition_notify_all(&not_empty), 0);
    return weft_lock_release(&lock);
}

COROUTINE(lowers)
{
    bool more = true;
    while (more) {
        if (weft_lock_acquire(&lock))
            continue;
        int rc = weft_condition_wait_for(&not_empty, has_some, NULL);
        ck_assert_int_eq(weft_lock_locked(&lock), 1);
        if (rc > 0 && level > 0) {
            level--;
            lowered++;
            ck_assert_int_eq(weft_condition_notify(&not_full, 1), 0);
        } else if (rc > 0) {
            more = false;
        }
        ck_assert_int_eq(weft_lock_release(&lock), 0);
    }
    return 0;
}

COROUTINE(start_levels)
{
    raisers = 6;
    for (int i = 0; i < 6; i++) {
        add_worker(raises);
        add_worker(lowers);
    }
    return 0;
}

/* No notification is lost: everybody comes to the end, with what was raised lowered again. */
START_TEST(notifications_are_kept)
{
    run_workers(start_levels);
    ck_assert_int_eq(level, 0);
    ck_assert_int_eq(raised, lowered);
    ck_assert_int_eq(weft_lock_locked(&lock), 0);
}
END_TEST

static weft_event event = WEFT_EVENT_INIT;
static _Atomic int event_waiters;

COROUTINE(waits_for_event)
{
    for (int i = 0; i < ROUNDS; i++)
        (void)weft_event_wait(&event);
    event_waiters--;
    return 0;
}

COROUTINE(sets_event)
{
    unsigned state = (unsigned)(uintptr_t)arg;
    while (event_waiters) {
        ck_assert_int_eq(weft_event_set(&event), 0);
        dawdle(&state);
        ck_assert_int_eq(weft_event_clear(&event), 0);
        (void)weft_yield();
    }
    return 0;
}

COROUTINE(start_event)
{
    event_waiters = 9;
    for (int i = 0; i < 9; i++)
        add_worker(waits_for_event);
    for (int i = 0; i < 3; i++)
        add_worker(sets_event);
    return 0;
}

/* Who waits for a flag that goes up again and again comes through every time. */
START_TEST(event_wakes_all)
{
    run_workers(start_event);
}
END_TEST

static _Atomic int acquired;

COROUTINE(takes_for_good)
{
    while (weft_semaphore_acquire(&semaphore) == 0)
        acquired++;
    return WEFT_ECANCELLED;
}

static void give_permit(void)
{
    ck_assert_int_eq(weft_semaphore_release(&semaphore), 0);
}

/* A loop is closed while permits are handed to its tasks: none is lost. */
START_TEST(permits_outlive_loops)
{
    for (unsigned round = 1; round <= 150; round++) {
        acquired = 0;
        ck_assert_int_eq(weft_semaphore_init(&semaphore, 0), 0);
        run_and_close(takes_for_good, 8, give_permit, 60, round);
        ck_assert_int_eq(acquired + free_permits(), 60);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sync stress");
    TCase *tests = tcase_create("stress");

    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, lock_excludes);
    tcase_add_test(tests, permits_are_conserved);
    tcase_add_test(tests, notifications_are_kept);
    tcase_add_test(tests, event_wakes_all);
    tcase_add_test(tests, permits_outlive_loops);
    suite_add_tcase(suite, tests);
    return suite_main(suite);
}
