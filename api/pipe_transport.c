/*
 * pipe_transport.c - one end of a pipe, which calls a protocol or takes data for it.
 *
 * A reader is all that reads; a writer's read side, where it is watched, tells that the other end was closed.
 */
#include "api/pipe_transport.h"

#include <errno.h>

#include "api/byte_transport.h"

static void pipe_free(weft_transport *transport)
{
    mem_free(transport, sizeof(struct byte_transport));
}

static const void *pipe_extra_info(const weft_transport *transport, const char *name)
{
    return strcmp(name, "pipe") ? NULL : &fd_of(transport)->source.fd;
}

/* Of a process's streams that go with their loop nobody complains that they are open. */
static void pipe_closed(struct fd_transport *t)
{
    t->base.closing = true;
}

/* ---- A reader ---- */

/* PIPE-02 */
static void reader_ended(struct byte_transport *b)
{
    weft_protocol *protocol = b->fd.base.protocol;

    b->fd.base.closing = true;
    int code = protocol->ops->eof_received ? protocol->ops->eof_received(protocol) : 0;
    if (unlikely(code < 0))
        wf_transport_protocol_failed(&b->fd.base, code, "eof_received");
    else
        wf_fd_lose(&b->fd, 0, NULL);
}

/* PIPE-04: a terminal that was closed is no news. */
static void reader_failed(struct byte_transport *b, enum poller_side side, int code)
{
    (void)side;
    if (code == -EIO)
        wf_fd_lose(&b->fd, code, NULL);
    else
        wf_transport_fatal(&b->fd.base, code, "reading from");
}

static const struct byte_events reader_events = {.ended = reader_ended, .failed = reader_failed};

static const struct fd_kind reader_kind = {
    .ready = {wf_bytes_read_ready},
    .reads = true,
    .drop = wf_bytes_drop,
    .closed = pipe_closed,
};

static int reader_write(weft_transport *transport, const struct iovec *pieces, int count)
{
    (void)transport, (void)pieces, (void)count;
    return weft_fail(WEFT_ERUNTIME, "this end of a pipe is for reading");
}

static const struct transport_ops reader_ops = {
    .write = reader_write,
    .close = wf_fd_close,
    .force_close = wf_fd_force_close,
    .pause_reading = wf_fd_pause_reading,
    .resume_reading = wf_fd_resume_reading,
    .buffered = wf_bytes_buffered,
    .extra_info = pipe_extra_info,
    .free = pipe_free,
    .what = "read pipe",
};

/* ---- A writer ---- */

/* The other end was closed (PIPE-05), unless a socket's peer has sent something: nobody wants that. */
static void hang_up_ready(struct fd_transport *t)
{
    if (t->source.hung) {
        wf_fd_lose(t, wf_bytes_buffered(&t->base) ? -EPIPE : 0, NULL);
    } else {
        t->source.blocked[POLLER_READ] = true;
        (void)wf_fd_watch(t, POLLER_READ);
    }
}

/* PIPE-07 */
static void writer_failed(struct byte_transport *b, enum poller_side side, int code)
{
    (void)side;
    wf_fd_lose(&b->fd, code, NULL);
}

static void writer_drained(struct byte_transport *b)
{
    if (b->fd.base.closing)
        wf_fd_lose(&b->fd, 0, NULL);
}

static const struct byte_events writer_events = {.failed = writer_failed,
                                                 .drained = writer_drained};

static const struct fd_kind writer_kind = {
    .ready = {hang_up_ready, wf_bytes_write_ready},
    .drop = wf_bytes_drop,
    .closed = pipe_closed,
};

static int writer_write_eof(weft_transport *transport)
{
    wf_fd_close(transport);
    return 0;
}

static void ignore_reading(weft_transport *transport)
{
    (void)transport;
}

static const struct transport_ops writer_ops = {
    .write = wf_bytes_write,
    .write_eof = writer_write_eof,
    .close = wf_fd_close,
    .force_close = wf_fd_force_close,
    .pause_reading = ignore_reading,
    .resume_reading = ignore_reading,
    .buffered = wf_bytes_buffered,
    .extra_info = pipe_extra_info,
    .free = pipe_free,
    .what = "write pipe",
};

/* ---- Both ---- */

weft_transport *wf_pipe_transport_new(struct weft_loop *loop, int fd, weft_protocol *protocol,
                                      const struct pipe_transport_options *options)
{
    struct byte_transport *b = mem_zalloc(sizeof(*b));
    bool reads = options->side == POLLER_READ;
    int rc = 0;

    if (!b) {
        errno = ENOMEM;
        return NULL;
    }
    struct fd_transport *t = &b->fd;
    wf_fd_init(t, reads ? &reader_ops : &writer_ops, reads ? &reader_kind : &writer_kind, loop,
               protocol);
    b->events = reads ? &reader_events : &writer_events;
    wf_source_init(&t->source, fd, options->socket, false);
    /* What is ready is told by the next poll, and by then connection_made was called. */
    bool watched = reads || options->hang_up;
    if (watched)
        rc = wf_source_watch(&t->source, &loop->poller, POLLER_READ, &t->wait[POLLER_READ]);
    if (rc && rc != -EPERM) {
        scope_fini(&t->base.scope);
        pipe_free(&t->base);
        errno = -rc;
        return NULL;
    }
    t->pending[POLLER_READ] = watched && !rc;
    if (options->made_at_once)
        wf_fd_begin_made(t);
    else
        wf_fd_begin(t, options->waiter);
    if (rc) /* T5; behind connection_made */
        wf_fd_again(t, POLLER_READ);
    return &t->base;
}
