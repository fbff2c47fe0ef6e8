/*
 * choose.c - what is agreed on while the handshake goes on: a protocol (ALPN), and by the name that
 * the client asks for (SNI) the server's context.
 */
#include <errno.h>
#include <string.h>

#include "tls/context.h"

/* Of a server. Its own order counts. */
static int choose_protocol(SSL *ssl, const unsigned char **ret_name, unsigned char *ret_bytes,
                           const unsigned char *offered, unsigned offered_bytes, void *arg)
{
    const struct tls_context *context = arg;
    unsigned char *name; /* OpenSSL's own signature; nobody writes there */
    (void)ssl;
    if (!context->alpn ||
        SSL_select_next_proto(&name, ret_bytes, context->alpn, context->alpn_bytes, offered,
                              offered_bytes) != OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_NOACK;
    *ret_name = name;
    return SSL_TLSEXT_ERR_OK;
}

/* A connection goes on with another context: what OpenSSL took from the first is taken anew. */
static void switch_context(SSL *ssl, SSL_CTX *native)
{
    SSL_set_SSL_CTX(ssl, native);
    SSL_set_verify(ssl, SSL_CTX_get_verify_mode(native), SSL_CTX_get_verify_callback(native));
    SSL_set_verify_depth(ssl, SSL_CTX_get_verify_depth(native));
}

/* What a session says of the peer was found out for the context of another name: if this one's wants to
 * know the peer, that is not enough. */
static bool session_is_foreign(const SSL *ssl, const char *name)
{
    if (!SSL_session_reused(ssl) || !(SSL_get_verify_mode(ssl) & SSL_VERIFY_PEER))
        return false;
    const char *first = SSL_SESSION_get0_hostname(SSL_get0_session(ssl));
    return strcmp(first ? first : "", name ? name : "") != 0;
}

static int choose_context(SSL *ssl, int *ret_alert, void *arg)
{
    struct tls_context *context = arg;
    weft_ssl_context *chosen = NULL;

    if (!context->sni)
        return SSL_TLSEXT_ERR_NOACK;
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    int rc = context->sni(name, context->sni_arg, &chosen);
    if (rc < 0) {
        *ret_alert = SSL_AD_UNRECOGNIZED_NAME;
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    }
    if (chosen && chosen != &context->base)
        switch_context(ssl, tls_context_of(chosen)->native);
    if (session_is_foreign(ssl, name)) {
        *ret_alert = SSL_AD_ACCESS_DENIED;
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    }
    return SSL_TLSEXT_ERR_OK;
}

void wf_tls_choose_init(struct tls_context *context)
{
    if (context->client)
        return;
    SSL_CTX_set_alpn_select_cb(context->native, choose_protocol, context);
    SSL_CTX_set_tlsext_servername_callback(context->native, choose_context);
    SSL_CTX_set_tlsext_servername_arg(context->native, context);
}

/* How many bytes the list takes; 0: a name is too short or too long, or all are too much. */
static unsigned list_bytes(const char *const *protocols, int count)
{
    size_t bytes = 0;
    for (int i = 0; i < count; i++) {
        size_t name = protocols[i] ? strlen(protocols[i]) : 0;
        bytes += name + 1;
        if (name == 0 || name > UINT8_MAX || bytes > UINT16_MAX)
            return 0;
    }
    return (unsigned)bytes;
}

static void list_write(unsigned char *list, const char *const *protocols, int count)
{
    for (int i = 0; i < count; i++) {
        size_t name = strlen(protocols[i]);
        *list++ = (unsigned char)name;
        memcpy(list, protocols[i], name);
        list += name;
    }
}

int weft_ssl_context_set_alpn_protocols(weft_ssl_context *context, const char *const *protocols,
                                        int count)
{
    if (!context || count < 0 || (count > 0 && !protocols))
        return -EINVAL;
    struct tls_context *tls = tls_context_of(context);
    unsigned bytes = list_bytes(protocols, count);
    unsigned char *list = NULL;
    if (count > 0 && bytes == 0)
        return weft_fail(-EINVAL, "the name of a protocol has 1 to 255 bytes");
    if (bytes > 0) {
        list = wf_layer_alloc(bytes);
        if (!list)
            return -ENOMEM;
        list_write(list, protocols, count);
    }
    if (tls->client && SSL_CTX_set_alpn_protos(tls->native, list, bytes) != 0) {
        wf_layer_free(list, bytes);
        return -ENOMEM;
    }
    wf_layer_free(tls->alpn, tls->alpn_bytes);
    tls->alpn = list;
    tls->alpn_bytes = bytes;
    return 0;
}

int weft_ssl_context_set_sni_callback(weft_ssl_context *context, weft_sni_callback callback,
                                      void *arg)
{
    if (!context || tls_context_of(context)->client)
        return -EINVAL;
    tls_context_of(context)->sni = callback;
    tls_context_of(context)->sni_arg = arg;
    return 0;
}
