/*
 * messages_test.c - what TLS says to itself once a connection is open: tickets, new keys, a new
 * handshake.
 */
#include "tests/tls/relay.h"
#include "tls/connection.h"

static char many[200000];

static SSL *ssl_of(const struct end *end)
{
    return (SSL *)(uintptr_t)weft_transport_get_extra_info(end->tls, "ssl_object", NULL);
}

/* Both sides ask for new keys in the middle of much data, again and again. */
START_SIM(new_keys)
{
    struct trust trust = trust_make();
    struct end client = {.probe.quiet = true}, server = {.probe.quiet = true};
    ends_connect(&client, &server, &trust);
    for (size_t i = 1; i <= 8; i++) {
        ck_assert_int_eq(SSL_key_update(ssl_of(&client), SSL_KEY_UPDATE_REQUESTED), 1);
        if (i % 2)
            ck_assert_int_eq(SSL_key_update(ssl_of(&server), SSL_KEY_UPDATE_REQUESTED), 1);
        ck_assert_int_eq(weft_transport_write(client.tls, many, sizeof(many)), 0);
        ck_assert_int_eq(weft_transport_write(server.tls, many, sizeof(many)), 0);
        probe_await(&client.probe, client.probe.bytes == i * sizeof(many));
        probe_await(&server.probe, server.probe.bytes == i * sizeof(many));
    }
    weft_transport_close(server.tls);
    end_await(&client);
    end_await(&server);
    ck_assert_int_eq(client.probe.lost_code, 0);
    ck_assert_int_eq(server.probe.lost_code, 0);
    ends_free(&client, &server);
    trust_free(&trust);
    return 0;
}

/* A request for new keys is answered although the application never writes. */
START_SIM(new_keys_without_data)
{
    struct trust trust = trust_make();
    struct end client = {0}, server = {0};
    struct relay relay = relay_open(&client, &server, &trust);
    relay_until(&relay, SIZE_MAX, client.shaken && server.shaken);
    ck_assert_int_eq(SSL_key_update(ssl_of(&client), SSL_KEY_UPDATE_REQUESTED), 1);
    end_send(&client, "hello");
    size_t before = relay.moved[1];
    relay_until(&relay, SIZE_MAX, server.probe.bytes == 5);
    ck_assert_uint_gt(relay.moved[1], before);
    ends_free(&client, &server);
    relay_close(&relay);
    trust_free(&trust);
    return 0;
}

/* A peer that asks for new keys without end, and never reads the answers, is not read from at some time: what
 * waits for it is bounded. */
START_SIM(new_keys_without_end)
{
    struct trust trust = trust_make();
    struct end client = {0}, server = {0};
    struct relay relay = relay_open(&client, &server, &trust);
    relay_until(&relay, SIZE_MAX, client.shaken && server.shaken);
    size_t most = 0;
    for (int i = 0; i < 30000; i++) {
        ck_assert_int_eq(SSL_key_update(ssl_of(&client), SSL_KEY_UPDATE_REQUESTED), 1);
        ck_assert_int_eq(SSL_do_handshake(ssl_of(&client)), 1);
        ck_assert(wf_tls_flush(tls_of(client.tls)));
        if (i % 64)
            continue;
        ck_assert_int_eq(weft_sleep(0), 0);
        while (relay_move(&relay, true, SIZE_MAX))
            ck_assert_int_eq(weft_sleep(0), 0);
        size_t waits = weft_transport_get_write_buffer_size(server.lower);
        most = waits > most ? waits : most;
    }
    ck_assert_uint_ge(most, TLS_UNREAD_HIGH);
    ck_assert_uint_le(most, 2 * TLS_UNREAD_HIGH);
    char answers[4096];
    while (weft_transport_get_write_buffer_size(server.lower)) { /* they are read: all goes on */
        ck_assert(!weft_transport_is_reading(server.lower));
        (void)recv(relay.server, answers, sizeof(answers), MSG_DONTWAIT);
        ck_assert_int_eq(weft_sleep(0), 0);
    }
    ck_assert(weft_transport_is_reading(server.lower));
    ends_free(&client, &server);
    relay_close(&relay);
    trust_free(&trust);
    return 0;
}

static int sessions;
static SSL_SESSION *session;

static int keep_session(SSL *ssl, SSL_SESSION *made)
{
    (void)ssl;
    sessions++;
    SSL_SESSION_free(session);
    session = made;
    return 1;
}

/* The tickets that a server sends are taken, and the next connection resumes with one: TLS 1.3 by the
 * certificate message's absence. */
START_SIM(a_session_is_resumed)
{
    struct trust trust = trust_make();
    SSL_CTX *native = weft_ssl_context_native(trust.client_context);
    SSL_CTX_set_session_cache_mode(native, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(native, keep_session);
    for (int i = 0; i < 2; i++) {
        struct end client = {0}, server = {0};
        int fds[2];
        unix_pair(fds);
        end_open(&client, fds[0], trust.client_context, &client_wrap);
        end_open(&server, fds[1], trust.server_context, &server_wrap);
        if (i) /* the handshake begins in the next turn */
            ck_assert_int_eq(SSL_set_session(ssl_of(&client), session), 1);
        probe_await(&client.probe, client.probe.made);
        probe_await(&server.probe, server.probe.made);
        end_send(&server, "hello"); /* behind the tickets */
        probe_await(&client.probe, client.probe.bytes == 5);
        ck_assert_int_eq(SSL_session_reused(ssl_of(&client)), i);
        ck_assert_int_eq(SSL_session_reused(ssl_of(&server)), i);
        ck_assert_int_gt(sessions, 0);
        weft_transport_close(client.tls);
        end_await(&client);
        end_await(&server);
        ends_free(&client, &server);
    }
    SSL_SESSION_free(session);
    trust_free(&trust);
    return 0;
}

static char chosen_by[32]; /* the name of the latest choice */

static int choose_strict(const char *name, void *arg, weft_ssl_context **ret_context)
{
    snprintf(chosen_by, sizeof(chosen_by), "%s", name);
    if (strcmp(name, "example.org") == 0)
        *ret_context = arg;
    return 0;
}

/* Whether a connection to that name resumes (0: fails, 1: does not, 2: does). */
static int resume_to(const char *name, struct trust *trust)
{
    struct end client = {0}, server = {0};
    struct ssl_wrap wrap = client_wrap;
    int fds[2];
    unix_pair(fds);
    wrap.server_hostname = name;
    end_open(&client, fds[0], trust->client_context, &wrap);
    end_open(&server, fds[1], trust->server_context, &server_wrap);
    if (session)
        ck_assert_int_eq(SSL_set_session(ssl_of(&client), session), 1);
    probe_await(&server.probe, server.shaken);
    int outcome = server.code ? 0 : 1 + SSL_session_reused(ssl_of(&server));
    int before = sessions;
    if (outcome) {
        end_send(&server, "hello");
        probe_await(&client.probe, client.probe.bytes == 5 && (outcome == 2 || sessions > before));
        weft_transport_close(client.tls); /* what is cut off is not resumed */
        end_await(&client);
        end_await(&server);
    }
    ends_free(&client, &server);
    return outcome;
}

/* A session is of use for the name that it was made for, not to come by a context that asks for
 * certificates: TLS 1.3 refuses it for another; to TLS 1.2 the name is still the session's. */
START_SIM(a_session_is_for_its_name)
{
    static const int versions[] = {TLS1_3_VERSION, TLS1_2_VERSION};
    for (int i = 0; i < 2; i++) {
        struct trust trust = trust_make();
        weft_ssl_context *strict =
            context_make(WEFT_SSL_CLIENT_AUTH, &trust.server, &trust.authority);
        SSL_CTX *native = weft_ssl_context_native(trust.client_context);
        weft_ssl_context_set_verify_mode(strict, WEFT_SSL_CERT_REQUIRED);
        weft_ssl_context_set_sni_callback(trust.server_context, choose_strict, strict);
        weft_ssl_context_set_check_hostname(trust.client_context, false);
        SSL_CTX_set_max_proto_version(native, versions[i]);
        SSL_CTX_set_session_cache_mode(native, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
        SSL_CTX_sess_set_new_cb(native, keep_session);
        ck_assert_int_eq(resume_to("localhost", &trust), 1);
        ck_assert_int_eq(resume_to("localhost", &trust), 2);
        ck_assert_int_eq(resume_to("example.org", &trust), i == 0 ? 0 : 2);
        ck_assert_str_eq(chosen_by, i == 0 ? "example.org" : "localhost");
        SSL_SESSION_free(session);
        session = NULL;
        weft_ssl_context_unref(strict);
        trust_free(&trust);
    }
    return 0;
}

/* TLS 1.2: a peer that wants a new handshake is refused, and the connection goes on; where the program
 * allows it, it is made in between the data. */
START_SIM(a_new_handshake)
{
    for (int allowed = 0; allowed < 2; allowed++) {
        struct trust trust = trust_make();
        struct end client = {.probe.quiet = true}, server = {.probe.quiet = true};
        SSL_CTX *natives[] = {weft_ssl_context_native(trust.client_context),
                              weft_ssl_context_native(trust.server_context)};
        for (int i = 0; i < 2; i++) {
            SSL_CTX_set_max_proto_version(natives[i], TLS1_2_VERSION);
            if (allowed || i == 1)
                SSL_CTX_clear_options(natives[i], SSL_OP_NO_RENEGOTIATION);
        }
        ends_connect(&client, &server, &trust);
        ck_assert_int_eq(SSL_renegotiate(ssl_of(&server)), 1);
        ck_assert_int_eq(weft_transport_write(server.tls, many, sizeof(many)), 0);
        ck_assert_int_eq(weft_transport_write(client.tls, many, sizeof(many)), 0);
        if (allowed) {
            probe_await(&client.probe, client.probe.bytes == sizeof(many));
            probe_await(&server.probe, server.probe.bytes == sizeof(many));
            ck_assert_int_gt(SSL_num_renegotiations(ssl_of(&server)), 0);
        } else {
            end_await(&server); /* OpenSSL takes the refusal for an error */
            ck_assert_int_eq(server.probe.lost_code, WEFT_ESSL);
        }
        ends_free(&client, &server);
        trust_free(&trust);
    }
    return 0;
}

SUITE("tls_messages", new_keys, new_keys_without_data, new_keys_without_end, a_session_is_resumed,
      a_session_is_for_its_name, a_new_handshake)
