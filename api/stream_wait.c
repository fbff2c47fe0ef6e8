/*
 * stream_wait.c - how a task waits for a stream, and how it goes on.
 */
#include "api/stream_wait.h"

#include "runtime/base/likely.h"

struct stream_wait {
    struct wait wait;
    struct task *task;
    struct weft_loop *loop; /* of the task, whose own word for it is cold when it is woken */
    struct stream_wait *prev, *next;
    struct stream_waits *list; /* NULL: ended (V1) */
    bool cancelled;
    int code;          /* that it was woken with */
    weft_error *error; /* of the code, or the message of the cancellation; owned */
};

static void wait_join(struct stream_waits *list, struct stream_wait *w)
{
    w->list = list;
    w->next = NULL;
    w->prev = list->last;
    *(w->prev ? &w->prev->next : &list->first) = w;
    list->last = w;
}

static void wait_leave(struct stream_wait *w)
{
    struct stream_waits *list = w->list;

    *(w->prev ? &w->prev->next : &list->first) = w->next;
    *(w->next ? &w->next->prev : &list->last) = w->prev;
    w->list = NULL;
}

bool wf_stream_wait_cancel(struct wait *wait, struct task *task, weft_error *error)
{
    struct stream_wait *w = container_of(wait, struct stream_wait, wait);

    if (!w->list)
        return false;
    wait_leave(w);
    w->cancelled = true;
    w->error = weft_error_ref(error);
    task_unpark(future_loop(&task->future), task); /* which may not be running */
    return true;
}

void wf_stream_wait_abandon(struct wait *wait, struct task *task)
{
    struct stream_wait *w = container_of(wait, struct stream_wait, wait);

    (void)task;
    if (w->list)
        wait_leave(w);
    weft_error_unref(w->error);
    w->error = NULL;
}

int wf_stream_wait(struct weft_loop *loop, struct stream_waits *waits, const struct wait_ops *ops,
                   void *object)
{
    struct weft_loop *here = loop_current();
    struct task *task = likely(here != NULL) ? here->current : NULL;
    struct stream_wait w;

    if (unlikely(!task))
        return weft_fail(WEFT_ENOTASK, "only a task can wait for a stream");
    if (unlikely(here != loop))
        return weft_fail(WEFT_EWRONGTHREAD, "the stream belongs to another loop");
    w.wait = (struct wait){ops, object};
    w.task = task;
    w.loop = here;
    w.cancelled = false;
    w.code = 0;
    w.error = NULL;
    wait_join(waits, &w);
    wf_park(here, task, &w.wait);
    if (unlikely(w.cancelled))
        return wait_outcome(task, true, w.error);
    int rc = wait_outcome(task, false, NULL);
    if (unlikely(rc)) /* cancelled after it was woken */
        weft_error_unref(w.error);
    else if (unlikely(w.code))
        wf_error_raise(&task->errors, w.error);
    return rc ? rc : w.code;
}

void wf_stream_wake(struct stream_waits *waits, int code, weft_error *error)
{
    struct stream_wait *w = waits->first;

    waits->first = waits->last = NULL;
    while (w) {
        struct stream_wait *next = w->next; /* w lies on the stack of a task that may run soon */
        w->list = NULL;
        w->code = code;
        w->error = weft_error_ref(error);
        task_unpark(w->loop, w->task);
        w = next;
    }
}
