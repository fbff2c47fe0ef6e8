/*
 * scenario.h - a scenario that has been read: declarations, and bodies made of statements.
 */
#ifndef WEFT_TESTS_ORACLE_SCENARIO_H
#define WEFT_TESTS_ORACLE_SCENARIO_H

#include <stdbool.h>

#include "tests/oracle/memory.h"

/* What a name stands for. One name has one type in all of the scenario. */
enum type {
    TYPE_NONE, /* not known yet */
    TYPE_CORO,
    TYPE_FUNC,
    TYPE_AGEN,
    TYPE_TASK,
    TYPE_FUTURE,
    TYPE_AGG, /* a gather or a shield */
    TYPE_TIMEOUT,
    TYPE_GROUP,
    TYPE_HANDLE,
    TYPE_TOKEN,
    TYPE_GENERATOR,
    TYPE_EVENT,
    TYPE_LOCK,
    TYPE_QUEUE,
    TYPE_SEMAPHORE,
    TYPE_CONDITION,
    TYPE_BARRIER,
    TYPE_CONTEXTVAR,
    TYPE_COUNTER,
    TYPES,
};

struct object;
struct operation;
struct declaration_kind;

/* A name: of a body, or of a variable with what it denotes now. */
struct name {
    const char *text;
    enum type type;
    struct body *body;
    struct object *object; /* NULL: unset */
    struct name *next;
};

/* What is given to a statement. */
struct argument {
    bool given;
    bool none;    /* of a duration */
    bool failure; /* of an error: a UserError, with number for its code */
    long number;  /* of an integer, a duration; which one, of a choice or a kind of error */
    const char *word;
    struct name *name;
    struct name **names;
    size_t count;
    struct declaration *declaration;
};

#define ARGUMENTS 4

/* Statements, in order. */
struct block {
    struct statement *first, *last;
};

/* An except or a finally of a try. */
struct clause {
    int line;
    const char *kind; /* NULL: finally */
    struct block block;
    struct clause *next;
};

struct statement {
    int line, end; /* end: the line of a block's `end` */
    const struct operation *operation;
    struct argument arguments[ARGUMENTS];
    struct block block;
    struct clause *clauses; /* in order */
    struct clause *final;
    struct statement *next;
};

struct declaration {
    const struct declaration_kind *kind;
    struct name *name;
    long number;
    struct name *lock; /* of a condition; NULL: its own */
    struct declaration *next;
};

struct body {
    enum type kind;
    int line;
    const char *name;
    struct block block;
};

struct scenario {
    struct name *names;
    struct name *main, *self;
    struct body *main_body;
    struct declaration *declarations;
    bool has_generators;
    struct arena arena; /* of all of it */
};

#endif
