/*
 * weft/task_group.h - tasks that belong to a block of code, and are over when it is left.
 *
 *     weft_task_group group = WEFT_TASK_GROUP_INIT;
 *     int err = weft_task_group_begin(&group);
 *     if (err)
 *         return err;
 *     weft_unref(weft_task_group_create_task(&group, fetch, "a", NULL));
 *     weft_unref(weft_task_group_create_task(&group, fetch, "b", NULL));
 *     err = body();
 *     return weft_task_group_end(&group, err);
 *
 * The first task that fails cancels the others, and the task that the block is in if it is still at
 * work; the errors of all are raised together by weft_task_group_end(), as an error of code
 * WEFT_EGROUP with members (weft_error_at(), weft_error_split()).
 */
#ifndef WEFT_TASK_GROUP_H
#define WEFT_TASK_GROUP_H

#include <weft/base.h>
#include <weft/error.h>
#include <weft/task.h>

WEFT_BEGIN

/*
 * The caller's storage: set to WEFT_TASK_GROUP_INIT (zero bytes) before it is entered, and in place
 * until weft_task_group_end() has returned. A group is entered once.
 */
typedef struct weft_task_group {
    weft_task *parent_;
    weft_loop *loop_;
    void *first_, *last_;               /* the tasks that are not done */
    void *failed_first_, *failed_last_; /* those that failed, in the order in which they did */
    void *waiting_;                     /* who waits at the end */
    void *host_;                        /* in a generator: what keeps the parent */
    int fatal_;                         /* the first fatal error */
    weft_error *fatal_error_;
    unsigned char state_, aborting_, parent_cancelled_;
} weft_task_group;

/* asyncio: TaskGroup() */
#define WEFT_TASK_GROUP_INIT                                             \
    {                                                                    \
        NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL, 0, 0, 0 \
    }

/**
 * weft_task_group_begin - enter the block
 * @group: the caller's storage, initialised
 *
 * In a generator the block belongs to the task that entered it, also while the generator is suspended.
 *
 * Context: a task
 * Return:  0; WEFT_ENOTASK outside one; WEFT_ERUNTIME if it was entered before; -EINVAL; in a
 *          generator -ENOMEM
 * asyncio: async with TaskGroup() as group:
 */
WEFT_API int weft_task_group_begin(weft_task_group *group);

/**
 * weft_task_group_create_task - start a coroutine as a task of the group
 * @fn, @arg, @options: as for weft_create_task()
 *
 * A task leaves the group as soon as it is done. One that an eager factory makes, and that fails at
 * once, ends the group inside this call; with eager_start the group learns of it an iteration later.
 *
 * Context: loop: the block, and tasks of the group
 * Return:  owned by the caller, as from weft_create_task(); NULL with errno -WEFT_ERUNTIME if the
 *          group was not entered, is over, or is shutting down (arg is still the caller's then),
 *          -WEFT_EWRONGTHREAD on another loop; ENOMEM
 * asyncio: TaskGroup.create_task(coro, name=..., context=...)
 */
WEFT_API weft_task *weft_task_group_create_task(weft_task_group *group, weft_coroutine fn,
                                                void *arg, const weft_task_options *options);

/**
 * weft_task_group_cancel - cancel the body and all tasks, and let the block end without an error
 *
 * May be called before the block is entered (of a zeroed group: it acts on entry), repeatedly, and
 * after the end.
 *
 * Context: loop
 * Return:  0; WEFT_EWRONGTHREAD while another thread runs the group's loop; -EINVAL
 * asyncio: TaskGroup.cancel()
 */
WEFT_API int weft_task_group_cancel(weft_task_group *group);

/**
 * weft_task_group_end - leave the block: wait until every task of the group is done
 * @code: what the body ended with: 0, or a negative error (the current one)
 *
 * Suspends only if tasks are left.
 *
 * Context:      the task that entered; in a generator any task of its loop
 * Cancellation: cancels all tasks, waits for them, and goes on as WEFT_ECANCELLED if none failed
 * Return:       0; WEFT_EGROUP with the errors of tasks and body; WEFT_ECANCELLED; a fatal error
 *               (WEFT_EINTERRUPTED, WEFT_ESYSTEMEXIT) bare; -ENOMEM in place of errors for whose
 *               group there is no memory; WEFT_ERUNTIME if this task is not in it; -EINVAL
 * asyncio:      the end of async with TaskGroup()
 */
WEFT_API int weft_task_group_end(weft_task_group *group, int code);

WEFT_END

#endif
