/*
 * context_test.c - contexts: what is loaded into them, and what two of them agree on.
 */
#include <stdlib.h>

#include "tests/tls/secured.h"

static char folder[256];

static void make_folder(void)
{
    const char *under = getenv("TEST_TMPDIR");
    snprintf(folder, sizeof(folder), "%s/certificates-XXXXXX", under ? under : "/tmp");
    ck_assert_ptr_nonnull(mkdtemp(folder));
}

static const char *path(const char *name)
{
    static char paths[4][512];
    static int next;
    char *made = paths[next++ % 4];
    snprintf(made, sizeof(paths[0]), "%s/%s", folder, name);
    return made;
}

/* PEM: each of them if it is there. */
static void write_pem(const char *name, X509 *first, X509 *second, EVP_PKEY *key,
                      const char *password)
{
    FILE *file = fopen(path(name), "w");
    ck_assert_ptr_nonnull(file);
    if (first)
        ck_assert_int_eq(PEM_write_X509(file, first), 1);
    if (second)
        ck_assert_int_eq(PEM_write_X509(file, second), 1);
    if (key)
        ck_assert_int_eq(PEM_write_PKCS8PrivateKey(file, key, password ? EVP_aes_128_cbc() : NULL,
                                                   NULL, 0, NULL, (void *)(uintptr_t)password),
                         1);
    fclose(file);
}

static weft_ssl_context *new_context(weft_ssl_purpose purpose)
{
    weft_ssl_context *context = weft_ssl_create_default_context(purpose);
    ck_assert_ptr_nonnull(context);
    return context;
}

/* Whether a handshake with these succeeds; how far it came is in the ends. */
static bool shake(struct end *client, weft_ssl_context *for_client, const char *name,
                  struct end *server, weft_ssl_context *for_server)
{
    struct ssl_wrap wrap = client_wrap;
    int fds[2];
    unix_pair(fds);
    *client = *server = (struct end){0};
    wrap.server_hostname = name;
    end_open(client, fds[0], for_client, &wrap);
    end_open(server, fds[1], for_server, &server_wrap);
    probe_await(&client->probe, client->shaken);
    probe_await(&server->probe, server->shaken);
    return !client->code && !server->code;
}

/* A chain with an intermediate authority, and the key in a file of its own or in the same one; roots
 * from a file, from a folder, or from a text. */
START_SIM(certificates_from_files)
{
    struct identity root = identity_make("root", NULL, NULL);
    struct identity middle = identity_make("middle", NULL, &root);
    struct identity leaf = identity_make("server", "DNS:localhost", &middle);
    make_folder();
    write_pem("chain.pem", leaf.certificate, middle.certificate, NULL, NULL);
    write_pem("key.pem", NULL, NULL, leaf.key, NULL);
    write_pem("secret.pem", NULL, NULL, leaf.key, "open sesame");
    write_pem("both.pem", leaf.certificate, middle.certificate, leaf.key, NULL);
    write_pem("root.pem", root.certificate, NULL, NULL, NULL);
    char hashed[64];
    snprintf(hashed, sizeof(hashed), "%08lx.0", X509_subject_name_hash(root.certificate));
    write_pem(hashed, root.certificate, NULL, NULL, NULL);

    BIO *text = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(text, middle.certificate);
    PEM_write_bio_X509(text, root.certificate);
    BIO_write(text, "", 1);
    char *pem;
    BIO_get_mem_data(text, &pem);

    static const char *const files[3][3] = {{"chain.pem", "key.pem", NULL},
                                            {"both.pem", NULL, NULL},
                                            {"chain.pem", "secret.pem", "open sesame"}};
    for (int i = 0; i < 3; i++) {
        struct end client, server;
        weft_ssl_context *for_server = new_context(WEFT_SSL_CLIENT_AUTH);
        weft_ssl_context *for_client = new_context(WEFT_SSL_SERVER_AUTH);
        ck_assert_int_eq(weft_ssl_context_load_cert_chain(for_server, path(files[i][0]),
                                                          files[i][1] ? path(files[i][1]) : NULL,
                                                          files[i][2]),
                         0);
        ck_assert_int_eq(
            weft_ssl_context_load_verify_locations(for_client, i == 0 ? path("root.pem") : NULL,
                                                   i == 1 ? folder : NULL, i == 2 ? pem : NULL),
            0);
        ck_assert(shake(&client, for_client, "localhost", &server, for_server));
        ends_free(&client, &server);
        weft_ssl_context_unref(for_server);
        weft_ssl_context_unref(for_client);
    }
    BIO_free(text);
    identity_free(&root);
    identity_free(&middle);
    identity_free(&leaf);
    return 0;
}

/* What cannot be loaded says why, and names the file; nobody is asked for a password. */
START_SIM(what_cannot_be_loaded)
{
    struct identity one = identity_make("one", "DNS:localhost", NULL);
    struct identity other = identity_make("other", "DNS:localhost", NULL);
    weft_ssl_context *context = new_context(WEFT_SSL_CLIENT_AUTH);
    char expected[600];
    make_folder();
    write_pem("cert.pem", one.certificate, NULL, NULL, NULL);
    write_pem("key.pem", NULL, NULL, other.key, NULL);
    write_pem("secret.pem", NULL, NULL, one.key, "open sesame");
    write_pem("empty.pem", NULL, NULL, NULL, NULL);

    ck_assert_int_eq(weft_ssl_context_load_cert_chain(context, path("none.pem"), NULL, NULL),
                     -ENOENT);
    snprintf(expected, sizeof(expected), "the certificate in %s: No such file or directory",
             path("none.pem"));
    ck_assert_str_eq(sim_said(), expected);
    ck_assert_int_eq(
        weft_ssl_context_load_cert_chain(context, path("cert.pem"), path("none.pem"), NULL),
        -ENOENT);
    ck_assert_int_eq(
        weft_ssl_context_load_cert_chain(context, path("cert.pem"), path("key.pem"), NULL),
        WEFT_ESSL);
    snprintf(expected, sizeof(expected), "the key in %s: key values mismatch", path("key.pem"));
    ck_assert_str_eq(sim_said(), expected);
    ck_assert_int_eq(weft_ssl_context_load_cert_chain(context, path("empty.pem"), NULL, NULL),
                     WEFT_ESSL);
    static const char *const passwords[] = {NULL, "wrong", ""};
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(weft_ssl_context_load_cert_chain(context, path("cert.pem"),
                                                          path("secret.pem"), passwords[i]),
                         WEFT_ESSL);

    ck_assert_int_eq(weft_ssl_context_load_verify_locations(context, path("none.pem"), NULL, NULL),
                     -ENOENT);
    ck_assert_int_eq(weft_ssl_context_load_verify_locations(context, NULL, NULL, "no PEM"),
                     WEFT_ESSL);
    ck_assert_int_eq(
        weft_ssl_context_load_verify_locations(
            context, NULL, NULL, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
        WEFT_ESSL);
    ck_assert_int_eq(weft_ssl_context_set_ciphers(context, "NO-SUCH-CIPHER"), WEFT_ESSL);
    ck_assert_str_eq(sim_said(), "no cipher is left: no cipher match");
    weft_ssl_context_unref(context);
    identity_free(&one);
    identity_free(&other);
    return 0;
}

/* NULL, and values that mean nothing, are refused by every function. */
START_SIM(bad_arguments)
{
    weft_ssl_context *client = new_context(WEFT_SSL_SERVER_AUTH);
    static const char *const names[] = {"", NULL};
    char long_name[257];
    const char *long_names[] = {long_name};
    memset(long_name, 'x', sizeof(long_name) - 1);
    long_name[sizeof(long_name) - 1] = '\0';

    errno = 0;
    ck_assert_ptr_null(weft_ssl_create_default_context((weft_ssl_purpose)7));
    ck_assert_int_eq(errno, EINVAL);
    ck_assert_ptr_null(weft_ssl_context_ref(NULL));
    weft_ssl_context_unref(NULL);
    ck_assert_ptr_null(weft_ssl_context_native(NULL));
    ck_assert_int_eq(weft_ssl_context_load_cert_chain(NULL, "x", NULL, NULL), -EINVAL);
    ck_assert_int_eq(weft_ssl_context_load_cert_chain(client, NULL, NULL, NULL), -EINVAL);
    ck_assert_int_eq(weft_ssl_context_load_verify_locations(NULL, "x", NULL, NULL), -EINVAL);
    ck_assert_int_eq(weft_ssl_context_load_verify_locations(client, NULL, NULL, NULL), -EINVAL);
    ck_assert_int_eq(weft_ssl_context_set_verify_mode(NULL, WEFT_SSL_CERT_NONE), -EINVAL);
    ck_assert_int_eq(weft_ssl_context_set_verify_mode(client, (weft_ssl_verify_mode)3), -EINVAL);
    ck_assert_int_eq(weft_ssl_context_set_check_hostname(NULL, true), -EINVAL);
    ck_assert_int_eq(weft_ssl_context_set_ciphers(NULL, "ALL"), -EINVAL);
    ck_assert_int_eq(weft_ssl_context_set_ciphers(client, NULL), -EINVAL);
    ck_assert_int_eq(weft_ssl_context_set_alpn_protocols(NULL, names, 1), -EINVAL);
    ck_assert_int_eq(weft_ssl_context_set_alpn_protocols(client, NULL, 1), -EINVAL);
    ck_assert_int_eq(weft_ssl_context_set_alpn_protocols(client, names, -1), -EINVAL);
    ck_assert_int_eq(weft_ssl_context_set_alpn_protocols(client, names, 1), -EINVAL);
    ck_assert_int_eq(weft_ssl_context_set_alpn_protocols(client, names, 2), -EINVAL);
    ck_assert_int_eq(weft_ssl_context_set_alpn_protocols(client, long_names, 1), -EINVAL);
    ck_assert_int_eq(weft_ssl_context_set_sni_callback(NULL, NULL, NULL), -EINVAL);
    ck_assert_int_eq(weft_ssl_context_set_sni_callback(client, NULL, NULL), -EINVAL);
    ck_assert_ptr_null(weft_ssl_selected_alpn_protocol(NULL));
    weft_ssl_context_unref(client);
    return 0;
}

/* The default settings: TLS 1.2 at least, servers are verified and named, clients are not asked. */
START_SIM(safe_defaults)
{
    weft_ssl_context *contexts[] = {new_context(WEFT_SSL_SERVER_AUTH),
                                    new_context(WEFT_SSL_CLIENT_AUTH)};
    for (int i = 0; i < 2; i++) {
        SSL_CTX *native = weft_ssl_context_native(contexts[i]);
        ck_assert_int_eq(SSL_CTX_get_min_proto_version(native), TLS1_2_VERSION);
        ck_assert_int_eq(SSL_CTX_get_verify_mode(native), i ? SSL_VERIFY_NONE : SSL_VERIFY_PEER);
        ck_assert((SSL_CTX_get_options(native) & SSL_OP_NO_COMPRESSION) != 0);
        ck_assert((SSL_CTX_get_options(native) & SSL_OP_NO_RENEGOTIATION) != 0);
        weft_ssl_context_unref(contexts[i]);
    }
    return 0;
}

/* The server's order decides; with nothing in common the connection has no protocol. */
START_SIM(protocols_are_agreed_on)
{
    static const char *const h2_first[] = {"h2", "http/1.1"},
                             *const http_first[] = {"http/1.1", "h2"}, *const other[] = {"smtp"};
    struct trust trust = trust_make();
    struct end client, server;
    ck_assert_int_eq(weft_ssl_context_set_alpn_protocols(trust.server_context, http_first, 2), 0);
    ck_assert_int_eq(weft_ssl_context_set_alpn_protocols(trust.server_context, h2_first, 2), 0);
    const char *const *offers[] = {http_first, other, NULL};
    const int counts[] = {2, 1, 0};
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(
            weft_ssl_context_set_alpn_protocols(trust.client_context, offers[i], counts[i]), 0);
        ck_assert(shake(&client, trust.client_context, "localhost", &server, trust.server_context));
        ck_assert_ptr_null(weft_ssl_selected_alpn_protocol(client.lower));
        if (i == 0) {
            ck_assert_str_eq(weft_ssl_selected_alpn_protocol(client.tls), "h2");
            ck_assert_str_eq(weft_ssl_selected_alpn_protocol(server.tls), "h2");
        } else {
            ck_assert_ptr_null(weft_ssl_selected_alpn_protocol(client.tls));
            ck_assert_ptr_null(weft_ssl_selected_alpn_protocol(server.tls));
        }
        ends_free(&client, &server);
    }
    trust_free(&trust);
    return 0;
}

static char asked[64];

static int choose(const char *server_name, void *arg, weft_ssl_context **ret_context)
{
    snprintf(asked, sizeof(asked), "%s", server_name ? server_name : "-");
    if (server_name && !strcmp(server_name, "example.org"))
        *ret_context = arg;
    return server_name && !strcmp(server_name, "nobody.example") ? -ENOENT : 0;
}

/* A server has the certificate, and what else it wants, by the name that the client asks for. */
START_SIM(the_name_chooses_the_context)
{
    struct trust trust = trust_make();
    struct identity second = identity_make("second", "DNS:example.org", &trust.authority);
    weft_ssl_context *other = context_make(WEFT_SSL_CLIENT_AUTH, &second, &trust.authority);
    static const char *const smtp[] = {"smtp"};
    struct end client, server;
    weft_ssl_context_set_alpn_protocols(other, smtp, 1);
    weft_ssl_context_set_alpn_protocols(trust.client_context, smtp, 1);
    ck_assert_int_eq(weft_ssl_context_set_sni_callback(trust.server_context, choose, other), 0);

    ck_assert(shake(&client, trust.client_context, "example.org", &server, trust.server_context));
    ck_assert_str_eq(asked, "example.org");
    ck_assert_str_eq(weft_ssl_selected_alpn_protocol(client.tls), "smtp");
    weft_ssl_context_unref(other); /* the connection has what it needs */
    end_send(&client, "hello");
    probe_await(&server.probe, server.probe.bytes == 5);
    ends_free(&client, &server);

    ck_assert(shake(&client, trust.client_context, "localhost", &server, trust.server_context));
    ck_assert_str_eq(asked, "localhost");
    ck_assert_ptr_null(weft_ssl_selected_alpn_protocol(client.tls));
    ends_free(&client, &server);

    ck_assert(shake(&client, trust.client_context, "127.0.0.1", &server, trust.server_context));
    ck_assert_str_eq(asked, "-"); /* an address is no name */
    ends_free(&client, &server);

    ck_assert(
        !shake(&client, trust.client_context, "nobody.example", &server, trust.server_context));
    ck_assert_str_eq(client.message, "TLS handshake: tlsv1 unrecognized name");
    ck_assert_int_eq(server.code, WEFT_ESSL);
    ends_free(&client, &server);
    identity_free(&second);
    trust_free(&trust);
    return 0;
}

/* A context that asks for certificates does so also if a name has chosen it. */
START_SIM(the_chosen_context_verifies)
{
    struct trust trust = trust_make();
    weft_ssl_context *strict = context_make(WEFT_SSL_CLIENT_AUTH, &trust.server, &trust.authority);
    struct end client, server;
    ck_assert_int_eq(weft_ssl_context_set_verify_mode(strict, WEFT_SSL_CERT_REQUIRED), 0);
    ck_assert_int_eq(weft_ssl_context_set_sni_callback(trust.server_context, choose, strict), 0);
    ck_assert_int_eq(weft_ssl_context_set_verify_mode(trust.client_context, WEFT_SSL_CERT_NONE), 0);
    ck_assert(!shake(&client, trust.client_context, "example.org", &server, trust.server_context));
    ck_assert_int_eq(server.code, WEFT_ESSL);
    ends_free(&client, &server);
    weft_ssl_context_unref(strict);
    trust_free(&trust);
    return 0;
}

/* Nothing in common: the handshake fails on both sides. */
START_SIM(no_version_in_common)
{
    struct trust trust = trust_make();
    struct end client, server;
    SSL_CTX_set_min_proto_version(weft_ssl_context_native(trust.server_context), TLS1_3_VERSION);
    SSL_CTX_set_max_proto_version(weft_ssl_context_native(trust.client_context), TLS1_2_VERSION);
    ck_assert(!shake(&client, trust.client_context, "localhost", &server, trust.server_context));
    ck_assert_int_eq(client.code, WEFT_ESSL);
    ck_assert_int_eq(server.code, WEFT_ESSL);
    ends_free(&client, &server);
    trust_free(&trust);
    return 0;
}

/* Connections outlive the caller's references to their context. */
START_SIM(contexts_are_counted)
{
    struct trust trust = trust_make();
    struct end client = {0}, server = {0};
    ends_open(&client, &server, &trust);
    ck_assert_ptr_eq(weft_ssl_context_ref(trust.client_context), trust.client_context);
    weft_ssl_context_unref(trust.client_context);
    trust_free(&trust);
    probe_await(&client.probe, client.probe.made);
    probe_await(&server.probe, server.probe.made);
    end_send(&client, "hello");
    probe_await(&server.probe, server.probe.bytes == 5);
    ends_free(&client, &server);
    return 0;
}

SUITE("tls_context", certificates_from_files, what_cannot_be_loaded, bad_arguments, safe_defaults,
      protocols_are_agreed_on, the_name_chooses_the_context, the_chosen_context_verifies,
      no_version_in_common, contexts_are_counted)
