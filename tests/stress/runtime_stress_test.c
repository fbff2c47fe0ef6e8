/*
 * runtime_stress_test.c - two loops, eight foreign threads, everything at once, for a bounded
 * number of operations with fixed seeds. At the end every task is accounted for: it ended, or never
 * began, and what it was given was released once.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>

#include "tests/support/sim.h"
#include "tests/support/suite.h"

#define FOREIGN_THREADS 8
#define OPERATIONS      1500 /* of each thread, and of each of the tasks that do the same */
#define INSIDE_TASKS    4

/* What became of everything that was started. */
static _Atomic long made, began, ended, arg_drops, result_drops, results_taken, refused;

static weft_runner runner;

static unsigned next_random(unsigned *state)
{
    *state = *state * 1103515245u + 12345u;
    return *state >> 16;
}

static void drop_arg(void *arg)
{
    arg_drops++;
    free(arg);
}

static void drop_result(void *result)
{
    result_drops++;
    free(result);
}

static const weft_task_options options = {.arg_drop = drop_arg, .result_drop = drop_result};

/* A body that owns its argument, a seed, and hands it on as its result. */
static int body(void *arg, void **result)
{
    unsigned state = *(unsigned *)arg;
    int rc = 0;

    began++;
    switch (next_random(&state) % 5) {
    case 0:
        break;
    case 1:
        rc = weft_yield();
        break;
    case 2:
        rc = weft_sleep(1e-5 * (next_random(&state) % 50));
        break;
    case 3:
        rc = weft_sleep(0.02);
        break;
    case 4:
        for (unsigned i = next_random(&state) % 20; i && !rc; i--)
            rc = weft_yield();
        break;
    }
    ended++;
    if (rc) {
        free(arg);
        arg_drops++; /* as good as dropped */
        return rc;
    }
    *result = arg;
    return 0;
}

static int blocking(void *arg, void **result)
{
    (void)arg;
    *result = NULL;
    return 0;
}

static void *new_arg(unsigned *state)
{
    unsigned *seed = malloc(sizeof(*seed));
    ck_assert_ptr_nonnull(seed);
    *seed = next_random(state);
    return seed;
}

static weft_future *start(unsigned *state, bool inside)
{
    weft_loop *loop = weft_runner_loop_at(&runner, (int)(next_random(state) % 2));
    void *arg = new_arg(state);
    weft_future *f;
    unsigned how = next_random(state) % 3;

    if (inside && how == 0)
        f = weft_spawn(body, arg, &options);
    else if (inside && how == 1)
        f = weft_create_task(body, arg, &options);
    else if (how == 2)
        f = weft_create_task_on(loop, body, arg, &options);
    else
        f = weft_run_coroutine_threadsafe_with(body, arg, loop, &options);
    if (f) {
        made++;
    } else {
        refused++;
        free(arg);
    }
    return f;
}

static void settle(weft_future *f, unsigned *state, bool inside)
{
    void *result = NULL;
    int rc;

    switch (next_random(state) % 6) {
    case 0: /* forgotten */
        weft_unref(f);
        return;
    case 1:
        weft_cancel_msg(f, "stress");
        break;
    case 2:
        rc = inside ? weft_wait_for(f, 1e-4, &result) : weft_future_wait(f, 1e-4, &result);
        if (!rc)
            goto taken;
        if (rc == WEFT_ETIMEDOUT)
            weft_cancel(f);
        break;
    default:
        break;
    }
    rc = inside ? weft_await(f, &result) : weft_future_wait(f, WEFT_FOREVER, &result);
    if (rc) {
        weft_unref(f);
        return;
    }
taken:
    results_taken++;
    free(result);
    weft_unref(f);
}

static void work(unsigned seed, bool inside)
{
    unsigned state = seed;
    weft_future *held[8];
    int count = 0;

    for (int i = 0; i < OPERATIONS; i++) {
        if (count < 8) {
            weft_future *f = start(&state, inside);
            if (f)
                held[count++] = f;
        }
        if (count == 8 || next_random(&state) % 3 == 0) {
            int index = count ? (int)(next_random(&state) % (unsigned)count) : -1;
            if (index < 0)
                continue;
            weft_future *f = held[index];
            held[index] = held[--count];
            settle(f, &state, inside);
        }
        if (inside && next_random(&state) % 16 == 0)
            ck_assert_int_eq(weft_join(weft_to_thread(blocking, NULL), NULL), 0);
    }
    while (count)
        settle(held[--count], &state, inside);
}

static void *foreign(void *arg)
{
    work((unsigned)(size_t)arg, false);
    return NULL;
}

static int inside(void *arg, void **result)
{
    (void)result;
    work((unsigned)(size_t)arg, true);
    return 0;
}

/* Everything at once: every task is accounted for. */
START_TEST(everything_at_once)
{
    weft_runner_options runner_options = {.loops = 2};
    pthread_t threads[FOREIGN_THREADS];
    weft_future *tasks[INSIDE_TASKS];
    ck_assert_int_eq(weft_runner_init(&runner, &runner_options), 0);
    ck_assert_int_eq(weft_runner_start(&runner), 0);
    for (size_t i = 0; i < INSIDE_TASKS; i++) {
        tasks[i] = weft_create_task_on(weft_runner_loop_at(&runner, i % 2), inside,
                                       (void *)(i + 100), NULL);
        ck_assert_ptr_nonnull(tasks[i]);
    }
    for (size_t i = 0; i < FOREIGN_THREADS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, foreign, (void *)(i + 1)), 0);
    for (int i = 0; i < FOREIGN_THREADS; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < INSIDE_TASKS; i++) {
        ck_assert_int_eq(weft_future_wait(tasks[i], WEFT_FOREVER, NULL), 0);
        weft_unref(tasks[i]);
    }
    ck_assert_int_eq(weft_runner_close(&runner), 0);

    ck_assert_int_eq(refused, 0);
    ck_assert_int_eq(began, ended);
    /* Each argument was released once: by a body that failed, before it began, or as a result. */
    ck_assert_int_eq(arg_drops + result_drops + results_taken, made);
}
END_TEST

static weft_loop *_Atomic target;
static _Atomic bool no_more;
static _Atomic long passed, released;

static void count_release(void *arg)
{
    (void)arg;
    released++;
}

static int count_begin(void *arg, void **result)
{
    (void)arg, (void)result;
    released++;
    return weft_yield();
}

static void *submit_until_closed(void *arg)
{
    static const weft_task_options counted = {.arg_drop = count_release};
    (void)arg;
    while (!no_more) {
        passed++;
        weft_future *f = weft_run_coroutine_threadsafe_with(count_begin, NULL, target, &counted);
        if (!f) {
            ck_assert_int_eq(errno, -WEFT_ELOOPCLOSED);
            break;
        }
        int rc = weft_future_wait(f, WEFT_FOREVER, NULL);
        ck_assert(rc == 0 || rc == WEFT_ECANCELLED || rc == WEFT_ELOOPCLOSED);
        weft_unref(f);
    }
    return NULL;
}

/* A loop that closes while threads submit: each submission is run, or what it passed released. */
START_TEST(closing_while_submitting)
{
    for (int round = 0; round < 40; round++) {
        weft_runner_options runner_options = {.loops = 2};
        pthread_t threads[4];
        ck_assert_int_eq(weft_runner_init(&runner, &runner_options), 0);
        ck_assert_int_eq(weft_runner_start(&runner), 0);
        target = weft_runner_loop_at(&runner, round % 2);
        /* A task that comes while the leftovers wind down is reported as destroyed (RUN-14). */
        weft_loop_set_exception_handler(target, report_record, NULL);
        no_more = false;
        for (int i = 0; i < 4; i++)
            ck_assert_int_eq(pthread_create(&threads[i], NULL, submit_until_closed, NULL), 0);
        long before = passed;
        while (passed < before + 20)
            sched_yield();
        ck_assert_int_eq(weft_runner_close(&runner), 0);
        no_more = true;
        for (int i = 0; i < 4; i++)
            pthread_join(threads[i], NULL);
        ck_assert_int_eq(passed, released);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("runtime stress");
    TCase *tcase = tcase_create("stress");
    tcase_set_timeout(tcase, 300);
    tcase_add_test(tcase, everything_at_once);
    tcase_add_test(tcase, closing_while_submitting);
    suite_add_tcase(suite, tcase);
    return suite_main(suite);
}
