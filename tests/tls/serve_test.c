/*
 * serve_test.c - servers over TLS.
 */
#include "tests/net/serving.h"
#include "tests/tls/certificates.h"

static weft_server *serve_tls(weft_client_connected handler, void *arg, const struct trust *trust)
{
    return serve(handler, arg, &(weft_server_options){.ssl = trust->server_context});
}

/* A client that trusts the server: streams. */
static void connect_tls(const weft_server *server, const struct trust *trust,
                        weft_stream_reader **reader, weft_stream_writer **writer)
{
    char port[8];
    weft_address address = server_address(server);
    const weft_connection_options options = {.ssl = trust->client_context,
                                             .server_hostname = "localhost"};
    snprintf(port, sizeof(port), "%d", weft_address_port(&address));
    int rc = weft_open_connection("127.0.0.1", port, &options, reader, writer);
    ck_assert_msg(rc == 0, "%s: %s", weft_error_name(rc), sim_said());
}

static void ask_tls(weft_stream_reader *reader, weft_stream_writer *writer, const char *text)
{
    char *back;
    ck_assert_int_eq(weft_stream_write(writer, text, strlen(text)), 0);
    ck_assert_int_eq(weft_stream_readexactly(reader, strlen(text), &back), (ssize_t)strlen(text));
    ck_assert_str_eq(back, text);
}

static void close_tls(weft_stream_reader *reader, weft_stream_writer *writer)
{
    weft_stream_close(writer);
    ck_assert_int_eq(weft_stream_wait_closed(writer), 0);
    weft_stream_reader_unref(reader);
    weft_stream_writer_unref(writer);
}

static void ck_serves(const weft_server *server, const struct trust *trust)
{
    weft_stream_reader *reader;
    weft_stream_writer *writer;
    int before = handlers_ever;
    connect_tls(server, trust, &reader, &writer);
    ask_tls(reader, writer, "hello");
    ck_assert_int_eq(handlers_ever, before + 1);
    close_tls(reader, writer);
}

/* The handler is called when the handshake is over. */
START_SIM(connections_are_secured)
{
    struct trust trust = trust_make();
    weft_server *server = serve_tls(serve_echo, NULL, &trust);
    ck_serves(server, &trust);
    ck_serves(server, &trust);
    end_server(server);
    ck_assert_int_eq(reports_count, 0);
    trust_free(&trust);
    return 0;
}

/* Clients that speak something else, leave in the middle, or say nothing until the time is over, do not reach
 * the handler, and do no harm (SRVR-44). In debug mode it is reported (DBG-12). */
static void bad_clients(struct trust *trust, bool debug)
{
    char bytes[64];
    reports_count = 0;
    weft_loop_set_debug(weft_get_running_loop(), debug);
    handlers_ever = 0;
    weft_server *server = serve_tls(serve_echo, NULL, trust);
    weft_socket *other = client_of(server), *gone = client_of(server), *silent = client_of(server);
    ck_assert_int_eq(weft_sock_sendall(other, "GET / HTTP/1.0\r\n\r\n", 18), 0);
    while (weft_sock_recv(other, bytes, sizeof(bytes)) > 0) /* an alert, and the end */
        continue;
    ck_assert_int_eq(weft_sock_sendall(gone, "\x16\x03\x01", 3), 0);
    weft_socket_close(gone);
    ck_serves(server, trust);
    ck_assert_int_eq(handlers_ever, 1);
    double start = sim_now();
    while (weft_sock_recv(silent, bytes, sizeof(bytes)) > 0)
        continue;
    ck_assert_double_eq_tol(sim_now() - start, 60, 0.001);
    weft_socket_close(other);
    weft_socket_close(silent);
    end_server(server);
    ck_assert_int_eq(handlers_ever, 1);
    ck_assert_int_eq(reports_count, debug ? 3 : 0);
    weft_loop_set_debug(weft_get_running_loop(), 0);
}

START_SIM(bad_clients_do_no_harm)
{
    struct trust trust = trust_make();
    bad_clients(&trust, false);
    bad_clients(&trust, true);
    trust_free(&trust);
    return 0;
}

/* More than both ends' sockets hold. */
#define FLOOD ((size_t)1 << 24)

static int flood(weft_stream_reader *reader, weft_stream_writer *writer, void *arg)
{
    static const char much[FLOOD];
    ck_assert_int_eq(weft_stream_write(writer, much, FLOOD), 0);
    *(bool *)arg = true;
    (void)weft_stream_wait_closed(writer);
    weft_stream_reader_unref(reader);
    weft_stream_writer_unref(writer);
    return 0;
}

/* How much comes until the end. */
static size_t take_all(weft_stream_reader *reader)
{
    size_t got = 0;
    char *data;
    ssize_t n;
    while ((n = weft_stream_read(reader, 65536, &data)) > 0)
        got += (size_t)n;
    ck_assert_int_eq(n, 0);
    return got;
}

/* A server that floods its client, and has begun to. */
static weft_server *flooded(const struct trust *trust, weft_stream_reader **reader,
                            weft_stream_writer **writer)
{
    static bool begun; /* the handler may be there for longer */
    begun = false;
    weft_server *server = serve_tls(flood, &begun, trust);
    connect_tls(server, trust, reader, writer);
    while (!begun)
        ck_assert_int_eq(weft_yield(), 0);
    return server;
}

/* close_clients() sends what TLS has buffered, and ends the stream in peace (SRVR-32). */
START_SIM(close_clients_flushes)
{
    struct trust trust = trust_make();
    weft_stream_reader *reader;
    weft_stream_writer *writer;
    weft_server *server = flooded(&trust, &reader, &writer);
    weft_server_close_clients(server);
    ck_assert_uint_eq(take_all(reader), FLOOD);
    close_tls(reader, writer);
    end_server(server);
    trust_free(&trust);
    return 0;
}

/* abort_clients() drops all, in the middle of a handshake too (SRVR-33). */
START_SIM(abort_clients_drops)
{
    struct trust trust = trust_make();
    weft_stream_reader *reader;
    weft_stream_writer *writer;
    weft_server *server = flooded(&trust, &reader, &writer);
    weft_socket *shaking = client_of(server);
    sim_pass(3);
    weft_server_abort_clients(server);
    end_server(server);
    await_end(shaking);
    weft_socket_close(shaking);
    ck_assert_uint_lt(take_all(reader), FLOOD);
    close_tls(reader, writer);
    trust_free(&trust);
    return 0;
}

SUITE("serve", connections_are_secured, bad_clients_do_no_harm, close_clients_flushes,
      abort_clients_drops)
