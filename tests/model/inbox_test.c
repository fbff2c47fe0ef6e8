/*
 * inbox_test.c - explores the inbox: nothing is lost, doubled or turned round, and closing has one
 * moment.
 */
#include "runtime/sched/inbox.h"

#include "tests/model/mutants.h"
#include "tests/support/suite.h"

enum { MESSAGES = 4 };

struct message {
    struct runnable runnable;
    unsigned contents;
};

static struct inbox inbox;
static struct message messages[MESSAGES];
static bool delivered[MESSAGES];
static bool refused[MESSAGES];
static unsigned parting; /* what the closer writes before the close */

static void setup(void)
{
    inbox_init(&inbox);
    parting = 0;
    for (unsigned i = 0; i < MESSAGES; i++) {
        messages[i] = (struct message){.contents = 0};
        delivered[i] = false;
        refused[i] = false;
    }
}

static struct runnable *write_message(unsigned i)
{
    model_data_write(&messages[i]);
    messages[i].contents = i + 1;
    return &messages[i].runnable;
}

/* Refused: what the closer wrote is seen (I5). */
static void read_parting(void)
{
    model_data_read(&parting);
    model_require(parting == 1);
}

static void push(unsigned i)
{
    refused[i] = !inbox_push(&inbox, write_message(i));
    if (refused[i])
        read_parting();
}

/* Read a chain; messages 0 and 1 are from one thread, 2 and 3 from another. Returns how many. */
static unsigned receive(struct runnable *chain)
{
    unsigned count = 0;

    for (struct runnable *r = chain; r; r = r->next) {
        struct message *m = (struct message *)r;
        unsigned i = (unsigned)(m - messages);
        model_data_read(m);
        model_require(m->contents == i + 1);
        model_require(!delivered[i]);
        delivered[i] = true;
        if (i % 2 == 1)
            model_require(delivered[i - 1] || refused[i - 1]);
        if (i % 2 == 0)
            model_require(!delivered[i + 1]);
        count++;
    }
    return count;
}

static void push_two(void)
{
    push(0);
    push(1);
}

static void push_two_others(void)
{
    push(2);
    push(3);
}

static void push_chain(void)
{
    struct runnable *first = write_message(2);
    struct runnable *last = write_message(3);

    first->next = last;
    refused[2] = refused[3] = !inbox_push_chain(&inbox, first, last);
    if (refused[2]) {
        model_require(first->next == last && !last->next);
        read_parting();
    }
}

static void drain_all(void)
{
    unsigned count = 0;

    while (count < MESSAGES) {
        unsigned more = receive(inbox_drain(&inbox));
        if (!more)
            model_yield();
        count += more;
    }
    model_require(!inbox_recheck(&inbox));
}

static const struct model two_producers = {
    .name = "inbox: two producers",
    .setup = setup,
    .threads = {drain_all, push_two, push_two_others},
};

static const struct model chain_and_single = {
    .name = "inbox: a chain",
    .setup = setup,
    .threads = {drain_all, push_two, push_chain},
};

static void drain_and_close(void)
{
    receive(inbox_drain(&inbox));
    model_data_write(&parting);
    parting = 1;
    receive(inbox_close(&inbox));
    model_require(inbox_is_closed(&inbox) && !inbox_has_mail(&inbox) && !inbox_recheck(&inbox));
    model_require(!inbox_drain(&inbox));
}

static void check_closed(void)
{
    for (unsigned i = 0; i < MESSAGES; i++)
        model_require(delivered[i] != refused[i]);
    model_require(!refused[0] || refused[1]);
    model_require(!refused[2] || refused[3]);
    model_require(inbox_is_closed(&inbox));
}

static const struct model closing = {
    .name = "inbox: closing",
    .setup = setup,
    .threads = {drain_and_close, push_two, push_two_others},
    .check = check_closed,
};

static const struct model closing_chain = {
    .name = "inbox: closing against a chain",
    .setup = setup,
    .threads = {drain_and_close, push_two, push_chain},
    .check = check_closed,
};

/* What parking needs of the inbox: see parking.h, P1. */
static _Atomic(bool) asleep;
static bool seen_asleep;
static bool seen_mail;

static void setup_sleep(void)
{
    setup();
    atomic_init(&asleep, false);
}

static void push_and_look(void)
{
    push(0);
    seen_asleep = atomic_load_explicit(&asleep, memory_order_seq_cst);
}

static void sleep_and_look(void)
{
    atomic_store_explicit(&asleep, true, memory_order_seq_cst);
    seen_mail = inbox_recheck(&inbox);
}

static void check_sleep(void)
{
    model_require(seen_asleep || seen_mail);
}

static const struct model going_to_sleep = {
    .name = "inbox: going to sleep",
    .setup = setup_sleep,
    .threads = {push_and_look, sleep_and_look},
    .check = check_sleep,
};

static const struct model *const models[] = {
    &going_to_sleep, &closing, &closing_chain, &two_producers, &chain_and_single, NULL,
};

static const char *const harmless[] = {
    NULL,
};

/* Every message comes out once, in its producer's order (I1 to I5); each operation is needed. */
START_TEST(inbox_is_sound_and_no_stronger)
{
    struct mutants mutants = mutants_explore(models, "runtime/sched/inbox.h", harmless);
    ck_assert_uint_eq(mutants.wrong, 0);
    ck_assert_uint_gt(mutants.caught, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("model/inbox");
    TCase *tcase = tcase_create("inbox");
    tcase_add_test(tcase, inbox_is_sound_and_no_stronger);
    suite_add_tcase(suite, tcase);
    return suite_main(suite);
}
