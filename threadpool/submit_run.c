/*
 * submit_run.c - submissions on their loop.
 *
 * In asyncio's terms a submission is a callback that makes a task: it runs in one turn, the task's first step in the
 * next, and what its outcome does in the one after. Several that arrive in a row are a crowd, and of a long one the
 * tasks would fill memory before the first of them is run. So the crowd goes through these turns as one entry of the
 * ready queue, and makes its tasks in parts, when their first steps are due:
 *
 *     turn 1   [s1 s2 ... sN]                 gathered: one entry, the crowd
 *     turn 2   [crowd]                        -> [t1 ... t32 crowd] -> [t33 ... t64 crowd] -> ... -> [tN crowd]
 *
 * C1  Between the crowd's entries nothing else runs in turn 2, as nothing ran between s1 and sN in turn 1: the order
 *     of all steps is that of tasks made one by one.
 * C2  Who lists tasks has those of the crowd made first (task_maker), and options or a task factory, which could see
 *     when a task is made, never join a crowd.
 * C3  A task that ends in its first step passes its outcome on at once, since nobody waits for the future yet; else
 *     the outcome takes its turn.
 */
#include <errno.h>

#include "runtime/base/likely.h"
#include "runtime/sched/report.h"
#include "runtime/sched/scheduler.h"
#include "runtime/sched/task_ops.h"
#include "threadpool/submit.h"

#define CROWD_PART 32u

struct crowd {
    struct runnable entry;
    struct task_maker maker;
    struct submission *first; /* whose tasks are to be made: a chain through future.base.entry */
    struct runnable *made;    /* errands whose tasks are not queued yet: a chain through done */
    struct runnable **made_end;
    struct runnable *begun; /* errands whose tasks were queued in the latest part */
};
_Static_assert(sizeof(struct crowd) <= BLOCK_SMALL_BYTES, "a crowd is a small block");

static struct submission *submission_of(struct runnable *mail)
{
    return container_of(mail, struct submission, future.base.entry);
}

static struct errand *errand_of(struct runnable *done)
{
    return container_of(done, struct errand, done);
}

/* future.base.entry.run of a submission that was cancelled before its task was made. */
static void submission_start_cancelled(struct runnable *r, struct weft_loop *loop);

static void submission_fail(struct submission *s, int code, weft_error *error)
{
    (void)wf_future_fail(&s->future.base,
                         code == WEFT_ECANCELLED ? OUTCOME_CANCELLED : OUTCOME_FAILED, code, error);
}

/* The task is done: its outcome becomes the future's (XTHR-06: unless that was cancelled). */
static void errand_done(struct runnable *r, struct weft_loop *loop)
{
    struct errand *errand = errand_of(r);
    struct submission *s = errand->submission;
    struct weft_future *task = errand->task;
    struct weft_loop *here = loop ? loop : loop_current();
    void *value = outcome_value(&task->outcome), *result = NULL;
    int code = future_take(task, value, &result);

    block_put(&here->blocks, BLOCK_LINE, errand);
    s->errand = NULL; /* a cancellation may still be on its way */
    if (unlikely(code))
        submission_fail(s, code, wf_error_slot_take(wf_error_slot(), code));
    else if (wf_future_succeed(&s->future.base, result) && s->future.base.drop)
        s->future.base.drop(result);
    future_unref_at(here, task);
    wf_future_unref_shared(
        NULL, &s->future.base); /* to the allocator: the next thread wants a block, not the loop */
}

void wf_submission_fini(struct submission_with_options *with)
{
    if (!with)
        return;
    if (with->name)
        mem_free(with->name, strlen(with->name) + 1);
    with->name = NULL;
    scope_fini(&with->scope);
}

/* The loop's side ends before there is a task. */
static void submission_abort(struct submission *s, int code)
{
    struct submission_with_options *with = options_of(s);
    void *arg = s->arg;

    wf_submission_fini(with);
    s->future.base.entry.run = NULL;
    s->errand = NULL;
    if (with && with->arg_drop)
        with->arg_drop(arg);
    submission_fail(s, code, NULL);
    wf_future_unref(&s->future.base);
}

/* As weft_create_task() by a callback in the submitter's context (XTHR-23). NULL with errno. */
static weft_task *make_queued(struct submission *s, struct weft_loop *loop)
{
    struct submission_with_options *with = options_of(s);
    struct scope *current = scope_current_at(loop), empty = {0};
    struct scope *own = with ? &with->scope : &empty;
    weft_task_options options = {0};
    if (with)
        options = (weft_task_options){
            .name = with->name,
            .stack_bytes = with->stack_bytes,
            .arg_drop = with->arg_drop,
            .context = scope_context(own),
        };
    if (options.context)
        return weft_create_task(s->fn, s->arg, &options);
    (void)scope_begin(current, own); /* a copy: nobody has entered it */
    weft_task *task = weft_create_task(s->fn, s->arg, with ? &options : NULL);
    int error = errno;
    scope_end(current, own);
    errno = error;
    return task;
}

/* The plain way, not queued. */
static weft_task *make_unqueued(struct submission *s, struct weft_loop *loop)
{
    struct scope *current = scope_current_at(loop), empty = {0};
    (void)scope_begin(current, &empty);
    struct task *task = wf_task_make(loop, loop, s->fn, s->arg, NULL);
    scope_end(current, &empty);
    if (unlikely(!task))
        return NULL;
    task_enlist(loop, task);
    return &task->future;
}

/* Makes the task of a submission; NULL: it has failed (XTHR-13). */
static struct errand *errand_make(struct submission *s, struct weft_loop *loop, bool queue)
{
    struct errand *errand = block_get(&loop->blocks, BLOCK_LINE);
    weft_task *task = !errand ? NULL : queue ? make_queued(s, loop) : make_unqueued(s, loop);
    if (unlikely(!task)) {
        int code = errand ? -errno : -ENOMEM;
        if (errand)
            block_put(&loop->blocks, BLOCK_LINE, errand);
        wf_report(loop, "A submitted coroutine could not be made a task", code, NULL,
                  &s->future.base, NULL);
        submission_abort(s, code);
        return NULL;
    }
    wf_submission_fini(options_of(s));
    errand->submission = s;
    errand->task = task;
    errand->done.run = errand_done;
    errand->waiter.ready = &errand->done;
    s->errand = errand;
    if (unlikely(s->future.base.entry.run == submission_start_cancelled)) {
        /* As weft_cancel() on the loop's thread, which is not always the one that lists its tasks. */
        task_of(task)->cancelling++;
        task_of(task)->must_cancel = task_of(task)->cancel_heard = true;
    }
    s->future.base.entry.run = NULL;
    return errand;
}

/* Passes the outcome on when the task is done. */
static void errand_follow(struct errand *errand, struct weft_loop *loop)
{
    if (unlikely(future_is_done(errand->task)))
        ready_push(loop, &errand->done);
    else
        waiter_append(errand->task, &errand->waiter);
}

/* The latest part has run. */
static void crowd_settle(struct crowd *crowd, struct weft_loop *loop)
{
    for (struct runnable *r = crowd->begun, *next; r; r = next) {
        next = r->next;
        struct errand *errand = errand_of(r);
        if (likely(future_is_done(errand->task)) &&
            likely(!outcome_is_awaited(&errand->submission->future.base.outcome)))
            errand_done(r, loop); /* C3 */
        else
            errand_follow(errand, loop);
    }
    crowd->begun = NULL;
}

static struct errand *crowd_make_next(struct crowd *crowd, struct weft_loop *loop)
{
    struct submission *s = crowd->first;
    struct runnable *next = s->future.base.entry.next;

    crowd->first = next ? submission_of(next) : NULL;
    if (next) { /* by the time that it is its turn: both lines */
        __builtin_prefetch(next->next, 1);
        __builtin_prefetch(&submission_of(next)->future.base.outcome, 1);
    }
    return errand_make(s, loop, false);
}

/* Somebody lists the tasks (C2). */
static void crowd_make(struct task_maker *maker, struct weft_loop *loop)
{
    struct crowd *crowd = container_of(maker, struct crowd, maker);
    struct task *asker = loop->current;

    loop->current = NULL; /* they are no children of the asker */
    while (crowd->first) {
        struct errand *errand = crowd_make_next(crowd, loop);
        if (errand) {
            errand->done.next = NULL;
            *crowd->made_end = &errand->done;
            crowd->made_end = &errand->done.next;
        }
    }
    loop->current = asker;
}

static void crowd_end(struct crowd *crowd, struct weft_loop *loop)
{
    struct task_maker *maker = &crowd->maker;

    *(maker->prev ? &maker->prev->next : &loop->makers) = maker->next;
    if (maker->next)
        maker->next->prev = maker->prev;
    block_put(&loop->blocks, BLOCK_SMALL, crowd);
}

/* The loop is being closed: all the tasks end with it. */
static void crowd_drop(struct crowd *crowd, struct weft_loop *loop)
{
    crowd_make(&crowd->maker, loop);
    *crowd->made_end = crowd->begun;
    for (struct runnable *r = crowd->made, *next; r; r = next) {
        next = r->next;
        errand_follow(errand_of(r), loop);
    }
    crowd_end(crowd, loop);
}

/* The entry in the ready queue: the next part. */
static void crowd_run(struct runnable *r, struct weft_loop *loop)
{
    struct crowd *crowd = container_of(r, struct crowd, entry);
    if (!loop) {
        crowd_drop(crowd, loop_current());
        return;
    }
    crowd_settle(crowd, loop);
    struct runnable *first = &crowd->entry, **link = &first, **begun = &crowd->begun;
    unsigned count = 1;
    while (count <= CROWD_PART && (crowd->made || crowd->first)) {
        struct errand *errand;
        if (unlikely(crowd->made != NULL)) {
            errand = errand_of(crowd->made);
            crowd->made = errand->done.next;
        } else {
            errand = crowd_make_next(crowd, loop);
            if (unlikely(!errand))
                continue;
        }
        struct runnable *ready = &errand->task->entry;
        *link = ready;
        link = &ready->next;
        *begun = &errand->done;
        begun = &errand->done.next;
        count++;
    }
    *begun = NULL;
    if (!crowd->made)
        crowd->made_end = &crowd->made;
    if (count == 1) {
        crowd_end(crowd, loop);
        return;
    }
    *link = &crowd->entry;
    ready_insert(loop, first, &crowd->entry, count);
}

/* How many come right behind this one in this turn, without options as well; the last of them. */
static uint64_t crowd_find(const struct weft_loop *loop, struct submission *s,
                           struct runnable **ret_last)
{
    const struct runnables *mail = &loop->latest_mail;
    if (likely(mail->first ==
               &s->future.base.entry)) { /* the usual case: nothing else has arrived */
        *ret_last = mail->last;
        return mail->count - 1;
    }
    uint64_t count = 0, room = loop->ready.turn_end - loop->ready.steps;
    for (struct runnable *r = loop->ready.first; count < room && r->run == wf_submission_start;
         r = r->next) {
        *ret_last = r;
        count++;
    }
    return count;
}

/* Takes those out of this turn together with this one. False: there are none, or no memory. */
static bool crowd_gather(struct submission *s, struct weft_loop *loop)
{
    struct runnable *last = NULL;
    uint64_t others = crowd_find(loop, s, &last);
    struct crowd *crowd = others ? block_get(&loop->blocks, BLOCK_SMALL) : NULL;
    if (!crowd)
        return false;
    s->future.base.entry.next = loop->ready.first;
    loop->ready.first = last->next;
    loop->ready.steps += others;
    last->next = NULL;
    crowd->first = s;
    crowd->made = crowd->begun = NULL;
    crowd->made_end = &crowd->made;
    crowd->maker = (struct task_maker){.next = loop->makers, .make = crowd_make};
    if (loop->makers)
        loop->makers->prev = &crowd->maker;
    loop->makers = &crowd->maker;
    crowd->entry.run = crowd_run;
    ready_push(loop, &crowd->entry);
    return true;
}

void wf_submission_start(struct runnable *r, struct weft_loop *loop)
{
    struct submission *s = submission_of(r);

    if (!loop) { /* the loop closed before it came to this */
        submission_abort(s, WEFT_ELOOPCLOSED);
        return;
    }
    if (likely(!loop->task_factory) && r->run == wf_submission_start &&
        crowd_gather(s, loop)) /* C2 */
        return;
    struct errand *errand = errand_make(s, loop, true);
    if (likely(errand != NULL))
        errand_follow(errand, loop);
}

void wf_submission_start_with_options(struct runnable *r, struct weft_loop *loop)
{
    wf_submission_start(r, loop);
}

static void submission_start_cancelled(struct runnable *r, struct weft_loop *loop)
{
    (void)r; /* a mark: the submission is in a crowd, not in a queue */
    (void)loop;
}

void wf_submission_cancel(struct runnable *r, struct weft_loop *loop)
{
    struct submission *s = container_of(r, struct submission, cancel_mail);
    if (loop && s->future.base.entry.run)
        s->future.base.entry.run = submission_start_cancelled;
    else if (loop && s->errand && !future_is_done(s->errand->task))
        weft_cancel(s->errand->task);
    wf_future_unref(&s->future.base);
}
