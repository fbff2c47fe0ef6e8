/*
 * fd_transport.c - the life of a transport on a descriptor (see fd_transport.h).
 */
#include "api/fd_transport.h"

#include "runtime/base/likely.h"
#include "runtime/sched/future_ops.h"

/* The loop's reference goes, unless something of the transport is in a queue (T1). */
static void settle(struct fd_transport *t)
{
    if (t->base.lost && !t->pending[POLLER_READ] && !t->pending[POLLER_WRITE] && !t->step_pending)
        wf_transport_release(&t->base);
}

static void step_soon(struct fd_transport *t)
{
    if (t->step_pending)
        return;
    t->step_pending = true;
    ready_push(t->base.loop, &t->step);
}

/* ---- The sides ---- */

static inline void side_run(struct fd_transport *t, enum poller_side side, struct weft_loop *loop)
{
    t->pending[side] = false;
    if (unlikely(!loop) || unlikely(t->losing))
        settle(t);
    else
        t->kind->ready[side](t);
}

static void read_run(struct runnable *r, struct weft_loop *loop)
{
    side_run(container_of(r, struct fd_transport, ready[POLLER_READ]), POLLER_READ, loop);
}

static void write_run(struct runnable *r, struct weft_loop *loop)
{
    side_run(container_of(r, struct fd_transport, ready[POLLER_WRITE]), POLLER_WRITE, loop);
}

bool wf_fd_watch(struct fd_transport *t, enum poller_side side)
{
    if (t->pending[side])
        return true;
    int rc = wf_source_watch(&t->source, &t->base.loop->poller, side, &t->wait[side]);
    if (unlikely(rc == -EPERM)) { /* T5; whatever the last call said */
        t->source.blocked[side] = false;
        wf_fd_again(t, side);
        return true;
    }
    if (unlikely(rc))
        wf_transport_fatal(&t->base, rc, side == POLLER_READ ? "reading from" : "writing to");
    else
        t->pending[side] = true;
    return likely(!rc);
}

void wf_fd_unwatch(struct fd_transport *t, enum poller_side side)
{
    if (t->pending[side] && wf_source_unwatch(&t->source, side, &t->wait[side]))
        t->pending[side] = false;
}

void wf_fd_again(struct fd_transport *t, enum poller_side side)
{
    if (t->pending[side]) /* the protocol has paused and resumed */
        return;
    t->pending[side] = true;
    ready_push(t->base.loop, &t->ready[side]);
}

void wf_fd_pause_reading(weft_transport *transport)
{
    wf_fd_unwatch(fd_of(transport), POLLER_READ);
}

void wf_fd_resume_reading(weft_transport *transport)
{
    struct fd_transport *t = fd_of(transport);

    if (t->made && fd_wants_to_read(t))
        (void)wf_fd_watch(t, POLLER_READ);
}

/* ---- The beginning ---- */

static void step_made(struct fd_transport *t)
{
    weft_future *waiter = t->waiter;

    t->made = true;
    wf_transport_made(&t->base);
    if (t->kind->reads && fd_wants_to_read(t))
        (void)wf_fd_watch(t, POLLER_READ);
    t->waiter = NULL;
    if (waiter) {
        (void)wf_future_succeed(waiter, NULL);
        weft_unref(waiter);
    }
    if (t->losing)
        step_soon(t);
    weft_transport_unref(&t->base); /* from here on it is for the program to keep it */
}

/* ---- The end ---- */

void wf_fd_lose(struct fd_transport *t, int code, weft_error *error)
{
    if (t->losing || t->base.lost)
        return;
    t->losing = true;
    t->base.closing = true;
    wf_fd_unwatch(t, POLLER_READ);
    wf_fd_unwatch(t, POLLER_WRITE);
    t->kind->drop(t);
    t->lost_code = code;
    t->lost_error = weft_error_ref(error);
    wf_transport_wake_sendfile(&t->base);
    step_soon(t);
}

void wf_fd_force_close(weft_transport *transport, int code, weft_error *error)
{
    wf_fd_lose(fd_of(transport), code, error);
}

void wf_fd_close(weft_transport *transport)
{
    struct fd_transport *t = fd_of(transport);

    t->base.closing = true;
    if (t->kind->reads)
        wf_fd_unwatch(t, POLLER_READ);
    if (!transport->ops->buffered(transport))
        wf_fd_lose(t, 0, NULL);
}

static void close_descriptor(struct fd_transport *t)
{
    wf_source_close(&t->source);
    t->kind->drop(t);
    weft_error_unref(t->lost_error);
    t->lost_error = NULL;
    weft_unref(t->waiter);
    t->waiter = NULL;
    if (t->kind->closed)
        t->kind->closed(t);
}

static void step_lost(struct fd_transport *t)
{
    resident_remove(t->base.loop, &t->resident);
    wf_transport_lost(&t->base, t->lost_code, t->lost_error);
    close_descriptor(t);
    settle(t);
}

static void step_run(struct runnable *r, struct weft_loop *loop)
{
    struct fd_transport *t = container_of(r, struct fd_transport, step);

    t->step_pending = false;
    if (unlikely(!loop)) {
        if (t->gone)
            settle(t);
    } else if (!t->made) {
        step_made(t);
    } else {
        step_lost(t);
    }
}

/* The loop is closed: nobody is called but who frees the protocol. */
static void fd_gone(struct resident *resident, struct weft_loop *loop)
{
    struct fd_transport *t = container_of(resident, struct fd_transport, resident);

    (void)loop;
    t->gone = t->losing = true;
    close_descriptor(t);
    /* Neither is in a queue: those were dropped, and the poller has told nobody of the others. */
    t->pending[POLLER_READ] = t->pending[POLLER_WRITE] = false;
    if (!t->made)
        t->base.refs--; /* the one of step_made(): not the last, the loop has one */
    wf_transport_dropped(&t->base);
    settle(t);
}

void wf_fd_init(struct fd_transport *t, const struct transport_ops *ops, const struct fd_kind *kind,
                struct weft_loop *loop, weft_protocol *protocol)
{
    wf_transport_init(&t->base, ops, loop, protocol);
    t->kind = kind;
    for (int side = 0; side < POLLER_SIDES; side++)
        t->wait[side].ready = &t->ready[side];
    t->ready[POLLER_READ].run = read_run;
    t->ready[POLLER_WRITE].run = write_run;
    t->step.run = step_run;
}

void wf_fd_begin(struct fd_transport *t, weft_future *waiter)
{
    t->waiter = weft_ref(waiter);
    resident_add(t->base.loop, &t->resident, fd_gone);
    transport_ref(&t->base); /* until step_made() is over */
    step_soon(t);
}

void wf_fd_begin_made(struct fd_transport *t)
{
    resident_add(t->base.loop, &t->resident, fd_gone);
    t->made = true;
    (void)t->base.protocol->ops->connection_made(t->base.protocol, &t->base);
}
