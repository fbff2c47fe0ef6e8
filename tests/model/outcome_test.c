/*
 * outcome_test.c - explores the completion of a future: one completer, every waiter told once, and
 * an owner that needs no read-modify-write until somebody else comes.
 */
#include "runtime/task/outcome.h"

#include "tests/model/mutants.h"
#include "tests/support/suite.h"

enum { WAITERS = 3, COMPLETERS = 2 };

struct waiter {
    struct remote_waiter link;
    unsigned contents;
    bool told;
    bool taken_back;
};

char wf_outcome_marks[4];

static struct outcome outcome;
static struct outcome other;
static struct touching touching; /* the owner's */
static struct waiter waiters[WAITERS];
static bool drops_barrier; /* a bug: see missing_barrier_is_caught */
static unsigned payload;   /* what belongs to the value: an error, or what a result points to */
static unsigned guarded;   /* what only one may use at a time */
static bool won[COMPLETERS];
static unsigned freed;

void wf_outcome_barrier(void)
{
    if (!drops_barrier)
        model_membarrier();
}

static void setup(enum outcome_bias bias)
{
    outcome_init(&outcome, bias, 1);
    outcome_init(&other, bias, 1);
    atomic_init(&touching.what, NULL);
    for (unsigned i = 0; i < WAITERS; i++)
        waiters[i] = (struct waiter){.contents = 0};
    payload = 0;
    guarded = 0;
    won[0] = won[1] = false;
    freed = 0;
}

static void setup_biased(void)
{
    setup(BIAS_OWNER);
}

static void setup_shared(void)
{
    setup(BIAS_SHARED);
}

static void write_payload(void)
{
    model_data_write(&payload);
    payload = 1;
}

static void read_payload(void)
{
    model_data_read(&payload);
    model_require(payload == 1);
}

static void tell(struct remote_waiter *first)
{
    for (struct remote_waiter *w = first; w;) {
        struct remote_waiter *next = w->next;
        struct waiter *waiter = (struct waiter *)w;
        model_data_write(waiter);
        model_require(waiter->contents == 1);
        model_require(!waiter->told && !waiter->taken_back);
        waiter->told = true;
        w = next;
    }
}

static void tell_all(void)
{
    tell(outcome_take_waiters(&outcome));
}

/* ---- Completers and waiters, shared from birth ---- */

static void succeed(unsigned me)
{
    write_payload();
    won[me] = outcome_claim(&outcome, &payload);
    if (won[me])
        tell_all();
}

static void succeed_first(void)
{
    succeed(0);
}

static void fail_first(void)
{
    won[0] = outcome_claim(&outcome, OUTCOME_CLAIMED);
    if (!won[0])
        return;
    write_payload();
    outcome_publish(&outcome, OUTCOME_FAILED);
    tell_all();
}

static void fail_second(void)
{
    won[1] = outcome_claim(&outcome, OUTCOME_CLAIMED);
    if (!won[1])
        return;
    write_payload();
    outcome_publish(&outcome, OUTCOME_CANCELLED);
    tell_all();
}

static void finish_task(void)
{
    write_payload();
    outcome_publish(&outcome, &payload);
    won[0] = true;
    tell_all();
}

static void wait_as(unsigned me)
{
    model_data_write(&waiters[me]);
    waiters[me].contents = 1;
    if (outcome_wait(&outcome, &waiters[me].link)) {
        read_payload();
        tell_all();
    }
}

static void wait_first(void)
{
    wait_as(0);
}

static void wait_second(void)
{
    wait_as(1);
}

static void check_one_won(void)
{
    model_require(won[0] != won[1]);
    model_require(outcome_is_done(&outcome));
}

static void check_told(void)
{
    model_require(outcome_is_done(&outcome));
    for (unsigned i = 0; i < WAITERS; i++)
        if (waiters[i].contents)
            model_require(waiters[i].told != waiters[i].taken_back);
    model_require(!outcome_take_waiters(&outcome));
}

static const struct model waiting_for_success = {
    .name = "outcome: two wait for a result",
    .setup = setup_shared,
    .threads = {succeed_first, wait_first, wait_second},
    .check = check_told,
};

static const struct model waiting_for_failure = {
    .name = "outcome: two wait for an error",
    .setup = setup_shared,
    .threads = {fail_first, wait_first, wait_second},
    .check = check_told,
};

static const struct model waiting_for_task = {
    .name = "outcome: two wait for a task",
    .setup = setup_shared,
    .threads = {finish_task, wait_first, wait_second},
    .check = check_told,
};

static void check_completion(void)
{
    check_one_won();
    check_told();
}

static const struct model two_completers = {
    .name = "outcome: two complete, one waits",
    .setup = setup_shared,
    .threads = {fail_first, fail_second, wait_first},
    .check = check_completion,
};

/* Waiters come out in the order in which one thread added them. */
static void wait_twice(void)
{
    wait_as(0);
    wait_as(1);
}

static void take_in_order(void)
{
    struct remote_waiter *first = outcome_take_waiters(&outcome);

    if (first && first->next)
        model_require(first == &waiters[0].link && first->next == &waiters[1].link);
    tell(first);
}

static const struct model in_order = {
    .name = "outcome: in order",
    .setup = setup_shared,
    .threads = {wait_twice, take_in_order},
};

/* A waiter takes itself back: it takes all, and puts back the others. */
static void take_back(unsigned me)
{
    struct remote_waiter *rest = outcome_take_waiters(&outcome);
    struct remote_waiter *first = NULL;
    struct remote_waiter *last = NULL;

    while (rest) {
        struct remote_waiter *next = rest->next;
        if (rest == &waiters[me].link) {
            model_data_write(&waiters[me]);
            waiters[me].taken_back = true;
        } else {
            rest->next = first;
            first = rest;
            last = last ? last : rest;
        }
        rest = next;
    }
    if (first && outcome_put_back(&outcome, first, last)) {
        read_payload();
        tell_all();
    }
}

static void wait_and_take_back(void)
{
    wait_as(0);
    take_back(0);
}

static const struct model taking_back = {
    .name = "outcome: one is taken back",
    .setup = setup_shared,
    .threads = {succeed_first, wait_and_take_back, wait_second},
    .check = check_told,
};

/* While it has them in its hands, others come. */
static void wait_twice_more(void)
{
    wait_as(1);
    wait_as(2);
}

static void check_left(void)
{
    tell_all();
    for (unsigned i = 0; i < WAITERS; i++)
        model_require(waiters[i].told != waiters[i].taken_back);
    model_require(waiters[0].taken_back);
}

static const struct model others_come = {
    .name = "outcome: one is taken back while others come",
    .setup = setup_shared,
    .threads = {wait_and_take_back, wait_twice_more},
    .check = check_left,
};

/* ---- References ---- */

static void setup_references(void)
{
    setup_shared();
    outcome_ref(&outcome);
}

static void use_and_unref(void)
{
    model_data_read(&guarded);
    if (outcome_unref(&outcome)) {
        model_data_write(&guarded); /* freed: all uses were before */
        model_require(++freed == 1);
    }
}

static void ref_and_unref_twice(void)
{
    outcome_ref(&outcome);
    use_and_unref();
    use_and_unref();
}

static void check_freed(void)
{
    model_require(freed == 1);
}

static const struct model references = {
    .name = "outcome: references",
    .setup = setup_references,
    .threads = {use_and_unref, ref_and_unref_twice},
    .check = check_freed,
};

/* ---- Biased to an owner ---- */

/* The owner completes and takes a reference; inside, it is alone with what is guarded. */
static void complete_as_owner(void)
{
    if (outcome_enter(&outcome, &touching)) {
        model_data_write(&guarded);
        guarded++;
        outcome_ref_inside(&outcome);
        won[0] = outcome_set_inside(&outcome, &payload);
        outcome_leave(&touching);
    } else {
        outcome_ref(&outcome);
        won[0] = outcome_claim(&outcome, &payload);
    }
}

/* Another thread, after which the future is shared: nobody is inside any more. */
static void complete_as_other(void)
{
    outcome_share(&outcome, &touching);
    model_data_read(&guarded);
    outcome_ref(&outcome);
    won[1] = outcome_claim(&outcome, &guarded);
}

static void check_two_refs(void)
{
    model_require(atomic_load_explicit(&outcome.refs, memory_order_relaxed) == 3);
    check_one_won();
}

static const struct model revoking = {
    .name = "outcome: revoking",
    .setup = setup_biased,
    .threads = {complete_as_owner, complete_as_other},
    .check = check_two_refs,
    .every_step = true,
};

static void ref_as_other(void)
{
    outcome_share(&outcome, &touching);
    model_data_read(&guarded);
    outcome_ref(&outcome);
}

static void ref_as_owner(void)
{
    if (outcome_enter(&outcome, &touching)) {
        model_data_write(&guarded);
        guarded++;
        outcome_ref_inside(&outcome);
        outcome_leave(&touching);
    } else {
        outcome_ref(&outcome);
    }
}

static void check_three_refs(void)
{
    model_require(atomic_load_explicit(&outcome.refs, memory_order_relaxed) == 4);
}

static const struct model two_revoke = {
    .name = "outcome: two revoke, 3 preemptions",
    .setup = setup_biased,
    .threads = {ref_as_owner, ref_as_other, ref_as_other},
    .check = check_three_refs,
    .preemptions_max = 3,
    .every_step = true,
};

static const struct model two_revoke_further = {
    .name = "outcome: two revoke",
    .setup = setup_biased,
    .threads = {ref_as_owner, ref_as_other, ref_as_other},
    .check = check_three_refs,
    .every_step = true,
};

/* The owner goes from one future into the next: a revoker who sees it in the next one knows that it
 * is outside of the first, and sees what it did there. */
static void ref_both_as_owner(void)
{
    ref_as_owner();
    if (outcome_enter(&other, &touching)) {
        outcome_ref_inside(&other);
        outcome_leave(&touching);
    }
}

static void check_refs(void)
{
    model_require(atomic_load_explicit(&outcome.refs, memory_order_relaxed) == 3);
    model_require(atomic_load_explicit(&other.refs, memory_order_relaxed) == 2);
}

static const struct model next_future = {
    .name = "outcome: the owner goes on to another",
    .setup = setup_biased,
    .threads = {ref_both_as_owner, ref_as_other},
    .check = check_refs,
    .every_step = true,
};

/* The owner gives its bias up by itself, while another thread may be at it. */
static void ref_and_give_up(void)
{
    ref_as_owner();
    outcome_share_own(&outcome);
    outcome_ref(&outcome);
    model_require(!outcome_enter(&outcome, &touching));
}

static void check_given_up(void)
{
    model_require(atomic_load_explicit(&outcome.refs, memory_order_relaxed) == 4);
    model_require(atomic_load_explicit(&outcome.bias, memory_order_relaxed) == BIAS_SHARED);
}

static const struct model giving_up = {
    .name = "outcome: the owner shares",
    .setup = setup_biased,
    .threads = {ref_and_give_up, ref_as_other},
    .check = check_given_up,
    .every_step = true,
};

/* Who only looks needs not share: a value that is done has its payload with it (O2). */
static void set_inside(void)
{
    if (outcome_enter(&outcome, &touching)) {
        write_payload();
        model_require(outcome_set_inside(&outcome, &payload));
        model_require(!outcome_set_inside(&outcome, &guarded));
        outcome_leave(&touching);
    }
}

static void look(void)
{
    if (outcome_is_done(&outcome))
        read_payload();
}

static const struct model looking = {
    .name = "outcome: looking",
    .setup = setup_biased,
    .threads = {set_inside, look},
};

/* The owner's last reference goes inside, or after another thread has shared it. */
static void setup_two_references(void)
{
    setup_biased();
    outcome_ref_inside(&outcome);
}

static void unref_as_owner(void)
{
    bool was_last = true;

    if (!outcome_is_mine_alone(&outcome)) {
        if (outcome_enter(&outcome, &touching)) {
            was_last = outcome_unref_inside(&outcome);
            outcome_leave(&touching);
        } else {
            was_last = outcome_unref(&outcome);
        }
    }
    if (was_last) {
        model_data_write(&guarded); /* freed: all uses were before */
        freed++;
    }
}

static void unref_as_other(void)
{
    outcome_share(&outcome, &touching);
    model_data_read(&guarded);
    if (outcome_unref(&outcome)) {
        model_data_write(&guarded);
        freed++;
    }
}

static const struct model last_reference = {
    .name = "outcome: last reference",
    .setup = setup_two_references,
    .threads = {unref_as_owner, unref_as_other},
    .check = check_freed,
    .every_step = true,
};

static const struct model *const models[] = {
    &looking,
    &references,
    &in_order,
    &revoking,
    &last_reference,
    &next_future,
    &giving_up,
    &two_revoke,
    &waiting_for_success,
    &waiting_for_failure,
    &waiting_for_task,
    &two_completers,
    &taking_back,
    &others_come,
    NULL,
};

static const char *const harmless[] = {
    /* Nothing is handed over with the bias: what comes after it brings its own orders. */
    "outcome_enter: load &o->bias: acquire -> relaxed",
    /* The barrier right behind it is stronger. */
    "outcome_share: cas &o->bias: acq_rel -> release",
    "outcome_share: cas &o->bias: acq_rel -> acquire",
    "outcome_share: cas &o->bias: failure acquire -> relaxed",
    /* Revokers that come together all wait for the owner, and each ends with BIAS_SHARED. */
    "outcome_share: cas &o->bias: torn",
    /* The next one goes the long way once more. */
    "outcome_share: store &o->bias: left out",
    NULL,
};

/* O1 to O4 hold in every execution, and each operation is needed for them. */
START_TEST(outcome_is_sound_and_no_stronger)
{
    struct mutants mutants = mutants_explore(models, "runtime/task/outcome.h", harmless);
    ck_assert_uint_eq(mutants.wrong, 0);
    ck_assert_uint_gt(mutants.caught, 0);
}
END_TEST

/* O4 holds with any number of preemptions, too. */
START_TEST(revoking_is_sound_further_on)
{
    ck_assert(mutants_sound(&two_revoke_further));
}
END_TEST

/* Without the barrier of the revoker, the owner's Dekker side would need one. */
START_TEST(missing_barrier_is_caught)
{
    drops_barrier = true;
    ck_assert(mutants_caught(&revoking, "no membarrier"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("model/outcome");
    TCase *tcase = tcase_create("outcome");
    tcase_set_timeout(tcase, 600); /* it works all the time */
    tcase_add_test(tcase, outcome_is_sound_and_no_stronger);
    tcase_add_test(tcase, revoking_is_sound_further_on);
    tcase_add_test(tcase, missing_barrier_is_caught);
    suite_add_tcase(suite, tcase);
    return suite_main(suite);
}
