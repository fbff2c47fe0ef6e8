/*
 * sync_loops_test.c - one lock, event, condition, semaphore, barrier or queue used from several
 * loops at once, which asyncio refuses (BIND).
 */
#include <sched.h>
#include <stdlib.h>

#include "tests/support/pair.h"
#include "tests/support/suite.h"

static weft_task *start_on(int loop, weft_coroutine fn, void *arg)
{
    weft_task *task = weft_create_task_on(pair_loop(loop), fn, arg, NULL);
    ck_assert_ptr_nonnull(task);
    return task;
}

/* Lets this loop go round until it holds. */
#define wait_until(condition_)                 \
    do {                                       \
        while (!(condition_)) {                \
            sched_yield();                     \
            ck_assert_int_eq(weft_yield(), 0); \
        }                                      \
    } while (0)

/* Made outside any loop (BIND-01). */
static weft_lock lock = WEFT_LOCK_INIT;
static weft_event event = WEFT_EVENT_INIT;
static weft_condition condition = WEFT_CONDITION_INIT(&lock);
static weft_semaphore semaphore = WEFT_SEMAPHORE_INIT(0);
static weft_barrier barrier = WEFT_BARRIER_INIT(4);
static weft_queue *queue;

static int waiters_of(int (*format)(const void *, char *, size_t), const void *object)
{
    char text[100];
    format(object, text, sizeof(text));
    const char *waiters = strstr(text, "waiters:");
    return waiters ? atoi(waiters + strlen("waiters:")) : 0;
}

static int lock_format(const void *object, char *text, size_t bytes)
{
    return weft_lock_format(object, text, bytes);
}

static int event_format(const void *object, char *text, size_t bytes)
{
    return weft_event_format(object, text, bytes);
}

static int condition_format(const void *object, char *text, size_t bytes)
{
    return weft_condition_format(object, text, bytes);
}

static int semaphore_format(const void *object, char *text, size_t bytes)
{
    return weft_semaphore_format(object, text, bytes);
}

COROUTINE(locks)
{
    int rc = weft_lock_acquire(&lock);
    if (rc)
        return rc;
    trace("%s", (const char *)arg);
    return weft_lock_release(&lock);
}

/* BIND-01, BIND-02, BIND-03: a lock passes from loop to loop, in the order of those in line. */
START_PAIR(lock_between_loops)
{
    static const char *const names[] = {"a", "b", "c", "d"};
    weft_task *tasks[4];
    ck_assert_int_eq(weft_lock_acquire(&lock), 0);
    for (int i = 0; i < 4; i++) {
        tasks[i] = start_on(i % 2, locks, (void *)(uintptr_t)names[i]);
        wait_until(waiters_of(lock_format, &lock) == i + 1);
    }
    ck_assert_int_eq(weft_lock_release(&lock), 0);
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(weft_join(tasks[i], NULL), 0);
    ck_assert_trace("a b c d");
    return 0;
}

COROUTINE(waits_for_event)
{
    return weft_event_wait(&event);
}

/* BIND-02: an event wakes those of all loops. */
START_PAIR(event_between_loops)
{
    weft_task *tasks[4];
    for (int i = 0; i < 4; i++)
        tasks[i] = start_on(i % 2, waits_for_event, NULL);
    wait_until(waiters_of(event_format, &event) == 4);
    ck_assert_int_eq(weft_event_set(&event), 0);
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(weft_join(tasks[i], NULL), 0);
    return 0;
}

COROUTINE(waits_for_condition)
{
    int rc = weft_condition_acquire(&condition);
    ck_assert_int_eq(rc, 0);
    rc = weft_condition_wait(&condition);
    trace("%s", (const char *)arg);
    ck_assert_int_eq(weft_condition_release(&condition), 0);
    return rc;
}

/* BIND-04: a condition and its lock, with waiters of two loops. */
START_PAIR(condition_between_loops)
{
    weft_task *a = start_on(1, waits_for_condition, (void *)(uintptr_t) "a");
    wait_until(waiters_of(condition_format, &condition) == 1);
    weft_task *b = start_on(0, waits_for_condition, (void *)(uintptr_t) "b");
    wait_until(waiters_of(condition_format, &condition) == 2);
    ck_assert_int_eq(weft_condition_acquire(&condition), 0);
    ck_assert_int_eq(weft_condition_notify(&condition, 1), 0);
    ck_assert_int_eq(weft_condition_release(&condition), 0);
    ck_assert_int_eq(weft_join(a, NULL), 0);
    ck_assert_int_eq(weft_done(b), 0);
    ck_assert_int_eq(weft_condition_acquire(&condition), 0);
    ck_assert_int_eq(weft_condition_notify_all(&condition), 0);
    ck_assert_int_eq(weft_condition_release(&condition), 0);
    ck_assert_int_eq(weft_join(b, NULL), 0);
    ck_assert_trace("a b");
    return 0;
}

COROUTINE(takes_permit)
{
    int rc = weft_semaphore_acquire(&semaphore);
    if (!rc)
        trace("%s", (const char *)arg);
    return rc;
}

/* Permits go to those in line, whatever their loop; one that is cancelled there passes its on. */
START_PAIR(semaphore_between_loops)
{
    static const char *const names[] = {"a", "b", "c"};
    weft_task *tasks[3];
    for (int i = 0; i < 3; i++) {
        tasks[i] = start_on(1, takes_permit, (void *)(uintptr_t)names[i]);
        wait_until(waiters_of(semaphore_format, &semaphore) == i + 1);
    }
    ck_assert_int_eq(weft_cancel(tasks[1]), 1);
    ck_assert_int_eq(weft_join(tasks[1], NULL), WEFT_ECANCELLED);
    ck_assert_int_eq(weft_semaphore_release(&semaphore), 0);
    ck_assert_int_eq(weft_join(tasks[0], NULL), 0);
    ck_assert_int_eq(weft_semaphore_release(&semaphore), 0);
    ck_assert_int_eq(weft_join(tasks[2], NULL), 0);
    ck_assert_trace("a c");
    return 0;
}

static _Atomic int numbers;

COROUTINE(passes)
{
    for (int round = 0; round < 50; round++) {
        int index = weft_barrier_wait(&barrier);
        ck_assert_int_ge(index, 0);
        numbers += 1 << 4 * index;
    }
    return 0;
}

/* A barrier of parties on two loops: each number once a round. */
START_PAIR(barrier_between_loops)
{
    weft_task *tasks[4];
    weft_barrier_init(&barrier, 4);
    for (int i = 0; i < 4; i++)
        tasks[i] = start_on(i % 2, passes, NULL);
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(weft_join(tasks[i], NULL), 0);
    ck_assert_int_eq(numbers, 50 * 0x1111);
    return 0;
}

COROUTINE(produces)
{
    for (intptr_t i = 1; i <= 500; i++)
        ck_assert_int_eq(weft_queue_put(queue, (void *)i), 0);
    return 0;
}

/* One producer, one consumer, on a loop each: all items, in order. */
START_PAIR(queue_between_loops)
{
    queue = weft_queue_new(3);
    weft_task *producer = start_on(1, produces, NULL);
    for (intptr_t i = 1; i <= 500; i++) {
        void *got = NULL;
        ck_assert_int_eq(weft_queue_get(queue, &got), 0);
        ck_assert_ptr_eq(got, (void *)i);
    }
    ck_assert_int_eq(weft_join(producer, NULL), 0);
    ck_assert_int_eq(weft_queue_free(queue), 0);
    return 0;
}

/* ---- A loop that is closed ---- */

/* What was handed to the tasks of a loop that is closed before they run. */
static weft_loop *doomed, *alive;

static void ignore(weft_loop *loop)
{
    weft_loop_set_exception_handler(loop, report_record, NULL);
}

static void setup_loops(void)
{
    doomed = weft_new_event_loop(NULL);
    alive = weft_new_event_loop(NULL);
    ck_assert_ptr_nonnull(doomed);
    ck_assert_ptr_nonnull(alive);
    ignore(doomed);
}

static weft_task *task_of_loop(weft_loop *loop, weft_coroutine fn, const char *name)
{
    weft_task *task = weft_create_task_on(loop, fn, (void *)(uintptr_t)name, NULL);
    ck_assert_ptr_nonnull(task);
    return task;
}

static int stop_loop(void *arg)
{
    return weft_loop_stop(arg);
}

/* Runs what is ready, so that tasks come to where they wait. */
static void turn(weft_loop *loop)
{
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(weft_call_soon(loop, stop_loop, loop, NULL), 0);
        ck_assert_int_eq(weft_loop_run_forever(loop), 0);
    }
}

static void close_doomed(void)
{
    ck_assert_int_eq(weft_loop_free(doomed), 0);
}

static void finish(weft_task *dead, weft_task *survivor)
{
    ck_assert_int_eq(weft_result(dead, NULL), WEFT_ECANCELLED);
    ck_assert_int_eq(weft_loop_run_until_complete(alive, survivor, NULL), 0);
    weft_unref(dead);
    weft_unref(survivor);
    ck_assert_int_eq(weft_loop_free(alive), 0);
}

/* A lock that was passed to a task of a closed loop goes to the next in line. */
START_TEST(lock_of_closed_loop)
{
    setup_loops();
    ck_assert_int_eq(weft_lock_acquire(&lock), 0);
    weft_task *a = task_of_loop(doomed, locks, "a");
    turn(doomed);
    weft_task *b = task_of_loop(alive, locks, "b");
    turn(alive);
    ck_assert_int_eq(weft_lock_release(&lock), 0);
    close_doomed();
    finish(a, b);
    ck_assert_trace("b");
}
END_TEST

/* So does a permit. */
START_TEST(permit_of_closed_loop)
{
    setup_loops();
    weft_task *a = task_of_loop(doomed, takes_permit, "a");
    turn(doomed);
    weft_task *b = task_of_loop(alive, takes_permit, "b");
    turn(alive);
    ck_assert_int_eq(weft_semaphore_release(&semaphore), 0);
    close_doomed();
    finish(a, b);
    ck_assert_trace("b");
}
END_TEST

/* So does a notification, whether its task was to run, or stood in line for the lock. */
START_TEST(notification_of_closed_loop)
{
    for (int in_line = 0; in_line < 2; in_line++) {
        setup_loops();
        weft_task *a = task_of_loop(doomed, waits_for_condition, "a");
        turn(doomed);
        weft_task *b = task_of_loop(alive, waits_for_condition, "b");
        turn(alive);
        ck_assert_int_eq(weft_condition_acquire(&condition), 0);
        ck_assert_int_eq(weft_condition_notify(&condition, 1), 0);
        if (in_line)
            turn(doomed);
        ck_assert_int_eq(weft_condition_release(&condition), 0);
        close_doomed();
        finish(a, b);
        ck_assert_trace("b");
    }
}
END_TEST

COROUTINE(gets)
{
    void *got = NULL;
    int rc = weft_queue_get(queue, &got);
    if (!rc)
        trace("%s%ld", (const char *)arg, (long)(intptr_t)got);
    return rc;
}

COROUTINE(puts_one)
{
    int rc = weft_queue_put(queue, (void *)7);
    if (!rc)
        trace("%s", (const char *)arg);
    return rc;
}

/* An item for which a task of a closed loop was woken is another's. */
START_TEST(item_of_closed_loop)
{
    setup_loops();
    queue = weft_queue_new(1);
    weft_task *a = task_of_loop(doomed, gets, "a");
    turn(doomed);
    weft_task *b = task_of_loop(alive, gets, "b");
    turn(alive);
    ck_assert_int_eq(weft_queue_put_nowait(queue, (void *)5), 0);
    close_doomed();
    finish(a, b);
    ck_assert_trace("b5");
    ck_assert_int_eq(weft_queue_free(queue), 0);
}
END_TEST

/* So is the room. */
START_TEST(room_of_closed_loop)
{
    void *got = NULL;
    setup_loops();
    queue = weft_queue_new(1);
    ck_assert_int_eq(weft_queue_put_nowait(queue, (void *)5), 0);
    weft_task *a = task_of_loop(doomed, puts_one, "a");
    turn(doomed);
    weft_task *b = task_of_loop(alive, puts_one, "b");
    turn(alive);
    ck_assert_int_eq(weft_queue_get_nowait(queue, &got), 0);
    close_doomed();
    finish(a, b);
    ck_assert_trace("b");
    ck_assert_int_eq(weft_queue_free(queue), 0);
}
END_TEST

COROUTINE(passes_once)
{
    int rc = weft_barrier_wait(&barrier);
    if (rc >= 0)
        trace("%s%d", (const char *)arg, rc);
    return rc < 0 ? rc : 0;
}

/* A party whose loop is closed leaves the barrier, while it fills, and while it drains. */
START_TEST(party_of_closed_loop)
{
    for (int draining = 0; draining < 2; draining++) {
        weft_task *tasks[3];
        setup_loops();
        ck_assert_int_eq(weft_barrier_init(&barrier, 2), 0);
        weft_task *a = task_of_loop(doomed, passes_once, "a");
        turn(doomed);
        ck_assert_int_eq(weft_barrier_n_waiting(&barrier), 1);
        for (int i = 0; i < 2 + draining; i++) {
            static const char *const names[] = {"b", "c", "d"};
            tasks[i] = task_of_loop(alive, passes_once, names[i]);
            if (draining) /* b fills it; c and d wait for the next round */
                turn(alive);
        }
        close_doomed();
        if (draining)
            ck_assert_int_eq(weft_loop_run_until_complete(alive, tasks[2], NULL), 0);
        ck_assert_int_eq(weft_loop_run_until_complete(alive, tasks[1], NULL), 0);
        weft_unref(tasks[1]);
        if (draining)
            weft_unref(tasks[2]);
        finish(a, tasks[0]);
        ck_assert_trace(draining ? "b1 d1 c0" : "c1 b0");
    }
}
END_TEST

/* Who waits in line when its loop is closed, and was not woken, is out of line. */
START_TEST(line_of_closed_loop)
{
    setup_loops();
    weft_task *a = task_of_loop(doomed, waits_for_event, "a");
    weft_task *c = task_of_loop(doomed, takes_permit, "c");
    turn(doomed);
    weft_task *b = task_of_loop(alive, waits_for_event, "b");
    turn(alive);
    close_doomed();
    ck_assert_int_eq(waiters_of(event_format, &event), 1);
    ck_assert_int_eq(weft_event_set(&event), 0);
    ck_assert_int_eq(weft_semaphore_release(&semaphore), 0);
    ck_assert_int_eq(weft_semaphore_locked(&semaphore), 0);
    weft_unref(c);
    finish(a, b);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sync between loops");
    TCase *tests = tcase_create("loops"), *closed = tcase_create("closed");

    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, lock_between_loops);
    tcase_add_test(tests, event_between_loops);
    tcase_add_test(tests, condition_between_loops);
    tcase_add_test(tests, semaphore_between_loops);
    tcase_add_test(tests, barrier_between_loops);
    tcase_add_test(tests, queue_between_loops);
    suite_add_tcase(suite, tests);
    tcase_add_test(closed, lock_of_closed_loop);
    tcase_add_test(closed, permit_of_closed_loop);
    tcase_add_test(closed, notification_of_closed_loop);
    tcase_add_test(closed, item_of_closed_loop);
    tcase_add_test(closed, room_of_closed_loop);
    tcase_add_test(closed, party_of_closed_loop);
    tcase_add_test(closed, line_of_closed_loop);
    suite_add_tcase(suite, closed);
    return suite_main(suite);
}
