/*
 * pipe_transport.c - one end of a pipe, which calls a protocol or takes data for it.
 *
 *     new --step--> connection_made, reads or writes --close, error, end--> losing --step--> lost
 *
 * A1  Three runnables are embedded: `read_ready`, `write_ready` and `step`, which calls
 *     connection_made and connection_lost. A flag says of each whether it is queued, or watched for by
 *     the poller. The transport is not freed while one is.
 * A2  A reader reads READS_MAX times in a turn at most. One that is paused or closing does not read.
 * A3  A writer writes at once while its buffer is empty; the rest is copied, and the write side watched
 *     until it is gone. The read side tells it that the other end was closed.
 * A4  Once `losing`, nothing is read, written or buffered any more: only connection_lost is to come.
 * A5  A device that cannot be polled is always ready: its runnable is queued instead.
 */
#include "api/pipe_transport.h"

#include <errno.h>
#include <limits.h>

#include "api/write_buffer.h"
#include "runtime/io/source.h"
#include "runtime/sched/future_ops.h"
#include "runtime/sched/resident.h"

#define READS_MAX  4
#define READ_BYTES ((size_t)64 * 1024)

struct pipe_transport {
    struct weft_transport base;
    struct source source;
    struct source_wait read_wait, write_wait;
    struct runnable read_ready, write_ready;
    bool read_pending, write_pending; /* A1 */
    bool made;                        /* connection_made was called */
    bool losing;                      /* A4 */
    bool step_pending;                /* A1 */
    bool gone;                        /* the loop was closed; what is queued frees it */
    struct write_buffer buffer;
    struct runnable step;
    int lost_code;          /* for connection_lost */
    weft_error *lost_error; /* owned, may be NULL */
    weft_future *waiter;    /* of connection_made; owned, may be NULL */
    struct resident resident;
};

static inline struct pipe_transport *pipe_of(const weft_transport *transport)
{
    return (struct pipe_transport *)(uintptr_t)transport;
}

static void step_soon(struct pipe_transport *p)
{
    if (p->step_pending)
        return;
    p->step_pending = true;
    ready_push(p->base.loop, &p->step);
}

/* The loop's reference goes, unless something of the transport is in a queue (A1). */
static void settle(struct pipe_transport *p)
{
    if (p->base.lost && !p->read_pending && !p->write_pending && !p->step_pending)
        wf_transport_release(&p->base);
}

static void stop_reading(struct pipe_transport *p)
{
    if (p->read_pending && wf_source_unwatch(&p->source, POLLER_READ, &p->read_wait))
        p->read_pending = false;
}

static void stop_writing(struct pipe_transport *p)
{
    if (p->write_pending && wf_source_unwatch(&p->source, POLLER_WRITE, &p->write_wait))
        p->write_pending = false;
}

static void pipe_force_close(weft_transport *transport, int code, weft_error *error)
{
    struct pipe_transport *p = pipe_of(transport);

    if (p->losing || p->base.lost)
        return;
    p->losing = true;
    p->base.closing = true;
    stop_reading(p);
    stop_writing(p);
    write_buffer_clear(&p->buffer);
    p->lost_code = code;
    p->lost_error = weft_error_ref(error);
    step_soon(p);
}

/* PIPE-04: a terminal that was closed is no news. */
static void reading_failed(struct pipe_transport *p, int code)
{
    if (code == -EIO)
        pipe_force_close(&p->base, code, NULL);
    else
        wf_transport_fatal(&p->base, code, "reading from");
}

/* False: it cannot be. */
static bool watch(struct pipe_transport *p, enum poller_side side)
{
    bool read = side == POLLER_READ, *pending = read ? &p->read_pending : &p->write_pending;
    if (*pending)
        return true;
    int rc = wf_source_watch(&p->source, &p->base.loop->poller, side,
                             read ? &p->read_wait : &p->write_wait);
    if (rc == -EPERM) /* A5 */
        ready_push(p->base.loop, read ? &p->read_ready : &p->write_ready);
    else if (rc)
        wf_transport_fatal(&p->base, rc, read ? "reading from" : "writing to");
    *pending = !rc || rc == -EPERM;
    return *pending;
}

/* ---- A reader ---- */

static bool wants_to_read(const struct pipe_transport *p)
{
    return p->base.reading && !p->base.closing;
}

/* PIPE-02 */
static void read_end(struct pipe_transport *p)
{
    weft_protocol *protocol = p->base.protocol;

    p->base.closing = true;
    int code = protocol->ops->eof_received ? protocol->ops->eof_received(protocol) : 0;
    if (unlikely(code < 0))
        wf_transport_protocol_failed(&p->base, code, "eof_received");
    else
        pipe_force_close(&p->base, 0, NULL);
}

/* What a call gave: false if that was no data. */
static bool read_went_well(struct pipe_transport *p, ssize_t n)
{
    if (likely(n > 0))
        return true;
    if (n == 0)
        read_end(p);
    else if (n != -EAGAIN)
        reading_failed(p, (int)n);
    return false;
}

/* Into the protocol's own buffer. */
static bool read_into(struct pipe_transport *p)
{
    weft_protocol *protocol = p->base.protocol;
    void *buffer = NULL;
    size_t size = 0;

    int code = protocol->ops->get_buffer(protocol, -1, &buffer, &size);
    if (code >= 0 && (!buffer || !size))
        code = weft_fail(WEFT_ERUNTIME, "get_buffer() gave an empty buffer");
    if (unlikely(code < 0)) {
        wf_transport_protocol_failed(&p->base, code, "get_buffer");
        return false;
    }
    ssize_t n = wf_source_recv(&p->source, buffer, size);
    if (!read_went_well(p, n))
        return false;
    code = protocol->ops->buffer_updated ? protocol->ops->buffer_updated(protocol, (size_t)n) : 0;
    if (unlikely(code < 0))
        wf_transport_protocol_failed(&p->base, code, "buffer_updated");
    return likely(code >= 0);
}

/* Into a buffer of this frame. */
static __attribute__((noinline)) bool read_plain(struct pipe_transport *p)
{
    weft_protocol *protocol = p->base.protocol;
    char buffer[READ_BYTES];

    ssize_t n = wf_source_recv(&p->source, buffer, sizeof(buffer));
    if (!read_went_well(p, n))
        return false;
    int code = protocol->ops->data_received
                   ? protocol->ops->data_received(protocol, buffer, (size_t)n)
                   : 0;
    if (unlikely(code < 0))
        wf_transport_protocol_failed(&p->base, code, "data_received");
    return likely(code >= 0);
}

/* A2 */
static void read_run(struct runnable *r, struct weft_loop *loop)
{
    struct pipe_transport *p = container_of(r, struct pipe_transport, read_ready);

    p->read_pending = false;
    if (unlikely(!loop) || unlikely(p->losing)) {
        settle(p);
        return;
    }
    transport_enter(&p->base);
    for (int reads = 0; wants_to_read(p); reads++) {
        bool blocked = p->source.blocked[POLLER_READ] && !p->source.hung;
        if (reads > 0 && blocked) {
            (void)watch(p, POLLER_READ);
            break;
        }
        if (reads == READS_MAX) {
            if (!p->read_pending) { /* else the protocol has paused and resumed */
                p->read_pending = true;
                ready_push(loop, &p->read_ready);
            }
            break;
        }
        if (!(p->base.protocol->ops->get_buffer ? read_into(p) : read_plain(p))) {
            if (wants_to_read(p))
                (void)watch(p, POLLER_READ);
            break;
        }
    }
    transport_leave(&p->base);
}

static void pipe_pause_reading(weft_transport *transport)
{
    stop_reading(pipe_of(transport));
}

static void pipe_resume_reading(weft_transport *transport)
{
    struct pipe_transport *p = pipe_of(transport);

    if (wants_to_read(p))
        (void)watch(p, POLLER_READ);
}

static int read_end_write(weft_transport *transport, const struct iovec *pieces, int count)
{
    (void)transport, (void)pieces, (void)count;
    return weft_fail(WEFT_ERUNTIME, "this end of a pipe is for reading");
}

/* ---- A writer ---- */

/* The other end was closed (PIPE-05), unless a socket's peer has sent something: nobody wants that. */
static void hang_up_run(struct runnable *r, struct weft_loop *loop)
{
    struct pipe_transport *p = container_of(r, struct pipe_transport, read_ready);

    p->read_pending = false;
    if (unlikely(!loop) || unlikely(p->losing)) {
        settle(p);
    } else if (p->source.hung) {
        pipe_force_close(&p->base, write_buffer_size(&p->buffer) ? -EPIPE : 0, NULL);
    } else {
        p->source.blocked[POLLER_READ] = true;
        (void)watch(p, POLLER_READ);
    }
}

static void write_run(struct runnable *r, struct weft_loop *loop)
{
    struct pipe_transport *p = container_of(r, struct pipe_transport, write_ready);

    p->write_pending = false;
    if (unlikely(!loop) || unlikely(p->losing)) {
        settle(p);
        return;
    }
    struct iovec piece = {write_buffer_data(&p->buffer), write_buffer_size(&p->buffer)};
    ssize_t n = wf_source_send(&p->source, &piece, 1);
    if (n < 0 && n != -EAGAIN) {
        pipe_force_close(&p->base, (int)n, NULL); /* PIPE-07 */
        return;
    }
    if (n > 0)
        write_buffer_consume(&p->buffer, (size_t)n);
    transport_enter(&p->base);
    transport_shrank(&p->base, write_buffer_size(&p->buffer)); /* which may write more */
    transport_leave(&p->base);
    if (p->losing)
        return;
    if (write_buffer_size(&p->buffer))
        (void)watch(p, POLLER_WRITE);
    else if (p->base.closing)
        pipe_force_close(&p->base, 0, NULL);
}

static size_t pieces_size(const struct iovec *pieces, int count)
{
    size_t bytes = 0;
    for (int i = 0; i < count; i++)
        bytes += pieces[i].iov_len;
    return bytes;
}

/* A3 */
static int pipe_write(weft_transport *transport, const struct iovec *pieces, int count)
{
    struct pipe_transport *p = pipe_of(transport);
    size_t bytes = pieces_size(pieces, count);
    ssize_t n = 0;

    if (!write_buffer_size(&p->buffer)) {
        /* The pieces are only read. */
        n = wf_source_send(&p->source, (struct iovec *)(uintptr_t)pieces,
                           count < IOV_MAX ? count : IOV_MAX);
        if (n < 0 && n != -EAGAIN) {
            pipe_force_close(transport, (int)n, NULL);
            return 0;
        }
        if (n < 0)
            n = 0;
        if ((size_t)n == bytes)
            return 0;
    }
    if (!wf_write_buffer_reserve(&p->buffer, bytes - (size_t)n)) {
        if (n)
            wf_transport_fatal(transport, -ENOMEM, "writing to");
        return -ENOMEM;
    }
    write_buffer_append(&p->buffer, pieces, count, (size_t)n);
    if (watch(p, POLLER_WRITE))
        transport_grew(transport, write_buffer_size(&p->buffer));
    return 0;
}

/* ---- Both ---- */

static void pipe_close(weft_transport *transport)
{
    struct pipe_transport *p = pipe_of(transport);

    p->base.closing = true;
    if (!write_buffer_size(&p->buffer))
        pipe_force_close(transport, 0, NULL);
}

static int pipe_write_eof(weft_transport *transport)
{
    pipe_close(transport);
    return 0;
}

static size_t pipe_buffered(const weft_transport *transport)
{
    return write_buffer_size(&pipe_of(transport)->buffer);
}

static const void *pipe_extra_info(const weft_transport *transport, const char *name)
{
    return strcmp(name, "pipe") ? NULL : &pipe_of(transport)->source.fd;
}

static void pipe_free(weft_transport *transport)
{
    mem_free(transport, sizeof(struct pipe_transport));
}

static const struct transport_ops read_ops = {
    .write = read_end_write,
    .close = pipe_close,
    .force_close = pipe_force_close,
    .pause_reading = pipe_pause_reading,
    .resume_reading = pipe_resume_reading,
    .buffered = pipe_buffered,
    .extra_info = pipe_extra_info,
    .free = pipe_free,
    .what = "read pipe",
};

static void ignore_reading(weft_transport *transport)
{
    (void)transport;
}

static const struct transport_ops write_ops = {
    .write = pipe_write,
    .write_eof = pipe_write_eof,
    .close = pipe_close,
    .force_close = pipe_force_close,
    .pause_reading = ignore_reading,
    .resume_reading = ignore_reading,
    .buffered = pipe_buffered,
    .extra_info = pipe_extra_info,
    .free = pipe_free,
    .what = "write pipe",
};

static void step_made(struct pipe_transport *p)
{
    weft_future *waiter = p->waiter;

    p->made = true;
    wf_transport_made(&p->base);
    p->waiter = NULL;
    if (waiter) {
        (void)wf_future_succeed(waiter, NULL);
        weft_unref(waiter);
    }
    if (p->losing)
        step_soon(p);
    weft_transport_unref(&p->base); /* from here on it is for the program to keep it */
}

static void close_pipe(struct pipe_transport *p)
{
    wf_source_close(&p->source);
    write_buffer_clear(&p->buffer);
    weft_error_unref(p->lost_error);
    p->lost_error = NULL;
    weft_unref(p->waiter);
    p->waiter = NULL;
}

static void step_lost(struct pipe_transport *p)
{
    resident_remove(p->base.loop, &p->resident);
    wf_transport_lost(&p->base, p->lost_code, p->lost_error);
    close_pipe(p);
    settle(p);
}

static void step_run(struct runnable *r, struct weft_loop *loop)
{
    struct pipe_transport *p = container_of(r, struct pipe_transport, step);

    p->step_pending = false;
    if (unlikely(!loop)) {
        if (p->gone)
            settle(p);
    } else if (!p->made) {
        step_made(p);
    } else {
        step_lost(p);
    }
}

/* The loop is closed: nobody is called but who frees the protocol. */
static void pipe_gone(struct resident *resident, struct weft_loop *loop)
{
    struct pipe_transport *p = container_of(resident, struct pipe_transport, resident);

    (void)loop;
    p->gone = p->losing = true;
    p->base.closing = true; /* of a process's streams nobody complains that they are open */
    close_pipe(p);
    /* Neither is in a queue: those were dropped, and the poller has told nobody of the others. */
    p->read_pending = p->write_pending = false;
    if (!p->made)
        p->base.refs--; /* the one of step_made(): not the last, the loop has one */
    wf_transport_dropped(&p->base);
    settle(p);
}

static struct pipe_transport *pipe_make(struct weft_loop *loop, int fd, weft_protocol *protocol,
                                        const struct pipe_transport_options *options)
{
    struct pipe_transport *p = mem_zalloc(sizeof(*p));
    bool reads = options->side == POLLER_READ;

    if (!p)
        return NULL;
    wf_transport_init(&p->base, reads ? &read_ops : &write_ops, loop, protocol);
    wf_source_init(&p->source, fd, options->socket, false);
    p->read_wait.ready = &p->read_ready;
    p->write_wait.ready = &p->write_ready;
    p->read_ready.run = reads ? read_run : hang_up_run;
    p->write_ready.run = write_run;
    p->step.run = step_run;
    return p;
}

weft_transport *wf_pipe_transport_new(struct weft_loop *loop, int fd, weft_protocol *protocol,
                                      const struct pipe_transport_options *options)
{
    struct pipe_transport *p = pipe_make(loop, fd, protocol, options);
    int rc = 0;

    if (!p) {
        errno = ENOMEM;
        return NULL;
    }
    /* What is ready is told by the next poll, and by then connection_made was called. */
    if (options->side == POLLER_READ || options->hang_up)
        rc = wf_source_watch(&p->source, &loop->poller, POLLER_READ, &p->read_wait);
    if (rc && rc != -EPERM) {
        scope_fini(&p->base.scope);
        pipe_free(&p->base);
        errno = -rc;
        return NULL;
    }
    p->read_pending = options->side == POLLER_READ || options->hang_up;
    p->waiter = weft_ref(options->waiter);
    resident_add(loop, &p->resident, pipe_gone);
    if (options->made_at_once) {
        p->made = true;
        (void)protocol->ops->connection_made(protocol, &p->base);
    } else {
        transport_ref(&p->base); /* until step_made() is over */
        step_soon(p);
    }
    if (rc) /* A5; behind connection_made */
        ready_push(loop, &p->read_ready);
    return &p->base;
}
