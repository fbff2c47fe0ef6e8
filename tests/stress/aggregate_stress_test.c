/*
 * aggregate_stress_test.c - gather, wait, wait_for, shield, as_completed, timeouts and task groups over
 * children of two loops, cancelled at random from tasks and threads, for a bounded number of
 * operations with fixed seeds. At the end each child has ended once or never began, and nobody
 * waits.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>

#include "tests/support/sim.h"
#include "tests/support/suite.h"

#define OPERATIONS 1000 /* of each worker */
#define WORKERS    6
#define THREADS    3
#define CHILDREN   6

static weft_runner runner;

/* Of the children: what was made either began, and then ended, or was dropped. */
static _Atomic long made, began, ended, dropped;
/* Of the operations. */
static _Atomic long operations, finished;

static unsigned next_random(unsigned *state)
{
    *state = *state * 1103515245u + 12345u;
    return *state >> 16;
}

static weft_loop *some_loop(unsigned *state)
{
    return weft_runner_loop_at(&runner, (int)(next_random(state) % 2));
}

static void count_drop(void *arg)
{
    (void)arg;
    dropped++;
}

static const weft_task_options counted = {.arg_drop = count_drop};

static int work(void *arg, void **result)
{
    unsigned state = (unsigned)(uintptr_t)arg;
    int rc = 0;

    began++;
    *result = NULL;
    unsigned kind = next_random(&state) % 6;
    for (unsigned i = next_random(&state) % 6; i && !rc; i--)
        rc = weft_yield();
    if (kind == 1 && !rc)
        rc = weft_sleep(1e-5 * (next_random(&state) % 20));
    if (rc == WEFT_ECANCELLED && kind == 2) /* swallows it, slowly */
        rc = weft_yield();
    if (!rc && kind == 3)
        rc = weft_fail(-EIO, "a child");
    ended++;
    return rc;
}

/* A child for a group, or by itself: on this loop, on any, or on one of them. */
static weft_future *start(unsigned *state, weft_task_group *group)
{
    void *seed = (void *)(uintptr_t)next_random(state);
    unsigned how = next_random(state) % 3;
    weft_task *task = group      ? weft_task_group_create_task(group, work, seed, &counted)
                      : how == 0 ? weft_create_task(work, seed, &counted)
                      : how == 1 ? weft_spawn(work, seed, &counted)
                                 : weft_create_task_on(some_loop(state), work, seed, &counted);
    if (task)
        made++;
    else
        ck_assert(group && errno == -WEFT_ERUNTIME); /* it is being aborted */
    return task;
}

struct children {
    weft_future *all[CHILDREN];
    size_t count;
};

static void start_some(struct children *children, unsigned *state)
{
    children->count = 1 + next_random(state) % (CHILDREN - 1);
    for (size_t i = 0; i < children->count; i++)
        children->all[i] = start(state, NULL);
    if (next_random(state) % 4 == 0) /* one of them twice */
        children->all[children->count++] = weft_ref(children->all[0]);
}

static void drop_all(struct children *children)
{
    for (size_t i = 0; i < children->count; i++)
        weft_unref(children->all[i]);
}

static int gathers(struct children *children, unsigned *state)
{
    weft_future *g = weft_gather(children->all, children->count,
                                 next_random(state) % 2 ? WEFT_RETURN_EXCEPTIONS : 0);
    ck_assert_ptr_nonnull(g);
    if (next_random(state) % 4 == 0) { /* forgotten */
        weft_unref(g);
        return 0;
    }
    return weft_join(g, NULL);
}

static int waits(struct children *children, unsigned *state)
{
    size_t done = 0, from = 0;
    int rc = 0;
    while (from < children->count && !rc) {
        weft_return_when when = (weft_return_when)(next_random(state) % 3);
        double timeout = next_random(state) % 3 ? WEFT_FOREVER : 1e-5;
        rc = weft_wait(&children->all[from], children->count - from, timeout, when, &done);
        if (!rc) {
            for (size_t i = from; i < from + done; i++)
                ck_assert(weft_done(children->all[i]));
            from += done;
        }
    }
    return rc;
}

static int waits_for_each(struct children *children, unsigned *state)
{
    for (size_t i = 0; i < children->count; i++) {
        unsigned how = next_random(state) % 3;
        int rc = weft_wait_for(children->all[i], how == 0 ? 0 : how == 1 ? 1e-5 : 100, NULL);
        ck_assert(weft_done(children->all[i]) || rc == WEFT_ECANCELLED);
        if (rc == WEFT_ECANCELLED && weft_cancelling(weft_current_task()))
            return rc;
    }
    return 0;
}

static int shields(struct children *children, unsigned *state)
{
    int rc = 0;
    for (size_t i = 0; i < children->count && rc != WEFT_ECANCELLED; i++) {
        weft_future *s = weft_shield(children->all[i]);
        ck_assert_ptr_nonnull(s);
        if (next_random(state) % 3 == 0)
            weft_cancel(s);
        rc = weft_join(s, NULL);
        if (rc == WEFT_ECANCELLED && !weft_cancelling(weft_current_task()))
            rc = 0;
    }
    return rc;
}

static int iterates(struct children *children, unsigned *state)
{
    weft_as_completed iter;
    weft_future *next;
    double timeout = next_random(state) % 3 ? WEFT_FOREVER : 1e-5;
    int rc = weft_as_completed_begin(&iter, children->all, children->count, timeout);
    ck_assert_int_eq(rc, 0);
    while (!(rc = weft_as_completed_next(&iter, &next))) {
        ck_assert(weft_done(next));
        if (next_random(state) % 8 == 0)
            break;
    }
    ck_assert(rc != WEFT_ESTOPITERATION || !weft_as_completed_left(&iter));
    weft_as_completed_end(&iter);
    return rc == WEFT_ESTOPITERATION ? 0 : rc;
}

static int groups(unsigned *state, int depth)
{
    weft_task_group group = WEFT_TASK_GROUP_INIT;
    int rc = weft_task_group_begin(&group);
    ck_assert_int_eq(rc, 0);
    for (unsigned i = next_random(state) % 4; i; i--)
        weft_unref(start(state, &group));
    if (next_random(state) % 3 == 0)
        rc = weft_yield();
    if (!rc && depth < 2 && next_random(state) % 2)
        rc = groups(state, depth + 1);
    if (!rc && next_random(state) % 8 == 0)
        weft_task_group_cancel(&group);
    rc = weft_task_group_end(&group, rc);
    ck_assert_ptr_null(group.first_);
    return rc;
}

static int within_time(struct children *children, unsigned *state)
{
    weft_timeout limit;
    ck_assert_int_eq(weft_timeout_init(&limit, 1e-6 * (next_random(state) % 60)), 0);
    ck_assert_int_eq(weft_timeout_begin(&limit), 0);
    int rc = next_random(state) % 2 ? gathers(children, state) : waits(children, state);
    rc = weft_timeout_end(&limit, rc);
    ck_assert(rc != WEFT_ETIMEDOUT || weft_timeout_expired(&limit));
    return rc;
}

static int operate(void *arg, void **result)
{
    unsigned state = (unsigned)(uintptr_t)arg;
    struct children children;
    int rc = 0;

    (void)result;
    start_some(&children, &state);
    switch (next_random(&state) % 7) {
    case 0:
        rc = gathers(&children, &state);
        break;
    case 1:
        rc = waits(&children, &state);
        break;
    case 2:
        rc = waits_for_each(&children, &state);
        break;
    case 3:
        rc = shields(&children, &state);
        break;
    case 4:
        rc = iterates(&children, &state);
        break;
    case 5:
        rc = groups(&state, 0);
        break;
    case 6:
        rc = within_time(&children, &state);
        break;
    }
    drop_all(&children);
    finished++;
    return rc;
}

static void operation_dropped(void *arg)
{
    (void)arg;
    finished++;
}

static const weft_task_options operation = {.arg_drop = operation_dropped};

/* One operation on some loop, cancelled after a while or not; its end. */
static weft_task *begin_operation(unsigned *state)
{
    operations++;
    weft_task *t = weft_create_task_on(some_loop(state), operate,
                                       (void *)(uintptr_t)next_random(state), &operation);
    ck_assert_ptr_nonnull(t);
    return t;
}

static void check_end(int rc)
{
    ck_assert_msg(rc == 0 || rc == WEFT_ECANCELLED || rc == -EIO || rc == WEFT_ETIMEDOUT ||
                      rc == WEFT_EGROUP,
                  "an operation ended with %d", rc);
}

static int worker(void *arg, void **result)
{
    unsigned state = (unsigned)(uintptr_t)arg;
    (void)result;
    for (int i = 0; i < OPERATIONS; i++) {
        weft_task *t = begin_operation(&state);
        for (unsigned times = next_random(&state) % 3; times; times--) {
            for (unsigned yields = next_random(&state) % 8; yields; yields--)
                ck_assert_int_eq(weft_yield(), 0);
            weft_cancel_msg(t, "at random");
        }
        check_end(weft_join(t, NULL));
    }
    return 0;
}

static void *foreign(void *arg)
{
    unsigned state = (unsigned)(uintptr_t)arg;
    for (int i = 0; i < OPERATIONS; i++) {
        weft_task *t = begin_operation(&state);
        if (next_random(&state) % 2) {
            if (next_random(&state) % 2)
                sched_yield();
            weft_cancel(t);
        }
        check_end(weft_future_wait(t, WEFT_FOREVER, NULL));
        weft_unref(t);
    }
    return NULL;
}

/* Errors that an operation did not wait for are reported, which is right. */
static int ignore_report(weft_loop *loop, const weft_report *report, void *arg)
{
    (void)loop, (void)report, (void)arg;
    return 0;
}

START_TEST(everything_at_random)
{
    pthread_t threads[THREADS];
    weft_task *workers[WORKERS];
    ck_assert_int_eq(weft_runner_init(&runner, &(weft_runner_options){.loops = 2}), 0);
    ck_assert_int_eq(weft_runner_start(&runner), 0);
    for (int i = 0; i < 2; i++)
        weft_loop_set_exception_handler(weft_runner_loop_at(&runner, i), ignore_report, NULL);
    for (size_t i = 0; i < WORKERS; i++) {
        workers[i] = weft_create_task_on(weft_runner_loop_at(&runner, i % 2), worker,
                                         (void *)(i + 100), NULL);
        ck_assert_ptr_nonnull(workers[i]);
    }
    for (size_t i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, foreign, (void *)(i + 1)), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < WORKERS; i++) {
        ck_assert_int_eq(weft_future_wait(workers[i], WEFT_FOREVER, NULL), 0);
        weft_unref(workers[i]);
    }
    while (ended + dropped < made) /* children that their operation left */
        sched_yield();
    ck_assert_int_eq(weft_runner_close(&runner), 0);
    ck_assert_int_eq(began, ended);
    ck_assert_int_eq(ended + dropped, made);
    ck_assert_int_eq(finished, operations);
    ck_assert_int_eq(operations, (WORKERS + THREADS) * OPERATIONS);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("aggregate stress");
    TCase *tcase = tcase_create("stress");
    tcase_set_timeout(tcase, 300);
    tcase_add_test(tcase, everything_at_random);
    suite_add_tcase(suite, tcase);
    return suite_main(suite);
}
