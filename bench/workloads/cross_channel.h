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
 *     compare-and-swap or an exchange; RECEIVER is left by the sender alone, SENDER by the
 * receiver. C2  item belongs to the sender in EMPTY and RECEIVER, to the receiver in FULL and
 * SENDER. C3  A future in the word belongs to the task that waits, which gives it back after it was
 *     completed; who takes it out of the word completes it, and does not touch it afterwards.
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

static inline weft_future *cross_future(uintptr_t word)
{
    return (weft_future *)(word & ~(uintptr_t)CROSS_STATE);
}

/*
 * Puts a new future in the word and waits for it, unless the word has changed from `from`.
 * Release on success: the other side sees the future's contents; acquire: what it did before.
 */
static inline bool cross_wait(struct cross_channel *channel, uintptr_t from, uintptr_t state,
                              void **ret_item)
{
    weft_future *future = weft_create_future();
    require(future);
    if (!atomic_compare_exchange_strong_explicit(&channel->word, &from, (uintptr_t)future | state,
                                                 memory_order_acq_rel, memory_order_acquire)) {
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
    require(weft_future_set_result(cross_future(word), item) == 0);
}

static inline void *cross_receive(struct cross_channel *channel)
{
    void *item = NULL;
    /* Acquire, with the release in cross_send(): the item is seen. */
    uintptr_t word = atomic_load_explicit(&channel->word, memory_order_acquire);
    if (word == CROSS_EMPTY) {
        if (cross_wait(channel, CROSS_EMPTY, CROSS_RECEIVER, &item))
            return item;
        word = atomic_load_explicit(&channel->word, memory_order_acquire);
    }
    item = channel->item;
    /* Release, with the acquire in cross_send(): we have read the item. Acquire: a sender's future.
     */
    word = atomic_exchange_explicit(&channel->word, CROSS_EMPTY, memory_order_acq_rel);
    if ((word & CROSS_STATE) == CROSS_SENDER)
        require(weft_future_set_result(cross_future(word), NULL) == 0);
    return item;
}

#endif
