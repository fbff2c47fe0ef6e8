/*
 * socket_write.c - the writing side of a socket transport (T3 in socket_state.h).
 */
#include <errno.h>
#include <limits.h>

#include "api/socket_state.h"
#include "runtime/base/sys.h"
#include "runtime/park.h"

#define SENDFILE_MOST ((size_t)4 * 1024 * 1024) /* in one call: then others have a turn */

void wf_socket_stop_writing(struct socket_transport *s)
{
    if (s->write_pending && wf_source_unwatch(&s->source, POLLER_WRITE, &s->write_wait))
        s->write_pending = false;
}

static void watch_write(struct socket_transport *s)
{
    if (s->write_pending)
        return;
    int rc = wf_source_watch(&s->source, &s->base.loop->poller, POLLER_WRITE, &s->write_wait);
    if (unlikely(rc))
        wf_transport_fatal(&s->base, rc, "writing to");
    else
        s->write_pending = true;
}

static void shut_write_side(struct socket_transport *s)
{
    int rc = sys_shutdown(s->source.fd, SHUT_WR);
    /* Not connected any more: the reading side will say why. */
    if (rc && rc != -ENOTCONN)
        wf_transport_fatal(&s->base, rc, "ending the stream of");
}

/* The buffer could be sent, or there is room (T3). */
void wf_socket_write_run(struct runnable *r, struct weft_loop *loop)
{
    struct socket_transport *s = container_of(r, struct socket_transport, write_ready);

    s->write_pending = false;
    if (unlikely(!loop) || unlikely(s->losing)) {
        wf_socket_settle(s);
        return;
    }
    size_t size = write_buffer_size(&s->buffer);
    if (size) {
        struct iovec piece = {write_buffer_data(&s->buffer), size};
        ssize_t n = wf_source_send(&s->source, &piece, 1);
        if (unlikely(n < 0) && n != -EAGAIN) {
            wf_transport_fatal(&s->base, (int)n, "writing to");
            return;
        }
        if (n > 0)
            write_buffer_consume(&s->buffer, (size_t)n);
    }
    transport_enter(&s->base);
    transport_shrank(&s->base, write_buffer_size(&s->buffer)); /* which may write more */
    transport_leave(&s->base);
    if (s->losing)
        return;
    if (write_buffer_size(&s->buffer)) {
        watch_write(s);
        return;
    }
    wf_transport_wake_sendfile(&s->base);
    if (s->base.closing)
        wf_socket_lose(s, 0, NULL);
    else if (s->base.eof)
        shut_write_side(s);
}

static size_t pieces_size(const struct iovec *pieces, int count)
{
    size_t bytes = 0;
    for (int i = 0; i < count; i++)
        bytes += pieces[i].iov_len;
    return bytes;
}

/* Keeps what the system has not taken: all but the first `sent` bytes. */
static __attribute__((noinline)) int write_later(struct socket_transport *s,
                                                 const struct iovec *pieces, int count, size_t sent)
{
    size_t bytes = pieces_size(pieces, count);

    if (!wf_write_buffer_reserve(&s->buffer, bytes - sent)) {
        if (sent)
            wf_transport_fatal(&s->base, -ENOMEM, "writing to");
        return -ENOMEM;
    }
    write_buffer_append(&s->buffer, pieces, count, sent);
    watch_write(s);
    if (likely(!s->losing))
        transport_grew(&s->base, write_buffer_size(&s->buffer));
    return 0;
}

int wf_socket_write(weft_transport *transport, const struct iovec *pieces, int count)
{
    struct socket_transport *s = socket_of(transport);
    ssize_t n = 0;

    if (likely(!write_buffer_size(&s->buffer))) {
        /* The pieces are only read. */
        n = wf_source_send(&s->source, (struct iovec *)(uintptr_t)pieces,
                           count < IOV_MAX ? count : IOV_MAX);
        if (likely(n >= 0) && likely((size_t)n == pieces_size(pieces, count)))
            return 0;
        if (n < 0) {
            if (n != -EAGAIN) {
                wf_transport_fatal(&s->base, (int)n, "writing to");
                return 0;
            }
            n = 0;
        }
    }
    return write_later(s, pieces, count, (size_t)n);
}

int wf_socket_write_eof(weft_transport *transport)
{
    struct socket_transport *s = socket_of(transport);

    if (!write_buffer_size(&s->buffer))
        shut_write_side(s);
    return 0;
}

/* In a task: after the buffer, straight from the file (TRAN-15). */
int wf_socket_sendfile(weft_transport *transport, int fd, off_t offset, size_t count, size_t *sent)
{
    struct socket_transport *s = socket_of(transport);
    int rc = 0;

    while (!rc && write_buffer_size(&s->buffer))
        rc = wf_transport_sendfile_wait(&s->base);
    while (!rc && count) {
        ssize_t n = wf_source_sendfile(&s->source, fd, &offset,
                                       count < SENDFILE_MOST ? count : SENDFILE_MOST);
        if (n == 0)
            return 0;
        if (n > 0) {
            *sent += (size_t)n;
            count -= (size_t)n;
            rc = weft_yield(); /* others have a turn */
        } else if (n == -EAGAIN) {
            watch_write(s);
            rc = wf_transport_sendfile_wait(&s->base);
        } else if (*sent == 0 && !wf_is_connection_error((int)n)) {
            return WEFT_ESENDFILE;
        } else {
            wf_transport_fatal(&s->base, (int)n, "sending a file to");
            return (int)n;
        }
        if (!rc && s->losing)
            rc = wf_transport_sendfile_wait(&s->base);
    }
    return rc;
}

size_t wf_socket_buffered(const weft_transport *transport)
{
    return write_buffer_size(&socket_of(transport)->buffer);
}
