/*
 * exception_handler_test.c - what becomes of failures that have no caller.
 */
#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include "tests/sched/callbacks.h"
#include "tests/support/faults.h"
#include "tests/support/suite.h"

static weft_loop *loop;

static void make_loop(void)
{
    loop = weft_new_event_loop(&(weft_loop_options){.clock = WEFT_CLOCK_VIRTUAL, .debug = -1});
    ck_assert_ptr_nonnull(loop);
}

static void free_loop(void)
{
    ck_assert_int_eq(weft_loop_free(loop), 0);
}

/* ---- standard error, read back ---- */

static int captured_fd = -1, saved_fd = -1;

static void capture_begin(void)
{
    char name[] = "/tmp/weft-report-XXXXXX";
    captured_fd = mkstemp(name);
    ck_assert_int_ge(captured_fd, 0);
    unlink(name);
    fflush(stderr);
    saved_fd = dup(STDERR_FILENO);
    ck_assert_int_ge(saved_fd, 0);
    ck_assert_int_ge(dup2(captured_fd, STDERR_FILENO), 0);
}

/* What was written meanwhile, as a text that the next call overwrites. */
static const char *capture_end(void)
{
    static char text[4096];
    fflush(stderr);
    dup2(saved_fd, STDERR_FILENO);
    close(saved_fd);
    ssize_t n = pread(captured_fd, text, sizeof(text) - 1, 0);
    ck_assert_int_ge(n, 0);
    text[n] = '\0';
    close(captured_fd);
    return text;
}

static int count_in(const char *text, const char *what)
{
    int count = 0;
    for (const char *at = text; (at = strstr(at, what)); at++)
        count++;
    return count;
}

/* ---- the default handler ---- */

/* With no handler a report is written once: the message, what it is about, the error
 * (EXH-01, EXH-05). */
START_TEST(the_default_writes_to_standard_error)
{
    weft_future *future = weft_future_new(loop);
    weft_error *error = weft_error_new(-EIO, "disk %d", 3);
    weft_report report = {
        .message = "Something broke", .code = -EIO, .error = error, .future = future};

    capture_begin();
    weft_loop_call_exception_handler(loop, &report);
    const char *text = capture_end();
    const char *message = strstr(text, "Something broke"), *about = strstr(text, "future: <Future"),
               *what = strstr(text, "disk 3");
    ck_assert_ptr_nonnull(message);
    ck_assert_ptr_nonnull(about);
    ck_assert_ptr_nonnull(what);
    ck_assert(message < about && about < what);
    ck_assert_int_eq(count_in(text, "Something broke"), 1);
    ck_assert_int_eq(count_in(text, "disk 3"), 1);

    report.error = NULL; /* a code alone says its name and text */
    capture_begin();
    weft_loop_default_exception_handler(loop, &report);
    text = capture_end();
    ck_assert_ptr_nonnull(strstr(text, "EIO"));
    ck_assert_ptr_nonnull(strstr(text, weft_strerror(-EIO)));
    weft_error_unref(error);
    weft_unref(future);
}
END_TEST

COROUTINE(fail_in_a_task)
{
    return weft_fail(-EIO, "disk %d", *(int *)arg);
}

/* What is known of where the error was made is written before it, the newest call last. */
START_TEST(the_default_writes_where_the_error_was_made)
{
    int number = 3;
    weft_task *task = weft_create_task_on(loop, fail_in_a_task, &number, NULL);
    void *frames[64];
    char newest[32];

    run_once(loop);
    int count = weft_task_get_stack(task, frames, 64);
    ck_assert_int_gt(count, 0);
    snprintf(newest, sizeof(newest), "[%p]", frames[count - 1]);
    capture_begin();
    weft_unref(task);
    const char *text = capture_end(), *heading = strstr(text, "Traceback (most recent call last)"),
               *frame = strstr(text, newest), *what = strstr(text, "EIO: disk 3");
    ck_assert_ptr_nonnull(heading);
    ck_assert_ptr_nonnull(frame);
    ck_assert_ptr_nonnull(what);
    ck_assert(heading < frame && frame < what);
}
END_TEST

COROUTINE(drop_a_failure)
{
    weft_task *task = weft_create_task(fail_in_a_task, arg, NULL);
    weft_yield();
    weft_unref(task);
    return 0;
}

/* The default handler runs on the stack of whoever reports: the smallest there is will do. */
START_TEST(the_default_fits_a_small_stack)
{
    int number = 4;
    weft_task *task = weft_create_task_on(loop, drop_a_failure, &number,
                                          &(weft_task_options){.stack_bytes = 16 << 10});

    capture_begin();
    ck_assert_int_eq(weft_loop_run_until_complete(loop, task, NULL), 0);
    const char *text = capture_end();
    ck_assert_ptr_nonnull(strstr(text, "Traceback (most recent call last)"));
    ck_assert_ptr_nonnull(strstr(text, "EIO: disk 4"));
    weft_unref(task);
}
END_TEST

/* A report without a message has a fixed one (EXH-02). */
START_TEST(the_default_has_a_message)
{
    capture_begin();
    weft_loop_call_exception_handler(loop, &(weft_report){.code = -EIO});
    ck_assert_ptr_nonnull(strstr(capture_end(), "Unhandled exception in event loop"));
}
END_TEST

static int fail_with(void *text)
{
    return weft_fail(-EIO, "%s", (const char *)text);
}

COROUTINE(fail_task)
{
    return weft_fail(-EPIPE, "%s", (const char *)arg);
}

/* Each source of reports says what it knows: callbacks their handle, futures and tasks themselves
 * (EXH-01, EXH-05). */
START_TEST(reports_name_what_they_are_about)
{
    capture_begin();
    weft_call_soon(loop, fail_with, "in a callback", NULL);
    run_once(loop);
    const char *text = capture_end();
    ck_assert_ptr_nonnull(strstr(text, "Exception in callback"));
    ck_assert_ptr_nonnull(strstr(text, "handle: "));
    ck_assert_ptr_nonnull(strstr(text, "in a callback"));

    capture_begin();
    weft_unref(weft_create_task_on(loop, fail_task, "in a task",
                                   &(weft_task_options){.name = "broken one"}));
    run_once(loop);
    text = capture_end();
    ck_assert_ptr_nonnull(strstr(text, "Task exception was never retrieved"));
    ck_assert_ptr_nonnull(strstr(text, "broken one"));
    ck_assert_ptr_nonnull(strstr(text, "in a task"));
}
END_TEST

/* ---- a handler of the user's ---- */

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

static Suite *exception_handler_suite(void)
{
    const TTest *const tests[] = {
        the_default_writes_to_standard_error,
        the_default_writes_where_the_error_was_made,
        the_default_fits_a_small_stack,
        the_default_has_a_message,
        reports_name_what_they_are_about,
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
    Suite *suite = suite_create("exception handler");
    TCase *reports = tcase_create("reports"), *faults = tcase_create("faults");
    tcase_add_checked_fixture(reports, make_loop, free_loop);
    for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
        tcase_add_test(reports, tests[i]);
    suite_add_tcase(suite, reports);
    tcase_add_test(faults, reports_without_memory);
    suite_add_tcase(suite, faults);
    return suite;
}

int main(void)
{
    return suite_main(exception_handler_suite());
}
