/*
 * condition.c - tasks wait, with a lock given back meanwhile, until they are notified.
 *
 * The line has a guard of its own, apart from the lock's.
 *
 * C1  A waiter is in line before it gives the lock back: who holds the lock after it sees it.
 * C2  Who waited holds the lock when it returns, whatever ended the wait (COND-09, COND-10).
 * C3  Who waited and ends with an error notifies another, since a notification may have been its
 *     own (COND-12). The same for one that never goes on because its loop was closed.
 */
#include <errno.h>
#include <stdio.h>

#include "api/condition.h"
#include "api/lock.h"
#include "runtime/base/likely.h"

static struct waitq *condition_line(const weft_condition *condition)
{
    return (struct waitq *)(uintptr_t)&condition->waiters_;
}

static _Atomic uint32_t *condition_word(const weft_condition *condition)
{
    return guard_word((uint32_t *)(uintptr_t)&condition->word_);
}

static weft_lock *condition_lock(const weft_condition *condition)
{
    return condition->lock_ ? condition->lock_ : (weft_lock *)(uintptr_t)&condition->own_lock_;
}

int weft_condition_acquire(weft_condition *condition)
{
    return likely(condition != NULL) ? weft_lock_acquire(condition_lock(condition)) : -EINVAL;
}

int weft_condition_release(weft_condition *condition)
{
    return likely(condition != NULL) ? weft_lock_release(condition_lock(condition)) : -EINVAL;
}

int weft_condition_locked(const weft_condition *condition)
{
    return condition && weft_lock_locked(condition_lock(condition));
}

void wf_condition_wake(weft_condition *condition, size_t n)
{
    _Atomic uint32_t *word = condition_word(condition);
    struct wakes wakes = {NULL, NULL};
    uint32_t bits = guard_lock(word);

    while (n-- > 0 && waitq_wake_next(condition_line(condition), &wakes))
        ;
    guard_unlock(word, bits);
    wakes_send(&wakes);
}

/* A wait, from its place in the condition's line to its place in the lock's. */
struct condition_wait {
    struct queued queued;
    struct queued relock;
    weft_condition *condition;
    const struct condition_mourner *mourner; /* or NULL */
};

/* C3. */
static void wait_abandoned(const struct condition_wait *wait, bool notified)
{
    if (notified)
        wf_condition_wake(wait->condition, 1);
    if (wait->mourner)
        wait->mourner->gone(wait->mourner->arg);
}

static void condition_abandoned(struct queued *q, bool woken)
{
    wait_abandoned(container_of(q, struct condition_wait, queued), woken);
}

static void relock_abandoned(struct queued *q, bool woken)
{
    wf_lock_abandoned(q, woken);
    wait_abandoned(container_of(q, struct condition_wait, relock), true);
}

static const struct waitq_kind condition_kind = {WAITQ_OPS("condition"), condition_abandoned};
static const struct waitq_kind relock_kind = {WAITQ_OPS("lock"), relock_abandoned};

/*
 * Takes the lock back, however often that is cancelled (C2). rc says how the wait has ended, with
 * its current error. 0, or the latest error, as the current one (COND-10).
 */
static int condition_relock(struct condition_wait *wait, int rc)
{
    weft_lock *lock = condition_lock(wait->condition);
    weft_error *error = rc ? weft_catch(rc) : NULL;
    int again;

    while (unlikely((again = wf_lock_wait(lock, &wait->relock, &relock_kind)) != 0)) {
        weft_error_unref(error);
        error = weft_catch(again);
        rc = again;
    }
    if (unlikely(error != NULL))
        weft_raise(error);
    return rc;
}

static void condition_leave(weft_condition *condition, struct queued *q)
{
    _Atomic uint32_t *word = condition_word(condition);
    uint32_t bits = guard_lock(word);
    waitq_leave(q);
    guard_unlock(word, bits);
}

/* The lock was given back by somebody else in the same moment: the wait does not begin. */
static int condition_stay(weft_condition *condition, struct queued *q, int rc)
{
    _Atomic uint32_t *word = condition_word(condition);
    uint32_t bits = guard_lock(word);
    bool woken = queued_state(q) == QUEUED_WOKEN;
    waitq_leave(q);
    guard_unlock(word, bits);
    if (woken) {
        (void)queued_wait(q); /* which takes the wake-up; a cancellation is as good an error */
        wf_condition_wake(condition, 1);
    }
    return rc;
}

int wf_condition_wait(weft_condition *condition, const struct condition_mourner *mourner)
{
    weft_lock *lock = condition_lock(condition);
    if (unlikely(!weft_lock_locked(lock)))
        return weft_fail(WEFT_ERUNTIME, "a condition waits with its lock acquired");
    struct task *task = task_current();
    if (unlikely(!task))
        return weft_fail(WEFT_ENOTASK, "only a task can wait for a condition");

    _Atomic uint32_t *word = condition_word(condition);
    struct condition_wait wait = {.condition = condition, .mourner = mourner};
    uint32_t bits = guard_lock(word);
    waitq_join(condition_line(condition), &wait.queued, &condition_kind, condition, word, task);
    guard_unlock(word, bits); /* C1 */
    int rc = weft_lock_release(lock);
    if (unlikely(rc))
        return condition_stay(condition, &wait.queued, rc);
    rc = queued_wait(&wait.queued);
    condition_leave(condition, &wait.queued);
    rc = condition_relock(&wait, rc);
    if (unlikely(rc))
        wf_condition_wake(condition, 1); /* C3 */
    return rc;
}

int weft_condition_wait(weft_condition *condition)
{
    return likely(condition != NULL) ? wf_condition_wait(condition, NULL) : -EINVAL;
}

int weft_condition_wait_for(weft_condition *condition, int (*predicate)(void *arg), void *arg)
{
    if (unlikely(!condition) || unlikely(!predicate))
        return -EINVAL;
    int answer;
    while (!(answer = predicate(arg))) {
        int rc = weft_condition_wait(condition);
        if (unlikely(rc))
            return rc;
    }
    return answer;
}

static int condition_notify(weft_condition *condition, size_t n)
{
    if (unlikely(!condition))
        return -EINVAL;
    if (unlikely(!weft_lock_locked(condition_lock(condition))))
        return weft_fail(WEFT_ERUNTIME, "a condition notifies with its lock acquired");
    wf_condition_wake(condition, n);
    return 0;
}

int weft_condition_notify(weft_condition *condition, long n)
{
    return condition_notify(condition, n > 0 ? (size_t)n : 0);
}

int weft_condition_notify_all(weft_condition *condition)
{
    return condition_notify(condition, SIZE_MAX);
}

int weft_condition_format(const weft_condition *condition, char *buffer, size_t bytes)
{
    if (!condition)
        return -EINVAL;
    const char *state = weft_condition_locked(condition) ? "locked" : "unlocked";
    size_t waiters = wf_waitq_count(condition_line(condition), condition_word(condition));
    if (!waiters)
        return snprintf(buffer, bytes, "<weft_condition %p [%s]>", (const void *)condition, state);
    return snprintf(buffer, bytes, "<weft_condition %p [%s, waiters:%zu]>", (const void *)condition,
                    state, waiters);
}
