/*
 * outcome_completion.h - models of completers and waiters, and of references, shared from birth.
 */
#ifndef WEFT_TESTS_MODEL_OUTCOME_COMPLETION_H
#define WEFT_TESTS_MODEL_OUTCOME_COMPLETION_H

#include "tests/model/outcome_scene.h"

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

static const struct model references = {
    .name = "outcome: references",
    .setup = setup_references,
    .threads = {use_and_unref, ref_and_unref_twice},
    .check = check_freed,
};

#endif
