/*
 * values.h - values, errors and states, as they are written in a trace.
 *
 * A value is a pointer, as weft has it: NULL is none, anything else a number. The result of a
 * gather is NULL for weft: its list is that of its children.
 */
#ifndef WEFT_TESTS_ORACLE_VALUES_H
#define WEFT_TESTS_ORACLE_VALUES_H

#include "tests/oracle/objects.h"

/* The code of a UserError. Its message is the error's own code. */
#define USER_ERROR (-9001)

static inline void *value_of_number(long number)
{
    return (void *)(uintptr_t)((uint64_t)number << 1 | 1);
}

static inline long number_of_value(void *value)
{
    return (long)((intptr_t)value >> 1);
}

/* Writes a value that is no list. */
void write_value(struct text *text, void *value);

/* Writes an error: its code, and its object if there is one. */
void write_error(struct run *run, struct text *text, int code, const weft_error *error);

/* Writes the error with which a call has just failed here. */
void write_current_error(struct run *run, struct text *text, int code);

/* Writes the value of something that is done and has one. */
void write_result(struct run *run, struct text *text, const struct object *object);

/* Writes the state of a future, task, gather or shield. Takes no message away. */
void write_state(struct run *run, struct text *text, const struct object *object);

/* Raises the error that an argument names. */
int raise_argument(const struct argument *argument);

/* Whether an `except` of this kind takes an error of this code. */
bool error_matches(const char *kind, int code);

#endif
