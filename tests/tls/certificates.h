/*
 * certificates.h - keys and certificates for a test, made when it runs: nothing expires.
 *
 * All of them pass a strict verification: an authority has a key identifier and may sign, what it
 * signs names it.
 */
#ifndef WEFT_TESTS_TLS_CERTIFICATES_H
#define WEFT_TESTS_TLS_CERTIFICATES_H

#include <check.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <weft/tls.h>

/* A key, and a certificate that is for it. */
struct identity {
    EVP_PKEY *key;
    X509 *certificate;
};

static inline void add_extension(X509 *certificate, X509 *issuer, int kind, const char *value)
{
    X509V3_CTX about;
    X509V3_set_ctx(&about, issuer, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &about, kind, value);
    ck_assert_ptr_nonnull(extension);
    ck_assert_int_eq(X509_add_ext(certificate, extension, -1), 1);
    X509_EXTENSION_free(extension);
}

/* names: as "DNS:localhost,IP:127.0.0.1"; NULL: an authority. by: who signs; NULL: itself. */
static inline struct identity identity_make(const char *common_name, const char *names,
                                            const struct identity *by)
{
    static long serial;
    struct identity made = {EVP_EC_gen("P-256"), X509_new()};
    const struct identity *signer = by ? by : &made;
    ck_assert_ptr_nonnull(made.key);
    ck_assert_ptr_nonnull(made.certificate);

    X509_set_version(made.certificate, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(made.certificate), ++serial);
    X509_gmtime_adj(X509_getm_notBefore(made.certificate), -3600);
    X509_gmtime_adj(X509_getm_notAfter(made.certificate), 3600);
    X509_set_pubkey(made.certificate, made.key);
    X509_NAME *subject = X509_get_subject_name(made.certificate);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)common_name, -1,
                               -1, 0);
    X509_set_issuer_name(made.certificate, X509_get_subject_name(signer->certificate));
    add_extension(made.certificate, signer->certificate, NID_subject_key_identifier, "hash");
    if (by)
        add_extension(made.certificate, signer->certificate, NID_authority_key_identifier, "keyid");
    if (names) {
        add_extension(made.certificate, signer->certificate, NID_basic_constraints,
                      "critical,CA:FALSE");
        add_extension(made.certificate, signer->certificate, NID_subject_alt_name, names);
    } else {
        add_extension(made.certificate, signer->certificate, NID_basic_constraints,
                      "critical,CA:TRUE");
        add_extension(made.certificate, signer->certificate, NID_key_usage,
                      "critical,keyCertSign,cRLSign");
    }
    ck_assert_int_gt(X509_sign(made.certificate, signer->key, EVP_sha256()), 0);
    /* What OpenSSL derives from a certificate it fills in at the first use, under a lock, and then
     * reads behind an atomic flag. The thread sanitizer sees no flag in a library that was not built
     * for it. So it is derived here, before two loops use the certificate. */
    ck_assert_int_eq(X509_check_purpose(made.certificate, -1, 0), 1);
    return made;
}

static inline void identity_free(struct identity *identity)
{
    EVP_PKEY_free(identity->key);
    X509_free(identity->certificate);
}

/* A context with an identity (may be NULL) that trusts an authority (may be NULL). */
static inline weft_ssl_context *context_make(weft_ssl_purpose purpose,
                                             const struct identity *identity,
                                             const struct identity *authority)
{
    weft_ssl_context *context = weft_ssl_create_default_context(purpose);
    ck_assert_ptr_nonnull(context);
    SSL_CTX *native = weft_ssl_context_native(context);
    if (identity) {
        ck_assert_int_eq(SSL_CTX_use_certificate(native, identity->certificate), 1);
        ck_assert_int_eq(SSL_CTX_use_PrivateKey(native, identity->key), 1);
    }
    if (authority)
        ck_assert_int_eq(
            X509_STORE_add_cert(SSL_CTX_get_cert_store(native), authority->certificate), 1);
    return context;
}

/* An authority, a server and a client that it has signed, and a context for each side. */
struct trust {
    struct identity authority, server, client;
    weft_ssl_context *server_context, *client_context;
};

static inline struct trust trust_make(void)
{
    struct trust t;
    t.authority = identity_make("authority", NULL, NULL);
    t.server = identity_make("server", "DNS:localhost,IP:127.0.0.1", &t.authority);
    t.client = identity_make("client", "DNS:client", &t.authority);
    t.server_context = context_make(WEFT_SSL_CLIENT_AUTH, &t.server, &t.authority);
    t.client_context = context_make(WEFT_SSL_SERVER_AUTH, NULL, &t.authority);
    return t;
}

static inline void trust_free(struct trust *t)
{
    weft_ssl_context_unref(t->server_context);
    weft_ssl_context_unref(t->client_context);
    identity_free(&t->authority);
    identity_free(&t->server);
    identity_free(&t->client);
}

#endif
