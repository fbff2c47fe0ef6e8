/*
 * outcome_test.c - explores the completion of a future: one completer, every waiter told once, and
 * an owner that needs no read-modify-write until somebody else comes.
 */
#include "tests/model/mutants.h"
#include "tests/model/outcome_bias.h"
#include "tests/model/outcome_completion.h"
#include "tests/support/suite.h"

static const struct model *const models[] = {
    &looking,
    &references,
    &in_order,
    &revoking,
    &last_reference,
    &task_ends,
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

/* O1 to O5 hold in every execution, and each operation is needed for them. */
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

/* O5: outside, the owner may find the future freed. */
START_TEST(late_use_is_caught)
{
    uses_late = true;
    ck_assert(mutants_caught(&task_ends, "used when its reference is gone"));
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
    tcase_add_test(tcase, late_use_is_caught);
    suite_add_tcase(suite, tcase);
    return suite_main(suite);
}
