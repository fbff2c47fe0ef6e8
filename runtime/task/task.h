/*
 * task.h - what a task is made of: a future, and a flow of control with a stack of its own.
 *
 * Everything behind `birth` belongs to the thread of the task's loop; until a loop has taken the
 * task, to whoever holds it (its maker, then the ring, then the taker).
 *
 * T1  A task is in a ready queue at most once: `ready` is its only entry.
 * T2  While it is suspended, `wait` says on what, and exactly one party will make it ready
 *     again.
 * T3  It has a stack from its first step to its last; it never changes loops in between.
 * T4  Until it is done its loop holds a reference.
 */
#ifndef WEFT_RUNTIME_TASK_TASK_H
#define WEFT_RUNTIME_TASK_TASK_H

#include <weft/task.h>

#include "runtime/task/birth.h"
#include "runtime/task/error_slot.h"
#include "runtime/task/future.h"
#include "runtime/task/scope.h"
#include "runtime/task/stack.h"
#include "runtime/task/switch.h"

struct task;

struct wait;

/* A way of waiting. */
struct wait_ops {
    /*
     * Asks for an end of the wait with this error (borrowed, may be NULL): true if it will end so,
     * and the task be made ready; false if it is over already (the task is ready or will be).
     */
    bool (*cancel)(struct wait *wait, struct task *task, weft_error *error);
    /* The loop is being closed: nobody may touch the task any more. */
    void (*abandon)(struct wait *wait, struct task *task);
    const char *what; /* such as "sleep", for people */
};

/* What a suspended task waits on. Lives on the task's stack. */
struct wait {
    const struct wait_ops *ops;
    void *object; /* on what, or NULL: a future when ops->what is "future" */
};

struct task {
    struct weft_future
        future; /* its entry runs wf_task_start before the first step, wf_task_step after it */
    struct birth birth;
    struct context context;
    weft_coroutine fn;
    void *arg;
    struct scope scope;       /* its context; the maker's until others know the task */
    struct task *prev, *next; /* unfinished tasks of the loop, in order of creation */
    union {
        uint64_t number; /* of a task that is called Task-number */
        char *name;      /* when named */
    };
    uint8_t stack_class;

    /* From here on, all is 0 in a new task. */
    struct stack *stack;
    struct wait *wait;
    struct context
        *resumer; /* eager start: whoever ran until then; the first suspension goes there */
    weft_error *cancel_error; /* message of the last request to end that no wait has heard: while
                                 must_cancel it is to be delivered, then it stays (GATH-15); owned */
    struct error_slot errors;
    weft_drop arg_drop;
    int cancelling;  /* requests to end, less those taken back */
    bool eager_done; /* it ended inside create_task */
    bool named;
    bool must_cancel;
    bool started;
    bool cancel_heard;    /* a request to end reached it while it was not done */
    _Atomic bool dropped; /* what was to make it ready came too late: its loop is closed. Set by
                             whoever brought it, for the closing thread; reset before a wait that
                             another thread may end */
};

static inline struct task *task_of(struct weft_future *f)
{
    return (struct task *)(void *)f;
}

#define container_of(pointer, type, member) \
    ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

#endif
