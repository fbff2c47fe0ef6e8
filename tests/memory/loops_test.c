/*
 * loops_test.c - loops, handles, descriptors, signals and runners, without memory.
 */
#include <signal.h>

#include "tests/memory/scarce.h"

static int calls;

static int count_call(void *arg)
{
    (void)arg;
    calls++;
    return 0;
}

COROUTINE(returns)
{
    return 0;
}

START_SCARCE_PLAIN(loops, 2)
{
    weft_loop_options options = {.clock = WEFT_CLOCK_VIRTUAL};
    weft_loop *loop;
    weft_loop_stats stats;
    MAKE(loop, weft_new_event_loop(&options));
    NEVER(ck_assert_int_eq(weft_set_event_loop(loop), 0));
    NEVER(ck_assert_ptr_eq(weft_get_event_loop(), loop));
    NEVER(ck_assert_ptr_null(weft_get_running_loop()));
    NEVER(ck_assert_ptr_nonnull(weft_loop_poller(loop)));
    NEVER(ck_assert_int_eq(weft_loop_is_running(loop), 0));
    NEVER(ck_assert_int_eq(weft_loop_is_closed(loop), 0));
    NEVER(ck_assert_double_ge(weft_loop_time(loop), 0));
    NEVER(ck_assert_int_eq(weft_loop_advance(loop, 1), 0));
    NEVER(ck_assert_int_eq(weft_loop_set_idle_callback(loop, count_call, NULL), 0));
    NEVER(ck_assert_int_eq(weft_loop_set_debug(loop, 0), 0));
    NEVER(ck_assert_int_eq(weft_loop_get_debug(loop), 0));
    NEVER(ck_assert_int_eq(weft_loop_set_slow_callback_duration(loop, 1), 0));
    NEVER(ck_assert_double_eq(weft_loop_get_slow_callback_duration(loop), 1));
    NEVER(ck_assert_int_eq(weft_loop_set_watchdog(loop, 5), 0));
    NEVER(ck_assert_int_eq(weft_loop_get_stats(loop, &stats), 0));
    NEVER(ck_assert_int_eq(weft_loop_stop(loop), 0));
    ASKED(weft_loop_run_forever(loop), 0);
    weft_future *f;
    MAKE(f, weft_future_new(loop));
    ck_assert_int_eq(weft_future_set_result(f, NULL), 0);
    ASKED(weft_loop_run_until_complete(loop, f, NULL), 0);
    weft_unref(f);
    NEVER(ck_assert_int_eq(weft_loop_close(loop), 0));
    NEVER(ck_assert_int_eq(weft_loop_free(loop), 0));
}

/* A handle of each kind, kept, called off or run. */
START_SCARCE(handles, 9)
{
    weft_loop *loop = weft_get_running_loop();
    weft_context *context;
    weft_handle *handle;
    void *frames[4];
    MAKE(context, weft_copy_context());
    ASKED(weft_call_soon(loop, count_call, NULL, NULL), 0);
    ASKED(weft_call_soon_threadsafe(loop, count_call, NULL, NULL), 0);
    ASKED(weft_call_later(loop, 1, count_call, NULL, NULL), 0);
    ASKED(weft_call_at(loop, sim_now() + 1, count_call, NULL, NULL), 0);
    ASKED(weft_call_soon_in(loop, context, count_call, NULL, NULL), 0);
    ASKED(weft_call_soon_threadsafe_in(loop, context, count_call, NULL, NULL), 0);
    ASKED(weft_call_later_in(loop, context, 1, count_call, NULL, NULL), 0);
    ASKED(weft_call_at_in(loop, context, sim_now() + 1, count_call, NULL, NULL), 0);
    ASKED(weft_call_later(loop, 1, count_call, NULL, &handle), 0);
    NEVER(ck_assert_double_ge(weft_handle_when(handle), sim_now()));
    NEVER(ck_assert_int_ge(weft_handle_get_source_traceback(handle, frames, 4), 0));
    NEVER(ck_assert_ptr_eq(weft_handle_ref(handle), handle));
    NEVER(weft_handle_unref(handle));
    NEVER(weft_handle_cancel(handle));
    NEVER(ck_assert_int_eq(weft_handle_cancelled(handle), 1));
    NEVER(weft_handle_unref(handle));
    weft_context_unref(context);
    ck_assert_int_eq(weft_sleep(2), 0);
    ck_assert_int_eq(calls, 8);
    calls = 0;
    return 0;
}

START_SCARCE(descriptors, 2)
{
    weft_loop *loop = weft_get_running_loop();
    int fds[2];
    ck_assert_int_eq(pipe(fds), 0);
    ASKED(weft_loop_add_reader(loop, fds[0], count_call, NULL), 0);
    ASKED(weft_loop_add_writer(loop, fds[1], count_call, NULL), 0);
    ASKED(weft_loop_add_reader(loop, fds[0], count_call, fds), 0); /* in its place */
    NEVER(ck_assert_int_eq(weft_loop_remove_reader(loop, fds[0]), 1));
    NEVER(ck_assert_int_eq(weft_loop_remove_writer(loop, fds[1]), 1));
    close(fds[0]);
    close(fds[1]);
    return 0;
}

static int count_report(weft_loop *loop, const weft_report *report, void *arg)
{
    (void)loop;
    (void)report;
    ++*(int *)arg;
    return 0;
}

START_SCARCE(reports, 0)
{
    weft_loop *loop = weft_get_running_loop();
    weft_report report = {.message = "reported by a test, as it should be"};
    int reported = 0;
    NEVER(ck_assert_int_eq(weft_loop_set_exception_handler(loop, count_report, &reported), 0));
    NEVER(ck_assert(weft_loop_get_exception_handler(loop) == count_report));
    COPES(weft_loop_call_exception_handler(loop, &report));
    ck_assert_int_eq(reported, 1);
    COPES(weft_loop_default_exception_handler(loop, &report));
    return 0;
}

START_SCARCE(signals, 1)
{
    weft_loop *loop = weft_get_running_loop();
    ASKED(weft_loop_add_signal_handler(loop, SIGUSR1, count_call, NULL), 0);
    NEVER(ck_assert_int_eq(weft_loop_remove_signal_handler(loop, SIGUSR1), 1));
    return 0;
}

/* A run says that there is no memory, and can be tried again. Without memory for its end the main
 * task's outcome stands, closing the loops ends what is left, and that is reported. */
START_SCARCE_PLAIN(runs, 5)
{
    weft_runner_options options = {.loops = 1};
    int rc;
    COPES(rc = weft_run_with(&options, returns, NULL, NULL));
    ck_assert(rc == 0 || rc == -ENOMEM);
    if (failed_since(0))
        ck_assert_int_eq(weft_run_with(&options, returns, NULL, NULL), 0);
}

START_SCARCE_PLAIN(runs_plainly, 5)
{
    int rc;
    COPES(rc = weft_run(returns, NULL, NULL));
    ck_assert(rc == 0 || rc == -ENOMEM);
    if (failed_since(0))
        ck_assert_int_eq(weft_run(returns, NULL, NULL), 0);
}

START_SCARCE_PLAIN(runners, 5)
{
    weft_runner_options options = {.loops = 1};
    weft_runner runner;
    weft_context *context;
    weft_loop *loop;
    MAKE(context, weft_context_new());
    NEVER(ck_assert_int_eq(weft_runner_init(&runner, &options), 0));
    MAKE(loop, weft_runner_get_loop(&runner));
    NEVER(ck_assert_ptr_eq(weft_runner_loop_at(&runner, 0), loop));
    NEVER(ck_assert_int_eq(weft_runner_loops(&runner), 1));
    ASKED(weft_runner_run(&runner, returns, NULL, NULL), 0);
    ASKED(weft_runner_run_in(&runner, context, returns, NULL, NULL), 0);
    COPES(ck_assert_int_eq(weft_runner_close(&runner), 0));
    weft_context_unref(context);
}

/* One whose loops run on threads of their own. */
START_SCARCE_PLAIN(background, 5)
{
    weft_runner_options options = {.loops = 2};
    weft_runner runner;
    ck_assert_int_eq(weft_runner_init(&runner, &options), 0);
    ASKED(weft_runner_start(&runner), 0);
    COPES(ck_assert_int_eq(weft_runner_close(&runner), 0));
}

int main(void)
{
    Suite *suite = suite_create("loops without memory");
    TCase *tests = tcase_create("loops without memory");

    tcase_add_test(tests, loops);
    tcase_add_test(tests, handles);
    tcase_add_test(tests, descriptors);
    tcase_add_test(tests, reports);
    tcase_add_test(tests, signals);
    tcase_add_test(tests, runs);
    tcase_add_test(tests, runs_plainly);
    tcase_add_test(tests, runners);
    tcase_add_test(tests, background);
    suite_add_tcase(suite, tests);
    return suite_main(suite);
}
