/*
 * talker.h - a protocol that writes down what it is told, over a datagram endpoint.
 */
#ifndef WEFT_TESTS_NET_TALKER_H
#define WEFT_TESTS_NET_TALKER_H

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/faults.h"
#include "tests/support/sim.h"
#include "tests/support/suite.h"

/* A protocol that writes down what it is told. */
struct talker {
    weft_protocol protocol;
    weft_transport *transport;
    weft_event told;
    int made, lost, received, errors, dropped;
    int lost_code, error_code, fail_in_received;
    size_t bytes; /* of the latest datagram */
    weft_address sender;
    bool quiet;
    bool stutter; /* pauses and resumes with each datagram */
};

static inline struct talker *talker_of(weft_protocol *protocol)
{
    return (struct talker *)protocol;
}

static inline void told(struct talker *t, const char *what)
{
    if (!t->quiet)
        trace("%s", what);
    weft_event_set(&t->told);
}

static int talker_made(weft_protocol *protocol, weft_transport *transport)
{
    struct talker *t = talker_of(protocol);
    t->made++;
    t->transport = weft_transport_ref(transport);
    told(t, "made");
    return 0;
}

static int talker_received(weft_protocol *protocol, const void *data, size_t bytes,
                           const weft_address *sender)
{
    struct talker *t = talker_of(protocol);
    char text[64];
    t->received++;
    t->bytes = bytes;
    t->sender = *sender;
    snprintf(text, sizeof(text), "<%.*s>", bytes < 40 ? (int)bytes : 40, (const char *)data);
    told(t, text);
    if (t->stutter) {
        weft_transport_pause_reading(t->transport);
        weft_transport_resume_reading(t->transport);
    }
    return t->fail_in_received ? weft_fail(t->fail_in_received, "received failed") : 0;
}

static void talker_error(weft_protocol *protocol, int code, weft_error *error)
{
    struct talker *t = talker_of(protocol);
    (void)error;
    t->errors++;
    t->error_code = code;
    told(t, weft_error_name(code));
}

static void talker_lost(weft_protocol *protocol, int code, weft_error *error)
{
    struct talker *t = talker_of(protocol);
    (void)error;
    t->lost++;
    t->lost_code = code;
    told(t, code ? weft_error_name(code) : "lost");
}

static void talker_pause(weft_protocol *protocol)
{
    told(talker_of(protocol), "pause");
}

static void talker_resume(weft_protocol *protocol)
{
    told(talker_of(protocol), "resume");
}

static void talker_dropped(weft_protocol *protocol)
{
    talker_of(protocol)->dropped++;
}

static const weft_protocol_ops talker_ops = {
    .connection_made = talker_made,
    .connection_lost = talker_lost,
    .datagram_received = talker_received,
    .error_received = talker_error,
    .pause_writing = talker_pause,
    .resume_writing = talker_resume,
    .dropped = talker_dropped,
};

#define TALKER                      \
    {                               \
        .protocol.ops = &talker_ops \
    }

#define talker_await(t, condition) sim_await_told(&(t)->told, condition)

static inline int talker_open(struct talker *t, const weft_datagram_options *options)
{
    weft_transport *transport = NULL;
    int rc = weft_create_datagram_endpoint(&t->protocol, options, &transport);
    if (!rc) {
        ck_assert_int_eq(t->made, 1); /* DGRM-01 */
        ck_assert_ptr_eq(t->transport, transport);
    } else {
        ck_assert_ptr_null(transport);
        ck_assert_int_eq(t->made, t->lost);
    }
    weft_transport_unref(transport);
    return rc;
}

static inline void talker_close(struct talker *t)
{
    weft_transport_close(t->transport);
    talker_await(t, t->lost);
    weft_transport_unref(t->transport);
}

static inline const weft_address *name_of(const struct talker *t, const char *which)
{
    return weft_transport_get_extra_info(t->transport, which, NULL);
}

static inline const char *text_of(const weft_address *address)
{
    static char text[2][WEFT_ADDRESS_TEXT];
    static int turn;
    turn = !turn;
    return address ? weft_address_text(address, text[turn], sizeof(text[turn])) : "-";
}

static inline int send_text(struct talker *t, const char *text, const weft_address *address)
{
    return weft_datagram_sendto(t->transport, text, strlen(text), address);
}

/* A datagram socket of the test's own, bound to loopback. */
static inline int plain_socket(weft_address *ret_address)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(weft_address_numeric("127.0.0.1", 0, ret_address), 0);
    ck_assert_int_eq(bind(fd, &ret_address->any, ret_address->bytes), 0);
    ck_assert_int_eq(getsockname(fd, &ret_address->any, &ret_address->bytes), 0);
    return fd;
}

static const weft_datagram_options on_loopback = {.local_host = "127.0.0.1", .local_port = "0"};

#endif
