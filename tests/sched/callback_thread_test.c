/*
 * callback_thread_test.c - call_soon_threadsafe, and calls from a thread that is not the loop's.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "tests/sched/open_loop.h"
#include "tests/support/suite.h"

static weft_loop *real;

static void *wake_when_asleep(void *arg)
{
    wait_until_parked(real);
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

int main(void)
{
    const TTest *const tests[] = {
        a_call_from_a_thread_wakes_the_loop,  thread_safe_calls_share_the_queue,
        calls_of_one_thread_keep_their_order, calls_meet_a_closing_loop,
        debug_mode_tells_threads_apart,
    };
    Suite *suite = suite_create("callback_thread");
    TCase *tcase = tcase_create("from other threads");
    tcase_add_checked_fixture(tcase, make_loop, free_loop);
    for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
        tcase_add_test(tcase, tests[i]);
    suite_add_tcase(suite, tcase);
    return suite_main(suite);
}
