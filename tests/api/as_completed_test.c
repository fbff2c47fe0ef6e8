/*
 * as_completed_test.c - futures one after the other, in the order in which they get done.
 */
#include <errno.h>

#include "tests/api/jobs.h"
#include "tests/support/suite.h"

COROUTINE(work)
{
    const struct job *job = arg;
    trace("%s", job->name);
    int rc = weft_sleep(job->seconds);
    *result = (void *)(uintptr_t)job->name;
    return rc ? rc : job->code;
}

/* ASCO-02, ASCO-03, ASCO-04, ASCO-09, ASCO-14: the futures themselves, in the order of completion,
 * each once, failed ones too; they run before anybody asks. */
START_SIM(in_order)
{
    weft_future *f[4], *next;
    weft_as_completed iter;
    static const int order[] = {1, 2, 0};

    start(f, work);
    f[3] = f[0];
    ck_assert_int_eq(weft_as_completed_begin(&iter, f, 4, WEFT_FOREVER), 0);
    sim_pass(2);
    ck_assert_trace("a b c");
    for (size_t i = 0; i < 3; i++) {
        ck_assert_uint_eq(weft_as_completed_left(&iter), 3 - i);
        ck_assert_int_eq(weft_as_completed_next(&iter, &next), 0);
        ck_assert_ptr_eq(next, f[order[i]]);
        ck_assert(weft_done(next));
    }
    ck_assert_int_eq(weft_as_completed_next(&iter, &next), WEFT_ESTOPITERATION);
    weft_as_completed_end(&iter);
    end(f);
    return 0;
}

/* ASCO-01, ASCO-14: the results, and the errors where there are some. */
START_SIM(results)
{
    weft_future *f[3];
    weft_as_completed iter;
    void *value = NULL;

    start(f, work);
    ck_assert_int_eq(weft_as_completed_begin(&iter, f, 3, WEFT_FOREVER), 0);
    ck_assert_int_eq(weft_as_completed_next_result(&iter, &value), 0);
    ck_assert_str_eq(value, "b");
    ck_assert_int_eq(weft_as_completed_next_result(&iter, &value), -EIO);
    weft_cancel(f[0]);
    ck_assert_int_eq(weft_as_completed_next_result(&iter, &value), WEFT_ECANCELLED);
    ck_assert_int_eq(weft_cancelling(weft_current_task()), 0);
    ck_assert_int_eq(weft_as_completed_next_result(&iter, &value), WEFT_ESTOPITERATION);
    weft_as_completed_end(&iter);
    end(f);
    return 0;
}

/* ASCO-05, ASCO-06, ASCO-08: the time is over for all that is left, and nothing is cancelled. */
START_SIM(time_is_over)
{
    weft_future *f[3], *next;
    weft_as_completed iter;

    start(f, work);
    ck_assert_int_eq(weft_as_completed_begin(&iter, f, 3, 1.5), 0);
    ck_assert_int_eq(weft_as_completed_next(&iter, &next), 0);
    ck_assert_int_eq(weft_as_completed_next_result(&iter, NULL), WEFT_ETIMEDOUT);
    ck_assert_int_eq(weft_as_completed_next(&iter, &next), WEFT_ETIMEDOUT);
    ck_assert_int_eq(weft_as_completed_next(&iter, &next), WEFT_ESTOPITERATION);
    weft_as_completed_end(&iter);
    ck_assert(!weft_done(f[0]) && !weft_done(f[2]));
    ck_assert_int_eq(weft_as_completed_begin(&iter, NULL, 0, 0), 0);
    ck_assert_int_eq(weft_as_completed_next(&iter, &next), WEFT_ESTOPITERATION);
    weft_as_completed_end(&iter);
    end(f);
    return 0;
}

/* ASCO-06: left early. */
START_SIM(left_early)
{
    weft_future *f[3], *next;
    weft_as_completed iter;

    start(f, work);
    ck_assert_int_eq(weft_as_completed_begin(&iter, f, 3, 100), 0);
    ck_assert_int_eq(weft_as_completed_next(&iter, &next), 0);
    weft_as_completed_end(&iter);
    ck_assert_uint_eq(weft_as_completed_left(&iter), 0);
    ck_assert_int_eq(weft_as_completed_next(&iter, &next), -EINVAL);
    weft_as_completed_end(&iter);
    ck_assert_int_eq(weft_sleep(3), 0);
    ck_assert_int_eq(weft_result(f[0], NULL), 0);
    end(f);
    return 0;
}

static int idle_rounds;

static int no_timer_left(void *arg)
{
    idle_rounds++;
    return weft_future_set_result(arg, NULL);
}

/* ASCO-07: a time-out that is not reached leaves no timer: with all done, and with the iteration
 * left, nothing but the loop's being idle goes on. */
START_SIM(no_timer_stays)
{
    weft_future *f[3], *next, *idle = weft_create_future();
    weft_as_completed iter;

    for (int i = 0; i < 2; i++) {
        start(f, work);
        ck_assert_int_eq(weft_as_completed_begin(&iter, f, 3, 1000), 0);
        for (int asked = 0; asked < (i ? 1 : 3); asked++)
            ck_assert_int_eq(weft_as_completed_next(&iter, &next), 0);
        if (i)
            weft_as_completed_end(&iter);
        end(f);
        ck_assert_int_eq(weft_loop_set_idle_callback(weft_get_running_loop(), no_timer_left, idle),
                         0);
        ck_assert_int_eq(weft_join(idle, NULL), 0);
        ck_assert_double_le(sim_now(), 5);
        weft_loop_set_idle_callback(weft_get_running_loop(), NULL, NULL);
        idle = weft_create_future();
        if (!i)
            weft_as_completed_end(&iter);
    }
    ck_assert_int_eq(idle_rounds, 2);
    weft_unref(idle);
    return 0;
}

static weft_as_completed shared;

COROUTINE(asks)
{
    void *value = (void *)(uintptr_t) "-";
    int rc = weft_as_completed_next_result(&shared, &value);
    trace("%s:%s:%s", (char *)arg, rc ? weft_error_name(rc) : "0", (char *)value);
    return rc;
}

static weft_task *ask(const char *name)
{
    return weft_create_task(asks, (void *)(uintptr_t)name, NULL);
}

/* ASCO-10: several tasks ask at once; each gets the next one, in the order in which they asked. */
START_SIM(several_ask)
{
    weft_future *f[3];
    weft_task *t[] = {ask("1"), ask("2"), ask("3"), ask("4")};

    start(f, work);
    ck_assert_int_eq(weft_as_completed_begin(&shared, f, 3, WEFT_FOREVER), 0);
    ck_assert_int_eq(weft_sleep(4), 0);
    for (int i = 0; i < 4; i++)
        (void)weft_join(t[i], NULL);
    ck_assert_trace("4:WEFT_ESTOPITERATION:- a b c 1:0:b 2:EIO:- 3:0:a");
    weft_as_completed_end(&shared);
    end(f);
    return 0;
}

/* ASCO-05: the time is over for all of those who ask; and so is the iteration when it is ended. */
START_SIM(several_wait_in_vain)
{
    weft_future *f[3];
    weft_task *t[6];

    start(f, work);
    ck_assert_int_eq(weft_as_completed_begin(&shared, f, 3, 1.5), 0);
    for (int i = 0; i < 3; i++)
        t[i] = ask("t");
    ck_assert_int_eq(weft_sleep(1.6), 0);
    ck_assert_trace("a b c t:0:b t:WEFT_ETIMEDOUT:- t:WEFT_ETIMEDOUT:-");
    weft_as_completed_end(&shared);
    ck_assert_int_eq(weft_as_completed_begin(&shared, &f[0], 1, WEFT_FOREVER), 0);
    weft_future *never[] = {weft_create_future(), weft_create_future(), weft_create_future()};
    weft_as_completed_end(&shared);
    ck_assert_int_eq(weft_as_completed_begin(&shared, never, 3, WEFT_FOREVER), 0);
    for (int i = 3; i < 6; i++)
        t[i] = ask("e");
    sim_pass(1);
    weft_future_set_result(never[0], (void *)(uintptr_t) "n");
    weft_as_completed_end(&shared);
    sim_pass(3);
    ck_assert_trace("e:WEFT_ESTOPITERATION:- e:WEFT_ESTOPITERATION:- e:WEFT_ESTOPITERATION:-");
    for (int i = 0; i < 6; i++)
        (void)weft_join(t[i], NULL);
    for (int i = 0; i < 3; i++)
        weft_unref(never[i]);
    end(f);
    return 0;
}

/* ASCO-11: it can be left and gone on with. */
START_SIM(left_and_continued)
{
    weft_future *f[3], *next;

    start(f, work);
    ck_assert_int_eq(weft_as_completed_begin(&shared, f, 3, WEFT_FOREVER), 0);
    ck_assert_int_eq(weft_as_completed_next(&shared, &next), 0);
    ck_assert_ptr_eq(next, f[1]);
    ck_assert_int_eq(weft_sleep(10), 0);
    trace_clear();
    (void)weft_join(ask("other"), NULL);
    ck_assert_trace("other:EIO:-");
    ck_assert_int_eq(weft_as_completed_next(&shared, &next), 0);
    ck_assert_ptr_eq(next, f[0]);
    weft_as_completed_end(&shared);
    end(f);
    return 0;
}

/* ASCO-13: what it belongs to must be known; and what is refused. */
START_TEST(refused)
{
    weft_future *concurrent = weft_future_new(NULL), *none = NULL, *next;
    ck_assert_int_eq(weft_as_completed_begin(&shared, NULL, 0, 1), WEFT_ENOLOOP);
    ck_assert_int_eq(weft_as_completed_begin(&shared, &concurrent, 1, 1), WEFT_ENOLOOP);
    ck_assert_int_eq(weft_as_completed_begin(&shared, &none, 1, 1), -EINVAL);
    ck_assert_int_eq(weft_as_completed_begin(&shared, &concurrent, 1, NAN), -EINVAL);
    ck_assert_int_eq(weft_as_completed_begin(NULL, &concurrent, 1, 1), -EINVAL);
    ck_assert_int_eq(weft_as_completed_next(&shared, &next), -EINVAL);
    weft_as_completed_end(&shared);
    weft_as_completed_end(NULL);
    ck_assert_uint_eq(weft_as_completed_left(NULL), 0);
    weft_unref(concurrent);
}
END_TEST

/* ASCO-15: without time, what is done already is given out before the time is over. */
START_SIM(no_time)
{
    weft_future *f[] = {weft_create_future(), weft_create_future(), weft_create_future()}, *next;
    weft_future_set_result(f[2], NULL);
    weft_future_set_result(f[0], NULL);
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(weft_as_completed_begin(&shared, f, 3, -i), 0);
        ck_assert_int_eq(weft_as_completed_next(&shared, &next), 0);
        ck_assert_ptr_eq(next, f[0]);
        ck_assert_int_eq(weft_as_completed_next(&shared, &next), 0);
        ck_assert_ptr_eq(next, f[2]);
        ck_assert_int_eq(weft_as_completed_next(&shared, &next), WEFT_ETIMEDOUT);
        weft_as_completed_end(&shared);
    }
    for (int i = 0; i < 3; i++)
        weft_unref(f[i]);
    return 0;
}

COROUTINE(says_when)
{
    int rc = weft_sleep(1);
    *result = (void *)(intptr_t)sim_turn();
    return rc;
}

/* ASCO-16: who waits resumes two iterations after the one in which the future finished. */
START_SIM(hops)
{
    void *when = NULL;
    weft_task *t = weft_create_task(says_when, NULL, NULL);
    ck_assert_int_eq(weft_as_completed_begin(&shared, &t, 1, WEFT_FOREVER), 0);
    ck_assert_int_eq(weft_as_completed_next_result(&shared, &when), 0);
    ck_assert_int_eq(sim_turn(), (int)(intptr_t)when + 2);
    weft_as_completed_end(&shared);
    weft_unref(t);
    return 0;
}

/* The first who asks is cancelled in each iteration around a completion: what it does not take, the
 * second gets. */
START_SIM(cancelled_in_every_iteration)
{
    int both_got = 0;
    for (int k = 0; k < 8; k++) {
        weft_future *f[] = {weft_create_future(), weft_create_future()};
        ck_assert_int_eq(weft_as_completed_begin(&shared, f, 2, WEFT_FOREVER), 0);
        weft_task *first = ask("1"), *second = ask("2");
        sim_pass(2);
        weft_future_set_result(f[0], (void *)(uintptr_t) "f0");
        sim_pass(k / 2);
        int heard = weft_cancel(first);
        if (k % 2)
            weft_future_set_result(f[1], (void *)(uintptr_t) "f1");
        sim_pass(4);
        ck_assert_int_eq(weft_result(first, NULL), heard ? WEFT_ECANCELLED : 0);
        ck_assert_int_eq(weft_done(second), heard || k % 2);
        weft_future_set_result(f[1], (void *)(uintptr_t) "f1");
        ck_assert_int_eq(weft_join(second, NULL), 0);
        ck_assert_uint_eq(weft_as_completed_left(&shared), heard ? 1 : 0);
        both_got += !heard;
        weft_as_completed_end(&shared);
        weft_unref(first);
        weft_unref(f[0]);
        weft_unref(f[1]);
    }
    ck_assert_int_gt(both_got, 0);
    ck_assert_int_lt(both_got, 8);
    return 0;
}

static int complete(void *arg)
{
    return weft_future_set_result(arg, NULL);
}

/* The time is over in the iteration in which one gets done: nothing comes twice, nothing is lost. */
START_SIM(at_the_same_time)
{
    for (int order = 0; order < 2; order++) {
        weft_future *f[] = {weft_create_future(), weft_create_future()}, *next;
        double when = sim_now() + 5;
        weft_loop *loop = weft_get_running_loop();
        if (order)
            ck_assert_int_eq(weft_call_at(loop, when, complete, f[0], NULL), 0);
        ck_assert_int_eq(weft_as_completed_begin(&shared, f, 2, 5), 0);
        if (!order)
            ck_assert_int_eq(weft_call_at(loop, when, complete, f[0], NULL), 0);
        int given = 0, timed_out = 0, rc;
        while ((rc = weft_as_completed_next(&shared, &next)) != WEFT_ESTOPITERATION)
            *(rc ? &timed_out : &given) += 1;
        ck_assert_int_eq(given + timed_out, 2);
        ck_assert_int_ge(timed_out, 1);
        weft_as_completed_end(&shared);
        weft_unref(f[0]);
        weft_unref(f[1]);
    }
    return 0;
}

#define CROWD 1000

/* A thousand that get done in any order, each of them there twice. */
START_SIM(crowd)
{
    static weft_future *f[2 * CROWD];
    weft_future *next;
    for (int i = 0; i < CROWD; i++)
        f[i] = f[2 * CROWD - 1 - i] = weft_create_future();
    ck_assert_int_eq(weft_as_completed_begin(&shared, f, (size_t)2 * CROWD, 1000), 0);
    for (int i = 0; i < CROWD; i++) {
        weft_future_set_result(f[(i * 379) % CROWD], NULL);
        if (i % 3 == 0) {
            ck_assert_int_eq(weft_as_completed_next(&shared, &next), 0);
            ck_assert_ptr_eq(next, f[(i / 3 * 379) % CROWD]);
        }
    }
    for (int i = CROWD / 3 + 1; i < CROWD; i++) {
        ck_assert_int_eq(weft_as_completed_next(&shared, &next), 0);
        ck_assert_ptr_eq(next, f[(i * 379) % CROWD]);
    }
    ck_assert_uint_eq(weft_as_completed_left(&shared), 0);
    weft_as_completed_end(&shared);
    for (int i = 0; i < CROWD; i++)
        weft_unref(f[i]);
    return 0;
}

static weft_future *left[2];

COROUTINE(begins_and_asks)
{
    weft_future *next;
    ck_assert_int_eq(weft_as_completed_begin(&shared, left, 2, 1000), 0);
    return weft_as_completed_next(&shared, &next);
}

/* The loop closes while a task asks; the iteration is ended after that. */
START_TEST(loop_is_closed)
{
    weft_loop *loop = weft_new_event_loop(&(weft_loop_options){.clock = WEFT_CLOCK_VIRTUAL});
    weft_loop_set_exception_handler(loop, report_record, NULL);
    left[0] = weft_future_new(loop);
    left[1] = weft_future_new(NULL);
    weft_task *t = weft_task_new(loop, begins_and_asks, NULL, NULL);
    weft_loop_stop(loop);
    ck_assert_int_eq(weft_loop_run_forever(loop), 0);
    weft_future_set_result(left[0], NULL);
    ck_assert_int_eq(weft_loop_close(loop), 0);
    ck_assert(weft_cancelled(t));
    weft_future_set_result(left[1], NULL);
    weft_as_completed_end(&shared);
    weft_unref(t);
    weft_unref(left[0]);
    weft_unref(left[1]);
    ck_assert_int_eq(weft_loop_free(loop), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("as_completed");
    TCase *tests = tcase_create("as_completed");

    tcase_add_test(tests, in_order);
    tcase_add_test(tests, results);
    tcase_add_test(tests, time_is_over);
    tcase_add_test(tests, left_early);
    tcase_add_test(tests, no_timer_stays);
    tcase_add_test(tests, several_ask);
    tcase_add_test(tests, several_wait_in_vain);
    tcase_add_test(tests, left_and_continued);
    tcase_add_test(tests, refused);
    tcase_add_test(tests, no_time);
    tcase_add_test(tests, hops);
    tcase_add_test(tests, cancelled_in_every_iteration);
    tcase_add_test(tests, at_the_same_time);
    tcase_add_test(tests, crowd);
    tcase_add_test(tests, loop_is_closed);
    suite_add_tcase(suite, tests);
    return suite_main(suite);
}
