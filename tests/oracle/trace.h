/*
 * trace.h - the lines of a trace.
 */
#ifndef WEFT_TESTS_ORACLE_TRACE_H
#define WEFT_TESTS_ORACLE_TRACE_H

#include "tests/oracle/run.h"

/* The loop's clock, in ticks. */
long trace_clock(const struct run *run);

/* Writes a line: the clock, who, the line of the scenario (0: none), and what there is to say. */
__attribute__((format(printf, 4, 5))) void trace_line(struct run *run, int who, int line,
                                                      const char *format, ...);

/* Writes the line of a statement or block: its name and its outcome. */
void trace_outcome(struct run *run, int who, int line, const char *name, const char *outcome);

/* The same with the error that has just come, and words behind it. */
void trace_error(struct run *run, int who, int line, const char *name, int code,
                 const char *behind);

#endif
