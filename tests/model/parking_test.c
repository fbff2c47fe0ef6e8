/*
 * parking_test.c - explores the eventcount with an inbox: no wake-up is lost, no sleep costs two.
 */
#include "runtime/sched/parking.h"

#include "runtime/sched/inbox.h"
#include "tests/model/mutants.h"
#include "tests/support/suite.h"

enum { PRODUCERS = 2, MESSAGES = 3 };

static struct parking parking;
static struct inbox inbox;
static struct runnable messages[MESSAGES];
static struct model_semaphore eventfd; /* what a loop in its poller sleeps on */
static enum parking_state how;         /* this model's owner sleeps */
static unsigned wanted;                /* messages until the owner ends */
static unsigned sleeps;                /* announcements */
static unsigned wakes[PRODUCERS];      /* system calls made */
static bool drops_recheck;             /* a bug: see every_bug_in_the_order_is_caught */
static bool rechecks_too_soon;

static void setup_how(enum parking_state state)
{
    parking_init(&parking);
    inbox_init(&inbox);
    for (unsigned i = 0; i < MESSAGES; i++)
        messages[i] = (struct runnable){.next = NULL};
    eventfd.count = 0;
    how = state;
    wanted = 2;
    sleeps = 0;
    wakes[0] = wakes[1] = 0;
}

static void setup_futex(void)
{
    setup_how(PARKING_FUTEX);
}

static void setup_poll(void)
{
    setup_how(PARKING_POLL);
}

static void wake(unsigned producer)
{
    switch (parking_claim_wake(&parking)) {
    case PARKING_AWAKE:
        return;
    case PARKING_FUTEX:
        model_require(how == PARKING_FUTEX);
        model_futex_wake(&parking.state);
        break;
    case PARKING_POLL:
        model_require(how == PARKING_POLL);
        model_semaphore_post(&eventfd);
        break;
    }
    wakes[producer]++;
}

static void send_first(void)
{
    model_require(inbox_push(&inbox, &messages[0]));
    wake(0);
}

static void send_second(void)
{
    model_require(inbox_push(&inbox, &messages[1]));
    wake(1);
}

static void sleep_until_woken(void)
{
    if (how == PARKING_FUTEX)
        model_futex_wait(&parking.state, PARKING_FUTEX);
    else
        model_semaphore_wait(&eventfd);
}

static void receive(void)
{
    unsigned count = 0;

    for (;;) {
        for (struct runnable *r = inbox_drain(&inbox); r; r = r->next)
            count++;
        if (count == wanted)
            return;
        bool mail = rechecks_too_soon && inbox_recheck(&inbox);
        parking_announce(&parking, how);
        sleeps++;
        mail = mail || (!drops_recheck && !rechecks_too_soon && inbox_recheck(&inbox));
        if (!mail)
            sleep_until_woken();
        parking_retract(&parking);
    }
}

static void check(void)
{
    model_require(wakes[0] + wakes[1] <= sleeps);
}

static const struct model futex = {
    .name = "parking: futex",
    .setup = setup_futex,
    .threads = {receive, send_first, send_second},
    .check = check,
};

static const struct model poll = {
    .name = "parking: poll",
    .setup = setup_poll,
    .threads = {receive, send_first, send_second},
    .check = check,
};

/* One producer and two messages: the claim of the first may hit the sleep before the second. */
static void send_both(void)
{
    send_first();
    send_second();
}

static const struct model late_claim = {
    .name = "parking: late claim",
    .setup = setup_poll,
    .threads = {receive, send_both},
    .check = check,
};

/* P3: the claim itself hands something over, and both sides know whether it was made. */
static unsigned reason;
static bool was_claimed;
static bool said_claimed;

static void setup_claim(void)
{
    setup_how(PARKING_FUTEX);
    reason = 0;
    was_claimed = false;
    parking_announce(&parking, how);
}

static void claim(void)
{
    model_data_write(&reason);
    reason = 1;
    was_claimed = parking_claim_wake(&parking) == PARKING_FUTEX;
    if (was_claimed)
        model_futex_wake(&parking.state);
}

static void retract(void)
{
    said_claimed = parking_retract(&parking);
    if (said_claimed) {
        model_data_read(&reason);
        model_require(reason == 1);
    }
}

static void check_handed_over(void)
{
    model_require(said_claimed == was_claimed);
}

static void sleep_then_retract(void)
{
    sleep_until_woken();
    model_require(parking_retract(&parking));
    model_data_read(&reason);
}

static const struct model handed_over = {
    .name = "parking: handed over",
    .setup = setup_claim,
    .threads = {retract, claim},
    .check = check_handed_over,
};

static const struct model woken = {
    .name = "parking: woken",
    .setup = setup_claim,
    .threads = {sleep_then_retract, claim},
};

/* Two wakers and one sleep: one of them gets it. */
static bool claimed[PRODUCERS];

static void claim_first(void)
{
    claimed[0] = parking_claim_wake(&parking) != PARKING_AWAKE;
}

static void claim_second(void)
{
    claimed[1] = parking_claim_wake(&parking) != PARKING_AWAKE;
}

static void check_claimed(void)
{
    model_require(claimed[0] != claimed[1]);
}

static const struct model two_wakers = {
    .name = "parking: two wakers",
    .setup = setup_claim,
    .threads = {claim_first, claim_second},
    .check = check_claimed,
};

/* While the owner is awake, which it is from its retract on, a waker writes nothing. */
static _Atomic(bool) is_awake;

static void setup_awake(void)
{
    setup_futex();
    atomic_init(&is_awake, false);
}

static void sleep_briefly(void)
{
    parking_announce(&parking, how);
    (void)parking_retract(&parking);
    atomic_store_explicit(&is_awake, true, memory_order_release);
}

static void claim_when_awake(void)
{
    if (atomic_load_explicit(&is_awake, memory_order_acquire)) {
        unsigned before = model_stores();
        model_require(parking_claim_wake(&parking) == PARKING_AWAKE);
        model_require(model_stores() == before);
    }
}

static const struct model awake = {
    .name = "parking: awake",
    .setup = setup_awake,
    .threads = {sleep_briefly, claim_when_awake},
};

static const struct model *const models[] = {
    &awake, &two_wakers, &handed_over, &woken, &late_claim, &futex, &poll, NULL,
};

static const char *const harmless[] = {
    NULL,
};

/* P1 to P3 hold in every execution, and each operation is needed for them. */
START_TEST(parking_is_sound_and_no_stronger)
{
    struct mutants mutants = mutants_explore(models, "runtime/sched/parking.h", harmless);
    ck_assert_uint_eq(mutants.wrong, 0);
    ck_assert_uint_gt(mutants.caught, 0);
}
END_TEST

/* An owner that does not re-check, or does so before it announces, loses a wake-up. */
START_TEST(dropped_recheck_is_caught)
{
    drops_recheck = true;
    ck_assert(mutants_caught(&futex, "no re-check before the sleep"));
    ck_assert(mutants_caught(&poll, "no re-check before the sleep"));
    drops_recheck = false;
    rechecks_too_soon = true;
    ck_assert(mutants_caught(&futex, "re-check before the announcement"));
    ck_assert(mutants_caught(&poll, "re-check before the announcement"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("model/parking");
    TCase *tcase = tcase_create("parking");
    tcase_add_test(tcase, parking_is_sound_and_no_stronger);
    tcase_add_test(tcase, dropped_recheck_is_caught);
    suite_add_tcase(suite, tcase);
    return suite_main(suite);
}
