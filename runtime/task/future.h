/*
 * future.h - what a future is made of.
 *
 * The protocol of outcome.h decides who completes it and how other threads learn of it; the rest of
 * the fields follow from that:
 *
 *     field      written by                                      read by
 *     loop       the maker, or the loop that takes a new task     anybody (acquire)
 *     waiters    the loop's thread                                the loop's thread
 *     code,error the completer, before the value is done          anybody, once it is done
 *     taken      anybody, once it is done                         who gives the last reference back
 *     removing   who takes remote waiters back                    the same
 *     drop, kind the maker, before others know the future         anybody
 *     life       with loop                                        with loop
 *     entry      whoever queues it                                that queue
 */
#ifndef WEFT_RUNTIME_TASK_FUTURE_H
#define WEFT_RUNTIME_TASK_FUTURE_H

#include <weft/base.h>
#include <weft/error.h>

#include "runtime/base/runnable.h"
#include "runtime/task/outcome.h"

enum future_kind {
    FUTURE_PLAIN,
    FUTURE_CONCURRENT, /* of no loop */
    FUTURE_TASK,
    FUTURE_COMPOUND, /* a plain one with ops->fini */
};

/* Who gets the error object, and so the message, of a cancelled task. */
enum future_message {
    MESSAGE_FOR_FIRST, /* who asks */
    MESSAGE_SPENT,
    MESSAGE_FOR_ALL,
};

/* A waiter on the future's own loop. It is queued there when the future is done. On its owner's
 * stack. */
struct waiter {
    struct waiter *next; /* NULL: the last one */
    struct waiter *prev; /* of the first one: the last one */
    struct runnable *ready;
};

struct weft_future {
    struct outcome outcome;
    _Atomic(struct weft_loop *) loop;
    union {
        struct {
            int code;
            uint8_t kind;                  /* enum future_kind */
            uint8_t block;                 /* enum block_class: what it was made from */
            _Atomic uint8_t taken;         /* the outcome was looked at */
            _Atomic uint8_t message_spent; /* enum future_message, of a cancelled task */
        };
        uint64_t summary; /* all of these at once, while nobody else has the future */
    };
    struct waiter *waiters; /* in the order of arrival */
    /* Of a task: its one entry in a queue. Of others: tells the loop that another thread completed
     * it. In one cache line with all that a completion touches. */
    struct runnable entry;

    weft_error *error;        /* of a failed or cancelled future; may be NULL for a plain code */
    uint32_t life;            /* of its loop: see L3 of runtime/sched/loop.h; 0: no loop */
    _Atomic uint8_t removing; /* a lock: one party at a time takes remote waiters back */
    weft_drop drop;
};

_Static_assert(offsetof(struct weft_future, error) == 64, "what a completion touches is a line");

/* The summary of a new future; it stays the same with a result that nobody has taken. */
#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the summary's parts are put together for little-endian machines"
#endif
#define FUTURE_FRESH(kind, block) \
    ((uint64_t)(kind) << 32 | (uint64_t)(block) << 40 | (uint64_t)MESSAGE_FOR_FIRST << 56)

/* What a future that stands for something does beyond keeping its outcome. Each may be NULL. */
struct future_ops {
    /*
     * In place of cancelling a pending one: asks what it stands for to end, with this message
     * (borrowed, may be NULL). 1 if anything heard the request, else 0; or -ENOMEM.
     */
    int (*cancel)(struct weft_future *future, weft_error *error);
    /* Called by who cancelled it while it was pending, after that. */
    void (*cancelled)(struct weft_future *future);
    /* FUTURE_COMPOUND: the last reference is gone; gives back what else it holds. */
    void (*fini)(struct weft_future *future);
};

/* A future that is no task: completed by whoever it was made for. */
struct plain_future {
    struct weft_future base;
    const struct future_ops *ops; /* or NULL; set before others know */
};

static inline struct plain_future *plain_of(struct weft_future *f)
{
    return (struct plain_future *)(void *)f;
}

static inline bool future_is_task(const struct weft_future *f)
{
    return f->kind == FUTURE_TASK;
}

static inline struct weft_loop *future_loop(const struct weft_future *f)
{
    /* Acquire, with the store when a loop takes a new task. */
    return atomic_load_explicit(&f->loop, memory_order_acquire);
}

static inline bool future_is_done(const struct weft_future *f)
{
    return outcome_is_done(&f->outcome);
}

static inline void waiter_append(struct weft_future *f, struct waiter *w)
{
    struct waiter *first = f->waiters;
    w->next = NULL;
    if (!first) {
        w->prev = w;
        f->waiters = w;
        return;
    }
    w->prev = first->prev;
    first->prev->next = w;
    first->prev = w;
}

static inline void waiter_remove(struct weft_future *f, struct waiter *w)
{
    if (w->next)
        w->next->prev = w->prev;
    else
        f->waiters->prev = w->prev; /* the first one, which may be w itself */
    if (f->waiters == w)
        f->waiters = w->next;
    else
        w->prev->next = w->next;
}

/* Takes it out if it is there still. */
static inline bool waiter_take_back(struct weft_future *f, struct waiter *w)
{
    for (const struct waiter *other = f->waiters; other; other = other->next) {
        if (other == w) {
            waiter_remove(f, w);
            return true;
        }
    }
    return false;
}

#endif
