/*
 * outcome_bias.h - models of an outcome that is biased to its owner, and of those who end that.
 */
#ifndef WEFT_TESTS_MODEL_OUTCOME_BIAS_H
#define WEFT_TESTS_MODEL_OUTCOME_BIAS_H

#include "tests/model/outcome_scene.h"

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

/* A task ends: its loop publishes the outcome, queues those who wait and gives its reference back, while
 * another thread has the last one (O5). Guarded: what the loop uses of the task. */
static void end_as_owner(void)
{
    bool was_last;

    if (outcome_enter(&outcome, &touching)) {
        (void)outcome_set_inside(&outcome, &payload);
        if (!uses_late)
            model_data_write(&guarded);
        was_last = outcome_unref_inside(&outcome);
        outcome_leave(&touching);
        if (uses_late)
            model_data_write(&guarded);
    } else {
        outcome_publish(&outcome, &payload);
        model_data_write(&guarded);
        was_last = outcome_unref(&outcome);
    }
    if (was_last) {
        model_data_write(&guarded);
        freed++;
    }
}

static void take_last_as_other(void)
{
    outcome_share(&outcome, &touching);
    if (outcome_unref(&outcome)) {
        model_data_write(&guarded);
        freed++;
    }
}

static const struct model task_ends = {
    .name = "outcome: a task ends",
    .setup = setup_two_references,
    .threads = {end_as_owner, take_last_as_other},
    .check = check_freed,
    .every_step = true,
};

#endif
