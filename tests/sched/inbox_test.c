/*
 * inbox_test.c - the inbox and the eventcount on real threads: nothing is lost, and few wake-ups
 * are paid for.
 *
 * tests/model explores the same files in every interleaving at small sizes; this is the large size,
 * on this machine's memory, under ThreadSanitizer.
 */
#include "runtime/sched/inbox.h"

#include <pthread.h>

#include "runtime/base/sys.h"
#include "runtime/sched/parking.h"
#include "tests/support/suite.h"

enum { PRODUCERS = 4, EACH = 20000, CHAIN = 10 };

struct message {
    struct runnable runnable;
    unsigned producer;
    unsigned number;
};

static struct inbox inbox;
static struct parking parking;
static struct message messages[PRODUCERS][EACH];
static unsigned wakes[PRODUCERS];
static unsigned delivered[PRODUCERS];

static void setup(void)
{
    inbox_init(&inbox);
    parking_init(&parking);
    for (unsigned i = 0; i < PRODUCERS; i++) {
        wakes[i] = 0;
        delivered[i] = 0;
    }
}

static void wake_owner(unsigned producer)
{
    if (parking_claim_wake(&parking) == PARKING_FUTEX) {
        wakes[producer]++;
        sys_futex_wake(&parking.state, 1);
    }
}

static struct message *write_message(unsigned producer, unsigned number)
{
    struct message *m = &messages[producer][number];

    m->producer = producer;
    m->number = number;
    return m;
}

static void *push_each(void *arg)
{
    unsigned producer = *(unsigned *)arg;

    for (unsigned i = 0; i < EACH; i++) {
        if (!inbox_push(&inbox, &write_message(producer, i)->runnable))
            break;
        wake_owner(producer);
    }
    return NULL;
}

static void *push_chains(void *arg)
{
    unsigned producer = *(unsigned *)arg;

    for (unsigned i = 0; i < EACH; i += CHAIN) {
        struct runnable *first = &write_message(producer, i)->runnable;
        struct runnable *last = first;
        for (unsigned j = 1; j < CHAIN; j++) {
            last->next = &write_message(producer, i + j)->runnable;
            last = last->next;
        }
        if (!inbox_push_chain(&inbox, first, last))
            break;
        wake_owner(producer);
    }
    return NULL;
}

/* Each producer's messages come in the order of their numbers. Returns how many. */
static unsigned receive(struct runnable *chain)
{
    unsigned count = 0;

    for (struct runnable *r = chain; r; r = r->next) {
        const struct message *m = (const struct message *)r;
        if (m->number != delivered[m->producer])
            ck_abort_msg("producer %u: %u instead of %u", m->producer, m->number,
                         delivered[m->producer]);
        delivered[m->producer]++;
        count++;
    }
    return count;
}

/* Receive so many, sleeping when there is nothing. Returns how often it slept. */
static unsigned receive_all(unsigned count)
{
    unsigned sleeps = 0;

    while (count > 0) {
        unsigned more = receive(inbox_drain(&inbox));
        count -= more;
        if (more)
            continue;
        parking_announce(&parking, PARKING_FUTEX);
        sleeps++;
        if (!inbox_recheck(&inbox))
            while (atomic_load_explicit(&parking.state, memory_order_relaxed) == PARKING_FUTEX)
                sys_futex_wait(&parking.state, PARKING_FUTEX, INT64_MAX);
        (void)parking_retract(&parking);
    }
    return sleeps;
}

static void start(pthread_t threads[PRODUCERS], unsigned numbers[PRODUCERS])
{
    for (unsigned i = 0; i < PRODUCERS; i++) {
        numbers[i] = i;
        ck_assert_int_eq(
            pthread_create(&threads[i], NULL, i % 2 ? push_chains : push_each, &numbers[i]), 0);
    }
}

static unsigned join(const pthread_t threads[PRODUCERS])
{
    unsigned sum = 0;

    for (unsigned i = 0; i < PRODUCERS; i++) {
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
        sum += wakes[i];
    }
    return sum;
}

/* Many producers and an owner that sleeps: all arrives, in order, with at most one wake a sleep. */
START_TEST(many_producers_wake_a_sleeper)
{
    pthread_t threads[PRODUCERS];
    unsigned numbers[PRODUCERS];
    start(threads, numbers);
    unsigned sleeps = receive_all(PRODUCERS * EACH);
    unsigned sum = join(threads);
    ck_assert_uint_le(sum, sleeps);
    ck_assert(!inbox_recheck(&inbox));
    for (unsigned i = 0; i < PRODUCERS; i++)
        ck_assert_uint_eq(delivered[i], EACH);
}
END_TEST

/* Closing has one moment: what was pushed before it is returned, and each producer's later pushes
 * fail. */
START_TEST(closing_refuses_the_rest)
{
    pthread_t threads[PRODUCERS];
    unsigned numbers[PRODUCERS];
    start(threads, numbers);
    unsigned count = 0;
    while (count < EACH)
        count += receive(inbox_drain(&inbox));
    count += receive(inbox_close(&inbox));
    (void)join(threads);
    ck_assert(inbox_is_closed(&inbox));
    ck_assert_ptr_null(inbox_drain(&inbox));
    ck_assert(!inbox_push(&inbox, &messages[0][0].runnable));
    unsigned sum = 0;
    for (unsigned i = 0; i < PRODUCERS; i++)
        sum += delivered[i];
    ck_assert_uint_eq(count, sum);
}
END_TEST

/* A chain that a closed inbox refuses is the caller's, as it was. */
START_TEST(refused_chain_is_whole)
{
    struct runnable chain[3] = {{.next = &chain[1]}, {.next = &chain[2]}, {.next = NULL}};
    ck_assert_ptr_null(inbox_close(&inbox));
    ck_assert(!inbox_push_chain(&inbox, &chain[0], &chain[2]));
    ck_assert_ptr_eq(chain[0].next, &chain[1]);
    ck_assert_ptr_eq(chain[1].next, &chain[2]);
    ck_assert_ptr_null(chain[2].next);
}
END_TEST

/* Singles and chains come out in the order in which one thread pushed them. */
START_TEST(one_thread_keeps_its_order)
{
    struct runnable r[4] = {{.next = NULL}};
    ck_assert(inbox_push(&inbox, &r[0]));
    r[1].next = &r[2];
    ck_assert(inbox_push_chain(&inbox, &r[1], &r[2]));
    ck_assert(inbox_push(&inbox, &r[3]));
    ck_assert(inbox_has_mail(&inbox));
    struct runnable *chain = inbox_drain(&inbox);
    for (unsigned i = 0; i < 4; i++) {
        ck_assert_ptr_eq(chain, &r[i]);
        chain = chain->next;
    }
    ck_assert_ptr_null(chain);
    ck_assert(!inbox_has_mail(&inbox));
    ck_assert_ptr_null(inbox_drain(&inbox));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sched/inbox");
    TCase *tcase = tcase_create("inbox");
    tcase_add_checked_fixture(tcase, setup, NULL);
    tcase_add_test(tcase, one_thread_keeps_its_order);
    tcase_add_test(tcase, refused_chain_is_whole);
    tcase_add_test(tcase, many_producers_wake_a_sleeper);
    tcase_add_test(tcase, closing_refuses_the_rest);
    suite_add_tcase(suite, tcase);
    return suite_main(suite);
}
