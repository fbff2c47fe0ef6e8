/*
 * handshake_test.c - how a connection becomes one of TLS, or does not.
 */
#include "tests/tls/secured.h"

/* Both sides are told once, then data go both ways; a clean end has no error on either (TLSS-07). */
START_SIM(both_sides_agree)
{
    struct trust trust = trust_make();
    struct end client = {.probe.name = "c:"}, server = {.probe.name = "s:"};
    ends_connect(&client, &server, &trust);
    ck_assert_int_eq(client.probe.made, 1);
    ck_assert_int_eq(server.probe.made, 1);
    end_send(&client, "ping");
    probe_await(&server.probe, server.probe.bytes == 4);
    end_send(&server, "pong");
    probe_await(&client.probe, client.probe.bytes == 4);
    weft_transport_close(client.tls);
    probe_await(&client.probe, client.probe.lost);
    probe_await(&server.probe, server.probe.lost);
    ck_assert_trace("c:made s:made s:ping c:pong s:eof s:lost c:eof c:lost");
    ck_assert_no_timer();
    ck_assert_int_eq(reports_count, 0);
    ends_free(&client, &server);
    trust_free(&trust);
    return 0;
}

/* What both sides end with when the client's handshake fails: neither protocol is told anything. */
static void ck_assert_refused(struct end *client, struct end *server, int code)
{
    probe_await(&client->probe, client->shaken);
    probe_await(&server->probe, server->shaken);
    ck_assert_int_eq(client->code, code);
    ck_assert_int_lt(server->code, 0);
    end_await(client);
    end_await(server);
    ck_assert_str_eq(trace_text, "");
    ck_assert_no_timer();
    ck_assert_int_eq(reports_count, 0);
    end_free(client);
    end_free(server);
}

/* TLSS-01, TLSS-03: a certificate that nobody vouches for: the client says so, the server learns of it
 * by the alert, and neither application sees the connection. */
START_SIM(an_unknown_authority_is_refused)
{
    struct trust trust = trust_make(), other = trust_make();
    struct end client = {0}, server = {0};
    int fds[2];
    unix_pair(fds);
    end_open(&client, fds[0], other.client_context, &client_wrap);
    end_open(&server, fds[1], trust.server_context, &server_wrap);
    ck_assert_refused(&client, &server, WEFT_ESSLCERTVERIFY);
    ck_assert_str_eq(client.message,
                     "TLS handshake: certificate verify failed: self-signed certificate "
                     "in certificate chain");
    ck_assert_int_eq(server.code, WEFT_ESSL);
    ck_assert_str_eq(server.message, "TLS handshake: tlsv1 alert unknown ca");
    trust_free(&trust);
    trust_free(&other);
    return 0;
}

/* TLSS-01: so is one of an authority that the context trusts, for another name or address. */
START_SIM(a_wrong_name_is_refused)
{
    static const char *const names[] = {"example.org", "127.0.0.2", "::1", "::1%lo"};
    static const char *const messages[] = {
        "TLS handshake: the certificate is not for example.org",
        "TLS handshake: certificate verify failed: IP address mismatch",
        "TLS handshake: certificate verify failed: IP address mismatch",
        "TLS handshake: certificate verify failed: IP address mismatch"};
    struct trust trust = trust_make();
    for (int i = 0; i < 4; i++) {
        struct end client = {0}, server = {0};
        struct ssl_wrap wrap = client_wrap;
        int fds[2];
        unix_pair(fds);
        wrap.server_hostname = names[i];
        end_open(&client, fds[0], trust.client_context, &wrap);
        end_open(&server, fds[1], trust.server_context, &server_wrap);
        ck_assert_refused(&client, &server, WEFT_ESSLCERTVERIFY);
        ck_assert_str_eq(client.message, messages[i]);
    }
    trust_free(&trust);
    return 0;
}

/* TLSS-01: so is one that was good once. */
START_SIM(an_expired_certificate_is_refused)
{
    struct trust trust = trust_make();
    struct end client = {0}, server = {0};
    X509 *certificate = trust.server.certificate;
    X509_gmtime_adj(X509_getm_notAfter(certificate), -60);
    ck_assert_int_gt(X509_sign(certificate, trust.authority.key, EVP_sha256()), 0);
    SSL_CTX *native = weft_ssl_context_native(trust.server_context);
    ck_assert_int_eq(SSL_CTX_use_certificate(native, certificate), 1);
    ends_open(&client, &server, &trust);
    ck_assert_refused(&client, &server, WEFT_ESSLCERTVERIFY);
    ck_assert_str_eq(client.message,
                     "TLS handshake: certificate verify failed: certificate has expired");
    trust_free(&trust);
    return 0;
}

/* TLSS-02: an address is as good as a name, but servers are not told it; an empty name is not looked at; none at all is refused
 * where it would be. */
START_SIM(the_name_is_what_the_caller_says)
{
    static const char *const names[] = {"127.0.0.1", ""};
    struct trust trust = trust_make();
    struct ssl_wrap wrap = client_wrap;
    for (int i = 0; i < 2; i++) {
        struct end client = {0}, server = {0};
        int fds[2];
        unix_pair(fds);
        wrap.server_hostname = names[i];
        end_open(&client, fds[0], trust.client_context, &wrap);
        end_open(&server, fds[1], trust.server_context, &server_wrap);
        probe_await(&client.probe, client.probe.made);
        probe_await(&server.probe, server.probe.made);
        const void *ssl = weft_transport_get_extra_info(server.tls, "ssl_object", NULL);
        ck_assert_ptr_null(SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name));
        ends_free(&client, &server);
    }
    wrap.server_hostname = NULL;
    struct end client = {0};
    int fds[2];
    unix_pair(fds);
    struct probe plain = {0};
    probe_open(&plain, fds[0]);
    errno = 0;
    ck_assert_ptr_null(trust.client_context->ops->wrap(trust.client_context, plain.transport,
                                                       &client.probe.protocol, &wrap));
    ck_assert_int_eq(errno, EINVAL);
    ck_assert_str_eq(sim_said(), "a server's host name is needed to verify it");
    ck_assert_int_eq(weft_ssl_context_set_check_hostname(trust.client_context, false), 0);
    struct end server = {0};
    end_wrap(&client, plain.transport, trust.client_context, &wrap);
    end_open(&server, fds[1], trust.server_context, &server_wrap);
    probe_await(&client.probe, client.probe.made);
    ends_free(&client, &server);
    weft_transport_unref(plain.transport);
    trust_free(&trust);
    return 0;
}

/* A context whose verification was switched off takes any certificate, and asks for no name. */
START_SIM(verification_can_be_switched_off)
{
    struct trust trust = trust_make(), other = trust_make();
    struct end client = {0}, server = {0};
    struct ssl_wrap wrap = client_wrap;
    int fds[2];
    unix_pair(fds);
    wrap.server_hostname = NULL;
    ck_assert_int_eq(weft_ssl_context_set_verify_mode(other.client_context, WEFT_SSL_CERT_NONE), 0);
    end_open(&client, fds[0], other.client_context, &wrap);
    end_open(&server, fds[1], trust.server_context, &server_wrap);
    probe_await(&client.probe, client.probe.made);
    ends_free(&client, &server);
    trust_free(&trust);
    trust_free(&other);
    return 0;
}

/* TLSS-03, SRVR-44: a server that wants to see a certificate, and is shown none or a stranger's: its
 * application sees nothing of the client, which learns of it as soon as it reads. */
START_SIM(a_client_without_certificate_is_refused)
{
    struct trust trust = trust_make(), other = trust_make();
    ck_assert_int_eq(weft_ssl_context_set_verify_mode(trust.server_context, WEFT_SSL_CERT_REQUIRED),
                     0);
    weft_ssl_context *stranger =
        context_make(WEFT_SSL_SERVER_AUTH, &other.client, &trust.authority);
    weft_ssl_context *const contexts[] = {trust.client_context, stranger};
    for (int i = 0; i < 2; i++) {
        struct end client = {.probe.name = "c:"}, server = {.probe.name = "s:"};
        int fds[2];
        unix_pair(fds);
        end_open(&client, fds[0], contexts[i], &client_wrap);
        end_open(&server, fds[1], trust.server_context, &server_wrap);
        probe_await(&client.probe, client.probe.lost);
        end_await(&server);
        ck_assert_int_eq(server.code, i ? WEFT_ESSLCERTVERIFY : WEFT_ESSL);
        ck_assert_int_eq(client.probe.lost_code, WEFT_ESSL);
        ck_assert_trace("c:made c:WEFT_ESSL");
        ck_assert_int_eq(reports_count, 0);
        ends_free(&client, &server);
    }
    weft_ssl_context_unref(stranger);
    trust_free(&trust);
    trust_free(&other);
    return 0;
}

/* A client that shows a good one is let in, and "peercert" is its. */
START_SIM(a_client_shows_its_certificate)
{
    struct trust trust = trust_make();
    struct end client = {0}, server = {0};
    int fds[2];
    ck_assert_int_eq(weft_ssl_context_set_verify_mode(trust.server_context, WEFT_SSL_CERT_REQUIRED),
                     0);
    weft_ssl_context *known = context_make(WEFT_SSL_SERVER_AUTH, &trust.client, &trust.authority);
    unix_pair(fds);
    end_open(&client, fds[0], known, &client_wrap);
    end_open(&server, fds[1], trust.server_context, &server_wrap);
    probe_await(&server.probe, server.probe.made);
    const X509 *shown = weft_transport_get_extra_info(server.tls, "peercert", NULL);
    ck_assert_int_eq(X509_cmp(shown, trust.client.certificate), 0);
    ends_free(&client, &server);
    weft_ssl_context_unref(known);
    trust_free(&trust);
    return 0;
}

/* TLSS-04, TLSS-14: the peer says nothing for 60 seconds, or for as long as the caller wants to wait. */
START_SIM(a_silent_peer_is_given_up)
{
    static const double limits[] = {SSL_HANDSHAKE_TIMEOUT, 0.25};
    struct trust trust = trust_make();
    for (int i = 0; i < 4; i++) {
        struct end end = {0};
        struct ssl_wrap wrap = i / 2 ? server_wrap : client_wrap;
        int fds[2];
        double start = sim_now();
        unix_pair(fds);
        wrap.handshake_timeout = limits[i % 2];
        end_open(&end, fds[0], i / 2 ? trust.server_context : trust.client_context, &wrap);
        probe_await(&end.probe, end.shaken);
        ck_assert_double_eq_tol(sim_now() - start, limits[i % 2], 0.001);
        ck_assert_int_eq(end.code, -ECONNABORTED);
        end_await(&end);
        ck_assert_int_eq(end.probe.made, 0);
        ck_assert_no_timer();
        end_free(&end);
        close(fds[1]);
    }
    ck_assert_int_eq(reports_count, 0);
    trust_free(&trust);
    return 0;
}

/* TLSS-04, TLSS-10: what no handshake can be begun with. The transport is as it was. */
START_SIM(bad_arguments_are_refused)
{
    static const double bad[] = {0, -1, (double)NAN};
    struct trust trust = trust_make();
    struct probe plain = {0};
    int fds[2];
    unix_pair(fds);
    probe_open(&plain, fds[0]);
    for (int i = 0; i < 8; i++) {
        struct ssl_wrap wrap = i == 7 ? server_wrap : client_wrap;
        if (i < 3)
            wrap.handshake_timeout = bad[i];
        else if (i < 6)
            wrap.shutdown_timeout = bad[i - 3];
        /* 6, 7: a context for the other side. */
        weft_ssl_context *context = i == 6 ? trust.server_context : trust.client_context;
        errno = 0;
        ck_assert_ptr_null(context->ops->wrap(context, plain.transport, &plain.protocol, &wrap));
        ck_assert_int_eq(errno, EINVAL);
        ck_assert_str_ne(sim_said(), "-");
    }
    ck_assert_ptr_eq(weft_transport_get_protocol(plain.transport), &plain.protocol);
    peer_send(fds[1], "hello");
    probe_await(&plain, plain.bytes == 5);
    probe_close(&plain);
    close(fds[1]);
    trust_free(&trust);
    return 0;
}

/* TLSS-05: the peer ends the stream, resets the connection, or talks of something else. */
START_SIM(a_connection_lost_in_the_handshake)
{
    struct trust trust = trust_make();
    for (int i = 0; i < 6; i++) {
        struct end end = {0};
        bool server = i % 2;
        int fds[2];
        tcp_pair(fds);
        end_open(&end, fds[0], server ? trust.server_context : trust.client_context,
                 server ? &server_wrap : &client_wrap);
        sim_pass(4); /* it is reading */
        if (i / 2 == 0)
            close(fds[1]);
        else if (i / 2 == 1)
            peer_reset(fds[1]);
        else
            peer_send(fds[1], "GET / HTTP/1.1\r\n\r\n");
        probe_await(&end.probe, end.shaken);
        ck_assert_int_eq(end.code, i / 2 == 2 ? WEFT_ESSL : -ECONNRESET);
        end_await(&end);
        ck_assert_int_eq(end.probe.made, 0);
        ck_assert_no_timer();
        ck_assert_int_eq(reports_count, 0);
        end_free(&end);
        if (i / 2 == 2)
            close(fds[1]);
    }
    trust_free(&trust);
    return 0;
}

/* TLSS-11: who closes or aborts before the handshake is over has a connection that is closed. */
START_SIM(closed_in_the_handshake)
{
    struct trust trust = trust_make();
    for (int i = 0; i < 4; i++) {
        struct end client = {0}, server = {0};
        ends_open(&client, &server, &trust);
        if (i / 2)
            sim_pass(1); /* begun */
        if (i % 2)
            weft_transport_close(client.tls);
        else
            weft_transport_abort(client.tls);
        ck_assert(weft_transport_is_closing(client.tls));
        ck_assert_int_eq(client.code, -ECONNABORTED);
        probe_await(&server.probe, server.shaken);
        ck_assert_int_eq(server.code, -ECONNRESET);
        end_await(&client);
        end_await(&server);
        ck_assert_int_eq(client.probe.made + server.probe.made, 0);
        ck_assert_int_eq(client.lower->lost, 1);
        ck_assert_no_timer();
        end_free(&client);
        end_free(&server);
    }
    trust_free(&trust);
    return 0;
}

/* What is written before the handshake is over is sent after it, and stays in order. */
START_SIM(written_before_the_handshake)
{
    struct trust trust = trust_make();
    struct end client = {.probe.name = "c:"}, server = {.probe.name = "s:"};
    ends_open(&client, &server, &trust);
    end_send(&client, "one ");
    end_send(&client, "two");
    ck_assert_uint_eq(weft_transport_get_write_buffer_size(client.tls), 7);
    probe_await(&server.probe, server.probe.bytes == 7);
    ck_assert_trace("c:made s:made s:one two");
    ends_free(&client, &server);
    trust_free(&trust);
    return 0;
}

/* A protocol that fails in connection_made: the connection is aborted with that error (TRAN-10), which
 * is what the handshake ends with too. */
START_SIM(connection_made_fails)
{
    struct trust trust = trust_make();
    struct end client = {.probe.fail_in_made = -EIO}, server = {0};
    ends_open(&client, &server, &trust);
    probe_await(&client.probe, client.probe.lost);
    ck_assert_int_eq(client.probe.lost_code, -EIO);
    ck_assert_int_eq(client.code, -EIO);
    ck_assert_int_eq(reports_count, 1);
    ck_assert_int_eq(reports_code, -EIO);
    ends_free(&client, &server);
    trust_free(&trust);
    return 0;
}

/* TRAN-05: reading that is paused in connection_made stays so. */
START_SIM(paused_in_connection_made)
{
    struct trust trust = trust_make();
    struct end client = {0}, server = {.probe.pause_at_once = true};
    ends_connect(&client, &server, &trust);
    end_send(&client, "hello");
    sim_pass(20);
    ck_assert_uint_eq(server.probe.bytes, 0);
    ck_assert(!weft_transport_is_reading(server.tls));
    weft_transport_resume_reading(server.tls);
    ck_assert_uint_eq(server.probe.bytes, 0); /* not inside the call */
    probe_await(&server.probe, server.probe.bytes == 5);
    ends_free(&client, &server);
    trust_free(&trust);
    return 0;
}

/* WRIT-20, WRIT-21, WRIT-19: what is known of the connection, and still is when it has ended. */
START_SIM(extra_info)
{
    struct trust trust = trust_make();
    struct end client = {0}, server = {0};
    int unknown;
    ends_connect(&client, &server, &trust);
    for (int i = 0; i < 2; i++) {
        ck_assert_ptr_eq(weft_transport_get_extra_info(client.tls, "sslcontext", NULL),
                         trust.client_context);
        const SSL *ssl = weft_transport_get_extra_info(client.tls, "ssl_object", NULL);
        ck_assert_str_eq(SSL_get_version(ssl), "TLSv1.3");
        const X509 *peer = weft_transport_get_extra_info(client.tls, "peercert", NULL);
        ck_assert_int_eq(X509_cmp(peer, trust.server.certificate), 0);
        ck_assert_ptr_null(weft_transport_get_extra_info(server.tls, "peercert", NULL));
        const char *cipher = weft_transport_get_extra_info(client.tls, "cipher", NULL);
        ck_assert_str_eq(cipher, SSL_get_cipher_name(ssl));
        ck_assert_ptr_null(weft_transport_get_extra_info(client.tls, "compression", NULL));
        ck_assert_ptr_nonnull(weft_transport_get_extra_info(client.tls, "sockname", NULL));
        ck_assert_ptr_nonnull(weft_transport_get_extra_info(client.tls, "socket", NULL));
        ck_assert_ptr_eq(weft_transport_get_extra_info(client.tls, "other", &unknown), &unknown);
        ck_assert(!weft_transport_can_write_eof(client.tls));
        weft_transport_close(client.tls);
        end_await(&client);
    }
    ends_free(&client, &server);
    trust_free(&trust);
    return 0;
}

/* The loop is closed while connections are shaken, open and half closed: the protocols are told so, but
 * for one whose handshake has failed already. */
static struct end dropped[7];
static struct trust dropped_trust;

COROUTINE(leave_all_open)
{
    ends_connect(&dropped[0], &dropped[1], &dropped_trust);
    ends_connect(&dropped[2], &dropped[3], &dropped_trust);
    weft_transport_pause_reading(dropped[3].tls);
    weft_transport_close(dropped[2].tls);
    ends_open(&dropped[4], &dropped[5], &dropped_trust);
    int fds[2];
    unix_pair(fds);
    end_open(&dropped[6], fds[0], dropped_trust.client_context, &client_wrap);
    sim_pass(1);
    weft_transport_abort(dropped[6].tls);
    close(fds[1]);
    return 0;
}

START_TEST(the_loop_is_closed)
{
    dropped_trust = trust_make();
    ck_assert_int_eq(sim_run(leave_all_open, NULL), 0);
    for (int i = 0; i < 7; i++) {
        ck_assert_int_eq(dropped[i].probe.dropped, i < 6);
        ck_assert_int_eq(dropped[i].probe.lost, 0);
        ck_assert_int_eq(dropped[i].code, i < 4 ? 0 : i < 6 ? WEFT_ELOOPCLOSED : -ECONNABORTED);
        end_free(&dropped[i]);
    }
    trust_free(&dropped_trust);
}
END_TEST

SUITE("tls_handshake", both_sides_agree, an_unknown_authority_is_refused, a_wrong_name_is_refused,
      an_expired_certificate_is_refused, the_name_is_what_the_caller_says,
      verification_can_be_switched_off, a_client_without_certificate_is_refused,
      a_client_shows_its_certificate, a_silent_peer_is_given_up, bad_arguments_are_refused,
      a_connection_lost_in_the_handshake, closed_in_the_handshake, written_before_the_handshake,
      connection_made_fails, paused_in_connection_made, extra_info, the_loop_is_closed)
