/*
 * all_tasks.c - the unfinished tasks of a loop, for its own thread or for another.
 *
 * The list belongs to the loop's thread, so another thread sends a message and waits for the
 * answer, which a loop gives as soon as it takes its mail. A loop that no thread runs is entered
 * instead (occupy.h). One that is being closed has no tasks for others.
 */
#include "runtime/sched/all_tasks.h"

#include <errno.h>

#include "runtime/sched/future_ops.h"
#include "runtime/sched/occupy.h"

struct task_list {
    long count;
    weft_task *tasks[];
};

static void list_free(void *value)
{
    struct task_list *list = value;
    weft_task_list_free(list->tasks, list->count);
}

/* The list now, or of no loop: an empty one; NULL: no memory. */
static struct task_list *list_make(struct weft_loop *loop)
{
    long count = 0;
    for (struct task_maker *maker = loop ? loop->makers : NULL; maker; maker = maker->next)
        maker->make(maker, loop);
    for (struct task *t = loop ? loop->tasks_first : NULL; t; t = t->next)
        count++;
    struct task_list *list = mem_alloc(sizeof(*list) + (size_t)count * sizeof(list->tasks[0]));
    if (!list)
        return NULL;
    list->count = 0;
    for (struct task *t = loop ? loop->tasks_first : NULL; t; t = t->next) {
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

/* The list on the loop's thread, or in its place: tasks that other threads made are on their way
 * (INTR-07). */
static struct task_list *list_make_here(struct weft_loop *loop)
{
    wf_loop_take_mail(loop);
    return list_make(loop);
}

/* A question to a loop that another thread has. */
struct list_request {
    struct runnable mail;
    struct weft_future *answer; /* a reference */
};

/* Dropped, the loop is being closed: it has no tasks any more, for others. */
void wf_all_tasks_answer(struct runnable *r, struct weft_loop *loop)
{
    struct list_request *request = container_of(r, struct list_request, mail);
    struct task_list *list = list_make(loop);
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
    request->mail.run = wf_all_tasks_answer;
    request->answer = answer;
    wf_future_ref(answer);
    struct loop_visit visit;
    if (!wf_loop_post(loop, &request->mail))
        wf_all_tasks_answer(&request->mail, NULL);
    else if (wf_loop_enter(loop, &visit)) /* the run has ended meanwhile (Y6 of occupy.h) */
        wf_loop_leave(loop, &visit);      /* which looks for mail */
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
    struct loop_visit visit;
    if (wf_loop_enter(loop, &visit)) {
        list = list_make_here(loop);
        wf_loop_leave(loop, &visit);
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
