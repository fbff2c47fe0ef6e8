/*
 * shutdown.c - the end of a connection: in peace, with the alerts of both sides, or at once.
 */
#include <errno.h>
#include <openssl/err.h>

#include "tls/connection.h"
#include "tls/error.h"

void wf_tls_end(struct tls *tls)
{
    tls->state = TLS_ENDED;
    tls->transport.closing = true;
    wf_tls_limit_stop(&tls->handshake);
    wf_tls_bytes_clear(&tls->in);
    wf_tls_bytes_clear(&tls->out);
    wf_tls_bytes_clear(&tls->backlog);
}

void wf_tls_abort(struct tls *tls, int code, weft_error *error)
{
    if (tls->transport.lost)
        return;
    wf_tls_end(tls);
    wf_tls_shaken(tls, code ? code : -ECONNABORTED, error);
    tls->lower->ops->force_close(tls->lower, code, error);
}

void wf_tls_broken(struct tls *tls, const char *what)
{
    weft_error *error;
    int code = wf_tls_error(tls->ssl, what, &error);

    if (wf_tls_flush(tls)) /* the alert that tells the peer why */
        wf_tls_abort(tls, code, error);
    weft_error_unref(error);
}

/* All is sent: our alert. */
static void send_alert(struct tls *tls)
{
    tls->state = TLS_CLOSING;
    if (tls->eof)
        return; /* nobody is there to read it */
    ERR_clear_error();
    int rc = SSL_shutdown(tls->ssl);
    if (rc < 0 && SSL_get_error(tls->ssl, rc) != SSL_ERROR_WANT_READ)
        wf_tls_broken(tls, "TLS");
    else
        (void)wf_tls_flush(tls);
}

static bool peer_has_ended(const struct tls *tls)
{
    return tls->eof || (SSL_get_shutdown(tls->ssl) & SSL_RECEIVED_SHUTDOWN);
}

static void go_on(struct tls *tls)
{
    if (!wf_tls_discard(tls))
        return;
    if (tls->state == TLS_FLUSHING) {
        wf_tls_pump(tls);
        if (tls->state != TLS_FLUSHING || bytes_held(&tls->backlog))
            return;
        send_alert(tls);
    }
    if (tls->state == TLS_CLOSING && peer_has_ended(tls)) {
        wf_tls_end(tls);
        wf_tls_step_soon(&tls->finish);
    }
}

void wf_tls_shutdown(struct tls *tls)
{
    go_on(tls);
    if (tls->state == TLS_FLUSHING || tls->state == TLS_CLOSING)
        wf_tls_listen(tls);
}

void wf_tls_shutdown_start(struct tls *tls)
{
    tls->state = TLS_FLUSHING;
    tls->transport.closing = true;
    /* Until the lower transport has closed, which may have to wait for the peer as well. */
    wf_tls_limit_start(&tls->shutdown);
    if (tls->lower_paused) {
        tls->lower_paused = false;
        weft_transport_resume_reading(tls->lower);
    }
    wf_tls_shutdown(tls);
}

void wf_tls_shutdown_late(struct tls *tls)
{
    weft_error *error = weft_error_new(
        WEFT_ETIMEDOUT, "the TLS shutdown took longer than %g seconds", tls->shutdown.seconds);
    wf_tls_abort(tls, WEFT_ETIMEDOUT, error);
    weft_error_unref(error);
}

void wf_tls_finish(struct tls *tls)
{
    if (tls->transport.lost)
        return;
    wf_tls_relax(tls);
    wf_tls_tell_eof(tls);
    weft_transport_close(tls->lower);
}
