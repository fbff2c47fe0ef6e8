/*
 * byte_transport.h - a transport of bytes on a descriptor: reading for a protocol, writing from a
 * buffer. Sockets and pipes are made of it.
 *
 * B1  At most READS_MAX calls read in a turn.
 * B2  Writing goes to the system at once while the buffer is empty; what it does not take is copied to
 *     the buffer, and the write side is watched until that is empty.
 */
#ifndef WEFT_API_BYTE_TRANSPORT_H
#define WEFT_API_BYTE_TRANSPORT_H

#include "api/fd_transport.h"
#include "api/write_buffer.h"

struct byte_transport;

/* What becomes of the unusual. */
struct byte_events {
    void (*ended)(struct byte_transport *b); /* the peer has ended the stream */
    void (*failed)(struct byte_transport *b, enum poller_side side, int code); /* a call did */
    void (*drained)(struct byte_transport *b); /* all that was buffered is sent */
};

struct byte_transport {
    struct fd_transport fd;
    const struct byte_events *events;
    struct write_buffer buffer;
};

static inline struct byte_transport *bytes_of(const weft_transport *transport)
{
    return (struct byte_transport *)(uintptr_t)transport;
}

/* ---- Members of fd_kind ---- */

void wf_bytes_read_ready(struct fd_transport *t);  /* B1 */
void wf_bytes_write_ready(struct fd_transport *t); /* B2 */
void wf_bytes_drop(struct fd_transport *t);

/* ---- Members of transport_ops ---- */

int wf_bytes_write(weft_transport *transport, const struct iovec *pieces, int count);
size_t wf_bytes_buffered(const weft_transport *transport);

#endif
