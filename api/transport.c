/*
 * transport.c - the common part of all transports: references, marks, and what is refused.
 */
#include "api/transport.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>

#include "runtime/sched/current_scope.h"
#include "runtime/sched/report.h"
#include "runtime/task/error_slot.h"

/* So many writes after close are let pass in silence (WRIT-16). */
#define WRITES_AFTER_CLOSE 4

void wf_transport_init(weft_transport *transport, const struct transport_ops *ops,
                       struct weft_loop *loop, weft_protocol *protocol)
{
    *transport = (weft_transport){.ops = ops,
                                  .loop = loop,
                                  .protocol = protocol,
                                  .refs = 2,
                                  .reading = true,
                                  .high = TRANSPORT_HIGH,
                                  .low = TRANSPORT_LOW};
    scope_init(&transport->scope, NULL, scope_current());
}

void wf_transport_release(weft_transport *transport)
{
    if (--transport->refs)
        return;
    scope_fini(&transport->scope);
    transport->ops->free(transport);
}

weft_transport *weft_transport_ref(weft_transport *transport)
{
    if (transport)
        transport_ref(transport);
    return transport;
}

void weft_transport_unref(weft_transport *transport)
{
    if (!transport)
        return;
    if (transport->refs == 2 && !transport->closing && !transport->lost) {
        char message[64];
        snprintf(message, sizeof(message), "a %s transport was given up without being closed",
                 transport->ops->what);
        wf_report(transport->loop, message, 0, NULL, NULL, NULL);
        weft_transport_close(transport);
    }
    wf_transport_release(transport);
}

bool wf_is_connection_error(int code)
{
    switch (-code) {
    case EPIPE:
    case ECONNRESET:
    case ECONNABORTED:
    case ECONNREFUSED:
    case ESHUTDOWN:
    case ENOTCONN:
    case ETIMEDOUT:
    case EHOSTDOWN:
    case EHOSTUNREACH:
    case ENETDOWN:
    case ENETRESET:
    case ENETUNREACH:
        return true;
    default:
        return false;
    }
}

void wf_transport_fatal(weft_transport *transport, int code, const char *doing)
{
    char message[96];

    if (!wf_is_connection_error(code)) {
        snprintf(message, sizeof(message), "fatal error %s a %s transport", doing,
                 transport->ops->what);
        wf_report(transport->loop, message, code, NULL, NULL, NULL);
    }
    transport->ops->force_close(transport, code, NULL);
}

void wf_transport_protocol_failed(weft_transport *transport, int code, const char *function)
{
    weft_error *error = wf_error_slot_take(wf_error_slot(), code);
    char message[96];

    snprintf(message, sizeof(message), "a protocol of a %s transport failed in %s()",
             transport->ops->what, function);
    wf_report(transport->loop, message, code, error, NULL, NULL);
    transport->ops->force_close(transport, code, error);
    weft_error_unref(error);
}

void wf_transport_enter(weft_transport *transport)
{
    transport_enter(transport);
}

void wf_transport_leave(weft_transport *transport)
{
    transport_leave(transport);
}

void wf_transport_made(weft_transport *transport)
{
    weft_protocol *protocol = transport->protocol;

    if (!protocol->ops->connection_made)
        return;
    transport_enter(transport);
    int code = protocol->ops->connection_made(protocol, transport);
    transport_leave(transport);
    if (unlikely(code < 0))
        wf_transport_protocol_failed(transport, code, "connection_made");
}

void wf_transport_lost(weft_transport *transport, int code, weft_error *error)
{
    weft_protocol *protocol = transport->protocol;

    transport->closing = transport->lost = true;
    wf_transport_wake_sendfile(transport);
    if (!protocol->ops->connection_lost)
        return;
    transport_enter(transport);
    protocol->ops->connection_lost(protocol, code, error);
    transport_leave(transport);
}

void wf_transport_dropped(weft_transport *transport)
{
    weft_protocol *protocol = transport->protocol;

    transport->lost = true;
    if (protocol->ops->dropped)
        protocol->ops->dropped(protocol);
}

void wf_transport_pause_writing(weft_transport *transport)
{
    weft_protocol *protocol = transport->protocol;

    transport->paused = true;
    if (protocol->ops->pause_writing)
        protocol->ops->pause_writing(protocol);
}

void wf_transport_resume_writing(weft_transport *transport)
{
    weft_protocol *protocol = transport->protocol;

    transport->paused = false;
    wf_transport_wake_sendfile(transport);
    if (protocol->ops->resume_writing)
        protocol->ops->resume_writing(protocol);
}

void wf_transport_warn_of_writes(weft_transport *transport, const char *function)
{
    char message[64];

    if (transport->writes_after_close < WRITES_AFTER_CLOSE) {
        transport->writes_after_close++;
        return;
    }
    snprintf(message, sizeof(message), "%s() was called on a closed transport", function);
    wf_report(transport->loop, message, 0, NULL, NULL, NULL);
}

static int refuse_write(const weft_transport *transport)
{
    return weft_fail(WEFT_ERUNTIME, transport->eof ? "cannot write after write_eof()"
                                                   : "cannot write while a file is being sent");
}

/* What all writes have in common; pieces of no length have been looked at. */
static inline int write_pieces(weft_transport *transport, const struct iovec *pieces, int count,
                               bool empty)
{
    if (unlikely(transport->eof) || unlikely(transport->sending_file))
        return refuse_write(transport);
    if (unlikely(empty))
        return 0;
    if (unlikely(transport->closing) || unlikely(transport->lost)) {
        wf_transport_warn_of_writes(transport, "write");
        return 0;
    }
    return transport->ops->write(transport, pieces, count);
}

int weft_transport_write(weft_transport *transport, const void *data, size_t bytes)
{
    if (unlikely(!transport) || unlikely(!data && bytes))
        return weft_fail(-EINVAL, "there are no data to write");
    struct iovec piece = {(void *)(uintptr_t)data, bytes};
    return write_pieces(transport, &piece, 1, bytes == 0);
}

int weft_transport_writelines(weft_transport *transport, const struct iovec *pieces, int count)
{
    size_t bytes = 0;

    if (!transport || count < 0 || (!pieces && count))
        return weft_fail(-EINVAL, "there are no pieces to write");
    for (int i = 0; i < count; i++) {
        if (!pieces[i].iov_base && pieces[i].iov_len)
            return weft_fail(-EINVAL, "piece %d has no data", i);
        if (__builtin_add_overflow(bytes, pieces[i].iov_len, &bytes))
            return weft_fail(-EINVAL, "the pieces are too long");
    }
    return write_pieces(transport, pieces, count, bytes == 0);
}

int weft_transport_write_eof(weft_transport *transport)
{
    if (!transport)
        return -EINVAL;
    if (!transport->ops->write_eof)
        return weft_fail(WEFT_ERUNTIME, "a %s transport has no half-close", transport->ops->what);
    if (transport->closing || transport->lost || transport->eof)
        return 0;
    if (transport->sending_file)
        return weft_fail(WEFT_ERUNTIME, "cannot end the stream while a file is being sent");
    transport->eof = true;
    return transport->ops->write_eof(transport);
}

bool weft_transport_can_write_eof(const weft_transport *transport)
{
    return transport && transport->ops->write_eof;
}

void weft_transport_close(weft_transport *transport)
{
    if (transport && !transport->closing && !transport->lost)
        transport->ops->close(transport);
}

void weft_transport_abort(weft_transport *transport)
{
    if (transport && !transport->lost)
        transport->ops->force_close(transport, 0, NULL);
}

bool weft_transport_is_closing(const weft_transport *transport)
{
    return !transport || transport->closing;
}

void weft_transport_pause_reading(weft_transport *transport)
{
    if (!transport || transport->closing || transport->lost || !transport->reading)
        return;
    transport->reading = false;
    transport->ops->pause_reading(transport);
}

void weft_transport_resume_reading(weft_transport *transport)
{
    if (!transport || transport->closing || transport->lost || transport->reading)
        return;
    transport->reading = true;
    transport->ops->resume_reading(transport);
}

bool weft_transport_is_reading(const weft_transport *transport)
{
    return transport && transport->reading && !transport->closing;
}

int weft_transport_set_write_buffer_limits(weft_transport *transport, ssize_t high, ssize_t low)
{
    if (!transport)
        return -EINVAL;
    if (high == WEFT_DEFAULT_MARK && low == WEFT_DEFAULT_MARK)
        high = transport->ops->high ? (ssize_t)transport->ops->high : TRANSPORT_HIGH;
    if (high == WEFT_DEFAULT_MARK)
        high = low > SSIZE_MAX / 4 ? SSIZE_MAX : 4 * low;
    if (low == WEFT_DEFAULT_MARK)
        low = high / 4;
    if (low < 0 || high < low)
        return weft_fail(-EINVAL, "the marks must be high (%zd) >= low (%zd) >= 0", high, low);
    transport->high = (size_t)high;
    transport->low = (size_t)low;
    if (transport->ops->limits_changed) {
        transport->ops->limits_changed(transport);
    } else if (!transport->lost) {
        size_t buffered = transport->ops->buffered(transport);
        transport_shrank(transport, buffered);
        transport_grew(transport, buffered);
    }
    return 0;
}

int weft_transport_get_write_buffer_limits(const weft_transport *transport, size_t *ret_low,
                                           size_t *ret_high)
{
    if (!transport)
        return -EINVAL;
    if (ret_low)
        *ret_low = transport->low;
    if (ret_high)
        *ret_high = transport->high;
    return 0;
}

size_t weft_transport_get_write_buffer_size(const weft_transport *transport)
{
    return transport ? transport->ops->buffered(transport) : 0;
}

int weft_transport_set_protocol(weft_transport *transport, weft_protocol *protocol)
{
    if (!transport || !protocol || !protocol->ops)
        return -EINVAL;
    transport->protocol = protocol;
    return 0;
}

weft_protocol *weft_transport_get_protocol(const weft_transport *transport)
{
    return transport ? transport->protocol : NULL;
}

weft_loop *weft_transport_get_loop(const weft_transport *transport)
{
    return transport ? transport->loop : NULL;
}

const void *weft_transport_get_extra_info(const weft_transport *transport, const char *name,
                                          const void *fallback)
{
    const void *value = transport && name ? transport->ops->extra_info(transport, name) : NULL;
    return value ? value : fallback;
}
