/*
 * sleep_test.c - tasks that wait for a time, or for their next turn.
 */
#include <errno.h>

#include "runtime/base/fault.h"
#include "tests/support/sim.h"
#include "tests/support/suite.h"

static int note_soon(void *name)
{
    trace("%s", (const char *)name);
    return 0;
}

struct sleeper {
    const char *name;
    double delay;
    int times;
};

COROUTINE(sleep_and_note)
{
    const struct sleeper *sleeper = arg;
    for (int i = 0; i < sleeper->times; i++) {
        int rc = weft_sleep(sleeper->delay);
        if (rc)
            return rc;
        trace("%s", sleeper->name);
    }
    return 0;
}

/* SLEP-01: a sleep lasts at least so long. */
START_SIM(sleep_lasts_the_delay)
{
    double delays[] = {0.25, 1, 1e-9, 3600};

    for (int i = 0; i < 4; i++) {
        double before = sim_now();
        ck_assert_int_eq(weft_sleep(delays[i]), 0);
        ck_assert_double_ge(sim_now() - before, delays[i] * (1 - 1e-9));
        ck_assert_double_le(sim_now() - before, delays[i] + 1e-6);
    }
    return 0;
}

COROUTINE(sleep_for_ever_with_result)
{
    void *value = arg;
    ck_assert_int_eq(weft_sleep_result(WEFT_FOREVER, NULL, &value), WEFT_ECANCELLED);
    ck_assert_ptr_eq(value, arg); /* left alone */
    return WEFT_ECANCELLED;
}

/* SLEP-01: it gives the value that it was given, if it lasts its time. */
START_SIM(sleep_gives_its_result)
{
    int given, before;
    void *value = &before;
    double start = sim_now();

    ck_assert_int_eq(weft_sleep_result(2, &given, &value), 0);
    ck_assert_double_ge(sim_now() - start, 2);
    ck_assert_ptr_eq(value, &given);
    ck_assert_int_eq(weft_sleep_result(0, NULL, &value), 0);
    ck_assert_ptr_null(value);
    ck_assert_int_eq(weft_sleep_result(0, &given, NULL), 0);
    value = &before;
    ck_assert_int_eq(weft_sleep_result(NAN, &given, &value), -EINVAL); /* SLEP-05 */
    ck_assert_ptr_eq(value, &before);

    weft_task *t = weft_create_task(sleep_for_ever_with_result, &before, NULL);
    sim_pass(1);
    ck_assert_int_eq(weft_cancel(t), 1);
    ck_assert_int_eq(weft_join(t, NULL), WEFT_ECANCELLED);
    return 0;
}

/* SLEP-02: it suspends even when nothing else is runnable. */
START_SIM(sleep_always_suspends)
{
    double delays[] = {0, -1, 1e-9, 1};

    for (int i = 0; i < 4; i++) {
        int turn = sim_turn();
        ck_assert_int_eq(weft_sleep(delays[i]), 0);
        ck_assert_int_gt(sim_turn(), turn);
    }
    int turn = sim_turn();
    ck_assert_int_eq(weft_yield(), 0);
    ck_assert_int_eq(sim_turn(), turn + 1);
    return 0;
}

COROUTINE(pass_twice)
{
    trace("%s1", (const char *)arg);
    ck_assert_int_eq(weft_sleep(0), 0);
    trace("%s2", (const char *)arg);
    ck_assert_int_eq(weft_sleep(-5), 0);
    trace("%s3", (const char *)arg);
    return 0;
}

/* SLEP-03, SLEP-04: a sleep of zero, or less, lets everything that is queued run once, in exactly
 * one iteration, and takes no time. */
START_SIM(sleep_of_zero_is_one_iteration)
{
    weft_loop *loop = weft_get_running_loop();
    weft_task *a = weft_create_task(pass_twice, "a", NULL);
    weft_task *b = weft_create_task(pass_twice, "b", NULL);
    int turn = sim_turn();

    weft_call_soon(loop, note_soon, "x", NULL);
    ck_assert_int_eq(weft_sleep(0), 0);
    ck_assert_int_eq(sim_turn(), turn + 1);
    trace("m");
    weft_call_soon(loop, note_soon, "y", NULL);
    ck_assert_int_eq(weft_sleep(-1), 0);
    ck_assert_int_eq(sim_turn(), turn + 2);
    trace("m");
    ck_assert_int_eq(weft_sleep(0), 0);
    trace("m");
    ck_assert_trace("a1 b1 x m a2 b2 y m a3 b3 m");
    ck_assert_double_eq(sim_now(), 0);
    weft_unref(a);
    weft_unref(b);
    return 0;
}

/* SLEP-05: a delay that is not a number is refused. */
START_SIM(delay_that_is_no_number)
{
    int turn = sim_turn();

    ck_assert_int_eq(weft_sleep((double)NAN), -EINVAL);
    ck_assert_int_eq(sim_turn(), turn);
    return 0;
}

/* SLEP-06: sleeps of different tasks overlap. */
START_SIM(sleeps_overlap)
{
    struct sleeper sleeper = {"z", 1, 1};
    weft_task *t[100];

    for (int i = 0; i < 100; i++)
        t[i] = weft_create_task(sleep_and_note, &sleeper, NULL);
    for (int i = 0; i < 100; i++)
        ck_assert_int_eq(weft_join(t[i], NULL), 0);
    ck_assert_double_ge(sim_now(), 1);
    ck_assert_double_le(sim_now(), 1.001);
    return 0;
}

/* SLEP-07: cancelling wakes a sleeper at once, and its timer is gone. */
START_SIM(cancel_wakes_a_sleeper)
{
    struct sleeper sleeper = {"slept", 100, 1};
    weft_task *t = weft_create_task(sleep_and_note, &sleeper, NULL);

    ck_assert_int_eq(weft_sleep(1), 0);
    ck_assert_int_eq(weft_cancel_msg(t, "wake up"), 1);
    ck_assert_int_eq(weft_await(t, NULL), WEFT_ECANCELLED);
    ck_assert_str_eq(weft_error_message(weft_error_current()), "wake up");
    ck_assert_double_le(sim_now(), 1.001);
    ck_assert_int_eq(weft_sleep(1000), 0);
    ck_assert_trace("");
    weft_unref(t);
    return 0;
}

struct canceller {
    weft_task *victim;
};

COROUTINE(sleep_and_cancel)
{
    const struct canceller *canceller = arg;
    int rc = weft_sleep(1);
    ck_assert_int_eq(weft_cancel_msg(canceller->victim, "too early"), 1);
    return rc;
}

/* SLEP-07, CANC-12: and so it is for one whose timer has gone off, but which has not resumed. */
START_SIM(cancel_of_a_sleeper_whose_time_has_come)
{
    struct sleeper sleeper = {"slept", 1, 1};
    struct canceller canceller = {NULL};
    weft_task *first = weft_create_task(sleep_and_cancel, &canceller, NULL);

    canceller.victim = weft_create_task(sleep_and_note, &sleeper, NULL);
    ck_assert_int_eq(weft_await(canceller.victim, NULL), WEFT_ECANCELLED);
    ck_assert_str_eq(weft_error_message(weft_error_current()), "too early");
    ck_assert_trace("");
    ck_assert_int_eq(weft_join(first, NULL), 0);
    weft_unref(canceller.victim);
    return 0;
}

/* A sleep cannot fail for want of memory: neither one that ends by itself nor one that is cancelled. */
START_SIM(sleep_without_memory)
{
    struct sleeper sleepers[] = {{"a", 1, 2}, {"b", 1.5, 1}, {"never", 9, 1}};
    weft_task *tasks[3];

    for (int i = 0; i < 3; i++)
        tasks[i] = weft_create_task(sleep_and_note, &sleepers[i], NULL);
    wf_fault_arm(FAULT_ALLOC, 1, ENOMEM, true);
    ck_assert_int_eq(weft_sleep(5), 0);
    unsigned long refused = wf_fault_calls(FAULT_ALLOC);
    weft_cancel(tasks[2]);
    int rc = weft_await(tasks[2], NULL);
    wf_fault_reset();
    ck_assert_uint_ge(refused, 4); /* one a sleep */
    ck_assert_int_eq(rc, WEFT_ECANCELLED);
    ck_assert_trace("a b a");
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(weft_join(tasks[i], NULL), 0);
    weft_unref(tasks[2]);
    return 0;
}

/* SLEP-08: sleepers wake in the order of their deadlines. */
START_SIM(sleepers_wake_by_deadline)
{
    struct sleeper sleepers[] = {
        {"d", 4, 1}, {"b", 2, 1}, {"e", 50, 1}, {"a", 0.001, 1}, {"c", 3, 1}};
    for (int i = 0; i < 5; i++)
        weft_unref(weft_create_task(sleep_and_note, &sleepers[i], NULL));
    ck_assert_int_eq(weft_sleep(100), 0);
    ck_assert_trace("a b c d e");
    return 0;
}

/* SLEP-09: those with the same delay wake in the order in which they fell asleep, each time. */
START_SIM(equal_sleeps_keep_their_order)
{
    struct sleeper sleepers[] = {{"a", 1, 4}, {"b", 1, 4}, {"c", 1, 4}};

    for (int i = 0; i < 3; i++)
        weft_unref(weft_create_task(sleep_and_note, &sleepers[i], NULL));
    ck_assert_int_eq(weft_sleep(100), 0);
    ck_assert_trace("a b c a b c a b c a b c");
    return 0;
}

struct factorial {
    const char *name;
    long number;
};

COROUTINE(factorial)
{
    const struct factorial *f = arg;
    long product = 1;

    for (long i = 2; i <= f->number; i++) {
        trace("%s%ld", f->name, i);
        int rc = weft_sleep(1);
        if (rc)
            return rc;
        product *= i;
    }
    trace("%s=%ld", f->name, product);
    *result = (void *)(intptr_t)product;
    return 0;
}

/* SLEP-09: the factorial example of asyncio's documentation. */
START_SIM(factorial_example)
{
    struct factorial f[] = {{"A", 2}, {"B", 3}, {"C", 4}};
    weft_task *t[3];

    for (int i = 0; i < 3; i++)
        t[i] = weft_create_task(factorial, &f[i], NULL);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(weft_join(t[i], NULL), 0);
    ck_assert_trace("A2 B2 C2 A=2 B3 C3 B=6 C4 C=24");
    return 0;
}

/* LIFE-21, SLEP-09: due timers come behind what is queued already, and resume their tasks in the
 * iteration after that, in the order of the timers. */
START_SIM(due_sleepers_come_after_what_is_queued)
{
    weft_loop *loop = weft_get_running_loop();
    struct sleeper sleepers[] = {{"s", 1, 1}, {"t", 1, 1}};

    for (int i = 0; i < 2; i++)
        weft_unref(weft_create_task(sleep_and_note, &sleepers[i], NULL));
    sim_pass(1);
    ck_assert_int_eq(weft_loop_advance(loop, 2), 0);
    weft_call_soon(loop, note_soon, "queued", NULL);
    for (int i = 0; i < 3; i++) {
        sim_pass(1);
        trace("main");
    }
    ck_assert_trace("queued main main s t main");
    return 0;
}

/* SLEP-10: a delay beyond all limits keeps sleeping, and can be cancelled. */
START_SIM(endless_sleep_can_be_cancelled)
{
    struct sleeper sleepers[] = {
        {"never", WEFT_FOREVER, 1}, {"never", 1e30, 1}, {"never", 1e10, 1}};
    weft_task *t[3];

    for (int i = 0; i < 3; i++)
        t[i] = weft_create_task(sleep_and_note, &sleepers[i], NULL);
    ck_assert_int_eq(weft_sleep(1e8), 0);
    for (int i = 0; i < 3; i++) {
        ck_assert(!weft_done(t[i]));
        ck_assert_int_eq(weft_cancel(t[i]), 1);
        ck_assert_int_eq(weft_join(t[i], NULL), WEFT_ECANCELLED);
    }
    ck_assert_trace("");
    return 0;
}

static int sleep_in_callback(void *arg)
{
    (void)arg;
    ck_assert_int_eq(weft_sleep(1), WEFT_ENOTASK);
    ck_assert_int_eq(weft_sleep(0), WEFT_ENOTASK);
    ck_assert_int_eq(weft_yield(), WEFT_ENOTASK);
    trace("refused");
    return 0;
}

/* NC: only a task can sleep. */
START_SIM(sleep_needs_a_task)
{
    weft_call_soon(weft_get_running_loop(), sleep_in_callback, NULL, NULL);
    sim_pass(1);
    ck_assert_trace("refused");
    return 0;
}

START_TEST(sleep_needs_a_loop)
{
    ck_assert_int_eq(weft_sleep(1), WEFT_ENOTASK);
    ck_assert_int_eq(weft_yield(), WEFT_ENOTASK);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sleep");

    TCase *lengths = tcase_create("lengths");
    tcase_add_test(lengths, sleep_lasts_the_delay);
    tcase_add_test(lengths, sleep_gives_its_result);
    tcase_add_test(lengths, sleep_always_suspends);
    tcase_add_test(lengths, sleep_of_zero_is_one_iteration);
    tcase_add_test(lengths, delay_that_is_no_number);
    tcase_add_test(lengths, endless_sleep_can_be_cancelled);
    tcase_add_test(lengths, sleep_needs_a_task);
    tcase_add_test(lengths, sleep_needs_a_loop);
    tcase_add_test(lengths, sleep_without_memory);
    suite_add_tcase(suite, lengths);

    TCase *orders = tcase_create("orders");
    tcase_add_test(orders, sleeps_overlap);
    tcase_add_test(orders, sleepers_wake_by_deadline);
    tcase_add_test(orders, equal_sleeps_keep_their_order);
    tcase_add_test(orders, factorial_example);
    tcase_add_test(orders, due_sleepers_come_after_what_is_queued);
    suite_add_tcase(suite, orders);

    TCase *cancels = tcase_create("cancels");
    tcase_add_test(cancels, cancel_wakes_a_sleeper);
    tcase_add_test(cancels, cancel_of_a_sleeper_whose_time_has_come);
    suite_add_tcase(suite, cancels);

    return suite_main(suite);
}
