/*
 * task_ops.h - making tasks, for those who queue them in ways of their own.
 */
#ifndef WEFT_RUNTIME_SCHED_TASK_OPS_H
#define WEFT_RUNTIME_SCHED_TASK_OPS_H

#include "runtime/base/likely.h"
#include "runtime/sched/loop.h"

/*
 * A task that is in no queue and on no list, with the maker's and the loop's reference. loop: NULL
 * for one that any loop of the runtime may take; model: the loop whose settings count. NULL with
 * errno.
 */
struct task *wf_task_make(struct weft_loop *loop, struct weft_loop *model, weft_coroutine fn,
                          void *arg, const weft_task_options *options);

/* Undoes wf_task_make(); what the options named is still the caller's. */
void wf_task_unmake(struct task *task);

/* ready.run of a task that another thread made: it arrives at its loop. */
void wf_task_arrive(struct runnable *r, struct weft_loop *loop);

/* The number of the next unnamed task: of the running loop, of a thread without one. */
void wf_loop_take_numbers(struct weft_loop *loop);
uint64_t wf_foreign_number(void);

static inline uint64_t loop_number(struct weft_loop *loop)
{
    if (unlikely(loop->number_next == loop->number_end))
        wf_loop_take_numbers(loop);
    return loop->number_next++;
}

/* Copies the name. 0 or -ENOMEM. */
int wf_task_set_name(struct task *task, const char *name);

void wf_task_drop_name(struct task *task);

/* A request to end stays with the task until it is resumed, or suspended the next time. error: is the
 * task's from here on; may be NULL. */
static inline void task_ask_later(struct task *task, weft_error *error)
{
    weft_error_unref(task->cancel_error);
    task->cancel_error = error;
    task->must_cancel = true;
}

/* The name of a stack's owner, for the message of an overflow: async-signal-safe. */
const char *wf_task_owner_name(void *owner);

/* The task as text, for weft_future_format(). mine: the caller may look at the loop's fields. */
int wf_task_format(const struct task *task, bool mine, const char *state, const char *callbacks,
                   char *buffer, size_t bytes);

#endif
