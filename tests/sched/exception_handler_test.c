/*
 * exception_handler_test.c - failures that have no caller, and a handler of the user's.
 */
#include <fcntl.h>
#include <pthread.h>

#include "tests/sched/written_reports.h"
#include "tests/support/faults.h"

struct seen {
    int count;
    weft_loop *loop;
    weft_report report; /* for comparing */
    int answer;
};

static int see(weft_loop *from, const weft_report *report, void *arg)
{
    struct seen *seen = arg;
    seen->count++;
    seen->loop = from;
    seen->report = *report;
    return seen->answer < 0 ? weft_fail(seen->answer, "handler broke") : 0;
}

/* A handler gets every report, entry by entry, instead of the default; without one the default is
 * back (EXH-03, EXH-05). */
START_TEST(a_handler_gets_the_reports)
{
    struct seen seen = {0};
    weft_error *error = weft_error_new(-EIO, NULL);
    weft_future *future = weft_future_new(loop);
    weft_handle *handle;
    weft_call_soon(loop, note, "a", &handle);
    weft_report report = {.message = "all",
                          .code = -EIO,
                          .error = error,
                          .future = future,
                          .task = future,
                          .handle = handle};

    ck_assert(weft_loop_get_exception_handler(loop) == NULL);
    ck_assert_int_eq(weft_loop_set_exception_handler(loop, see, &seen), 0);
    ck_assert(weft_loop_get_exception_handler(loop) == see);
    capture_begin();
    weft_loop_call_exception_handler(loop, &report);
    ck_assert_str_eq(capture_end(), "");
    ck_assert_int_eq(seen.count, 1);
    ck_assert_ptr_eq(seen.loop, loop);
    ck_assert_str_eq(seen.report.message, "all");
    ck_assert_int_eq(seen.report.code, -EIO);
    ck_assert_ptr_eq(seen.report.error, error);
    ck_assert_ptr_eq(seen.report.future, future);
    ck_assert_ptr_eq(seen.report.task, future);
    ck_assert_ptr_eq(seen.report.handle, handle);

    ck_assert_int_eq(weft_loop_set_exception_handler(loop, NULL, NULL), 0);
    ck_assert(weft_loop_get_exception_handler(loop) == NULL);
    capture_begin();
    weft_loop_call_exception_handler(loop, &report);
    ck_assert_ptr_nonnull(strstr(capture_end(), "all"));
    ck_assert_int_eq(seen.count, 1);
    weft_error_unref(error);
    weft_unref(future);
    weft_handle_unref(handle);
}
END_TEST

/* A handler that fails is itself reported to the default one, with the original, and whoever
 * caused the report learns of nothing (EXH-06). */
START_TEST(a_failing_handler_is_reported)
{
    struct seen seen = {.answer = -EPIPE};
    weft_loop_set_exception_handler(loop, see, &seen);
    capture_begin();
    weft_call_soon(loop, fail_with, "original", NULL);
    weft_call_soon(loop, note, "after", NULL);
    run_once(loop);
    const char *text = capture_end();
    ck_assert_trace("after");
    ck_assert_int_eq(seen.count, 1);
    const char *first = strstr(text, "Unhandled error in exception handler"),
               *failure = strstr(text, "handler broke"), *original = strstr(text, "original");
    ck_assert_ptr_nonnull(first);
    ck_assert_ptr_nonnull(failure);
    ck_assert_ptr_nonnull(strstr(text, "EPIPE"));
    ck_assert_ptr_nonnull(original);
    ck_assert(first < failure && failure < original);
    ck_assert_ptr_nonnull(strstr(text, "Exception in callback"));
}
END_TEST

/* A default handler that fails as well, because nothing can be written, is the end of it: the loop
 * goes on (EXH-07). */
START_TEST(a_failing_default_handler_is_swallowed)
{
    struct seen seen = {.answer = -EPIPE};
    int full = open("/dev/full", O_WRONLY | O_CLOEXEC), saved = dup(STDERR_FILENO);

    ck_assert_int_ge(full, 0);
    ck_assert_int_ge(saved, 0);
    weft_loop_set_exception_handler(loop, see, &seen);
    weft_call_soon(loop, fail_with, "original", NULL);
    weft_call_soon(loop, note, "after", NULL);
    ck_assert_int_ge(dup2(full, STDERR_FILENO), 0);
    run_once(loop);
    weft_loop_default_exception_handler(loop, &(weft_report){.message = "lost"});
    dup2(saved, STDERR_FILENO);
    close(saved);
    close(full);
    ck_assert_int_eq(seen.count, 1);
    ck_assert_trace("after");
}
END_TEST

/* A fatal error of a handler is not swallowed: it ends the run (EXH-08). */
START_TEST(a_fatal_handler_ends_the_run)
{
    int codes[] = {WEFT_EINTERRUPTED, WEFT_ESYSTEMEXIT};
    for (int i = 0; i < 2; i++) {
        struct seen seen = {.answer = codes[i]};
        weft_loop_set_exception_handler(loop, see, &seen);
        weft_call_soon(loop, fail_with, "original", NULL);
        weft_call_soon(loop, note, "next run", NULL);
        ck_assert_int_eq(weft_loop_run_forever(loop), codes[i]);
        ck_assert_trace("");
        run_once(loop);
        ck_assert_trace("next run");
    }
}
END_TEST

static int pass_on(weft_loop *from, const weft_report *report, void *arg)
{
    trace("%s", (const char *)arg);
    weft_loop_default_exception_handler(from, report);
    return 0;
}

static int call_handler(void *arg)
{
    trace("before");
    weft_loop_call_exception_handler(loop, &(weft_report){.message = arg});
    trace("after");
    return 0;
}

/* Anybody can make a report, which is handled before the call returns; a handler may pass it on
 * to the default one (EXH-10, EXH-11). */
START_TEST(anybody_can_report)
{
    weft_loop_set_exception_handler(loop, pass_on, "handler");
    capture_begin();
    weft_call_soon(loop, call_handler, "from the user", NULL);
    run_once(loop);
    ck_assert_ptr_nonnull(strstr(capture_end(), "from the user"));
    ck_assert_trace("before handler after");
}
END_TEST

static void *report_from_thread(void *arg)
{
    (void)arg;
    weft_loop_call_exception_handler(loop, &(weft_report){.message = "thread"});
    return NULL;
}

static pthread_t handled_in;

static int see_thread(weft_loop *from, const weft_report *report, void *arg)
{
    handled_in = pthread_self();
    return see(from, report, arg);
}

/* The handler is called in the thread that reports, whether the loop runs, is still, or is closed
 * (EXH-11, LIFE-19). */
START_TEST(reports_are_handled_where_they_are_made)
{
    struct seen seen = {0};
    pthread_t thread;

    weft_loop_set_exception_handler(loop, see_thread, &seen);
    weft_loop_call_exception_handler(loop, &(weft_report){.message = "still"});
    ck_assert(pthread_equal(handled_in, pthread_self()));
    ck_assert_int_eq(pthread_create(&thread, NULL, report_from_thread, NULL), 0);
    pthread_join(thread, NULL);
    ck_assert(pthread_equal(handled_in, thread));
    weft_loop_close(loop);
    weft_loop_call_exception_handler(loop, &(weft_report){.message = "closed"});
    ck_assert_str_eq(seen.report.message, "closed");
    ck_assert_int_eq(seen.count, 3);
}
END_TEST

static int report_beside(void *arg)
{
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, report_from_thread, arg), 0);
    pthread_join(thread, NULL);
    return 0;
}

/* A fatal error of a handler in another thread has no run to end, and is written instead
 * (EXH-06, EXH-08). */
START_TEST(a_fatal_handler_in_another_thread_is_written)
{
    struct seen seen = {.answer = WEFT_EINTERRUPTED};
    weft_loop_set_exception_handler(loop, see, &seen);
    weft_call_soon(loop, report_beside, NULL, NULL);
    capture_begin();
    run_once(loop);
    ck_assert_ptr_nonnull(strstr(capture_end(), "WEFT_EINTERRUPTED"));
    ck_assert_int_eq(seen.count, 1);
}
END_TEST

/* Nothing to report, and no loop to report to. */
START_TEST(bad_arguments_are_harmless)
{
    ck_assert_int_eq(weft_loop_set_exception_handler(NULL, see, NULL), -EINVAL);
    ck_assert(weft_loop_get_exception_handler(NULL) == NULL);
    weft_loop_call_exception_handler(loop, NULL);
    weft_loop_default_exception_handler(loop, NULL);
    capture_begin();
    weft_loop_call_exception_handler(NULL, &(weft_report){.message = "no loop"});
    ck_assert_ptr_nonnull(strstr(capture_end(), "no loop"));
}
END_TEST

static int handled_codes;

static int count_codes(weft_loop *from, const weft_report *report, void *arg)
{
    (void)from;
    (void)arg;
    handled_codes += report->code == -EIO;
    return 0;
}

static void fail_often(void)
{
    weft_loop *l = weft_new_event_loop(&(weft_loop_options){.clock = WEFT_CLOCK_VIRTUAL});
    if (!l)
        return;
    handled_codes = 0;
    weft_loop_set_exception_handler(l, count_codes, NULL);
    int made = 0;
    for (int i = 0; i < 3; i++)
        made += weft_call_soon(l, fail_with, "a text that needs memory", NULL) == 0;
    run_once(l);
    ck_assert_int_ge(made, 2);
    ck_assert_int_eq(handled_codes, made);
    weft_loop_free(l);
}

/* Without memory for an error object the code is still reported. */
START_TEST(reports_without_memory)
{
    ck_assert_uint_ge(run_with_each_fault(FAULT_ALLOC, ENOMEM, fail_often), 5);
}
END_TEST

static weft_future *failed_future(void)
{
    weft_future *future = weft_future_new(loop);
    ck_assert_ptr_nonnull(future);
    ck_assert_int_eq(weft_future_set_exception(future, weft_fail(-EIO, "late")), 0);
    return future;
}

/* What becomes of a future whose loop was freed is no business of that loop's handler any more, nor of
 * that of a later loop, which may have its memory: the report is written (EXH-01). */
START_TEST(a_loop_that_is_gone_handles_nothing)
{
    weft_loop_set_exception_handler(loop, report_record, NULL);
    weft_future *first = failed_future(), *second = failed_future();
    free_loop();

    capture_begin();
    weft_unref(first);
    make_loop();
    weft_loop_set_exception_handler(loop, report_record, NULL);
    weft_unref(second);
    ck_assert_int_eq(count_in(capture_end(), "EIO: late"), 2);
    ck_assert_int_eq(reports_count, 0);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        a_handler_gets_the_reports,
        a_failing_handler_is_reported,
        a_failing_default_handler_is_swallowed,
        a_fatal_handler_ends_the_run,
        anybody_can_report,
        reports_are_handled_where_they_are_made,
        a_fatal_handler_in_another_thread_is_written,
        bad_arguments_are_harmless,
        a_loop_that_is_gone_handles_nothing,
    };
    Suite *suite = suite_with(make_loop, free_loop, "exception handler", tests,
                              sizeof(tests) / sizeof(tests[0]));
    TCase *faults = tcase_create("faults");
    tcase_add_test(faults, reports_without_memory);
    suite_add_tcase(suite, faults);
    return suite_main(suite);
}
