/*
 * host.c - keeps the task that entered a block of code inside a generator.
 */
#include "api/host.h"

#include <errno.h>

#include "runtime/sched/future_ops.h"

struct host {
    struct watch_set set; /* its owner: the block; once the loop is closed nobody */
    struct task *task;    /* a reference */
};
_Static_assert(sizeof(struct host) <= BLOCK_SMALL_BYTES, "a host is a small block");

static void host_over(struct watch_set *set)
{
    struct host *host = container_of(set, struct host, set);
    struct weft_loop *here = loop_current();

    wf_future_unref(&host->task->future);
    block_put(here ? &here->blocks : NULL, BLOCK_SMALL, host);
}

static const struct watch_set_ops host_ops = {NULL, wf_watch_set_release, host_over, NULL};

int wf_host_keep(struct task *task, struct host **ret_host)
{
    struct weft_loop *loop = future_loop(&task->future);
    struct host *host = block_get(&loop->blocks, BLOCK_SMALL);

    if (!host)
        return -ENOMEM;
    watch_set_init(&host->set, &host_ops, loop);
    wf_watch_set_list(&host->set);
    wf_future_ref(&task->future);
    host->task = task;
    *ret_host = host;
    return 0;
}

void wf_host_release(struct host *host)
{
    wf_watch_set_unlist(&host->set);
    wf_watch_set_release(&host->set);
}
