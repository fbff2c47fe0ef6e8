/*
 * report.h - failures that have no caller go to the loop's exception handler.
 */
#ifndef WEFT_RUNTIME_SCHED_REPORT_H
#define WEFT_RUNTIME_SCHED_REPORT_H

#include <weft/loop.h>

#include "runtime/task/scope.h"

/* Reports an error (owned by the caller; may be NULL) about a future, task or handle (each may be
 * NULL). */
void wf_report(struct weft_loop *loop, const char *message, int code, weft_error *error,
               weft_future *future, weft_handle *handle);

/* As wf_report(), with the scope that a handler sees a copy of; NULL: that of the task or handle. */
void wf_report_in(const struct scope *where, struct weft_loop *loop, const char *message, int code,
                  weft_error *error, weft_future *future, weft_handle *handle);

#endif
