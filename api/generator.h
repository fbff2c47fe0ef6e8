/*
 * generator.h - what an asynchronous generator is made of.
 *
 *     new --request--> running <--request, yield--> suspended
 *      |                  '------- returns -------------> finished
 *      '--- close, throw ------------------------------------^
 *
 * A request switches from the asking task's stack to the generator's and goes on there, as the same
 * task: that task is the running one, its errors are where the body's go, and if the body awaits it
 * is the task that is suspended.
 *
 * N1  While it runs, the task's context and stack are the generator's (context_move()): so a
 *     suspended task is continued where it was, and its calls are found, whichever stack that is.
 * N2  A generator that was started stays on the loop it was started on; all fields but refs are used
 *     by that loop's thread, before the start and after the end by whoever holds it.
 * N3  It is in its loop's list from its start to its end, or until the loop is closed, which forgets
 *     the list. The list holds no reference.
 */
#ifndef WEFT_API_GENERATOR_H
#define WEFT_API_GENERATOR_H

#include <weft/generator.h>

#include "runtime/park.h"

enum generator_state {
    GENERATOR_NEW,
    GENERATOR_SUSPENDED,
    GENERATOR_RUNNING,
    GENERATOR_FINISHED,
};

struct weft_generator {
    struct context context; /* the body's, while suspended */
    struct context asker;   /* the asking task's, while running */
    struct stack_caller back;
    struct stack *stack;                           /* from the start to the end */
    struct weft_except *handled, *handled_outside; /* except blocks: the body's innermost while
                                                      suspended; the one around its request */
    const weft_context *entered; /* by weft_context_run(), by who asked; while running */
    void *value;                 /* on its way: in, what was sent; out, what was yielded */
    weft_error *thrown_error;
    int thrown;  /* what its yield is to fail with; 0 */
    int outcome; /* finished: what the body returned */
    uint8_t state;
    uint8_t stack_class; /* STACK_CLASSES: the loop's */
    bool given_up;       /* nobody asks any more: a task closes it, then it is freed */
    bool left_over; /* the list has its reference: for who asks, when the request is over; or, when
                       its closing did not begin or was ignored, for the end of the run */
    _Atomic uint32_t refs;

    weft_generator_fn fn;
    void *arg;
    weft_drop arg_drop;
    char *name;
    struct weft_loop *loop; /* N2 */
    uint64_t life;          /* of that loop's memory */
    struct generator_entry entry;
    struct runnable mail; /* the last reference was given back on another thread */
};

static inline weft_generator *generator_of_entry(struct generator_entry *entry)
{
    return container_of(entry, weft_generator, entry);
}

/* What the loop does with those of its list. */
extern const struct generators_ops wf_generators_ops;

/* Whether the loop that it was started on is there, and open. */
static inline bool generator_has_loop(const weft_generator *generator)
{
    return !loop_is_closed(generator->loop) && loop_life(generator->loop) == generator->life;
}

/* Off its loop's list (N3). */
void wf_generator_delist(weft_generator *generator);

/* Gives its stack back: the body has ended, or never will. Any thread that runs no part of it. */
void wf_generator_drop_stack(weft_generator *generator);

#endif
