/*
 * default_handler_test.c - failures that have no caller and no handler: what is written of them.
 */
#include <signal.h>

#include "tests/sched/written_reports.h"

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

/* Where nobody reads standard error any more, no SIGPIPE comes of a report, whose default would end this
 * process. */
START_TEST(nobody_reads_standard_error)
{
    sigset_t broken, now;
    int ends[2], saved = dup(STDERR_FILENO);

    ck_assert_ptr_ne(signal(SIGPIPE, SIG_DFL), SIG_ERR);
    sigemptyset(&broken);
    sigaddset(&broken, SIGPIPE);
    ck_assert_int_eq(pthread_sigmask(SIG_UNBLOCK, &broken, NULL), 0);
    ck_assert_int_eq(pipe(ends), 0);
    ck_assert_int_ge(dup2(ends[1], STDERR_FILENO), 0);
    close(ends[0]);
    close(ends[1]);
    weft_loop_call_exception_handler(loop, &(weft_report){.code = -EIO});
    dup2(saved, STDERR_FILENO);
    close(saved);
    clearerr(stderr);
    ck_assert_int_eq(sigpending(&now), 0);
    ck_assert(!sigismember(&now, SIGPIPE));
    ck_assert_int_eq(pthread_sigmask(SIG_SETMASK, NULL, &now), 0);
    ck_assert(!sigismember(&now, SIGPIPE));
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        the_default_writes_to_standard_error, the_default_writes_where_the_error_was_made,
        the_default_fits_a_small_stack,       the_default_has_a_message,
        reports_name_what_they_are_about,     nobody_reads_standard_error,
    };
    return suite_main(suite_with(make_loop, free_loop, "default handler", tests,
                                 sizeof(tests) / sizeof(tests[0])));
}
