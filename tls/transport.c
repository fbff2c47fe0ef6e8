/*
 * transport.c - TLS as a transport: what the application calls, and how a connection is made.
 */
#include "tls/connection.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "tls/error.h"

static void tls_close(weft_transport *transport)
{
    struct tls *tls = tls_of(transport);

    if (tls->state == TLS_OPEN)
        wf_tls_shutdown_start(tls);
    else
        wf_tls_abort(tls, 0, NULL); /* there is nothing yet that could be closed in peace */
}

static void tls_force_close(weft_transport *transport, int code, weft_error *error)
{
    wf_tls_abort(tls_of(transport), code, error);
}

/* Nothing is decrypted from now on; what is received is kept as it comes (N3). */
static void tls_pause_reading(weft_transport *transport)
{
    (void)transport;
}

static void tls_resume_reading(weft_transport *transport)
{
    struct tls *tls = tls_of(transport);

    if (tls->state == TLS_OPEN)
        wf_tls_step_soon(&tls->again);
}

/* The next turn after resume_reading: OpenSSL is not called on a task's stack for that (N5). */
static void read_again(struct tls *tls)
{
    if (tls->state != TLS_OPEN)
        return;
    wf_tls_read(tls);
    bytes_trim(&tls->in, 0);
}

/* The turn after the lower transport's connection_lost. */
static void tell_lost(struct tls *tls)
{
    if (tls->made)
        wf_transport_lost(&tls->transport, tls->lost_code, tls->lost_error);
    else
        tls->transport.lost = true;
}

static void tls_free(weft_transport *transport)
{
    struct tls *tls = tls_of(transport);

    wf_tls_bytes_clear(&tls->in);
    wf_tls_bytes_clear(&tls->out);
    wf_tls_bytes_clear(&tls->backlog);
    X509_free(tls->peer);
    SSL_free(tls->ssl);
    weft_ssl_context_unref(tls->context);
    weft_error_unref(tls->lost_error);
    weft_transport_unref(tls->lower);
    wf_layer_free(tls, sizeof(*tls));
}

static const struct transport_ops tls_ops = {
    .write = wf_tls_write,
    .close = tls_close,
    .force_close = tls_force_close,
    .pause_reading = tls_pause_reading,
    .resume_reading = tls_resume_reading,
    .buffered = wf_tls_buffered,
    .extra_info = wf_tls_extra_info,
    .free = tls_free,
    .high = TLS_WRITE_HIGH,
    .what = "TLS",
};

/* A numeric address without its zone, which no certificate has; false: it is a name. */
static bool is_address(const char *name, char ret_address[INET6_ADDRSTRLEN])
{
    unsigned char address[sizeof(struct in6_addr)];
    size_t bytes = strcspn(name, "%");

    if (bytes >= INET6_ADDRSTRLEN)
        return false;
    memcpy(ret_address, name, bytes);
    ret_address[bytes] = '\0';
    return inet_pton(AF_INET6, ret_address, address) == 1 ||
           (!name[bytes] && inet_pton(AF_INET, name, address) == 1);
}

/* The name is asked for, and the certificate must be for it. False: OpenSSL refuses. */
static bool expect_name(SSL *ssl, const char *name, bool check)
{
    char address[INET6_ADDRSTRLEN];

    if (!name || !*name)
        return true;
    if (is_address(name, address))
        return !check || X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), address);
    return SSL_set_tlsext_host_name(ssl, name) && (!check || SSL_set1_host(ssl, name));
}

static int ssl_make(struct tls *tls, const struct tls_context *context, const struct ssl_wrap *wrap)
{
    SSL *ssl = SSL_new(context->native);
    BIO *bio = ssl ? wf_tls_bio_new(tls) : NULL;

    if (!bio) {
        SSL_free(ssl);
        return weft_fail(-ENOMEM, "no memory for a TLS connection");
    }
    SSL_set_bio(ssl, bio, bio);
    if (wrap->server_side) {
        SSL_set_accept_state(ssl);
    } else {
        SSL_set_connect_state(ssl);
        bool check = context->check_hostname && SSL_get_verify_mode(ssl) != SSL_VERIFY_NONE;
        if (!expect_name(ssl, wrap->server_hostname, check)) {
            SSL_free(ssl);
            return wf_tls_raise("the host name");
        }
    }
    tls->ssl = ssl;
    return 0;
}

/* What came in before counts as the first of what comes. */
static int take_received(struct tls *tls, const struct ssl_wrap *wrap)
{
    size_t bytes = 0;
    for (int i = 0; i < wrap->received_count; i++)
        bytes += wrap->received[i].iov_len;
    if (bytes && !wf_tls_bytes_reserve(&tls->in, bytes))
        return weft_fail(-ENOMEM, "no memory for what was received");
    for (int i = 0; i < wrap->received_count; i++)
        if (wrap->received[i].iov_len)
            bytes_put(&tls->in, wrap->received[i].iov_base, wrap->received[i].iov_len);
    return 0;
}

static int wrap_check(const struct tls_context *context, const struct ssl_wrap *wrap)
{
    if (!(wrap->handshake_timeout > 0))
        return weft_fail(-EINVAL, "the TLS handshake's time-out is not more than 0");
    if (!(wrap->shutdown_timeout > 0))
        return weft_fail(-EINVAL, "the TLS shutdown's time-out is not more than 0");
    if (wrap->server_side == context->client)
        return weft_fail(-EINVAL, context->client ? "the TLS context is made for clients"
                                                  : "the TLS context is made for servers");
    if (!wrap->server_side && !wrap->server_hostname && context->check_hostname &&
        SSL_CTX_get_verify_mode(context->native) != SSL_VERIFY_NONE)
        return weft_fail(-EINVAL, "a server's host name is needed to verify it");
    return 0;
}

static void tls_init(struct tls *tls, weft_transport *lower, weft_protocol *protocol,
                     const struct ssl_wrap *wrap)
{
    wf_transport_init(&tls->transport, &tls_ops, lower->loop, protocol);
    tls->transport.high = TLS_WRITE_HIGH; /* TLSS-13 */
    tls->transport.low = TLS_WRITE_LOW;
    tls->below.ops = &wf_tls_below;
    tls->wrap = *wrap;
    tls->wrap.server_hostname = NULL; /* the caller's */
    tls->wrap.received = NULL;
    tls->state = TLS_SHAKING;
    tls->made = !wrap->connection_made;
    wf_tls_step_init(tls, &tls->start, wf_tls_handshake_start);
    wf_tls_step_init(tls, &tls->again, read_again);
    wf_tls_step_init(tls, &tls->finish, wf_tls_finish);
    wf_tls_step_init(tls, &tls->gone, tell_lost);
    wf_tls_limit_init(tls, &tls->handshake, wrap->handshake_timeout, wf_tls_handshake_late);
    wf_tls_limit_init(tls, &tls->shutdown, wrap->shutdown_timeout, wf_tls_shutdown_late);
}

/* Takes the place of the lower transport's protocol. */
static void tls_attach(struct tls *tls, weft_transport *lower)
{
    tls->lower = weft_transport_ref(lower);
    tls->pending = 1;
    tls->full = lower->paused;
    tls->transport.paused = tls->made && lower->paused; /* the protocol has been told so */
    (void)weft_transport_set_protocol(lower, &tls->below);
    (void)weft_transport_set_write_buffer_limits(lower, 0, 0); /* N2 */
    wf_tls_step_soon(&tls->start);
}

static weft_transport *tls_wrap(weft_ssl_context *base, weft_transport *lower,
                                weft_protocol *protocol, const struct ssl_wrap *wrap)
{
    struct tls_context *context = tls_context_of(base);
    int rc = wrap_check(context, wrap);
    struct tls *tls = rc ? NULL : tls_zalloc(sizeof(*tls));

    if (!rc && !tls)
        rc = weft_fail(-ENOMEM, "no memory for a TLS connection");
    ERR_clear_error();
    if (!rc)
        rc = take_received(tls, wrap);
    if (!rc)
        rc = ssl_make(tls, context, wrap);
    if (rc) {
        if (tls)
            wf_tls_bytes_clear(&tls->in);
        wf_layer_free(tls, sizeof(*tls));
        errno = -rc;
        return NULL;
    }
    tls_init(tls, lower, protocol, wrap);
    tls->context = weft_ssl_context_ref(base);
    tls_attach(tls, lower);
    return &tls->transport;
}

const struct ssl_ops wf_tls_ops = {.wrap = tls_wrap};

const char *weft_ssl_selected_alpn_protocol(const weft_transport *transport)
{
    const struct tls *tls = tls_of(transport);
    return transport && transport->ops == &tls_ops && tls->alpn[0] ? tls->alpn : NULL;
}
