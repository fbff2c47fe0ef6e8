/*
 * peer.c - what is known of a connection: asyncio's names, and what ALPN has chosen.
 */
#include <openssl/err.h>

#include "tls/connection.h"

void wf_tls_learn(struct tls *tls)
{
    const unsigned char *name;
    unsigned bytes;

    tls->peer = SSL_get1_peer_certificate(tls->ssl);
    SSL_get0_alpn_selected(tls->ssl, &name, &bytes);
    if (bytes > 0 && bytes < sizeof(tls->alpn)) {
        memcpy(tls->alpn, name, bytes);
        tls->alpn[bytes] = '\0';
    }
}

static const char *compression(const struct tls *tls)
{
    const COMP_METHOD *method = SSL_get_current_compression(tls->ssl);
    return method ? SSL_COMP_get_name(method) : NULL;
}

const void *wf_tls_extra_info(const weft_transport *transport, const char *name)
{
    const struct tls *tls = tls_of(transport);

    if (!strcmp(name, "sslcontext"))
        return tls->context;
    if (!strcmp(name, "ssl_object"))
        return tls->ssl;
    if (!strcmp(name, "peercert"))
        return tls->peer;
    if (!strcmp(name, "cipher"))
        return SSL_get_cipher_name(tls->ssl);
    if (!strcmp(name, "compression"))
        return compression(tls);
    return weft_transport_get_extra_info(tls->lower, name, NULL);
}
