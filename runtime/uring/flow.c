/*
 * flow.c - a source in the ring (see flow.h).
 */
#include "runtime/uring/flow.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/likely.h"
#include "runtime/uring/core.h"

#define READ_EVENTS  ((uint32_t)EPOLLIN | EPOLLRDHUP | EPOLLPRI)
#define WRITE_EVENTS ((uint32_t)EPOLLOUT)
#define OP_MASK      15u

static inline bool is_armed(const struct flow *flow, enum flow_op op)
{
    return flow->armed >> op & 1u;
}

static inline bool has_input(const struct flow *flow)
{
    return flow->pieces.count || flow->error || accepted_count(flow->accepted);
}

/* What its read side has in flight, if that takes something. */
static inline enum flow_op taking_op(const struct flow *flow)
{
    return is_armed(flow, FLOW_ACCEPT) ? FLOW_ACCEPT : FLOW_RECV;
}

/* What epoll refuses is refused: files, which are always ready. */
static int check_pollable(const struct source *source)
{
    struct stat about;
    if (source->socket)
        return 0;
    if (fstat(source->fd, &about))
        return SYS_FAILED(errno);
    return S_ISREG(about.st_mode) || S_ISDIR(about.st_mode) ? -EPERM : 0;
}

static int flow_make(struct uring *uring, struct source *source)
{
    int rc = check_pollable(source);
    if (rc)
        return rc;
    struct flow *flow = wf_uring_core->alloc(sizeof(*flow));
    if (!flow)
        return -ENOMEM;
    flow->source = source;
    flow->next = uring->flows;
    if (flow->next)
        flow->next->prev = flow;
    uring->flows = flow;
    source->extra = flow;
    return 0;
}

static void flow_free(struct uring *uring, struct flow *flow)
{
    if (flow->next)
        flow->next->prev = flow->prev;
    *(flow->prev ? &flow->prev->next : &uring->flows) = flow->next;
    wf_accepted_drop(&flow->accepted);
    wf_uring_core->free(flow, sizeof(*flow));
}

/* events: of this side. */
static int flow_arm(struct uring *uring, struct flow *flow, enum flow_op op, uint32_t events)
{
    URING_FAIL_IF(FAULT_EPOLL_CTL); /* of either poller */
    int rc = op == FLOW_ACCEPT ? wf_accepted_reserve(&flow->accepted, FLOW_WAITING) : 0;
    if (rc)
        return rc;
    int fd = flow->source->fd;
    struct io_uring_sqe *entry = wf_ring_entry(&uring->ring);
    if (!entry)
        return -ENOMEM;
    if (op == FLOW_RECV) {
        io_uring_prep_recv_multishot(entry, fd, NULL, 0, 0);
        entry->flags |= IOSQE_BUFFER_SELECT;
        entry->buf_group = BUFFERS_GROUP;
        flow->cancelled = false;
    } else if (op == FLOW_ACCEPT) {
        io_uring_prep_multishot_accept(entry, fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        flow->cancelled = false;
    } else {
        io_uring_prep_poll_multishot(entry, fd, events); /* poll() has the same bits */
    }
    io_uring_sqe_set_data64(entry, (uintptr_t)flow | op);
    flow->armed |= (uint8_t)(1u << op);
    flow->source->events |= events;
    return 0;
}

/* False: it goes on, at the worst until the ring's end. */
static bool flow_cancel(struct uring *uring, struct flow *flow, enum flow_op op)
{
    struct io_uring_sqe *entry = wf_ring_entry(&uring->ring);
    if (!entry)
        return false;
    io_uring_prep_cancel64(entry, (uintptr_t)flow | op, 0);
    io_uring_sqe_set_data64(entry, URING_IGNORED);
    return true;
}

/* How its input is to be heard of. */
static enum flow_op reading_op(const struct uring *uring, const struct flow *flow)
{
    if (flow->polled)
        return FLOW_POLL_READ;
    if (flow->source->listens && uring->accepts)
        return FLOW_ACCEPT;
    return flow->source->stream && uring->receives ? FLOW_RECV : FLOW_POLL_READ;
}

int wf_flow_add(struct uring *uring, struct source *source, uint32_t events)
{
    bool is_new = !source->extra;
    int rc = is_new ? flow_make(uring, source) : 0;
    struct flow *flow = source->extra;
    uint32_t more = events & ~source->events;
    if (!rc && more & READ_EVENTS) {
        if (has_input(flow))
            source->blocked[POLLER_READ] = false;
        else
            rc = flow_arm(uring, flow, reading_op(uring, flow), events & READ_EVENTS);
    }
    if (!rc && more & WRITE_EVENTS)
        rc = flow_arm(uring, flow, FLOW_POLL_WRITE, WRITE_EVENTS);
    if (rc && is_new && flow && !flow->armed) {
        source->extra = NULL;
        flow_free(uring, flow);
    }
    return rc;
}

void wf_flow_remove(struct uring *uring, struct source *source)
{
    struct flow *flow = source->extra;
    source->extra = NULL;
    if (!flow)
        return;
    flow->source = NULL;
    wf_pieces_drop(&uring->buffers, &flow->pieces);
    wf_accepted_drop(&flow->accepted);
    if (!flow->armed) {
        flow_free(uring, flow);
        return;
    }
    if (!wf_ring_is_mine(&uring->ring))
        return; /* nobody enters that ring any more (U1) */
    for (unsigned op = 0; op <= FLOW_POLL_WRITE; op++)
        if (is_armed(flow, (enum flow_op)op))
            (void)flow_cancel(uring, flow, (enum flow_op)op);
    /* At once: an operation in flight keeps the file open, and the peer would not hear of the end. A
     * ring that fails is given up by the next look. */
    (void)wf_ring_enter(&uring->ring, 0);
}

ssize_t wf_flow_recv(struct uring *uring, struct source *source, void *buffer, size_t bytes)
{
    struct flow *flow = source->extra;
    bool armed = is_armed(flow, FLOW_RECV);
    if (likely(flow->pieces.count)) {
        int fault;
        do
            fault = uring_fault(FAULT_RECV);
        while (unlikely(fault == EINTR));
        if (unlikely(fault))
            return -fault;
        if (unlikely(uring_fault(FAULT_SHORT_RECV)) && bytes > 1)
            bytes = 1;
        ssize_t n = (ssize_t)wf_pieces_take(&uring->buffers, &flow->pieces, buffer, bytes);
        source->blocked[POLLER_READ] = armed && !has_input(flow);
        return n;
    }
    if (flow->error) {
        int error = flow->error;
        flow->error = 0;
        return error;
    }
    if (armed) {
        source->blocked[POLLER_READ] = true;
        return -EAGAIN;
    }
    return 0;
}

int wf_flow_accept(struct source *source, struct sockaddr *ret_address, socklen_t *bytes)
{
    struct flow *flow = source->extra;
    bool armed = is_armed(flow, FLOW_ACCEPT);
    int fd = -ENODATA;
    if (likely(accepted_count(flow->accepted))) {
        int fault;
        do
            fault = uring_fault(FAULT_ACCEPT);
        while (unlikely(fault == EINTR));
        if (unlikely(fault))
            return -fault;
        fd = wf_accepted_take(flow->accepted, ret_address, bytes);
    } else if (flow->error) {
        fd = flow->error;
        flow->error = 0;
    } else if (armed) {
        fd = -EAGAIN;
    }
    source->blocked[POLLER_READ] = armed && !has_input(flow);
    return fd;
}

bool wf_flow_stop(struct uring *uring, struct source *source)
{
    struct flow *flow = source->extra;
    enum flow_op op = taking_op(flow);
    if (!is_armed(flow, op))
        return false;
    if (!flow->cancelled)
        flow->cancelled = flow_cancel(uring, flow, op);
    return true;
}

void wf_flow_moved(struct source *source)
{
    struct flow *flow = source->extra;
    flow->source = source;
}

bool wf_flow_has_input(const struct source *source)
{
    return has_input(source->extra);
}

/* What ended a receive or an accept. */
static void flow_failed(struct flow *flow, int error)
{
    switch (-error) {
    case ECANCELED:
    case EINTR: /* the reader calls the kernel itself (F2) */
        break;
    case EAGAIN: /* no such operation here, or the socket is none for it now */
    case EINVAL:
    case ENOTCONN:
    case EOPNOTSUPP:
        flow->polled = true;
        break;
    default:
        flow->error = error; /* F3 */
    }
}

/* What an accept has brought. */
static void flow_accepted(struct uring *uring, struct flow *flow, int result,
                          struct runnables *ready)
{
    if (unlikely(result < 0)) {
        flow_failed(flow, result);
    } else {
        int rc = wf_accepted_add(&flow->accepted, result);
        if (unlikely(rc))
            flow->error = rc;
        if (unlikely(rc || flow->accepted->count >= FLOW_WAITING) && is_armed(flow, FLOW_ACCEPT) &&
            !flow->cancelled)
            flow->cancelled = flow_cancel(uring, flow, FLOW_ACCEPT); /* F5 */
    }
    wf_uring_core->report(flow->source, EPOLLIN, ready);
}

/* What a receive has brought. */
static void flow_received(struct uring *uring, struct flow *flow, int result, unsigned flags,
                          struct runnables *ready)
{
    if (likely(result > 0)) {
        wf_pieces_add(&uring->buffers, &flow->pieces, flags >> IORING_CQE_BUFFER_SHIFT,
                      (uint32_t)result);
        if (unlikely(flow->pieces.bytes >= FLOW_HIGH) && is_armed(flow, FLOW_RECV) &&
            !flow->cancelled)
            flow->cancelled = flow_cancel(uring, flow, FLOW_RECV); /* F4 */
    } else if (result == -ENOBUFS) {
        wf_buffers_grow(&uring->buffers);
    } else if (result < 0) {
        flow_failed(flow, result);
    }
    wf_uring_core->report(flow->source, EPOLLIN, ready);
}

/* Nobody waits for it any more. */
static void flow_left_over(struct uring *uring, struct flow *flow, enum flow_op op,
                           const struct io_uring_cqe *cqe)
{
    if (op == FLOW_ACCEPT && cqe->res >= 0)
        close(cqe->res);
    if (cqe->flags & IORING_CQE_F_BUFFER)
        wf_buffers_return(&uring->buffers, cqe->flags >> IORING_CQE_BUFFER_SHIFT);
    if (!flow->armed)
        flow_free(uring, flow);
}

void wf_flow_complete(struct uring *uring, const struct io_uring_cqe *cqe, struct runnables *ready)
{
    uint64_t data = io_uring_cqe_get_data64(cqe);
    struct flow *flow = (struct flow *)(uintptr_t)(data & ~(uint64_t)OP_MASK);
    enum flow_op op = (enum flow_op)(data & OP_MASK);
    bool ended = !(cqe->flags & IORING_CQE_F_MORE);

    if (unlikely(ended))
        flow->armed &= (uint8_t) ~(1u << op);
    if (unlikely(!flow->source)) {
        flow_left_over(uring, flow, op, cqe);
        return;
    }
    if (unlikely(ended))
        flow->source->events &= op == FLOW_POLL_WRITE ? ~WRITE_EVENTS : ~READ_EVENTS; /* F1 */
    if (op == FLOW_RECV)
        flow_received(uring, flow, cqe->res, cqe->flags, ready);
    else if (op == FLOW_ACCEPT)
        flow_accepted(uring, flow, cqe->res, ready);
    else if (op == FLOW_POLL_READ)
        wf_uring_core->report(flow->source, EPOLLIN | (cqe->res > 0 ? (uint32_t)cqe->res : 0),
                              ready);
    else /* of the read side its own operation tells */
        wf_uring_core->report(flow->source, EPOLLOUT, ready);
}

void wf_flows_rouse(struct uring *uring)
{
    for (struct flow *flow = uring->flows, *next; flow; flow = next) {
        next = flow->next;
        flow->armed = 0;
        if (flow->source)
            wf_uring_core->rouse(flow->source);
        else
            flow_free(uring, flow);
    }
}
