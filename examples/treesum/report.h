/*
 * report.h - what treesum says: sums on standard output, everything else on standard error.
 */
#ifndef TREESUM_REPORT_H
#define TREESUM_REPORT_H

#include <stdbool.h>

#include "examples/treesum/hash.h"

struct report {
    const struct slots *slots; /* whose bytes the progress line shows */
    size_t files, failures;    /* said so far */
    double started, ended;     /* seconds of the first loop's clock */
    bool terminal;             /* standard error is one: there is a progress line */
    bool held;                 /* no progress now: standard output may be the same terminal */
};

void report_init(struct report *report, const struct slots *slots);

/*
 * Says what became of a file: its sum as sha256sum(1) prints it, or why there is none.
 *
 * Context:      a task; it suspends while standard output takes what has gathered
 * Cancellation: the file has been said
 * Return:       0; WEFT_ECANCELLED; the error of standard output
 */
int report_file(struct report *report, const struct file *file);

/* Writes out what has gathered. As report_file(). */
int report_flush(struct report *report);

/* A coroutine: keeps a progress line on the terminal until it is cancelled. */
int report_progress(void *report, void **result);

/* How many files and bytes. */
void report_total(const struct report *report);

/* How fast, and which loop did how much. The runner is not running. */
int report_stats(const struct report *report, weft_runner *runner);

#endif
