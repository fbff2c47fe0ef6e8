/*
 * language.h - the words of the language: what stands where, and who executes it.
 */
#ifndef WEFT_TESTS_ORACLE_LANGUAGE_H
#define WEFT_TESTS_ORACLE_LANGUAGE_H

#include "tests/oracle/scenario.h"

struct call;
struct frame;

/* What an argument is. */
enum argument_kind {
    ARG_END,
    ARG_INT,
    ARG_DURATION,
    ARG_WORD,
    ARG_ERROR,
    ARG_GATHER_MODE,
    ARG_WAIT_MODE,
    ARG_ITERATION_MODE,
    ARG_IMMEDIATE,
    ARG_DECLARATION,
    ARG_CORO,
    ARG_FUNC,
    ARG_AGEN,
    ARG_NAMES, /* from here on: variables */
    ARG_TASK = ARG_NAMES,
    ARG_FUTURE,
    ARG_AGG,
    ARG_TIMEOUT,
    ARG_GROUP,
    ARG_HANDLE,
    ARG_TOKEN,
    ARG_GENERATOR,
    ARG_EVENT,
    ARG_LOCK,
    ARG_QUEUE,
    ARG_CONDITION,
    ARG_BARRIER,
    ARG_CONTEXTVAR,
    ARG_COUNTER,
    ARG_AWAITABLE,
    ARG_LOCKISH,
    ARG_WITHABLE,
    ARG_KINDS,

    ARG_KIND = 0x3f,
    ARG_OPTIONAL = 0x40,
    ARG_SETS = 0x80,  /* the statement sets the variable */
    ARG_LIST = 0x100, /* all that is left of the line */
};

/* Where a statement may stand. */
enum place {
    IN_ALL = 0,
    NOT_IN_FUNC = 1,
    NOT_IN_AGEN = 2,
    ONLY_IN_AGEN = 4,
    ONLY_IN_EXCEPT = 8,
    ALONE_IN_CORO = NOT_IN_FUNC | NOT_IN_AGEN,
};

/* A statement (run) or a block (block); a try has neither arguments nor an equal. */
struct operation {
    const char *name;
    unsigned place;
    unsigned arguments[ARGUMENTS + 1];
    int (*run)(struct call *call);
    int (*block)(struct frame *frame, const struct statement *statement);
};

const struct operation *operation_find(const char *name);

/* Whether a variable of the type will do for the argument. */
bool argument_allows(unsigned kind, enum type type);

/* The type that a variable must have, for an argument that one type alone will do for. */
enum type argument_type(unsigned kind);

/* The words that may stand for a choice, ended by NULL; NULL for an argument that is no choice. */
const char *const *argument_choices(unsigned kind);

const char *type_name(enum type type);

enum declaration_id {
    DECLARE_FUTURE,
    DECLARE_EVENT,
    DECLARE_LOCK,
    DECLARE_QUEUE,
    DECLARE_LIFOQUEUE,
    DECLARE_PRIORITYQUEUE,
    DECLARE_SEMAPHORE,
    DECLARE_BOUNDEDSEMAPHORE,
    DECLARE_CONDITION,
    DECLARE_BARRIER,
    DECLARE_CONTEXTVAR,
    DECLARE_COUNTER,
};

struct declaration_kind {
    const char *name;
    enum declaration_id id;
    enum type type;
    enum { TAKES_NOTHING, TAKES_NUMBER, TAKES_LOCK } takes;
};

const struct declaration_kind *declaration_find(const char *name);

/* Whether the text is a kind of error that `except` knows. */
bool error_kind_is_known(const char *text);

/* The errors that a scenario can raise by name. */
extern const char *const raisable_errors[];

#endif
