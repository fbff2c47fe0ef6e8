/*
 * read.c - from the lower transport to the protocol: decrypt, and deliver.
 */
#include <errno.h>
#include <openssl/err.h>

#include "tls/connection.h"

#define DISCARD ((size_t)1024) /* taken at a time; it may be on a task's stack (N5) */

/* What asking OpenSSL for data gave. */
enum taken { TAKEN_SOME, TAKEN_NONE, TAKEN_END, TAKEN_FAILURE };

static enum taken decrypt(struct tls *tls, void *buffer, size_t size, size_t *ret_count)
{
    ERR_clear_error();
    if (SSL_read_ex(tls->ssl, buffer, size, ret_count))
        return TAKEN_SOME;
    *ret_count = 0;
    switch (SSL_get_error(tls->ssl, 0)) {
    case SSL_ERROR_WANT_READ:
        return TAKEN_NONE;
    case SSL_ERROR_ZERO_RETURN:
        return TAKEN_END;
    default:
        return TAKEN_FAILURE;
    }
}

static inline void failed_in(struct tls *tls, int code, const char *function)
{
    if (unlikely(code < 0))
        wf_transport_protocol_failed(&tls->transport, code, function);
}

static __attribute__((noinline)) enum taken read_plain(struct tls *tls)
{
    weft_protocol *protocol = tls->transport.protocol;
    unsigned char buffer[TLS_RECORD];
    size_t count;

    enum taken taken = decrypt(tls, buffer, sizeof(buffer), &count);
    if (taken == TAKEN_SOME && protocol->ops->data_received) {
        wf_transport_enter(&tls->transport);
        int code = protocol->ops->data_received(protocol, buffer, count);
        wf_transport_leave(&tls->transport);
        failed_in(tls, code, "data_received");
    }
    return taken;
}

/* The protocol's buffer, for what it is worth; false: it has failed. */
static bool get_buffer(struct tls *tls, void **ret_buffer, size_t *ret_size)
{
    weft_protocol *protocol = tls->transport.protocol;

    *ret_buffer = NULL;
    *ret_size = 0;
    wf_transport_enter(&tls->transport);
    int code = protocol->ops->get_buffer(protocol, -1, ret_buffer, ret_size);
    wf_transport_leave(&tls->transport);
    if (likely(code >= 0) && unlikely(!*ret_buffer || !*ret_size))
        code = weft_fail(WEFT_ERUNTIME, "get_buffer() gave an empty buffer"); /* TRAN-14 */
    failed_in(tls, code, "get_buffer");
    return code >= 0;
}

/* Straight into the protocol's own buffer, several records if they fit. */
static enum taken read_into(struct tls *tls)
{
    weft_protocol *protocol = tls->transport.protocol;
    enum taken taken;
    void *buffer;
    size_t size, total = 0, count;

    if (!bytes_held(&tls->in) && !SSL_has_pending(tls->ssl))
        return TAKEN_NONE;
    if (!get_buffer(tls, &buffer, &size))
        return TAKEN_NONE;
    do {
        taken = decrypt(tls, (char *)buffer + total, size - total, &count);
        total += count;
    } while (taken == TAKEN_SOME && total < size);
    if (total && protocol->ops->buffer_updated) {
        wf_transport_enter(&tls->transport);
        int code = protocol->ops->buffer_updated(protocol, total);
        wf_transport_leave(&tls->transport);
        failed_in(tls, code, "buffer_updated");
    }
    return taken;
}

void wf_tls_tell_eof(struct tls *tls)
{
    weft_protocol *protocol = tls->transport.protocol;

    if (!tls->made || tls->eof_told)
        return;
    tls->eof_told = true;
    if (!protocol->ops->eof_received)
        return;
    wf_transport_enter(&tls->transport);
    int code = protocol->ops->eof_received(protocol); /* TLSS-08: 1 changes nothing */
    wf_transport_leave(&tls->transport);
    failed_in(tls, code, "eof_received");
}

/* Neither side of TLS goes on when the other has ended (TLSS-08). */
static void read_end(struct tls *tls)
{
    wf_tls_tell_eof(tls);
    if (tls->state == TLS_OPEN)
        wf_tls_shutdown_start(tls);
}

void wf_tls_read(struct tls *tls)
{
    enum taken taken = TAKEN_SOME;

    while (taken == TAKEN_SOME && tls->state == TLS_OPEN && tls->transport.reading)
        taken = tls->transport.protocol->ops->get_buffer ? read_into(tls) : read_plain(tls);
    if (tls->state != TLS_OPEN)
        return;
    if (taken == TAKEN_FAILURE) {
        wf_tls_broken(tls, "TLS");
        return;
    }
    tls->write_waits = false;
    if (!wf_tls_flush(tls))
        return;
    wf_tls_pump(tls);
    wf_tls_relax(tls);
    if (tls->state != TLS_OPEN)
        return;
    if (taken == TAKEN_END || (taken == TAKEN_NONE && tls->eof && tls->transport.reading))
        read_end(tls);
    else
        wf_tls_listen(tls);
}

bool wf_tls_discard(struct tls *tls)
{
    unsigned char buffer[DISCARD];
    enum taken taken;
    size_t count;

    do
        taken = decrypt(tls, buffer, sizeof(buffer), &count);
    while (taken == TAKEN_SOME);
    if (taken == TAKEN_FAILURE) {
        wf_tls_broken(tls, "TLS");
        return false;
    }
    tls->write_waits = false;
    return wf_tls_flush(tls);
}

/* What OpenSSL says by itself is more than a peer may leave unread (N2). */
static bool is_deaf(const struct tls *tls)
{
    return unlikely(tls->full) &&
           weft_transport_get_write_buffer_size(tls->lower) >= TLS_UNREAD_HIGH;
}

void wf_tls_listen(struct tls *tls)
{
    size_t held = bytes_held(&tls->in);
    bool deaf = is_deaf(tls);

    if ((held >= TLS_IN_HIGH || deaf) && !tls->lower_paused) {
        tls->lower_paused = true;
        weft_transport_pause_reading(tls->lower);
    } else if (held <= TLS_IN_LOW && !deaf && tls->lower_paused) {
        tls->lower_paused = false;
        weft_transport_resume_reading(tls->lower);
    }
}
