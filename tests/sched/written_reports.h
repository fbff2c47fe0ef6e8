/*
 * written_reports.h - a loop without a handler on virtual time, and what is written to standard error.
 */
#ifndef WEFT_TESTS_SCHED_WRITTEN_REPORTS_H
#define WEFT_TESTS_SCHED_WRITTEN_REPORTS_H

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/sched/callbacks.h"
#include "tests/support/suite.h"

static weft_loop *loop;

static inline void make_loop(void)
{
    loop = weft_new_event_loop(&(weft_loop_options){.clock = WEFT_CLOCK_VIRTUAL, .debug = -1});
    ck_assert_ptr_nonnull(loop);
}

static inline void free_loop(void)
{
    ck_assert_int_eq(weft_loop_free(loop), 0);
}

static inline int fail_with(void *text)
{
    return weft_fail(-EIO, "%s", (const char *)text);
}

/* ---- standard error, read back ---- */

static int captured_fd = -1, saved_fd = -1;

static inline void capture_begin(void)
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
static inline const char *capture_end(void)
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

static inline int count_in(const char *text, const char *what)
{
    int count = 0;
    for (const char *at = text; (at = strstr(at, what)); at++)
        count++;
    return count;
}

#endif
