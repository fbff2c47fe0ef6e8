/*
 * byte_read.c - the reading side of a transport of bytes (B1 in byte_transport.h).
 */
#include <errno.h>

#include "api/byte_transport.h"
#include "runtime/base/likely.h"

#define READS_MAX  4
#define READ_BYTES ((size_t)64 * 1024)

/* What a call gave: false if that was no data. */
static inline bool read_went_well(struct byte_transport *b, ssize_t n)
{
    if (likely(n > 0))
        return true;
    if (n == 0) {
        b->fd.at_end = true;
        b->events->ended(b);
    } else if (n != -EAGAIN) {
        b->events->failed(b, POLLER_READ, (int)n);
    }
    return false;
}

/* Into the protocol's own buffer (TRAN-14). */
static inline bool read_into(struct byte_transport *b)
{
    weft_protocol *protocol = b->fd.base.protocol;
    void *buffer = NULL;
    size_t size = 0;

    int code = protocol->ops->get_buffer(protocol, -1, &buffer, &size);
    if (likely(code >= 0) && unlikely(!buffer || !size))
        code = weft_fail(WEFT_ERUNTIME, "get_buffer() gave an empty buffer");
    if (unlikely(code < 0)) {
        wf_transport_protocol_failed(&b->fd.base, code, "get_buffer");
        return false;
    }
    ssize_t n = wf_source_recv(&b->fd.source, buffer, size);
    if (!read_went_well(b, n))
        return false;
    code = protocol->ops->buffer_updated ? protocol->ops->buffer_updated(protocol, (size_t)n) : 0;
    if (unlikely(code < 0))
        wf_transport_protocol_failed(&b->fd.base, code, "buffer_updated");
    return likely(code >= 0);
}

/* Into a buffer of this frame, for a protocol that looks at data where they are. */
static __attribute__((noinline)) bool read_plain(struct byte_transport *b)
{
    weft_protocol *protocol = b->fd.base.protocol;
    char buffer[READ_BYTES];

    ssize_t n = wf_source_recv(&b->fd.source, buffer, sizeof(buffer));
    if (!read_went_well(b, n))
        return false;
    int code = protocol->ops->data_received
                   ? protocol->ops->data_received(protocol, buffer, (size_t)n)
                   : 0;
    if (unlikely(code < 0))
        wf_transport_protocol_failed(&b->fd.base, code, "data_received");
    return likely(code >= 0);
}

void wf_bytes_read_ready(struct fd_transport *t)
{
    struct byte_transport *b = container_of(t, struct byte_transport, fd);

    transport_enter(&t->base);
    for (int reads = 0; fd_wants_to_read(t); reads++) {
        if (t->source.blocked[POLLER_READ] && reads > 0 && !t->source.hung) {
            (void)wf_fd_watch(t, POLLER_READ);
            break;
        }
        if (reads == READS_MAX) {
            wf_fd_again(t, POLLER_READ);
            break;
        }
        bool went_well =
            likely(t->base.protocol->ops->get_buffer != NULL) ? read_into(b) : read_plain(b);
        if (unlikely(!went_well)) {
            if (fd_wants_to_read(t))
                (void)wf_fd_watch(t, POLLER_READ);
            break;
        }
    }
    transport_leave(&t->base);
}
