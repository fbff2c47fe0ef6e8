/*
 * channel.h - a channel with room for one item, for tasks of one loop, made of futures.
 *
 * The channel holds an item or the future of a waiting receiver, never both; a sender waits while
 * an item is there. One sender and one receiver at a time. The channel has no reference to a future
 * in it: the task that waits has one, and cannot give it back before the call that completes the
 * future is over, because both run on one loop.
 */
#ifndef WEFT_BENCH_WORKLOADS_CHANNEL_H
#define WEFT_BENCH_WORKLOADS_CHANNEL_H

#include "bench/workloads/sampler.h"

struct channel {
    bool full;
    void *item;            /* if full */
    weft_future *receiver; /* waits for an item; NULL if full */
    weft_future *sender;   /* waits for room; NULL unless full */
};

static inline weft_future *channel_take(weft_future **place)
{
    weft_future *waiting = *place;
    *place = NULL;
    return waiting;
}

static inline weft_future *channel_wait(weft_future **place)
{
    weft_future *future = weft_create_future();
    require(future);
    *place = future;
    return future;
}

static inline void channel_send(struct channel *channel, void *item)
{
    if (channel->receiver) {
        require(weft_future_set_result(channel_take(&channel->receiver), item) == 0);
        return;
    }
    while (channel->full)
        require(weft_join(channel_wait(&channel->sender), NULL) == 0);
    channel->item = item;
    channel->full = true;
}

/* Takes the item that is there. */
static inline void *channel_pop(struct channel *channel)
{
    channel->full = false;
    if (channel->sender)
        require(weft_future_set_result(channel_take(&channel->sender), NULL) == 0);
    return channel->item;
}

static inline void *channel_receive(struct channel *channel)
{
    if (channel->full)
        return channel_pop(channel);
    void *item = NULL;
    require(weft_join(channel_wait(&channel->receiver), &item) == 0);
    return item;
}

/* As channel_receive(), and the wait has a limit, which must not be reached. */
static inline void *channel_receive_within(struct channel *channel, double seconds)
{
    if (channel->full)
        return channel_pop(channel);
    void *item = NULL;
    weft_future *future = channel_wait(&channel->receiver);
    require(weft_wait_for(future, seconds, &item) == 0);
    weft_unref(future);
    return item;
}

/* The same through a block with a deadline; none for WEFT_FOREVER. */
static inline void *channel_receive_in_timeout(struct channel *channel, double seconds)
{
    weft_timeout limit;
    volatile bool limited = seconds != WEFT_FOREVER; /* so that the call is not made twice */

    if (channel->full)
        return channel_pop(channel);
    void *item = NULL;
    weft_future *future = channel_wait(&channel->receiver);
    if (limited) {
        require(weft_timeout_init(&limit, seconds) == 0);
        require(weft_timeout_begin(&limit) == 0);
    }
    int rc = weft_await(future, &item); /* one place to resume at, for both sides */
    if (limited)
        rc = weft_timeout_end(&limit, rc);
    require(rc == 0);
    weft_unref(future);
    return item;
}

#endif
