/*
 * sync_test.c - locks and their kin allocate nothing, in line or not; queues, without memory.
 */
#include "tests/memory/scarce.h"

START_SCARCE(locks, 0)
{
    static weft_lock lock = WEFT_LOCK_INIT;
    char text[64];
    NEVER(ck_assert_int_eq(weft_lock_acquire(&lock), 0));
    NEVER(ck_assert_int_eq(weft_lock_locked(&lock), 1));
    NEVER(ck_assert_int_gt(weft_lock_format(&lock, text, sizeof(text)), 0));
    NEVER(ck_assert_int_eq(weft_lock_release(&lock), 0));
    return 0;
}

START_SCARCE(events, 0)
{
    static weft_event event = WEFT_EVENT_INIT;
    char text[64];
    NEVER(ck_assert_int_eq(weft_event_set(&event), 0));
    NEVER(ck_assert_int_eq(weft_event_wait(&event), 0));
    NEVER(ck_assert_int_eq(weft_event_is_set(&event), 1));
    NEVER(ck_assert_int_eq(weft_event_clear(&event), 0));
    NEVER(ck_assert_int_gt(weft_event_format(&event, text, sizeof(text)), 0));
    return 0;
}

static int yes(void *arg)
{
    (void)arg;
    return 1;
}

/* Waits its turn for everything there is; its argument counts what it got. */
static weft_lock shared_lock = WEFT_LOCK_INIT;
static weft_event shared_event = WEFT_EVENT_INIT;
static weft_condition shared_condition = WEFT_CONDITION_INIT(&shared_lock);
static weft_semaphore shared_semaphore = WEFT_SEMAPHORE_INIT(0);
static weft_barrier shared_barrier = WEFT_BARRIER_INIT(2);

COROUTINE(waits_in_line)
{
    ck_assert_int_eq(weft_lock_acquire(&shared_lock), 0);
    ck_assert_int_eq(weft_condition_wait(&shared_condition), 0);
    ck_assert_int_eq(weft_condition_release(&shared_condition), 0);
    ck_assert_int_eq(weft_event_wait(&shared_event), 0);
    ck_assert_int_eq(weft_semaphore_acquire(&shared_semaphore), 0);
    ck_assert_int_ge(weft_barrier_wait(&shared_barrier), 0);
    return 0;
}

/* A task that has begun is led through it all without an allocation. */
START_SCARCE(in_line, 1)
{
    weft_task *task;
    NEVER(ck_assert_int_eq(weft_lock_acquire(&shared_lock), 0));
    MAKE(task, weft_create_task(waits_in_line, NULL, NULL));
    COPES(sim_pass(1)); /* it gets its stack; or it ends without one */
    if (weft_done(task)) {
        ck_assert_int_eq(weft_join(task, NULL), -ENOMEM);
        task = weft_create_task(waits_in_line, NULL, NULL);
        sim_pass(1);
    }
    NEVER(ck_assert_int_eq(weft_lock_release(&shared_lock), 0));
    NEVER(sim_pass(2));
    NEVER(ck_assert_int_eq(weft_condition_acquire(&shared_condition), 0));
    NEVER(ck_assert_int_eq(weft_condition_notify(&shared_condition, 1), 0));
    NEVER(ck_assert_int_eq(weft_condition_release(&shared_condition), 0));
    NEVER(sim_pass(3));
    NEVER(ck_assert_int_eq(weft_event_set(&shared_event), 0));
    NEVER(sim_pass(2));
    NEVER(ck_assert_int_eq(weft_semaphore_release(&shared_semaphore), 0));
    NEVER(sim_pass(2));
    NEVER(ck_assert_int_ge(weft_barrier_wait(&shared_barrier), 0));
    NEVER(ck_assert_int_eq(weft_join(task, NULL), 0));
    return 0;
}

START_SCARCE(conditions, 0)
{
    weft_condition condition = WEFT_CONDITION_INIT(NULL);
    char text[64];
    NEVER(ck_assert_int_eq(weft_condition_acquire(&condition), 0));
    NEVER(ck_assert_int_eq(weft_condition_locked(&condition), 1));
    NEVER(ck_assert_int_eq(weft_condition_wait_for(&condition, yes, NULL), 1));
    NEVER(ck_assert_int_eq(weft_condition_notify_all(&condition), 0));
    NEVER(ck_assert_int_gt(weft_condition_format(&condition, text, sizeof(text)), 0));
    NEVER(ck_assert_int_eq(weft_condition_release(&condition), 0));
    weft_timeout limit;
    ck_assert_int_eq(weft_condition_acquire(&condition), 0);
    ck_assert_int_eq(weft_timeout_init(&limit, 1), 0);
    ck_assert_int_eq(weft_timeout_begin(&limit), 0);
    int rc;
    COPES(rc = weft_condition_wait(&condition)); /* interrupted: that makes an error */
    COPES(ck_assert_int_eq(weft_timeout_end(&limit, rc), WEFT_ETIMEDOUT));
    NEVER(ck_assert_int_eq(weft_condition_release(&condition), 0));
    return 0;
}

START_SCARCE(semaphores, 0)
{
    weft_semaphore semaphore;
    char text[64];
    NEVER(ck_assert_int_eq(weft_bounded_semaphore_init(&semaphore, 1), 0));
    NEVER(ck_assert_int_eq(weft_semaphore_init(&semaphore, 1), 0));
    NEVER(ck_assert_int_eq(weft_semaphore_acquire(&semaphore), 0));
    NEVER(ck_assert_int_eq(weft_semaphore_locked(&semaphore), 1));
    NEVER(ck_assert_int_gt(weft_semaphore_format(&semaphore, text, sizeof(text)), 0));
    NEVER(ck_assert_int_eq(weft_semaphore_release(&semaphore), 0));
    return 0;
}

START_SCARCE(barriers, 0)
{
    weft_barrier barrier;
    char text[64];
    NEVER(ck_assert_int_eq(weft_barrier_init(&barrier, 1), 0));
    NEVER(ck_assert_int_eq(weft_barrier_wait(&barrier), 0));
    NEVER(ck_assert_int_eq(weft_barrier_parties(&barrier), 1));
    NEVER(ck_assert_int_eq(weft_barrier_n_waiting(&barrier), 0));
    NEVER(ck_assert_int_gt(weft_barrier_format(&barrier, text, sizeof(text)), 0));
    NEVER(ck_assert_int_eq(weft_barrier_abort(&barrier), 0));
    NEVER(ck_assert_int_eq(weft_barrier_broken(&barrier), 1));
    NEVER(ck_assert_int_eq(weft_barrier_reset(&barrier), 0));
    return 0;
}

static int items[64];

static int by_address(const void *a, const void *b)
{
    return (uintptr_t)a < (uintptr_t)b ? -1 : (uintptr_t)a > (uintptr_t)b;
}

static void drop_nothing(void *item)
{
    (void)item;
}

/* What does not fit is still the caller's; what is in stays. */
START_SCARCE(queues, 6)
{
    weft_queue *kinds[3];
    MAKE(kinds[0], weft_queue_new(0));
    MAKE(kinds[1], weft_lifo_queue_new(0));
    MAKE(kinds[2], weft_priority_queue_new(64, by_address));
    for (int i = 0; i < 3; i++) {
        weft_queue *queue = kinds[i];
        void *item = NULL;
        char text[96];
        NEVER(ck_assert_int_eq(weft_queue_set_drop(queue, drop_nothing), 0));
        for (int put = 0; put < 40; put++)
            ASKED(weft_queue_put_nowait(queue, &items[put]), 0);
        ASKED(weft_queue_put(queue, &items[40]), 0);
        NEVER(ck_assert_uint_eq(weft_queue_qsize(queue), 41));
        NEVER(ck_assert_int_eq(weft_queue_empty(queue), 0));
        NEVER(ck_assert_int_eq(weft_queue_full(queue), 0));
        NEVER(ck_assert_int_eq(weft_queue_maxsize(queue), i == 2 ? 64 : 0));
        NEVER(ck_assert_int_gt(weft_queue_format(queue, text, sizeof(text)), 0));
        NEVER(ck_assert_int_eq(weft_queue_get(queue, &item), 0));
        ck_assert_ptr_eq(item, i == 1 ? &items[40] : &items[0]);
        for (int got = 0; got < 40; got++) {
            NEVER(ck_assert_int_eq(weft_queue_get_nowait(queue, &item), 0));
            ck_assert_ptr_eq(item, i == 1 ? &items[39 - got] : &items[got + 1]);
        }
        for (int got = 0; got < 41; got++)
            NEVER(ck_assert_int_eq(weft_queue_task_done(queue), 0));
        NEVER(ck_assert_int_eq(weft_queue_join(queue), 0));
        NEVER(ck_assert_int_eq(weft_queue_shutdown(queue, 0), 0));
        NEVER(ck_assert_int_eq(weft_queue_free(queue), 0));
    }
    return 0;
}

int main(void)
{
    Suite *suite = suite_create("synchronisation without memory");
    TCase *tests = tcase_create("synchronisation without memory");

    tcase_add_test(tests, locks);
    tcase_add_test(tests, events);
    tcase_add_test(tests, in_line);
    tcase_add_test(tests, conditions);
    tcase_add_test(tests, semaphores);
    tcase_add_test(tests, barriers);
    tcase_add_test(tests, queues);
    suite_add_tcase(suite, tests);
    return suite_main(suite);
}
