/*
 * secured.h - both ends of a TLS connection in one loop: probes behind TLS, over sockets.
 *
 *     client probe <-> TLS <-> socket <-> [relay] <-> socket <-> TLS <-> server probe
 *
 * With a relay in between the test moves the bytes itself, as many at a time as it likes.
 */
#ifndef WEFT_TESTS_TLS_SECURED_H
#define WEFT_TESTS_TLS_SECURED_H

#include "api/ssl.h"
#include "tests/net/probe.h"
#include "tests/tls/certificates.h"

/* One end. */
struct end {
    struct probe probe;
    weft_transport *lower, *tls;
    int shaken, code; /* how often the handshake's end was told, and which it was */
    char message[256];
};

static void end_shaken(void *arg, int code, weft_error *error)
{
    struct end *end = arg;
    const char *message = weft_error_message(error);
    end->shaken++;
    end->code = code;
    snprintf(end->message, sizeof(end->message), "%s", message ? message : "");
    weft_event_set(&end->probe.told);
}

/* The socket's own protocol, which is called by nobody. */
static const weft_protocol_ops nobody_ops = {.dropped = NULL};
static weft_protocol nobody = {&nobody_ops};

static const struct ssl_wrap client_wrap = {.connection_made = true,
                                            .server_hostname = "localhost",
                                            .handshake_timeout = SSL_HANDSHAKE_TIMEOUT,
                                            .shutdown_timeout = SSL_SHUTDOWN_TIMEOUT,
                                            .shaken = end_shaken};
static const struct ssl_wrap server_wrap = {.server_side = true,
                                            .connection_made = true,
                                            .handshake_timeout = SSL_HANDSHAKE_TIMEOUT,
                                            .shutdown_timeout = SSL_SHUTDOWN_TIMEOUT,
                                            .shaken = end_shaken};

/* TLS over a lower transport. */
static inline void end_wrap(struct end *end, weft_transport *lower, weft_ssl_context *context,
                            const struct ssl_wrap *wrap)
{
    struct ssl_wrap mine = *wrap;
    mine.arg = end;
    if (!end->probe.protocol.ops)
        end->probe.protocol.ops = &probe_ops;
    end->probe.no_ref = true;
    end->lower = weft_transport_ref(lower);
    end->tls = context->ops->wrap(context, lower, &end->probe.protocol, &mine);
    ck_assert_ptr_nonnull(end->tls);
}

/* TLS over a new socket transport. */
static inline void end_open(struct end *end, int fd, weft_ssl_context *context,
                            const struct ssl_wrap *wrap)
{
    weft_transport *lower = wf_socket_transport_new(weft_get_running_loop(), fd, &nobody, NULL);
    ck_assert_ptr_nonnull(lower);
    end_wrap(end, lower, context, wrap);
    weft_transport_unref(lower);
}

/* Waits until the lower transport is gone and everything about it was told. */
static inline void end_await(struct end *end)
{
    if (end->probe.made)
        probe_await(&end->probe, end->probe.lost);
    while (!end->tls->lost)
        ck_assert_int_eq(weft_sleep(0), 0);
}

static inline void end_free(struct end *end)
{
    ck_assert_int_eq(end->shaken, 1);
    ck_assert_int_le(end->probe.lost, end->probe.made);
    weft_transport_unref(end->tls);
    weft_transport_unref(end->lower);
    end->tls = end->lower = NULL;
}

/* Aborts what is open, waits for the ends, and gives all back. */
static inline void ends_free(struct end *a, struct end *b)
{
    weft_transport_abort(a->tls);
    weft_transport_abort(b->tls);
    end_await(a);
    end_await(b);
    end_free(a);
    end_free(b);
}

/* Both sides over a pair of sockets, with the handshake begun. */
static inline void ends_open(struct end *client, struct end *server, const struct trust *trust)
{
    int fds[2];
    unix_pair(fds);
    end_open(client, fds[0], trust->client_context, &client_wrap);
    end_open(server, fds[1], trust->server_context, &server_wrap);
}

/* And until it is done. */
static inline void ends_connect(struct end *client, struct end *server, const struct trust *trust)
{
    ends_open(client, server, trust);
    probe_await(&client->probe, client->shaken);
    probe_await(&server->probe, server->shaken);
    ck_assert_str_eq(client->message, "");
    ck_assert_str_eq(server->message, "");
    ck_assert_int_eq(client->code, 0);
    ck_assert_int_eq(server->code, 0);
}

/* Nothing of ours is left in the loop (TLSS-14). */
static inline void ck_assert_no_timer(void)
{
    ck_assert(wheel_is_empty(&weft_get_running_loop()->wheel));
}

static inline void end_send(struct end *end, const char *text)
{
    ck_assert_int_eq(weft_transport_write(end->tls, text, strlen(text)), 0);
}

#endif
