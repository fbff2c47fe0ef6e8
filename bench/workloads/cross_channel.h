/*
 * cross_channel.h - a channel with room for one item, for two tasks on any loops, made of futures.
 *
 *      who        from        to
 *      sender     EMPTY       FULL               the item is put in
 *      receiver   FULL        EMPTY              the item is taken out
 *      receiver   EMPTY       RECEIVER|future    waits for an item
 *      sender     RECEIVER    EMPTY              completes the future with the item
 *      sender     FULL        SENDER|future      waits for room
 *      receiver   SENDER      EMPTY              takes the item out, and completes the future
 *
 * C1  There is one sender and one receiver. Both may leave EMPTY and FULL, so that takes a
 *     compare-and-swap or an exchange. The sender alone leaves RECEIVER, the receiver SENDER.
 * C2  item belongs to the sender in EMPTY and RECEIVER, to the receiver in FULL and SENDER.
 * C3  A future in the word carries a reference with it, besides that of the task that waits. Who
 *     takes it out of the word completes it, and gives the reference back. Without one, the
 *     waiting task could free the future before the call that completes it is over.
 *
 * Lock-free; every wait is a task's.
 */
#ifndef WEFT_BENCH_WORKLOADS_CROSS_CHANNEL_H
#define WEFT_BENCH_WORKLOADS_CROSS_CHANNEL_H

#include <stdatomic.h>

#include "bench/workloads/sampler.h"

/* The two low bits of the word; a future is aligned, so its address leaves them free. */
enum {
    CROSS_EMPTY = 0,
    CROSS_FULL = 1,
    CROSS_RECEIVER = 2,
    CROSS_SENDER = 3,
    CROSS_STATE = 3,
};

struct cross_channel {
    _Alignas(128) _Atomic uintptr_t word; /* both sides (C1) */
    void *item;                           /* (C2) */
};

/* Completes the future that was in the word, and ends its stay there (C3). */
static inline void cross_complete(uintptr_t word, void *item)
{
    weft_future *future = (weft_future *)(word & ~(uintptr_t)CROSS_STATE);
    require(weft_future_set_result(future, item) == 0);
    weft_unref(future);
}

/* Puts a new future in the word and waits for it; false: the word is not `from` any more. */
static inline bool cross_wait(struct cross_channel *channel, uintptr_t from, uintptr_t state,
                              void **ret_item)
{
    weft_future *future = weft_create_future();
    require(future);
    weft_ref(future); /* the word's (C3) */
    /* Release: the other side sees the future. Acquire, if it has changed: what it did before. */
    if (!atomic_compare_exchange_strong_explicit(&channel->word, &from, (uintptr_t)future | state,
                                                 memory_order_acq_rel, memory_order_acquire)) {
        weft_unref(future);
        weft_unref(future);
        return false;
    }
    require(weft_join(future, ret_item) == 0);
    return true;
}

static inline void cross_send(struct cross_channel *channel, void *item)
{
    /* Acquire, with the release in cross_receive(): the item that was there has been read. */
    uintptr_t word = atomic_load_explicit(&channel->word, memory_order_acquire);
    while ((word & CROSS_STATE) == CROSS_FULL) {
        cross_wait(channel, CROSS_FULL, CROSS_SENDER, NULL);
        word = atomic_load_explicit(&channel->word, memory_order_acquire);
    }
    if (word == CROSS_EMPTY) {
        channel->item = item;
        /* Release, with the acquire in cross_receive(): publishes the item. Fails if the receiver
         * has begun to wait; acquire, so that its future is seen. */
        if (atomic_compare_exchange_strong_explicit(&channel->word, &word, CROSS_FULL,
                                                    memory_order_release, memory_order_acquire))
            return;
    }
    /* Relaxed: until it is woken below, the receiver does not look at the word (C1). */
    atomic_store_explicit(&channel->word, CROSS_EMPTY, memory_order_relaxed);
    cross_complete(word, item);
}

static inline void *cross_receive(struct cross_channel *channel)
{
    void *item = NULL;
    /* Acquire, with the release in cross_send(): the item is seen. */
    uintptr_t word = atomic_load_explicit(&channel->word, memory_order_acquire);
    if (word == CROSS_EMPTY) {
        if (cross_wait(channel, CROSS_EMPTY, CROSS_RECEIVER, &item))
            return item;
        /* It has changed, and cross_wait() saw what was before (acquire). */
    }
    item = channel->item;
    /* Release, with the acquire in cross_send(): the item has been read. Acquire: a sender's
     * future is seen. */
    word = atomic_exchange_explicit(&channel->word, CROSS_EMPTY, memory_order_acq_rel);
    if ((word & CROSS_STATE) == CROSS_SENDER)
        cross_complete(word, NULL);
    return item;
}

#endif
