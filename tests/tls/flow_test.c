/*
 * flow_test.c - much data, marks and pauses.
 */
#include <stdlib.h>

#include "tests/tls/relay.h"
#include "tls/connection.h"

#define MANY ((size_t)3 << 20)

static unsigned char many[MANY];

static void fill(void)
{
    srand(7);
    for (size_t i = 0; i < MANY; i++)
        many[i] = (unsigned char)rand();
}

/* A protocol that compares what it receives with what was sent, in a buffer of changing size or none. */
struct check {
    struct end end;
    bool wrong;
    unsigned char own[40000];
    size_t own_size;
};

static int check_data(weft_protocol *protocol, const void *data, size_t bytes)
{
    struct check *c = container_of(protocol, struct check, end.probe.protocol);
    if (c->end.probe.bytes + bytes > MANY || memcmp(many + c->end.probe.bytes, data, bytes) != 0)
        c->wrong = true;
    c->end.probe.bytes += bytes;
    if (rand() % 16 == 0)
        weft_transport_pause_reading(c->end.tls);
    weft_event_set(&c->end.probe.told);
    return 0;
}

static int check_buffer(weft_protocol *protocol, ssize_t hint, void **ret_buffer, size_t *ret_size)
{
    struct check *c = container_of(protocol, struct check, end.probe.protocol);
    (void)hint;
    *ret_buffer = c->own;
    *ret_size = c->own_size = 1 + (size_t)rand() % sizeof(c->own);
    return 0;
}

static int check_updated(weft_protocol *protocol, size_t bytes)
{
    struct check *c = container_of(protocol, struct check, end.probe.protocol);
    ck_assert_uint_gt(bytes, 0);
    ck_assert_uint_le(bytes, c->own_size);
    return check_data(protocol, c->own, bytes);
}

static const weft_protocol_ops plain_ops = {
    .connection_made = probe_made,
    .data_received = check_data,
    .eof_received = probe_eof,
    .connection_lost = probe_lost,
    .pause_writing = probe_pause,
    .resume_writing = probe_resume,
};

static const weft_protocol_ops buffered_ops = {
    .connection_made = probe_made,
    .get_buffer = check_buffer,
    .buffer_updated = check_updated,
    .eof_received = probe_eof,
    .connection_lost = probe_lost,
    .pause_writing = probe_pause,
    .resume_writing = probe_resume,
};

/* Sends everything, in pieces of any size, waiting whenever it is told to. */
static int send_all(void *arg, void **result)
{
    struct check *c = arg;
    size_t sent = 0;
    (void)result;
    while (sent < MANY) {
        size_t piece = 1 + (size_t)rand() % (rand() % 8 ? 3000 : 300000), half;
        piece = piece < MANY - sent ? piece : MANY - sent;
        half = piece / 2;
        const struct iovec pieces[] = {
            {many + sent, half}, {NULL, 0}, {many + sent + half, piece - half}};
        if (rand() % 2)
            ck_assert_int_eq(weft_transport_writelines(c->end.tls, pieces, 3), 0);
        else
            ck_assert_int_eq(weft_transport_write(c->end.tls, many + sent, piece), 0);
        sent += piece;
        while (c->end.tls->paused)
            ck_assert_int_eq(weft_yield(), 0);
    }
    return 0;
}

static void open_checks(struct check *client, struct check *server, const struct trust *trust,
                        struct relay *relay)
{
    client->end.probe.protocol.ops = &plain_ops;
    server->end.probe.protocol.ops = &buffered_ops;
    *relay = relay_open(&client->end, &server->end, trust);
    relay_until(relay, SIZE_MAX, client->end.shaken && server->end.shaken);
}

/* Whoever has paused reads on. */
static void read_on(struct check *c)
{
    weft_transport_resume_reading(c->end.tls);
}

/* Megabytes both ways at once, in pieces of any size, over a network that cuts them anywhere: all of it
 * arrives, in order (WRIT-25), whoever pauses meanwhile. */
START_SIM(large_transfers_both_ways)
{
    struct trust trust = trust_make();
    static struct check client, server;
    struct relay relay;
    fill();
    open_checks(&client, &server, &trust, &relay);
    weft_task *senders[] = {weft_create_task(send_all, &client, NULL),
                            weft_create_task(send_all, &server, NULL)};
    while (client.end.probe.bytes < MANY || server.end.probe.bytes < MANY) {
        (void)relay_move(&relay, true, 1 + (size_t)rand() % 40000);
        (void)relay_move(&relay, false, 1 + (size_t)rand() % 40000);
        ck_assert_int_eq(weft_yield(), 0);
        read_on(&client);
        read_on(&server);
    }
    ck_assert_int_eq(weft_join(senders[0], NULL), 0);
    ck_assert_int_eq(weft_join(senders[1], NULL), 0);
    ck_assert(!client.wrong && !server.wrong);
    ck_assert_uint_eq(server.end.probe.bytes, MANY);
    ck_assert_int_gt(client.end.probe.pauses, 0);
    ck_assert_int_eq(client.end.probe.pauses, client.end.probe.resumes);
    ck_assert_int_eq(reports_count, 0);
    ends_free(&client.end, &server.end);
    relay_close(&relay);
    trust_free(&trust);
    return 0;
}

/* A network that moves a byte at a time. */
START_SIM(byte_by_byte)
{
    struct trust trust = trust_make();
    struct end client = {.probe.name = "c:"}, server = {.probe.name = "s:"};
    struct relay relay = relay_open(&client, &server, &trust);
    relay_until(&relay, 1, client.shaken && server.shaken);
    end_send(&client, "ping");
    end_send(&server, "pong");
    relay_until(&relay, 1, client.probe.bytes == 4 && server.probe.bytes == 4);
    weft_transport_close(client.tls);
    relay_until(&relay, 1, client.probe.lost && server.probe.lost);
    ck_assert_int_eq(client.probe.lost_code, 0);
    ck_assert_int_eq(server.probe.lost_code, 0);
    ends_free(&client, &server);
    relay_close(&relay);
    trust_free(&trust);
    return 0;
}

/* TLSS-13: writing is paused above 512 KiB, and resumed at 128 KiB. */
START_SIM(marks_of_writing)
{
    struct trust trust = trust_make();
    struct end client = {0}, server = {.probe.quiet = true};
    struct relay relay = relay_open(&client, &server, &trust);
    size_t low, high, fixed;
    relay_until(&relay, SIZE_MAX, client.shaken && server.shaken);
    ck_assert_int_eq(weft_transport_get_write_buffer_limits(client.tls, &low, &high), 0);
    ck_assert_uint_eq(high, (size_t)512 * 1024);
    ck_assert_uint_eq(low, (size_t)128 * 1024);

    /* Until the system takes no more. */
    while (weft_transport_get_write_buffer_size(client.tls) == 0)
        ck_assert_int_eq(weft_transport_write(client.tls, many, 4096), 0);
    fixed = weft_transport_get_write_buffer_size(client.tls);
    ck_assert_int_eq(weft_transport_write(client.tls, many, high - fixed), 0);
    ck_assert_uint_eq(weft_transport_get_write_buffer_size(client.tls), high);
    ck_assert_int_eq(client.probe.pauses, 0);
    ck_assert_int_eq(weft_transport_write(client.tls, many, 1), 0);
    ck_assert_int_eq(client.probe.pauses, 1);
    ck_assert_int_eq(client.probe.resumes, 0);
    while (!client.probe.resumes) {
        ck_assert_uint_gt(weft_transport_get_write_buffer_size(client.tls), low);
        (void)relay_move(&relay, true, SIZE_MAX);
        ck_assert_int_eq(weft_yield(), 0);
    }
    ck_assert_uint_le(weft_transport_get_write_buffer_size(client.tls), low);
    ends_free(&client, &server);
    relay_close(&relay);
    trust_free(&trust);
    return 0;
}

/* TRAN-02: with a mark of 0 writing is paused whenever something is buffered, and resumed when nothing
 * is, not even below. */
START_SIM(a_mark_of_zero)
{
    struct trust trust = trust_make();
    struct end client = {0}, server = {.probe.quiet = true};
    struct relay relay = relay_open(&client, &server, &trust);
    relay_until(&relay, SIZE_MAX, client.shaken && server.shaken);
    size_t low, high;
    ck_assert_int_eq(
        weft_transport_set_write_buffer_limits(client.tls, WEFT_DEFAULT_MARK, WEFT_DEFAULT_MARK),
        0);
    ck_assert_int_eq(weft_transport_get_write_buffer_limits(client.tls, &low, &high), 0);
    ck_assert_uint_eq(high, (size_t)512 * 1024); /* TLSS-13 */
    ck_assert_uint_eq(low, (size_t)128 * 1024);
    ck_assert_int_eq(weft_transport_set_write_buffer_limits(client.tls, 0, 0), 0);
    while (!client.probe.pauses) {
        ck_assert_uint_eq(weft_transport_get_write_buffer_size(client.tls), 0);
        ck_assert_int_eq(weft_transport_write(client.tls, many, 4096), 0);
    }
    ck_assert_uint_gt(weft_transport_get_write_buffer_size(client.tls), 0);
    relay_until(&relay, SIZE_MAX, client.probe.resumes);
    ck_assert_uint_eq(weft_transport_get_write_buffer_size(client.tls), 0);
    ends_free(&client, &server);
    relay_close(&relay);
    trust_free(&trust);
    return 0;
}

/* TLSS-13: while the protocol does not read, up to 256 KiB are received for it, and no more. */
START_SIM(marks_of_reading)
{
    struct trust trust = trust_make();
    struct end client = {0}, server = {.probe.quiet = true};
    struct relay relay = relay_open(&client, &server, &trust);
    relay_until(&relay, SIZE_MAX, client.shaken && server.shaken);
    weft_transport_pause_reading(server.tls);
    ck_assert_int_eq(weft_transport_write(client.tls, many, MANY), 0);
    relay_until(&relay, 4096, !weft_transport_is_reading(server.lower));
    const struct tls *tls = tls_of(server.tls);
    ck_assert_uint_ge(bytes_held(&tls->in), (size_t)256 * 1024);
    ck_assert_uint_le(bytes_held(&tls->in), (size_t)(256 + 64) * 1024);
    ck_assert_uint_eq(server.probe.bytes, 0);
    weft_transport_resume_reading(server.tls);
    relay_until(&relay, SIZE_MAX, server.probe.bytes == MANY);
    ck_assert(weft_transport_is_reading(server.lower));
    ck_assert_uint_le(tls->in.size, (size_t)64 * 1024); /* not what it had grown to */
    ends_free(&client, &server);
    relay_close(&relay);
    trust_free(&trust);
    return 0;
}

/* TRAN-04: pausing and resuming are idempotent. */
START_SIM(pausing_is_idempotent)
{
    struct trust trust = trust_make();
    struct end client = {0}, server = {0};
    ends_connect(&client, &server, &trust);
    for (int i = 0; i < 2; i++)
        weft_transport_pause_reading(server.tls);
    end_send(&client, "hello");
    sim_pass(10);
    ck_assert_uint_eq(server.probe.bytes, 0);
    for (int i = 0; i < 2; i++)
        weft_transport_resume_reading(server.tls);
    weft_transport_pause_reading(server.tls); /* before what resuming has queued */
    sim_pass(10);
    ck_assert_uint_eq(server.probe.bytes, 0);
    weft_transport_resume_reading(server.tls);
    probe_await(&server.probe, server.probe.bytes == 5);
    ends_free(&client, &server);
    trust_free(&trust);
    return 0;
}

/* TRAN-14: an empty buffer is an error, which aborts. */
START_SIM(an_empty_buffer)
{
    struct trust trust = trust_make();
    struct end client = {0}, server = {.probe.protocol.ops = &buffered_probe_ops};
    ends_connect(&client, &server, &trust);
    end_send(&client, "hello");
    end_await(&server);
    ck_assert_int_eq(server.probe.lost_code, WEFT_ERUNTIME);
    ck_assert_int_eq(reports_count, 1);
    ends_free(&client, &server);
    trust_free(&trust);
    return 0;
}

/* What is sent in one piece of a record's size arrives in one: no record is larger than need be. */
START_SIM(records_are_full)
{
    struct trust trust = trust_make();
    struct end client = {0}, server = {.probe.quiet = true};
    struct relay relay = relay_open(&client, &server, &trust);
    relay_until(&relay, SIZE_MAX, client.shaken && server.shaken);
    size_t before = relay.moved[0];
    ck_assert_int_eq(weft_transport_write(client.tls, many, 4 * TLS_RECORD), 0);
    relay_until(&relay, SIZE_MAX, server.probe.bytes == 4 * TLS_RECORD);
    ck_assert_uint_eq(relay.moved[0] - before, 4 * (TLS_RECORD + 22)); /* TLS 1.3, AES-GCM */
    ends_free(&client, &server);
    relay_close(&relay);
    trust_free(&trust);
    return 0;
}

SUITE("tls_flow", large_transfers_both_ways, byte_by_byte, marks_of_writing, a_mark_of_zero,
      marks_of_reading, pausing_is_idempotent, an_empty_buffer, records_are_full)
