/*
 * body.h - bodies are executed: by tasks, callbacks and generators.
 *
 * A statement, a block or a body ends with one of three: it goes on (0), it has returned
 * (FLOW_RETURN, with the value in the frame), or an error: a negative code, which is weft's current
 * error. That is all the control flow there is.
 */
#ifndef WEFT_TESTS_ORACLE_BODY_H
#define WEFT_TESTS_ORACLE_BODY_H

#include "tests/oracle/objects.h"

enum {
    FLOW_ON = 0,
    FLOW_RETURN = 1,
};

/* A body that is being executed. */
struct frame {
    struct run *run;
    int task;                  /* its number, or WHO_NOBODY; of a generator: not used */
    weft_generator *generator; /* whose body it is, or NULL */
    void *value;               /* of FLOW_RETURN */
    weft_error *handled;       /* by the innermost except; borrowed */
    int depth;                 /* of calls in calls */
};

/* A statement with what its arguments denote. */
struct call {
    struct run *run;
    struct frame *frame;
    const struct statement *statement;
    int who;
    struct object *objects[ARGUMENTS]; /* of those that are single variables */
    struct member *members;            /* of the list: those that are set */
    size_t member_count;
    bool silent; /* set by the statement: its line, if any, has been written */
};

/* A variable of a list. */
struct member {
    const char *name;
    struct object *object;
};

/* The number of the task that executes the frame, or WHO_NOBODY. */
int frame_who(const struct frame *frame);

/* What a name denotes for the frame; NULL: unset. */
struct object *frame_lookup(const struct frame *frame, const struct name *name);

/* Executes the statements of a block. */
int frame_run(struct frame *frame, const struct block *block);

/*
 * Says what the outcome of a statement is; without it, it is "ok". To be called behind the last
 * call that suspends: the text is the run's, and is written when the statement's function returns.
 */
#define say(call, ...) text_add(&(call)->run->out, __VA_ARGS__)

/* Lets the statement's variable denote an object. */
void call_bind(struct call *call, int argument, struct object *object);

/* Seconds, for weft: WEFT_FOREVER for none. */
double argument_seconds(const struct argument *argument);

#endif
