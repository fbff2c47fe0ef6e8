/*
 * aggregate_loops_test.c - gather, wait, as_completed and shield over futures of other loops and of
 * none, which asyncio refuses (GATH-21), and from other threads.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>

#include "runtime/base/fault.h"
#include "tests/support/pair.h"
#include "tests/support/suite.h"

#define FUTURES 9

static weft_future *futures[FUTURES];
static int values[FUTURES];

/* A third of them of the running loop, of the other one, and of none. */
static void make_futures(void)
{
    for (int i = 0; i < FUTURES; i++) {
        futures[i] = weft_future_new(i % 3 == 2 ? NULL : pair_loop(i % 3));
        ck_assert_ptr_nonnull(futures[i]);
    }
}

static void drop_futures(void)
{
    for (int i = 0; i < FUTURES; i++)
        weft_unref(futures[i]);
}

COROUTINE(completes_all)
{
    for (int i = 0; i < FUTURES; i++) {
        int rc = weft_future_set_result(futures[(i * 4) % FUTURES], &values[i]);
        rc = rc ? rc : weft_yield();
        if (rc)
            return rc;
    }
    return 0;
}

/* Completes them all from loop 1. */
static weft_task *complete_elsewhere(void)
{
    weft_task *task = weft_create_task_on(pair_loop(1), completes_all, NULL, NULL);
    ck_assert_ptr_nonnull(task);
    return task;
}

/* GATH-21, MULT-03: a gather over several loops. */
START_PAIR(gathered)
{
    for (int round = 0; round < 50; round++) {
        make_futures();
        weft_task *completer = complete_elsewhere();
        weft_future *g = weft_gather(futures, FUTURES, round % 2);
        ck_assert_ptr_eq(weft_future_get_loop(g), pair_loop(0));
        ck_assert_int_eq(weft_join(g, NULL), 0);
        for (int i = 0; i < FUTURES; i++)
            ck_assert_int_eq(weft_result(futures[i], NULL), 0);
        ck_assert_int_eq(weft_join(completer, NULL), 0);
        drop_futures();
    }
    return 0;
}

/* MULT-03: waiting over several loops: what is said to be done is, and in the end all are. */
START_PAIR(waited_for)
{
    static const weft_return_when whens[] = {WEFT_ALL_COMPLETED, WEFT_FIRST_COMPLETED,
                                             WEFT_FIRST_EXCEPTION};
    for (int round = 0; round < 60; round++) {
        make_futures();
        weft_task *completer = complete_elsewhere();
        weft_future *pending[FUTURES];
        size_t count = FUTURES, done = 0;
        memcpy(pending, futures, sizeof(futures));
        while (count) {
            double timeout = round % 4 ? WEFT_FOREVER : 1e-5;
            ck_assert_int_eq(weft_wait(pending, count, timeout, whens[round % 3], &done), 0);
            for (size_t i = 0; i < done; i++)
                ck_assert(weft_done(pending[i]));
            count -= done;
            memmove(pending, pending + done, count * sizeof(*pending));
        }
        ck_assert_int_eq(weft_join(completer, NULL), 0);
        drop_futures();
    }
    return 0;
}

/* MULT-03: one after the other, each once, over several loops. */
START_PAIR(iterated)
{
    for (int round = 0; round < 50; round++) {
        weft_as_completed iter;
        weft_future *next;
        int seen[FUTURES] = {0}, rc;
        make_futures();
        weft_task *completer = complete_elsewhere();
        ck_assert_int_eq(weft_as_completed_begin(&iter, futures, FUTURES, 1000), 0);
        while (!(rc = weft_as_completed_next(&iter, &next))) {
            int i = 0;
            while (futures[i] != next)
                i++;
            ck_assert_int_eq(seen[i]++, 0);
            if (round % 5 == 4)
                break; /* with words on their way */
        }
        ck_assert(rc == WEFT_ESTOPITERATION || round % 5 == 4);
        weft_as_completed_end(&iter);
        ck_assert_int_eq(weft_join(completer, NULL), 0);
        drop_futures();
    }
    return 0;
}

/* MULT-03: shields of them, every other one of which is cancelled meanwhile. */
START_PAIR(shielded)
{
    for (int round = 0; round < 50; round++) {
        weft_future *shields[FUTURES];
        int cancelled[FUTURES];
        make_futures();
        for (int i = 0; i < FUTURES; i++)
            shields[i] = weft_shield(futures[i]);
        weft_task *completer = complete_elsewhere();
        for (int i = 0; i < FUTURES; i++)
            cancelled[i] = i % 2 && weft_cancel(shields[i]);
        for (int i = 0; i < FUTURES; i++) {
            ck_assert_int_eq(weft_join(shields[i], NULL), cancelled[i] ? WEFT_ECANCELLED : 0);
            ck_assert_int_eq(weft_await(futures[i], NULL), 0);
        }
        ck_assert_int_eq(weft_join(completer, NULL), 0);
        drop_futures();
    }
    return 0;
}

static void *cancel_it(void *arg)
{
    return (void *)(intptr_t)weft_cancel_msg(arg, "from afar");
}

static int cancel_in_thread(weft_future *future)
{
    pthread_t thread;
    void *answer;
    ck_assert_int_eq(pthread_create(&thread, NULL, cancel_it, future), 0);
    ck_assert_int_eq(pthread_join(thread, &answer), 0);
    return (int)(intptr_t)answer;
}

/* GATH-11, GATH-12: a gather, and a shield, cancelled by another thread. */
START_PAIR(cancelled_by_a_thread)
{
    for (int collect = 0; collect < 2; collect++) {
        make_futures();
        weft_future *g = weft_gather(futures, FUTURES, collect);
        ck_assert_int_eq(cancel_in_thread(g), 1);
        ck_assert_int_eq(weft_await(g, NULL), WEFT_ECANCELLED);
        ck_assert_str_eq(weft_error_message(weft_error_current()), "from afar");
        ck_assert(!weft_cancelled(g));
        ck_assert_int_eq(cancel_in_thread(g), 0);
        weft_unref(g);
        for (int i = 0; i < FUTURES; i++)
            ck_assert(weft_cancelled(futures[i]));
        drop_futures();
    }
    weft_future *f = weft_create_future(), *s = weft_shield(f);
    ck_assert_int_eq(cancel_in_thread(s), 1);
    ck_assert_int_eq(weft_join(s, NULL), WEFT_ECANCELLED);
    ck_assert(!weft_done(f));
    weft_future_set_result(f, NULL);
    ck_assert_int_eq(weft_yield(), 0);
    weft_unref(f);
    return 0;
}

/* One round of the race below. */
struct race {
    _Atomic(weft_future *) gather; /* NULL: no more of them */
    _Atomic int answer;            /* -1: not asked yet */
};

static _Atomic(struct race *) current_race;

static void *cancel_gathers(void *arg)
{
    (void)arg;
    for (;;) {
        struct race *race = current_race;
        if (race && !race->gather)
            return NULL;
        if (race && race->answer < 0)
            race->answer = weft_cancel(race->gather);
        else
            sched_yield();
    }
}

#define CROWD 5000

/* GATH-13, GATH-15: a request that was accepted stands, though the loop hears of the child's end
 * while the rest, which is done, is still being asked. */
START_PAIR(cancelled_while_it_ends)
{
    static weft_future *jobs[CROWD];
    struct race last = {NULL, 0}, race = {NULL, 0};
    pthread_t thread;
    weft_future *done = weft_create_future();
    weft_future_set_result(done, NULL);
    for (int i = 1; i < CROWD; i++)
        jobs[i] = done;
    ck_assert_int_eq(pthread_create(&thread, NULL, cancel_gathers, NULL), 0);
    for (int round = 0; round < 200; round++) {
        jobs[0] = weft_create_future();
        weft_future *g = weft_gather(jobs, CROWD, WEFT_RETURN_EXCEPTIONS);
        race.gather = g;
        race.answer = -1;
        current_race = &race;
        while (!weft_done(g) || race.answer < 0)
            ck_assert_int_eq(weft_yield(), 0);
        ck_assert_int_eq(race.answer, 1);
        ck_assert_int_eq(weft_join(g, NULL), WEFT_ECANCELLED);
        weft_unref(jobs[0]);
    }
    current_race = &last;
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    weft_unref(done);
    return 0;
}

static _Atomic int values_dropped;

static void count_value(void *value)
{
    (void)value;
    values_dropped++;
}

/* What the other thread is to wait for, and drop the last reference of. */
static _Atomic(weft_future *) handed_over;
static _Atomic bool no_more;

static void *waits_and_drops(void *arg)
{
    (void)arg;
    while (!no_more) {
        weft_future *f = handed_over;
        if (!f) {
            sched_yield();
            continue;
        }
        while (!weft_done(f))
            ;
        weft_unref(f);
        handed_over = NULL;
    }
    return NULL;
}

/* MULT-08: the last reference goes in another thread, as soon as it is done, while the loop still has
 * it in its hands: nothing that it keeps is lost. */
START_PAIR(dropped_by_a_thread)
{
    enum { ROUNDS = 5000 };
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, waits_and_drops, NULL), 0);
    for (int round = 0; round < ROUNDS; round++) {
        weft_future *child = weft_create_future();
        weft_future_set_drop(child, count_value);
        handed_over = round % 2 ? weft_gather(&child, 1, 0) : weft_shield(child);
        weft_future_set_result(child, values);
        weft_unref(child);
        while (handed_over)
            ck_assert_int_eq(weft_yield(), 0);
    }
    no_more = true;
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    ck_assert_int_eq(values_dropped, ROUNDS);
    return 0;
}

COROUTINE(fails_elsewhere)
{
    ck_assert_ptr_eq(weft_get_running_loop(), pair_loop(1));
    return weft_fail(-EIO, "elsewhere");
}

COROUTINE(sleeps)
{
    return weft_sleep(100);
}

/* Tasks of another loop as children: their failures, their cancellation through the gather. */
START_PAIR(tasks_elsewhere)
{
    weft_future *jobs[] = {weft_create_task_on(pair_loop(1), sleeps, NULL, NULL),
                           weft_create_task_on(pair_loop(1), fails_elsewhere, NULL, NULL),
                           weft_create_task(sleeps, NULL, NULL)};
    ck_assert_int_eq(weft_join(weft_gather(jobs, 3, 0), NULL), -EIO);
    ck_assert_str_eq(weft_error_message(weft_error_current()), "elsewhere");
    weft_future *g = weft_gather(jobs, 3, WEFT_RETURN_EXCEPTIONS);
    ck_assert_int_eq(weft_cancel(g), 1);
    ck_assert_int_eq(weft_join(g, NULL), WEFT_ECANCELLED);
    ck_assert(weft_cancelled(jobs[0]) && weft_cancelled(jobs[2]));
    for (int i = 0; i < 3; i++)
        weft_unref(jobs[i]);
    return 0;
}

/* CANC-03: a request that is passed on to a task of another loop, and finds no memory for its message,
 * is sent again; also with the other task at its end before that. */
START_PAIR(no_memory_to_pass_on)
{
    for (int ends = 0; ends < 2; ends++) {
        weft_future *over = weft_future_new(pair_loop(1));
        weft_task *far = weft_create_task_on(pair_loop(1), sim_await, over, NULL);
        weft_task *near = weft_create_task(sim_await, far, NULL);
        sim_pass(2);
        wf_fault_arm(FAULT_ALLOC, 1, ENOMEM, true);
        int asked = weft_cancel(near);
        if (ends)
            weft_future_set_result(over, NULL);
        wf_fault_reset();
        ck_assert_int_eq(asked, 1);
        int rc = weft_join(near, NULL);
        ck_assert_int_eq(rc, WEFT_ECANCELLED);
        (void)weft_join(far, NULL);
        weft_unref(over);
    }
    return 0;
}

/* A time-out that has no memory for its message to another loop's task says so, and does not wait. */
START_PAIR(no_memory_to_ask)
{
    weft_task *t = weft_create_task_on(pair_loop(1), sleeps, NULL, NULL);
    wf_fault_arm(FAULT_ALLOC, 1, ENOMEM, true);
    int rc = weft_wait_for(t, 0, NULL);
    wf_fault_reset();
    ck_assert_int_eq(rc, -ENOMEM);
    ck_assert_int_eq(weft_wait_for(t, 0, NULL), WEFT_ETIMEDOUT);
    weft_unref(t);
    return 0;
}

COROUTINE(waits_for_all)
{
    weft_future *pending[FUTURES];
    memcpy(pending, futures, sizeof(futures));
    return weft_wait(pending, FUTURES, 100, WEFT_ALL_COMPLETED, NULL);
}

/* MULT-05: the loop of those who wait is closed: words that come after that are dropped, by whoever
 * brings them. */
START_TEST(waiting_loop_is_closed)
{
    weft_loop *mine = weft_new_event_loop(NULL), *other = weft_new_event_loop(NULL);
    weft_as_completed iter;
    weft_loop_set_exception_handler(mine, report_record, NULL);
    for (int i = 0; i < FUTURES; i++)
        futures[i] = weft_future_new(i % 3 == 0 ? mine : i % 3 == 1 ? other : NULL);
    weft_set_event_loop(mine);
    weft_future *g = weft_gather(futures, FUTURES, 0), *s = weft_shield(futures[0]);
    ck_assert_int_eq(weft_as_completed_begin(&iter, futures, FUTURES, 100), 0);
    weft_task *t = weft_task_new(mine, waits_for_all, NULL, NULL);
    weft_loop_stop(mine);
    ck_assert_int_eq(weft_loop_run_forever(mine), 0);
    ck_assert_int_eq(weft_future_set_result(futures[2], NULL), 0); /* on its way */
    weft_set_event_loop(NULL);
    ck_assert_int_eq(weft_loop_close(mine), 0);
    ck_assert(weft_cancelled(t));
    ck_assert(weft_cancelled(g));
    ck_assert(weft_cancelled(s));
    for (int i = 0; i < FUTURES; i++)
        (void)weft_future_set_result(futures[i], NULL);
    weft_as_completed_end(&iter);
    weft_unref(g);
    weft_unref(s);
    weft_unref(t);
    ck_assert_int_eq(weft_loop_free(mine), 0);
    drop_futures();
    ck_assert_int_eq(weft_loop_free(other), 0);
}
END_TEST

static int stop_loop(void *arg)
{
    weft_loop_stop(arg);
    return 0;
}

/* The loop of some of the children is closed, and they are completed after that: who waits elsewhere
 * hears of it. */
START_TEST(childrens_loop_is_closed)
{
    weft_loop *mine = weft_new_event_loop(NULL), *other = weft_new_event_loop(NULL);
    weft_future *f[] = {weft_future_new(other), weft_future_new(mine)};
    weft_task *task = weft_create_task_on(other, sleeps, NULL, NULL);
    weft_future *all[] = {f[1], f[0], task}; /* the first one says whose the gather is */
    weft_loop_set_exception_handler(other, report_record, NULL);
    weft_set_event_loop(mine);
    weft_future *g = weft_gather(all, 3, WEFT_RETURN_EXCEPTIONS);
    ck_assert_int_eq(weft_call_soon(other, stop_loop, other, NULL), 0);
    ck_assert_int_eq(weft_loop_run_forever(other), 0);
    ck_assert_int_eq(weft_loop_free(other), 0); /* the task is cancelled by this */
    ck_assert(weft_cancelled(task));
    ck_assert_int_eq(weft_future_set_result(f[0], NULL), 0);
    ck_assert_int_eq(weft_future_set_result(f[1], NULL), 0);
    ck_assert_int_eq(weft_loop_run_until_complete(mine, g, NULL), 0);
    weft_set_event_loop(NULL);
    weft_unref(g);
    for (int i = 0; i < 3; i++)
        weft_unref(all[i]);
    ck_assert_int_eq(weft_loop_free(mine), 0);
}
END_TEST

/* The calls that belong to one loop say so on another. */
static weft_as_completed shared_iter;
static weft_task_group shared_group = WEFT_TASK_GROUP_INIT;
static weft_timeout shared_limit;

COROUTINE(uses_elsewhere)
{
    weft_future *next;
    ck_assert_int_eq(weft_as_completed_next(&shared_iter, &next), WEFT_EWRONGTHREAD);
    ck_assert_ptr_null(weft_task_group_create_task(&shared_group, sleeps, NULL, NULL));
    ck_assert_int_eq(errno, -WEFT_EWRONGTHREAD);
    ck_assert_int_eq(weft_task_group_end(&shared_group, 0), WEFT_ERUNTIME);
    ck_assert_int_eq(weft_task_group_cancel(&shared_group), WEFT_EWRONGTHREAD);
    ck_assert_int_eq(weft_timeout_reschedule(&shared_limit, 0), WEFT_EWRONGTHREAD);
    ck_assert_int_eq(weft_timeout_end(&shared_limit, 0), WEFT_ERUNTIME);
    return 0;
}

START_PAIR(one_loop_only)
{
    weft_future *f = weft_create_future();
    ck_assert_int_eq(weft_as_completed_begin(&shared_iter, &f, 1, 100), 0);
    ck_assert_int_eq(weft_task_group_begin(&shared_group), 0);
    ck_assert_int_eq(weft_timeout_init(&shared_limit, 100), 0);
    ck_assert_int_eq(weft_timeout_begin(&shared_limit), 0);
    ck_assert_int_eq(weft_join(weft_create_task_on(pair_loop(1), uses_elsewhere, NULL, NULL), NULL),
                     0);
    ck_assert_int_eq(weft_timeout_end(&shared_limit, 0), 0);
    ck_assert_int_eq(weft_task_group_end(&shared_group, 0), 0);
    weft_as_completed_end(&shared_iter);
    weft_unref(f);
    return 0;
}

int main(void)
{
    Suite *suite = suite_create("aggregates between loops");
    TCase *tests = tcase_create("aggregates between loops");

    tcase_add_test(tests, gathered);
    tcase_add_test(tests, waited_for);
    tcase_add_test(tests, iterated);
    tcase_add_test(tests, shielded);
    tcase_add_test(tests, cancelled_by_a_thread);
    tcase_add_test(tests, cancelled_while_it_ends);
    tcase_add_test(tests, dropped_by_a_thread);
    tcase_add_test(tests, tasks_elsewhere);
    tcase_add_test(tests, no_memory_to_ask);
    tcase_add_test(tests, no_memory_to_pass_on);
    tcase_add_test(tests, waiting_loop_is_closed);
    tcase_add_test(tests, childrens_loop_is_closed);
    tcase_add_test(tests, one_loop_only);
    suite_add_tcase(suite, tests);
    return suite_main(suite);
}
