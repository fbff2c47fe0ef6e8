/*
 * lane_call.c - a blocking function in the lane of the default executor, and its outcome's way home.
 *
 *     loop: call made --> lane: fn runs --> loop's inbox --> loop: the future is done
 *
 * N1  A call is one block. It has a reference for its user and one for the work, which whoever ends
 *     the work gives back: the loop that it came home to, or the thread, when that loop is closed.
 * N2  A cancelled call is done at once. What no thread has begun is taken back; what one has begun
 *     runs on, and its result is dropped.
 */
#include "threadpool/lane_call.h"

#include <errno.h>

#include "runtime/sched/future_ops.h"
#include "runtime/sched/trace.h"
#include "threadpool/executor.h"

struct lane_call {
    struct plain_future future; /* first: future_free() gives the block back */
    struct lane_work work;
    struct runnable home;    /* brings the outcome to the loop */
    weft_executor *executor; /* the default one of the loop, which lives as long as that does */
    weft_coroutine fn;
    void *arg;
    weft_drop arg_drop;
    /* The outcome, from the pool thread. */
    void *result;
    weft_error *error;
    int code;
    uint32_t counted; /* the life of the loop in whose `external` it is counted */
};
_Static_assert(sizeof(struct lane_call) <= BLOCK_TASK_BYTES, "a call fits where a task does");

static void lane_call_complete(struct lane_call *call)
{
    struct weft_future *f = &call->future.base;

    if (call->code)
        (void)wf_future_fail(f, call->code == WEFT_ECANCELLED ? OUTCOME_CANCELLED : OUTCOME_FAILED,
                             call->code, call->error);
    else if (wf_future_succeed(f, call->result) && f->drop && call->result)
        f->drop(call->result); /* cancelled meanwhile (DNSQ-05) */
    call->arg_drop(call->arg);
    wf_future_unref(f);
}

static void lane_call_home(struct runnable *r, struct weft_loop *loop)
{
    struct lane_call *call = container_of(r, struct lane_call, home);

    if (loop && call->counted == loop_life(loop)) /* else it comes home to a later loop */
        loop->external--;
    lane_call_complete(call);
}

static void lane_call_send_home(struct lane_call *call)
{
    if (!wf_loop_post(future_loop(&call->future.base), &call->home))
        lane_call_complete(call);
}

/* On a pool thread. */
static void lane_call_run(struct lane_work *work)
{
    struct lane_call *call = container_of(work, struct lane_call, work);
    struct error_slot *slot = wf_error_slot();

    call->code = call->fn(call->arg, &call->result);
    call->error = call->code < 0 ? wf_error_slot_take(slot, call->code) : NULL;
    wf_error_slot_fini(slot);
    lane_call_send_home(call);
}

static void lane_call_drop(struct lane_work *work, int status)
{
    struct lane_call *call = container_of(work, struct lane_call, work);

    call->code = status == -ESHUTDOWN ? WEFT_ESHUTDOWN : status;
    lane_call_send_home(call);
}

/* In the loop's thread: nobody but its task has the future (N2). */
static void lane_call_cancelled(struct weft_future *f)
{
    struct lane_call *call = (struct lane_call *)(void *)f;

    if (wf_lane_withdraw(call->executor, &call->work)) {
        call->code = WEFT_ECANCELLED;
        lane_call_home(&call->home, loop_current());
    }
}

static const struct future_ops lane_call_ops = {.cancelled = lane_call_cancelled};

weft_future *wf_run_in_lane(weft_coroutine fn, void *arg, weft_drop arg_drop, weft_drop result_drop)
{
    struct weft_loop *loop = loop_current();
    weft_executor *executor = wf_executor_default(loop);
    if (!executor)
        return NULL;
    enum block_class block = BLOCK_TASK;
    struct lane_call *call = trace_block_get(loop, loop, &block);
    if (!call) {
        errno = ENOMEM;
        return NULL;
    }
    plain_init(&call->future, loop, block, loop->bias, 2); /* N1 */
    call->future.ops = &lane_call_ops;
    call->future.base.drop = result_drop;
    call->work = (struct lane_work){.run = lane_call_run, .drop = lane_call_drop};
    call->home.run = lane_call_home;
    call->executor = executor;
    call->fn = fn;
    call->arg = arg;
    call->arg_drop = arg_drop;
    call->result = NULL;
    call->error = NULL;
    call->code = 0;
    call->counted = loop_life(loop);
    int rc = wf_lane_submit(executor, &call->work);
    if (rc) {
        block_put(&loop->blocks, block, call);
        errno = rc == -ESHUTDOWN ? -WEFT_ESHUTDOWN : -rc;
        return NULL;
    }
    loop->external++; /* it cannot come home before this thread looks at its inbox */
    return &call->future.base;
}
