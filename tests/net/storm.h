/*
 * storm.h - transports, of which each is used in any order, from the program and from inside its
 * protocol, and a protocol that asserts what holds whatever happens.
 *
 * That is: connection_made comes first and once; then what was sent, in order, not to a paused or
 * closing transport; the end of the stream once; pause_writing and resume_writing in turn; last and
 * once, connection_lost, from the loop, or dropped.
 */
#ifndef WEFT_TESTS_NET_STORM_H
#define WEFT_TESTS_NET_STORM_H

#include <weft/datagram.h>

#include "tests/net/pipes.h"

#define ENDS_MAX 6u

enum kind {
    UNIX,
    TCP,
    DATAGRAM,
    READER,
    WRITER,
    SOCKET_READER,
    SOCKET_WRITER,
    TTY_READER,
    TTY_WRITER,
    DEVICE_READER,
    DEVICE_WRITER,
    KINDS
};

struct end {
    weft_protocol protocol;
    enum kind kind;
    weft_transport *kept;  /* a reference, or NULL */
    weft_transport *alive; /* from connection_made on; NULL: it is over */
    int peer;              /* the other end, or -1 */
    int depth;             /* of calls from inside */
    bool made, eof, paused, over;
    bool gone;                         /* the loop was closed: so is the descriptor */
    size_t in, out, peer_in, peer_out; /* bytes of the pattern */
    char own[3000];
};

static struct end ends[ENDS_MAX];
static unsigned ends_count;
static unsigned calls; /* of the program into a transport, under way */
static bool calm;      /* the storm is over */
static bool rough;     /* more of what ends a transport */
static uint64_t seed;

static unsigned random_below(unsigned limit)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(seed >> 33) % limit;
}

static bool one_in(unsigned n)
{
    return random_below(n) == 0;
}

static int fail_at_times(void)
{
    return !calm && one_in(rough ? 50 : 2000) ? weft_fail(-EDOM, "in a storm") : 0;
}

/* ---- What is done ---- */

/* So many bytes of the pattern from there on lie in one piece. */
static size_t some_bytes(size_t at)
{
    size_t bytes = 1 + (one_in(5) ? random_below(200000) : random_below(300));
    size_t left = LARGE - at % LARGE;
    return bytes < left ? bytes : left;
}

static void write_some(struct end *e)
{
    size_t at = e->out, bytes = some_bytes(at);
    char *data = (char *)(uintptr_t)pattern() + at % LARGE;
    struct iovec pieces[2] = {{data, bytes / 3}, {data + bytes / 3, bytes - bytes / 3}};
    int rc;

    if (weft_transport_is_closing(e->alive))
        bytes = 0;
    e->out += bytes; /* pause_writing may write more */
    if (e->kind == DATAGRAM)
        rc = weft_datagram_sendto(e->alive, data, bytes % 9000, NULL);
    else if (one_in(2))
        rc = weft_transport_writelines(e->alive, pieces, 2);
    else
        rc = weft_transport_write(e->alive, data, bytes);
    if (rc)
        e->out = at;
}

static void peer_writes(struct end *e)
{
    const char *data = pattern() + e->peer_out % LARGE;
    size_t bytes = some_bytes(e->peer_out);
    ssize_t n = 0;
    if (e->kind == READER)
        n = write(e->peer, data, bytes);
    else if (e->kind == DATAGRAM)
        n = send(e->peer, data, bytes % 5000, MSG_NOSIGNAL);
    else if (e->kind == UNIX || e->kind == TCP || e->kind == SOCKET_READER)
        n = send(e->peer, data, bytes, MSG_NOSIGNAL);
    e->peer_out += n > 0 ? (size_t)n : 0;
}

static void peer_reads(struct end *e)
{
    static char data[100000];
    if (e->kind == READER || e->kind == TTY_READER || e->kind == TTY_WRITER)
        return;
    ssize_t n = read(e->peer, data, 1 + random_below(sizeof(data) - 1));
    if (n <= 0)
        return;
    ck_assert(e->kind == DATAGRAM || pattern_goes_on(e->peer_in, data, (size_t)n));
    e->peer_in += (size_t)n;
}

static void peer_leaves(struct end *e)
{
    if (e->kind == TCP && one_in(2))
        peer_reset(e->peer);
    else
        close(e->peer);
    e->peer = -1;
}

static void peer_acts(struct end *e)
{
    if (e->peer < 0 || e->gone)
        return;
    if (one_in(rough ? 30 : 1000))
        peer_leaves(e);
    else if (one_in(rough ? 30 : 500) && (e->kind == UNIX || e->kind == TCP))
        shutdown(e->peer, SHUT_WR);
    else if (one_in(2))
        peer_writes(e);
    else
        peer_reads(e);
}

/* What may end it. */
static void end_at_times(struct end *e)
{
    weft_transport *kept = e->kept;
    unsigned what = random_below(rough ? 40 : 1000);
    if (what == 0) {
        weft_transport_close(e->alive);
    } else if (what == 1) {
        weft_transport_abort(e->alive);
    } else if (what == 2) {
        if (weft_transport_can_write_eof(e->alive))
            (void)weft_transport_write_eof(e->alive);
    } else if (what == 3) {
        e->kept = NULL;
        weft_transport_unref(kept);
    } else if (!kept) {
        e->kept = weft_transport_ref(e->alive);
    }
}

static void act(struct end *e)
{
    if (!e->alive)
        return;
    calls++;
    switch (random_below(8)) {
    case 0:
        weft_transport_pause_reading(e->alive);
        break;
    case 1:
    case 2:
        weft_transport_resume_reading(e->alive);
        break;
    case 3:
    case 4:
        write_some(e);
        break;
    case 5:
        (void)weft_transport_set_write_buffer_limits(
            e->alive, one_in(2) ? 0 : (ssize_t)random_below(100000), WEFT_DEFAULT_MARK);
        break;
    case 6:
        end_at_times(e);
        break;
    default:
        peer_acts(e);
    }
    calls--;
}

/* A protocol that calls from inside: its own transport, or another one. */
static void act_inside(struct end *e)
{
    if (calm || e->depth > 2)
        return;
    e->depth++;
    while (one_in(3))
        act(one_in(4) ? &ends[random_below(ends_count)] : e);
    e->depth--;
}

/* ---- What is told ---- */

static struct end *end_of(weft_protocol *protocol)
{
    struct end *e = (struct end *)protocol;
    ck_assert(e->made && !e->over);
    return e;
}

static int end_made(weft_protocol *protocol, weft_transport *transport)
{
    struct end *e = (struct end *)protocol;
    ck_assert(!e->made && !e->over && !calls);
    e->made = true;
    e->alive = transport;
    if (!one_in(8))
        e->kept = weft_transport_ref(transport);
    act_inside(e);
    return fail_at_times();
}

static int end_data(weft_protocol *protocol, const void *data, size_t bytes)
{
    struct end *e = end_of(protocol);
    ck_assert(bytes && !e->eof && !calls);
    ck_assert(protocol->ops->get_buffer || weft_transport_is_reading(e->alive));
    ck_assert(e->kind == DEVICE_READER || pattern_goes_on(e->in, data, bytes));
    e->in += bytes;
    act_inside(e);
    return fail_at_times();
}

static int end_buffer(weft_protocol *protocol, ssize_t hint, void **ret_buffer, size_t *ret_size)
{
    struct end *e = end_of(protocol);
    (void)hint;
    *ret_buffer = e->own;
    *ret_size = !calm && one_in(1000) ? 0 : 1 + random_below(sizeof(e->own) - 1);
    act_inside(e);
    return fail_at_times();
}

static int end_updated(weft_protocol *protocol, size_t bytes)
{
    return end_data(protocol, end_of(protocol)->own, bytes);
}

static int end_eof(weft_protocol *protocol)
{
    struct end *e = end_of(protocol);
    ck_assert(!e->eof && !calls);
    e->eof = true;
    act_inside(e);
    int rc = fail_at_times();
    return rc ? rc : one_in(2);
}

static void end_is_over(struct end *e)
{
    e->over = true;
    weft_transport_unref(e->kept);
    e->kept = e->alive = NULL;
}

static void end_lost(weft_protocol *protocol, int code, weft_error *error)
{
    struct end *e = end_of(protocol);
    (void)code, (void)error;
    ck_assert(!calls);
    ck_assert(weft_transport_is_closing(e->alive));
    act_inside(e);
    end_is_over(e);
}

static void end_pause(weft_protocol *protocol)
{
    struct end *e = end_of(protocol);
    ck_assert(!e->paused);
    e->paused = true;
    act_inside(e);
}

static void end_resume(weft_protocol *protocol)
{
    struct end *e = end_of(protocol);
    ck_assert(e->paused);
    e->paused = false;
    act_inside(e);
}

static int end_datagram(weft_protocol *protocol, const void *data, size_t bytes,
                        const weft_address *sender)
{
    struct end *e = end_of(protocol);
    (void)data, (void)bytes, (void)sender;
    ck_assert(weft_transport_is_reading(e->alive));
    act_inside(e);
    return fail_at_times();
}

static void end_error(weft_protocol *protocol, int code, weft_error *error)
{
    (void)error;
    ck_assert_int_lt(code, 0);
    act_inside(end_of(protocol));
}

/* Nothing can be done any more, but tried. */
static void end_dropped(weft_protocol *protocol)
{
    struct end *e = (struct end *)protocol;
    ck_assert(!e->over);
    calm = false;
    e->gone = true;
    act_inside(e);
    end_is_over(e);
}

#define END_OPS                                                                        \
    .connection_made = end_made, .eof_received = end_eof, .connection_lost = end_lost, \
    .pause_writing = end_pause, .resume_writing = end_resume, .dropped = end_dropped

static const weft_protocol_ops plain_ops = {END_OPS, .data_received = end_data,
                                            .datagram_received = end_datagram,
                                            .error_received = end_error};
static const weft_protocol_ops buffer_ops = {END_OPS, .get_buffer = end_buffer,
                                             .buffer_updated = end_updated};

#endif
