/*
 * uring.c - the poller on io_uring (see uring.h).
 */
#include "runtime/uring/uring.h"

#include <errno.h>
#include <poll.h>

#include "runtime/base/likely.h"
#include "runtime/uring/core.h"
#include "runtime/uring/flow.h"

/* Rounds in a look for what did not fit into the completion queue. */
#define ROUNDS_MAX 64

/* In the thread that is to have it. What the kernel refuses in the end it is not asked for again. */
static void uring_open_ring(struct uring *uring)
{
    unsigned waited = 0;
    do
        uring->refused = wf_ring_open(&uring->ring);
    while (uring->refused == -ENOMEM && wf_ring_wait_for_memory(&waited));
    int no_buffers = uring->refused;
    while (!uring->refused) {
        no_buffers = wf_buffers_open(&uring->buffers, &uring->ring.io);
        if (no_buffers != -ENOMEM || !uring->buffers.ring || !wf_ring_wait_for_memory(&waited))
            break;
    }
    /* Without buffers (5.19) the ring tells what is ready, no more. */
    uring->receives = !no_buffers;
    /* Only where nothing completes unless the loop asks: a descriptor that came between the last look
     * and the ring's end would be nobody's. */
    uring->accepts = !uring->refused && (uring->ring.io.flags & IORING_SETUP_DEFER_TASKRUN) != 0;
}

/* The poller's own, with a ring or refused one; NULL: no memory. */
static struct uring *uring_of(struct poller *poller)
{
    struct uring *uring = poller->extra;
    if (likely(uring != NULL))
        return uring;
    uring = wf_uring_core->alloc(sizeof(*uring));
    if (!uring)
        return NULL;
    poller->extra = uring;
    uring_open_ring(uring);
    return uring;
}

static const char *uring_name(struct poller *poller)
{
    const struct uring *uring = uring_of(poller);
    return !uring || uring->refused ? "epoll" : "io_uring";
}

/* All that is in flight is forgotten (U1, U4). */
static void uring_give_up_ring(struct uring *uring)
{
    wf_ring_close(&uring->ring);
    uring->wake_polled = uring->epoll_polled = false;
    wf_flows_rouse(uring);
}

static void uring_complete(struct poller *poller, struct uring *uring,
                           const struct io_uring_cqe *cqe, struct runnables *ready)
{
    uint64_t data = io_uring_cqe_get_data64(cqe);
    bool ended = !(cqe->flags & IORING_CQE_F_MORE);
    if (likely(data > URING_EPOLL)) {
        wf_flow_complete(uring, cqe, ready);
    } else if (data == URING_WAKE) {
        uring->wake_polled = !ended;
        wf_uring_core->take_tokens(poller);
    } else if (data == URING_EPOLL) {
        uring->epoll_polled = !ended;
    }
}

/* Takes what has completed. How much that was. */
static unsigned uring_take(struct poller *poller, struct uring *uring, struct runnables *ready)
{
    struct io_uring *io = &uring->ring.io;
    unsigned taken = 0;
    for (int rounds = 0; rounds < ROUNDS_MAX; rounds++) {
        struct io_uring_cqe *cqe;
        unsigned head, count = 0;
        io_uring_for_each_cqe(io, head, cqe)
        {
            uring_complete(poller, uring, cqe, ready);
            count++;
        }
        io_uring_cq_advance(io, count);
        taken += count;
        if (likely(!ring_has_overflow(&uring->ring)) || wf_ring_enter(&uring->ring, 0))
            break;
    }
    return taken;
}

static bool poll_in_ring(struct uring *uring, int fd, enum uring_data data)
{
    struct io_uring_sqe *entry = wf_ring_entry(&uring->ring);
    if (!entry)
        return false;
    io_uring_prep_poll_multishot(entry, fd, POLLIN);
    io_uring_sqe_set_data64(entry, data);
    return true;
}

/* Before a sleep: what ends it beside the sources. False: it cannot be. */
static bool uring_attend(struct poller *poller, struct uring *uring)
{
    if (unlikely(!uring->wake_polled))
        uring->wake_polled = poll_in_ring(uring, poller->event_fd, URING_WAKE);
    if (poller->watched && !uring->epoll_polled)
        uring->epoll_polled = poll_in_ring(uring, poller->epoll_fd, URING_EPOLL);
    return uring->wake_polled && (!poller->watched || uring->epoll_polled);
}

static int uring_wait(struct poller *poller, int64_t timeout_ns, struct poller_news *news)
{
    struct uring *uring = uring_of(poller);
    if (unlikely(!uring || uring->refused))
        return wf_uring_core->epoll_wait(poller, timeout_ns, news);
    int seen = poller->watched ? wf_uring_core->epoll_wait(poller, 0, news) : 0;
    if (seen || io_uring_cq_ready(&uring->ring.io))
        timeout_ns = 0;
    if (timeout_ns && !uring_attend(poller, uring))
        timeout_ns = 0;
    int rc = wf_ring_enter(&uring->ring, timeout_ns);
    unsigned taken = uring_take(poller, uring, &news->ready);
    /* The kernel completes 20 operations at a time, and more are not asked for: their readers had better run
     * while the sockets are in the caches (a tenth of the time with a thousand connections). But what nobody
     * waits for hides nothing: with nothing to run virtual time goes on. */
    for (unsigned rounds = 0; taken && !rc && rounds < poller->sources; rounds++) {
        if (likely(!news->all && news->ready.first))
            break;
        rc = wf_ring_enter(&uring->ring, 0);
        taken = uring_take(poller, uring, &news->ready);
    }
    if (unlikely(rc)) {
        uring_give_up_ring(uring);
        uring->refused = rc;
    }
    return poller->watched && timeout_ns ? wf_uring_core->epoll_wait(poller, 0, news) : seen;
}

static int uring_add(struct poller *poller, struct source *source, uint32_t events)
{
    struct uring *uring = uring_of(poller);
    if (!uring)
        return -ENOMEM;
    const struct source *known = poller->entries[source->fd].source;
    if (known && known != source)
        return -EEXIST; /* as epoll does */
    if (likely(!uring->refused))
        return wf_flow_add(uring, source, events);
    int rc = wf_uring_core->epoll_add(poller, source, events);
    /* Of what was received ahead epoll knows nothing. */
    if (!rc && source->extra && wf_flow_has_input(source))
        source->blocked[POLLER_READ] = false;
    return rc;
}

static void uring_remove(struct poller *poller, struct source *source)
{
    struct uring *uring = poller->extra;
    if (uring->refused)
        wf_uring_core->epoll_remove(poller, source);
    wf_flow_remove(uring, source);
}

static ssize_t uring_recv(struct source *source, void *buffer, size_t bytes)
{
    return wf_flow_recv(source->poller->extra, source, buffer, bytes);
}

static int uring_accept(struct source *source, struct sockaddr *ret_address, socklen_t *bytes)
{
    return wf_flow_accept(source, ret_address, bytes);
}

/* Outside the look at the poller: the next one reports what ends here. */
static void uring_take_aside(struct poller *poller, struct uring *uring)
{
    uint64_t ended = poller->ended.count;
    uring_take(poller, uring, &poller->ended);
    poller->waiting += (unsigned)(poller->ended.count - ended);
}

static void uring_begin(struct poller *poller)
{
    struct uring *uring = poller->extra;
    if (uring->refused || wf_ring_is_mine(&uring->ring))
        return;
    if (wf_ring_is_of_process(&uring->ring))
        uring_take_aside(poller, uring);
    uring_give_up_ring(uring);
    uring_open_ring(uring);
}

static int uring_settle(struct source *source)
{
    struct poller *poller = source->poller;
    struct uring *uring = poller->extra;
    uring_begin(poller); /* whoever detaches may do so between two runs */
    while (wf_flow_stop(uring, source)) {
        int rc = wf_ring_enter(&uring->ring, -1);
        uring_take_aside(poller, uring);
        if (rc) {
            uring_give_up_ring(uring);
            uring->refused = rc;
        }
    }
    return wf_flow_has_input(source) ? -EBUSY : 0;
}

static void uring_moved(struct source *source)
{
    struct uring *uring = source->poller->extra;
    wf_flow_moved(source);
    if (!uring->refused)
        return;
    /* epoll knows the address of the other one. */
    wf_uring_core->epoll_remove(source->poller, source);
    source->events = 0;
    source->blocked[POLLER_READ] = source->blocked[POLLER_WRITE] = false;
}

static void uring_close(struct poller *poller)
{
    struct uring *uring = poller->extra;
    if (wf_ring_is_of_process(&uring->ring))
        uring_take(poller, uring, &poller->ended); /* descriptors may be among what nobody awaits */
    wf_ring_close(&uring->ring);
    wf_flows_rouse(uring);
    wf_buffers_close(&uring->buffers);
    wf_uring_core->free(uring, sizeof(*uring));
    poller->extra = NULL;
}

const struct poller_ops wf_uring_ops = {
    .name = uring_name,
    .wait = uring_wait,
    .add = uring_add,
    .remove = uring_remove,
    .recv = uring_recv,
    .accept = uring_accept,
    .settle = uring_settle,
    .moved = uring_moved,
    .begin = uring_begin,
    .close = uring_close,
};
