/*
 * run.h - a run of a scenario: what its parts share.
 */
#ifndef WEFT_TESTS_ORACLE_RUN_H
#define WEFT_TESTS_ORACLE_RUN_H

#include <weft/weft.h>

#include "tests/oracle/scenario.h"
#include "tests/oracle/text.h"

#define RUN_TASKS 100 /* as many as a run may have */

/* Who writes a line: the number of a task, or: */
#define WHO_NOBODY (-1)

struct run {
    const struct scenario *scenario;
    weft_loop *loop;
    struct text *trace;
    struct text out;    /* what the statement that is being completed has to say; see body.h */
    struct text broken; /* why the run has no trace; empty while it has */
    int lines;
    int deadlocks;
    bool cleaning;                   /* the clean-up has begun */
    bool closed;                     /* the trace is complete */
    struct object *tasks[RUN_TASKS]; /* by number */
    const struct body *bodies[RUN_TASKS];
    int task_count;
    long names_before_main; /* unnamed tasks are counted from the main task on */
    struct object *objects; /* all of them, the latest first */
    struct kept_error *errors;
    struct callback *callbacks; /* callbacks.c */
    struct arena arena;
};

/* Gives up: the run has no trace. Returns the error with which statements end from then on. */
__attribute__((format(printf, 2, 3))) int run_break(struct run *run, const char *format, ...);

bool run_is_broken(const struct run *run);

/* Keeps an error alive until the end of the run: returns it, borrowed. NULL is passed through. */
weft_error *run_keep_error(struct run *run, weft_error *error);

/* The number of a task, or WHO_NOBODY. */
int run_task_number(const struct run *run, const weft_future *task);

/* Runs a scenario. False if it has no trace: the reason is in broken. */
bool run_scenario(const struct scenario *scenario, struct text *trace, struct text *broken);

#endif
