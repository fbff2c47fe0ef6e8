/*
 * suspended_test.c - calls that really wait, and futures of no loop or of another one, without memory.
 */
#include "tests/memory/scarce.h"

static int value;

static int complete(void *arg)
{
    return weft_future_set_result(arg, &value);
}

/* The future ends in a moment: of that call nothing fails. */
static void complete_soon(weft_future *future)
{
    ASKED(weft_call_soon(weft_get_running_loop(), complete, future, NULL), 0);
}

static weft_future *pending(weft_loop *loop)
{
    weft_future *future;
    MAKE(future, weft_future_new(loop));
    return future;
}

/* Asked again if there was no memory to wait. */
#define AGAIN(rc, call)     \
    do {                    \
        COPES(rc = (call)); \
        if (rc == -ENOMEM)  \
            rc = (call);    \
    } while (0)

/* A task waits for the end of a concurrent future, alone, with a limit, and among others. */
START_SCARCE(concurrent, 6)
{
    void *got = NULL;
    int rc;
    weft_future *f = pending(NULL);
    complete_soon(f);
    AGAIN(rc, weft_await(f, &got));
    ck_assert_int_eq(rc, 0);
    ck_assert_ptr_eq(got, &value);
    weft_unref(f);
    f = pending(NULL);
    complete_soon(f);
    AGAIN(rc, weft_wait_for(f, 5, &got));
    ck_assert_int_eq(rc, 0);
    weft_unref(f);
    f = pending(NULL);
    AGAIN(rc, weft_wait_for(f, 1, NULL));
    ck_assert_int_eq(rc, WEFT_ETIMEDOUT);
    ck_assert_int_eq(weft_cancelled(f), 1);
    weft_unref(f);
    return 0;
}

START_SCARCE(several, 9)
{
    size_t done = 0;
    int rc;
    weft_future *f[] = {pending(NULL), pending(weft_get_running_loop())}, *next, *all;
    complete_soon(f[0]);
    AGAIN(rc, weft_wait(f, 2, WEFT_FOREVER, WEFT_FIRST_COMPLETED, &done));
    ck_assert_int_eq(rc, 0);
    ck_assert_uint_eq(done, 1);
    weft_future *left = weft_done(f[0]) ? f[1] : f[0];
    MAKE(all, weft_gather(f, 2, 0));
    MAKE(next, weft_shield(left));
    weft_as_completed iter;
    weft_future *other;
    ASKED(weft_as_completed_begin(&iter, f, 2, 5), 0);
    COPES(ck_assert_int_eq(weft_as_completed_next(&iter, &other), 0));
    complete_soon(left);
    COPES(ck_assert_int_eq(weft_as_completed_next(&iter, &other), 0));
    COPES(ck_assert_int_eq(weft_as_completed_next(&iter, &other), WEFT_ESTOPITERATION));
    weft_as_completed_end(&iter);
    COPES(ck_assert_int_eq(weft_join(all, NULL), 0));
    COPES(ck_assert_int_eq(weft_join(next, NULL), 0));
    weft_unref(f[0]);
    weft_unref(f[1]);
    return 0;
}

/* A full queue, an empty one, and one that is joined: whoever waits allocates nothing. */
COROUTINE(serves)
{
    weft_queue *queue = arg;
    void *item;
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(weft_queue_get(queue, &item), 0);
        ck_assert_int_eq(weft_queue_task_done(queue), 0);
    }
    return 0;
}

START_SCARCE(queue_in_line, 4)
{
    weft_queue *queue;
    weft_task *task;
    MAKE(queue, weft_queue_new(1));
    MAKE(task, weft_create_task(serves, queue, NULL));
    sim_pass(1);
    if (weft_done(task)) { /* it found no stack */
        ck_assert_int_eq(weft_join(task, NULL), -ENOMEM);
        task = weft_create_task(serves, queue, NULL);
        sim_pass(1);
    }
    for (int i = 0; i < 3; i++) {
        int rc;
        AGAIN(rc, weft_queue_put(queue, &value));
        ck_assert_int_eq(rc, 0);
    }
    NEVER(ck_assert_int_eq(weft_queue_join(queue), 0));
    NEVER(ck_assert_int_eq(weft_join(task, NULL), 0));
    ck_assert_int_eq(weft_queue_free(queue), 0);
    return 0;
}

COROUTINE(waits_for_it)
{
    return weft_await(arg, NULL);
}

/* A cancellation that finds no memory for its message, or its error, is asked for again; whoever
 * awaits is cancelled. */
START_SCARCE(cancelled_in_a_wait, 4)
{
    weft_future *f = pending(weft_get_running_loop());
    weft_task *task;
    MAKE(task, weft_create_task(waits_for_it, f, NULL));
    sim_pass(1);
    if (weft_done(task)) {
        ck_assert_int_eq(weft_join(task, NULL), -ENOMEM);
        task = weft_create_task(waits_for_it, f, NULL);
        sim_pass(1);
    }
    ASKED(weft_cancel_msg(task, "with a message"), 1);
    COPES(ck_assert_int_eq(weft_join(task, NULL), WEFT_ECANCELLED));
    ck_assert_int_eq(weft_cancelled(f), 1);
    weft_unref(f);
    return 0;
}

int main(void)
{
    Suite *suite = suite_create("suspended without memory");
    TCase *tests = tcase_create("suspended without memory");

    tcase_add_test(tests, concurrent);
    tcase_add_test(tests, several);
    tcase_add_test(tests, queue_in_line);
    tcase_add_test(tests, cancelled_in_a_wait);
    suite_add_tcase(suite, tests);
    return suite_main(suite);
}
