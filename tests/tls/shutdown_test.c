/*
 * shutdown_test.c - how a TLS connection ends.
 */
#include "tests/tls/relay.h"

#define MANY ((size_t)1 << 20)

static char many[MANY];

/* TLSS-06, TLSS-07: close() sends what is buffered, however much, then the alert; the other side gets all
 * of it, and no side has an error. */
START_SIM(close_sends_what_is_buffered)
{
    struct trust trust = trust_make();
    struct end client = {0}, server = {.probe.quiet = true};
    ends_connect(&client, &server, &trust);
    ck_assert_int_eq(weft_transport_write(client.tls, many, MANY), 0);
    ck_assert_uint_gt(weft_transport_get_write_buffer_size(client.tls), 0);
    weft_transport_close(client.tls);
    ck_assert(weft_transport_is_closing(client.tls));
    ck_assert_int_eq(client.probe.lost, 0);
    end_await(&client);
    end_await(&server);
    ck_assert_uint_eq(server.probe.bytes, MANY);
    ck_assert_int_eq(server.probe.eofs, 1);
    ck_assert_int_eq(client.probe.lost + server.probe.lost, 2);
    ck_assert_int_eq(client.probe.lost_code, 0);
    ck_assert_int_eq(server.probe.lost_code, 0);
    ck_assert_int_eq(reports_count, 0);
    ck_assert_no_timer();
    ends_free(&client, &server);
    trust_free(&trust);
    return 0;
}

/* TLSS-07: both sides close at once. */
START_SIM(both_close_at_once)
{
    struct trust trust = trust_make();
    struct end client = {.probe.name = "c:"}, server = {.probe.name = "s:"};
    ends_connect(&client, &server, &trust);
    weft_transport_close(client.tls);
    weft_transport_close(server.tls);
    end_await(&client);
    end_await(&server);
    ck_assert_int_eq(client.probe.lost_code, 0);
    ck_assert_int_eq(server.probe.lost_code, 0);
    ck_assert_no_timer();
    ends_free(&client, &server);
    trust_free(&trust);
    return 0;
}

/* TLSS-07: what was sent before the alert is delivered first, even if reading is paused when both
 * come. */
START_SIM(paused_at_the_end)
{
    struct trust trust = trust_make();
    struct end client = {0}, server = {.probe.name = "s:"};
    ends_connect(&client, &server, &trust);
    weft_transport_pause_reading(server.tls);
    end_send(&client, "last words");
    weft_transport_close(client.tls);
    sim_pass(20);
    ck_assert_int_eq(client.probe.lost, 0); /* the server has not seen its alert yet */
    ck_assert_uint_eq(server.probe.bytes, 0);
    weft_transport_resume_reading(server.tls);
    end_await(&server);
    end_await(&client);
    ck_assert_int_eq(client.probe.lost_code, 0);
    ck_assert_trace("made s:made s:last words s:eof s:lost eof lost");
    ends_free(&client, &server);
    trust_free(&trust);
    return 0;
}

/* TLSS-06, TLSS-14: a peer that does not answer the alert is given up after 30 seconds, or as many as
 * the caller wants to wait; then there is an error. */
START_SIM(a_peer_that_does_not_answer)
{
    static const double limits[] = {SSL_SHUTDOWN_TIMEOUT, 0.25};
    struct trust trust = trust_make();
    for (int i = 0; i < 4; i++) {
        struct end client = {0}, server = {0};
        struct ssl_wrap wrap = client_wrap;
        int fds[2];
        wrap.shutdown_timeout = limits[i % 2];
        unix_pair(fds);
        end_open(&client, fds[0], trust.client_context, &wrap);
        end_open(&server, fds[1], trust.server_context, &server_wrap);
        probe_await(&client.probe, client.shaken);
        probe_await(&server.probe, server.shaken);
        weft_transport_pause_reading(server.tls);
        if (i / 2) /* nor takes what is buffered */
            ck_assert_int_eq(weft_transport_write(client.tls, many, MANY), 0);
        double start = sim_now();
        weft_transport_close(client.tls);
        end_await(&client);
        ck_assert_double_eq_tol(sim_now() - start, limits[i % 2], 0.001);
        ck_assert_int_eq(client.probe.lost_code, WEFT_ETIMEDOUT);
        ck_assert_int_eq(reports_count, 0);
        weft_transport_abort(server.tls);
        end_await(&server);
        ck_assert_no_timer();
        ends_free(&client, &server);
    }
    trust_free(&trust);
    return 0;
}

/* TLSS-15: what is written after close, and what still comes, is dropped; neither is an error. */
START_SIM(after_close_everything_is_dropped)
{
    struct trust trust = trust_make();
    struct end client = {.probe.name = "c:"}, server = {.probe.name = "s:"};
    ends_connect(&client, &server, &trust);
    end_send(&server, "too late"); /* on its way when the client closes */
    weft_transport_close(client.tls);
    end_send(&client, "too late as well");
    end_await(&client);
    end_await(&server);
    ck_assert_uint_eq(client.probe.bytes + server.probe.bytes, 0);
    ck_assert_int_eq(client.probe.lost_code, 0);
    ck_assert_int_eq(server.probe.lost_code, 0);
    end_send(&client, "and still");
    ck_assert_int_eq(reports_count, 0);
    for (int i = 0; i < 3; i++)
        end_send(&client, "again");
    ck_assert_int_eq(reports_count, 1); /* WRIT-16 */
    ends_free(&client, &server);
    trust_free(&trust);
    return 0;
}

/* TLSS-15, TLSS-06: a peer that goes on sending much does not keep a closed connection from ending. */
START_SIM(closed_under_a_stream)
{
    struct trust trust = trust_make();
    struct end client = {.probe.quiet = true}, server = {0};
    ends_connect(&client, &server, &trust);
    ck_assert_int_eq(weft_transport_write(server.tls, many, MANY), 0);
    probe_await(&client.probe, client.probe.bytes > 0);
    weft_transport_pause_reading(client.tls);
    sim_pass(20);
    size_t bytes = client.probe.bytes;
    weft_transport_close(client.tls);
    end_await(&client);
    end_await(&server);
    ck_assert_uint_eq(client.probe.bytes, bytes);
    ck_assert_int_eq(client.probe.lost_code, 0);
    ck_assert_int_eq(server.probe.lost_code, 0);
    ends_free(&client, &server);
    trust_free(&trust);
    return 0;
}

/* TLSS-08: the stream below ends without the alert: for the application that is the end too. */
START_SIM(ended_without_the_alert)
{
    struct trust trust = trust_make();
    for (int paused = 0; paused < 2; paused++) {
        struct end client = {0}, server = {0};
        ends_connect(&client, &server, &trust);
        end_send(&client, "hello");
        probe_await(&server.probe, server.probe.bytes == 5);
        if (paused) {
            weft_transport_pause_reading(server.tls);
            end_send(&client, "more");
        }
        weft_transport_abort(client.tls);
        end_await(&client);
        if (paused) {
            sim_pass(20);
            ck_assert_int_eq(server.probe.lost, 0);
            weft_transport_resume_reading(server.tls);
        }
        end_await(&server);
        ck_assert_uint_eq(server.probe.bytes, paused ? 9 : 5);
        ck_assert_int_eq(server.probe.eofs, 1);
        ck_assert_int_eq(server.probe.lost_code, 0);
        ck_assert_no_timer();
        ends_free(&client, &server);
    }
    ck_assert_int_eq(reports_count, 0);
    trust_free(&trust);
    return 0;
}

/* TLSS-08: there is no half-close. */
START_SIM(no_half_close)
{
    struct trust trust = trust_make();
    struct end client = {.probe.keep_open = true}, server = {0};
    ends_connect(&client, &server, &trust);
    ck_assert(!weft_transport_can_write_eof(client.tls));
    ck_assert_int_eq(weft_transport_write_eof(client.tls), WEFT_ERUNTIME);
    weft_transport_close(server.tls);
    end_await(&client); /* though its protocol would have gone on */
    ck_assert_int_eq(client.probe.lost_code, 0);
    ends_free(&client, &server);
    trust_free(&trust);
    return 0;
}

/* The connection below is reset: that is the error. */
START_SIM(the_connection_is_reset)
{
    struct trust trust = trust_make();
    struct end client = {0};
    int fds[2];
    tcp_pair(fds);
    struct end server = {0};
    end_open(&client, fds[0], trust.client_context, &client_wrap);
    end_open(&server, fds[1], trust.server_context, &server_wrap);
    probe_await(&client.probe, client.shaken);
    probe_await(&server.probe, server.shaken);
    const weft_transport_socket *socket = weft_transport_get_extra_info(server.tls, "socket", NULL);
    struct linger now = {1, 0};
    ck_assert_int_eq(
        weft_transport_socket_setsockopt(socket, SOL_SOCKET, SO_LINGER, &now, sizeof(now)), 0);
    weft_transport_abort(server.tls);
    end_await(&server);
    end_await(&client);
    ck_assert_int_eq(client.probe.lost_code, -ECONNRESET);
    ck_assert_int_eq(reports_count, 0);
    ck_assert_no_timer();
    ends_free(&client, &server);
    trust_free(&trust);
    return 0;
}

/* TRAN-06: abort drops everything, at once and without an error, in every state. */
START_SIM(abort_at_any_time)
{
    struct trust trust = trust_make();
    for (int i = 0; i < 4; i++) {
        struct end client = {0}, server = {.probe.pause_at_once = true};
        ends_connect(&client, &server, &trust);
        if (i & 1)
            ck_assert_int_eq(weft_transport_write(client.tls, many, MANY), 0);
        if (i & 2)
            weft_transport_close(client.tls);
        double start = sim_now();
        weft_transport_abort(client.tls);
        ck_assert_int_eq(client.probe.lost, 0); /* TRAN-07 */
        weft_transport_abort(client.tls);
        end_await(&client);
        ck_assert_double_eq_tol(sim_now() - start, 0, 0.001);
        ck_assert_int_eq(client.probe.lost_code, 0);
        weft_transport_abort(server.tls);
        end_await(&server);
        ck_assert_no_timer();
        ends_free(&client, &server);
    }
    ck_assert_int_eq(reports_count, 0);
    trust_free(&trust);
    return 0;
}

/* A record that somebody has changed on its way: the connection ends with a TLS error on both sides,
 * and nothing of it is delivered. */
START_SIM(a_changed_record)
{
    struct trust trust = trust_make();
    struct end client = {0}, server = {0};
    struct relay relay = relay_open(&client, &server, &trust);
    relay_until(&relay, SIZE_MAX, client.shaken && server.shaken);
    end_send(&client, "sound");
    relay_until(&relay, SIZE_MAX, server.probe.bytes == 5);
    end_send(&client, "broken");
    char record[64];
    ssize_t n = recv(relay.client, record, sizeof(record), 0);
    ck_assert_int_gt(n, 10);
    record[n - 1] ^= 1;
    ck_assert_int_eq(send(relay.server, record, (size_t)n, 0), n);
    relay_until(&relay, SIZE_MAX, client.probe.lost && server.probe.lost);
    ck_assert_int_eq(server.probe.lost_code, WEFT_ESSL);
    ck_assert_int_eq(client.probe.lost_code, WEFT_ESSL);
    ck_assert_uint_eq(server.probe.bytes, 5);
    ck_assert_int_eq(reports_count, 0); /* TRAN-11 */
    ck_assert_no_timer();
    ends_free(&client, &server);
    relay_close(&relay);
    trust_free(&trust);
    return 0;
}

/* TRAN-10: a protocol that fails aborts its connection with that error. */
START_SIM(a_protocol_fails)
{
    struct trust trust = trust_make();
    for (int i = 0; i < 2; i++) {
        struct end client = {0},
                   server = {.probe.fail_in_data = i ? 0 : -EIO, .probe.fail_in_eof = i ? -EIO : 0};
        ends_connect(&client, &server, &trust);
        reports_count = 0;
        if (i)
            weft_transport_close(client.tls);
        else
            end_send(&client, "hello");
        end_await(&server);
        ck_assert_int_eq(server.probe.lost_code, -EIO);
        ck_assert_int_eq(reports_count, 1);
        ck_assert_int_eq(reports_code, -EIO);
        end_await(&client);
        ends_free(&client, &server);
    }
    trust_free(&trust);
    return 0;
}

/* A transport that its last owner gives back unclosed is closed, and that is reported (WRIT-24). */
START_SIM(given_up_unclosed)
{
    struct trust trust = trust_make();
    struct end client = {0}, server = {0};
    ends_connect(&client, &server, &trust);
    weft_transport_unref(client.tls);
    ck_assert_int_eq(reports_count, 1);
    end_await(&server);
    probe_await(&client.probe, client.probe.lost);
    ck_assert_int_eq(client.probe.lost_code, 0);
    weft_transport_unref(client.lower);
    end_free(&server);
    trust_free(&trust);
    return 0;
}

SUITE("tls_shutdown", close_sends_what_is_buffered, both_close_at_once, paused_at_the_end,
      a_peer_that_does_not_answer, after_close_everything_is_dropped, closed_under_a_stream,
      ended_without_the_alert, no_half_close, the_connection_is_reset, abort_at_any_time,
      a_changed_record, a_protocol_fails, given_up_unclosed)
