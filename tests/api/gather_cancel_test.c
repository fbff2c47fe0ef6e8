/*
 * gather_cancel_test.c - a gather is cancelled, directly or through the task that awaits it.
 */
#include <errno.h>

#include "tests/support/sim.h"
#include "tests/support/suite.h"

struct job {
    const char *name;
    double cleanup; /* how long it cleans up when it is cancelled */
    int ends;       /* with what, then */
};

COROUTINE(work)
{
    const struct job *job = arg;
    int rc = weft_sleep(100);
    if (rc != WEFT_ECANCELLED)
        return rc;
    const char *message = weft_error_message(weft_error_current());
    trace("%s:%s", job->name, message ? message : "-");
    if (job->cleanup > 0)
        ck_assert_int_eq(weft_sleep(job->cleanup), 0);
    trace("%s:clean", job->name);
    return job->ends;
}

static weft_task *start(const struct job *job)
{
    weft_task *task = weft_create_task(work, (void *)(uintptr_t)job, NULL);
    ck_assert_ptr_nonnull(task);
    return task;
}

static void unref_all(weft_future **futures, int count)
{
    for (int i = 0; i < count; i++)
        weft_unref(futures[i]);
}

/* GATH-13: with WEFT_RETURN_EXCEPTIONS it waits for all of them, and is cancelled then. */
START_SIM(collecting)
{
    struct job a = {"a", 1, WEFT_ECANCELLED}, b = {"b", 2, 0}, c = {"c", 0, -EIO};
    weft_future *jobs[] = {start(&a), start(&b), start(&c)};
    weft_future *g = weft_gather(jobs, 3, WEFT_RETURN_EXCEPTIONS);

    sim_pass(1);
    ck_assert_int_eq(weft_cancel_msg(g, "enough"), 1);
    ck_assert_int_eq(weft_await(g, NULL), WEFT_ECANCELLED);
    ck_assert(!weft_cancelled(g));
    ck_assert_double_ge(sim_now(), 2);
    ck_assert_trace("a:enough b:enough c:enough c:clean a:clean b:clean");
    ck_assert_int_eq(weft_result(jobs[1], NULL), 0);
    ck_assert_int_eq(weft_result(jobs[2], NULL), -EIO);
    weft_unref(g);
    unref_all(jobs, 3);
    ck_assert_int_eq(reports_count, 0);
    return 0;
}

/* GATH-11, GATH-14: without, it ends with the first that ends cancelled, while others clean up. */
START_SIM(first_that_ends)
{
    struct job a = {"a", 5, 0}, b = {"b", 1, WEFT_ECANCELLED};
    weft_future *jobs[] = {start(&a), start(&b)};
    weft_future *g = weft_gather(jobs, 2, 0);

    sim_pass(1);
    ck_assert_int_eq(weft_cancel_msg(g, "enough"), 1);
    ck_assert_int_eq(weft_await(g, NULL), WEFT_ECANCELLED);
    ck_assert_str_eq(weft_error_message(weft_error_current()), "enough");
    ck_assert_double_le(sim_now(), 1.001);
    ck_assert(!weft_done(jobs[0]));
    ck_assert_int_eq(weft_cancel(g), 0);
    ck_assert_int_eq(weft_await(jobs[0], NULL), 0);
    ck_assert_trace("a:enough b:enough b:clean a:clean");
    weft_unref(g);
    unref_all(jobs, 2);
    return 0;
}

COROUTINE(gathers)
{
    weft_future **jobs = arg;
    return weft_join(weft_gather(jobs, 2, 0), NULL);
}

/* GATH-11: cancelling the task that awaits it does the same. */
START_SIM(through_the_awaiter)
{
    struct job a = {"a", 0, WEFT_ECANCELLED}, b = {"b", 0, WEFT_ECANCELLED};
    weft_future *jobs[] = {start(&a), start(&b)};
    weft_task *t = weft_create_task(gathers, jobs, NULL);

    sim_pass(2);
    ck_assert_int_eq(weft_cancel_msg(t, "you"), 1);
    ck_assert_int_eq(weft_join(t, NULL), WEFT_ECANCELLED);
    ck_assert_trace("a:you a:clean b:you b:clean");
    ck_assert(weft_cancelled(jobs[0]) && weft_cancelled(jobs[1]));
    unref_all(jobs, 2);
    return 0;
}

/* GATH-12: what was asked and has heard it need not be done; who is done hears nothing more. */
START_SIM(again)
{
    weft_future *f[] = {weft_create_future(), weft_create_future()};
    weft_future *g = weft_gather(f, 2, 0);

    ck_assert_int_eq(weft_future_set_result(f[0], NULL), 0);
    ck_assert_int_eq(weft_cancel(g), 1);
    ck_assert(weft_cancelled(f[1]));
    ck_assert(!weft_done(g));
    ck_assert_int_eq(weft_cancel(g), 0);
    ck_assert_int_eq(weft_join(g, NULL), WEFT_ECANCELLED);
    unref_all(f, 2);
    return 0;
}

/* GATH-17: all children are done, though the gather has not heard of it: it comes too late. */
START_SIM(too_late)
{
    weft_future *f[] = {weft_create_future(), weft_create_future()};
    weft_future *g = weft_gather(f, 2, 0);

    ck_assert_int_eq(weft_future_set_result(f[0], NULL), 0);
    ck_assert_int_eq(weft_future_set_exception(f[1], -EIO), 0);
    ck_assert(!weft_done(g));
    ck_assert_int_eq(weft_cancel(g), 0);
    ck_assert_int_eq(weft_join(g, NULL), -EIO);
    unref_all(f, 2);
    return 0;
}

/* Through two levels of gathers, to a child that is there in both. */
START_SIM(nested)
{
    struct job a = {"a", 1, WEFT_ECANCELLED}, b = {"b", 0, 0};
    weft_future *jobs[] = {start(&a), start(&b)};
    weft_future *inner[] = {weft_gather(jobs, 2, WEFT_RETURN_EXCEPTIONS), weft_gather(jobs, 1, 0)};
    weft_future *g = weft_gather(inner, 2, WEFT_RETURN_EXCEPTIONS);

    sim_pass(1);
    ck_assert_int_eq(weft_cancel_msg(g, "all"), 1);
    ck_assert_int_eq(weft_join(g, NULL), WEFT_ECANCELLED);
    ck_assert_int_eq(weft_result(inner[0], NULL), WEFT_ECANCELLED);
    ck_assert_int_eq(weft_result(inner[1], NULL), WEFT_ECANCELLED);
    ck_assert(weft_done(jobs[0]) && weft_done(jobs[1]));
    unref_all(inner, 2);
    unref_all(jobs, 2);
    return 0;
}

COROUTINE(steps)
{
    for (int i = 0; i < 3; i++) {
        int rc = weft_yield();
        if (rc)
            return rc;
    }
    return 0;
}

struct attempt {
    weft_future *jobs[2], *gather;
    int flags;
};

COROUTINE(awaits_gather)
{
    struct attempt *attempt = arg;
    attempt->gather = weft_gather(attempt->jobs, 2, attempt->flags);
    return weft_await(attempt->gather, NULL);
}

/* The awaiter is cancelled in each of the iterations that it takes: either it hears it, or it was
 * done. The children, and the gather, end in any case. */
START_SIM(in_every_iteration)
{
    int late = 0;
    for (int k = 0; k < 20; k++) {
        struct attempt attempt = {.flags = k % 2 ? WEFT_RETURN_EXCEPTIONS : 0};
        attempt.jobs[0] = weft_create_task(steps, NULL, NULL);
        attempt.jobs[1] = weft_create_task(steps, NULL, NULL);
        weft_task *t = weft_create_task(awaits_gather, &attempt, NULL);
        sim_pass(k / 2);
        int heard = weft_cancel(t);
        late += !heard;
        ck_assert_int_eq(weft_join(t, NULL), heard ? WEFT_ECANCELLED : 0);
        sim_pass(3);
        ck_assert(weft_done(attempt.jobs[0]) && weft_done(attempt.jobs[1]));
        ck_assert(!attempt.gather || weft_done(attempt.gather));
        weft_unref(attempt.gather);
        unref_all(attempt.jobs, 2);
    }
    ck_assert_int_gt(late, 2);
    ck_assert_int_lt(late, 16);
    return 0;
}

#define CROWD 1000

/* A thousand children, a third of which are done. */
START_SIM(crowd)
{
    static weft_future *jobs[CROWD];
    for (int collect = 0; collect < 2; collect++) {
        for (int i = 0; i < CROWD; i++) {
            jobs[i] = weft_create_future();
            if (i % 3 == 0)
                weft_future_set_result(jobs[i], NULL);
        }
        weft_future *g = weft_gather(jobs, CROWD, collect ? WEFT_RETURN_EXCEPTIONS : 0);
        ck_assert_int_eq(weft_cancel(g), 1);
        ck_assert_int_eq(weft_join(g, NULL), WEFT_ECANCELLED);
        for (int i = 0; i < CROWD; i++)
            ck_assert_int_eq(weft_cancelled(jobs[i]), i % 3 != 0);
        unref_all(jobs, CROWD);
    }
    return 0;
}

static weft_future *own_gather;

COROUTINE(awaits_own_gather)
{
    return weft_await(own_gather, NULL);
}

/* A child that awaits its own gather: cancelling that comes back to it, and goes no further. */
START_TEST(circle_through_a_gather)
{
    weft_loop *loop = weft_new_event_loop(&(weft_loop_options){.clock = WEFT_CLOCK_VIRTUAL});
    weft_loop_set_exception_handler(loop, report_record, NULL);
    weft_task *t = weft_task_new(loop, awaits_own_gather, NULL, NULL);
    own_gather = weft_gather(&t, 1, 0);
    weft_loop_stop(loop);
    ck_assert_int_eq(weft_loop_run_forever(loop), 0);
    ck_assert_int_eq(weft_cancel(own_gather), 1);
    ck_assert_int_eq(weft_cancel(t), 1);
    ck_assert_int_eq(weft_loop_free(loop), 0);
    ck_assert(weft_done(t) && weft_done(own_gather));
    weft_unref(t);
    weft_unref(own_gather);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("gather cancel");
    TCase *tests = tcase_create("gather cancel");

    tcase_add_test(tests, collecting);
    tcase_add_test(tests, first_that_ends);
    tcase_add_test(tests, through_the_awaiter);
    tcase_add_test(tests, again);
    tcase_add_test(tests, too_late);
    tcase_add_test(tests, nested);
    tcase_add_test(tests, in_every_iteration);
    tcase_add_test(tests, crowd);
    tcase_add_test(tests, circle_through_a_gather);
    suite_add_tcase(suite, tests);
    return suite_main(suite);
}
