/*
 * birth.h - a task between its spawn and its first step: it lies in a ring, no loop owns it yet,
 * and any thread may already cancel it, wait for it or otherwise send it a message.
 *
 *                       post                   bind
 *          0 --------------------> [mail] ------------> loop, bound for good
 *          |                        ^  |                 ^
 *          |                        +--+ post            |
 *          +---------------------------------------------+  bind
 *
 * Same shape as an inbox (inbox.h), with "bound" in the place of "closed":
 *
 *      0                         nobody owns the task, and it has no mail
 *      runnable                  nobody owns it; newest message first
 *      loop | BIRTH_BOUND        its messages go to that loop's inbox
 *
 * Who may run at the same time ("-" freely, "x" the caller must exclude):
 *
 *                post  bind  loop
 *         post    -     -     -
 *         bind    -     x     -
 *
 * B1  A task is bound once, by the loop that took it out of a ring (there is one: ring.h, R2), and
 *     stays bound.
 * B2  A message is either in the chain that bind returns, or its poster has been told the loop.
 * B3  One thread's messages are handled in the order in which they were sent: the taker runs the
 *     chain, oldest first, before it drains its inbox again.
 * B4  The taker sees what a poster wrote before it left its message; a poster that is told the loop
 *     sees what the loop wrote before it took the task.
 */
#ifndef WEFT_RUNTIME_TASK_BIRTH_H
#define WEFT_RUNTIME_TASK_BIRTH_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/base/atomic.h"
#include "runtime/base/runnable.h"

#define BIRTH_BOUND ((uintptr_t)1) /* runnables and loops are aligned, so the bit is free */

struct birth {
    _Atomic(uintptr_t) word; /* any thread while unowned; never written again once bound (B1) */
};

/* Relaxed, both: nobody else knows of the task yet; the queue that it goes through publishes it. */
static inline void birth_init_bound(struct birth *birth, struct weft_loop *loop)
{
    atomic_store_explicit(&birth->word, (uintptr_t)loop | BIRTH_BOUND, memory_order_relaxed);
}

static inline void birth_init_unowned(struct birth *birth)
{
    atomic_store_explicit(&birth->word, 0, memory_order_relaxed);
}

static inline struct weft_loop *birth_loop_of(uintptr_t word)
{
    return word & BIRTH_BOUND ? (struct weft_loop *)(word & ~BIRTH_BOUND) : NULL;
}

/* Any thread: the loop that owns the task for good, or NULL while none does. */
static inline struct weft_loop *birth_loop(const struct birth *birth)
{
    /* Acquire, with the exchange in birth_bind() (B4). */
    return birth_loop_of(atomic_load_explicit(&birth->word, memory_order_acquire));
}

/*
 * Any thread: send a message. NULL: it was left with the task, and the taker will run it; else
 * the message is still the caller's, to be pushed to the inbox of that loop.
 */
static inline struct weft_loop *birth_post(struct birth *birth, struct runnable *mail)
{
    /* Acquire, here and when the CAS fails, with the exchange in birth_bind() (B4). */
    uintptr_t word = atomic_load_explicit(&birth->word, memory_order_acquire);

    do {
        struct weft_loop *loop = birth_loop_of(word);
        if (loop)
            return loop;
        runnable_link(mail, (struct runnable *)word);
        /* Release, with the exchange in birth_bind() (B4); being a read-modify-write, it carries
         * on what earlier posters released. */
    } while (!atomic_compare_exchange_weak_explicit(&birth->word, &word, (uintptr_t)mail,
                                                    memory_order_release, memory_order_acquire));
    return NULL;
}

/* The loop that took the unowned task, once: own it. Returns the mail it was left, oldest first. */
static inline struct runnable *birth_bind(struct birth *birth, struct weft_loop *loop)
{
    /* Acquire, with the CAS in birth_post(), and release, with the loads in birth_post() and
     * birth_loop() (B4). */
    uintptr_t word =
        atomic_exchange_explicit(&birth->word, (uintptr_t)loop | BIRTH_BOUND, memory_order_acq_rel);

    return runnable_reverse((struct runnable *)word);
}

#endif
