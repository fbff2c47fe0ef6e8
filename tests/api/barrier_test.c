/*
 * barrier_test.c - tasks wait for each other.
 */
#include "tests/support/sim.h"
#include "tests/support/suite.h"

static weft_barrier barrier = WEFT_BARRIER_INIT(2);

static void set_parties(int parties)
{
    ck_assert_int_eq(weft_barrier_init(&barrier, parties), 0);
}

/* Passes once, and says its number, or why not. */
COROUTINE(party)
{
    int rc = weft_barrier_wait(&barrier);
    if (rc >= 0)
        trace("%s%d", (const char *)arg, rc);
    else
        trace("%s:%s", (const char *)arg, rc == WEFT_EBROKENBARRIER ? "broken" : "cancelled");
    return rc < 0 ? rc : 0;
}

static weft_task *start(const char *name)
{
    return weft_create_task(party, (void *)(uintptr_t)name, NULL);
}

static void join_all(weft_task **tasks, int count, int outcome)
{
    for (int i = 0; i < count; i++)
        ck_assert_int_eq(weft_join(tasks[i], NULL), outcome);
}

/* BARR-01: at least one party, and the barrier tells how many. */
START_SIM(parties)
{
    static weft_barrier none = WEFT_BARRIER_INIT(0);
    ck_assert_int_eq(weft_barrier_parties(&barrier), 2);
    ck_assert_int_eq(weft_barrier_init(&barrier, 0), -EINVAL);
    ck_assert_int_eq(weft_barrier_init(&barrier, -1), -EINVAL);
    ck_assert_int_eq(weft_barrier_init(NULL, 1), -EINVAL);
    ck_assert_int_eq(weft_barrier_parties(&barrier), 2);
    ck_assert_int_eq(weft_barrier_wait(&none), -EINVAL);
    ck_assert_int_eq(weft_barrier_wait(NULL), -EINVAL);
    ck_assert_int_eq(weft_barrier_reset(NULL), -EINVAL);
    ck_assert_int_eq(weft_barrier_abort(NULL), -EINVAL);
    return 0;
}

/* BARR-02, BARR-03, BARR-05, BARR-15: nobody goes on before all have come; numbers by arrival. */
START_SIM(all_together)
{
    set_parties(3);
    weft_task *tasks[] = {start("a"), start("b")};
    ck_assert_int_eq(weft_barrier_n_waiting(&barrier), 0);
    sim_pass(3);
    ck_assert_int_eq(weft_barrier_n_waiting(&barrier), 2);
    ck_assert_trace("");
    int turn = sim_turn();
    ck_assert_int_eq(weft_barrier_wait(&barrier), 2);
    ck_assert_int_eq(sim_turn(), turn);
    ck_assert_int_eq(weft_barrier_n_waiting(&barrier), 0); /* it drains */
    join_all(tasks, 2, 0);
    ck_assert_trace("a0 b1");
    ck_assert_int_eq(weft_barrier_n_waiting(&barrier), 0);
    return 0;
}

/* BARR-04: alone one never waits. */
START_SIM(one_party)
{
    set_parties(1);
    int turn = sim_turn();
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(weft_barrier_wait(&barrier), 0);
    ck_assert_int_eq(sim_turn(), turn);
    return 0;
}

COROUTINE(three_rounds)
{
    for (int i = 0; i < 3; i++) {
        int rc = weft_barrier_wait(&barrier);
        ck_assert_int_ge(rc, 0);
        trace("%s%d", (const char *)arg, rc);
        ck_assert_int_eq(weft_yield(), 0);
    }
    return 0;
}

/* BARR-06: round after round. */
START_SIM(reused)
{
    weft_task *tasks[] = {weft_create_task(three_rounds, (void *)(uintptr_t) "a", NULL),
                          weft_create_task(three_rounds, (void *)(uintptr_t) "b", NULL)};
    join_all(tasks, 2, 0);
    ck_assert_trace("b1 a0 a1 b0 b1 a0");
    return 0;
}

/* BARR-07: who comes while the round before still leaves counts for the next one. */
START_SIM(newcomers)
{
    weft_task *tasks[] = {start("x"), start("y"), start("z"), start("k")};
    join_all(tasks, 4, 0);
    ck_assert_trace("y1 x0 k1 z0");
    return 0;
}

/* BARR-08: a cancelled party leaves, and another takes its place. */
START_SIM(cancelled)
{
    weft_task *a = start("a");
    sim_pass(1);
    ck_assert_int_eq(weft_barrier_n_waiting(&barrier), 1);
    ck_assert_int_eq(weft_cancel(a), 1);
    sim_pass(1);
    ck_assert_int_eq(weft_barrier_n_waiting(&barrier), 0);
    ck_assert_int_eq(weft_barrier_broken(&barrier), 0);
    weft_task *b = start("b");
    sim_pass(1);
    ck_assert_int_eq(weft_barrier_wait(&barrier), 1);
    ck_assert_int_eq(weft_join(a, NULL), WEFT_ECANCELLED);
    ck_assert_int_eq(weft_join(b, NULL), 0);
    ck_assert_trace("a:cancelled b0");
    return 0;
}

/* A party that is cancelled after the barrier has filled does not hold the next round back. */
START_SIM(cancelled_while_draining)
{
    weft_task *a = start("a");
    sim_pass(1);
    ck_assert_int_eq(weft_barrier_wait(&barrier), 1);
    ck_assert_int_eq(weft_cancel(a), 1);
    ck_assert_int_eq(weft_join(a, NULL), WEFT_ECANCELLED);
    weft_task *b = start("b");
    sim_pass(1);
    ck_assert_int_eq(weft_barrier_wait(&barrier), 1);
    return weft_join(b, NULL);
}

/* BARR-09: a reset makes those who wait fail, and the barrier as new. */
START_SIM(reset)
{
    set_parties(3);
    weft_task *tasks[] = {start("a"), start("b")};
    sim_pass(1);
    ck_assert_int_eq(weft_barrier_reset(&barrier), 0);
    ck_assert_int_eq(weft_barrier_n_waiting(&barrier), 0);
    ck_assert_int_eq(weft_barrier_broken(&barrier), 0);
    join_all(tasks, 2, WEFT_EBROKENBARRIER);
    weft_task *more[] = {start("c"), start("d"), start("e")};
    join_all(more, 3, 0);
    ck_assert_trace("a:broken b:broken e2 c0 d1");
    return 0;
}

/* BARR-10: a reset while it drains: who has not left fails, who waits for the next round stays. */
START_SIM(reset_while_draining)
{
    weft_task *a = start("a");
    sim_pass(1);
    ck_assert_int_eq(weft_barrier_wait(&barrier), 1);
    weft_task *b = start("b");
    ck_assert_int_eq(weft_barrier_reset(&barrier), 0);
    ck_assert_int_eq(weft_join(a, NULL), WEFT_EBROKENBARRIER);
    sim_pass(3);
    ck_assert_int_eq(weft_done(b), 0);
    ck_assert_int_eq(weft_barrier_wait(&barrier), 1);
    ck_assert_int_eq(weft_join(b, NULL), 0);
    ck_assert_trace("a:broken b0");
    return 0;
}

/* BARR-11: a reset of an empty one does nothing. */
START_SIM(reset_empty)
{
    ck_assert_int_eq(weft_barrier_reset(&barrier), 0);
    weft_task *a = start("a");
    sim_pass(1);
    ck_assert_int_eq(weft_barrier_wait(&barrier), 1);
    return weft_join(a, NULL);
}

/* BARR-12, BARR-13, BARR-14: aborted it stays broken until a reset. */
START_SIM(aborted)
{
    weft_task *a = start("a");
    sim_pass(1);
    ck_assert_int_eq(weft_barrier_abort(&barrier), 0);
    ck_assert_int_eq(weft_barrier_broken(&barrier), 1);
    ck_assert_int_eq(weft_barrier_n_waiting(&barrier), 0);
    ck_assert_int_eq(weft_join(a, NULL), WEFT_EBROKENBARRIER);
    ck_assert_int_eq(weft_barrier_wait(&barrier), WEFT_EBROKENBARRIER);
    ck_assert_int_eq(weft_barrier_broken(&barrier), 1);
    ck_assert_int_eq(weft_barrier_reset(&barrier), 0);
    ck_assert_int_eq(weft_barrier_broken(&barrier), 0);
    weft_task *b = start("b");
    sim_pass(1);
    ck_assert_int_eq(weft_barrier_wait(&barrier), 1);
    return weft_join(b, NULL);
}

/* BARR-12: those who wait for the next round fail too. */
START_SIM(aborted_while_draining)
{
    weft_task *a = start("a");
    sim_pass(1);
    ck_assert_int_eq(weft_barrier_wait(&barrier), 1);
    weft_task *b = start("b"); /* the lock is a's turn first: it waits for the next round */
    ck_assert_int_eq(weft_barrier_abort(&barrier), 0);
    ck_assert_int_eq(weft_join(a, NULL), WEFT_EBROKENBARRIER);
    ck_assert_int_eq(weft_join(b, NULL), WEFT_EBROKENBARRIER);
    ck_assert_trace("a:broken b:broken");
    return 0;
}

static void ck_assert_text(const char *state)
{
    char text[100], expected[100];
    ck_assert_int_gt(weft_barrier_format(&barrier, text, sizeof(text)), 0);
    snprintf(expected, sizeof(expected), "<weft_barrier %p [%s]>", (void *)&barrier, state);
    ck_assert_str_eq(text, expected);
}

/* BARR-16: the barrier as text, in each of its states. */
START_SIM(as_text)
{
    ck_assert_text("filling, waiters:0/2");
    weft_task *a = start("a");
    sim_pass(1);
    ck_assert_text("filling, waiters:1/2");
    ck_assert_int_eq(weft_barrier_wait(&barrier), 1);
    ck_assert_text("draining, waiters:0/2");
    ck_assert_int_eq(weft_barrier_reset(&barrier), 0);
    ck_assert_text("resetting, waiters:0/2");
    ck_assert_int_eq(weft_barrier_abort(&barrier), 0);
    ck_assert_text("broken");
    ck_assert_int_eq(weft_join(a, NULL), WEFT_EBROKENBARRIER);
    return 0;
}

int main(void)
{
    Suite *suite = suite_create("barrier");
    TCase *tests = tcase_create("barrier");

    tcase_add_test(tests, parties);
    tcase_add_test(tests, all_together);
    tcase_add_test(tests, one_party);
    tcase_add_test(tests, reused);
    tcase_add_test(tests, newcomers);
    tcase_add_test(tests, cancelled);
    tcase_add_test(tests, cancelled_while_draining);
    tcase_add_test(tests, reset);
    tcase_add_test(tests, reset_while_draining);
    tcase_add_test(tests, reset_empty);
    tcase_add_test(tests, aborted);
    tcase_add_test(tests, aborted_while_draining);
    tcase_add_test(tests, as_text);
    suite_add_tcase(suite, tests);
    return suite_main(suite);
}
