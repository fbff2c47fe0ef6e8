/*
 * connect_test.c - connections to a host and port: names, addresses tried in turn, and errors.
 */
#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>

#include "tests/net/hosts.h"
#include "tests/net/resolver.h"
#include "tests/support/faults.h"
#include "tests/support/sim.h"
#include "tests/support/suite.h"

/* What a call gives. */
static weft_stream_reader *reader;
static weft_stream_writer *writer;

static int connect_to(const char *host, const char *port, const weft_connection_options *options)
{
    reader = NULL;
    writer = NULL;
    int rc = weft_open_connection(host, port, options, &reader, &writer);
    if (rc) {
        ck_assert_ptr_null(reader);
        ck_assert_ptr_null(writer);
    }
    return rc;
}

static void hang_up(void)
{
    weft_stream_close(writer);
    ck_assert_int_eq(weft_stream_wait_closed(writer), 0);
    weft_stream_reader_unref(reader);
    weft_stream_writer_unref(writer);
}

/* The address that the connection goes to, or comes from. */
static const char *name_of(const char *which)
{
    static char text[WEFT_ADDRESS_TEXT];
    return weft_address_text(weft_stream_get_extra_info(writer, which, NULL), text, sizeof(text));
}

/* "connect to HOST:PORT: Connection refused". */
static const char *refusal(const char *host, const struct port *port)
{
    static char text[2][160];
    static int turn;
    turn = !turn;
    snprintf(text[turn], sizeof(text[turn]), "connect to %s:%s: Connection refused", host,
             port->text);
    return text[turn];
}

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

/* CONN-02: the error of one address has its number, and names it. */
START_SIM(refused)
{
    struct port port;

    port_reserve(&port);
    ck_assert_int_eq(connect_to("127.0.0.1", port.text, NULL), -ECONNREFUSED);
    ck_assert_str_eq(sim_said(), refusal("127.0.0.1", &port));
    port_release(&port);
    return 0;
}

/* CONN-03: addresses are tried in the order of resolution. */
START_SIM(in_order)
{
    struct port port;
    char expected[512];

    port_reserve(&port);
    resolver_install("127.0.0.3 127.0.0.2");
    ck_assert_int_eq(connect_to("host", port.text, NULL), -ECONNREFUSED);
    snprintf(expected, sizeof(expected), "several errors: %s, %s", refusal("127.0.0.3", &port),
             refusal("127.0.0.2", &port));
    ck_assert_str_eq(sim_said(), expected);

    resolver.addresses = "127.0.0.3 127.0.0.3"; /* the same text: one error */
    ck_assert_int_eq(connect_to("host", port.text, NULL), -ECONNREFUSED);
    ck_assert_str_eq(sim_said(), refusal("127.0.0.3", &port));

    close(port.fd);
    weft_socket *first = listen_at("127.0.0.2", port.number, 5);
    weft_socket *second = listen_at("127.0.0.4", port.number, 5);
    resolver.addresses = "127.0.0.3 127.0.0.2 127.0.0.4";
    ck_assert_int_eq(connect_to("host", port.text, NULL), 0);
    snprintf(expected, sizeof(expected), "127.0.0.2:%s", port.text);
    ck_assert_str_eq(name_of("peername"), expected);
    hang_up();
    weft_socket_close(first);
    weft_socket_close(second);
    close(port.fd6);
    return 0;
}

/* CONN-04: nothing was found, for either end. CONN-10 */
START_SIM(nothing_found)
{
    resolver_install("");
    ck_assert_int_eq(connect_to("host", "80", NULL), -EADDRNOTAVAIL);
    ck_assert_str_eq(sim_said(), "host \"host\", port \"80\": no addresses");
    ck_assert_int_eq(
        connect_to("127.0.0.1", "80", &(weft_connection_options){.local_host = "local"}),
        -EADDRNOTAVAIL);
    ck_assert_str_eq(sim_said(), "host \"local\", port \"\": no addresses");
    resolver.eai = EAI_NONAME;
    ck_assert_int_eq(connect_to("host", "80", NULL), WEFT_EAI_NONAME);
    ck_assert_int_eq(
        connect_to("127.0.0.1", "80", &(weft_connection_options){.local_host = "local"}),
        WEFT_EAI_NONAME);
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

/* CONN-07: the port may be a number, text that is one, nothing, or a name for the resolver. */
START_SIM(ports)
{
    struct port port;
    char padded[12];

    port_reserve(&port);
    resolver_install(NULL);
    snprintf(padded, sizeof(padded), "00%s", port.text);
    ck_assert_int_eq(connect_to("127.0.0.1", padded, NULL), -ECONNREFUSED);
    ck_assert_str_eq(sim_said(), refusal("127.0.0.1", &port));
    ck_assert_int_eq(connect_to("127.0.0.1", "", NULL), -ECONNREFUSED);
    ck_assert_str_eq(sim_said(), "connect to 127.0.0.1:0: Connection refused");
    ck_assert_int_eq(connect_to("127.0.0.1", NULL, NULL), -ECONNREFUSED);
    ck_assert_int_eq(resolver.calls, 0);
    resolver.eai = EAI_SERVICE;
    ck_assert_int_eq(connect_to("127.0.0.1", "nosuch", NULL), WEFT_EAI_SERVICE);
    resolver.eai = 0;
    ck_assert_int_eq(connect_to(NULL, port.text, NULL), -ECONNREFUSED); /* this machine */
    ck_assert_int_eq(resolver.calls, 2);
    port_release(&port);
    return 0;
}

/* CONN-08: the zone is passed on to the system, which refuses one that is not there. */
START_SIM(zones)
{
    struct port port;
    char expected[128];

    port_reserve(&port);
    int rc = connect_to("fe80::1%4000000000", port.text, NULL);
    ck_assert_int_lt(rc, 0);
    ck_assert_int_ne(rc, -ECONNREFUSED);
    snprintf(expected, sizeof(expected), "connect to [fe80::1%%4000000000]:%s: %s", port.text,
             weft_strerror(rc));
    ck_assert_str_eq(sim_said(), expected);
    weft_socket *listener = listen_at("::1", 0, 5);
    snprintf(port.text, sizeof(port.text), "%u", (uint16_t)port_of(listener));
    ck_assert_int_eq(connect_to("::1%1", port.text, NULL), 0);
    hang_up();
    weft_socket_close(listener);
    port_release(&port);
    return 0;
}

/* CONN-09: family, proto and flags limit the resolution. */
START_SIM(limits_of_resolution)
{
    struct port port;
    weft_connection_options options = {
        .family = AF_INET6, .proto = IPPROTO_TCP, .flags = AI_ADDRCONFIG};

    port_reserve(&port);
    resolver_install("127.0.0.1 ::1");
    ck_assert_int_eq(connect_to("host", port.text, &options), -ECONNREFUSED);
    ck_assert_str_eq(sim_said(), refusal("[::1]", &port));
    ck_assert_int_eq(resolver.flags, AI_ADDRCONFIG);
    options.proto = IPPROTO_UDP; /* no stream socket has that */
    ck_assert_int_eq(connect_to("host", port.text, &options), -EPROTONOSUPPORT);
    snprintf(port.text, sizeof(port.text), "%u", (uint16_t)port.number);
    char expected[96];
    snprintf(expected, sizeof(expected), "socket for [::1]:%s: Protocol not supported", port.text);
    ck_assert_str_eq(sim_said(), expected);
    port_release(&port);
    return 0;
}

/* CONN-10: the socket is bound first; local addresses of another family are skipped. */
START_SIM(local_address)
{
    weft_socket *listener = listen_at("127.0.0.1", 0, 5);
    struct port port;
    char text[8], expected[64];

    port_reserve(&port);
    snprintf(text, sizeof(text), "%u", (uint16_t)port_of(listener));
    resolver_install("::1 127.0.0.5 127.0.0.6");
    weft_connection_options options = {.local_host = "local", .local_port = "0"};
    ck_assert_int_eq(connect_to("127.0.0.1", text, &options), 0);
    ck_assert_int_eq(strncmp(name_of("sockname"), "127.0.0.5:", 10), 0);
    hang_up();

    /* The first one is in use, the second one is not. */
    close(port.fd);
    weft_socket *taken = listen_at("127.0.0.5", port.number, 5);
    options.local_port = port.text;
    ck_assert_int_eq(connect_to("127.0.0.1", text, &options), 0);
    snprintf(expected, sizeof(expected), "127.0.0.6:%s", port.text);
    ck_assert_str_eq(name_of("sockname"), expected);
    hang_up();

    resolver.addresses = "::1";
    ck_assert_int_eq(connect_to("127.0.0.1", text, &options), -EADDRNOTAVAIL);
    ck_assert_ptr_eq(strstr(sim_said(), "no local address of the family of 127.0.0.1:"),
                     sim_said());
    weft_socket_close(taken);
    weft_socket_close(listener);
    close(port.fd6);
    return 0;
}

/* CONN-11: a local address in use makes the attempt fail, and is named. */
START_SIM(local_address_in_use)
{
    weft_socket *listener = listen_at("127.0.0.1", 0, 5), *taken = listen_at("127.0.0.5", 0, 5);
    char text[8], local[8], expected[256];

    snprintf(text, sizeof(text), "%u", (uint16_t)port_of(listener));
    snprintf(local, sizeof(local), "%u", (uint16_t)port_of(taken));
    weft_connection_options options = {.local_host = "127.0.0.5", .local_port = local};
    ck_assert_int_eq(connect_to("127.0.0.1", text, &options), -EADDRINUSE);
    snprintf(expected, sizeof(expected), "bind to 127.0.0.5:%s: Address already in use", local);
    ck_assert_str_eq(sim_said(), expected);

    /* CONN-10: all of them are in use, once for each address that is tried. */
    resolver_install("127.0.0.5 127.0.0.5");
    options.local_host = "local";
    options.all_errors = true;
    ck_assert_int_eq(connect_to("127.0.0.1", text, &options), WEFT_EGROUP);
    ck_assert_uint_eq(weft_error_count(weft_error_current()), 2);
    ck_assert_str_eq(weft_error_message(weft_error_at(weft_error_current(), 1)), expected);
    weft_socket_close(taken);
    weft_socket_close(listener);
    return 0;
}

/* CONN-15: a group of all errors, also of a single one. */
START_SIM(all_errors)
{
    struct port port;
    weft_connection_options options = {.all_errors = true};

    port_reserve(&port);
    resolver_install("127.0.0.2 127.0.0.3");
    ck_assert_int_eq(connect_to("host", port.text, &options), WEFT_EGROUP);
    weft_error *error = weft_catch(WEFT_EGROUP);
    ck_assert_uint_eq(weft_error_count(error), 2);
    ck_assert_int_eq(weft_error_code(weft_error_at(error, 0)), -ECONNREFUSED);
    ck_assert_str_eq(weft_error_message(weft_error_at(error, 0)), refusal("127.0.0.2", &port));
    ck_assert_str_eq(weft_error_message(weft_error_at(error, 1)), refusal("127.0.0.3", &port));
    weft_error_unref(error);
    ck_assert_int_eq(connect_to("127.0.0.1", port.text, &options), WEFT_EGROUP);
    ck_assert_uint_eq(weft_error_count(weft_error_current()), 1);
    port_release(&port);
    return 0;
}

/* CONN-14: families alternate after the first n of the first one. */
START_SIM(interleaved)
{
    static const char *const orders[] = {"2 3 4 1 8", "2 1 3 8 4", "2 3 1 4 8", "2 3 4 1 8"};
    struct port port;
    weft_connection_options options = {.all_errors = true};

    port_reserve(&port);
    resolver_install("127.0.0.2 127.0.0.3 127.0.0.4 ::1 ::ffff:127.0.0.8");
    for (int first = -1; first < 4; first++) {
        char order[64] = "";
        options.interleave = first;
        ck_assert_int_eq(connect_to("host", port.text, &options), WEFT_EGROUP);
        weft_error *error = weft_catch(WEFT_EGROUP);
        for (size_t i = 0; i < weft_error_count(error); i++) {
            const char *text = weft_error_message(weft_error_at(error, i));
            const char *colon = strrchr(text, ':') - strlen(port.text) - 1;
            while (*colon == ']' || *colon == ':')
                colon--;
            snprintf(order + strlen(order), sizeof(order) - strlen(order), "%s%c", i ? " " : "",
                     *colon);
        }
        weft_error_unref(error);
        ck_assert_str_eq(order, orders[first < 0 ? 0 : first]);
    }
    port_release(&port);
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
        for (int i = 0; i < turns && !weft_done(task); i++)
            sim_pass(1);
        while (resolver.inside) /* in its thread it would be the same step for long */
            sim_pass(1);
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

/* SOCK-09: a socket of one's own is connected to a name. SOCK-17: but no Unix socket. */
START_SIM(socket_to_host)
{
    weft_socket *listener = listen_at("127.0.0.1", 0, 5);
    weft_socket *socket = weft_socket_new(AF_INET, SOCK_STREAM, 0);
    weft_socket *local = weft_socket_new(AF_UNIX, SOCK_STREAM, 0);
    struct port port;
    char text[8];

    port_reserve(&port);
    resolver_install("::1 127.0.0.1");
    snprintf(text, sizeof(text), "%u", (uint16_t)port_of(listener));
    ck_assert_int_eq(weft_sock_connect_host(socket, "host", port.text), -ECONNREFUSED);
    ck_assert_str_eq(sim_said(), refusal("127.0.0.1", &port));
    ck_assert_int_eq(weft_sock_connect_host(socket, "host", text), 0);
    ck_assert_int_eq(resolver.calls, 2);
    ck_assert_int_eq(weft_sock_connect_host(local, "host", text), -EINVAL);
    ck_assert_int_eq(weft_sock_connect_host(NULL, "host", text), -EINVAL);
    ck_assert_int_eq(weft_sock_connect_host(socket, NULL, text), -EINVAL);
    ck_assert_int_eq(resolver.calls, 2);
    resolver.addresses = "";
    ck_assert_int_eq(weft_sock_connect_host(socket, "host", text), -EADDRNOTAVAIL);
    weft_socket_close(socket);
    weft_socket_close(local);
    weft_socket_close(listener);
    port_release(&port);
    return 0;
}

int main(void)
{
    Suite *suite = suite_create("connect");
    TCase *tests = tcase_create("connect");

    tcase_add_test(tests, reader_and_writer);
    tcase_add_test(tests, refused);
    tcase_add_test(tests, in_order);
    tcase_add_test(tests, nothing_found);
    tcase_add_test(tests, refused_options);
    tcase_add_test(tests, no_task);
    tcase_add_test(tests, given_socket);
    tcase_add_test(tests, given_socket_with_input);
    tcase_add_test(tests, ports);
    tcase_add_test(tests, zones);
    tcase_add_test(tests, limits_of_resolution);
    tcase_add_test(tests, local_address);
    tcase_add_test(tests, local_address_in_use);
    tcase_add_test(tests, all_errors);
    tcase_add_test(tests, interleaved);
    tcase_add_test(tests, cancelled);
    tcase_add_test(tests, cancelled_anywhere);
    tcase_add_test(tests, slow_resolver);
    tcase_add_test(tests, socket_to_host);
    suite_add_tcase(suite, tests);
    return suite_main(suite);
}
