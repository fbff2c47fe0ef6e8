/*
 * probe.h - a protocol that writes down what it is told, over one end of a pair of sockets; the
 * test has the other end, a plain descriptor.
 *
 * A test waits for what a probe is told with probe_await(); the kernel passes on what was sent over a
 * pair, or over loopback, before the call returns.
 */
#ifndef WEFT_TESTS_NET_PROBE_H
#define WEFT_TESTS_NET_PROBE_H

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/socket_transport.h"
#include "tests/support/faults.h"
#include "tests/support/sim.h"
#include "tests/support/suite.h"

#define LARGE ((size_t)1 << 20)

/* Some bytes, of which none is where another one could be: so many. */
static inline const char *pattern(void)
{
    static char data[LARGE];
    static size_t made;
    for (; made < LARGE; made++)
        data[made] = (char)(made * 2654435761u >> 13);
    return data;
}

/* These are what comes after the first `at` bytes of the pattern, which begins again at its end. */
static inline bool pattern_goes_on(size_t at, const char *data, size_t bytes)
{
    const char *all = pattern();
    size_t i = 0;
    while (i < bytes && data[i] == all[(at + i) % LARGE])
        i++;
    return i == bytes;
}

struct probe {
    weft_protocol protocol;
    const char *name; /* a prefix of what it writes down */
    weft_transport *transport;
    weft_event told; /* set by each call */
    bool quiet;      /* data are counted only */
    bool patterned;  /* and are the pattern, again and again */
    bool keep_open;  /* eof_received returns 1 */
    bool pause_at_once;
    bool stutter; /* pauses and resumes with all that it gets */
    bool no_ref;  /* the transport is not kept */
    int fail_in_made, fail_in_data, fail_in_eof;
    size_t bytes; /* received */
    int made, eofs, lost, pauses, resumes, dropped;
    int lost_code;
    char data[256]; /* the newest, as text */
    /* For the buffered kind. */
    char own[64];
    size_t own_size;
    int buffers;
};

static inline struct probe *probe_of(weft_protocol *protocol)
{
    return (struct probe *)protocol;
}

static inline void probe_tell(struct probe *p, const char *what)
{
    trace("%s%s", p->name ? p->name : "", what);
    weft_event_set(&p->told);
}

static int probe_made(weft_protocol *protocol, weft_transport *transport)
{
    struct probe *p = probe_of(protocol);
    p->made++;
    p->transport = p->no_ref ? transport : weft_transport_ref(transport);
    if (p->pause_at_once)
        weft_transport_pause_reading(transport);
    probe_tell(p, "made");
    return p->fail_in_made ? weft_fail(p->fail_in_made, "made failed") : 0;
}

static int probe_data(weft_protocol *protocol, const void *data, size_t bytes)
{
    struct probe *p = probe_of(protocol);
    if (p->patterned)
        ck_assert(pattern_goes_on(p->bytes, data, bytes));
    p->bytes += bytes;
    if (p->quiet) {
        weft_event_set(&p->told);
    } else {
        ck_assert_uint_lt(bytes, sizeof(p->data));
        memcpy(p->data, data, bytes);
        p->data[bytes] = '\0';
        probe_tell(p, p->data);
    }
    if (p->stutter) {
        weft_transport_pause_reading(p->transport);
        weft_transport_resume_reading(p->transport);
    }
    return p->fail_in_data ? weft_fail(p->fail_in_data, "data failed") : 0;
}

static int probe_eof(weft_protocol *protocol)
{
    struct probe *p = probe_of(protocol);
    p->eofs++;
    probe_tell(p, "eof");
    return p->fail_in_eof ? weft_fail(p->fail_in_eof, "eof failed") : p->keep_open;
}

static void probe_lost(weft_protocol *protocol, int code, weft_error *error)
{
    struct probe *p = probe_of(protocol);
    p->lost++;
    p->lost_code = code;
    if (error)
        ck_assert_int_eq(weft_error_code(error), code);
    probe_tell(p, code ? weft_error_name(code) : "lost");
}

static void probe_pause(weft_protocol *protocol)
{
    struct probe *p = probe_of(protocol);
    p->pauses++;
    probe_tell(p, "pause");
}

static void probe_resume(weft_protocol *protocol)
{
    struct probe *p = probe_of(protocol);
    p->resumes++;
    probe_tell(p, "resume");
}

static void probe_dropped(weft_protocol *protocol)
{
    probe_of(protocol)->dropped++;
}

static int probe_buffer(weft_protocol *protocol, ssize_t hint, void **ret_buffer, size_t *ret_size)
{
    struct probe *p = probe_of(protocol);
    ck_assert_int_lt((int)hint, 0);
    p->buffers++;
    *ret_buffer = p->own;
    *ret_size = p->own_size;
    return 0;
}

static int probe_updated(weft_protocol *protocol, size_t bytes)
{
    return probe_data(protocol, probe_of(protocol)->own, bytes);
}

__attribute__((unused)) static const weft_protocol_ops probe_ops = {
    .connection_made = probe_made,
    .data_received = probe_data,
    .eof_received = probe_eof,
    .connection_lost = probe_lost,
    .pause_writing = probe_pause,
    .resume_writing = probe_resume,
    .dropped = probe_dropped,
};

__attribute__((unused)) static const weft_protocol_ops buffered_probe_ops = {
    .connection_made = probe_made,
    .get_buffer = probe_buffer,
    .buffer_updated = probe_updated,
    .eof_received = probe_eof,
    .connection_lost = probe_lost,
    .pause_writing = probe_pause,
    .resume_writing = probe_resume,
    .dropped = probe_dropped,
};

/* Waits until the condition holds, which something that the probe is told makes true. */
#define probe_await(p, condition) sim_await_told(&(p)->told, condition)

/* A pair of connected stream sockets, non-blocking: of the Unix family. */
__attribute__((unused)) static void unix_pair(int ends[2])
{
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
}

/* The same over TCP on the loopback interface. */
__attribute__((unused)) static void tcp_pair(int ends[2])
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t bytes = sizeof(at);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_ge(listener, 0);
    ck_assert_int_eq(bind(listener, (struct sockaddr *)&at, sizeof(at)), 0);
    ck_assert_int_eq(listen(listener, 1), 0);
    ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&at, &bytes), 0);
    ends[1] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_ge(ends[1], 0);
    ck_assert_int_eq(connect(ends[1], (struct sockaddr *)&at, sizeof(at)), 0);
    ends[0] = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    ck_assert_int_ge(ends[0], 0);
    ck_assert_int_eq(fcntl(ends[1], F_SETFL, O_NONBLOCK), 0);
    close(listener);
}

/* A transport with this probe on a descriptor; connection_made has been called, and nothing after. */
__attribute__((unused)) static void probe_open(struct probe *p, int fd)
{
    if (!p->protocol.ops)
        p->protocol.ops = &probe_ops;
    weft_transport *transport =
        wf_socket_transport_new(weft_get_running_loop(), fd, &p->protocol, NULL);
    ck_assert_ptr_nonnull(transport);
    ck_assert_int_eq(p->made, 0);
    probe_await(p, p->made);
    weft_transport_unref(transport);
    if (!p->no_ref)
        ck_assert_ptr_eq(p->transport, transport);
}

/* The same on the first of a new pair of Unix sockets. */
__attribute__((unused)) static void probe_open_pair(struct probe *p, int ends[2])
{
    unix_pair(ends);
    probe_open(p, ends[0]);
}

/* The protocol has been told of the end, once, and the transport is given back. */
static inline void probe_gone(struct probe *p)
{
    ck_assert_int_eq(p->lost, 1);
    weft_transport_unref(p->transport);
    p->transport = NULL;
}

/* It will be told, and then this is the record. */
static inline void probe_ends(struct probe *p, const char *record)
{
    probe_await(p, p->lost);
    ck_assert_trace(record);
    probe_gone(p);
}

/* It will be told of this error, which is reported so; NULL: which is nobody's news. */
__attribute__((unused)) static void probe_fails(struct probe *p, int code, const char *message)
{
    probe_await(p, p->lost);
    ck_assert_int_eq(p->lost_code, code);
    ck_assert_int_eq(reports_count, message ? 1 : 0);
    if (message) {
        ck_assert_int_eq(reports_code, code);
        ck_assert_str_eq(reports_message, message);
    }
    probe_gone(p);
}

/* Closes what is open, waits for the end, and gives the transport back. */
__attribute__((unused)) static void probe_close(struct probe *p)
{
    weft_transport_abort(p->transport);
    probe_await(p, p->lost);
    probe_gone(p);
}

/* And the other end of its pair. */
__attribute__((unused)) static void probe_close_pair(struct probe *p, int ends[2])
{
    probe_close(p);
    close(ends[1]);
}

static inline void peer_send(int fd, const char *text)
{
    ck_assert_int_eq(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

/* What the peer has got, as text; at most 255 bytes. */
__attribute__((unused)) static const char *peer_received(int fd)
{
    static char text[256];
    ssize_t n = recv(fd, text, sizeof(text) - 1, 0);
    text[n > 0 ? n : 0] = '\0';
    return n < 0 ? "nothing" : n == 0 ? "end" : text;
}

/* Resets the connection: the other end gets ECONNRESET. */
__attribute__((unused)) static void peer_reset(int fd)
{
    struct linger now = {1, 0};
    ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now)), 0);
    close(fd);
}

#endif
