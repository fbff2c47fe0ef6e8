/*
 * task_text.c - what people want to know about a task: its name, what it was made from, its stack,
 * its state.
 */
#include <errno.h>
#include <string.h>

#include "runtime/sched/frames_text.h"
#include "runtime/sched/task_ops.h"
#include "runtime/task/unwind.h"

weft_task *weft_current_task(void)
{
    struct weft_loop *loop = loop_current();
    return loop && loop->current ? &loop->current->future : NULL;
}

weft_task *weft_current_task_of(weft_loop *loop)
{
    return loop && loop->current ? &loop->current->future : NULL;
}

const char *weft_task_get_name(weft_task *future)
{
    if (!future || !future_is_task(future)) {
        errno = EINVAL;
        return NULL;
    }
    struct task *task = task_of(future);
    if (!task->named) {
        char name[32];
        snprintf(name, sizeof(name), "Task-%llu", (unsigned long long)task->number);
        if (wf_task_set_name(task, name)) { /* asked for once, it is kept */
            errno = ENOMEM;
            return NULL;
        }
    }
    return task->name;
}

int weft_task_set_name(weft_task *future, const char *name)
{
    if (!future || !future_is_task(future) || !name)
        return -EINVAL;
    return wf_task_set_name(task_of(future), name);
}

int weft_task_get_coro(const weft_task *task, weft_coroutine *ret_fn, void **ret_arg)
{
    if (!task || !future_is_task(task))
        return -EINVAL;
    const struct task *t = (const struct task *)(const void *)task;
    if (ret_fn)
        *ret_fn = t->eager_done ? NULL : t->fn; /* EAGR-14 */
    if (ret_arg)
        *ret_arg = t->arg;
    return 0;
}

int weft_task_get_stack(weft_task *future, void **frames, int max)
{
    if (!future || !future_is_task(future) || !frames || max < 0)
        return -EINVAL;
    struct task *task = task_of(future);
    struct weft_loop *loop = future_loop(future);
    if (future_is_done(future)) /* TASK-15: of a failed one, where its error was made */
        return future->error && future->code != WEFT_ECANCELLED
                   ? weft_error_get_stack(future->error, frames, max)
                   : 0;
    if (!task->started || !loop || loop->current == task)
        return 0;
    int count = wf_unwind(&task->context, task->stack, frames, max);
    for (int i = 0; i < count / 2; i++) { /* newest first becomes oldest first */
        void *frame = frames[i];
        frames[i] = frames[count - 1 - i];
        frames[count - 1 - i] = frame;
    }
    return count;
}

void weft_task_print_stack(weft_task *task, int limit, FILE *file)
{
    void *frames[64];
    char text[512];

    if (!file)
        file = stderr;
    int max = limit > 0 && limit < 64 ? limit : 64;
    int count = weft_task_get_stack(task, frames, max);
    bool failed = count > 0 && future_is_done(task);
    weft_future_format(task, text, sizeof(text));
    if (count <= 0) {
        fprintf(file, "No stack for %s\n", text);
        return;
    }
    fprintf(file, "%s for %s (most recent call last):\n", failed ? "Traceback" : "Stack", text);
    wf_frames_print(file, "", frames, count);
    if (failed)
        weft_error_print(task->error, file);
}

static const char *task_state(const struct task *task, const char *state)
{
    bool pending = !future_is_done(&task->future);
    return pending && task->cancelling ? "cancelling" : state;
}

int wf_task_format(const struct task *task, bool mine, const char *state, const char *callbacks,
                   char *buffer, size_t bytes)
{
    char name[64], waits[96] = "";

    if (!mine)
        return snprintf(buffer, bytes, "<Task %s>", state);
    if (task->named)
        snprintf(name, sizeof(name), "%s", task->name);
    else
        snprintf(name, sizeof(name), "Task-%llu", (unsigned long long)task->number);
    if (task->wait && !future_is_done(&task->future))
        snprintf(waits, sizeof(waits), " wait_for=<%s %p>", task->wait->ops->what,
                 task->wait->object);
    return snprintf(buffer, bytes, "<Task %s name='%s' coro=<%p>%s%s>", task_state(task, state),
                    name, (void *)(uintptr_t)task->fn, waits, callbacks);
}

/* For the message of a stack overflow: async-signal-safe. */
const char *wf_task_owner_name(void *owner)
{
    const struct task *task = owner;
    static _Thread_local char name[32];

    if (task->named)
        return task->name;
    /* Task-N, without stdio. */
    char digits[20];
    int n = 0;
    uint64_t number = task->number;
    do
        digits[n++] = (char)('0' + number % 10);
    while (number /= 10);
    memcpy(name, "Task-", 5);
    for (int i = 0; i < n; i++)
        name[5 + i] = digits[n - 1 - i];
    name[5 + n] = '\0';
    return name;
}
