/*
 * objects.h - what variables denote.
 *
 * An object lives to the end of the run, whatever its name denotes later.
 */
#ifndef WEFT_TESTS_ORACLE_OBJECTS_H
#define WEFT_TESTS_ORACLE_OBJECTS_H

#include "tests/oracle/run.h"

struct object {
    enum type type;
    struct object *next; /* made before this one */
    weft_future *future; /* of a task, future, gather or shield; owned once `owned` */
    bool owned;
    bool returned; /* of a task: its body has ended without an error */
    /* Whose results they are. */
    struct object **children; /* of a gather */
    size_t count;
    struct object *inner; /* of a shield */
    bool iteration_begun;
    union {
        long number; /* of a counter */
        weft_lock lock;
        weft_event event;
        weft_semaphore semaphore;
        weft_condition condition;
        weft_barrier barrier;
        weft_queue *queue;
        weft_context_var *variable;
        weft_context_token token;
        weft_handle *handle;
        weft_timeout timeout;
        weft_task_group group;
        weft_as_completed iteration; /* of no type */
        weft_generator *generator;
    };
};

/* A zeroed object. */
struct object *object_new(struct run *run, enum type type);

/* One with a future, whose reference passes to it. */
struct object *object_of_future(struct run *run, enum type type, weft_future *future);

/* Makes what a declaration says, and lets its name denote it. 0, or an error as a statement's. */
int object_declare(struct run *run, const struct declaration *declaration);

/* Ends what is used on the loop alone, before it is closed. */
void objects_end(struct run *run);

/* Gives back what objects hold, once the loop is closed: tasks that never ended wait for it. */
void objects_free(struct run *run);

/* Writes the line of a declaration's object at the end of the run. */
void object_write_final(struct run *run, const struct declaration *declaration);

#endif
