/*
 * occupy_test.c - a loop belongs to one party at a time: those who come from other threads while it
 * starts, stops or is closed.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "runtime/sched/loop.h"
#include "tests/sched/callbacks.h"
#include "tests/support/suite.h"

#define TASKS 50

static atomic_bool over, begun;
static weft_loop *loop;

static void *ask_until_over(void *arg)
{
    (void)arg;
    while (!atomic_load(&over)) {
        weft_task **tasks = NULL;
        long count = weft_all_tasks(loop, &tasks);
        ck_assert_int_ge((int)count, 0);
        for (long i = 0; i < count; i++)
            ck_assert_ptr_eq(weft_future_get_loop(tasks[i]), loop);
        weft_task_list_free(tasks, count);
        atomic_store(&begun, true);
    }
    return NULL;
}

static pthread_t start(void *(*body)(void *), void *arg)
{
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, body, arg), 0);
    return thread;
}

/* A loop is closed under a thread that asks for its tasks (INTR-09): they are listed, or ended. */
START_TEST(tasks_are_asked_for_during_close)
{
    for (int round = 0; round < 40; round++) {
        loop = virtual_loop();
        weft_task *tasks[TASKS];
        for (int i = 0; i < TASKS; i++)
            tasks[i] = weft_create_task_on(loop, sim_sleep, NULL, NULL);
        if (round % 2)
            run_once(loop);
        atomic_store(&over, false);
        atomic_store(&begun, false);
        pthread_t thread = start(ask_until_over, NULL);
        while (!atomic_load(&begun))
            sched_yield();
        ck_assert_int_eq(weft_loop_close(loop), 0);
        for (int i = 0; i < TASKS; i++) {
            ck_assert(weft_cancelled(tasks[i]));
            weft_unref(tasks[i]);
        }
        atomic_store(&over, true);
        pthread_join(thread, NULL);
        ck_assert_int_eq(weft_loop_free(loop), 0);
    }
}
END_TEST

static void *ask_once(void *arg)
{
    weft_task **tasks = NULL;
    (void)arg;
    ck_assert_int_eq((int)weft_all_tasks(loop, &tasks), 1);
    weft_task_list_free(tasks, 1);
    return NULL;
}

static pthread_t asker;

/* The last callback of a run: goes on when the question is there. */
static int be_asked(void *arg)
{
    asker = start(ask_once, arg);
    while (!inbox_has_mail(&loop->inbox))
        sched_yield();
    return 0;
}

/* Who asks a running loop gets the answer even if the run ends first, and no other begins. */
START_TEST(a_question_is_answered_after_the_run)
{
    loop = virtual_loop();
    weft_task *task = weft_create_task_on(loop, sim_sleep, NULL, NULL);
    run_once(loop);
    weft_call_soon(loop, be_asked, NULL, NULL);
    run_once(loop);
    pthread_join(asker, NULL);
    weft_cancel(task);
    ck_assert_int_eq(weft_loop_run_until_complete(loop, task, NULL), WEFT_ECANCELLED);
    weft_unref(task);
    ck_assert_int_eq(weft_loop_free(loop), 0);
}
END_TEST

#define CALLBACKS 300

static atomic_int calls;

static int count_call(weft_future *future, void *arg)
{
    (void)future, (void)arg;
    atomic_fetch_add(&calls, 1);
    return 0;
}

static int ignore_call(weft_future *future, void *arg)
{
    (void)future, (void)arg;
    return 0;
}

/* The loop has callbacks of its own come and go. */
static int come_and_go(void *future)
{
    ck_assert_int_eq(weft_add_done_callback(future, ignore_call, NULL), 0);
    ck_assert(weft_remove_done_callback(future, ignore_call, NULL) == 1 || weft_done(future));
    return 0;
}

static void *run_in_bursts(void *future)
{
    while (!atomic_load(&over)) {
        if (!weft_done(future))
            weft_call_soon(loop, come_and_go, future, NULL);
        run_once(loop);
    }
    return NULL;
}

/* Done callbacks come and go on one thread while another starts and stops the future's loop: what
 * was not removed is called, once (FUT-13, FUT-16). */
START_TEST(callbacks_meet_a_starting_loop)
{
    for (int round = 0; round < 10; round++) {
        loop = virtual_loop();
        weft_future *f = weft_future_new(loop);
        int removed = 0;
        atomic_store(&over, false);
        atomic_store(&calls, 0);
        pthread_t thread = start(run_in_bursts, f);
        for (int i = 0; i < CALLBACKS; i++) {
            char *name = trace_text + i;
            ck_assert_int_eq(weft_add_done_callback(f, count_call, name), 0);
            if (i % 2)
                removed += weft_remove_done_callback(f, count_call, name);
        }
        ck_assert_int_eq(weft_future_set_result(f, NULL), 0);
        while (atomic_load(&calls) + removed < CALLBACKS)
            sched_yield();
        atomic_store(&over, true);
        pthread_join(thread, NULL);
        run_once(loop);
        ck_assert_int_eq(atomic_load(&calls) + removed, CALLBACKS);
        weft_unref(f);
        ck_assert_int_eq(weft_loop_free(loop), 0);
    }
}
END_TEST

static void *add_and_remove(void *future)
{
    char name;
    for (int i = 0; i < 3000; i++) {
        ck_assert_int_eq(weft_add_done_callback(future, count_call, &name), 0);
        ck_assert_int_eq(weft_remove_done_callback(future, count_call, &name), 1);
    }
    return NULL;
}

/* Each thread finds its own callback, whoever else removes some at that moment (FUT-16). */
START_TEST(removers_miss_nothing)
{
    weft_future *f = weft_future_new(NULL);
    pthread_t threads[3];
    for (int i = 0; i < 3; i++)
        threads[i] = start(add_and_remove, f);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    ck_assert_int_eq(weft_future_set_result(f, NULL), 0);
    ck_assert_int_eq(atomic_load(&calls), 0);
    weft_unref(f);
}
END_TEST

static void *cancel_task(void *task)
{
    ck_assert_int_eq(weft_cancel(task), 1);
    return NULL;
}

/* A cancellation meets the start of the loop, or its close: the task ends cancelled either way. */
START_TEST(cancellation_meets_a_start_or_a_close)
{
    for (int round = 0; round < 200; round++) {
        loop = virtual_loop();
        weft_task *task = weft_create_task_on(loop, sim_sleep, NULL, NULL);
        run_once(loop);
        pthread_t thread = start(cancel_task, weft_ref(task));
        if (round % 2)
            ck_assert_int_eq(weft_loop_run_until_complete(loop, task, NULL), WEFT_ECANCELLED);
        pthread_join(thread, NULL);
        ck_assert_int_eq(weft_loop_close(loop), 0);
        ck_assert(weft_cancelled(task));
        weft_unref(task);
        weft_unref(task);
        ck_assert_int_eq(weft_loop_free(loop), 0);
    }
}
END_TEST

static weft_loop *second;
static weft_task *crossed[2];

COROUTINE(await_task)
{
    return weft_await(*(weft_task **)arg, NULL);
}

static void *cancel_crossed(void *index)
{
    weft_cancel(crossed[(char *)index - trace_text]);
    return NULL;
}

/* Two threads cancel through two loops that nobody runs, each in the other's direction: neither
 * waits for what the other holds. */
START_TEST(visitors_do_not_wait_for_each_other)
{
    for (int round = 0; round < 200; round++) {
        loop = virtual_loop();
        second = virtual_loop();
        weft_task *inner[] = {weft_create_task_on(loop, sim_sleep, NULL, NULL),
                              weft_create_task_on(second, sim_sleep, NULL, NULL)};
        crossed[0] = weft_create_task_on(loop, await_task, &inner[1], NULL);
        crossed[1] = weft_create_task_on(second, await_task, &inner[0], NULL);
        run_once(loop);
        run_once(second);
        pthread_t threads[] = {start(cancel_crossed, trace_text),
                               start(cancel_crossed, trace_text + 1)};
        for (int i = 0; i < 2; i++)
            pthread_join(threads[i], NULL);
        for (int turns = 0; turns < 4; turns++) {
            run_once(loop);
            run_once(second);
        }
        for (int i = 0; i < 2; i++) {
            ck_assert(weft_cancelled(inner[i]));
            ck_assert(weft_cancelled(crossed[i]));
            weft_unref(inner[i]);
            weft_unref(crossed[i]);
        }
        ck_assert_int_eq(weft_loop_free(loop), 0);
        ck_assert_int_eq(weft_loop_free(second), 0);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("occupy");
    TCase *tcase = tcase_create("one at a time");
    tcase_add_test(tcase, tasks_are_asked_for_during_close);
    tcase_add_test(tcase, a_question_is_answered_after_the_run);
    tcase_add_test(tcase, callbacks_meet_a_starting_loop);
    tcase_add_test(tcase, removers_miss_nothing);
    tcase_add_test(tcase, cancellation_meets_a_start_or_a_close);
    tcase_add_test(tcase, visitors_do_not_wait_for_each_other);
    suite_add_tcase(suite, tcase);
    return suite_main(suite);
}
