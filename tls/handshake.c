/*
 * handshake.c - from a connection of bytes to one of TLS, or to none.
 */
#include <errno.h>
#include <openssl/err.h>

#include "tls/connection.h"

void wf_tls_shaken(struct tls *tls, int code, weft_error *error)
{
    if (tls->shaken)
        return;
    tls->shaken = true;
    if (tls->wrap.shaken)
        tls->wrap.shaken(tls->wrap.arg, code, error);
}

static void handshake_done(struct tls *tls)
{
    wf_tls_limit_stop(&tls->handshake);
    tls->state = TLS_OPEN;
    wf_tls_learn(tls);
    if (!wf_tls_flush(tls))
        return;
    if (!tls->made) {
        tls->made = true;
        wf_transport_made(&tls->transport);
    }
    wf_tls_shaken(tls, 0, NULL); /* not if connection_made has failed: that has told already */
    if (tls->state == TLS_OPEN)
        wf_tls_read(tls); /* what came behind the handshake; and sends what was written already */
}

void wf_tls_handshake(struct tls *tls)
{
    ERR_clear_error();
    int rc = SSL_do_handshake(tls->ssl);
    if (rc == 1)
        handshake_done(tls);
    else if (SSL_get_error(tls->ssl, rc) == SSL_ERROR_WANT_READ)
        (void)wf_tls_flush(tls);
    else
        wf_tls_broken(tls, "TLS handshake");
}

void wf_tls_handshake_start(struct tls *tls)
{
    if (tls->state != TLS_SHAKING)
        return;
    wf_tls_limit_start(&tls->handshake);
    weft_transport_resume_reading(tls->lower);
    wf_tls_handshake(tls);
}

static void handshake_abort(struct tls *tls, weft_error *error, int code)
{
    wf_tls_abort(tls, code, error);
    weft_error_unref(error);
}

void wf_tls_handshake_late(struct tls *tls)
{
    handshake_abort(tls,
                    weft_error_new(-ECONNABORTED, "the TLS handshake took longer than %g seconds",
                                   tls->handshake.seconds),
                    -ECONNABORTED);
}

void wf_tls_handshake_lost(struct tls *tls)
{
    handshake_abort(tls,
                    weft_error_new(-ECONNRESET, "the connection was lost in the TLS handshake"),
                    -ECONNRESET);
}
