/*
 * submit.h - a coroutine on its way from a thread to a loop, and its outcome on the way back.
 *
 *     thread: submission --inbox--> loop: task runs --> its outcome goes to the concurrent future
 *     thread: cancel     --inbox--> loop: the task is cancelled
 *
 * S1  A submission is one block: the concurrent future, the messages, and what is needed to make
 *     the task. The loop's side holds a reference until the task is done and its outcome was passed on.
 * S2  The block travels between processors, so it is two cache lines. What the loop alone needs while
 *     the task runs is in a block of the loop's own, the errand.
 * S3  The messages arrive in order: start, then cancel, which is posted only by who has the future.
 */
#ifndef WEFT_THREADPOOL_SUBMIT_H
#define WEFT_THREADPOOL_SUBMIT_H

#include "runtime/sched/current_scope.h"
#include "runtime/sched/future_ops.h"

struct submission {
    struct plain_future
        future; /* first: future_free() gives the block back. Its mail, which a future of no loop never
                                   sends, is the start */
    union {
        struct weft_loop *loop;      /* until the future is cancelled; read by who cancels it */
        struct runnable cancel_mail; /* from then on */
    };
    union {
        struct { /* while future.base.entry.run says that the task is to be made; then the loop's */
            weft_coroutine fn;
            void *arg;
        };
        struct errand *errand; /* from then on, of the loop's thread; NULL: done */
    };
};
_Static_assert(sizeof(struct submission) <= BLOCK_SMALL_BYTES, "a submission is a small block");

/* One with options, or from a thread with a context (XTHR-23), is a larger block: future.base.block tells. */
struct submission_with_options {
    struct submission submission;
    weft_drop arg_drop;
    char *name;         /* a copy, or NULL; of the loop's side */
    struct scope scope; /* of the task, until it is made */
    uint32_t stack_bytes;
};
_Static_assert(sizeof(struct submission_with_options) <= BLOCK_TASK_BYTES,
               "a submission with options fits where a task does");

/* What the loop's thread knows of a submission whose task runs. */
struct errand {
    struct runnable done; /* the task is done */
    struct waiter waiter; /* in the task's list */
    struct submission *submission;
    struct weft_future *task; /* a reference */
};
_Static_assert(sizeof(struct errand) <= BLOCK_LINE_BYTES, "an errand is a line");

static struct submission_with_options *options_of(struct submission *s)
{
    return s->future.base.block == BLOCK_TASK ? (struct submission_with_options *)(void *)s : NULL;
}

/* The messages. */
void wf_submission_start(struct runnable *r, struct weft_loop *loop);
void wf_submission_start_with_options(struct runnable *r, struct weft_loop *loop);
void wf_submission_cancel(struct runnable *r, struct weft_loop *loop);

/* Gives back what is needed to make the task. */
void wf_submission_fini(struct submission_with_options *with);

#endif
