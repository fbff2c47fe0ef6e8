/*
 * wait_test.c - waiting until some of several futures are done; one after the other.
 */
#include <errno.h>

#include "tests/support/sim.h"
#include "tests/support/suite.h"

struct job {
    const char *name;
    double seconds;
    int code;
};

COROUTINE(work)
{
    const struct job *job = arg;
    int rc = weft_sleep(job->seconds);
    *result = (void *)(uintptr_t)job->name;
    return rc ? rc : job->code;
}

static struct job jobs[] = {{"a", 3, 0}, {"b", 1, 0}, {"c", 2, -EIO}};

static void start(weft_future **futures)
{
    for (int i = 0; i < 3; i++)
        futures[i] = weft_create_task(work, &jobs[i], NULL);
}

static void end(weft_future **futures)
{
    for (int i = 0; i < 3; i++) {
        weft_cancel(futures[i]);
        weft_join(futures[i], NULL);
    }
}

static double now(void)
{
    return weft_loop_time(weft_get_running_loop());
}

/* WAIT-01, WAIT-05, WAIT-06, WAIT-07, WAIT-10: when it returns, and what it says. */
START_SIM(return_when)
{
    weft_future *f[3], *same[3];
    size_t done = 9;

    start(f);
    memcpy(same, f, sizeof(f));
    ck_assert_int_eq(weft_wait(f, 3, WEFT_FOREVER, WEFT_FIRST_COMPLETED, &done), 0);
    ck_assert_uint_eq(done, 1);
    ck_assert_ptr_eq(f[0], same[1]);
    ck_assert_ptr_eq(f[1], same[0]);
    ck_assert_ptr_eq(f[2], same[2]);
    ck_assert_int_eq(weft_wait(f, 3, WEFT_FOREVER, WEFT_FIRST_EXCEPTION, &done), 0);
    ck_assert_double_le(now(), 2.001);
    ck_assert_uint_eq(done, 2);
    ck_assert_int_eq(weft_wait(f, 3, WEFT_FOREVER, WEFT_ALL_COMPLETED, &done), 0);
    ck_assert_double_ge(now(), 3);
    ck_assert_uint_eq(done, 3);
    end(f);
    return 0;
}

/* WAIT-09, WAIT-14: a time-out raises nothing and cancels nothing; a cancellation leaves them. */
START_SIM(time_is_over)
{
    weft_future *f[3];
    size_t done = 9;

    start(f);
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

/* ASCO-01, ASCO-02, ASCO-09, ASCO-14: in the order of completion, each once. */
START_SIM(as_completed)
{
    weft_future *f[4], *next;
    weft_as_completed iter;

    start(f);
    f[3] = f[0];
    ck_assert_int_eq(weft_as_completed_begin(&iter, f, 4, WEFT_FOREVER), 0);
    ck_assert_uint_eq(weft_as_completed_left(&iter), 3);
    ck_assert_int_eq(weft_as_completed_next(&iter, &next), 0);
    ck_assert_ptr_eq(next, f[1]);
    void *value = NULL;
    ck_assert_int_eq(weft_as_completed_next_result(&iter, &value), -EIO);
    ck_assert_int_eq(weft_as_completed_next_result(&iter, &value), 0);
    ck_assert_str_eq(value, "a");
    ck_assert_int_eq(weft_as_completed_next(&iter, &next), WEFT_ESTOPITERATION);
    weft_as_completed_end(&iter);
    end(f);
    return 0;
}

/* ASCO-05, ASCO-06, ASCO-08: the time is over for all that is left, and nothing is cancelled. */
START_SIM(as_completed_times_out)
{
    weft_future *f[3], *next;
    weft_as_completed iter;

    start(f);
    ck_assert_int_eq(weft_as_completed_begin(&iter, f, 3, 1.5), 0);
    ck_assert_int_eq(weft_as_completed_next(&iter, &next), 0);
    ck_assert_int_eq(weft_as_completed_next(&iter, &next), WEFT_ETIMEDOUT);
    ck_assert_int_eq(weft_as_completed_next(&iter, &next), WEFT_ETIMEDOUT);
    ck_assert_int_eq(weft_as_completed_next(&iter, &next), WEFT_ESTOPITERATION);
    weft_as_completed_end(&iter);
    ck_assert(!weft_done(f[0]) && !weft_done(f[2]));
    ck_assert_int_eq(weft_as_completed_begin(&iter, NULL, 0, 1.5), 0);
    ck_assert_int_eq(weft_as_completed_next(&iter, &next), WEFT_ESTOPITERATION);
    weft_as_completed_end(&iter);
    ck_assert_int_eq(weft_as_completed_begin(&iter, f, 3, 100), 0); /* left early */
    ck_assert_int_eq(weft_as_completed_next(&iter, &next), 0);
    weft_as_completed_end(&iter);
    end(f);
    return 0;
}

int main(void)
{
    Suite *suite = suite_create("wait");
    TCase *tests = tcase_create("wait");

    tcase_add_test(tests, return_when);
    tcase_add_test(tests, time_is_over);
    tcase_add_test(tests, refused);
    tcase_add_test(tests, as_completed);
    tcase_add_test(tests, as_completed_times_out);
    suite_add_tcase(suite, tests);
    return suite_main(suite);
}
