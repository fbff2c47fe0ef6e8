/*
 * sync_test.c - explores locks and semaphores between loops, with the guard and the line below
 * them: one holder at a time, each waiter woken once, and no wake-up lost, also when a waiter is
 * cancelled after it was woken.
 */
#include "tests/model/played_tasks.h"

/* The files themselves, with static functions and all. NOLINTBEGIN(bugprone-suspicious-include) */
#include "api/waitq.c"

static bool loses_wakes; /* a bug: see lost_wakes_are_caught */
#define wakes_send(wakes_) (loses_wakes ? (void)0 : wakes_send(wakes_))

#include "api/lock.c"

#include "api/semaphore.c"
/* NOLINTEND(bugprone-suspicious-include) */

#include "tests/model/mutants.h"
#include "tests/support/suite.h"

/* As guard.c's, without its patience. */
uint32_t wf_guard_lock(_Atomic uint32_t *word)
{
    uint32_t bits;
    while (!guard_try(word, &bits))
        cpu_relax();
    return bits;
}

enum { CANCELLED = 2 }; /* the second thread: their numbers begin with 1 */

static weft_lock lock;
static weft_semaphore semaphore;
static unsigned held; /* what the lock, or the one permit, guards */
static unsigned acquired;

static void setup_words(uint32_t lock_bits, uint32_t semaphore_bits)
{
    tasks_setup();
    lock = (weft_lock)WEFT_LOCK_INIT;
    semaphore = (weft_semaphore){0};
    atomic_init(guard_word(&lock.word_), lock_bits);
    atomic_init(guard_word(&semaphore.word_), semaphore_bits);
    held = acquired = 0;
}

static void setup_free(void)
{
    setup_words(0, SEMAPHORE_ONE);
}

/* Somebody else has it, and gives it back: give_back_lock(), give_back_permit(). */
static void setup_held(void)
{
    setup_words(LOCK_LOCKED, 0);
}

static void setup_cancelled(void)
{
    setup_held();
    tasks[CANCELLED].to_be_cancelled = true;
}

static void use(void)
{
    model_data_write(&held);
    model_require(held == 0);
    held = 1;
    acquired++;
    model_data_write(&held);
    held = 0;
}

static void give_back_lock(void)
{
    model_data_write(&held);
    model_require(weft_lock_release(&lock) == 0);
}

static void lock_once(void)
{
    if (weft_lock_acquire(&lock))
        return;
    use();
    model_require(weft_lock_release(&lock) == 0);
}

static void lock_twice(void)
{
    lock_once();
    lock_once();
}

static void give_back_permit(void)
{
    model_data_write(&held);
    model_require(weft_semaphore_release(&semaphore) == 0);
}

static void permit_once(void)
{
    if (weft_semaphore_acquire(&semaphore))
        return;
    use();
    model_require(weft_semaphore_release(&semaphore) == 0);
}

static uint32_t word_of(uint32_t *word)
{
    return atomic_load_explicit(guard_word(word), memory_order_relaxed);
}

/* Nobody is left in line. */
static void check_lines(void)
{
    model_require(!lock.waiters_.first_ && !semaphore.waiters_.first_);
    model_require(!lock.waiters_.wanted_ && !semaphore.waiters_.wanted_);
}

/* Free again, whoever had it, or was cancelled before or after it was woken. */
static void check_cancelled_lock(void)
{
    check_lines();
    model_require(word_of(&lock.word_) == 0);
}

static void check_cancelled_permit(void)
{
    check_lines();
    model_require(word_of(&semaphore.word_) == SEMAPHORE_ONE);
}

static void check_lock(void)
{
    check_cancelled_lock();
    model_require(acquired >= 2);
}

static void check_semaphore(void)
{
    check_cancelled_permit();
    model_require(acquired == 2);
}

static const struct model two_locks = {
    .name = "lock: two tasks",
    .setup = setup_free,
    .threads = {lock_twice, lock_once},
    .check = check_lock,
};

static const struct model locks_in_line = {
    .name = "lock: two in line",
    .setup = setup_held,
    .threads = {give_back_lock, lock_once, lock_once},
    .check = check_lock,
    .preemptions_max = 1,
};

static const struct model cancelled_lock = {
    .name = "lock: who is in line is cancelled",
    .setup = setup_cancelled,
    .threads = {give_back_lock, lock_once},
    .check = check_cancelled_lock,
};

static const struct model two_permits = {
    .name = "semaphore: two tasks",
    .setup = setup_free,
    .threads = {permit_once, permit_once},
    .check = check_semaphore,
};

static const struct model permits_in_line = {
    .name = "semaphore: two in line",
    .setup = setup_held,
    .threads = {give_back_permit, permit_once, permit_once},
    .check = check_semaphore,
    .preemptions_max = 1,
};

static const struct model cancelled_permit = {
    .name = "semaphore: who is in line is cancelled",
    .setup = setup_cancelled,
    .threads = {give_back_permit, permit_once},
    .check = check_cancelled_permit,
};

static const struct model *const models[] = {
    &two_locks, &two_permits, &locks_in_line, &permits_in_line, NULL,
};

static void explore(const char *file, const char *const *harmless)
{
    struct mutants mutants = mutants_explore(models, file, harmless);
    ck_assert_uint_eq(mutants.wrong, 0);
    ck_assert_uint_gt(mutants.caught, 0);
}

static const char *const none[] = {NULL};

START_TEST(guard_is_sound_and_no_stronger)
{
    explore("runtime/base/guard.h", none);
}
END_TEST

static const char *const hints[] = {
    "lock_note_holder: store holder: left out", /* a matter of speed */
    NULL,
};

START_TEST(lock_is_sound_and_no_stronger)
{
    explore("api/lock.c", hints);
}
END_TEST

START_TEST(semaphore_is_sound_and_no_stronger)
{
    explore("api/semaphore.c", none);
}
END_TEST

/* A wake-up that comes to one who is cancelled goes to the next. */
START_TEST(cancellations_lose_nothing)
{
    ck_assert(mutants_sound(&cancelled_lock));
    ck_assert(mutants_sound(&cancelled_permit));
}
END_TEST

/* Who is not made ready after it was woken waits for ever. */
START_TEST(lost_wakes_are_caught)
{
    loses_wakes = true;
    ck_assert(mutants_caught(&two_locks, "wake-ups are not sent"));
    ck_assert(mutants_caught(&permits_in_line, "wake-ups are not sent"));
    loses_wakes = false;
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("model/sync");
    TCase *tcase = tcase_create("sync");
    tcase_set_timeout(tcase, 300);
    tcase_add_test(tcase, guard_is_sound_and_no_stronger);
    tcase_add_test(tcase, lock_is_sound_and_no_stronger);
    tcase_add_test(tcase, semaphore_is_sound_and_no_stronger);
    tcase_add_test(tcase, cancellations_lose_nothing);
    tcase_add_test(tcase, lost_wakes_are_caught);
    suite_add_tcase(suite, tcase);
    return suite_main(suite);
}
