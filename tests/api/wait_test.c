/*
 * wait_test.c - waiting until some of several futures are done.
 */
#include <errno.h>

#include "tests/api/jobs.h"
#include "tests/support/suite.h"

COROUTINE(work)
{
    const struct job *job = arg;
    int rc = weft_sleep(job->seconds);
    *result = (void *)(uintptr_t)job->name;
    return rc ? rc : job->code;
}

/* WAIT-01, WAIT-05, WAIT-06, WAIT-07, WAIT-10: when it returns, and what it says. */
START_SIM(return_when)
{
    weft_future *f[3], *same[3];
    size_t done = 9;

    start(f, work);
    memcpy(same, f, sizeof(f));
    ck_assert_int_eq(weft_wait(f, 3, WEFT_FOREVER, WEFT_FIRST_COMPLETED, &done), 0);
    ck_assert_uint_eq(done, 1);
    ck_assert_ptr_eq(f[0], same[1]);
    ck_assert_ptr_eq(f[1], same[0]);
    ck_assert_ptr_eq(f[2], same[2]);
    ck_assert_int_eq(weft_wait(f, 3, WEFT_FOREVER, WEFT_FIRST_EXCEPTION, &done), 0);
    ck_assert_double_le(sim_now(), 2.001);
    ck_assert_uint_eq(done, 2);
    ck_assert_int_eq(weft_wait(f, 3, WEFT_FOREVER, WEFT_ALL_COMPLETED, &done), 0);
    ck_assert_double_ge(sim_now(), 3);
    ck_assert_uint_eq(done, 3);
    end(f);
    return 0;
}

/* WAIT-09, WAIT-14: a time-out raises nothing and cancels nothing; a cancellation leaves them. */
START_SIM(time_is_over)
{
    weft_future *f[3];
    size_t done = 9;

    start(f, work);
    ck_assert_int_eq(weft_wait(f, 3, 1.5, WEFT_ALL_COMPLETED, &done), 0);
    ck_assert_uint_eq(done, 1);
    int turn = sim_turn();
    ck_assert_int_eq(weft_wait(f, 3, 0, WEFT_ALL_COMPLETED, &done), 0); /* WAIT-13 */
    ck_assert_int_le(sim_turn() - turn, 2);
    weft_cancel(weft_current_task());
    ck_assert_int_eq(weft_wait(f, 3, 0, WEFT_ALL_COMPLETED, &done), WEFT_ECANCELLED);
    ck_assert(!weft_done(f[1]) && !weft_done(f[2]));
    end(f);
    return 0;
}

/* WAIT-02, WAIT-04, WAIT-12: refused arguments; and it suspends even when all are done. */
START_SIM(refused)
{
    weft_future *f = weft_create_future(), *none = NULL;
    size_t done = 9;
    int turn = sim_turn();

    ck_assert_int_eq(weft_wait(&f, 0, 1, WEFT_ALL_COMPLETED, &done), -EINVAL);
    ck_assert_int_eq(weft_wait(&none, 1, 1, WEFT_ALL_COMPLETED, &done), -EINVAL);
    ck_assert_int_eq(weft_wait(&f, 1, NAN, WEFT_ALL_COMPLETED, &done), -EINVAL);
    ck_assert_int_eq(weft_wait(&f, 1, 1, (weft_return_when)7, &done), -EINVAL);
    ck_assert_int_eq(sim_turn(), turn);
    weft_future_set_result(f, NULL);
    ck_assert_int_eq(weft_wait(&f, 1, 1, WEFT_ALL_COMPLETED, &done), 0);
    ck_assert_int_eq(sim_turn(), turn + 2);
    weft_unref(f);
    return 0;
}

static weft_future *both[2];

COROUTINE(waits_for_first)
{
    size_t done = 9;
    weft_future *f[] = {both[0], both[1]};
    ck_assert_int_eq(weft_wait(f, 2, WEFT_FOREVER, WEFT_FIRST_COMPLETED, &done), 0);
    trace("%d:%d", (int)done, sim_turn());
    return 0;
}

/* WAIT-11, WAIT-17: it resumes two iterations after the deciding one; what got done meanwhile is
 * done as well. */
START_SIM(done_meanwhile)
{
    char expected[20];
    both[0] = weft_create_future();
    both[1] = weft_create_future();
    weft_task *t = weft_create_task(waits_for_first, NULL, NULL);
    sim_pass(2);
    int turn = sim_turn();
    weft_future_set_result(both[1], NULL);
    sim_pass(1);
    weft_future_set_result(both[0], NULL);
    ck_assert_int_eq(weft_join(t, NULL), 0);
    snprintf(expected, sizeof(expected), "2:%d", turn + 2);
    ck_assert_trace(expected);
    weft_unref(both[0]);
    weft_unref(both[1]);
    return 0;
}

/* WAIT-07, WAIT-08: the cancelled one is no failure; the failure is one. WAIT-10: the errors are
 * still theirs, and are reported if nobody asks. */
START_SIM(first_exception)
{
    weft_future *f[3], *given[3];
    size_t done = 9;
    start(f, work);
    memcpy(given, f, sizeof(f));
    sim_pass(1);
    weft_cancel(f[1]);
    ck_assert_int_eq(weft_wait(f, 3, WEFT_FOREVER, WEFT_FIRST_EXCEPTION, &done), 0);
    ck_assert_uint_eq(done, 2);
    ck_assert_ptr_eq(f[0], given[1]);
    ck_assert_ptr_eq(f[1], given[2]);
    ck_assert_double_ge(sim_now(), 2);
    ck_assert_int_eq(weft_wait(f, 3, WEFT_FOREVER, WEFT_FIRST_EXCEPTION, NULL), 0);
    ck_assert_double_le(sim_now(), 2.001); /* the failed one decides at once */
    end(f);

    weft_future *failed = weft_create_future();
    weft_future_set_exception(failed, -EIO);
    ck_assert_int_eq(weft_wait(&failed, 1, 0, WEFT_FIRST_EXCEPTION, &done), 0);
    ck_assert_int_eq(weft_wait(&failed, 1, 0, WEFT_ALL_COMPLETED, &done), 0);
    ck_assert_uint_eq(done, 1);
    weft_unref(failed);
    ck_assert_int_eq(reports_count, 1);
    return 0;
}

/* WAIT-15, WAIT-18: beyond asyncio's sets, what stands there twice does so afterwards; and it can be
 * waited for again. */
START_SIM(twice)
{
    weft_future *a = weft_create_future(), *b = weft_create_future();
    weft_future *f[] = {a, b, a, b, a};
    size_t done = 9;
    weft_future_set_result(b, NULL);
    for (int again = 0; again < 2; again++) {
        ck_assert_int_eq(weft_wait(f, 5, WEFT_FOREVER, WEFT_FIRST_COMPLETED, &done), 0);
        ck_assert_uint_eq(done, 2);
        ck_assert(f[0] == b && f[1] == b && f[2] == a && f[3] == a && f[4] == a);
    }
    weft_future_set_result(a, NULL);
    ck_assert_int_eq(weft_wait(f, 5, WEFT_FOREVER, WEFT_ALL_COMPLETED, &done), 0);
    ck_assert_uint_eq(done, 5);
    weft_unref(a);
    weft_unref(b);
    return 0;
}

/* WAIT-12, WAIT-13: without time, what gets done meanwhile is seen. */
START_SIM(no_time)
{
    weft_task *f[] = {weft_create_task(work, &(struct job){"quick", 0, 0}, NULL)};
    size_t done = 9;
    int turn = sim_turn();
    ck_assert_int_eq(weft_wait(f, 1, -1, WEFT_ALL_COMPLETED, &done), 0);
    ck_assert_int_le(sim_turn() - turn, 2);
    ck_assert_uint_eq(done, (size_t)weft_done(f[0]));
    ck_assert_int_eq(weft_join(f[0], NULL), 0);
    return 0;
}

COROUTINE(completes)
{
    weft_future_set_result(arg, NULL);
    return 0;
}

static int complete(void *arg)
{
    return weft_future_set_result(arg, NULL);
}

COROUTINE(waits)
{
    weft_future *f[] = {both[0], both[1]};
    size_t done = 9;
    int rc = weft_wait(f, 2, *(double *)arg, WEFT_ALL_COMPLETED, &done);
    if (rc) {
        ck_assert_ptr_eq(f[0], both[0]); /* as it was */
        ck_assert_uint_eq(done, 9);
    } else {
        for (size_t i = 0; i < 2; i++)
            ck_assert_int_eq(weft_done(f[i]), i < done);
    }
    return rc;
}

/* WAIT-14: cancelled in each of the iterations that it takes, with the end of one, of both, and of
 * the time in each of them: it hears it, or was done. */
START_SIM(in_every_iteration)
{
    int heard = 0, late = 0;
    for (int k = 0; k < 6 * 4; k++) {
        double timeout = k / 12 ? 0 : 100;
        both[0] = weft_create_future();
        both[1] = weft_create_future();
        weft_task *t = weft_create_task(waits, &timeout, NULL);
        weft_future_set_result(both[0], NULL);
        sim_pass(k % 3);
        weft_unref(weft_create_task(completes, both[1], NULL));
        sim_pass(k % 12 / 3);
        bool asked = weft_cancel(t);
        *(asked ? &heard : &late) += 1;
        ck_assert_int_eq(weft_join(t, NULL), asked ? WEFT_ECANCELLED : 0);
        sim_pass(2);
        weft_unref(both[0]);
        weft_unref(both[1]);
    }
    ck_assert_int_gt(heard, 5);
    ck_assert_int_gt(late, 2);
    return 0;
}

/* The time is over in the iteration in which the last one gets done, either before the other. */
START_SIM(at_the_same_time)
{
    for (int order = 0; order < 2; order++) {
        double timeout = 5, when = sim_now() + 5;
        both[0] = weft_create_future();
        both[1] = weft_create_future();
        weft_future_set_result(both[0], NULL);
        if (order)
            ck_assert_int_eq(weft_call_at(weft_get_running_loop(), when, complete, both[1], NULL),
                             0);
        weft_task *t = weft_create_task(waits, &timeout, NULL);
        sim_pass(1);
        if (!order)
            ck_assert_int_eq(weft_call_at(weft_get_running_loop(), when, complete, both[1], NULL),
                             0);
        ck_assert_int_eq(weft_join(t, NULL), 0);
        weft_unref(both[0]);
        weft_unref(both[1]);
    }
    return 0;
}

#define CROWD 1000

/* A thousand, of which one after the other gets done. */
START_SIM(crowd)
{
    static weft_future *f[CROWD], *given[CROWD];
    size_t done = 0;
    for (int i = 0; i < CROWD; i++)
        given[i] = f[i] = weft_create_future();
    for (size_t i = 0; i < CROWD; i += 50) {
        for (size_t j = i; j < i + 50; j++)
            weft_future_set_result(given[(j * 379) % CROWD], NULL);
        ck_assert_int_eq(weft_wait(&f[i], CROWD - i, WEFT_FOREVER, WEFT_FIRST_COMPLETED, &done), 0);
        ck_assert_uint_eq(done, 50);
    }
    for (int i = 0; i < CROWD; i++)
        weft_unref(f[i]);
    return 0;
}

COROUTINE(waits_for_ever)
{
    weft_future *f[] = {both[0], both[1]};
    return weft_wait(f, 2, 1000, WEFT_ALL_COMPLETED, NULL);
}

/* The loop closes while a task waits, with one word on its way. */
START_TEST(loop_is_closed)
{
    weft_loop *loop = weft_new_event_loop(&(weft_loop_options){.clock = WEFT_CLOCK_VIRTUAL});
    weft_loop_set_exception_handler(loop, report_record, NULL);
    both[0] = weft_future_new(loop);
    both[1] = weft_future_new(NULL);
    weft_task *t = weft_task_new(loop, waits_for_ever, NULL, NULL);
    weft_loop_stop(loop);
    ck_assert_int_eq(weft_loop_run_forever(loop), 0);
    weft_future_set_result(both[0], NULL);
    ck_assert_int_eq(weft_loop_free(loop), 0);
    ck_assert(weft_cancelled(t));
    weft_future_set_result(both[1], NULL);
    weft_unref(t);
    weft_unref(both[0]);
    weft_unref(both[1]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("wait");
    TCase *tests = tcase_create("wait");

    tcase_add_test(tests, return_when);
    tcase_add_test(tests, time_is_over);
    tcase_add_test(tests, refused);
    tcase_add_test(tests, done_meanwhile);
    tcase_add_test(tests, first_exception);
    tcase_add_test(tests, twice);
    tcase_add_test(tests, no_time);
    tcase_add_test(tests, in_every_iteration);
    tcase_add_test(tests, at_the_same_time);
    tcase_add_test(tests, crowd);
    tcase_add_test(tests, loop_is_closed);
    suite_add_tcase(suite, tests);
    return suite_main(suite);
}
