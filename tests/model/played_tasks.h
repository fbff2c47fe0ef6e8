/*
 * played_tasks.h - stands in for runtime/park.h: tasks that the model's threads play.
 *
 * Each thread is a loop with one task. Parking waits until the task was made ready, once; what was
 * done before that is seen after it, as through a loop's inbox. A task that is to be cancelled is
 * so when it parks, by its own loop, as in wf_park().
 */
#ifndef WEFT_TESTS_MODEL_PLAYED_TASKS_H
#define WEFT_TESTS_MODEL_PLAYED_TASKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include <weft/sync.h>

#include "runtime/base/atomic.h"
#include "tests/model/model.h"

#define container_of(pointer, type, member) \
    ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

struct weft_loop {
    unsigned index;
};

struct task {
    struct {
        struct weft_loop *loop;
    } future;
    _Atomic(uint32_t) ready; /* how often it was made ready and has not run */
    struct model_semaphore wakes;
    bool to_be_cancelled;
};

struct wait;
struct wait_ops {
    bool (*cancel)(struct wait *wait, struct task *task, weft_error *error);
    void (*abandon)(struct wait *wait, struct task *task);
    const char *what;
};
struct wait {
    const struct wait_ops *ops;
    void *object;
};

static struct weft_loop loops[MODEL_THREADS + 1];
static struct task tasks[MODEL_THREADS + 1];

static inline void tasks_setup(void)
{
    for (unsigned i = 0; i <= MODEL_THREADS; i++) {
        loops[i].index = i;
        tasks[i] = (struct task){.future.loop = &loops[i]};
        atomic_init(&tasks[i].ready, 0);
    }
}

static inline struct weft_loop *loop_current(void)
{
    return &loops[model_thread()];
}

static inline struct task *task_current(void)
{
    return &tasks[model_thread()];
}

/* Looking before waiting is a matter of speed alone. */
static inline bool loop_is_busy_elsewhere(const struct weft_loop *loop)
{
    (void)loop;
    return false;
}

#define future_loop(future_) ((future_)->loop)

static inline void task_expect_remote(struct task *task)
{
    (void)task;
}

static inline bool task_was_dropped(const struct task *task)
{
    (void)task;
    return true;
}

static inline void wf_task_unpark_remote(struct task *task)
{
    /* Release, with the acquire in wf_park(). More than once is a bug. */
    model_require(atomic_fetch_add_explicit(&task->ready, 1, memory_order_release) == 0);
    model_semaphore_post(&task->wakes);
}

static inline void task_unpark(struct weft_loop *loop, struct task *task)
{
    model_require(loop == task->future.loop);
    wf_task_unpark_remote(task);
}

static inline void wf_park(struct weft_loop *loop, struct task *task, struct wait *wait)
{
    model_require(loop == loop_current());
    if (task->to_be_cancelled)
        (void)wait->ops->cancel(wait, task, NULL);
    model_semaphore_wait(&task->wakes);
    model_require(atomic_exchange_explicit(&task->ready, 0, memory_order_acquire) == 1);
}

static inline int wait_outcome(const struct task *task, bool cancelled, const weft_error *error)
{
    (void)error;
    return cancelled || task->to_be_cancelled ? WEFT_ECANCELLED : 0;
}

weft_error *weft_error_ref(weft_error *error)
{
    return error;
}

void weft_error_unref(weft_error *error)
{
    (void)error;
}

int(weft_fail)(int code, const char *format, ...)
{
    (void)format;
    return code;
}

#endif
