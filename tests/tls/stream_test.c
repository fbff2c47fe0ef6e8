/*
 * stream_test.c - streams over TLS: opened with it, or upgraded.
 */
#include "runtime/sched/loop.h"
#include "tests/net/serving.h"
#include "tests/tls/certificates.h"

static struct trust trust, strangers;

/* A test with two trusts, which know nothing of each other. */
#define START_TRUSTED(name)                                         \
    COROUTINE(name##_body);                                         \
    START_SIM(name)                                                 \
    {                                                               \
        trust = trust_make();                                       \
        strangers = trust_make();                                   \
        ck_assert_int_eq(name##_body(NULL, NULL), 0);               \
        ck_assert(wheel_is_empty(&weft_get_running_loop()->wheel)); \
        trust_free(&trust);                                         \
        trust_free(&strangers);                                     \
        return 0;                                                   \
    }                                                               \
    COROUTINE(name##_body)

struct stream {
    weft_stream_reader *reader;
    weft_stream_writer *writer;
};

static int open_stream(const weft_server *server, weft_ssl_context *context, const char *name,
                       struct stream *s)
{
    char port[8];
    weft_address address = server_address(server);
    const weft_connection_options options = {.ssl = context, .server_hostname = name};
    snprintf(port, sizeof(port), "%d", weft_address_port(&address));
    return weft_open_connection("127.0.0.1", port, &options, &s->reader, &s->writer);
}

static void stream_free(struct stream *s)
{
    weft_stream_reader_unref(s->reader);
    weft_stream_writer_unref(s->writer);
}

static void stream_close(struct stream *s)
{
    weft_stream_close(s->writer);
    ck_assert_int_eq(weft_stream_wait_closed(s->writer), 0);
    stream_free(s);
}

static int say(struct stream *s, const char *text)
{
    return weft_stream_write(s->writer, text, strlen(text));
}

static void ck_assert_line(struct stream *s, const char *text)
{
    char *line = NULL;
    ssize_t n = weft_stream_readline(s->reader, &line);
    ck_assert_msg(n == (ssize_t)strlen(text), "%zd: %s", n, sim_said());
    ck_assert_str_eq(line, text);
}

/* Answers each line with itself. "TLS" is answered with "go", and the stream upgraded, as often as one
 * likes; what that gave is kept. */
static int upgrades[4], upgrade_count;

static int serve_lines(weft_stream_reader *reader, weft_stream_writer *writer, void *arg)
{
    struct stream s = {reader, writer};
    char *line;
    ssize_t n;
    int rc = 0;
    handlers_ever++;
    while (!rc && (n = weft_stream_readline(reader, &line)) > 0) {
        if (strcmp(line, "TLS\n") != 0) {
            rc = weft_stream_write(writer, line, (size_t)n);
            continue;
        }
        rc = say(&s, "go\n");
        if (!rc)
            rc = weft_stream_start_tls(writer, arg, NULL);
        upgrades[upgrade_count++] = rc;
    }
    weft_stream_close(writer);
    (void)weft_stream_wait_closed(writer);
    stream_free(&s);
    return 0;
}

static const weft_start_tls_options to_localhost = {.server_hostname = "localhost"};

/* A plain stream to a new server of lines, which has said that it goes on with TLS. */
static weft_server *ask_for_tls(struct stream *s, const char *request)
{
    weft_server *server = serve(serve_lines, trust.server_context, NULL);
    upgrade_count = 0;
    ck_assert_int_eq(open_stream(server, NULL, NULL, s), 0);
    ck_assert_int_eq(say(s, request), 0);
    ck_assert_line(s, "go\n");
    return server;
}

/* The server's upgrade has failed, of which only its handler was told; both are given back. */
static void end_refused(weft_server *server, struct stream *s)
{
    stream_free(s);
    end_server(server);
    ck_assert_int_eq(upgrade_count, 1);
    ck_assert_int_eq(upgrades[0], WEFT_ESSL);
    ck_assert_int_eq(reports_count, 0);
}

/* TLSS-01, TLSS-03: by default a server that nobody vouches for is refused, and one with another name; the
 * error is the call's, with OpenSSL's reason, and the handler is not called. */
START_TRUSTED(opened_with_verification)
{
    static const weft_server_options options = {.backlog = 5};
    weft_server_options with_tls = options;
    struct stream s;
    with_tls.ssl = trust.server_context;
    weft_server *server = serve(serve_lines, NULL, &with_tls);
    ck_assert_int_eq(open_stream(server, strangers.client_context, "localhost", &s),
                     WEFT_ESSLCERTVERIFY);
    ck_assert_str_eq(sim_said(), "TLS handshake: certificate verify failed: self-signed "
                                 "certificate in certificate chain");
    ck_assert_int_eq(open_stream(server, trust.client_context, "example.org", &s),
                     WEFT_ESSLCERTVERIFY);
    weft_ssl_context *fresh = weft_ssl_create_default_context(WEFT_SSL_SERVER_AUTH);
    ck_assert_int_eq(open_stream(server, fresh, "localhost", &s), WEFT_ESSLCERTVERIFY);
    weft_ssl_context_unref(fresh);
    ck_assert_int_eq(handlers_ever, 0);

    ck_assert_int_eq(open_stream(server, trust.client_context, NULL, &s), 0); /* 127.0.0.1 */
    ck_assert_ptr_eq(weft_stream_get_extra_info(s.writer, "sslcontext", NULL),
                     trust.client_context);
    ck_assert_int_eq(say(&s, "hello\n"), 0);
    ck_assert_line(&s, "hello\n");
    ck_assert(!weft_stream_can_write_eof(s.writer));
    stream_close(&s);
    end_server(server);
    ck_assert_int_eq(reports_count, 0);
    return 0;
}

/* The system accepts connections to this port, and nobody answers. */
static weft_socket *listen_in_silence(char port[8])
{
    weft_address address;
    weft_socket *listener = weft_socket_new(AF_INET, SOCK_STREAM, 0);
    ck_assert_ptr_nonnull(listener);
    ck_assert_int_eq(weft_address_numeric("127.0.0.1", 0, &address), 0);
    ck_assert_int_eq(bind(weft_socket_fileno(listener), &address.any, address.bytes), 0);
    ck_assert_int_eq(listen(weft_socket_fileno(listener), 4), 0);
    ck_assert_int_eq(getsockname(weft_socket_fileno(listener), &address.any, &address.bytes), 0);
    snprintf(port, 8, "%d", weft_address_port(&address));
    return listener;
}

/* TLSS-04: a server that never finishes the handshake. */
START_TRUSTED(opened_without_an_answer)
{
    weft_stream_reader *reader;
    weft_stream_writer *writer;
    char port[8];
    weft_socket *listener = listen_in_silence(port), *accepted;
    for (int i = 0; i < 2; i++) {
        const weft_connection_options options = {.ssl = trust.client_context,
                                                 .ssl_handshake_timeout = i ? 2.5 : 0};
        double start = sim_now();
        ck_assert_int_eq(weft_open_connection("127.0.0.1", port, &options, &reader, &writer),
                         -ECONNABORTED);
        ck_assert_str_eq(sim_said(), i ? "the TLS handshake took longer than 2.5 seconds"
                                       : "the TLS handshake took longer than 60 seconds");
        ck_assert_double_eq_tol(sim_now() - start, i ? 2.5 : 60, 0.01);
        ck_assert_int_eq(weft_sock_accept(listener, &accepted, NULL), 0);
        weft_socket_close(accepted);
    }
    weft_socket_close(listener);
    return 0;
}

/* TLSS-09: both sides upgrade an open stream; its reader and writer stay, and "sslcontext" answers. What
 * was written before went in the clear. */
START_TRUSTED(upgraded_on_both_sides)
{
    struct stream s;
    weft_server *server = serve(serve_lines, trust.server_context, NULL);
    ck_assert_int_eq(open_stream(server, NULL, NULL, &s), 0);
    int unknown;
    ck_assert_ptr_eq(weft_stream_get_extra_info(s.writer, "sslcontext", &unknown), &unknown);
    ck_assert_int_eq(say(&s, "plain\nTLS\n"), 0);
    ck_assert_line(&s, "plain\n");
    ck_assert_line(&s, "go\n");
    ck_assert_int_eq(weft_stream_start_tls(s.writer, trust.client_context, &to_localhost), 0);
    ck_assert_ptr_eq(weft_stream_get_extra_info(s.writer, "sslcontext", NULL),
                     trust.client_context);
    ck_assert_ptr_nonnull(weft_stream_get_extra_info(s.writer, "peercert", NULL));
    ck_assert_ptr_nonnull(weft_stream_get_extra_info(s.writer, "peername", NULL));
    ck_assert_int_eq(say(&s, "secret\n"), 0);
    ck_assert_line(&s, "secret\n");

    /* TLSS-12: and once more, inside. */
    ck_assert_int_eq(say(&s, "TLS\n"), 0);
    ck_assert_line(&s, "go\n");
    ck_assert_int_eq(weft_stream_start_tls(s.writer, trust.client_context, &to_localhost), 0);
    ck_assert_int_eq(say(&s, "deeper\n"), 0);
    ck_assert_line(&s, "deeper\n");
    stream_close(&s);
    end_server(server);
    ck_assert_int_eq(upgrade_count, 2);
    ck_assert_int_eq(upgrades[0] | upgrades[1], 0);
    ck_assert_int_eq(reports_count, 0);
    return 0;
}

/* What was slipped in before the upgrade is not read as if it had come over TLS: the handshake fails by
 * it. */
START_TRUSTED(nothing_is_slipped_in)
{
    struct stream s;
    char *line;
    weft_server *server = ask_for_tls(&s, "TLS\nslipped in\n");
    ck_assert_int_eq(weft_stream_start_tls(s.writer, trust.client_context, &to_localhost),
                     -ECONNRESET);
    ck_assert_int_eq(weft_stream_readline(s.reader, &line), 0);
    ck_assert_int_eq(weft_stream_wait_closed(s.writer), 0);
    end_refused(server, &s);
    return 0;
}

static int serve_late(weft_stream_reader *reader, weft_stream_writer *writer, void *arg)
{
    struct stream s = {reader, writer};
    ck_assert_line(&s, "TLS\n");
    ck_assert_int_eq(weft_sleep(1), 0); /* the client's first bytes of TLS come meanwhile */
    ck_assert_int_eq(weft_stream_start_tls(writer, arg, NULL), 0);
    ck_assert_line(&s, "secret\n");
    weft_stream_close(writer);
    (void)weft_stream_wait_closed(writer);
    stream_free(&s);
    return 0;
}

/* A server that is slow to upgrade has the client's first bytes of TLS in its reader: they are not lost. */
START_TRUSTED(received_before_the_upgrade)
{
    struct stream s;
    char *line;
    weft_server *server = serve(serve_late, trust.server_context, NULL);
    ck_assert_int_eq(open_stream(server, NULL, NULL, &s), 0);
    ck_assert_int_eq(say(&s, "TLS\n"), 0);
    ck_assert_int_eq(weft_stream_start_tls(s.writer, trust.client_context, &to_localhost), 0);
    ck_assert_int_eq(say(&s, "secret\n"), 0);
    ck_assert_int_eq((int)weft_stream_readline(s.reader, &line), 0);
    stream_close(&s);
    end_server(server);
    ck_assert_int_eq(reports_count, 0);
    return 0;
}

/* TLSS-11: an upgrade whose handshake fails closes the connection, on both sides. */
START_TRUSTED(an_upgrade_fails)
{
    struct stream s;
    char *line;
    weft_server *server = ask_for_tls(&s, "TLS\n");
    ck_assert_int_eq(weft_stream_start_tls(s.writer, strangers.client_context, &to_localhost),
                     WEFT_ESSLCERTVERIFY);
    ck_assert(weft_stream_is_closing(s.writer));
    ck_assert_int_eq(weft_stream_wait_closed(s.writer), WEFT_ESSLCERTVERIFY);
    ck_assert_int_eq((int)weft_stream_readline(s.reader, &line), WEFT_ESSLCERTVERIFY);
    end_refused(server, &s);
    return 0;
}

struct upgrade {
    struct stream *stream;
    weft_ssl_context *context;
};

COROUTINE(upgrade)
{
    struct upgrade *u = arg;
    return weft_stream_start_tls(u->stream->writer, u->context, &to_localhost);
}

/* TLSS-11, TLSS-14: so does one that is cancelled, at every step of the way. */
START_TRUSTED(an_upgrade_is_cancelled)
{
    bool done = false;
    int steps = 0;
    /* A busy loop looks at its descriptors from time to time only: most turns are alike. */
    for (int turns = 1; !done; turns += 7, steps++) {
        struct stream s;
        weft_server *server = ask_for_tls(&s, "TLS\n");
        struct upgrade u = {&s, trust.client_context};
        weft_task *t = weft_create_task(upgrade, &u, NULL);
        sim_pass(turns);
        done = weft_done(t);
        weft_cancel(t);
        ck_assert_int_eq(weft_join(t, NULL), done ? 0 : WEFT_ECANCELLED);
        ck_assert_int_eq(weft_stream_is_closing(s.writer), !done);
        weft_stream_close(s.writer);
        ck_assert_int_eq(weft_stream_wait_closed(s.writer), 0);
        stream_free(&s);
        end_server(server);
    }
    ck_assert_int_gt(steps, 5);
    ck_assert_int_eq(reports_count, 0);
    return 0;
}

/* TLSS-11: cancelled by a time limit around it. */
START_TRUSTED(opening_is_cancelled)
{
    char port[8];
    weft_socket *listener = listen_in_silence(port);
    const weft_connection_options options = {.ssl = trust.client_context};
    weft_stream_reader *reader;
    weft_stream_writer *writer;
    weft_timeout timeout;
    double start = sim_now();
    ck_assert_int_eq(weft_timeout_init(&timeout, 5), 0);
    ck_assert_int_eq(weft_timeout_begin(&timeout), 0);
    int rc = weft_open_connection("127.0.0.1", port, &options, &reader, &writer);
    ck_assert_int_eq(weft_timeout_end(&timeout, rc), WEFT_ETIMEDOUT);
    ck_assert_double_eq_tol(sim_now() - start, 5, 0.01);
    weft_socket_close(listener);
    return 0;
}

#define MANY ((size_t)2 << 20)

static char many[MANY];

COROUTINE(write_many)
{
    struct stream *s = arg;
    for (size_t sent = 0; sent < MANY; sent += 1 << 16) {
        int rc = weft_stream_write(s->writer, many + sent, 1 << 16);
        if (!rc)
            rc = weft_stream_drain(s->writer);
        if (rc)
            return rc;
    }
    return 0;
}

/* Much data there and back through readers that pause and writers that drain. */
START_TRUSTED(much_data)
{
    struct stream s;
    char *back;
    weft_server *server =
        serve(serve_echo, NULL, &(weft_server_options){.ssl = trust.server_context, .limit = 3000});
    for (size_t i = 0; i < MANY; i++)
        many[i] = (char)(i * 31 + i / 251);
    ck_assert_int_eq(open_stream(server, trust.client_context, "localhost", &s), 0);
    weft_task *writing = weft_create_task(write_many, &s, NULL);
    for (size_t got = 0; got < MANY; got += 1 << 15) {
        ck_assert_int_eq(weft_stream_readexactly(s.reader, 1 << 15, &back), 1 << 15);
        ck_assert_mem_eq(back, many + got, 1 << 15);
    }
    ck_assert_int_eq(weft_join(writing, NULL), 0);
    stream_close(&s);
    end_server(server);
    return 0;
}

/* TLSS-06, RDER-25: closing ends the stream for the reader too; a second close changes nothing. */
START_TRUSTED(closing)
{
    struct stream s;
    char *line;
    weft_server *server =
        serve(serve_lines, NULL, &(weft_server_options){.ssl = trust.server_context});
    ck_assert_int_eq(open_stream(server, trust.client_context, "localhost", &s), 0);
    weft_stream_close(s.writer);
    weft_stream_close(s.writer);
    ck_assert_int_eq((int)weft_stream_readline(s.reader, &line), 0);
    ck_assert_int_eq(weft_stream_wait_closed(s.writer), 0);
    ck_assert_int_eq(weft_stream_drain(s.writer), -ECONNRESET);
    stream_free(&s);
    end_server(server);
    return 0;
}

SUITE("tls_stream", opened_with_verification, opened_without_an_answer, upgraded_on_both_sides,
      nothing_is_slipped_in, received_before_the_upgrade, an_upgrade_fails, an_upgrade_is_cancelled,
      opening_is_cancelled, much_data, closing)
