/*
 * close_test.c - the end of a loop: what is dropped with it cannot make work for it, and what comes
 * after it does not reach the next loop in its memory.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>

#include "tests/sched/callbacks.h"
#include "tests/support/faults.h"
#include "tests/support/suite.h"

static weft_loop *loop;
static atomic_int drops, refusals;

COROUTINE(do_nothing)
{
    return 0;
}

static void drop_nothing(void *arg)
{
    (void)arg;
    ck_abort_msg("what was refused was released");
}

static const weft_task_options refused_options = {.arg_drop = drop_nothing};

static void check_refused(const void *made)
{
    ck_assert_ptr_null(made);
    ck_assert_int_eq(errno, -WEFT_ELOOPCLOSED);
    atomic_fetch_add(&refusals, 1);
}

/* Tries all ways of making work for the loop that is being closed. */
static void make_work(void *arg)
{
    (void)arg;
    atomic_fetch_add(&drops, 1);
    weft_loop *here = weft_get_running_loop();
    check_refused(weft_create_task(do_nothing, NULL, NULL));
    check_refused(weft_create_task(do_nothing, NULL, &refused_options));
    check_refused(weft_create_task_on(here, do_nothing, NULL, NULL));
    check_refused(weft_spawn(do_nothing, NULL, NULL));
    check_refused(weft_run_coroutine_threadsafe(do_nothing, NULL, here));
    ck_assert_int_eq(weft_call_soon(here, note, "late", NULL), WEFT_ELOOPCLOSED);
    ck_assert_int_eq(weft_call_later(here, 0, note, "late", NULL), WEFT_ELOOPCLOSED);
    ck_assert_int_eq(weft_call_soon_threadsafe(here, note, "late", NULL), WEFT_ELOOPCLOSED);
    ck_assert_int_eq(weft_loop_set_task_factory(here, NULL, NULL), WEFT_ELOOPCLOSED);
    ck_assert_int_eq(weft_loop_run_forever(here), WEFT_ELOOPCLOSED);
    ck_assert_int_eq(weft_loop_close(here), WEFT_ELOOPRUNNING);
    ck_assert_int_eq(weft_loop_free(here), WEFT_ELOOPRUNNING);
}

static const weft_task_options working_arg = {.arg_drop = make_work};
static const weft_task_options working_result = {.result_drop = make_work};

static int hold_future(weft_future *future, void *arg)
{
    (void)future, (void)arg;
    return 0;
}

static weft_task *count_made(weft_loop *l, weft_coroutine fn, void *arg,
                             const weft_task_options *options, void *calls)
{
    ++*(int *)calls;
    return weft_task_new(l, fn, arg, options);
}

/* The argument of a task that never began, and a result whose last owner is a dropped callback,
 * are released while the loop closes: nothing can be begun there by then (LIFE-16). */
START_TEST(releases_make_no_work)
{
    int calls = 0;
    loop = virtual_loop();
    weft_loop_set_task_factory(loop, count_made, &calls);
    weft_task *result = weft_create_task_on(loop, do_nothing, NULL, &working_result);
    run_once(loop);
    ck_assert(weft_done(result));
    ck_assert_int_eq(weft_add_done_callback(result, hold_future, NULL), 0);
    weft_unref(result);
    weft_unref(weft_create_task_on(loop, sim_sleep, NULL, &working_arg));
    int calls_before = calls;
    ck_assert_int_eq(weft_loop_close(loop), 0);
    ck_assert_int_eq(atomic_load(&drops), 2);
    ck_assert_int_eq(atomic_load(&refusals), 10);
    ck_assert_int_eq(reports_count, 1); /* of the task that was pending */
    ck_assert_int_eq(calls, calls_before);
    ck_assert_ptr_null(weft_loop_get_task_factory(loop));
    ck_assert_trace("");
    ck_assert_int_eq(weft_loop_close(loop), 0);
    ck_assert_int_eq(weft_loop_free(loop), 0);
}
END_TEST

static int report_working(weft_loop *l, const weft_report *report, void *arg)
{
    make_work(arg);
    return report_record(l, report, NULL);
}

/* The same in the exception handler, which hears of each pending task. */
START_TEST(handlers_make_no_work)
{
    loop = virtual_loop();
    weft_loop_set_exception_handler(loop, report_working, NULL);
    weft_unref(weft_create_task_on(loop, sim_sleep, NULL, NULL));
    weft_unref(weft_create_task_on(loop, sim_sleep, NULL, NULL));
    run_once(loop);
    ck_assert_int_eq(weft_loop_close(loop), 0);
    ck_assert_int_eq(reports_count, 2);
    ck_assert_int_eq(weft_loop_free(loop), 0);
}
END_TEST

#define UNSTARTED 300 /* more than a ring holds */

/* Releases what spawned tasks were given, and spawns again. */
static void spawn_again(void *arg)
{
    (void)arg;
    atomic_fetch_add(&drops, 1);
    check_refused(weft_spawn(do_nothing, NULL, &refused_options));
    check_refused(weft_create_task(do_nothing, NULL, &refused_options));
}

static const weft_task_options spawning_arg = {.arg_drop = spawn_again};

COROUTINE(spawn_and_leave)
{
    for (int i = 0; i < UNSTARTED; i++) {
        weft_task *task = weft_spawn(do_nothing, NULL, &spawning_arg);
        ck_assert_ptr_nonnull(task);
        weft_unref(task);
    }
    return 0;
}

/* The runner's loops have no thread but that of the run. */
static void close_with_unstarted(void)
{
    weft_runner runner;
    ck_assert_int_eq(weft_runner_init(&runner, &(weft_runner_options){.loops = 3, .debug = -1}), 0);
    loop = weft_runner_get_loop(&runner);
    weft_loop_set_exception_handler(loop, report_record, NULL);
    ck_assert_int_eq(weft_runner_run(&runner, spawn_and_leave, NULL, NULL), 0);
    /* Closed early, it winds nothing down: the unstarted ones end with the runtime. */
    ck_assert_int_eq(weft_loop_close(loop), 0);
    ck_assert_int_eq(weft_runner_close(&runner), 0);
    ck_assert_int_gt(atomic_load(&drops), 0);
    ck_assert_int_eq(atomic_load(&refusals), 2 * atomic_load(&drops));
}

/* Spawned tasks that nobody has begun are ended at close, once all loops are closed: what their
 * arguments release cannot fill the rings again (RNR-12). */
START_TEST(released_arguments_spawn_nothing)
{
    run_with_fault(FAULT_THREAD, 1, EAGAIN, true, close_with_unstarted);
}
END_TEST

/* ---- the memory of a loop that is gone is another loop's ---- */

static int not_called(weft_future *future, void *arg)
{
    (void)future, (void)arg;
    ck_abort_msg("a callback ran on a later loop");
    return 0;
}

static int count_call(weft_future *future, void *count)
{
    (void)future;
    ++*(int *)count;
    return 0;
}

static void count_drop(void *value)
{
    ++*(int *)value;
}

static void *complete(void *future)
{
    static int value;
    ck_assert_int_eq(weft_future_set_result(future, &value), 0);
    return NULL;
}

/* Another thread completes the future. */
COROUTINE(have_it_completed)
{
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, complete, arg), 0);
    ck_assert_int_eq(weft_await(arg, NULL), 0);
    pthread_join(thread, NULL);
    return weft_yield();
}

COROUTINE(complete_it)
{
    complete(arg);
    return weft_yield();
}

/* Runs the body with a future of a loop that is gone, on another loop in the same memory. */
static void use_late(weft_coroutine body)
{
    int called = 0, dropped = 0;
    weft_loop *gone = virtual_loop();
    weft_future *f = weft_future_new(gone);
    ck_assert_int_eq(weft_add_done_callback(f, not_called, NULL), 0);
    ck_assert_int_eq(weft_loop_free(gone), 0);
    loop = virtual_loop();
    ck_assert_ptr_eq(loop, gone);

    ck_assert_int_eq(weft_add_done_callback(f, not_called, NULL), 0);
    weft_future *held = weft_future_new(loop);
    weft_future_set_drop(held, count_drop);
    weft_future_set_result(held, &dropped);
    weft_task *task = weft_create_task_on(loop, body, f, NULL);
    weft_add_done_callback(task, count_call, &called);
    ck_assert_int_eq(weft_loop_run_until_complete(loop, task, NULL), 0);
    run_once(loop);
    ck_assert_int_eq(called, 1);
    ck_assert(weft_done(f));
    ck_assert_int_eq(weft_add_done_callback(f, not_called, NULL), WEFT_ELOOPCLOSED);
    run_once(loop);
    weft_unref(f);
    weft_unref(held);
    weft_unref(task);
    ck_assert_int_eq(weft_loop_free(loop), 0);
    ck_assert_int_eq(dropped, 1);
}

/* Callbacks of a future that has outlived its loop are released and not run, whichever loop lives
 * in that memory when the future is done; that loop's own tasks may await it (MULT-05, MULT-08). */
START_TEST(callbacks_do_not_run_in_a_later_life)
{
    use_late(have_it_completed);
    use_late(complete_it);
}
END_TEST

/* A task that has ended with its loop tells nobody on a later one. */
START_TEST(a_task_of_a_gone_loop_tells_nobody)
{
    loop = virtual_loop();
    weft_task *task = weft_create_task_on(loop, sim_sleep, NULL, NULL);
    ck_assert_int_eq(weft_add_done_callback(task, not_called, NULL), 0);
    weft_loop *gone = loop;
    ck_assert_int_eq(weft_loop_free(gone), 0);
    loop = virtual_loop();
    ck_assert_ptr_eq(loop, gone);
    ck_assert(weft_cancelled(task));
    ck_assert_int_eq(weft_cancel(task), 0);
    ck_assert_int_eq(weft_add_done_callback(task, not_called, NULL), WEFT_ELOOPCLOSED);
    run_once(loop);
    weft_unref(task);
    ck_assert_int_eq(weft_loop_free(loop), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("close");
    TCase *tcase = tcase_create("close");
    tcase_add_test(tcase, releases_make_no_work);
    tcase_add_test(tcase, handlers_make_no_work);
    tcase_add_test(tcase, released_arguments_spawn_nothing);
    tcase_add_test(tcase, callbacks_do_not_run_in_a_later_life);
    tcase_add_test(tcase, a_task_of_a_gone_loop_tells_nobody);
    suite_add_tcase(suite, tcase);
    return suite_main(suite);
}
