/*
 * cancel_test.c - cancellation of tasks: when it arrives, where, and how far it goes.
 */
#include <errno.h>

#include "tests/sched/tasks.h"
#include "tests/support/suite.h"

static int values[4];

COROUTINE(await_it)
{
    int rc = weft_await(arg, result);
    trace("%s", rc == WEFT_ECANCELLED ? "cancelled" : "resumed");
    return rc;
}

/* Catches its cancellation, and returns a value. */
COROUTINE(swallow)
{
    ck_assert_int_eq(weft_await(arg, NULL), WEFT_ECANCELLED);
    *result = &values[2];
    return 0;
}

/* CANC-01: cancelling is accepted until the task is done, also while a request is pending. */
START_SIM(cancel_says_whether_it_was_accepted)
{
    weft_task *t = weft_create_task(sleep_long, NULL, NULL);

    sim_pass(1);
    ck_assert_int_eq(weft_cancel(t), 1);
    ck_assert_int_eq(weft_cancel(t), 1);
    ck_assert_int_eq(weft_await(t, NULL), WEFT_ECANCELLED);
    ck_assert_int_eq(weft_cancel(t), 0);
    ck_assert_int_eq(weft_cancelling(t), 2);
    weft_unref(t);
    t = weft_create_task(give_value, NULL, NULL);
    sim_pass(1);
    ck_assert_int_eq(weft_cancel(t), 0);
    ck_assert(!weft_cancelled(t));
    weft_unref(t);
    return 0;
}

/* CANC-02: cancelling runs nothing; the task is cancelled when its body has ended. */
START_SIM(cancel_runs_nothing)
{
    weft_future *f = weft_create_future();
    weft_task *t = weft_create_task(await_it, f, NULL);

    sim_pass(1);
    ck_assert_int_eq(weft_cancel(t), 1);
    ck_assert_trace("");
    ck_assert(!weft_done(t));
    ck_assert(!weft_cancelled(t));
    sim_pass(1);
    ck_assert_trace("cancelled");
    ck_assert(weft_cancelled(t));
    weft_unref(t);
    weft_unref(f);
    return 0;
}

/* CANC-03: the future that a task awaits is cancelled at once, down a chain of tasks. */
START_SIM(cancel_goes_down_the_chain)
{
    weft_future *f = weft_create_future();
    weft_task *inner = weft_create_task(await_it, f, NULL);
    weft_task *middle = weft_create_task(await_it, inner, NULL);
    weft_task *outer = weft_create_task(await_it, middle, NULL);

    sim_pass(1);
    ck_assert_int_eq(weft_cancel_msg(outer, "stop"), 1);
    ck_assert(weft_cancelled(f));
    ck_assert_int_eq(weft_cancelling(outer), 1);
    ck_assert_int_eq(weft_cancelling(middle), 1);
    ck_assert_int_eq(weft_cancelling(inner), 1);
    ck_assert_int_eq(weft_await(outer, NULL), WEFT_ECANCELLED);
    ck_assert_str_eq(sim_said(), "stop");
    ck_assert(weft_cancelled(inner) && weft_cancelled(middle) && weft_cancelled(outer));
    ck_assert_trace("cancelled cancelled cancelled");
    weft_unref(outer);
    weft_unref(middle);
    weft_unref(inner);
    weft_unref(f);
    return 0;
}

/* CANC-04: the outer task resumes when the inner one has ended, and gets what that gives: a value,
 * when it swallowed the cancellation. */
START_SIM(inner_task_may_swallow)
{
    weft_future *f = weft_create_future();
    weft_task *inner = weft_create_task(swallow, f, NULL);
    weft_task *outer = weft_create_task(await_it, inner, NULL);
    void *value = NULL;

    sim_pass(1);
    weft_cancel(outer);
    ck_assert_int_eq(weft_await(outer, &value), 0);
    ck_assert_ptr_eq(value, &values[2]);
    ck_assert_trace("resumed");
    ck_assert(!weft_cancelled(outer));
    ck_assert_int_eq(weft_cancelling(outer), 1);
    weft_unref(outer);
    weft_unref(inner);
    weft_unref(f);
    return 0;
}

/* CANC-05: who lets the cancellation out is cancelled, and so are those who await it. */
START_SIM(cancellation_that_is_let_out)
{
    weft_task *t = weft_create_task(sleep_long, NULL, NULL);
    weft_task *waiting = weft_create_task(await_it, t, NULL);

    sim_pass(1);
    weft_cancel(t);
    ck_assert_int_eq(weft_await(waiting, NULL), WEFT_ECANCELLED);
    ck_assert(weft_cancelled(t) && weft_cancelled(waiting));
    ck_assert_int_eq(weft_cancelling(waiting), 0);
    weft_unref(t);
    weft_unref(waiting);
    return 0;
}

COROUTINE(catch_and_go_on)
{
    ck_assert_int_eq(weft_sleep(1000), WEFT_ECANCELLED);
    ck_assert_int_eq(weft_sleep(1), 0);
    ck_assert_int_eq(weft_cancelling(self()), 1);
    *result = &values[1];
    return 0;
}

/* CANC-06, CANC-18: a body may catch the cancellation and go on; the count stays. */
START_SIM(cancellation_that_is_caught)
{
    weft_task *t = weft_create_task(catch_and_go_on, NULL, NULL);
    void *value = NULL;

    sim_pass(1);
    weft_cancel(t);
    ck_assert_int_eq(weft_await(t, &value), 0);
    ck_assert_ptr_eq(value, &values[1]);
    ck_assert(!weft_cancelled(t));
    weft_unref(t);
    return 0;
}

/* CANC-07, CANC-17: cancelled before its first step, a task never runs; what it was given is
 * released, once, and the message arrives. */
START_SIM(cancel_before_the_first_step)
{
    weft_task_options options = {.arg_drop = note_drop};
    weft_task *t = weft_create_task(never_run, "arg", &options);

    ck_assert_int_eq(weft_cancel_msg(t, "too late"), 1);
    ck_assert(!weft_done(t));
    ck_assert_int_eq(weft_await(t, NULL), WEFT_ECANCELLED);
    ck_assert_str_eq(sim_said(), "too late");
    ck_assert(weft_cancelled(t));
    ck_assert_trace("drop:arg");
    weft_unref(t);
    return 0;
}

/* CANC-12: when the awaited future is done but the task has not resumed, the cancellation is still
 * delivered there, and the future's outcome is not seen by the task. */
START_SIM(cancel_of_a_task_that_is_ready)
{
    for (int fails = 0; fails < 2; fails++) {
        weft_future *f = weft_create_future();
        weft_task *t = weft_create_task(await_it, f, NULL);
        void *value = NULL;

        sim_pass(1);
        if (fails)
            weft_future_set_exception(f, weft_fail(-EIO, "unseen"));
        else
            weft_future_set_result(f, &values[1]);
        ck_assert_int_eq(weft_cancel_msg(t, "first"), 1);
        ck_assert_int_eq(weft_await(t, NULL), WEFT_ECANCELLED);
        ck_assert_str_eq(sim_said(), "first");
        ck_assert_trace("cancelled");
        ck_assert_int_eq(weft_result(f, &value), fails ? -EIO : 0);
        weft_unref(t);
        weft_unref(f);
    }
    return 0;
}

COROUTINE(yield_for_ever)
{
    for (int i = 0;; i++) {
        int rc = weft_yield();
        if (rc) {
            *(int *)arg = i;
            return rc;
        }
    }
}

/* CANC-27: a task between two sleep(0) calls is cancelled at its next resumption. */
START_SIM(cancel_of_a_task_that_yields)
{
    int yields = 0;
    weft_task *t = weft_create_task(yield_for_ever, &yields, NULL);

    sim_pass(5);
    weft_cancel(t);
    int turn = sim_turn();
    ck_assert_int_eq(weft_await(t, NULL), WEFT_ECANCELLED);
    ck_assert_int_eq(sim_turn(), turn + 2);
    ck_assert_int_eq(yields, 4);
    weft_unref(t);
    return 0;
}

COROUTINE(await_and_see_count)
{
    ck_assert_int_eq(weft_await(arg, NULL), WEFT_ECANCELLED);
    ck_assert_int_eq(weft_cancelling(self()), 0);
    return WEFT_ECANCELLED;
}

/* CANC-28: cancelling the awaited future itself leaves the task's count alone. */
START_SIM(cancel_of_the_awaited_future)
{
    weft_future *f = weft_create_future();
    weft_task *t = weft_create_task(await_and_see_count, f, NULL);

    sim_pass(1);
    weft_cancel(f);
    ck_assert_int_eq(weft_join(t, NULL), WEFT_ECANCELLED);
    weft_unref(f);
    return 0;
}

struct hop {
    weft_future *awaited;
    const char *name;
    int turn;
};

COROUTINE(await_with_turn)
{
    struct hop *hop = arg;
    int rc = weft_await(hop->awaited, NULL);
    hop->turn = sim_turn();
    trace("%s", hop->name);
    return rc;
}

/* CANC-29: cancelled in iteration k, a task gets the error in k+1, and who awaits it resumes in
 * k+2, in line with everything else. */
START_SIM(cancellation_takes_an_iteration_each)
{
    weft_loop *loop = weft_get_running_loop();
    struct hop inner = {weft_create_future(), "inner", 0};
    weft_task *t = weft_create_task(await_with_turn, &inner, NULL);
    struct hop outer = {t, "outer", 0};
    weft_task *waiting = weft_create_task(await_with_turn, &outer, NULL);

    sim_pass(2);
    int turn = sim_turn();
    weft_call_soon(loop, note_soon, "before", NULL);
    weft_cancel(t);
    weft_call_soon(loop, note_soon, "after", NULL);
    trace("cancel");
    sim_pass(1);
    weft_call_soon(loop, note_soon, "last", NULL);
    ck_assert_int_eq(weft_join(waiting, NULL), WEFT_ECANCELLED);
    ck_assert_trace("cancel before inner after outer last");
    ck_assert_int_eq(inner.turn, turn + 1);
    ck_assert_int_eq(outer.turn, turn + 2);
    ck_assert_int_eq(sim_turn(), turn + 3);
    weft_unref(t);
    weft_unref(inner.awaited);
    return 0;
}

/* CANC-29: so does the cancellation of a sleeper, whose timer is gone then. */
START_SIM(cancelled_sleeper_resumes_in_the_next_iteration)
{
    weft_task *t = weft_create_task(sleep_long, NULL, NULL);

    sim_pass(1);
    int turn = sim_turn();
    weft_cancel(t);
    ck_assert_int_eq(weft_join(t, NULL), WEFT_ECANCELLED);
    ck_assert_int_eq(sim_turn(), turn + 2);
    return 0;
}

COROUTINE(count_one_cancellation)
{
    ck_assert_int_eq(weft_await(arg, NULL), WEFT_ECANCELLED);
    trace("%s", sim_said());
    ck_assert_int_eq(weft_yield(), 0);
    return WEFT_ECANCELLED;
}

/* CANC-30: the awaited future cancelled and then the task: both are cancelled, with one error. */
START_SIM(cancel_of_the_future_and_then_the_task)
{
    weft_future *f = weft_create_future();
    weft_task *t = weft_create_task(count_one_cancellation, f, NULL);

    sim_pass(1);
    weft_cancel_msg(f, "future");
    weft_cancel_msg(t, "task");
    ck_assert_int_eq(weft_join(t, NULL), WEFT_ECANCELLED);
    ck_assert_trace("future");
    ck_assert(weft_cancelled(f));
    weft_unref(f);
    return 0;
}

/* ThreadSanitizer knows 8000 flows. */
#define CHAIN 5000

/* CANC-03: a chain of any length is cancelled without a stack of that depth. */
START_SIM(long_chain_is_cancelled)
{
    static weft_task *chain[CHAIN];
    weft_task_options small = {.stack_bytes = 16 << 10};

    chain[0] = weft_create_task(sim_sleep, NULL, &small);
    for (int i = 1; i < CHAIN; i++)
        chain[i] = weft_create_task(sim_await, chain[i - 1], &small);
    sim_pass(1);
    weft_cancel(chain[CHAIN - 1]);
    ck_assert_int_eq(weft_await(chain[CHAIN - 1], NULL), WEFT_ECANCELLED);
    for (int i = 0; i < CHAIN; i++) {
        ck_assert(weft_cancelled(chain[i]));
        ck_assert_int_eq(weft_cancelling(chain[i]), 1);
        weft_unref(chain[i]);
    }
    return 0;
}

static weft_task *ring[3];

COROUTINE(await_next_in_ring)
{
    return weft_await(ring[(long)arg], NULL);
}

/* Tasks that await each other in a circle never end by themselves; cancelling one ends them all. */
START_SIM(circle_of_tasks_is_cancelled)
{
    /* 0 -> 1 -> 2 -> 1: the one that is cancelled need not be in the circle. */
    ring[0] = weft_create_task(await_next_in_ring, (void *)1L, NULL);
    ring[1] = weft_create_task(await_next_in_ring, (void *)2L, NULL);
    ring[2] = weft_create_task(await_next_in_ring, (void *)1L, NULL);
    sim_pass(1);
    ck_assert_int_eq(weft_cancel_msg(ring[0], "break"), 1);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(weft_await(ring[i], NULL), WEFT_ECANCELLED);
    for (int i = 0; i < 3; i++)
        weft_unref(ring[i]);
    return 0;
}

int main(void)
{
    Suite *suite = suite_create("cancel");

    TCase *delivery = tcase_create("delivery");
    tcase_add_test(delivery, cancel_says_whether_it_was_accepted);
    tcase_add_test(delivery, cancel_runs_nothing);
    tcase_add_test(delivery, cancel_goes_down_the_chain);
    tcase_add_test(delivery, inner_task_may_swallow);
    tcase_add_test(delivery, cancellation_that_is_let_out);
    tcase_add_test(delivery, cancellation_that_is_caught);
    tcase_add_test(delivery, cancel_before_the_first_step);
    tcase_add_test(delivery, cancel_of_a_task_that_is_ready);
    tcase_add_test(delivery, cancel_of_a_task_that_yields);
    tcase_add_test(delivery, cancel_of_the_awaited_future);
    tcase_add_test(delivery, cancellation_takes_an_iteration_each);
    tcase_add_test(delivery, cancelled_sleeper_resumes_in_the_next_iteration);
    tcase_add_test(delivery, cancel_of_the_future_and_then_the_task);
    tcase_add_test(delivery, long_chain_is_cancelled);
    tcase_add_test(delivery, circle_of_tasks_is_cancelled);
    suite_add_tcase(suite, delivery);

    return suite_main(suite);
}
