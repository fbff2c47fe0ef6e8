/*
 * gather_test.c - one future for several.
 */
#include <errno.h>

#include "tests/support/sim.h"
#include "tests/support/suite.h"

static int values[3];

struct job {
    const char *name;
    double seconds;
    int code;      /* 0: returns &values[0] */
    int cancelled; /* what it ends with when it is cancelled */
};

COROUTINE(work)
{
    const struct job *job = arg;
    int rc = weft_sleep(job->seconds);
    if (rc == WEFT_ECANCELLED) {
        trace("%s:cancelled", job->name);
        return job->cancelled;
    }
    trace("%s", job->name);
    *result = &values[0];
    return job->code ? weft_fail(job->code, "of %s", job->name) : 0;
}

static weft_task *start(const struct job *job)
{
    return weft_create_task(work, (void *)(uintptr_t)job, NULL);
}

static void unref_all(weft_future **futures, int count)
{
    for (int i = 0; i < count; i++)
        weft_unref(futures[i]);
}

/* GATH-01, GATH-02, GATH-03, GATH-20: all run at the same time; the gather is done two iterations
 * after the last. */
START_SIM(all_run)
{
    struct job a = {"a", 3, 0, 0}, b = {"b", 1, 0, 0}, c = {"c", 2, 0, 0};
    weft_future *jobs[] = {start(&a), start(&b), start(&c)};
    weft_future *g = weft_gather(jobs, 3, 0);

    ck_assert(!weft_done(g));
    ck_assert_int_eq(weft_await(g, NULL), 0);
    ck_assert_trace("b c a");
    ck_assert_double_le(weft_loop_time(weft_get_running_loop()), 3.001);
    for (int i = 0; i < 3; i++) {
        void *value = NULL;
        ck_assert_int_eq(weft_result(jobs[i], &value), 0);
        ck_assert_ptr_eq(value, &values[0]);
    }
    weft_unref(g);
    unref_all(jobs, 3);
    return 0;
}

/* GATH-04, GATH-19: of nothing, or of what is done, it is done when it returns. */
START_SIM(done_at_once)
{
    weft_future *g = weft_gather(NULL, 0, 0);
    ck_assert(weft_done(g));
    ck_assert_int_eq(weft_join(g, NULL), 0);
    weft_future *f = weft_create_future();
    ck_assert_int_eq(weft_future_set_result(f, &values[0]), 0);
    weft_future *twice[] = {f, f};
    g = weft_gather(twice, 2, 0);
    ck_assert(weft_done(g));
    ck_assert_int_eq(weft_join(g, NULL), 0);
    weft_unref(f);
    return 0;
}

COROUTINE(says_when)
{
    int rc = weft_sleep(1);
    *result = (void *)(intptr_t)sim_turn();
    return rc;
}

/* GATH-20: the awaiter resumes two iterations after the one in which the last child finished. */
START_SIM(hops)
{
    void *when = NULL;
    weft_future *jobs[] = {weft_create_task(says_when, NULL, NULL), weft_create_future()};
    weft_future_set_result(jobs[1], NULL);
    ck_assert_int_eq(weft_join(weft_gather(jobs, 2, 0), NULL), 0);
    int turn = sim_turn();
    ck_assert_int_eq(weft_result(jobs[0], &when), 0);
    ck_assert_int_eq(turn, (int)(intptr_t)when + 2);
    unref_all(jobs, 2);
    return 0;
}

/* GATH-05: a child that stands there twice is one child. */
START_SIM(twice)
{
    struct job a = {"a", 1, 0, 0}, b = {"b", 2, 0, WEFT_ECANCELLED};
    weft_future *jobs[] = {start(&a), start(&b), NULL};
    jobs[2] = jobs[0];
    ck_assert_int_eq(weft_join(weft_gather(jobs, 3, 0), NULL), 0);
    ck_assert_trace("a b");
    unref_all(jobs, 2);
    jobs[0] = jobs[1] = jobs[2] = start(&b);
    weft_future *g = weft_gather(jobs, 3, WEFT_RETURN_EXCEPTIONS);
    sim_pass(1);
    ck_assert_int_eq(weft_cancel(g), 1);
    ck_assert_int_eq(weft_join(g, NULL), WEFT_ECANCELLED);
    ck_assert_trace("b:cancelled");
    weft_unref(jobs[0]);
    return 0;
}

/* A gather that nobody keeps works on; its own error, which nobody sees, is reported, its children's
 * are not. */
START_SIM(nobody_keeps_it)
{
    struct job a = {"a", 2, -EIO, 0}, b = {"b", 1, -EPERM, 0};
    weft_future *jobs[] = {start(&a), start(&b)};
    weft_unref(weft_gather(jobs, 2, 0));
    unref_all(jobs, 2);
    ck_assert_int_eq(weft_sleep(3), 0);
    ck_assert_int_eq(reports_count, 1);
    ck_assert_int_eq(reports_code, -EPERM);
    ck_assert_trace("b a");
    return 0;
}

/* Gathers of gathers: what ends a child ends those above it, two iterations later each. */
START_SIM(nested)
{
    struct job a = {"a", 3, 0, 0}, b = {"b", 1, 0, 0}, c = {"c", 2, 0, 0};
    weft_future *jobs[] = {start(&a), start(&b), start(&c)};
    weft_future *inner[] = {weft_gather(jobs, 2, 0), weft_gather(&jobs[2], 1, 0), NULL};
    inner[2] = jobs[1];
    ck_assert_int_eq(weft_join(weft_gather(inner, 3, 0), NULL), 0);
    unref_all(inner, 2);
    unref_all(jobs, 3);
    ck_assert_trace("b c a");

    a.code = -EIO;
    jobs[0] = start(&a);
    jobs[1] = start(&b);
    inner[0] = weft_gather(jobs, 2, WEFT_RETURN_EXCEPTIONS); /* this one does not fail */
    inner[1] = weft_gather(jobs, 2, 0);
    ck_assert_int_eq(weft_join(weft_gather(inner, 2, 0), NULL), -EIO);
    ck_assert_int_eq(weft_result(inner[0], NULL), 0);
    unref_all(inner, 2);
    unref_all(jobs, 2);
    ck_assert_trace("b a");
    return 0;
}

#define CROWD 1000

/* A thousand children that end in any order, some of them there twice. */
START_SIM(crowd)
{
    static weft_future *jobs[CROWD + 10];
    for (int i = 0; i < CROWD; i++)
        jobs[i] = weft_create_future();
    for (int i = 0; i < 10; i++)
        jobs[CROWD + i] = jobs[97 * i];
    for (int round = 0; round < 2; round++) {
        weft_future *g = weft_gather(jobs, CROWD + 10, 0);
        for (int i = 0; i < CROWD; i++) {
            ck_assert(round || !weft_done(g));
            weft_future_set_result(jobs[(i * 379) % CROWD], &values[0]);
            if (i % 100 == 0)
                sim_pass(1);
        }
        ck_assert_int_eq(weft_join(g, NULL), 0);
    }
    unref_all(jobs, CROWD);
    return 0;
}

/* GATH-06, GATH-07, GATH-08, GATH-18: the first error comes out at once, the others run on, and
 * their errors are nobody's business any more. */
START_SIM(first_error)
{
    struct job a = {"a", 3, -EIO, 0}, b = {"b", 1, -EPERM, 0}, c = {"c", 2, 0, 0};
    weft_future *jobs[] = {start(&a), start(&b), start(&c)};
    weft_future *g = weft_gather(jobs, 3, 0);

    ck_assert_int_eq(weft_await(g, NULL), -EPERM);
    ck_assert_str_eq(sim_said(), "of b");
    ck_assert_trace("b");
    ck_assert_int_eq(weft_cancel(g), 0);
    weft_unref(g);
    ck_assert_int_eq(weft_sleep(5), 0);
    ck_assert_trace("c a");
    unref_all(jobs, 3);
    ck_assert_int_eq(reports_count, 0);
    return 0;
}

/* GATH-09: errors are results. */
START_SIM(return_exceptions)
{
    struct job a = {"a", 3, -EIO, 0}, b = {"b", 1, 0, 0};
    weft_future *jobs[] = {start(&a), start(&b), weft_create_future()};
    weft_cancel(jobs[2]);
    weft_future *g = weft_gather(jobs, 3, WEFT_RETURN_EXCEPTIONS);

    ck_assert_int_eq(weft_join(g, NULL), 0);
    ck_assert_int_eq(weft_result(jobs[0], NULL), -EIO);
    ck_assert_int_eq(weft_result(jobs[2], NULL), WEFT_ECANCELLED);
    unref_all(jobs, 3);
    ck_assert_trace("b a");
    return 0;
}

/* GATH-10, GATH-16: a child that others cancelled is one that failed. */
START_SIM(child_cancelled)
{
    struct job a = {"a", 3, 0, WEFT_ECANCELLED}, b = {"b", 1, 0, 0};
    weft_future *jobs[] = {start(&a), start(&b)};
    weft_future *g = weft_gather(jobs, 2, 0);

    sim_pass(1);
    ck_assert_int_eq(weft_cancel_msg(jobs[0], "why"), 1);
    ck_assert_int_eq(weft_await(g, NULL), WEFT_ECANCELLED);
    ck_assert_str_eq(sim_said(), "why");
    ck_assert(!weft_cancelled(g));
    weft_unref(g);
    ck_assert_int_eq(weft_join(jobs[1], NULL), 0);
    weft_unref(jobs[0]);
    ck_assert_trace("a:cancelled b");
    return 0;
}

/* GATH-11, GATH-12, GATH-15, GATH-16: cancelling reaches every child, and stands even if all of them
 * return. */
START_SIM(cancelled)
{
    struct job a = {"a", 3, 0, 0}, b = {"b", 1, 0, 0};
    weft_future *jobs[] = {start(&a), start(&b)};
    weft_future *g = weft_gather(jobs, 2, 0);

    sim_pass(1);
    ck_assert_int_eq(weft_cancel(g), 1);
    ck_assert(!weft_done(g));
    ck_assert_int_eq(weft_await(g, NULL), WEFT_ECANCELLED);
    ck_assert(!weft_cancelled(g));
    weft_error *error = NULL;
    weft_exception(g, &error);
    ck_assert_int_eq(weft_error_code(error), WEFT_ECANCELLED);
    weft_error_unref(error);
    ck_assert_trace("a:cancelled b:cancelled");
    ck_assert_int_eq(weft_cancel(g), 0);
    weft_unref(g);
    unref_all(jobs, 2);
    return 0;
}

/* Is asked to end while it waits, or while it is ready to run, and fails or returns nevertheless. */
struct stubborn {
    bool waits;
    int code;
};

COROUTINE(stubborn_main)
{
    const struct stubborn *child = arg;
    (void)result;
    ck_assert_int_eq(child->waits ? weft_sleep(1) : weft_yield(), WEFT_ECANCELLED);
    ck_assert_str_eq(weft_error_message(weft_error_current()), "enough");
    (void)weft_yield();
    return child->code ? weft_fail(child->code, "mine") : 0;
}

/* GATH-15: with the message that the last child was asked to end with, unless a wait has heard it. */
START_SIM(message_of_the_last)
{
    for (int i = 0; i < 8; i++) {
        struct stubborn first = {i & 1, 0}, last = {i & 2, i & 4 ? -EIO : 0};
        weft_future *children[] = {weft_create_task(stubborn_main, &first, NULL),
                                   weft_create_task(stubborn_main, &last, NULL)};
        weft_future *g = weft_gather(children, 2, WEFT_RETURN_EXCEPTIONS);
        weft_error *error = NULL;

        sim_pass(1);
        ck_assert_int_eq(weft_cancel_msg(g, "enough"), 1);
        ck_assert_int_eq(weft_await(g, NULL), WEFT_ECANCELLED);
        weft_exception(g, &error);
        const char *message = weft_error_message(error);
        if (last.waits)
            ck_assert(!message || !*message);
        else
            ck_assert_str_eq(message, "enough");
        weft_error_unref(error);
        weft_unref(g);
        unref_all(children, 2);
    }
    return 0;
}

/* GATH-23: what cannot be awaited is refused, and what lies beside it runs on. */
START_SIM(refused)
{
    struct job a = {"a", 1, 0, 0};
    weft_future *jobs[] = {start(&a), NULL};

    ck_assert_ptr_null(weft_gather(jobs, 2, 0));
    ck_assert_int_eq(errno, EINVAL);
    ck_assert_ptr_null(weft_gather(jobs, 1, 8));
    ck_assert_int_eq(errno, EINVAL);
    ck_assert_int_eq(weft_join(jobs[0], NULL), 0);
    return 0;
}

/* GATH-25: a shield inside, a shield outside. */
START_SIM(with_shields)
{
    weft_future *f = weft_create_future();
    weft_future *s = weft_shield(f);
    weft_future *g = weft_gather(&s, 1, 0);
    ck_assert_int_eq(weft_cancel(g), 1);
    ck_assert_int_eq(weft_join(g, NULL), WEFT_ECANCELLED);
    ck_assert(weft_cancelled(s));
    ck_assert(!weft_done(f));
    weft_unref(s);

    g = weft_gather(&f, 1, 0);
    s = weft_shield(g);
    ck_assert_int_eq(weft_cancel(s), 1);
    sim_pass(3);
    ck_assert(!weft_done(g));
    ck_assert(!weft_done(f));
    weft_unref(s);
    weft_unref(g);
    ck_assert_int_eq(weft_future_set_result(f, NULL), 0);
    sim_pass(3);
    weft_unref(f);
    return 0;
}

/* GATH-04, GATH-21, GATH-22: outside a running loop it belongs to its children's loop, or to the
 * thread's current one; beyond asyncio, the children may be of several loops. */
START_TEST(outside_a_loop)
{
    weft_loop *loop = weft_new_event_loop(&(weft_loop_options){.clock = WEFT_CLOCK_VIRTUAL});
    weft_loop *other = weft_new_event_loop(NULL);
    weft_future *f[] = {weft_future_new(loop), weft_future_new(other), weft_future_new(NULL)};

    ck_assert_ptr_null(weft_gather(NULL, 0, 0));
    ck_assert_int_eq(errno, -WEFT_ENOLOOP);
    ck_assert_ptr_null(weft_gather(&f[2], 1, 0));
    ck_assert_int_eq(errno, -WEFT_ENOLOOP);
    weft_future *g = weft_gather(f, 3, 0);
    ck_assert_ptr_eq(weft_future_get_loop(g), loop);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(weft_future_set_result(f[i], NULL), 0);
    ck_assert_int_eq(weft_loop_run_until_complete(loop, g, NULL), 0);
    weft_unref(g);
    weft_set_event_loop(other);
    g = weft_gather(NULL, 0, 0);
    ck_assert_ptr_eq(weft_future_get_loop(g), other);
    ck_assert(weft_done(g));
    weft_unref(g);
    weft_set_event_loop(NULL);
    ck_assert_int_eq(weft_loop_close(other), 0);
    ck_assert_ptr_null(weft_gather(&f[1], 1, 0));
    ck_assert_int_eq(errno, -WEFT_ELOOPCLOSED);
    unref_all(f, 3);
    ck_assert_int_eq(weft_loop_free(other), 0);
    ck_assert_int_eq(weft_loop_free(loop), 0);
}
END_TEST

/* What is pending when the loop closes is let go. */
START_SIM(left_at_the_end)
{
    weft_future *f = weft_create_future();
    weft_unref(weft_shield(f));
    weft_unref(weft_gather(&f, 1, 0));
    weft_unref(f);
    return 0;
}

int main(void)
{
    Suite *suite = suite_create("gather");
    TCase *tests = tcase_create("gather");

    tcase_add_test(tests, all_run);
    tcase_add_test(tests, done_at_once);
    tcase_add_test(tests, hops);
    tcase_add_test(tests, twice);
    tcase_add_test(tests, nobody_keeps_it);
    tcase_add_test(tests, nested);
    tcase_add_test(tests, crowd);
    tcase_add_test(tests, first_error);
    tcase_add_test(tests, return_exceptions);
    tcase_add_test(tests, child_cancelled);
    tcase_add_test(tests, cancelled);
    tcase_add_test(tests, message_of_the_last);
    tcase_add_test(tests, refused);
    tcase_add_test(tests, with_shields);
    tcase_add_test(tests, outside_a_loop);
    tcase_add_test(tests, left_at_the_end);
    suite_add_tcase(suite, tests);
    return suite_main(suite);
}
