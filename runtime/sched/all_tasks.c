/*
 * all_tasks.c - the unfinished tasks of a loop, for its own thread or for another.
 *
 * The list belongs to the loop's thread, so another thread sends a message and waits for the
 * answer. A loop that no thread runs is entered instead: whoever wants to run it meanwhile is told
 * that it is running.
 */
#include <errno.h>

#include "runtime/sched/future_ops.h"

struct task_list {
    long count;
    weft_task *tasks[];
};

static void list_free(void *value)
{
    struct task_list *list = value;
    weft_task_list_free(list->tasks, list->count);
}

/* The list now; NULL: no memory. */
static struct task_list *list_make(struct weft_loop *loop)
{
    long count = 0;
    wf_loop_take_mail(loop); /* tasks that other threads made are on their way (INTR-07) */
    for (struct task *t = loop->tasks_first; t; t = t->next)
        count++;
    struct task_list *list = mem_alloc(sizeof(*list) + (size_t)count * sizeof(list->tasks[0]));
    if (!list)
        return NULL;
    list->count = 0;
    for (struct task *t = loop->tasks_first; t; t = t->next) {
        wf_future_ref(&t->future);
        list->tasks[list->count++] = &t->future;
    }
    return list;
}

void weft_task_list_free(weft_task **tasks, long count)
{
    if (!tasks)
        return;
    struct task_list *list = container_of(tasks, struct task_list, tasks);
    long room = list->count;
    for (long i = 0; i < count; i++)
        weft_unref(tasks[i]);
    mem_free(list, sizeof(*list) + (size_t)room * sizeof(list->tasks[0]));
}

/* A question to another thread's loop. */
struct list_request {
    struct runnable mail;
    struct weft_loop *loop;
    struct weft_future *answer; /* a reference */
};

static void request_run(struct runnable *r, struct weft_loop *loop)
{
    struct list_request *request = container_of(r, struct list_request, mail);
    struct task_list *list =
        list_make(request->loop); /* a closing loop has its thread's place taken */
    (void)loop;
    if (list && wf_future_succeed(request->answer, list))
        list_free(list);
    else if (!list)
        wf_future_fail(request->answer, OUTCOME_FAILED, -ENOMEM, NULL);
    wf_future_unref(request->answer);
    mem_free(request, sizeof(*request));
}

static int list_ask(struct weft_loop *loop, struct task_list **ret_list)
{
    struct list_request *request = mem_alloc(sizeof(*request));
    weft_future *answer = request ? wf_future_make(NULL) : NULL;
    void *result = NULL;

    if (!answer) {
        mem_free(request, sizeof(*request));
        return -ENOMEM;
    }
    answer->drop = list_free;
    request->mail.run = request_run;
    request->loop = loop;
    request->answer = answer;
    wf_future_ref(answer);
    if (!wf_loop_post(loop, &request->mail))
        request_run(&request->mail, NULL); /* closed: it has none left */
    int rc = weft_current_task() ? weft_await(answer, &result)
                                 : weft_future_wait(answer, WEFT_FOREVER, &result);
    weft_unref(answer);
    if (!rc)
        *ret_list = result;
    return rc;
}

long weft_all_tasks(weft_loop *loop, weft_task ***ret_tasks)
{
    if (!ret_tasks)
        return -EINVAL;
    if (!loop)
        loop = loop_current();
    if (!loop)
        return WEFT_ENOLOOP;
    struct task_list *list = NULL;
    uint8_t idle = LOOP_IDLE;
    if (loop == loop_current()) {
        list = list_make(loop);
    } else if (atomic_compare_exchange_strong_explicit(&loop->running, &idle, LOOP_INSPECTED,
                                                       memory_order_acquire,
                                                       memory_order_relaxed)) {
        list = list_make(loop);
        atomic_store_explicit(&loop->running, LOOP_IDLE, memory_order_release);
    } else {
        int rc = list_ask(loop, &list);
        if (rc)
            return rc;
    }
    if (!list)
        return -ENOMEM;
    *ret_tasks = list->tasks;
    return list->count;
}
