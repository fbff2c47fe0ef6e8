/*
 * tasks.h - bodies as tasks.
 */
#ifndef WEFT_TESTS_ORACLE_TASKS_H
#define WEFT_TESTS_ORACLE_TASKS_H

#include "tests/oracle/objects.h"

/* The main task, with number 0, on a loop that is not running; NULL with a broken run. */
struct object *task_start_main(struct run *run);

#endif
