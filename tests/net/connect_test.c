/*
 * connect_test.c - connections by streams: what a call makes, refuses, and leaves behind.
 */
#include <netinet/tcp.h>

#include "tests/net/connecting.h"
#include "tests/net/resolver.h"
#include "tests/support/faults.h"

/* CONN-01: a reader and a writer. CONN-18: without delay. CONN-07: a numeric port. */
START_SIM(reader_and_writer)
{
    weft_socket *listener = listen_at("127.0.0.1", 0, 5), *peer;
    char port[8], *line, buffer[8];
    int nodelay = 0;
    socklen_t bytes = sizeof(nodelay);

    resolver_install(NULL);
    snprintf(port, sizeof(port), "%u", (uint16_t)port_of(listener));
    ck_assert_int_eq(connect_to("127.0.0.1", port, NULL), 0);
    ck_assert_int_eq(weft_sock_accept(listener, &peer, NULL), 0);
    ck_assert_int_eq(weft_stream_write(writer, "hello", 5), 0);
    ck_assert_int_eq(weft_sock_recv(peer, buffer, sizeof(buffer)), 5);
    ck_assert_int_eq(weft_sock_sendall(peer, "line\n", 5), 0);
    ck_assert_int_eq(weft_stream_readline(reader, &line), 5);
    ck_assert_str_eq(line, "line\n");
    const weft_transport_socket *socket = weft_stream_get_extra_info(writer, "socket", NULL);
    ck_assert_int_eq(
        weft_transport_socket_getsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &nodelay, &bytes), 0);
    ck_assert_int_ne(nodelay, 0);
    ck_assert_int_eq(resolver.calls, 0);
    hang_up();
    weft_socket_close(peer);
    weft_socket_close(listener);
    return 0;
}

/* CONN-05, CONN-16, CONN-19: what does not go together. Nothing is opened, and a socket stays. */
START_SIM(refused_options)
{
    weft_socket *pair[2], *datagrams = weft_socket_new(AF_INET, SOCK_DGRAM, 0);
    weft_ssl_context *ssl = (weft_ssl_context *)(void *)pair; /* never looked into */

    ck_assert_int_eq(weft_socketpair(pair), 0);
    wf_fault_arm(FAULT_SOCKET, 1000, EMFILE, false); /* counts the calls */
    const struct {
        const char *host, *port;
        weft_connection_options options;
        const char *said;
    } cases[] = {
        {"::1", NULL, {.sock = pair[0]}, "host and port, or a socket, but not both"},
        {NULL, "80", {.sock = pair[0]}, "host and port, or a socket, but not both"},
        {NULL, NULL, {0}, "neither host and port nor a socket is given"},
        {NULL, NULL, {.sock = datagrams}, "the socket is not a stream socket"}, /* CONN-06 */
        {"::1", "1", {.limit = (size_t)-1}, "a reader's limit is at least one byte"},
        {"::1", "1", {.happy_eyeballs_delay = -1}, "happy_eyeballs_delay is less than 0"},
        {"::1", "1", {.happy_eyeballs_delay = NAN}, "happy_eyeballs_delay is less than 0"},
        {"::1", "1", {.server_hostname = "a"}, "server_hostname means nothing without ssl"},
        {"::1",
         "1",
         {.ssl_handshake_timeout = 1},
         "ssl_handshake_timeout means nothing without ssl"},
        {"::1",
         "1",
         {.ssl_shutdown_timeout = NAN},
         "ssl_shutdown_timeout means nothing without ssl"},
        {"::1",
         "1",
         {.ssl = ssl, .ssl_handshake_timeout = -1},
         "a time-out of TLS must be more than 0"},
        {"::1",
         "1",
         {.ssl = ssl, .ssl_shutdown_timeout = NAN},
         "a time-out of TLS must be more than 0"},
        {NULL,
         NULL,
         {.ssl = ssl, .sock = pair[0]},
         "with ssl and no host, server_hostname must be set"},
        {"", "1", {.ssl = ssl}, "with ssl and no host, server_hostname must be set"},
        {"::1", "65536", {0}, "port 65536 is not in 0-65535"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        ck_assert_int_eq(connect_to(cases[i].host, cases[i].port, &cases[i].options), -EINVAL);
        ck_assert_str_eq(sim_said(), cases[i].said);
    }
    ck_assert_uint_eq(wf_fault_calls(FAULT_SOCKET), 0);
    wf_fault_reset();
    ck_assert_int_eq(weft_open_connection("::1", "1", NULL, NULL, &writer), -EINVAL);
    ck_assert_int_eq(weft_open_connection("::1", "1", NULL, &reader, NULL), -EINVAL);
    weft_socket_close(pair[0]);
    weft_socket_close(pair[1]);
    weft_socket_close(datagrams);
    return 0;
}

START_TEST(no_task)
{
    ck_assert_int_eq(weft_open_connection("::1", "1", NULL, &reader, &writer), WEFT_ENOTASK);
}
END_TEST

/* Receives a byte, or until it is cancelled. */
COROUTINE(receive)
{
    char byte;
    ssize_t n = weft_sock_recv(arg, &byte, 1);
    return n < 0 ? (int)n : 0;
}

/* CONN-06: a connected socket becomes the writer's. */
START_SIM(given_socket)
{
    weft_socket *pair[2];
    char buffer[8], *data;

    ck_assert_int_eq(weft_socketpair(pair), 0);
    weft_connection_options options = {.sock = pair[0]};
    weft_task *task = weft_create_task(receive, pair[0], NULL);
    sim_pass(1);
    ck_assert_int_eq(connect_to(NULL, NULL, &options), -EBUSY);
    weft_cancel(task);
    ck_assert_int_eq(weft_join(task, NULL), WEFT_ECANCELLED);

    int fd = weft_socket_fileno(pair[0]); /* it is registered by now */
    ck_assert_int_eq(connect_to(NULL, NULL, &options), 0);
    const weft_transport_socket *socket = weft_stream_get_extra_info(writer, "socket", NULL);
    ck_assert_int_eq(socket->fd, fd);
    ck_assert_int_eq(weft_stream_write(writer, "out", 3), 0);
    ck_assert_int_eq(weft_sock_recv(pair[1], buffer, sizeof(buffer)), 3);
    ck_assert_int_eq(weft_sock_sendall(pair[1], "in", 2), 0);
    ck_assert_int_eq(weft_stream_read(reader, 8, &data), 2);
    hang_up();
    ck_assert_int_eq(weft_sock_recv(pair[1], buffer, sizeof(buffer)), 0);
    weft_socket_close(pair[1]);
    return 0;
}

/* What has come for a given socket, and was not read, is the reader's; what comes later, too. */
START_SIM(given_socket_with_input)
{
    weft_socket *pair[2];
    char *data;

    ck_assert_int_eq(weft_socketpair(pair), 0);
    weft_connection_options options = {.sock = pair[0]};
    weft_task *task = weft_create_task(receive, pair[0], NULL);
    sim_pass(1);
    ck_assert_int_eq(weft_sock_sendall(pair[1], "abcdef", 6), 0);
    while (!weft_done(task))
        sim_pass(1);
    ck_assert_int_eq(weft_join(task, NULL), 0);
    ck_assert_int_eq(connect_to(NULL, NULL, &options), 0);
    ck_assert_int_eq(weft_stream_readexactly(reader, 5, &data), 5);
    ck_assert_mem_eq(data, "bcdef", 5);
    ck_assert_int_eq(weft_sock_sendall(pair[1], "gh", 2), 0);
    weft_socket_close(pair[1]);
    ck_assert_int_eq(weft_stream_read(reader, -1, &data), 2);
    ck_assert_mem_eq(data, "gh", 2);
    hang_up();
    return 0;
}

COROUTINE(connect_task)
{
    weft_stream_reader *r = NULL;
    weft_stream_writer *w = NULL;
    const char *host = ((const char **)arg)[0], *port = ((const char **)arg)[1];
    int rc = weft_open_connection(host, port, NULL, &r, &w);
    weft_stream_reader_unref(r);
    weft_stream_writer_unref(w);
    return rc;
}

/* CONN-17: a call that is cancelled, or out of time, leaves nothing open. */
START_SIM(cancelled)
{
    struct tarpit pit;
    char port[8];
    const char *target[] = {"127.0.0.1", port};

    tarpit_open(&pit, "127.0.0.1", 0);
    snprintf(port, sizeof(port), "%u", (uint16_t)port_of(pit.listener));
    weft_task *task = weft_create_task(connect_task, target, NULL);
    sim_pass(2); /* the poller is open now */
    weft_cancel(task);
    ck_assert_int_eq(weft_join(task, NULL), WEFT_ECANCELLED);

    int descriptors = count_descriptors();
    task = weft_create_task(connect_task, target, NULL);
    sim_pass(2);
    ck_assert_int_eq(count_descriptors(), descriptors + 1);
    weft_cancel(task);
    ck_assert_int_eq(weft_join(task, NULL), WEFT_ECANCELLED);
    ck_assert_int_eq(count_descriptors(), descriptors);

    task = weft_create_task(connect_task, target, NULL);
    ck_assert_int_eq(weft_wait_for(task, 3, NULL), WEFT_ETIMEDOUT);
    weft_unref(task);
    ck_assert(sim_now() >= 3);
    ck_assert_int_eq(count_descriptors(), descriptors);
    tarpit_close(&pit);
    return 0;
}

/* CONN-17: at whatever step it is cancelled. */
START_SIM(cancelled_anywhere)
{
    weft_socket *listener = listen_at("127.0.0.1", 0, 100);
    char port[8];
    const char *target[] = {"host", port};
    int rc = WEFT_ECANCELLED, turns = 0;

    resolver_install("127.0.0.3 127.0.0.1");
    snprintf(port, sizeof(port), "%u", (uint16_t)port_of(listener));
    ck_assert_int_eq(connect_to("127.0.0.1", port, NULL), 0);
    hang_up();
    int descriptors = count_descriptors();
    for (; rc == WEFT_ECANCELLED; turns++) {
        weft_task *task = weft_create_task(connect_task, target, NULL);
        for (int i = 0; i < turns && !weft_done(task); i++) {
            sim_pass(1);
            resolver_await_answers(turns); /* each time but the first has asked once */
        }
        weft_cancel(task);
        rc = weft_join(task, NULL);
        sim_pass(3); /* what was made and given up is closed */
        ck_assert_int_eq(count_descriptors(), descriptors);
        ck_assert_int_lt(turns, 1000);
    }
    ck_assert_int_eq(rc, 0);
    ck_assert_int_gt(turns, 4);
    weft_socket_close(listener);
    return 0;
}

/* CONN-25: a slow resolver does not hold up the loop. */
START_SIM(slow_resolver)
{
    struct port port;
    port_reserve(&port);
    const char *target[] = {"slow", port.text};

    resolver_install("127.0.0.1");
    weft_task *task = weft_create_task(connect_task, target, NULL);
    sim_pass(2);
    resolver_await_entered(1);
    sim_pass(10);
    ck_assert(!weft_done(task));
    resolver_let_out(1);
    ck_assert_int_eq(weft_join(task, NULL), -ECONNREFUSED);
    port_release(&port);
    return 0;
}

SUITE("connect", reader_and_writer, refused_options, no_task, given_socket, given_socket_with_input,
      cancelled, cancelled_anywhere, slow_resolver)
