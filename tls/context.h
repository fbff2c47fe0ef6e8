/*
 * context.h - what all connections of a kind have in common: OpenSSL's context, and what it calls.
 *
 * X1  A context lives exactly as long as OpenSSL's, which counts its users: a reference to one is
 *     one to the other, and every connection has one.
 * X2  It is not changed once it is used.
 */
#ifndef WEFT_TLS_CONTEXT_H
#define WEFT_TLS_CONTEXT_H

#include <openssl/ssl.h>
#include <string.h>
#include <weft/tls.h>

#include "api/layer.h"
#include "api/ssl.h"

struct tls_context {
    weft_ssl_context base;
    SSL_CTX *native; /* X1 */
    bool client;     /* made for clients */
    bool check_hostname;
    unsigned char *alpn; /* each name with its length before it; NULL: none */
    unsigned alpn_bytes;
    weft_sni_callback sni;
    void *sni_arg;
};

/* Zeroed memory from where all of weft's comes. */
static inline void *tls_zalloc(size_t bytes)
{
    void *memory = wf_layer_alloc(bytes);
    if (memory)
        memset(memory, 0, bytes);
    return memory;
}

static inline struct tls_context *tls_context_of(weft_ssl_context *context)
{
    return (struct tls_context *)context;
}

/* What its connections answer to: transport.c. */
extern const struct ssl_ops wf_tls_ops;

/* Makes OpenSSL ask the context for ALPN (as a server) and for names. */
void wf_tls_choose_init(struct tls_context *context);

#endif
