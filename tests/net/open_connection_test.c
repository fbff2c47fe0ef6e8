/*
 * open_connection_test.c - connections over Unix sockets, with protocols of one's own, and of sockets
 * that were accepted elsewhere.
 */
#include <errno.h>
#include <netdb.h>
#include <sys/un.h>

#include "api/ssl.h"
#include "tests/net/hosts.h"
#include "tests/net/probe.h"
#include "tests/net/resolver.h"

/* A Unix socket that listens, in a folder of its own. */
struct place {
    char folder[32], path[64];
    weft_socket *listener;
};

static void place_open(struct place *place)
{
    weft_address address;

    snprintf(place->folder, sizeof(place->folder), "/tmp/weft-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(place->folder));
    snprintf(place->path, sizeof(place->path), "%s/socket", place->folder);
    ck_assert_int_eq(weft_address_unix(place->path, strlen(place->path), &address), 0);
    place->listener = weft_socket_new(AF_UNIX, SOCK_STREAM, 0);
    ck_assert_int_eq(weft_socket_bind(place->listener, &address), 0);
    ck_assert_int_eq(weft_socket_listen(place->listener, 5), 0);
}

static void place_close(struct place *place)
{
    weft_socket_close(place->listener);
    unlink(place->path);
    rmdir(place->folder);
}

static weft_stream_reader *reader;
static weft_stream_writer *writer;

/* What was sent comes to the other side of a new connection, which is closed. */
static void talk(weft_socket *listener)
{
    weft_socket *peer;
    char buffer[8];

    ck_assert_int_eq(weft_sock_accept(listener, &peer, NULL), 0);
    ck_assert_int_eq(weft_stream_write(writer, "hello", 5), 0);
    ck_assert_int_eq(weft_sock_recv(peer, buffer, sizeof(buffer)), 5);
    weft_stream_close(writer);
    ck_assert_int_eq(weft_sock_recv(peer, buffer, sizeof(buffer)), 0);
    weft_stream_reader_unref(reader);
    weft_stream_writer_unref(writer);
    weft_socket_close(peer);
}

/* CONN-20: a path. CONN-22: or an address, with any bytes. */
START_SIM(unix_paths)
{
    struct place place;
    weft_address address;
    char said[128];

    place_open(&place);
    ck_assert_int_eq(weft_open_unix_connection(place.path, NULL, &reader, &writer), 0);
    talk(place.listener);
    ck_assert_int_eq(weft_address_unix(place.path, strlen(place.path), &address), 0);
    ck_assert_int_eq(weft_open_unix_connection_at(&address, NULL, &reader, &writer), 0);
    talk(place.listener);
    unlink(place.path);
    ck_assert_int_eq(weft_open_unix_connection(place.path, NULL, &reader, &writer), -ENOENT);
    snprintf(said, sizeof(said), "connect to %s: No such file or directory", place.path);
    ck_assert_str_eq(sim_said(), said);
    place_close(&place);

    /* An abstract name: the system finds one that is free. */
    weft_socket *listener = weft_socket_new(AF_UNIX, SOCK_STREAM, 0);
    address = (weft_address){.bytes = sizeof(sa_family_t), .un.sun_family = AF_UNIX};
    ck_assert_int_eq(weft_socket_bind(listener, &address), 0);
    ck_assert_int_eq(weft_socket_listen(listener, 5), 0);
    ck_assert_int_eq(weft_socket_getsockname(listener, &address), 0);
    ck_assert_int_eq(address.un.sun_path[0], '\0');
    ck_assert_int_eq(weft_open_unix_connection_at(&address, NULL, &reader, &writer), 0);
    talk(listener);
    weft_socket_close(listener);
    return 0;
}

/* CONN-21, CONN-23, CONN-19: what does not go together. */
START_SIM(unix_refused)
{
    weft_socket *pair[2], *tcp = weft_socket_new(AF_INET, SOCK_STREAM, 0);
    weft_socket *datagrams = weft_socket_new(AF_UNIX, SOCK_DGRAM, 0);
    weft_address address;
    char path[200] = "";
    weft_ssl_context *ssl = (weft_ssl_context *)(void *)pair; /* never looked into */

    ck_assert_int_eq(weft_socketpair(pair), 0);
    memset(path, 'x', sizeof(path) - 1);
    const struct {
        const char *path;
        weft_connection_options options;
        int code;
        const char *said;
    } cases[] = {
        {"/a", {.sock = pair[0]}, -EINVAL, "a path or a socket, but not both"},
        {NULL, {0}, -EINVAL, "neither a path nor a socket is given"},
        {NULL, {.sock = datagrams}, -EINVAL, "the socket is not a stream socket"},
        {NULL, {.sock = tcp}, -EINVAL, "the socket is not a Unix socket"},
        {"/a", {.ssl = ssl}, -EINVAL, "with ssl and no host, server_hostname must be set"},
        {"/a", {.server_hostname = "a"}, -EINVAL, "server_hostname means nothing without ssl"},
        {"/a",
         {.ssl_handshake_timeout = 1},
         -EINVAL,
         "ssl_handshake_timeout means nothing without ssl"},
        {"", {0}, -EINVAL, "\"\" cannot be the path of a socket"},
        {path, {0}, -ENAMETOOLONG, NULL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        ck_assert_int_eq(
            weft_open_unix_connection(cases[i].path, &cases[i].options, &reader, &writer),
            cases[i].code);
        if (cases[i].said)
            ck_assert_str_eq(sim_said(), cases[i].said);
    }
    ck_assert_int_eq(weft_address_numeric("::1", 1, &address), 0);
    ck_assert_int_eq(weft_open_unix_connection_at(&address, NULL, &reader, &writer), -EINVAL);
    ck_assert_int_eq(weft_open_unix_connection("/a", NULL, NULL, &writer), -EINVAL);

    weft_connection_options options = {.sock = pair[0]};
    ck_assert_int_eq(weft_open_unix_connection(NULL, &options, &reader, &writer), 0);
    weft_stream_close(writer);
    weft_stream_reader_unref(reader);
    weft_stream_writer_unref(writer);
    weft_socket_close(pair[1]);
    weft_socket_close(tcp);
    weft_socket_close(datagrams);
    return 0;
}

/* A protocol of one's own has been told when the call returns. */
START_SIM(with_a_protocol)
{
    weft_socket *listener = listen_at("127.0.0.1", 0, 5), *peer;
    struct probe client = {.protocol.ops = &probe_ops};
    weft_transport *transport = NULL;
    char port[8];

    snprintf(port, sizeof(port), "%u", (uint16_t)port_of(listener));
    ck_assert_int_eq(weft_create_connection(&client.protocol, "127.0.0.1", port, NULL, &transport),
                     0);
    ck_assert_int_eq(client.made, 1);
    ck_assert_ptr_eq(client.transport, transport);
    weft_transport_unref(transport);
    ck_assert_int_eq(weft_sock_accept(listener, &peer, NULL), 0);
    ck_assert_int_eq(weft_sock_sendall(peer, "data", 4), 0);
    weft_socket_close(peer);
    probe_await(&client, client.lost);
    weft_transport_unref(client.transport);
    ck_assert_trace("made data eof lost");
    weft_socket_close(listener);

    transport = NULL;
    client = (struct probe){.protocol.ops = &probe_ops};
    ck_assert_int_eq(weft_create_connection(&client.protocol, "127.0.0.1", port, NULL, &transport),
                     -ECONNREFUSED);
    ck_assert_ptr_null(transport);
    ck_assert_trace("");
    ck_assert_int_eq(weft_create_connection(NULL, "::1", port, NULL, &transport), -EINVAL);
    ck_assert_int_eq(weft_create_connection(&client.protocol, "::1", port, NULL, NULL), -EINVAL);
    return 0;
}

struct connecting {
    struct probe probe;
    const char *port, *path;
    weft_socket *accepted;
};

COROUTINE(connect_probe)
{
    struct connecting *c = arg;
    weft_transport *transport = NULL;
    int rc;
    if (c->accepted)
        rc = weft_connect_accepted_socket(&c->probe.protocol, c->accepted, NULL, &transport);
    else if (c->path)
        rc = weft_create_unix_connection(&c->probe.protocol, c->path, NULL, &transport);
    else
        rc = weft_create_connection(&c->probe.protocol, "127.0.0.1", c->port, NULL, &transport);
    weft_transport_abort(transport);
    weft_transport_unref(transport);
    return rc;
}

/* CONN-17: after a cancelled call the protocol is the caller's: it was told of both ends, or none. */
START_SIM(cancelled_with_a_protocol)
{
    weft_socket *listener = listen_at("127.0.0.1", 0, 100);
    char port[8];
    bool done = false;
    int turns = 0;

    snprintf(port, sizeof(port), "%u", (uint16_t)port_of(listener));
    for (; !done; turns++) {
        struct connecting c = {.probe.protocol.ops = &probe_ops, .port = port};
        weft_task *task = weft_create_task(connect_probe, &c, NULL);
        sim_pass(turns);
        done = weft_done(task);
        weft_cancel(task);
        ck_assert_int_eq(weft_join(task, NULL), done ? 0 : WEFT_ECANCELLED);
        if (done)
            probe_await(&c.probe, c.probe.lost);
        ck_assert_int_eq(c.probe.made, c.probe.lost);
        weft_transport_unref(c.probe.transport);
        trace_clear();
    }
    ck_assert_int_gt(turns, 2);
    ck_assert_int_eq(reports_count, 0);
    weft_socket_close(listener);
    return 0;
}

static weft_task *cancelled_in_made;

static int made_cancels(weft_protocol *protocol, weft_transport *transport)
{
    weft_cancel(cancelled_in_made);
    return probe_made(protocol, transport);
}

/* CONN-17: cancelled when the protocol has been told, and the call is about to return. */
START_SIM(cancelled_at_the_end)
{
    weft_protocol_ops ops = probe_ops;
    struct place place;

    place_open(&place);
    ops.connection_made = made_cancels;
    struct connecting c = {.probe.protocol.ops = &ops, .path = place.path};
    cancelled_in_made = weft_create_task(connect_probe, &c, NULL);
    ck_assert_int_eq(weft_join(cancelled_in_made, NULL), WEFT_ECANCELLED);
    ck_assert_trace("made lost");
    weft_transport_unref(c.probe.transport);
    ck_assert_int_eq(reports_count, 0);
    place_close(&place);
    return 0;
}

/* CONN-24: a socket that was accepted elsewhere; it must be a stream socket. */
START_SIM(accepted_elsewhere)
{
    int ends[2];
    struct probe server = {.protocol.ops = &probe_ops};
    weft_transport *transport = NULL;

    tcp_pair(ends);
    weft_socket *datagrams = weft_socket_new(AF_INET, SOCK_DGRAM, 0);
    weft_socket *sock = weft_socket_from_fd(ends[0]);
    ck_assert_int_eq(weft_connect_accepted_socket(&server.protocol, datagrams, NULL, &transport),
                     -EINVAL);
    ck_assert_str_eq(sim_said(), "the socket is not a stream socket");
    ck_assert_int_eq(weft_connect_accepted_socket(&server.protocol, NULL, NULL, &transport),
                     -EINVAL);
    ck_assert_int_eq(weft_connect_accepted_socket(
                         &server.protocol, sock,
                         &(weft_accepted_options){.ssl_handshake_timeout = 1}, &transport),
                     -EINVAL);
    ck_assert_str_eq(sim_said(), "ssl_handshake_timeout means nothing without ssl");
    ck_assert_int_eq(weft_connect_accepted_socket(&server.protocol, sock, NULL, &transport), 0);
    ck_assert_int_eq(server.made, 1);
    weft_transport_unref(transport);
    peer_send(ends[1], "ping");
    probe_await(&server, server.bytes == 4);
    ck_assert_int_eq(weft_transport_write(server.transport, "pong", 4), 0);
    ck_assert_str_eq(peer_received(ends[1]), "pong");
    close(ends[1]);
    probe_await(&server, server.lost);
    weft_transport_unref(server.transport);
    ck_assert_trace("made ping eof lost");
    weft_socket_close(datagrams);
    return 0;
}

/* ---- TLS that cannot be had ---- */

static int wraps;

static weft_transport *wrap_in_vain(weft_ssl_context *context, weft_transport *lower,
                                    weft_protocol *protocol, const struct ssl_wrap *wrap)
{
    (void)context;
    wraps++;
    ck_assert_ptr_eq(weft_transport_get_protocol(lower), protocol);
    trace("%s:%g:%g:%s", wrap->server_side ? "server" : "client", wrap->handshake_timeout,
          wrap->shutdown_timeout, wrap->server_hostname ? wrap->server_hostname : "-");
    errno = ENOMEM;
    return NULL;
}

/* The protocol is told nothing of a connection that TLS cannot be put on, which is closed. */
START_SIM(no_tls)
{
    static const struct ssl_ops ops = {.wrap = wrap_in_vain};
    struct weft_ssl_context context = {.ops = &ops};
    weft_socket *listener = listen_at("127.0.0.1", 0, 5);
    struct probe probe = {.protocol.ops = &probe_ops};
    weft_transport *transport = NULL;
    weft_connection_options options = {.ssl = &context};
    char port[8];
    int ends[2];

    snprintf(port, sizeof(port), "%u", (uint16_t)port_of(listener));
    int descriptors = count_descriptors();
    ck_assert_int_eq(
        weft_create_connection(&probe.protocol, "127.0.0.1", port, &options, &transport), -ENOMEM);
    sim_pass(3);
    int opened = count_descriptors() - descriptors; /* the poller's, if that */
    ck_assert_int_le(opened, poller_descriptors());
    options.server_hostname = "";
    options.ssl_handshake_timeout = 3;
    options.ssl_shutdown_timeout = 4;
    ck_assert_int_eq(
        weft_create_connection(&probe.protocol, "127.0.0.1", port, &options, &transport), -ENOMEM);
    sim_pass(3);
    ck_assert_int_eq(count_descriptors() - descriptors, opened);

    unix_pair(ends);
    weft_socket *sock = weft_socket_from_fd(ends[0]);
    ck_assert_int_eq(weft_connect_accepted_socket(&probe.protocol, sock,
                                                  &(weft_accepted_options){.ssl = &context},
                                                  &transport),
                     -ENOMEM);
    sim_pass(3);
    ck_assert_str_eq(peer_received(ends[1]), "end"); /* the socket is closed */
    close(ends[1]);
    ck_assert_int_eq(probe.made + probe.lost, 0);
    ck_assert_int_eq(wraps, 3);
    ck_assert_trace("client:60:30:127.0.0.1 client:3:4: server:60:30:-");
    ck_assert_int_eq(reports_count, 0);
    weft_socket_close(listener);
    return 0;
}

/* ---- Faults ---- */

static struct place stage;
static char stage_port[8];

COROUTINE(connect_both)
{
    struct connecting c = {.probe.protocol.ops = &probe_ops, .port = stage_port};
    for (int i = 0; i < 2; i++) {
        c.probe.made = c.probe.lost = 0;
        c.path = i ? stage.path : NULL;
        int rc = connect_probe(&c, NULL);
        if (rc == 0)
            probe_await(&c.probe, c.probe.lost);
        ck_assert_int_eq(c.probe.made, c.probe.lost);
        weft_transport_unref(c.probe.transport);
        c.probe.transport = NULL;
        if (rc)
            return rc;
    }
    weft_connection_options options = {.local_host = "127.0.0.5"};
    int rc = weft_open_connection("host", stage_port, &options, &reader, &writer);
    if (rc)
        return rc;
    weft_stream_close(writer);
    rc = weft_stream_wait_closed(writer);
    weft_stream_reader_unref(reader);
    weft_stream_writer_unref(writer);
    return rc;
}

static void connect_scenario(void)
{
    resolver_install("127.0.0.1 127.0.0.1");
    ck_assert_fault_only(weft_run(connect_both, NULL, NULL));
}

static unsigned long connect_faults(enum fault_site site, int error)
{
    return run_with_each_fault(site, error, connect_scenario);
}

/* Each allocation and system call fails once: the call says so, or does without. */
START_TEST(faults)
{
    weft_socket *listener = listen_at("127.0.0.1", 0, 1000);
    snprintf(stage_port, sizeof(stage_port), "%u", (uint16_t)port_of(listener));
    place_open(&stage);
    ck_assert_int_eq(weft_socket_listen(stage.listener, 1000), 0);
    ck_assert_uint_gt(connect_faults(FAULT_ALLOC, ENOMEM), 20);
    ck_assert_uint_ge(connect_faults(FAULT_SOCKET, EMFILE), 3);
    ck_assert_uint_ge(connect_faults(FAULT_BIND, EADDRINUSE), 1);
    ck_assert_uint_ge(connect_faults(FAULT_CONNECT, ENETUNREACH), 3);
    ck_assert_uint_ge(connect_faults(FAULT_EPOLL_CTL, ENOSPC), 3);
    ck_assert_uint_ge(connect_faults(FAULT_EPOLL_CREATE, EMFILE), 1);
    ck_assert_uint_ge(connect_faults(FAULT_EVENTFD, EMFILE), 1);
    ck_assert_uint_ge(connect_faults(FAULT_SOCKOPT, ENOPROTOOPT), 2);
    place_close(&stage);
    weft_socket_close(listener);
}
END_TEST

SUITE("open_connection", unix_paths, unix_refused, with_a_protocol, cancelled_with_a_protocol,
      cancelled_at_the_end, accepted_elsewhere, no_tls, faults)
