/*
 * connect_test.c - connections with TLS from the start: to a host, over Unix sockets, and of sockets that
 * were accepted elsewhere.
 */
#include <errno.h>
#include <weft/connect.h>

#include "tests/net/probe.h"
#include "tests/tls/certificates.h"

/* A server of one connection at a time: accepts, and puts a probe behind TLS on it. */
struct inn {
    struct trust trust;
    weft_socket *listener;
    char port[8];
    struct probe guest;
    weft_task *keeper;
    int rc; /* of the latest accepted connection */
};

COROUTINE(keep_inn)
{
    struct inn *inn = arg;
    weft_accepted_options options = {.ssl = inn->trust.server_context};
    weft_socket *sock;
    weft_transport *transport;
    int rc = weft_sock_accept(inn->listener, &sock, NULL);

    if (rc)
        return rc;
    inn->guest = (struct probe){.protocol.ops = &probe_ops, .name = "server:"};
    inn->rc = weft_connect_accepted_socket(&inn->guest.protocol, sock, &options, &transport);
    if (inn->rc)
        return inn->rc;
    weft_transport_unref(transport);
    probe_await(&inn->guest, inn->guest.lost);
    return 0;
}

static void inn_open(struct inn *inn)
{
    weft_address address;

    inn->trust = trust_make();
    inn->listener = weft_socket_new(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(weft_address_numeric("127.0.0.1", 0, &address), 0);
    ck_assert_int_eq(weft_socket_bind(inn->listener, &address), 0);
    ck_assert_int_eq(weft_socket_listen(inn->listener, 100), 0);
    ck_assert_int_eq(weft_socket_getsockname(inn->listener, &address), 0);
    snprintf(inn->port, sizeof(inn->port), "%u", (uint16_t)weft_address_port(&address));
}

/* Takes the next guest. */
static void inn_serve(struct inn *inn)
{
    inn->keeper = weft_create_task(keep_inn, inn, NULL);
}

/* The guest has left, whichever way. */
static int inn_await(struct inn *inn)
{
    int rc = weft_join(inn->keeper, NULL);
    weft_transport_unref(inn->guest.transport);
    inn->guest.transport = NULL;
    return rc;
}

static void inn_close(struct inn *inn)
{
    weft_socket_close(inn->listener);
    trust_free(&inn->trust);
}

static weft_stream_reader *reader;
static weft_stream_writer *writer;

static void hang_up(void)
{
    weft_stream_close(writer);
    ck_assert_int_eq(weft_stream_wait_closed(writer), 0);
    weft_stream_reader_unref(reader);
    weft_stream_writer_unref(writer);
}

/* CONN-24: a socket that was accepted elsewhere, with TLS. TLSS-01: a context is used as given.
 * TLSS-02: the name is the host, unless it is set. */
START_SIM(both_sides)
{
    struct inn inn;
    char *data;

    inn_open(&inn);
    weft_connection_options options = {.ssl = inn.trust.client_context};
    for (int named = 0; named < 2; named++) {
        options.server_hostname = named ? "localhost" : NULL;
        inn_serve(&inn);
        ck_assert_int_eq(weft_open_connection("127.0.0.1", inn.port, &options, &reader, &writer),
                         0);
        ck_assert_int_eq(weft_stream_write(writer, "ping", 4), 0);
        probe_await(&inn.guest, inn.guest.bytes == 4);
        ck_assert_int_eq(weft_transport_write(inn.guest.transport, "pong", 4), 0);
        ck_assert_int_eq(weft_stream_readexactly(reader, 4, &data), 4);
        ck_assert_ptr_eq(weft_stream_get_extra_info(writer, "sslcontext", NULL), options.ssl);
        ck_assert_ptr_nonnull(weft_stream_get_extra_info(writer, "peercert", NULL));
        hang_up();
        ck_assert_int_eq(inn_await(&inn), 0);
    }
    ck_assert_trace("server:made server:ping server:eof server:lost "
                    "server:made server:ping server:eof server:lost");
    ck_assert_int_eq(reports_count, 0);
    inn_close(&inn);
    return 0;
}

struct accepted {
    struct probe probe;
    weft_socket *sock;
    weft_accepted_options options;
};

COROUTINE(accept_one)
{
    struct accepted *accepted = arg;
    weft_transport *transport;
    int rc = weft_connect_accepted_socket(&accepted->probe.protocol, accepted->sock,
                                          &accepted->options, &transport);
    if (!rc)
        weft_transport_unref(transport);
    return rc;
}

/* CONN-23: over a Unix socket the name must be given. */
START_SIM(unix_socket)
{
    struct trust trust = trust_make();
    int ends[2];

    unix_pair(ends);
    struct accepted server = {.probe.protocol.ops = &probe_ops,
                              .sock = weft_socket_from_fd(ends[1]),
                              .options.ssl = trust.server_context};
    weft_connection_options options = {.ssl = trust.client_context,
                                       .sock = weft_socket_from_fd(ends[0])};
    ck_assert_int_eq(weft_open_unix_connection(NULL, &options, &reader, &writer), -EINVAL);
    options.server_hostname = "localhost";
    weft_task *task = weft_create_task(accept_one, &server, NULL);
    ck_assert_int_eq(weft_open_unix_connection(NULL, &options, &reader, &writer), 0);
    ck_assert_int_eq(weft_join(task, NULL), 0);
    ck_assert_int_eq(weft_stream_write(writer, "hello", 5), 0);
    probe_await(&server.probe, server.probe.bytes == 5);
    hang_up();
    probe_await(&server.probe, server.probe.lost);
    weft_transport_unref(server.probe.transport);
    ck_assert_trace("made hello eof lost");
    trust_free(&trust);
    return 0;
}

/* TLSS-03: a certificate that is not trusted: nobody is told of a connection, and all is closed. */
START_SIM(not_trusted)
{
    struct inn inn;
    struct trust stranger = trust_make();
    struct probe client = {.protocol.ops = &probe_ops};
    weft_transport *transport = NULL;

    inn_open(&inn);
    inn_serve(&inn);
    weft_connection_options options = {.ssl = stranger.client_context};
    ck_assert_int_eq(
        weft_create_connection(&client.protocol, "127.0.0.1", inn.port, &options, &transport),
        WEFT_ESSLCERTVERIFY);
    ck_assert_ptr_nonnull(strstr(sim_said(), "certificate"));
    ck_assert_ptr_null(transport);
    ck_assert_int_eq(client.made + client.lost, 0);
    ck_assert_int_lt(inn_await(&inn), 0);
    ck_assert_int_eq(inn.guest.made + inn.guest.lost, 0);
    ck_assert(wheel_is_empty(&weft_get_running_loop()->wheel));
    ck_assert_trace("");
    trust_free(&stranger);
    inn_close(&inn);
    return 0;
}

/* TLSS-04: a peer that says nothing. */
START_SIM(no_handshake)
{
    struct inn inn;
    struct probe client = {.protocol.ops = &probe_ops};
    weft_transport *transport = NULL;

    inn_open(&inn);
    weft_connection_options options = {.ssl = inn.trust.client_context, .ssl_handshake_timeout = 5};
    ck_assert_int_eq(
        weft_create_connection(&client.protocol, "127.0.0.1", inn.port, &options, &transport),
        -ECONNABORTED);
    ck_assert(sim_now() >= 5 && sim_now() < 5.001);
    options.ssl_handshake_timeout = 0; /* asyncio's default is a minute */
    ck_assert_int_eq(
        weft_create_connection(&client.protocol, "127.0.0.1", inn.port, &options, &transport),
        -ECONNABORTED);
    ck_assert(sim_now() >= 65 && sim_now() < 65.001);
    ck_assert_int_eq(client.made + client.lost, 0);
    inn_close(&inn);
    return 0;
}

struct caller {
    struct inn *inn;
    struct probe probe;
};

COROUTINE(call_inn)
{
    struct caller *caller = arg;
    weft_connection_options options = {.ssl = caller->inn->trust.client_context};
    weft_transport *transport = NULL;
    int rc = weft_create_connection(&caller->probe.protocol, "127.0.0.1", caller->inn->port,
                                    &options, &transport);
    weft_transport_abort(transport);
    weft_transport_unref(transport);
    return rc;
}

/* Whom nobody has taken. */
static void turn_away(const struct inn *inn)
{
    int fd;
    while ((fd = accept4(weft_socket_fileno(inn->listener), NULL, NULL, SOCK_NONBLOCK)) >= 0)
        close(fd);
}

/* One call, in which a side is cancelled after so many turns. True: it was over by then. */
static bool call_and_cancel(struct inn *inn, int turns, bool server)
{
    struct caller caller = {.inn = inn, .probe.protocol.ops = &probe_ops};
    inn_serve(inn);
    weft_task *task = weft_create_task(call_inn, &caller, NULL);
    sim_pass(turns);
    bool done = weft_done(task);
    weft_cancel(server ? inn->keeper : task);
    int rc = weft_join(task, NULL);
    if (!done && !server)
        ck_assert_int_eq(rc, WEFT_ECANCELLED);
    weft_cancel(inn->keeper);
    (void)inn_await(inn);
    if (rc)
        ck_assert_int_eq(caller.probe.made, caller.probe.lost);
    else
        probe_await(&caller.probe, caller.probe.lost);
    weft_transport_unref(caller.probe.transport);
    turn_away(inn);
    trace_clear();
    return done;
}

/* CONN-17: cancelled at whatever step, on either side: nothing stays open, no timer is left, and a
 * protocol was told of both ends or none. */
START_SIM(cancelled_anywhere)
{
    struct inn inn;
    bool done = false;
    int turns = 100, descriptors, steps = 0;

    inn_open(&inn);
    while (!call_and_cancel(&inn, turns, false))
        turns += 100;
    sim_pass(5);
    descriptors = count_descriptors();
    /* A busy loop looks at its descriptors from time to time only: most turns are alike. */
    for (turns = 0; !done; turns += 7, steps++) {
        done = call_and_cancel(&inn, turns, false);
        done = call_and_cancel(&inn, turns, true) && done;
        sim_pass(5);
        ck_assert_int_eq(count_descriptors(), descriptors);
        ck_assert(wheel_is_empty(&weft_get_running_loop()->wheel));
    }
    ck_assert_int_gt(steps, 5);
    inn_close(&inn);
    return 0;
}

SUITE("tls_connect", both_sides, unix_socket, not_trusted, no_handshake, cancelled_anywhere)
