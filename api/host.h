/*
 * host.h - keeps the task that entered a block of code: a time-out, a task group.
 *
 * A block in the task's own calls is over before the task is. One in a generator's lasts while the
 * generator is suspended: the task may be over meanwhile, and another one leave the block. So there
 * the block keeps its task. When the loop is closed nobody leaves it any more, and the loop gives the
 * task back.
 */
#ifndef WEFT_API_HOST_H
#define WEFT_API_HOST_H

#include "runtime/base/likely.h"
#include "runtime/park.h"
#include "runtime/sched/watch.h"

struct host;

int wf_host_keep(struct task *task, struct host **ret_host);
void wf_host_release(struct host *host);

/* The running task enters a block: 0, with NULL unless it does so in a generator; or -ENOMEM. */
static inline int host_keep(struct task *task, struct host **ret_host)
{
    *ret_host = NULL;
    return likely(!task->stack->inner) ? 0 : wf_host_keep(task, ret_host);
}

/* The block is left; host may be NULL. */
static inline void host_release(struct host *host)
{
    if (unlikely(host != NULL))
        wf_host_release(host);
}

/* Whether a task may leave a block: the one that entered it, in a generator any of its loop. */
static inline bool host_lets_leave(const struct host *host, const weft_task *entered,
                                   const struct task *task)
{
    return likely(entered == &task->future) ||
           (host && future_loop(entered) == future_loop(&task->future));
}

#endif
