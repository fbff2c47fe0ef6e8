/*
 * ensure_future_test.c - whatever can be awaited becomes a future.
 */
#include <errno.h>

#include "runtime/base/fault.h"
#include "tests/support/sim.h"
#include "tests/support/suite.h"

COROUTINE(note_name)
{
    trace("%s", (const char *)arg);
    *result = arg;
    return 0;
}

static void note_drop(void *arg)
{
    trace("drop:%s", (const char *)arg);
    errno = 0; /* which the caller does not see */
}

static const weft_task_options with_drop = {.name = "named", .arg_drop = note_drop};

/* CRT-09: a future or task is given back as it is, with a reference of the caller's own. */
START_SIM(future_is_given_back)
{
    weft_future *futures[] = {weft_create_future(), weft_create_task(note_name, "task", NULL),
                              weft_future_new(NULL)};

    for (int i = 0; i < 3; i++) {
        weft_awaitable awaitable = {.future = futures[i]};
        weft_future *same = weft_ensure_future(&awaitable, NULL);
        ck_assert_ptr_eq(same, futures[i]);
        weft_unref(same);
        same = weft_ensure_future(&awaitable, weft_get_running_loop());
        ck_assert_ptr_eq(same, futures[i]);
        weft_unref(futures[i]);
        if (!weft_done(same))
            weft_cancel(same); /* it is alive */
        weft_unref(same);
    }
    return 0;
}

/* CRT-10: with a loop, a future of another loop is refused; without one it is not. */
START_SIM(future_of_another_loop_is_refused)
{
    weft_loop *other = weft_new_event_loop(NULL);
    weft_future *f = weft_future_new(other);
    weft_awaitable awaitable = {.future = f};

    errno = 0;
    ck_assert_ptr_null(weft_ensure_future(&awaitable, weft_get_running_loop()));
    ck_assert_int_eq(errno, EINVAL);
    weft_future *same = weft_ensure_future(&awaitable, other);
    ck_assert_ptr_eq(same, f);
    weft_unref(same);
    same = weft_ensure_future(&awaitable, NULL);
    ck_assert_ptr_eq(same, f);
    weft_unref(same);
    weft_unref(f);
    ck_assert_int_eq(weft_loop_free(other), 0);
    return 0;
}

/* CRT-11: a coroutine becomes a task of the running loop, unstarted, with the options given. */
START_SIM(coroutine_becomes_a_task)
{
    weft_awaitable awaitable = {.fn = note_name, .arg = "ran", .options = &with_drop};
    void *value = NULL;

    weft_task *t = weft_ensure_future(&awaitable, NULL);
    ck_assert_ptr_eq(weft_future_get_loop(t), weft_get_running_loop());
    ck_assert_str_eq(weft_task_get_name(t), "named");
    ck_assert_trace("");
    ck_assert_int_eq(weft_join(t, &value), 0);
    ck_assert_str_eq(value, "ran");
    ck_assert_trace("ran");
    return 0;
}

/* CRT-11: outside loops it is a task of the loop given, or of the thread's current one; with
 * neither there is none, and what it was to be given stays the caller's. */
START_TEST(which_loop_the_task_is_of)
{
    weft_loop *given = weft_new_event_loop(NULL), *current = weft_new_event_loop(NULL);
    weft_awaitable awaitable = {.fn = note_name, .arg = "ran", .options = &with_drop};

    errno = 0;
    ck_assert_ptr_null(weft_ensure_future(&awaitable, NULL));
    ck_assert_int_eq(errno, -WEFT_ENOLOOP);
    ck_assert_trace("");
    weft_set_event_loop(current);
    weft_task *t[] = {weft_ensure_future(&awaitable, given), weft_ensure_future(&awaitable, NULL)};
    ck_assert_ptr_eq(weft_future_get_loop(t[0]), given);
    ck_assert_ptr_eq(weft_future_get_loop(t[1]), current);
    ck_assert_trace("");
    ck_assert_int_eq(weft_loop_run_until_complete(given, t[0], NULL), 0);
    ck_assert_int_eq(weft_loop_run_until_complete(current, t[1], NULL), 0);
    ck_assert_trace("ran ran");
    weft_unref(t[0]);
    weft_unref(t[1]);
    weft_set_event_loop(NULL);
    ck_assert_int_eq(weft_loop_free(given), 0);
    ck_assert_int_eq(weft_loop_free(current), 0);
}
END_TEST

/* CRT-08: refused by a closed loop, what the coroutine was to be given is released; nothing is
 * when nothing was named to release it. */
START_TEST(closed_loop_releases_the_argument)
{
    weft_loop *loop = weft_new_event_loop(NULL);
    weft_awaitable awaitable = {.fn = note_name, .arg = "arg", .options = &with_drop};

    ck_assert_int_eq(weft_loop_close(loop), 0);
    errno = 0;
    ck_assert_ptr_null(weft_ensure_future(&awaitable, loop));
    ck_assert_int_eq(errno, -WEFT_ELOOPCLOSED);
    ck_assert_trace("drop:arg");
    awaitable.options = NULL;
    errno = 0;
    ck_assert_ptr_null(weft_ensure_future(&awaitable, loop));
    ck_assert_int_eq(errno, -WEFT_ELOOPCLOSED);
    ck_assert_trace("");
    ck_assert_int_eq(weft_loop_free(loop), 0);
}
END_TEST

/* CRT-12: nothing, and both at once, cannot be awaited. */
START_SIM(neither_and_both_are_refused)
{
    weft_future *f = weft_create_future();
    weft_awaitable absurd[] = {{0},
                               {.arg = "arg", .options = &with_drop},
                               {.future = f, .fn = note_name, .options = &with_drop}};

    for (int i = 0; i < 3; i++) {
        errno = 0;
        ck_assert_ptr_null(weft_ensure_future(&absurd[i], NULL));
        ck_assert_int_eq(errno, EINVAL);
    }
    errno = 0;
    ck_assert_ptr_null(weft_ensure_future(NULL, NULL));
    ck_assert_int_eq(errno, EINVAL);
    ck_assert_trace("");
    weft_unref(f);
    return 0;
}

/* Without memory there is no task, and what it was to be given stays the caller's. */
START_TEST(no_task_without_memory)
{
    weft_loop *loop = weft_new_event_loop(NULL);
    weft_awaitable awaitable = {.fn = note_name, .arg = "arg", .options = &with_drop};
    unsigned long failures = 0;

    for (;;) {
        wf_fault_arm(FAULT_ALLOC, failures + 1, ENOMEM, false);
        errno = 0;
        weft_task *t = weft_ensure_future(&awaitable, loop);
        wf_fault_reset();
        ck_assert_trace("");
        if (t) {
            ck_assert_int_eq(weft_loop_run_until_complete(loop, t, NULL), 0);
            ck_assert_trace("arg");
            weft_unref(t);
            break;
        }
        ck_assert_int_eq(errno, ENOMEM);
        failures++;
    }
    ck_assert_uint_gt(failures, 0);
    ck_assert_int_eq(weft_loop_free(loop), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ensure_future");

    TCase *futures = tcase_create("futures");
    tcase_add_test(futures, future_is_given_back);
    tcase_add_test(futures, future_of_another_loop_is_refused);
    tcase_add_test(futures, neither_and_both_are_refused);
    suite_add_tcase(suite, futures);

    TCase *coroutines = tcase_create("coroutines");
    tcase_add_test(coroutines, coroutine_becomes_a_task);
    tcase_add_test(coroutines, which_loop_the_task_is_of);
    tcase_add_test(coroutines, closed_loop_releases_the_argument);
    tcase_add_test(coroutines, no_task_without_memory);
    suite_add_tcase(suite, coroutines);

    return suite_main(suite);
}
