/*
 * ending.h - the end of a run: tasks and generators that are left.
 */
#ifndef WEFT_TESTS_ORACLE_ENDING_H
#define WEFT_TESTS_ORACLE_ENDING_H

#include "tests/oracle/run.h"

/* Cancels and awaits the tasks that are not done. */
void ending_clean_up(struct run *run);

/* Closes the generators that are not finished. */
void ending_close_generators(struct run *run);

#endif
