/*
 * task_group.c - tasks that belong to a block of code, and are over when it is left.
 *
 *     created --> unborn ---begin---> entered ---end---> exiting ---no task left---> over
 *
 * Each task of the group has a member block, with the watch that tells of its end. The block of a
 * task that failed stays, with the error, until the group is left: so hearing of a failure needs no
 * memory.
 *
 * The word of a task's end comes one iteration after it; when it was the last, the parent goes on in
 * the one after that (TGRP-34). Until then the group is not left: so no word comes after it is gone,
 * unless the loop was closed, and then it frees its member block and touches nothing else.
 */
#include <errno.h>

#include <weft/task_group.h>

#include "api/host.h"
#include "runtime/sched/occupy.h"

enum group_state {
    GROUP_NEW,
    GROUP_CANCELLED_NEW, /* to be cancelled on entry */
    GROUP_ENTERED,
    GROUP_EXITING,
    GROUP_OVER,
};

struct member {
    struct watch_set set; /* of the one watch; the group is a holder once the task has failed */
    struct watch watch;   /* its future: the task, a reference */
    weft_task_group *group;
    struct member *prev, *next; /* in the group's tasks, or (next) in its failures */
};
_Static_assert(sizeof(struct member) <= BLOCK_SMALL_BYTES, "a member is a small block");

/* The parent, or who leaves the block in its place (host.h), waits for the last of the tasks. */
struct group_wait {
    struct wait wait;
    struct task *task;
    bool released; /* somebody has made it ready */
    bool cancelled;
    weft_error *error; /* the message of the cancellation; owned */
};

static struct task *parent_of(const weft_task_group *group)
{
    return task_of(group->parent_);
}

static bool is_fatal(int code)
{
    return code == WEFT_EINTERRUPTED || code == WEFT_ESYSTEMEXIT;
}

static void member_join(weft_task_group *group, struct member *member)
{
    struct member *last = group->last_;
    member->group = group;
    member->prev = last;
    member->next = NULL;
    if (last)
        last->next = member;
    else
        group->first_ = member;
    group->last_ = member;
}

static void member_leave(struct member *member)
{
    weft_task_group *group = member->group;
    if (member->prev)
        member->prev->next = member->next;
    else
        group->first_ = member->next;
    if (member->next)
        member->next->prev = member->prev;
    else
        group->last_ = member->prev;
}

/* Cancels every task that is not done, in order of creation (TGRP-05). */
static void group_abort(weft_task_group *group)
{
    group->aborting_ = true;
    for (struct member *m = group->first_; m; m = m->next)
        (void)wf_future_cancel(m->watch.future, NULL);
}

/* TGRP-06 */
static void cancel_parent(weft_task_group *group)
{
    group->parent_cancelled_ = true;
    (void)wf_task_cancel(parent_of(group), NULL);
}

static void note_fatal(weft_task_group *group, int code, weft_error *error)
{
    if (!is_fatal(code) || group->fatal_)
        return;
    group->fatal_ = code;
    group->fatal_error_ = weft_error_ref(error);
}

/* The task has failed: it stays, as one of the errors, and the rest of the group is ended. */
static void member_failed(weft_task_group *group, struct member *member)
{
    struct weft_future *task = member->watch.future;
    struct member *last = group->failed_last_;

    watch_set_hold(&member->set);
    wf_watch_set_list(&member->set); /* if the group is never left, the loop's end frees it */
    member->next = NULL;
    if (last)
        last->next = member;
    else
        group->failed_first_ = member;
    group->failed_last_ = member;
    atomic_store_explicit(&task->taken, 1, memory_order_relaxed); /* as in future_take() */
    note_fatal(group, task->code, task->error);
    if (!group->aborting_ && !group->parent_cancelled_) {
        group_abort(group);
        cancel_parent(group);
    }
}

/*
 * The loop's factory has made a task that failed before it suspended: the group ends inside the call
 * that made it, as in asyncio from the first version with such factories on (3.13). A task of
 * eager_start, which is younger (3.14), is heard of in the next iteration (EAGR-13).
 */
static void member_failed_at_once(weft_task_group *group, struct member *member, weft_task *task)
{
    member->group = group;
    member->watch.set = NULL;
    member->watch.future = task;
    member_failed(group, member);
}

static void member_told(struct watch_set *set, struct watch *watch)
{
    struct member *member = container_of(set, struct member, set);
    weft_task_group *group = member->group;
    struct group_wait *waiting = group->waiting_;

    member_leave(member);
    if (waiting && !group->first_ && !waiting->released) {
        waiting->released = true;
        task_unpark(group->loop_, waiting->task);
    }
    if (outcome_value(&watch->future->outcome) == OUTCOME_FAILED)
        member_failed(group, member);
}

static void member_over(struct watch_set *set)
{
    struct member *member = container_of(set, struct member, set);
    struct weft_loop *here = loop_current();

    wf_future_unref(member->watch.future);
    block_put(here ? &here->blocks : NULL, BLOCK_SMALL, member);
}

static struct weft_future *member_awaiter(struct watch_set *set)
{
    return container_of(set, struct member, set)->group->parent_;
}

static const struct watch_set_ops member_ops = {member_told, wf_watch_set_release, member_over,
                                                member_awaiter};

int weft_task_group_begin(weft_task_group *group)
{
    struct task *task = task_current();

    if (!group)
        return -EINVAL;
    if (group->state_ > GROUP_CANCELLED_NEW)
        return weft_fail(WEFT_ERUNTIME, "the task group has been entered before");
    if (!task)
        return weft_fail(WEFT_ENOTASK, "a task group belongs to a task");
    bool cancelled = group->state_ == GROUP_CANCELLED_NEW;
    struct host *host;
    int rc = host_keep(task, &host);
    if (unlikely(rc))
        return rc;
    *group = (weft_task_group)WEFT_TASK_GROUP_INIT;
    group->host_ = host;
    group->state_ = GROUP_ENTERED;
    group->parent_ = &task->future;
    group->loop_ = future_loop(&task->future);
    return cancelled ? weft_task_group_cancel(group) : 0;
}

/* Whether the group takes another task: 0, or why not (TGRP-15 to TGRP-17). */
static int group_check(const weft_task_group *group)
{
    if (group->state_ < GROUP_ENTERED)
        return weft_fail(WEFT_ERUNTIME, "the task group has not been entered");
    if (group->state_ == GROUP_OVER || (group->state_ == GROUP_EXITING && !group->first_))
        return weft_fail(WEFT_ERUNTIME, "the task group is finished");
    if (group->aborting_)
        return weft_fail(WEFT_ERUNTIME, "the task group is shutting down");
    if (group->loop_ != loop_current())
        return weft_fail(WEFT_EWRONGTHREAD, "the task group belongs to another loop");
    return 0;
}

weft_task *weft_task_group_create_task(weft_task_group *group, weft_coroutine fn, void *arg,
                                       const weft_task_options *options)
{
    int rc = group ? group_check(group) : -EINVAL;
    if (rc) {
        errno = -rc;
        return NULL;
    }
    struct member *member = block_get(&group->loop_->blocks, BLOCK_SMALL);
    if (!member) {
        errno = ENOMEM;
        return NULL;
    }
    weft_task *task = weft_create_task(fn, arg, options);
    if (!task) {
        block_put(&group->loop_->blocks, BLOCK_SMALL, member);
        return NULL;
    }
    bool done = future_is_done(task), failed = outcome_value(&task->outcome) == OUTCOME_FAILED;
    if (done && !failed) {
        /* It is out of the group already: an end of no other kind needs an iteration (EAGR-16). */
        block_put(&group->loop_->blocks, BLOCK_SMALL, member);
        return task;
    }
    watch_set_init(&member->set, &member_ops, group->loop_);
    wf_future_ref(task);
    if (done && !(options && options->eager_start > 0)) {
        member_failed_at_once(group, member, task);
    } else {
        member_join(group, member);
        wf_watch_begin(&member->set, &member->watch, task); /* also if it is done: EAGR-13 */
    }
    wf_watch_set_release(&member->set);
    return task;
}

int weft_task_group_cancel(weft_task_group *group)
{
    if (!group)
        return -EINVAL;
    if (group->state_ < GROUP_ENTERED) {
        group->state_ = GROUP_CANCELLED_NEW;
        return 0;
    }
    if (group->state_ == GROUP_OVER)
        return 0;
    struct loop_visit visit;
    if (!wf_loop_enter(group->loop_, &visit))
        return weft_fail(WEFT_EWRONGTHREAD, "the task group belongs to another loop");
    bool left = group->state_ == GROUP_EXITING && !group->first_;
    if (!left && !group->aborting_)
        group_abort(group);
    if (!left && !group->parent_cancelled_)
        cancel_parent(group);
    wf_loop_leave(group->loop_, &visit);
    return 0;
}

static bool group_wait_cancel(struct wait *wait, struct task *task, weft_error *error)
{
    struct group_wait *w = container_of(wait, struct group_wait, wait);
    if (w->released)
        return false;
    w->released = w->cancelled = true;
    w->error = weft_error_ref(error);
    task_unpark(future_loop(&task->future), task);
    return true;
}

/* What keeps the errors: nobody will ask for them. */
static void drop_failed(weft_task_group *group)
{
    struct member *m = group->failed_first_;
    while (m) {
        struct member *next = m->next;
        wf_watch_set_unlist(&m->set);
        wf_watch_set_release(&m->set);
        m = next;
    }
    group->failed_first_ = group->failed_last_ = NULL;
    weft_error_unref(group->fatal_error_);
    group->fatal_error_ = NULL;
}

static void group_wait_abandon(struct wait *wait, struct task *task)
{
    struct group_wait *w = container_of(wait, struct group_wait, wait);
    (void)task;
    weft_error_unref(w->error);
    drop_failed(wait->object);
}

static const struct wait_ops group_wait_ops = {group_wait_cancel, group_wait_abandon, "task group"};

/* Until no task is left, however often it is cancelled meanwhile (TGRP-21, TGRP-25). The first
 * cancellation, the body's included, is the one that counts. */
static void wait_for_tasks(weft_task_group *group, struct task *task, bool *cancelled,
                           weft_error **ret_cancelled)
{
    while (group->first_) {
        struct group_wait w = {.wait = {&group_wait_ops, group}, .task = task};
        group->waiting_ = &w;
        wf_park(group->loop_, task, &w.wait);
        group->waiting_ = NULL;
        if (!wait_outcome(task, w.cancelled, w.error))
            continue;
        weft_error *error = wf_error_slot_take(&task->errors, WEFT_ECANCELLED);
        if (*cancelled) {
            weft_error_unref(error);
        } else { /* if it was only our own request, group_outcome() takes it back */
            *cancelled = true;
            *ret_cancelled = error;
        }
        if (!group->aborting_)
            group_abort(group);
    }
}

/* An object for an error that may have none; NULL when there is no memory. Takes the reference. */
static weft_error *error_object(int code, weft_error *error)
{
    return error ? error : weft_error_new(code, NULL);
}

/* The errors of tasks, and the body's (code, or 0) last, as the current one (TGRP-07, TGRP-08). */
static int raise_group(weft_task_group *group, int code, weft_error *body_error)
{
    size_t count = code ? 1 : 0, filled = 0;
    for (const struct member *m = group->failed_first_; m; m = m->next)
        count++;
    weft_error **errors = mem_alloc(count * sizeof(weft_error *));
    weft_error *raised = NULL;

    if (!errors) {
        weft_error_unref(body_error);
        return -ENOMEM;
    }
    for (const struct member *m = group->failed_first_; m; m = m->next) {
        const struct weft_future *task = m->watch.future;
        errors[filled] = error_object(task->code, weft_error_ref(task->error));
        filled += errors[filled] != NULL;
    }
    if (code) {
        errors[filled] = error_object(code, body_error);
        filled += errors[filled] != NULL;
    }
    if (filled == count)
        raised = weft_error_group("unhandled errors in a task group", errors, count);
    for (size_t i = 0; i < filled; i++)
        weft_error_unref(errors[i]);
    mem_free(errors, count * sizeof(weft_error *));
    return raised ? weft_raise(raised) : -ENOMEM;
}

/* All tasks are done: what comes out of the block. The errors given are owned by the call. */
static int group_outcome(weft_task_group *group, struct task *task, int code, weft_error *error,
                         bool cancelled, weft_error *cancel_error)
{
    struct task *parent = parent_of(group);
    int rc = 0;

    if (group->fatal_) { /* TGRP-12 */
        rc = group->fatal_;
        wf_error_raise(&task->errors, weft_error_ref(group->fatal_error_));
        goto unref_errors;
    }
    if (group->parent_cancelled_ && weft_uncancel(&parent->future) == 0) /* TGRP-26 */
        cancelled = false;
    bool failed = group->failed_first_ || code;
    if (cancelled && !failed) {
        rc = WEFT_ECANCELLED;
        wf_error_raise(&task->errors, weft_error_ref(cancel_error));
    } else if (failed) {
        if (parent->cancelling) { /* TGRP-23 */
            weft_uncancel(&parent->future);
            (void)wf_task_cancel(parent, NULL);
        }
        rc = raise_group(group, code, error);
        error = NULL;
    }

unref_errors:
    weft_error_unref(error);
    weft_error_unref(cancel_error);
    return rc;
}

int weft_task_group_end(weft_task_group *group, int code)
{
    struct task *task = task_current();

    if (!group || code > 0)
        return -EINVAL;
    if (group->state_ != GROUP_ENTERED || !task ||
        !host_lets_leave(group->host_, group->parent_, task))
        return weft_fail(WEFT_ERUNTIME, "this task is not in the task group");
    weft_error *error = code ? wf_error_slot_take(&task->errors, code) : NULL;
    weft_error *cancel_error = NULL;
    bool cancelled = code == WEFT_ECANCELLED;

    group->state_ = GROUP_EXITING;
    note_fatal(group, code, error);
    if (cancelled) {
        cancel_error = error;
        error = NULL;
    }
    if (code && !group->aborting_) /* TGRP-09, TGRP-21 */
        group_abort(group);
    wait_for_tasks(group, task, &cancelled, &cancel_error);
    group->state_ = GROUP_OVER;
    int rc = group_outcome(group, task, code == WEFT_ECANCELLED ? 0 : code, error, cancelled,
                           cancel_error);
    drop_failed(group);
    host_release(group->host_);
    return rc;
}
