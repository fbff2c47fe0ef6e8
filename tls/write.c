/*
 * write.c - from the protocol to the lower transport: encrypt, send; what has to wait waits as it is.
 */
#include <errno.h>
#include <openssl/err.h>

#include "tls/connection.h"

#define BATCH       (4 * TLS_RECORD) /* encrypted for one write to the lower transport */
#define RECORD_MORE ((size_t)256)    /* what a record adds to its data, at most */
#define KEEP        ((size_t)4096)   /* memory of empty queues that is kept for the next write */

bool wf_tls_flush(struct tls *tls)
{
    size_t held = bytes_held(&tls->out);

    if (held) {
        /* A lower transport that has lost its connection will say so, and takes nothing more. */
        int rc = weft_transport_is_closing(tls->lower)
                     ? 0
                     : weft_transport_write(tls->lower, bytes_first(&tls->out), held);
        bytes_take(&tls->out, bytes_held(&tls->out));
        if (unlikely(rc))
            wf_transport_fatal(&tls->transport, rc, "writing to");
    }
    return tls->state != TLS_ENDED;
}

static inline size_t sealed(size_t count)
{
    return count + (count / TLS_RECORD + 1) * RECORD_MORE;
}

/* Encrypts up to a batch into `out`. False: the connection has ended by that. */
static bool encrypt_batch(struct tls *tls, const unsigned char *data, size_t count,
                          size_t *ret_used)
{
    size_t used = 0;

    while (used < count && !tls->write_waits) {
        size_t part = count - used < TLS_RECORD ? count - used : TLS_RECORD, written = 0;
        ERR_clear_error();
        if (likely(SSL_write_ex(tls->ssl, data + used, part, &written))) {
            used += written;
        } else if (SSL_get_error(tls->ssl, 0) == SSL_ERROR_WANT_READ) {
            tls->write_waits = true;
        } else {
            wf_tls_broken(tls, "TLS");
            return false;
        }
    }
    *ret_used = used;
    return wf_tls_flush(tls);
}

/* As far as the lower transport takes it. False: the connection has ended by that. */
static bool send_data(struct tls *tls, const unsigned char *data, size_t count, size_t *ret_used)
{
    size_t used = 0;

    while (used < count && !tls->full && !tls->write_waits) {
        size_t batch = count - used < BATCH ? count - used : BATCH, part;
        if (!encrypt_batch(tls, data + used, batch, &part))
            return false;
        used += part;
    }
    *ret_used = used;
    return true;
}

void wf_tls_relax(struct tls *tls)
{
    wf_transport_enter(&tls->transport);
    transport_shrank(&tls->transport, wf_tls_buffered(&tls->transport));
    wf_transport_leave(&tls->transport);
}

void wf_tls_pump(struct tls *tls)
{
    size_t held = bytes_held(&tls->backlog), used;

    if (!held || !send_data(tls, bytes_first(&tls->backlog), held, &used))
        return;
    bytes_take(&tls->backlog, used);
    bytes_trim(&tls->backlog, KEEP);
    bytes_trim(&tls->out, KEEP);
}

/* Behind what waits already. */
static int write_later(struct tls *tls, const struct iovec *pieces, int count)
{
    size_t bytes = 0;
    for (int i = 0; i < count; i++)
        bytes += pieces[i].iov_len;
    if (!wf_tls_bytes_reserve(&tls->backlog, bytes))
        return weft_fail(-ENOMEM, "no memory to keep %zu bytes", bytes);
    for (int i = 0; i < count; i++)
        if (pieces[i].iov_len)
            bytes_put(&tls->backlog, pieces[i].iov_base, pieces[i].iov_len);
    return 0;
}

/* Encrypts where the data are. What may be left over has memory before anything is sent. */
static int write_now(struct tls *tls, const struct iovec *piece)
{
    const unsigned char *data = piece->iov_base;
    size_t count = piece->iov_len, used;
    bool large = count > BATCH;

    if (!wf_tls_bytes_reserve(&tls->out, sealed(large ? BATCH : count)) ||
        (large && !wf_tls_bytes_reserve(&tls->backlog, count)))
        return weft_fail(-ENOMEM, "no memory to write %zu bytes", count);
    if (!send_data(tls, data, count, &used))
        return 0; /* connection_lost will say why */
    struct iovec rest = {(void *)(uintptr_t)(data + used), count - used};
    if (unlikely(used < count) && unlikely(write_later(tls, &rest, 1)))
        wf_transport_fatal(&tls->transport, -ENOMEM, "writing to"); /* a part is sent already */
    bytes_trim(&tls->out, KEEP);
    bytes_trim(&tls->backlog, KEEP);
    return 0;
}

int wf_tls_write(weft_transport *transport, const struct iovec *pieces, int count)
{
    struct tls *tls = tls_of(transport);
    int rc;

    if (likely(tls->state == TLS_OPEN) && likely(count == 1) && likely(!tls->full) &&
        likely(!bytes_held(&tls->backlog))) {
        rc = write_now(tls, pieces);
    } else {
        rc = write_later(tls, pieces, count);
        if (!rc && tls->state == TLS_OPEN)
            wf_tls_pump(tls);
    }
    if (likely(tls->state != TLS_ENDED))
        transport_grew(transport, wf_tls_buffered(transport));
    return rc;
}

size_t wf_tls_buffered(const weft_transport *transport)
{
    const struct tls *tls = tls_of(transport);
    return bytes_held(&tls->backlog) + weft_transport_get_write_buffer_size(tls->lower);
}
