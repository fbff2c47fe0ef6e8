/*
 * below.c - what the lower transport calls: TLS as a protocol.
 */
#include <errno.h>

#include "tls/connection.h"

#define IN_KEEP  ((size_t)4096)      /* memory that an idle connection keeps */
#define IN_FIRST ((size_t)8 * 1024)  /* enough for a handshake's part */
#define IN_LARGE ((size_t)64 * 1024) /* where much comes: so much in one read */

static struct tls *tls_below(weft_protocol *below)
{
    return container_of(below, struct tls, below);
}

/* An empty queue gets memory of the size that the last reads were worth. */
static int below_get_buffer(weft_protocol *below, ssize_t hint, void **ret_buffer, size_t *ret_size)
{
    struct tls *tls = tls_below(below);
    size_t held = bytes_held(&tls->in);
    (void)hint;

    if (!tls->in_size)
        tls->in_size = IN_FIRST;
    if (!wf_tls_bytes_reserve(&tls->in, held < tls->in_size ? tls->in_size - held : TLS_RECORD))
        return weft_fail(-ENOMEM, "no memory to read");
    *ret_buffer = tls->in.data + tls->in.tail;
    *ret_size = bytes_room(&tls->in);
    return 0;
}

/* A read that filled the memory would have given more; one that left most of it empty needs less. */
static void adapt(struct tls *tls, size_t count)
{
    if (bytes_room(&tls->in) == 0 && tls->in_size < IN_LARGE)
        tls->in_size *= 2;
    else if (count < tls->in_size / 8 && tls->in_size > IN_FIRST)
        tls->in_size /= 2;
}

static int below_buffer_updated(weft_protocol *below, size_t count)
{
    struct tls *tls = tls_below(below);

    if (tls->state == TLS_ENDED)
        return 0;
    tls->in.tail += count;
    adapt(tls, count);
    switch (tls->state) {
    case TLS_SHAKING:
        if (!tls->start.queued)
            wf_tls_handshake(tls);
        break;
    case TLS_OPEN:
        wf_tls_read(tls);
        break;
    default:
        wf_tls_shutdown(tls);
    }
    bytes_trim(&tls->in, IN_KEEP);
    return 0;
}

/* The lower transport is closed by us, when we are done. */
static int below_eof_received(weft_protocol *below)
{
    struct tls *tls = tls_below(below);

    tls->eof = true;
    switch (tls->state) {
    case TLS_SHAKING:
        wf_tls_handshake_lost(tls); /* TLSS-05 */
        break;
    case TLS_OPEN:
        wf_tls_read(tls);
        break;
    case TLS_FLUSHING:
    case TLS_CLOSING:
        wf_tls_shutdown(tls);
        break;
    case TLS_ENDED:
        break;
    }
    return 1;
}

/* TLSS-05: whichever way the peer has gone, it is a reset. */
static void tell_waiter(struct tls *tls, int code, weft_error *error)
{
    bool gone = code == 0 || code == -EPIPE;
    weft_error *why =
        gone ? weft_error_new(-ECONNRESET, "the connection was lost in the TLS handshake")
             : weft_error_ref(error);
    wf_tls_shaken(tls, gone ? -ECONNRESET : code, why);
    weft_error_unref(why);
}

static void below_connection_lost(weft_protocol *below, int code, weft_error *error)
{
    struct tls *tls = tls_below(below);

    if (tls->state == TLS_SHAKING)
        tell_waiter(tls, code, error);
    wf_tls_end(tls);
    wf_tls_limit_stop(&tls->shutdown);
    tls->lost_code = code;
    tls->lost_error = weft_error_ref(error);
    wf_tls_step_soon(&tls->gone);
    tls_release(tls);
}

/* The loop is closed. Its queues and timers are empty by then. */
static void below_dropped(weft_protocol *below)
{
    struct tls *tls = tls_below(below);

    bool refused = tls->shaken && !tls->made; /* nobody's business any more */

    wf_tls_end(tls);
    wf_tls_shaken(tls, WEFT_ELOOPCLOSED, NULL);
    if (refused)
        tls->transport.lost = true;
    else
        wf_transport_dropped(&tls->transport);
    tls_release(tls);
}

static void below_pause_writing(weft_protocol *below)
{
    tls_below(below)->full = true;
}

static void below_resume_writing(weft_protocol *below)
{
    struct tls *tls = tls_below(below);

    tls->full = false;
    if (tls->state == TLS_OPEN)
        wf_tls_pump(tls);
    else if (tls->state == TLS_FLUSHING || tls->state == TLS_CLOSING)
        wf_tls_shutdown(tls);
    if (tls->state == TLS_OPEN)
        wf_tls_listen(tls);
    wf_tls_relax(tls);
}

const weft_protocol_ops wf_tls_below = {
    .get_buffer = below_get_buffer,
    .buffer_updated = below_buffer_updated,
    .eof_received = below_eof_received,
    .connection_lost = below_connection_lost,
    .dropped = below_dropped,
    .pause_writing = below_pause_writing,
    .resume_writing = below_resume_writing,
};
