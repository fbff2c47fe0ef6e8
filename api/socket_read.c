/*
 * socket_read.c - the reading side of a socket transport (T2 in socket_state.h).
 */
#include <errno.h>

#include "api/socket_state.h"

#define READS_MAX  4
#define READ_BYTES ((size_t)64 * 1024)

void wf_socket_stop_reading(struct socket_transport *s)
{
    if (s->read_pending && wf_source_unwatch(&s->source, POLLER_READ, &s->read_wait))
        s->read_pending = false;
}

void wf_socket_watch_read(struct socket_transport *s)
{
    if (s->read_pending)
        return;
    int rc = wf_source_watch(&s->source, &s->base.loop->poller, POLLER_READ, &s->read_wait);
    if (unlikely(rc))
        wf_transport_fatal(&s->base, rc, "reading from");
    else
        s->read_pending = true;
}

/* The peer has ended its side (TRAN-09). */
static void read_end(struct socket_transport *s)
{
    weft_protocol *protocol = s->base.protocol;
    int keep = 0;

    s->at_end = true;
    if (protocol->ops->eof_received)
        keep = protocol->ops->eof_received(protocol);
    if (unlikely(keep < 0))
        wf_transport_protocol_failed(&s->base, keep, "eof_received");
    else if (!keep)
        weft_transport_close(&s->base);
}

/* What a call gave: false if that was no data. */
static inline bool read_went_well(struct socket_transport *s, ssize_t n)
{
    if (likely(n > 0))
        return true;
    if (n == 0)
        read_end(s);
    else if (n != -EAGAIN)
        wf_transport_fatal(&s->base, (int)n, "reading from");
    return false;
}

/* Into the protocol's own buffer (TRAN-14). */
static inline bool read_into(struct socket_transport *s)
{
    weft_protocol *protocol = s->base.protocol;
    void *buffer = NULL;
    size_t size = 0;

    int code = protocol->ops->get_buffer(protocol, -1, &buffer, &size);
    if (likely(code >= 0) && unlikely(!buffer || !size))
        code = weft_fail(WEFT_ERUNTIME, "get_buffer() gave an empty buffer");
    if (unlikely(code < 0)) {
        wf_transport_protocol_failed(&s->base, code, "get_buffer");
        return false;
    }
    ssize_t n = wf_source_recv(&s->source, buffer, size);
    if (!read_went_well(s, n))
        return false;
    code = protocol->ops->buffer_updated ? protocol->ops->buffer_updated(protocol, (size_t)n) : 0;
    if (unlikely(code < 0))
        wf_transport_protocol_failed(&s->base, code, "buffer_updated");
    return likely(code >= 0);
}

/* Into a buffer of this frame, for a protocol that looks at data where they are. */
static __attribute__((noinline)) bool read_plain(struct socket_transport *s)
{
    weft_protocol *protocol = s->base.protocol;
    char buffer[READ_BYTES];

    ssize_t n = wf_source_recv(&s->source, buffer, sizeof(buffer));
    if (!read_went_well(s, n))
        return false;
    int code = protocol->ops->data_received
                   ? protocol->ops->data_received(protocol, buffer, (size_t)n)
                   : 0;
    if (unlikely(code < 0))
        wf_transport_protocol_failed(&s->base, code, "data_received");
    return likely(code >= 0);
}

/* T2 */
void wf_socket_read_run(struct runnable *r, struct weft_loop *loop)
{
    struct socket_transport *s = container_of(r, struct socket_transport, read_ready);

    s->read_pending = false;
    if (unlikely(!loop) || unlikely(s->losing)) {
        wf_socket_settle(s);
        return;
    }
    transport_enter(&s->base);
    for (int reads = 0; wants_to_read(s); reads++) {
        if (s->source.blocked[POLLER_READ] && reads > 0 && !s->source.hung) {
            wf_socket_watch_read(s);
            break;
        }
        if (reads == READS_MAX) {
            if (!s->read_pending) { /* else the protocol has paused and resumed */
                s->read_pending = true;
                ready_push(loop, &s->read_ready);
            }
            break;
        }
        bool went_well =
            likely(s->base.protocol->ops->get_buffer != NULL) ? read_into(s) : read_plain(s);
        if (unlikely(!went_well)) {
            if (wants_to_read(s))
                wf_socket_watch_read(s);
            break;
        }
    }
    transport_leave(&s->base);
}

void wf_socket_pause_reading(weft_transport *transport)
{
    wf_socket_stop_reading(socket_of(transport));
}

void wf_socket_resume_reading(weft_transport *transport)
{
    struct socket_transport *s = socket_of(transport);

    if (s->made && wants_to_read(s))
        wf_socket_watch_read(s);
}
