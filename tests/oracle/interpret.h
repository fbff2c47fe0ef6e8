/*
 * interpret.h - from a scenario to its trace.
 */
#ifndef WEFT_TESTS_ORACLE_INTERPRET_H
#define WEFT_TESTS_ORACLE_INTERPRET_H

#include "tests/oracle/text.h"

/* How a file was interpreted; also the exit status of the program. */
enum verdict {
    VERDICT_TRACE = 0,       /* the text is the trace */
    VERDICT_NO_TRACE = 1,    /* the run has none: the text says why */
    VERDICT_NO_SCENARIO = 2, /* the text says why not */
};

/* Runs a scenario. */
enum verdict interpret(const char *text, struct text *ret_text);

/* Runs the scenario in a file. */
enum verdict interpret_file(const char *path, struct text *ret_text);

#endif
