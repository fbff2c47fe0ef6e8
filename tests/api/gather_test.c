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

static const char *said(void)
{
    const char *message = weft_error_message(weft_error_current());
    return message ? message : "-";
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

/* GATH-06, GATH-07, GATH-08, GATH-18: the first error comes out at once, the others run on, and
 * their errors are nobody's business any more. */
START_SIM(first_error)
{
    struct job a = {"a", 3, -EIO, 0}, b = {"b", 1, -EPERM, 0}, c = {"c", 2, 0, 0};
    weft_future *jobs[] = {start(&a), start(&b), start(&c)};
    weft_future *g = weft_gather(jobs, 3, 0);

    ck_assert_int_eq(weft_await(g, NULL), -EPERM);
    ck_assert_str_eq(said(), "of b");
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
    ck_assert_str_eq(said(), "why");
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
    tcase_add_test(tests, first_error);
    tcase_add_test(tests, return_exceptions);
    tcase_add_test(tests, child_cancelled);
    tcase_add_test(tests, cancelled);
    tcase_add_test(tests, refused);
    tcase_add_test(tests, with_shields);
    tcase_add_test(tests, left_at_the_end);
    suite_add_tcase(suite, tests);
    return suite_main(suite);
}
