/*
 * event.c - a flag that tasks wait for.
 *
 * The word says SET; it is changed under its guard.
 *
 * E1  Who is woken is out of line: it returns whatever happens to the flag before it runs (EVNT-05),
 *     and does not touch the event again.
 */
#include <errno.h>
#include <stdio.h>

#include <weft/sync.h>

#include "api/waitq.h"
#include "runtime/base/likely.h"

#define EVENT_SET 2u

static struct waitq *event_line(const weft_event *event)
{
    return (struct waitq *)(uintptr_t)&event->waiters_;
}

static _Atomic uint32_t *event_word(const weft_event *event)
{
    return guard_word((uint32_t *)(uintptr_t)&event->word_);
}

static const struct waitq_kind event_kind = {WAITQ_OPS("event"), NULL};

int weft_event_set(weft_event *event)
{
    if (unlikely(!event))
        return -EINVAL;
    _Atomic uint32_t *word = event_word(event);
    struct wakes wakes = {NULL, NULL};
    uint32_t bits = guard_lock(word);

    while (waitq_pop(event_line(event), &wakes)) /* nobody, if it was set (EVNT-07) */
        ;
    /* Also when it was set: who waits later sees what this caller did before. */
    guard_unlock(word, bits | EVENT_SET);
    wakes_send(&wakes);
    return 0;
}

int weft_event_clear(weft_event *event)
{
    if (unlikely(!event))
        return -EINVAL;
    _Atomic uint32_t *word = event_word(event);
    guard_unlock(word, guard_lock(word) & ~EVENT_SET);
    return 0;
}

int weft_event_is_set(const weft_event *event)
{
    /* Acquire, with the release in weft_event_set(). */
    return event && (atomic_load_explicit(event_word(event), memory_order_acquire) & EVENT_SET);
}

static __attribute__((noinline)) int event_wait(weft_event *event)
{
    _Atomic uint32_t *word = event_word(event);
    struct task *task = task_current();
    struct queued q;
    uint32_t bits = guard_lock(word);

    if (unlikely(bits & EVENT_SET) || unlikely(!task)) {
        guard_unlock(word, bits);
        return bits & EVENT_SET ? 0 : weft_fail(WEFT_ENOTASK, "only a task can wait for an event");
    }
    waitq_join(event_line(event), &q, &event_kind, event, word, task);
    guard_unlock(word, bits);
    int rc = queued_wait(&q);
    if (likely(queued_state(&q) == QUEUED_WOKEN)) /* E1; a cancellation may have come after it */
        return rc;
    bits = guard_lock(word);
    waitq_leave(&q);
    guard_unlock(word, bits);
    return rc;
}

int weft_event_wait(weft_event *event)
{
    if (unlikely(!event))
        return -EINVAL;
    return weft_event_is_set(event) ? 0 : event_wait(event);
}

int weft_event_format(const weft_event *event, char *buffer, size_t bytes)
{
    if (!event)
        return -EINVAL;
    const char *state = weft_event_is_set(event) ? "set" : "unset";
    size_t waiters = wf_waitq_count(event_line(event), event_word(event));
    if (!waiters)
        return snprintf(buffer, bytes, "<weft_event %p [%s]>", (const void *)event, state);
    return snprintf(buffer, bytes, "<weft_event %p [%s, waiters:%zu]>", (const void *)event, state,
                    waiters);
}
