/*
 * futures_test.c - futures, and what waits for several of them, without memory.
 */
#include "tests/memory/scarce.h"

static int value;

static int count_call(weft_future *future, void *arg)
{
    (void)future;
    ++*(int *)arg;
    return 0;
}

static void drop_nothing(void *result)
{
    (void)result;
}

START_SCARCE(completed, 3)
{
    weft_loop *loop = weft_get_running_loop();
    weft_future *f, *other;
    void *got = NULL;
    char text[128];
    void *frames[4];

    MAKE(f, weft_create_future());
    MAKE(other, weft_future_new(NULL));
    NEVER(ck_assert_ptr_eq(weft_ref(f), f));
    NEVER(weft_unref(f));
    NEVER(ck_assert_int_eq(weft_future_set_drop(f, drop_nothing), 0));
    NEVER(ck_assert_int_eq(weft_done(f), 0));
    NEVER(ck_assert_ptr_eq(weft_future_get_loop(f), loop));
    NEVER(ck_assert_int_ge(weft_future_get_source_traceback(f, frames, 4), 0));
    NEVER(ck_assert_int_gt(weft_future_format(f, text, sizeof(text)), 0));
    NEVER(ck_assert_int_eq(weft_future_set_result(f, &value), 0));
    NEVER(ck_assert_int_eq(weft_cancelled(f), 0));
    NEVER(ck_assert_int_eq(weft_result(f, &got), 0));
    ck_assert_ptr_eq(got, &value);
    weft_error *error = NULL;
    NEVER(ck_assert_int_eq(weft_exception(f, &error), 0));
    NEVER(ck_assert_int_eq(weft_await(f, &got), 0));
    NEVER(ck_assert_int_eq(weft_join(f, &got), 0));
    int code = weft_fail(-EIO, NULL);
    ASKED(weft_future_set_exception(other, code), 0);
    COPES(ck_assert_int_eq(weft_join(other, NULL), -EIO)); /* its object may be missing */
    return 0;
}

START_SCARCE(cancelled, 3)
{
    weft_future *f, *said;
    MAKE(f, weft_create_future());
    MAKE(said, weft_create_future());
    NEVER(ck_assert_int_eq(weft_cancel(f), 1));
    ASKED(weft_cancel_msg(said, "with a message"), 1);
    COPES(ck_assert_int_eq(weft_result(f, NULL), WEFT_ECANCELLED));
    weft_unref(f);
    COPES(ck_assert_int_eq(weft_join(said, NULL), WEFT_ECANCELLED));
    return 0;
}

START_SCARCE(callbacks, 3)
{
    weft_future *f;
    weft_context *context;
    int called = 0;
    MAKE(f, weft_create_future());
    MAKE(context, weft_copy_context());
    ASKED(weft_add_done_callback(f, count_call, &called), 0);
    ASKED(weft_add_done_callback_in(f, context, count_call, &called), 0);
    ASKED(weft_add_done_callback(f, count_call, NULL), 0);
    NEVER(ck_assert_int_eq(weft_remove_done_callback(f, count_call, NULL), 1));
    NEVER(ck_assert_int_eq(weft_future_set_result(f, NULL), 0));
    sim_pass(2);
    ck_assert_int_eq(called, 2);
    weft_context_unref(context);
    weft_unref(f);
    return 0;
}

static int complete(void *arg)
{
    return weft_future_set_result(arg, &value);
}

/* A pending future of the loop is awaited with no more memory, with a limit that is not reached too. */
START_SCARCE(awaited, 2)
{
    for (int limited = 0; limited < 3; limited++) {
        weft_future *f;
        weft_timeout limit;
        MAKE(f, weft_create_future());
        int rc;
        ASKED(weft_call_soon(weft_get_running_loop(), complete, f, NULL), 0);
        if (limited == 2) {
            NEVER(ck_assert_int_eq(weft_timeout_init(&limit, 5), 0));
            NEVER(ck_assert_int_eq(weft_timeout_begin(&limit), 0));
        }
        if (limited == 1)
            NEVER(rc = weft_wait_for(f, 5, NULL));
        else
            NEVER(rc = weft_await(f, NULL));
        if (limited == 2)
            NEVER(rc = weft_timeout_end(&limit, rc));
        ck_assert_int_eq(rc, 0);
        weft_unref(f);
    }
    return 0;
}

/* Outside a loop: a concurrent future is waited for by a thread. */
START_SCARCE_PLAIN(waited_for_by_a_thread, 1)
{
    weft_future *f;
    MAKE(f, weft_future_new(NULL));
    ASKED(weft_future_wait(f, 0, NULL), WEFT_ETIMEDOUT);
    NEVER(ck_assert_int_eq(weft_future_set_result(f, &value), 0));
    NEVER(ck_assert_int_eq(weft_future_wait(f, WEFT_FOREVER, NULL), 0));
    weft_unref(f);
}

START_SCARCE(timeouts, 3)
{
    weft_timeout limit;
    char text[64];
    NEVER(ck_assert_int_eq(weft_timeout_init_at(&limit, sim_now() + 5), 0));
    NEVER(ck_assert_int_eq(weft_timeout_begin(&limit), 0));
    NEVER(ck_assert_double_ge(weft_timeout_when(&limit), sim_now()));
    NEVER(ck_assert_int_eq(weft_timeout_expired(&limit), 0));
    NEVER(ck_assert_int_gt(weft_timeout_format(&limit, text, sizeof(text)), 0));
    NEVER(ck_assert_int_eq(weft_timeout_reschedule(&limit, sim_now() + 1), 0));
    ASKED(weft_timeout_reschedule(&limit, sim_now() - 1), 0); /* passed: it is queued */
    int rc = weft_sleep(5);
    ck_assert_int_eq(rc, WEFT_ECANCELLED);
    COPES(ck_assert_int_eq(weft_timeout_end(&limit, rc), WEFT_ETIMEDOUT));
    ck_assert_int_eq(weft_timeout_init_at(&limit, sim_now() - 1), 0);
    ASKED(weft_timeout_begin(&limit), 0);
    NEVER(ck_assert_int_eq(weft_timeout_end(&limit, 0), 0));
    return 0;
}

/* The deadline of a wait is late without memory, not lost. */
START_SCARCE(waits_for, 3)
{
    weft_future *f;
    MAKE(f, weft_create_future());
    COPES(ck_assert_int_eq(weft_wait_for(f, 1, NULL), WEFT_ETIMEDOUT));
    weft_unref(f);
    MAKE(f, weft_create_future());
    int rc;
    COPES(rc = weft_wait_for(f, 0, NULL));
    if (rc == -ENOMEM) /* nothing was done */
        rc = weft_wait_for(f, 0, NULL);
    ck_assert_int_eq(rc, WEFT_ETIMEDOUT);
    weft_unref(f);
    return 0;
}

START_SCARCE(several, 8)
{
    weft_future *f[3], *all, *next;
    weft_as_completed iter;
    size_t done = 0;
    for (int i = 0; i < 3; i++) {
        MAKE(f[i], weft_create_future());
        if (i < 2)
            ck_assert_int_eq(weft_future_set_result(f[i], NULL), 0);
    }
    MAKE(all, weft_gather(f, 3, 0));
    MAKE(next, weft_shield(f[2]));
    int rc;
    COPES(rc = weft_wait(f, 3, 1, WEFT_ALL_COMPLETED, &done));
    if (rc == -ENOMEM)
        rc = weft_wait(f, 3, 1, WEFT_ALL_COMPLETED, &done);
    ck_assert_int_eq(rc, 0);
    ck_assert_uint_eq(done, 2);
    ck_assert_int_eq(weft_future_set_result(f[2], NULL), 0);
    ck_assert_int_eq(weft_join(all, NULL), 0);
    ck_assert_int_eq(weft_join(next, NULL), 0);
    ASKED(weft_as_completed_begin(&iter, f, 3, 5), 0);
    NEVER(ck_assert_uint_eq(weft_as_completed_left(&iter), 3));
    COPES(ck_assert_int_eq(weft_as_completed_next(&iter, &next), 0));
    COPES(ck_assert_int_eq(weft_as_completed_next_result(&iter, NULL), 0));
    NEVER(weft_as_completed_end(&iter));
    for (int i = 0; i < 3; i++)
        weft_unref(f[i]);
    return 0;
}

int main(void)
{
    Suite *suite = suite_create("futures without memory");
    TCase *tests = tcase_create("futures without memory");

    tcase_add_test(tests, completed);
    tcase_add_test(tests, cancelled);
    tcase_add_test(tests, callbacks);
    tcase_add_test(tests, awaited);
    tcase_add_test(tests, waited_for_by_a_thread);
    tcase_add_test(tests, timeouts);
    tcase_add_test(tests, waits_for);
    tcase_add_test(tests, several);
    suite_add_tcase(suite, tests);
    return suite_main(suite);
}
