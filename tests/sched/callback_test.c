/*
 * callback_test.c - call_soon, call_soon_threadsafe, call_later, call_at, and their handles.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "tests/sched/callbacks.h"
#include "tests/support/faults.h"
#include "tests/support/suite.h"

static weft_loop *loop;

static void make_loop(void)
{
    loop = virtual_loop();
}

static void free_loop(void)
{
    ck_assert_int_eq(weft_loop_free(loop), 0);
}

/* ---- call_soon ---- */

/* Callbacks run once each, with their arguments, in the order in which they were registered
 * (SOON-01). */
START_TEST(callbacks_run_in_order)
{
    weft_call_soon(loop, note, "a", NULL);
    weft_call_soon(loop, note, "b", NULL);
    weft_call_soon(loop, note, "c", NULL);
    run_once(loop);
    ck_assert_trace("a b c");
    run_once(loop);
    ck_assert_trace("");
}
END_TEST

static int register_another(void *word)
{
    note(word);
    return weft_call_soon(loop, note, "inside", NULL);
}

/* What is registered from inside runs in the next iteration; outside, in the first of the next run
 * (SOON-02). */
START_TEST(a_registration_takes_effect_in_the_next_iteration)
{
    weft_call_soon(loop, register_another, "a", NULL);
    weft_call_soon(loop, note, "b", NULL);
    run_once(loop);
    ck_assert_trace("a b");
    weft_call_soon(loop, note, "c", NULL);
    run_once(loop);
    ck_assert_trace("inside c");
}
END_TEST

/* A callback that was cancelled before it started does not run, whichever way it was registered
 * (SOON-03). */
START_TEST(a_cancelled_callback_does_not_run)
{
    weft_handle *handles[4];
    weft_call_soon(loop, note, "a", &handles[0]);
    weft_call_soon_threadsafe(loop, note, "b", &handles[1]);
    weft_call_later(loop, 0, note, "c", &handles[2]);
    weft_call_at(loop, 0, note, "d", &handles[3]);
    weft_call_soon(loop, note, "e", NULL);
    for (int i = 0; i < 4; i++) {
        weft_handle_cancel(handles[i]);
        weft_handle_unref(handles[i]);
    }
    run_once(loop);
    ck_assert_trace("e");
}
END_TEST

static weft_handle *behind;

static int cancel_behind(void *arg)
{
    (void)arg;
    weft_handle_cancel(behind);
    return 0;
}

/* A callback can cancel one that is queued behind it in the same iteration, also a due timer
 * (SOON-04). */
START_TEST(a_callback_cancels_one_behind_it)
{
    weft_call_soon(loop, cancel_behind, NULL, NULL);
    weft_call_soon(loop, note, "behind", &behind);
    weft_call_soon(loop, note, "further", NULL);
    run_once(loop);
    ck_assert_trace("further");
    weft_handle_unref(behind);

    weft_call_later(loop, 1, cancel_behind, NULL, NULL);
    weft_call_later(loop, 1, note, "behind", &behind);
    weft_call_later(loop, 1, stop, loop, NULL);
    ck_assert_int_eq(weft_loop_run_forever(loop), 0);
    ck_assert_trace("");
    weft_handle_unref(behind);
}
END_TEST

/* Cancelling twice, or after the callback ran, only sets the flag, which nothing else sets
 * (SOON-05, SOON-06). */
START_TEST(cancel_is_idempotent)
{
    weft_handle *soon, *later;
    weft_call_soon(loop, note, "a", &soon);
    weft_call_later(loop, 1, note, "b", &later);
    ck_assert(!weft_handle_cancelled(soon));
    weft_call_later(loop, 2, stop, loop, NULL);
    ck_assert_int_eq(weft_loop_run_forever(loop), 0);
    ck_assert_trace("a b");
    ck_assert(!weft_handle_cancelled(soon));
    ck_assert(!weft_handle_cancelled(later));
    for (int i = 0; i < 2; i++) {
        weft_handle_cancel(soon);
        weft_handle_cancel(later);
        ck_assert(weft_handle_cancelled(soon));
        ck_assert(weft_handle_cancelled(later));
    }
    weft_handle_unref(soon);
    weft_handle_unref(later);

    weft_call_later(loop, 1, note, "c", &later);
    weft_handle_cancel(later);
    weft_handle_cancel(later);
    ck_assert(weft_handle_cancelled(later));
    weft_handle_unref(later);
    weft_handle_cancel(NULL);
    weft_handle_unref(NULL);
    ck_assert(!weft_handle_cancelled(NULL));
}
END_TEST

/* A handle lives for as long as somebody refers to it. */
START_TEST(a_handle_is_counted)
{
    weft_handle *handle;
    weft_call_soon(loop, note, "a", &handle);
    ck_assert_ptr_eq(weft_handle_ref(handle), handle);
    weft_handle_unref(handle);
    run_once(loop);
    ck_assert_trace("a");
    weft_handle_cancel(handle);
    ck_assert(weft_handle_cancelled(handle));
    weft_handle_unref(handle);
    ck_assert_ptr_null(weft_handle_ref(NULL));
}
END_TEST

static weft_handle *reported_handle;

static int report_handle(weft_loop *l, const weft_report *report, void *arg)
{
    reported_handle = report->handle;
    return report_record(l, report, arg);
}

static int fail_with(void *arg)
{
    return weft_fail(-EIO, "%s", (const char *)arg);
}

/* An error of a callback is reported with its message and the handle, and the others of the
 * iteration still run (SOON-07). */
START_TEST(an_error_is_reported)
{
    weft_handle *handle;
    weft_loop_set_exception_handler(loop, report_handle, NULL);
    weft_call_soon(loop, note, "a", NULL);
    weft_call_soon(loop, fail_with, "broken", &handle);
    weft_call_soon(loop, note, "b", NULL);
    run_once(loop);
    ck_assert_trace("a b");
    ck_assert_int_eq(reports_count, 1);
    ck_assert_int_eq(reports_code, -EIO);
    ck_assert_str_eq(reports_message, "Exception in callback");
    ck_assert_str_eq(reports_error, "broken");
    ck_assert_ptr_eq(reported_handle, handle);
    weft_handle_unref(handle);

    weft_call_later(loop, 0, fail_with, "late", NULL);
    run_once(loop);
    ck_assert_int_eq(reports_count, 2);
    ck_assert_str_eq(reports_error, "late");
}
END_TEST

/* ---- from other threads ---- */

static weft_loop *real;

static void *wake_when_asleep(void *arg)
{
    weft_loop_stats stats;
    do {
        sched_yield();
        ck_assert_int_eq(weft_loop_get_stats(real, &stats), 0);
    } while (!stats.parks);
    weft_handle *handle = NULL;
    ck_assert_int_eq(weft_call_soon_threadsafe(real, note, "called", &handle), 0);
    ck_assert_ptr_nonnull(handle);
    weft_handle_unref(handle);
    ck_assert_int_eq(weft_call_soon_threadsafe(real, stop, real, NULL), 0);
    return arg;
}

/* A call from another thread wakes a loop that sleeps, without limit or until a far timer (SOON-08,
 * LIFE-07). */
START_TEST(a_call_from_a_thread_wakes_the_loop)
{
    for (int far_timer = 0; far_timer < 2; far_timer++) {
        pthread_t thread;
        real = weft_new_event_loop(NULL);
        if (far_timer)
            weft_call_later(real, 100000, note, "late", NULL);
        ck_assert_int_eq(pthread_create(&thread, NULL, wake_when_asleep, NULL), 0);
        ck_assert_int_eq(weft_loop_run_forever(real), 0);
        pthread_join(thread, NULL);
        ck_assert_trace("called");
        weft_loop_free(real);
    }
}
END_TEST

static int from_inside(void *arg)
{
    (void)arg;
    trace("inside");
    weft_call_soon_threadsafe(loop, note, "safe", NULL);
    weft_call_soon(loop, note, "soon", NULL);
    return weft_call_soon_threadsafe(loop, note, "safe2", NULL);
}

/* Both kinds of registration share one queue (SOON-09). */
START_TEST(thread_safe_calls_share_the_queue)
{
    weft_call_soon(loop, note, "a", NULL);
    weft_call_soon_threadsafe(loop, note, "b", NULL);
    weft_call_soon(loop, note, "c", NULL);
    weft_call_soon_threadsafe(loop, note, "d", NULL);
    weft_call_soon(loop, from_inside, NULL, NULL);
    run_once(loop);
    ck_assert_trace("a b c d inside");
    run_once(loop);
    ck_assert_trace("safe soon safe2");
}
END_TEST

enum { THREADS = 4, CALLS = 3000 };

struct caller {
    pthread_t thread;
    int posted, ran;
    bool in_order;
};
static struct caller callers[THREADS];
static atomic_int calls_ran;

struct call {
    struct caller *caller;
    int number;
};
static struct call calls[THREADS][CALLS];

static int count_call(void *arg)
{
    struct call *call = arg;
    call->caller->in_order &= call->number == call->caller->ran;
    call->caller->ran++;
    return atomic_fetch_add(&calls_ran, 1) + 1 == THREADS * CALLS ? weft_loop_stop(real) : 0;
}

static void *call_often(void *arg)
{
    struct caller *caller = arg;
    struct call *mine = calls[caller - callers];
    for (int i = 0; i < CALLS; i++) {
        mine[i] = (struct call){caller, i};
        if (weft_call_soon_threadsafe(real, count_call, &mine[i], NULL) == WEFT_ELOOPCLOSED)
            break;
        caller->posted++;
    }
    return NULL;
}

/* Calls from each thread keep their order, and none is lost (SOON-08, SOON-09). */
START_TEST(calls_of_one_thread_keep_their_order)
{
    real = weft_new_event_loop(NULL);
    for (int i = 0; i < THREADS; i++) {
        callers[i].in_order = true;
        ck_assert_int_eq(pthread_create(&callers[i].thread, NULL, call_often, &callers[i]), 0);
    }
    ck_assert_int_eq(weft_loop_run_forever(real), 0);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(callers[i].thread, NULL);
        ck_assert_int_eq(callers[i].ran, CALLS);
        ck_assert(callers[i].in_order);
    }
    weft_loop_free(real);
}
END_TEST

/* While the loop closes, a call succeeds or says that it is closed; what ran was called at most
 * once, and nothing is lost (SOON-10, LIFE-27). */
START_TEST(calls_meet_a_closing_loop)
{
    for (int round = 0; round < 20; round++) {
        real = weft_new_event_loop(NULL);
        atomic_store(&calls_ran, 0);
        for (int i = 0; i < THREADS; i++) {
            callers[i] = (struct caller){.in_order = true};
            ck_assert_int_eq(pthread_create(&callers[i].thread, NULL, call_often, &callers[i]), 0);
        }
        while (atomic_load(&calls_ran) < round * 10)
            run_once(real);
        ck_assert_int_eq(weft_loop_close(real), 0);
        for (int i = 0; i < THREADS; i++) {
            pthread_join(callers[i].thread, NULL);
            ck_assert_int_le(callers[i].ran, callers[i].posted);
            ck_assert(callers[i].in_order);
        }
        ck_assert_int_eq(weft_call_soon_threadsafe(real, note, "closed", NULL), WEFT_ELOOPCLOSED);
        weft_loop_free(real);
    }
}
END_TEST

/* ---- timers ---- */

static double fired_at;

static int look_at_clock(void *arg)
{
    fired_at = weft_loop_time(arg);
    return weft_loop_stop(arg);
}

/* A timer fires once, not before its time, by the loop's clock (SOON-11). */
START_TEST(a_timer_fires_once_and_never_early)
{
    weft_loop_advance(loop, 10);
    weft_call_later(loop, 1.5, look_at_clock, loop, NULL);
    ck_assert_int_eq(weft_loop_run_forever(loop), 0);
    ck_assert_double_eq(fired_at, 11.5);
    fired_at = 0;
    weft_call_later(loop, 100, stop, loop, NULL);
    ck_assert_int_eq(weft_loop_run_forever(loop), 0);
    ck_assert_double_eq(fired_at, 0);

    real = weft_new_event_loop(NULL);
    double delay = 0.00001;
    for (int i = 0; i < 7; i++, delay *= 3) {
        double start = weft_loop_time(real);
        weft_call_later(real, delay, look_at_clock, real, NULL);
        ck_assert_int_eq(weft_loop_run_forever(real), 0);
        ck_assert_double_ge(fired_at, start + delay - 0.000000001);
    }
    weft_loop_free(real);
}
END_TEST

static int arm_now(void *arg)
{
    trace("arm");
    return weft_call_later(arg, 0, note, "armed", NULL);
}

/* Zero and negative delays are due in the next iteration, the earliest deadline first; one that is
 * set by a callback does not run in that callback's iteration (SOON-12, SOON-13). */
START_TEST(delays_may_be_zero_or_negative)
{
    weft_call_later(loop, 0, note, "zero", NULL);
    weft_call_later(loop, -1, note, "minus one", NULL);
    weft_call_later(loop, -2, note, "minus two", NULL);
    weft_call_later(loop, -INFINITY, note, "ever", NULL);
    weft_call_later(loop, 0, note, "zero too", NULL);
    run_once(loop);
    ck_assert_trace("ever minus two minus one zero zero too");

    weft_call_soon(loop, arm_now, loop, NULL);
    weft_call_soon(loop, note, "after", NULL);
    run_once(loop);
    ck_assert_trace("arm after");
    run_once(loop);
    ck_assert_trace("armed");
    ck_assert_double_eq(weft_loop_time(loop), 0);
}
END_TEST

/* What is no time is refused (SOON-14). */
START_TEST(a_time_must_be_a_number)
{
    weft_handle *handle = NULL;
    ck_assert_int_eq(weft_call_later(loop, NAN, note, "a", &handle), -EINVAL);
    ck_assert_int_eq(weft_call_at(loop, NAN, note, "a", &handle), -EINVAL);
    ck_assert_ptr_null(handle);
}
END_TEST

/* An absolute deadline is what when() gives back; one without end never comes, and a callback
 * without a deadline has none (SOON-15, SOON-18). */
START_TEST(a_handle_knows_its_deadline)
{
    weft_handle *at, *later, *soon, *never;
    weft_loop_advance(loop, 2);
    weft_call_at(loop, 3.25, note, "at", &at);
    weft_call_later(loop, 0.5, note, "later", &later);
    weft_call_soon(loop, note, "soon", &soon);
    weft_call_later(loop, WEFT_FOREVER, note, "never", &never);
    ck_assert_double_eq(weft_handle_when(at), 3.25);
    ck_assert_double_eq(weft_handle_when(later), 2.5);
    ck_assert(isnan(weft_handle_when(soon)));
    ck_assert(isnan(weft_handle_when(NULL)));
    weft_call_at(loop, 1e9, stop, loop, NULL);
    ck_assert_int_eq(weft_loop_run_forever(loop), 0);
    ck_assert_trace("soon later at");
    ck_assert_double_eq(weft_handle_when(at), 3.25);
    weft_handle_unref(at);
    weft_handle_unref(later);
    weft_handle_unref(soon);
    weft_handle_unref(never);
}
END_TEST

/* Timers run in the order of their deadlines, equal ones first come first, however they were armed
 * (SOON-16). */
START_TEST(timers_run_by_deadline)
{
    weft_call_later(loop, 3, note, "3", NULL);
    weft_call_later(loop, 1, note, "1", NULL);
    weft_call_at(loop, 2, note, "2", NULL);
    weft_call_later(loop, 2, note, "2b", NULL);
    weft_call_at(loop, 1, note, "1b", NULL);
    weft_call_later(loop, 4, stop, loop, NULL);
    ck_assert_int_eq(weft_loop_run_forever(loop), 0);
    ck_assert_trace("1 1b 2 2b 3");

    /* Three are due at once: one iteration, by deadline. */
    weft_call_at(loop, 7, note, "7", NULL);
    weft_call_at(loop, 5, note, "5", NULL);
    weft_call_at(loop, 6, note, "6", NULL);
    weft_loop_advance(loop, 100);
    run_once(loop);
    ck_assert_trace("5 6 7");
}
END_TEST

/* A cancelled timer does not run, and the loop does not wait for it (SOON-17). */
START_TEST(a_cancelled_timer_is_gone)
{
    weft_handle *handle;
    weft_call_later(loop, 1, note, "a", &handle);
    weft_handle_cancel(handle);
    weft_handle_unref(handle);
    weft_call_later(loop, 1000, note, "b", &handle);
    weft_handle_cancel(handle);
    weft_call_later(loop, 5, stop, loop, NULL);
    ck_assert_int_eq(weft_loop_run_forever(loop), 0);
    ck_assert_double_eq(weft_loop_time(loop), 5);
    ck_assert_trace("");
    weft_handle_unref(handle);
}
END_TEST

/* The clock never goes back, and starts anywhere (SOON-18). */
START_TEST(time_is_monotonic)
{
    weft_loop *l = weft_new_event_loop(NULL);
    double last = weft_loop_time(l);
    for (int i = 0; i < 10000; i++) {
        double now = weft_loop_time(l);
        ck_assert_double_ge(now, last);
        last = now;
    }
    weft_loop_free(l);
}
END_TEST

/* ---- arguments, debug mode, resources ---- */

/* What is no callback or no loop is refused at registration (DBG-06). */
START_TEST(bad_arguments_are_refused)
{
    weft_handle *handle = NULL;
    ck_assert_int_eq(weft_call_soon(loop, NULL, NULL, &handle), -EINVAL);
    ck_assert_int_eq(weft_call_soon(NULL, note, NULL, &handle), -EINVAL);
    ck_assert_int_eq(weft_call_soon_threadsafe(loop, NULL, NULL, &handle), -EINVAL);
    ck_assert_int_eq(weft_call_soon_threadsafe(NULL, note, NULL, &handle), -EINVAL);
    ck_assert_int_eq(weft_call_later(loop, 1, NULL, NULL, &handle), -EINVAL);
    ck_assert_int_eq(weft_call_later(NULL, 1, note, NULL, &handle), -EINVAL);
    ck_assert_int_eq(weft_call_at(loop, 1, NULL, NULL, &handle), -EINVAL);
    ck_assert_int_eq(weft_call_at(NULL, 1, note, NULL, &handle), -EINVAL);
    ck_assert_ptr_null(handle);
}
END_TEST

/* The other thread's registrations; *arg: what each must answer. */
static void *register_from_thread(void *arg)
{
    int expected = *(int *)arg;
    weft_loop *own = virtual_loop();
    for (int with_loop = 0; with_loop < 2; with_loop++) {
        weft_set_event_loop(with_loop ? own : NULL);
        ck_assert_int_eq(weft_call_soon(loop, note, "a", NULL), expected);
        ck_assert_int_eq(weft_call_later(loop, 1, note, "b", NULL), expected);
        ck_assert_int_eq(weft_call_at(loop, 1, note, "c", NULL), expected);
    }
    weft_loop_free(own);
    ck_assert_int_eq(weft_call_soon_threadsafe(loop, note, "safe", NULL), 0);
    return NULL;
}

static void in_thread(int expected)
{
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, register_from_thread, &expected), 0);
    pthread_join(thread, NULL);
}

static int in_thread_while_running(void *arg)
{
    in_thread(*(int *)arg);
    return 0;
}

/* In debug mode a running loop refuses registrations from other threads, whether or not they have
 * loops; a loop that does not run, or without debug mode, does not look, and debug mode can be
 * switched off again (DBG-03, DBG-04, DBG-13). */
START_TEST(debug_mode_tells_threads_apart)
{
    int refused = WEFT_EWRONGTHREAD, accepted = 0;

    weft_loop_set_debug(loop, 1);
    in_thread(0);
    weft_call_soon(loop, in_thread_while_running, &refused, NULL);
    run_once(loop);
    weft_loop_set_debug(loop, 0);
    weft_call_soon(loop, in_thread_while_running, &accepted, NULL);
    run_once(loop);
}
END_TEST

static void register_all(void)
{
    weft_loop *l = weft_new_event_loop(&(weft_loop_options){.clock = WEFT_CLOCK_VIRTUAL});
    int rc[4] = {-ENOMEM, -ENOMEM, -ENOMEM, -ENOMEM};

    if (!l)
        return;
    weft_handle *handle = NULL;
    rc[0] = weft_call_soon(l, note, "a", &handle);
    ck_assert(rc[0] ? !handle : !!handle);
    rc[1] = weft_call_soon_threadsafe(l, note, "b", NULL);
    rc[2] = weft_call_later(l, 0, note, "c", NULL);
    rc[3] = weft_call_at(l, 0, note, "d", NULL);
    run_once(l);
    int missing = 0;
    for (int i = 0; i < 4; i++) {
        ck_assert(rc[i] == 0 || rc[i] == -ENOMEM);
        missing += rc[i] != 0;
    }
    ck_assert_int_le(missing, 1);
    char expected[16] = "";
    for (int i = 0; i < 4; i++)
        if (!rc[i])
            snprintf(expected + strlen(expected), sizeof(expected) - strlen(expected), "%s%c",
                     expected[0] ? " " : "", 'a' + i);
    ck_assert_trace(expected);
    weft_handle_unref(handle);
    weft_loop_free(l);
}

/* Without memory a registration fails with ENOMEM, and the others are as good as ever. */
START_TEST(registration_without_memory)
{
    ck_assert_uint_ge(run_with_each_fault(FAULT_ALLOC, ENOMEM, register_all), 5);
}
END_TEST

static Suite *callback_suite(void)
{
    const TTest *const tests[] = {
        callbacks_run_in_order,
        a_registration_takes_effect_in_the_next_iteration,
        a_cancelled_callback_does_not_run,
        a_callback_cancels_one_behind_it,
        cancel_is_idempotent,
        a_handle_is_counted,
        an_error_is_reported,
        a_call_from_a_thread_wakes_the_loop,
        thread_safe_calls_share_the_queue,
        calls_of_one_thread_keep_their_order,
        calls_meet_a_closing_loop,
        a_timer_fires_once_and_never_early,
        delays_may_be_zero_or_negative,
        a_time_must_be_a_number,
        a_handle_knows_its_deadline,
        timers_run_by_deadline,
        a_cancelled_timer_is_gone,
        time_is_monotonic,
        bad_arguments_are_refused,
        debug_mode_tells_threads_apart,
    };
    Suite *suite = suite_create("callback");
    TCase *callbacks = tcase_create("callbacks"), *faults = tcase_create("faults");
    tcase_add_checked_fixture(callbacks, make_loop, free_loop);
    for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
        tcase_add_test(callbacks, tests[i]);
    suite_add_tcase(suite, callbacks);
    tcase_add_test(faults, registration_without_memory);
    suite_add_tcase(suite, faults);
    return suite;
}

int main(void)
{
    return suite_main(callback_suite());
}
