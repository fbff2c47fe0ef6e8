/*
 * to_thread_test.c - blocking functions on threads of the pool, awaited by tasks.
 */
#include <errno.h>
#include <pthread.h>

#include "runtime/base/fault.h"
#include "tests/support/sim.h"
#include "tests/support/suite.h"
#include "tests/threadpool/gate.h"

static int tell_thread(void *arg, void **result)
{
    *(pthread_t *)arg = pthread_self();
    (void)result;
    return 0;
}

/* EXEC-01, EXEC-02, EXEC-06: fn runs once, in another thread than the loop's, with the argument. */
START_SIM(runs_elsewhere_once)
{
    pthread_t thread = pthread_self();
    _Atomic int calls = 0;
    void *value = NULL;
    ck_assert_int_eq(weft_join(weft_to_thread(tell_thread, &thread), NULL), 0);
    ck_assert(!pthread_equal(thread, pthread_self()));
    ck_assert_int_eq(weft_join(weft_to_thread(count_call, (void *)&calls), &value), 0);
    ck_assert_ptr_eq(value, (void *)&calls);
    ck_assert_int_eq(calls, 1);
    return 0;
}

static int fail_with_message(void *arg, void **result)
{
    (void)result;
    return weft_fail(-EIO, "disk %s", (const char *)arg);
}

/* EXEC-01, EXEC-20: an error of fn, with its object, is the error of the future. */
START_SIM(error_comes_home)
{
    ck_assert_int_eq(weft_join(weft_to_thread(fail_with_message, "sda"), NULL), -EIO);
    ck_assert_str_eq(weft_error_message(weft_error_current()), "disk sda");
    return 0;
}

COROUTINE(exit_in_thread)
{
    return WEFT_ESYSTEMEXIT;
}

/* EXEC-20: a fatal error is no more than that: the loop, and the pool's thread, go on. */
START_SIM(fatal_error_comes_home)
{
    pthread_t first, second;
    weft_executor *executor = weft_executor_new(&(weft_executor_options){.max_threads = 1});
    ck_assert_int_eq(weft_join(weft_run_in_executor(NULL, executor, tell_thread, &first), NULL), 0);
    ck_assert_int_eq(weft_join(weft_run_in_executor(NULL, executor, exit_in_thread, NULL), NULL),
                     WEFT_ESYSTEMEXIT);
    ck_assert_int_eq(weft_join(weft_run_in_executor(NULL, executor, tell_thread, &second), NULL),
                     0);
    ck_assert(pthread_equal(first, second));
    ck_assert_int_eq(weft_executor_shutdown(executor, WEFT_FOREVER, 0), 0);
    weft_executor_free(executor);
    return 0;
}

struct arrival {
    weft_loop *loop;
    sem_t posted;
    int turn;
};

static int note_arrival(void *arg)
{
    struct arrival *a = arg;
    a->turn = sim_turn();
    trace("arrived");
    return 0;
}

COROUTINE(post_arrival)
{
    struct arrival *a = arg;
    ck_assert_int_eq(weft_call_soon_threadsafe(a->loop, note_arrival, a, NULL), 0);
    sem_post(&a->posted);
    return 0;
}

struct awaiting {
    weft_future *work;
    int turn;
};

COROUTINE(await_it)
{
    struct awaiting *awaiting = arg;
    int rc = weft_await(awaiting->work, NULL);
    awaiting->turn = sim_turn();
    trace("awaited");
    return rc;
}

/* EXEC-19: the completion comes to the loop like a thread-safe callback, in the order of arrival; the
 * awaiter goes on in the iteration after it. */
START_SIM(awaiter_goes_on_one_iteration_later)
{
    static struct gate gate;
    struct arrival a = {.loop = weft_get_running_loop()};
    gate_init(&gate);
    sem_init(&a.posted, 0, 0);
    weft_executor *executor = weft_executor_new(&(weft_executor_options){.max_threads = 1});
    struct awaiting awaiting = {weft_run_in_executor(NULL, executor, pass_gate, &gate), 0};
    weft_task *awaiter = weft_create_task(await_it, &awaiting, NULL);
    weft_future *next = weft_run_in_executor(NULL, executor, post_arrival, &a);
    sim_pass(1); /* the awaiter waits */
    /* The loop is blocked: the one thread sends the end of the work home, and then runs what posts a
     * callback behind it. */
    sem_post(&gate.open);
    wait_for_sem(&a.posted);
    ck_assert_int_eq(weft_join(awaiter, NULL), 0);
    ck_assert_trace("arrived awaited");
    ck_assert_int_eq(awaiting.turn, a.turn + 1);
    ck_assert_int_eq(weft_join(next, NULL), 0);
    ck_assert_int_eq(weft_join(awaiting.work, NULL), 0);
    ck_assert_int_eq(weft_executor_shutdown(executor, WEFT_FOREVER, 0), 0);
    weft_executor_free(executor);
    return 0;
}

COROUTINE(ticker)
{
    for (int i = 0; i < 3; i++) {
        weft_yield();
        trace("tick");
    }
    return 0;
}

/* EXEC-01: the loop goes on meanwhile. */
START_SIM(loop_goes_on)
{
    static struct gate gate; /* outlives the test: a thread may still be inside */
    gate_init(&gate);
    weft_future *work = weft_to_thread(pass_gate, &gate);
    wait_for_sem(&gate.entered);
    ck_assert_int_eq(weft_join(weft_create_task(ticker, NULL, NULL), NULL), 0);
    ck_assert(!weft_done(work));
    sem_post(&gate.open);
    ck_assert_int_eq(weft_join(work, NULL), 0);
    ck_assert_trace("tick tick tick");
    return 0;
}

/* EXEC-03: several calls run at the same time. */
START_SIM(calls_run_together)
{
    static struct gate gate; /* outlives the test: a thread may still be inside */
    weft_future *work[3];
    gate_init(&gate);
    for (int i = 0; i < 3; i++)
        work[i] = weft_to_thread(pass_gate, &gate);
    for (int i = 0; i < 3; i++)
        wait_for_sem(&gate.entered); /* all three are inside */
    for (int i = 0; i < 3; i++)
        sem_post(&gate.open);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(weft_join(work[i], NULL), 0);
    return 0;
}

/* EXEC-07: cancelling work that runs gives WEFT_ECANCELLED at once; the thread goes on to its end.
 */
START_SIM(cancelling_running_work)
{
    static struct gate gate; /* outlives the test: a thread may still be inside */
    gate_init(&gate);
    weft_future *work = weft_to_thread(pass_gate, &gate);
    wait_for_sem(&gate.entered);
    ck_assert_int_eq(weft_cancel(work), 1);
    ck_assert_int_eq(weft_await(work, NULL), WEFT_ECANCELLED);
    weft_unref(work);
    sem_post(&gate.open);
    return 0;
}

/* EXEC-12, RUN-03: no loop, no function: an error, and nothing is submitted. */
START_TEST(bad_calls)
{
    _Atomic int calls = 0;
    errno = 0;
    ck_assert_ptr_null(weft_to_thread(count_call, (void *)&calls));
    ck_assert_int_eq(errno, -WEFT_ENOLOOP);
    ck_assert_ptr_null(weft_run_in_executor(NULL, NULL, NULL, NULL));
    ck_assert_int_eq(errno, EINVAL);
    weft_loop *loop = weft_new_event_loop(NULL);
    weft_loop_close(loop);
    ck_assert_ptr_null(weft_run_in_executor(loop, NULL, count_call, (void *)&calls)); /* EXEC-13 */
    ck_assert_int_eq(errno, -WEFT_ELOOPCLOSED);
    weft_loop_free(loop);
    ck_assert_int_eq(calls, 0);
}
END_TEST

/* A foreign thread may use an executor too: the future is a concurrent one. */
START_TEST(from_a_foreign_thread)
{
    _Atomic int calls = 0;
    weft_executor *executor = weft_executor_new(NULL);
    weft_future *f = weft_run_in_executor(NULL, executor, count_call, (void *)&calls);
    void *value = NULL;
    ck_assert_ptr_null(weft_future_get_loop(f));
    ck_assert_int_eq(weft_future_wait(f, WEFT_FOREVER, &value), 0);
    ck_assert_ptr_eq(value, (void *)&calls);
    weft_unref(f);
    ck_assert_int_eq(weft_executor_shutdown(executor, 60, 0), 0);
    weft_executor_free(executor);
}
END_TEST

/* Every allocation of a call may fail: an error comes back, and the next call works. */
START_SIM(no_memory)
{
    _Atomic int calls = 0;
    int failed = 0;
    for (unsigned long nth = 1; nth <= 8; nth++) {
        wf_fault_arm(FAULT_ALLOC, nth, ENOMEM, false);
        weft_future *f = weft_to_thread(count_call, (void *)&calls);
        wf_fault_reset();
        if (!f)
            failed++;
        else
            ck_assert_int_eq(weft_join(f, NULL), 0);
    }
    ck_assert_int_gt(failed, 0);
    ck_assert_int_eq(calls + failed, 8);
    return 0;
}

struct outliving {
    struct gate gate;
    weft_executor *executor;
    _Atomic int calls;
};

COROUTINE(leave_running)
{
    struct outliving *o = arg;
    weft_unref(weft_run_in_executor(NULL, o->executor, pass_gate, &o->gate));
    wait_for_sem(&o->gate.entered);
    return 0;
}

COROUTINE(sleep_after_it)
{
    struct outliving *o = arg;
    sem_post(&o->gate.open);
    /* The one thread of the executor comes to this when the work of the earlier loop is over. */
    weft_future *f = weft_run_in_executor(NULL, o->executor, count_call, (void *)&o->calls);
    ck_assert_int_eq(weft_join(f, NULL), 0);
    return weft_sleep(1);
}

/* Work that outlives its loop does not disturb a later loop, whose virtual time goes on (EXEC-18). */
START_TEST(work_outlives_its_loop)
{
    struct outliving o = {.calls = 0};
    weft_executor_options options = {.max_threads = 1};
    gate_init(&o.gate);
    o.executor = weft_executor_new(&options);
    ck_assert_int_eq(sim_run(leave_running, &o), 0);
    ck_assert_int_eq(sim_run(sleep_after_it, &o), 0);
    ck_assert_int_eq(weft_executor_shutdown(o.executor, WEFT_FOREVER, 0), 0);
    weft_executor_free(o.executor);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("to_thread");
    TCase *tcase = tcase_create("to_thread");

    tcase_add_test(tcase, runs_elsewhere_once);
    tcase_add_test(tcase, error_comes_home);
    tcase_add_test(tcase, fatal_error_comes_home);
    tcase_add_test(tcase, awaiter_goes_on_one_iteration_later);
    tcase_add_test(tcase, loop_goes_on);
    tcase_add_test(tcase, calls_run_together);
    tcase_add_test(tcase, cancelling_running_work);
    tcase_add_test(tcase, bad_calls);
    tcase_add_test(tcase, from_a_foreign_thread);
    tcase_add_test(tcase, no_memory);
    tcase_add_test(tcase, work_outlives_its_loop);
    suite_add_tcase(suite, tcase);
    return suite_main(suite);
}
