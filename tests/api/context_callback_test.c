/*
 * context_callback_test.c - the contexts that callbacks run in: of the loop, of futures, of
 * descriptors, and the exception handler.
 */
#include <signal.h>
#include <unistd.h>

#include "tests/api/contexts.h"

static int see_done(weft_future *future, void *arg)
{
    (void)future;
    return see(arg);
}

COROUTINE(set_and_yield)
{
    set(&plain, 5);
    return weft_yield();
}

COROUTINE(run_set_and_yield)
{
    return weft_context_run(arg, set_and_yield, NULL, NULL);
}

/* SOON-19, SOON-20: a callback runs in a copy of the context at its registration, and keeps what it
 * sets for itself; or in the given one. */
START_SIM(callbacks_have_their_own)
{
    weft_loop *loop = weft_get_running_loop();
    weft_context *context = context_with(3);

    set(&plain, 1);
    ck_assert_int_eq(weft_call_soon(loop, see, "soon ", NULL), 0);
    ck_assert_int_eq(weft_call_soon_threadsafe(loop, see, "threadsafe ", NULL), 0);
    ck_assert_int_eq(weft_call_later(loop, 1, see, "later ", NULL), 0);
    ck_assert_int_eq(weft_call_at(loop, 2, see, "at ", NULL), 0);
    set(&plain, 2);
    ck_assert_int_eq(weft_call_soon_in(loop, context, see, "soon ", NULL), 0);
    ck_assert_int_eq(weft_call_soon_threadsafe_in(loop, context, see, "threadsafe ", NULL), 0);
    ck_assert_int_eq(weft_call_later_in(loop, context, 1, see, "later ", NULL), 0);
    ck_assert_int_eq(weft_call_at_in(loop, context, 2, see, "at ", NULL), 0);
    ck_assert_int_eq(weft_call_soon_in(loop, NULL, see, "none ", NULL), 0);
    ck_assert_int_eq(weft_sleep(3), 0);
    ck_assert_trace(
        "soon 1 threadsafe 1 soon 3 threadsafe 30 none 2 later 1 later 300 at 1 at 3000");
    ck_assert_int_eq(held(context, &plain), 30000);
    ck_assert_int_eq(current(&plain), 2);
    weft_context_unref(context);
    return 0;
}

/* CTXV-08: a callback whose context is entered when its turn comes is reported, and not called. */
START_SIM(callback_in_an_entered_context)
{
    weft_context *context = context_with(9);
    weft_future *future = weft_create_future();

    weft_task *task = weft_create_task(run_set_and_yield, context, NULL);
    ck_assert_int_eq(weft_add_done_callback_in(future, context, see_done, "done "), 0);
    ck_assert_int_eq(weft_call_soon_in(weft_get_running_loop(), context, see, "soon ", NULL), 0);
    ck_assert_int_eq(weft_future_set_result(future, NULL), 0);
    ck_assert_int_eq(weft_yield(), 0);
    ck_assert_int_eq(reports_count, 2);
    ck_assert_int_eq(reports_code, WEFT_ERUNTIME);
    ck_assert_str_eq(reports_error, "the callback's context is entered already");
    ck_assert_int_eq(weft_join(task, NULL), 0);
    ck_assert_trace("");
    weft_unref(future);
    weft_context_unref(context);
    return 0;
}

/* FUT-20, CTXV-14: a done callback runs in a copy of the context at its addition, or in the given
 * one; neither who added it nor who completes the future sees what it sets. */
START_SIM(done_callbacks_have_their_own)
{
    weft_context *context = context_with(3);
    weft_future *future = weft_create_future();

    set(&plain, 1);
    ck_assert_int_eq(weft_add_done_callback(future, see_done, "a "), 0);
    ck_assert_int_eq(weft_add_done_callback_in(future, context, see_done, "b "), 0);
    set(&plain, 2);
    ck_assert_int_eq(weft_future_set_result(future, NULL), 0);
    ck_assert_int_eq(weft_yield(), 0);
    ck_assert_int_eq(weft_add_done_callback(future, see_done, "c "), 0);
    ck_assert_int_eq(weft_yield(), 0);
    ck_assert_trace("a 1 b 3 c 2");
    ck_assert_int_eq(held(context, &plain), 30);
    ck_assert_int_eq(current(&plain), 2);
    weft_unref(future);
    weft_context_unref(context);
    return 0;
}

COROUTINE(complete)
{
    set(&plain, 8);
    ck_assert_int_eq(weft_future_set_result(arg, NULL), 0);
    ck_assert_int_eq(current(&plain), 8);
    return 0;
}

/* CTXV-14: the same for a callback that the completing task itself calls. */
START_TEST(done_callback_in_the_completer)
{
    weft_future *future = weft_future_new(NULL);
    weft_context *context = context_with(3);

    set(&plain, 1);
    ck_assert_int_eq(weft_add_done_callback(future, see_done, "a "), 0);
    set(&plain, 2);
    ck_assert_int_eq(weft_add_done_callback_in(future, context, see_done, "b "), 0);
    ck_assert_int_eq(sim_run(complete, future), 0);
    ck_assert(strstr(trace_text, "a 1"));
    ck_assert(strstr(trace_text, "b 3"));
    ck_assert_int_eq(held(context, &plain), 30);
    ck_assert_int_eq(current(&plain), 2);
    weft_unref(future);
    weft_context_unref(context);
}
END_TEST

static int read_and_see(void *arg)
{
    char byte;
    ck_assert_int_eq(read(*(int *)arg, &byte, 1), 1);
    return see("");
}

/* CTXV-15: so do the callbacks of descriptors, each in the same copy at every call. */
START_SIM(descriptors_have_their_own)
{
    weft_loop *loop = weft_get_running_loop();
    int ends[2];

    ck_assert_int_eq(pipe(ends), 0);
    set(&plain, 1);
    ck_assert_int_eq(weft_loop_add_reader(loop, ends[0], read_and_see, &ends[0]), 0);
    set(&plain, 2);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(write(ends[1], "x", 1), 1);
        ck_assert_int_eq(weft_yield(), 0);
        ck_assert_int_eq(weft_yield(), 0);
    }
    ck_assert_trace("1 10 100");
    ck_assert_int_eq(current(&plain), 2);
    ck_assert_int_eq(weft_loop_remove_reader(loop, ends[0]), 1);
    close(ends[0]);
    close(ends[1]);
    return 0;
}

/* CTXV-15: and the handlers of signals. */
START_SIM(signals_have_their_own)
{
    weft_loop *loop = weft_get_running_loop();

    ck_assert_int_eq(weft_context_var_set(&owning, number(1), NULL), 0);
    set(&plain, 1);
    ck_assert_int_eq(weft_loop_add_signal_handler(loop, SIGUSR1, see, "a "), 0);
    ck_assert_int_eq(weft_loop_add_signal_handler(loop, SIGUSR2, see, "b "), 0);
    set(&plain, 2);
    ck_assert_int_eq(weft_context_var_set(&owning, number(2), NULL), 0);
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(raise(SIGUSR1), 0);
        ck_assert_int_eq(weft_yield(), 0);
        ck_assert_int_eq(weft_yield(), 0);
    }
    ck_assert_trace("a 1 a 10");
    ck_assert_int_eq(current(&plain), 2);
    ck_assert_int_eq(weft_loop_remove_signal_handler(loop, SIGUSR1), 1);
    ck_assert_int_eq(drops, 0); /* the other one holds a copy */
    ck_assert_int_eq(weft_loop_add_signal_handler(loop, SIGUSR2, see, "c "), 0);
    ck_assert_int_eq(drops, 1);
    return 0; /* closing the loop gives the last copy back */
}

static int handler_sees(weft_loop *loop, const weft_report *report, void *arg)
{
    (void)loop;
    (void)report;
    return see(arg);
}

static int set_and_fail(void *arg)
{
    set(&plain, (long)(intptr_t)arg);
    return -EIO;
}

COROUTINE(task_fails)
{
    return set_and_fail(arg);
}

static int done_fails(weft_future *future, void *arg)
{
    (void)future;
    return set_and_fail(arg);
}

/* EXH-09: the handler sees the variables as the failing task or callback left them. */
START_SIM(handler_sees_what_failed)
{
    weft_loop *loop = weft_get_running_loop();
    weft_future *future = weft_create_future();

    weft_loop_set_exception_handler(loop, handler_sees, "");
    set(&plain, 1);
    ck_assert_int_eq(weft_call_soon(loop, set_and_fail, number(2), NULL), 0);
    ck_assert_int_eq(weft_add_done_callback(future, done_fails, number(3)), 0);
    ck_assert_int_eq(weft_future_set_result(future, NULL), 0);
    weft_unref(weft_create_task(task_fails, number(4), NULL));
    ck_assert_int_eq(weft_yield(), 0);
    ck_assert_trace("2 3 4");
    ck_assert_int_eq(current(&plain), 1);
    /* What is about neither is handled in the current one. */
    weft_loop_call_exception_handler(loop, &(weft_report){.message = "none"});
    ck_assert_trace("1");
    ck_assert_int_eq(current(&plain), 10);
    /* Inside the task that it is about. */
    weft_loop_call_exception_handler(loop, &(weft_report){.task = weft_current_task()});
    ck_assert_trace("10");
    ck_assert_int_eq(current(&plain), 10);
    weft_unref(future);
    return 0;
}

int main(void)
{
    Suite *suite = suite_create("context_callback");
    TCase *tcase = tcase_create("context_callback");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, callbacks_have_their_own);
    tcase_add_test(tcase, callback_in_an_entered_context);
    tcase_add_test(tcase, done_callbacks_have_their_own);
    tcase_add_test(tcase, done_callback_in_the_completer);
    tcase_add_test(tcase, descriptors_have_their_own);
    tcase_add_test(tcase, signals_have_their_own);
    tcase_add_test(tcase, handler_sees_what_failed);
    suite_add_tcase(suite, tcase);
    return suite_main(suite);
}
