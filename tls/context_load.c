/*
 * context_load.c - certificates and keys, from files and texts.
 */
#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <string.h>

#include "tls/context.h"
#include "tls/error.h"

static int give_password(char *buffer, int size, int writing, void *arg)
{
    const char *password = arg;
    size_t bytes = strlen(password);
    (void)writing;
    if (size < 0 || bytes > (size_t)size)
        return -1;
    memcpy(buffer, password, bytes); /* NOLINT: OpenSSL wants no zero byte */
    return (int)bytes;
}

static int load_failed(const char *what, const char *file)
{
    char text[256];
    snprintf(text, sizeof(text), "%s %s", what, file);
    return wf_tls_raise(text);
}

static int load_chain(SSL_CTX *native, const char *certfile, const char *keyfile)
{
    if (SSL_CTX_use_certificate_chain_file(native, certfile) != 1)
        return load_failed("the certificate in", certfile);
    if (SSL_CTX_use_PrivateKey_file(native, keyfile, SSL_FILETYPE_PEM) != 1)
        return load_failed("the key in", keyfile);
    if (SSL_CTX_check_private_key(native) != 1)
        return load_failed("the key in", keyfile);
    return 0;
}

int weft_ssl_context_load_cert_chain(weft_ssl_context *context, const char *certfile,
                                     const char *keyfile, const char *password)
{
    if (!context || !certfile)
        return -EINVAL;
    SSL_CTX *native = tls_context_of(context)->native;
    pem_password_cb *outer = SSL_CTX_get_default_passwd_cb(native);
    void *outer_arg = SSL_CTX_get_default_passwd_cb_userdata(native);
    char *secret = (char *)(uintptr_t)password; /* only read by give_password() */

    ERR_clear_error();
    if (password) {
        SSL_CTX_set_default_passwd_cb(native, give_password);
        SSL_CTX_set_default_passwd_cb_userdata(native, secret);
    }
    int rc = load_chain(native, certfile, keyfile ? keyfile : certfile);
    SSL_CTX_set_default_passwd_cb(native, outer);
    SSL_CTX_set_default_passwd_cb_userdata(native, outer_arg);
    return rc;
}

/* Whether the last certificate of a text has been read: nothing but PEM's end is queued. */
static bool ended_well(int count)
{
    unsigned long reason = ERR_peek_last_error();
    return count > 0 && ERR_GET_LIB(reason) == ERR_LIB_PEM &&
           ERR_GET_REASON(reason) == PEM_R_NO_START_LINE;
}

static int load_text(SSL_CTX *native, const char *text)
{
    X509_STORE *store = SSL_CTX_get_cert_store(native);
    size_t bytes = strlen(text);
    BIO *source = bytes <= INT_MAX ? BIO_new_mem_buf(text, (int)bytes) : NULL;
    if (!source)
        return bytes <= INT_MAX ? weft_fail(-ENOMEM, NULL) : -EINVAL;
    X509 *certificate;
    int count = 0, stored = 1;
    while (stored && (certificate = PEM_read_bio_X509(source, NULL, NULL, NULL))) {
        stored = X509_STORE_add_cert(store, certificate);
        X509_free(certificate);
        count++;
    }
    int rc = stored && ended_well(count) ? 0 : wf_tls_raise("the text of roots");
    BIO_free(source);
    ERR_clear_error();
    return rc;
}

int weft_ssl_context_load_verify_locations(weft_ssl_context *context, const char *cafile,
                                           const char *capath, const char *cadata)
{
    if (!context || (!cafile && !capath && !cadata))
        return -EINVAL;
    SSL_CTX *native = tls_context_of(context)->native;
    ERR_clear_error();
    if (cafile && SSL_CTX_load_verify_file(native, cafile) != 1)
        return load_failed("the roots in", cafile);
    if (capath && SSL_CTX_load_verify_dir(native, capath) != 1)
        return load_failed("the roots in", capath);
    return cadata ? load_text(native, cadata) : 0;
}
