/*
 * context.c - contexts: made with settings that are safe, and changed.
 */
#include "tls/context.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <pthread.h>

#include "tls/error.h"

/* Where OpenSSL's context keeps ours (X1). */
static int context_index;
static pthread_once_t index_once = PTHREAD_ONCE_INIT;

static void context_free(void *parent, void *value, CRYPTO_EX_DATA *data, int index, long number,
                         void *arg)
{
    struct tls_context *context = value;
    (void)parent, (void)data, (void)index, (void)number, (void)arg;
    if (!context)
        return;
    wf_layer_free(context->alpn, context->alpn_bytes);
    wf_layer_free(context, sizeof(*context));
}

static void index_make(void)
{
    context_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, context_free);
}

/* An encrypted key whose password nobody gave: OpenSSL would ask at the terminal. */
static int no_password(char *buffer, int size, int writing, void *arg)
{
    (void)buffer, (void)size, (void)writing, (void)arg;
    return -1;
}

/* What Python sets: OpenSSL's own defaults, but for what has proved unsafe. */
static bool native_init(SSL_CTX *native, bool client)
{
    SSL_CTX_set_options(native, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                                    SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_mode(native, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                 SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_default_passwd_cb(native, no_password);
    if (!SSL_CTX_set_min_proto_version(native, TLS1_2_VERSION))
        return false;
    if (!client) {
        static const unsigned char name[] = "weft";
        return SSL_CTX_set_session_id_context(native, name, sizeof(name) - 1);
    }
    SSL_CTX_set_verify(native, SSL_VERIFY_PEER, NULL);
    X509_VERIFY_PARAM *how = SSL_CTX_get0_param(native);
    X509_VERIFY_PARAM_set_hostflags(how, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return X509_VERIFY_PARAM_set_flags(how, X509_V_FLAG_TRUSTED_FIRST | X509_V_FLAG_PARTIAL_CHAIN |
                                                X509_V_FLAG_X509_STRICT) &&
           SSL_CTX_set_default_verify_paths(native);
}

static int context_make(bool client, struct tls_context **ret_context)
{
    pthread_once(&index_once, index_make);
    if (context_index < 0)
        return -ENOMEM;
    struct tls_context *context = tls_zalloc(sizeof(*context));
    if (!context)
        return -ENOMEM;
    SSL_CTX *native = SSL_CTX_new(client ? TLS_client_method() : TLS_server_method());
    if (!native) {
        wf_layer_free(context, sizeof(*context));
        return -ENOMEM;
    }
    if (!SSL_CTX_set_ex_data(native, context_index, context)) {
        wf_layer_free(context, sizeof(*context));
        SSL_CTX_free(native);
        return -ENOMEM;
    }
    context->base.ops = &wf_tls_ops; /* from here on it goes with OpenSSL's */
    context->native = native;
    context->client = context->check_hostname = client;
    if (!native_init(native, client)) {
        SSL_CTX_free(native);
        return -EIO;
    }
    wf_tls_choose_init(context);
    *ret_context = context;
    return 0;
}

weft_ssl_context *weft_ssl_create_default_context(weft_ssl_purpose purpose)
{
    struct tls_context *context;
    int rc = -EINVAL;
    if (purpose == WEFT_SSL_SERVER_AUTH || purpose == WEFT_SSL_CLIENT_AUTH)
        rc = context_make(purpose == WEFT_SSL_SERVER_AUTH, &context);
    ERR_clear_error();
    if (rc) {
        errno = -rc;
        return NULL;
    }
    return &context->base;
}

weft_ssl_context *weft_ssl_context_ref(weft_ssl_context *context)
{
    if (context)
        SSL_CTX_up_ref(tls_context_of(context)->native);
    return context;
}

void weft_ssl_context_unref(weft_ssl_context *context)
{
    if (context)
        SSL_CTX_free(tls_context_of(context)->native); /* X1 */
}

struct ssl_ctx_st *weft_ssl_context_native(const weft_ssl_context *context)
{
    return context ? ((const struct tls_context *)context)->native : NULL;
}

int weft_ssl_context_set_verify_mode(weft_ssl_context *context, weft_ssl_verify_mode mode)
{
    static const int modes[] = {
        [WEFT_SSL_CERT_NONE] = SSL_VERIFY_NONE,
        [WEFT_SSL_CERT_OPTIONAL] = SSL_VERIFY_PEER,
        [WEFT_SSL_CERT_REQUIRED] = SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
    };
    if (!context || (unsigned)mode > WEFT_SSL_CERT_REQUIRED)
        return -EINVAL;
    SSL_CTX_set_verify(tls_context_of(context)->native, modes[mode], NULL);
    return 0;
}

int weft_ssl_context_set_check_hostname(weft_ssl_context *context, bool check)
{
    if (!context)
        return -EINVAL;
    tls_context_of(context)->check_hostname = check;
    return 0;
}

int weft_ssl_context_set_ciphers(weft_ssl_context *context, const char *ciphers)
{
    if (!context || !ciphers)
        return -EINVAL;
    ERR_clear_error();
    if (!SSL_CTX_set_cipher_list(tls_context_of(context)->native, ciphers))
        return wf_tls_raise("no cipher is left");
    return 0;
}
