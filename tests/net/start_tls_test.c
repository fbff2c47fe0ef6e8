/*
 * start_tls_test.c - a stream that is upgraded in place; the TLS is a fake one, whose handshake ends
 * when the test says so.
 */
#include <math.h>

#include "api/ssl.h"
#include "tests/net/streams.h"

/* A context that puts one fake transport over another. */
struct fake_tls {
    weft_ssl_context context;
    struct ssl_wrap asked;
    struct fake_transport *upper;
    weft_transport *lower; /* it has a reference */
    int refuse;            /* a positive errno */
    char received[16];     /* what came before the upgrade */
};

/* What the lower transport calls from then on. */
static const weft_protocol_ops between_ops = {.connection_made = NULL};
static weft_protocol between = {&between_ops};

static weft_transport *fake_wrap(weft_ssl_context *context, weft_transport *lower,
                                 weft_protocol *protocol, const struct ssl_wrap *wrap)
{
    struct fake_tls *tls = container_of(context, struct fake_tls, context);

    if (tls->refuse) {
        errno = tls->refuse;
        return NULL;
    }
    tls->asked = *wrap;
    for (int i = 0; i < wrap->received_count; i++)
        if (wrap->received[i].iov_len)
            strncat(tls->received, wrap->received[i].iov_base, wrap->received[i].iov_len);
    tls->lower = weft_transport_ref(lower);
    (void)weft_transport_set_protocol(lower, &between);
    tls->upper = fake_new(protocol);
    tls->upper->made = true; /* the protocol knows */
    tls->upper->info_name = "sslcontext";
    tls->upper->info = context;
    return weft_transport_ref(&tls->upper->base);
}

static const struct ssl_ops fake_tls_ops = {fake_wrap};

static void fake_tls_end(struct fake_tls *tls)
{
    weft_transport_close(tls->lower);
    weft_transport_unref(tls->lower);
    weft_transport_unref(&tls->upper->base);
    sim_pass(2);
}

struct upgrade {
    weft_stream_writer *writer;
    struct fake_tls *tls;
};

COROUTINE(upgrades)
{
    struct upgrade *u = arg;
    const weft_start_tls_options options = {.server_hostname = "example.org",
                                            .ssl_shutdown_timeout = 5};
    int rc = weft_stream_start_tls(u->writer, &u->tls->context, &options);
    trace("%s", rc ? weft_error_name(rc) : "upgraded");
    return rc;
}

/* TLSS-09: drains, then upgrades; what was received and not read is given to TLS; reader and writer stay the same; the context answers. */
START_SIM(in_place)
{
    struct stream s = stream_new(4);
    struct fake_tls tls = {.context.ops = &fake_tls_ops};
    struct upgrade u = {s.writer, &tls};
    static char much[70000];
    char *data;

    fake_feed(s.transport, TEXT("plain"));
    s.transport->takes = 0;
    ck_assert_int_eq(weft_stream_write(s.writer, much, sizeof(much)), 0);
    weft_task *task = weft_create_task(upgrades, &u, NULL);
    sim_pass(2);
    ck_assert_ptr_null(tls.upper);
    fake_take(s.transport, SIZE_MAX);
    sim_pass(1);
    ck_assert_ptr_nonnull(tls.upper);
    ck_assert_ptr_eq(tls.lower, &s.transport->base);
    ck_assert(!tls.asked.server_side);
    ck_assert(!tls.asked.connection_made);
    ck_assert_str_eq(tls.asked.server_hostname, "example.org");
    ck_assert_double_eq(tls.asked.handshake_timeout, SSL_HANDSHAKE_TIMEOUT);
    ck_assert_double_eq(tls.asked.shutdown_timeout, 5);
    ck_assert_int_eq(weft_stream_write(s.writer, TEXT("in secret")), 0);
    sim_pass(2);
    ck_assert_int_eq(weft_done(task), 0);
    tls.asked.shaken(tls.asked.arg, 0, NULL);
    ck_assert_int_eq(weft_join(task, NULL), 0);
    ck_assert_trace("upgraded");

    ck_assert_ptr_eq(weft_stream_transport(s.writer), &tls.upper->base);
    ck_assert_ptr_eq(weft_stream_get_extra_info(s.writer, "sslcontext", NULL), &tls.context);
    ck_assert_sent(tls.upper, "in secret");
    ck_assert_uint_eq(fake_size(&s.transport->sent), sizeof(much));
    ck_assert_str_eq(tls.received, "plain");
    fake_feed(tls.upper, TEXT("123456789")); /* flow control is the new one's */
    ck_assert(!weft_transport_is_reading(&tls.upper->base));
    ck_assert(weft_transport_is_reading(&s.transport->base));
    ck_assert_read(weft_stream_read(s.reader, 9, &data), "123456789");
    ck_assert(weft_transport_is_reading(&tls.upper->base));
    fake_feed_eof(tls.upper); /* TLSS-08: which closes it */
    ck_assert(weft_transport_is_closing(&tls.upper->base));
    ck_assert_int_eq(weft_stream_wait_closed(s.writer), 0);
    fake_tls_end(&tls);
    stream_close(&s);
    ck_assert_int_eq(reports_count, 0);
    return 0;
}

/* A reader that had paused the old transport has nothing to pause the new one for. */
START_SIM(paused)
{
    struct stream s = stream_new(2);
    struct fake_tls tls = {.context.ops = &fake_tls_ops};
    struct upgrade u = {s.writer, &tls};
    char *data;

    fake_feed(s.transport, TEXT("12345"));
    ck_assert(!weft_transport_is_reading(&s.transport->base));
    weft_task *task = weft_create_task(upgrades, &u, NULL);
    sim_pass(1);
    ck_assert(weft_transport_is_reading(&s.transport->base));
    ck_assert(weft_transport_is_reading(&tls.upper->base));
    ck_assert_str_eq(tls.received, "12345");
    tls.asked.shaken(tls.asked.arg, 0, NULL);
    ck_assert_int_eq(weft_join(task, NULL), 0);
    fake_feed(tls.upper, TEXT("12345"));
    ck_assert(!weft_transport_is_reading(&tls.upper->base));
    ck_assert_read(weft_stream_read(s.reader, 9, &data), "12345");
    ck_assert(weft_transport_is_reading(&tls.upper->base));
    weft_stream_close(s.writer);
    sim_pass(1);
    fake_tls_end(&tls);
    stream_close(&s);
    return 0;
}

/* A line that is in the program's hands stays as it is while what came behind it goes to TLS; all that is
 * read afterwards came over TLS. */
START_SIM(received_behind_a_line)
{
    static const char *const behind[] = {"", "x", "extra"};

    for (int i = 0; i < 6; i++) {
        struct stream s = stream_new(WEFT_STREAM_LIMIT);
        struct fake_tls tls = {.context.ops = &fake_tls_ops};
        struct upgrade u = {s.writer, &tls};
        const char *more = behind[i % 3];
        char *line, *data;

        fake_feed(s.transport, TEXT("go\n"));
        if (i < 3)
            fake_feed(s.transport, more, strlen(more));
        ck_assert_int_eq(weft_stream_readline(s.reader, &line), 3);
        if (i >= 3)
            fake_feed(s.transport, more, strlen(more));
        weft_task *task = weft_create_task(upgrades, &u, NULL);
        sim_pass(1);
        ck_assert_str_eq(tls.received, more);
        ck_assert_str_eq(line, "go\n");
        ck_assert_uint_eq(buffered(s.reader), 0);
        tls.asked.shaken(tls.asked.arg, 0, NULL);
        ck_assert_int_eq(weft_join(task, NULL), 0);
        fake_feed(tls.upper, TEXT("secret"));
        ck_assert_str_eq(line, "go\n");
        ck_assert_read(weft_stream_read(s.reader, 9, &data), "secret");
        weft_stream_close(s.writer);
        sim_pass(1);
        fake_tls_end(&tls);
        stream_close(&s);
    }
    return 0;
}

/* What another task has waited for, and not taken yet, is not TLS's: the upgrade is refused. A peer that
 * has ended its side cannot shake hands (TLSS-05, TLSS-11). */
START_SIM(not_now)
{
    struct stream s = stream_new(WEFT_STREAM_LIMIT);
    struct fake_tls tls = {.context.ops = &fake_tls_ops};
    const weft_start_tls_options options = {.server_hostname = ""};
    struct reading r = {.reader = s.reader, .how = EXACTLY, .bytes = 4};
    weft_task *task = reading_start(&r);

    fake_feed(s.transport, TEXT("123"));
    ck_assert_int_eq(weft_stream_start_tls(s.writer, &tls.context, &options), WEFT_ERUNTIME);
    ck_assert(!weft_stream_is_closing(s.writer));
    fake_feed(s.transport, TEXT("4"));
    ck_assert_int_eq(weft_join(task, NULL), 0);
    ck_assert_str_eq(r.got, "1234");
    fake_feed_eof(s.transport);
    ck_assert_int_eq(weft_stream_start_tls(s.writer, &tls.context, &options), -ECONNRESET);
    ck_assert(weft_stream_is_closing(s.writer));
    ck_assert_ptr_null(tls.upper);
    stream_close(&s);
    return 0;
}

/* TLSS-10, TLSS-04: what cannot be: no context, a bad time-out, a client that says no name. */
START_SIM(refused)
{
    struct stream s = stream_new(WEFT_STREAM_LIMIT);
    struct fake_tls tls = {.context.ops = &fake_tls_ops};
    weft_ssl_context none = {NULL};
    const weft_start_tls_options ok = {.server_hostname = ""};
    const weft_start_tls_options bad[] = {
        {.server_hostname = NULL},
        {.server_hostname = "x", .ssl_handshake_timeout = -1},
        {.server_hostname = "x", .ssl_shutdown_timeout = NAN},
    };

    ck_assert_int_eq(weft_stream_start_tls(NULL, &tls.context, &ok), -EINVAL);
    ck_assert_int_eq(weft_stream_start_tls(s.writer, NULL, &ok), -EINVAL);
    ck_assert_int_eq(weft_stream_start_tls(s.writer, &none, &ok), -EINVAL);
    ck_assert_int_eq(weft_stream_start_tls(s.writer, &tls.context, NULL), -EINVAL);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(weft_stream_start_tls(s.writer, &tls.context, &bad[i]), -EINVAL);
        ck_assert_str_ne(sim_said(), "-");
    }
    tls.refuse = ENOMEM;
    ck_assert_int_eq(weft_stream_start_tls(s.writer, &tls.context, &ok), -ENOMEM);
    ck_assert_ptr_null(tls.upper);
    ck_assert(!weft_stream_is_closing(s.writer)); /* nothing has changed */
    ck_assert_int_eq(weft_stream_write(s.writer, TEXT("plain")), 0);
    ck_assert_sent(s.transport, "plain");
    weft_stream_close(s.writer);
    ck_assert_int_eq(weft_stream_start_tls(s.writer, &tls.context, &ok), -ECONNRESET);
    stream_close(&s);
    return 0;
}

/* TLSS-11: a handshake that fails closes the connection. */
START_SIM(handshake_fails)
{
    struct stream s = stream_new(WEFT_STREAM_LIMIT);
    struct fake_tls tls = {.context.ops = &fake_tls_ops};
    struct upgrade u = {s.writer, &tls};
    weft_error *error = weft_error_new(-EPROTO, "no common cipher");
    weft_task *task = weft_create_task(upgrades, &u, NULL);

    sim_pass(1);
    tls.asked.shaken(tls.asked.arg, -EPROTO, error);
    weft_error_unref(error);
    ck_assert_int_eq(weft_join(task, NULL), -EPROTO);
    ck_assert_str_eq(sim_said(), "no common cipher");
    ck_assert(weft_stream_is_closing(s.writer));
    ck_assert_int_eq(weft_stream_wait_closed(s.writer), 0);
    fake_tls_end(&tls);
    stream_close(&s);
    ck_assert_int_eq(reports_count, 0);
    return 0;
}

/* TLSS-11: so does cancelling it; the end of the handshake may come later. */
START_SIM(cancelled)
{
    struct stream s = stream_new(WEFT_STREAM_LIMIT);
    struct fake_tls tls = {.context.ops = &fake_tls_ops};
    struct upgrade u = {s.writer, &tls};
    weft_task *task = weft_create_task(upgrades, &u, NULL);

    sim_pass(1);
    ck_assert_int_eq(weft_cancel(task), 1);
    ck_assert_int_eq(weft_join(task, NULL), WEFT_ECANCELLED);
    ck_assert(weft_stream_is_closing(s.writer));
    tls.asked.shaken(tls.asked.arg, -ECONNABORTED, NULL);
    fake_tls_end(&tls);
    stream_close(&s);
    ck_assert_int_eq(reports_count, 0);
    return 0;
}

static struct fake_tls servers_tls = {.context.ops = &fake_tls_ops};

static int upgrades_server(weft_stream_reader *reader, weft_stream_writer *writer, void *arg)
{
    (void)arg;
    int rc = weft_stream_start_tls(writer, &servers_tls.context, NULL);
    weft_stream_close(writer);
    weft_stream_reader_unref(reader);
    weft_stream_writer_unref(writer);
    return rc;
}

/* TLSS-09: a server's handler is the server's side. */
START_SIM(server_side)
{
    const struct stream_handler handler = {.client_connected = upgrades_server};
    struct fake_transport *t =
        fake_new(wf_stream_protocol_new(weft_get_running_loop(), WEFT_STREAM_LIMIT, &handler));

    sim_pass(2);
    ck_assert(servers_tls.asked.server_side);
    servers_tls.asked.shaken(servers_tls.asked.arg, 0, NULL);
    sim_pass(3);
    fake_tls_end(&servers_tls);
    weft_transport_unref(&t->base);
    ck_assert_int_eq(reports_count, 0);
    return 0;
}

/* No memory: the error comes back, and the connection is as it was. */
START_SIM(no_memory)
{
    struct stream s = stream_new(WEFT_STREAM_LIMIT);
    struct fake_tls tls = {.context.ops = &fake_tls_ops};
    const weft_start_tls_options options = {.server_hostname = ""};
    weft_future *all[300];
    int count = 0;

    wf_fault_arm(FAULT_ALLOC, 1, ENOMEM, true);
    while (count < 300 && (all[count] = weft_create_future())) /* those that are kept for reuse */
        count++;
    ck_assert_int_lt(count, 300);
    ck_assert_int_eq(weft_stream_start_tls(s.writer, &tls.context, &options), -ENOMEM);
    wf_fault_reset();
    while (count > 0)
        weft_unref(all[--count]);
    ck_assert(!weft_stream_is_closing(s.writer));
    ck_assert_ptr_null(tls.upper);
    stream_close(&s);
    return 0;
}

SUITE("start_tls", in_place, paused, received_behind_a_line, not_now, refused, handshake_fails,
      cancelled, server_side, no_memory)
