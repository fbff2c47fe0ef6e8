/*
 * report.c - the exception handler: what becomes of failures that have no caller.
 *
 * A report is handled at once, in the thread that makes it. Nothing that goes wrong in a handler
 * reaches the code that caused the report: a failing handler is reported to the default one, with
 * the original attached.
 */
#include "runtime/sched/report.h"

#include <stdio.h>

#include "runtime/io/quiet.h"
#include "runtime/sched/callback.h"
#include "runtime/sched/current_scope.h"
#include "runtime/sched/frames_text.h"
#include "runtime/sched/occupy.h"
#include "runtime/sched/trace.h"

int weft_loop_set_exception_handler(weft_loop *loop, weft_exception_handler handler, void *arg)
{
    if (!loop)
        return -EINVAL;
    loop->handler = handler;
    loop->handler_arg = arg;
    return 0;
}

weft_exception_handler weft_loop_get_exception_handler(const weft_loop *loop)
{
    return loop ? loop->handler : NULL;
}

/* The most that is written of where an error was made. */
#define FRAMES_MAX 64

static void error_write(FILE *file, const weft_error *error, const char *indent)
{
    void *frames[FRAMES_MAX];
    int count = weft_error_get_stack(error, frames, FRAMES_MAX);

    if (count > 0) {
        fprintf(file, "%sTraceback (most recent call last):\n", indent);
        wf_frames_print(file, indent, frames, count);
    }
    weft_error_print(error, file);
}

static void report_write(FILE *file, const weft_report *report, const char *indent)
{
    char text[256];

    fprintf(file, "%s%s\n", indent,
            report->message ? report->message : "Unhandled exception in event loop");
    if (report->future) {
        weft_future_format(report->future, text, sizeof(text));
        fprintf(file, "%s  future: %s\n", indent, text);
    }
    if (report->asyncgen)
        fprintf(file, "%s  asyncgen: %p\n", indent, (void *)report->asyncgen);
    if (report->handle)
        fprintf(file, "%s  handle: %p\n", indent, (void *)report->handle);
    if (report->task && report->task != report->future) {
        weft_future_format(report->task, text, sizeof(text));
        fprintf(file, "%s  task: %s\n", indent, text);
    }
    if (report->source_traceback_count > 0) {
        fprintf(file, "%s  created at (most recent call last):\n", indent);
        wf_frames_print(file, indent, report->source_traceback, report->source_traceback_count);
    }
    if (report->stack_count > 0) {
        fprintf(file, "%s  running (most recent call last):\n", indent);
        wf_frames_print(file, indent, report->stack, report->stack_count);
    }
    if (report->error)
        error_write(file, report->error, indent);
    else if (report->code)
        fprintf(file, "%s%s: %s\n", indent, weft_error_name(report->code),
                weft_strerror(report->code));
}

void weft_loop_default_exception_handler(weft_loop *loop, const weft_report *report)
{
    struct quiet quiet;

    (void)loop;
    if (!report)
        return;
    wf_quiet_begin(&quiet); /* it may be a pipe that nobody reads any more */
    flockfile(stderr);      /* one report is one text, whoever else writes */
    fputs("weft: ", stderr);
    report_write(stderr, report, "");
    if (report->original) {
        fputs("  while handling:\n", stderr);
        report_write(stderr, report->original, "  ");
    }
    funlockfile(stderr);
    wf_quiet_end(&quiet, true);
}

/*
 * A copy of the scope of what failed (EXH-09): of the task, else of the handle. False: it is about
 * neither, or about a task that another thread may be using.
 */
static bool report_scope(const weft_report *report, struct scope *ret_scope)
{
    weft_future *about = report->task ? report->task : report->future;

    if (about && future_is_task(about)) {
        struct weft_loop *home = future_is_done(about) ? NULL : future_loop(about);
        struct loop_visit visit;
        if (home && !wf_loop_enter(home, &visit))
            return false;
        scope_init(ret_scope, NULL, &task_of(about)->scope);
        if (home)
            wf_loop_leave(home, &visit);
        return true;
    }
    if (about || !report->handle)
        return false;
    scope_init(ret_scope, NULL, wf_handle_scope(report->handle));
    return true;
}

/* The user's handler sees the variables as the failing code left them: in a copy of `where`, or
 * (NULL) of what the report is about. */
static int report_handle(weft_loop *loop, const weft_report *report, const struct scope *where)
{
    struct scope own, *current = scope_current();

    if (where)
        scope_init(&own, NULL, where);
    else if (!report_scope(report, &own))
        return loop->handler(loop, report, loop->handler_arg);
    (void)scope_begin(current, &own); /* a copy: nobody else can have entered it */
    int code = loop->handler(loop, report, loop->handler_arg);
    scope_end(current, &own);
    scope_fini(&own);
    return code;
}

static void report_call(weft_loop *loop, const weft_report *report, const struct scope *where)
{
    if (!loop || !loop->handler) {
        weft_loop_default_exception_handler(loop, report);
        return;
    }
    int code = report_handle(loop, report, where);
    if (code >= 0)
        return;
    weft_error *error = wf_error_slot_take(wf_error_slot(), code);
    struct loop_visit visit;
    if ((code == WEFT_EINTERRUPTED || code == WEFT_ESYSTEMEXIT) && wf_loop_enter(loop, &visit)) {
        loop_end_fatally(loop, code); /* EXH-08 */
        wf_loop_leave(loop, &visit);
    } else { /* EXH-06 */
        weft_report failed = {.message = "Unhandled error in exception handler",
                              .code = code,
                              .error = error,
                              .original = report};
        weft_loop_default_exception_handler(loop, &failed);
    }
    weft_error_unref(error);
}

void weft_loop_call_exception_handler(weft_loop *loop, const weft_report *report)
{
    if (report)
        report_call(loop, report, NULL);
}

void wf_report_in(const struct scope *where, struct weft_loop *loop, const char *message, int code,
                  weft_error *error, weft_future *future, weft_handle *handle)
{
    const struct trace *trace = future   ? trace_in(future, (enum block_class)future->block)
                                : handle ? wf_handle_trace(handle)
                                         : NULL;
    weft_report report = {.message = message,
                          .code = code,
                          .error = error,
                          .future = future,
                          .task = future && future_is_task(future) ? future : NULL,
                          .handle = handle,
                          .source_traceback = trace ? trace->frames : NULL, /* DBG-07 */
                          .source_traceback_count = trace ? trace->count : 0};
    report_call(loop, &report, where);
}

void wf_report(struct weft_loop *loop, const char *message, int code, weft_error *error,
               weft_future *future, weft_handle *handle)
{
    wf_report_in(NULL, loop, message, code, error, future, handle);
}
