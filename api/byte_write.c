/*
 * byte_write.c - the writing side of a transport of bytes (B2 in byte_transport.h).
 */
#include <errno.h>
#include <limits.h>

#include "api/byte_transport.h"
#include "runtime/base/likely.h"

/* The buffer could be sent, or there is room. */
void wf_bytes_write_ready(struct fd_transport *t)
{
    struct byte_transport *b = container_of(t, struct byte_transport, fd);
    size_t size = write_buffer_size(&b->buffer);

    if (size) {
        struct iovec piece = {write_buffer_data(&b->buffer), size};
        ssize_t n = wf_source_send(&t->source, &piece, 1);
        if (unlikely(n < 0) && n != -EAGAIN) {
            b->events->failed(b, POLLER_WRITE, (int)n);
            return;
        }
        if (n > 0)
            write_buffer_consume(&b->buffer, (size_t)n);
    }
    transport_enter(&t->base);
    transport_shrank(&t->base, write_buffer_size(&b->buffer)); /* which may write more */
    transport_leave(&t->base);
    if (t->losing)
        return;
    if (write_buffer_size(&b->buffer))
        (void)wf_fd_watch(t, POLLER_WRITE);
    else
        b->events->drained(b);
}

static size_t pieces_size(const struct iovec *pieces, int count)
{
    size_t bytes = 0;
    for (int i = 0; i < count; i++)
        bytes += pieces[i].iov_len;
    return bytes;
}

/* Keeps what the system has not taken: all but the first `sent` bytes. */
static __attribute__((noinline)) int write_later(struct byte_transport *b,
                                                 const struct iovec *pieces, int count, size_t sent)
{
    size_t bytes = pieces_size(pieces, count);

    if (!wf_write_buffer_reserve(&b->buffer, bytes - sent)) {
        if (sent)
            wf_transport_fatal(&b->fd.base, -ENOMEM, "writing to");
        return -ENOMEM;
    }
    write_buffer_append(&b->buffer, pieces, count, sent);
    if (likely(wf_fd_watch(&b->fd, POLLER_WRITE)))
        transport_grew(&b->fd.base, write_buffer_size(&b->buffer));
    return 0;
}

int wf_bytes_write(weft_transport *transport, const struct iovec *pieces, int count)
{
    struct byte_transport *b = bytes_of(transport);
    ssize_t n = 0;

    if (likely(!write_buffer_size(&b->buffer))) {
        /* The pieces are only read. */
        n = wf_source_send(&b->fd.source, (struct iovec *)(uintptr_t)pieces,
                           count < IOV_MAX ? count : IOV_MAX);
        if (likely(n >= 0) && likely((size_t)n == pieces_size(pieces, count)))
            return 0;
        if (n < 0) {
            if (n != -EAGAIN) {
                b->events->failed(b, POLLER_WRITE, (int)n);
                return 0;
            }
            n = 0;
        }
    }
    return write_later(b, pieces, count, (size_t)n);
}

size_t wf_bytes_buffered(const weft_transport *transport)
{
    return write_buffer_size(&bytes_of(transport)->buffer);
}

void wf_bytes_drop(struct fd_transport *t)
{
    write_buffer_clear(&container_of(t, struct byte_transport, fd)->buffer);
}
