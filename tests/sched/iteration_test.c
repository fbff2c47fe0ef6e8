/*
 * iteration_test.c - the shape of one iteration of a loop: its order, its mail, its timers and its
 * sleep.
 */
#include <stdatomic.h>
#include <unistd.h>

#include "tests/sched/open_loop.h"
#include "tests/support/suite.h"

static int drain(void *arg)
{
    char byte;
    int fd = *(int *)arg;
    ck_assert_int_eq(read(fd, &byte, 1), 1);
    trace("descriptor");
    return 0;
}

/* In an iteration, callbacks come first, then those of ready descriptors, then due timers; equal
 * timers in the order in which they were armed (LIFE-20, LIFE-21). */
START_TEST(an_iteration_has_an_order)
{
    int ends[2];
    ck_assert_int_eq(pipe(ends), 0);
    ck_assert_int_eq(write(ends[1], "x", 1), 1);
    weft_call_at(loop, 0, note, "timer", NULL);
    weft_call_at(loop, 0, note, "timer2", NULL);
    weft_loop_add_reader(loop, ends[0], drain, &ends[0]);
    weft_call_soon(loop, note, "soon", NULL);
    weft_call_soon(loop, note, "soon2", NULL);
    run_once(loop);
    ck_assert_trace("soon soon2 descriptor timer timer2");
    weft_loop_remove_reader(loop, ends[0]);
    close(ends[0]);
    close(ends[1]);
}
END_TEST

static int again_left;

static int again(void *arg)
{
    (void)arg;
    trace("again");
    return again_left-- > 0 ? weft_call_soon(loop, again, NULL, NULL) : weft_loop_stop(loop);
}

/* What a callback queues runs in the next iteration, and descriptors are looked at in between
 * (LIFE-22). */
START_TEST(a_self_queueing_callback_starves_nobody)
{
    int ends[2];
    ck_assert_int_eq(pipe(ends), 0);
    ck_assert_int_eq(write(ends[1], "xy", 2), 2);
    weft_loop_add_reader(loop, ends[0], drain, &ends[0]);
    again_left = 3;
    weft_call_soon(loop, again, NULL, NULL);
    weft_call_later(loop, 0, note, "timer", NULL);
    ck_assert_int_eq(weft_loop_run_forever(loop), 0);
    ck_assert_trace("again descriptor timer again descriptor again again");
    weft_loop_remove_reader(loop, ends[0]);
    close(ends[0]);
    close(ends[1]);
}
END_TEST

static int busy(void *arg)
{
    return *(atomic_bool *)arg ? weft_loop_stop(loop) : weft_call_soon(loop, busy, arg, NULL);
}

static int finish(void *arg)
{
    atomic_store((atomic_bool *)arg, true);
    return 0;
}

static int finish_on_thread(void *arg, void **result)
{
    (void)result;
    return weft_call_soon_threadsafe(loop, finish, arg, NULL);
}

/* Nor does it starve what comes from other threads, tasks included (LIFE-22). */
START_TEST(a_self_queueing_callback_lets_mail_in)
{
    atomic_bool over = false;
    weft_call_soon(loop, busy, &over, NULL);
    weft_future *f = weft_run_in_executor(loop, NULL, finish_on_thread, &over);
    ck_assert_int_eq(weft_loop_run_forever(loop), 0);
    ck_assert_int_eq(weft_loop_run_until_complete(loop, f, NULL), 0);
    weft_unref(f);
}
END_TEST

static int look_at_clock(void *arg)
{
    *(double *)arg = weft_loop_time(loop);
    return 0;
}

/* With nothing queued the loop waits exactly until the earliest timer (LIFE-23). */
START_TEST(waits_for_the_earliest_timer)
{
    double first = 0, second = 0;
    weft_call_later(loop, 5, look_at_clock, &second, NULL);
    weft_call_later(loop, 2.5, look_at_clock, &first, NULL);
    weft_call_later(loop, 100 * 24 * 3600.0, stop, loop, NULL);
    ck_assert_int_eq(weft_loop_run_forever(loop), 0);
    ck_assert_double_eq(first, 2.5);
    ck_assert_double_eq(second, 5);
    ck_assert_double_eq(weft_loop_time(loop), 100 * 24 * 3600.0);
}
END_TEST

/* A timer of a tenth of a millisecond on the real clock costs a handful of iterations, not a spin
 * (LIFE-24). */
START_TEST(a_short_wait_is_no_spin)
{
    weft_loop_stats stats;
    weft_loop *l = weft_new_event_loop(NULL);
    double start = weft_loop_time(l);
    weft_call_later(l, 0.0001, stop, l, NULL);
    ck_assert_int_eq(weft_loop_run_forever(l), 0);
    ck_assert_double_ge(weft_loop_time(l), start + 0.0001);
    ck_assert_int_eq(weft_loop_get_stats(l, &stats), 0);
    ck_assert_uint_le(stats.iterations, 3);
    ck_assert_uint_le(stats.parks, 10);
    weft_loop_free(l);
}
END_TEST

/* Cancelled timers are gone at once, however many there are: the rest fires at its time (LIFE-25).
 */
START_TEST(cancelled_timers_are_dropped)
{
    enum { TIMERS = 1000 };
    static weft_handle *handles[TIMERS];
    double fired = 0;

    for (int i = 0; i < TIMERS; i++)
        ck_assert_int_eq(weft_call_later(loop, i + 1, note, "cancelled", &handles[i]), 0);
    for (int i = 0; i < TIMERS; i++) {
        weft_handle_cancel(handles[i]);
        weft_handle_unref(handles[i]);
    }
    weft_call_later(loop, 5000, look_at_clock, &fired, NULL);
    weft_call_later(loop, 5001, stop, loop, NULL);
    ck_assert_int_eq(weft_loop_run_forever(loop), 0);
    ck_assert_trace("");
    ck_assert_double_eq(fired, 5000);
}
END_TEST

/* A virtual clock starts at zero and moves by advance() and by waiting alone; a real one cannot be
 * moved. */
START_TEST(a_virtual_clock_can_be_moved)
{
    weft_loop *l = weft_new_event_loop(NULL);
    double fired = 0;

    ck_assert_double_eq(weft_loop_time(loop), 0);
    ck_assert_int_eq(weft_loop_advance(loop, 3), 0);
    ck_assert_double_eq(weft_loop_time(loop), 3);
    weft_call_at(loop, 2, look_at_clock, &fired, NULL);
    run_once(loop);
    ck_assert_double_eq(fired, 3);
    ck_assert_int_eq(weft_loop_advance(loop, -1), -EINVAL);
    ck_assert_int_eq(weft_loop_advance(loop, NAN), -EINVAL);
    ck_assert_int_eq(weft_loop_advance(NULL, 1), -EINVAL);
    ck_assert_int_eq(weft_loop_advance(l, 1), -EINVAL);
    weft_loop_free(l);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        an_iteration_has_an_order,
        a_self_queueing_callback_starves_nobody,
        a_self_queueing_callback_lets_mail_in,
        waits_for_the_earliest_timer,
        a_short_wait_is_no_spin,
        cancelled_timers_are_dropped,
        a_virtual_clock_can_be_moved,
    };
    Suite *suite = suite_create("iteration");
    TCase *tcase = tcase_create("one iteration");
    tcase_add_checked_fixture(tcase, make_loop, free_loop);
    for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
        tcase_add_test(tcase, tests[i]);
    suite_add_tcase(suite, tcase);
    return suite_main(suite);
}
