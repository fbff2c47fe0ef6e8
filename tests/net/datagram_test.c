/*
 * datagram_test.c - datagram endpoints, over loopback and Unix sockets.
 */
#include <errno.h>
#include <netdb.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "tests/net/hosts.h"
#include "tests/net/resolver.h"
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

static struct talker *talker_of(weft_protocol *protocol)
{
    return (struct talker *)protocol;
}

static void told(struct talker *t, const char *what)
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

#define talker_await(t, condition)                            \
    do {                                                      \
        while (!(condition)) {                                \
            weft_event_clear(&(t)->told);                     \
            ck_assert_int_eq(weft_event_wait(&(t)->told), 0); \
        }                                                     \
    } while (0)

static int talker_open(struct talker *t, const weft_datagram_options *options)
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

static void talker_close(struct talker *t)
{
    weft_transport_close(t->transport);
    talker_await(t, t->lost);
    weft_transport_unref(t->transport);
}

static const weft_address *name_of(const struct talker *t, const char *which)
{
    return weft_transport_get_extra_info(t->transport, which, NULL);
}

static const char *text_of(const weft_address *address)
{
    static char text[2][WEFT_ADDRESS_TEXT];
    static int turn;
    turn = !turn;
    return address ? weft_address_text(address, text[turn], sizeof(text[turn])) : "-";
}

static int send_text(struct talker *t, const char *text, const weft_address *address)
{
    return weft_datagram_sendto(t->transport, text, strlen(text), address);
}

/* A datagram socket of the test's own, bound to loopback. */
static int plain_socket(weft_address *ret_address)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(weft_address_numeric("127.0.0.1", 0, ret_address), 0);
    ck_assert_int_eq(bind(fd, &ret_address->any, ret_address->bytes), 0);
    ck_assert_int_eq(getsockname(fd, &ret_address->any, &ret_address->bytes), 0);
    return fd;
}

static const weft_datagram_options on_loopback = {.local_host = "127.0.0.1", .local_port = "0"};

/* DGRM-01, DGRM-02, DGRM-09: a server that is bound, a client that is connected. DGRM-18 */
START_SIM(both_ends)
{
    struct talker server = TALKER, client = TALKER;
    char port[8];

    resolver_install(NULL);
    ck_assert_int_eq(talker_open(&server, &on_loopback), 0);
    ck_assert_str_eq(text_of(name_of(&server, "peername")), "-");
    snprintf(port, sizeof(port), "%u", (uint16_t)weft_address_port(name_of(&server, "sockname")));
    weft_datagram_options options = {.remote_host = "127.0.0.1", .remote_port = port};
    ck_assert_int_eq(talker_open(&client, &options), 0);
    ck_assert_str_eq(text_of(name_of(&client, "peername")), text_of(name_of(&server, "sockname")));
    ck_assert_int_eq(resolver.calls, 0);

    ck_assert_int_eq(send_text(&client, "ping", NULL), 0);
    talker_await(&server, server.received == 1);
    ck_assert_str_eq(text_of(&server.sender), text_of(name_of(&client, "sockname")));
    ck_assert_int_eq(send_text(&server, "pong", &server.sender), 0);
    talker_await(&client, client.received == 1);
    ck_assert_str_eq(text_of(&client.sender), text_of(name_of(&server, "sockname")));

    /* Empty ones, too (DGRM-12). */
    ck_assert_int_eq(weft_datagram_sendto(client.transport, NULL, 0, NULL), 0);
    talker_await(&server, server.received == 2);
    ck_assert_uint_eq(server.bytes, 0);

    /* Only the peer is heard. */
    weft_address other;
    int fd = plain_socket(&other);
    ck_assert_int_eq(
        (int)sendto(fd, "no", 2, 0, &name_of(&client, "sockname")->any, sizeof(other.in)), 2);
    ck_assert_int_eq(send_text(&server, "yes", &server.sender), 0);
    talker_await(&client, client.received == 2);
    close(fd);
    talker_close(&client);
    talker_close(&server);
    ck_assert_trace("made made <ping> <pong> <> <yes> lost lost");
    return 0;
}

/* DGRM-18, CONN-25: names are looked up; DGRM-04: and may not be found. */
START_SIM(names)
{
    struct talker t = TALKER;
    weft_datagram_options options = {.local_host = "host", .flags = AI_ADDRCONFIG};

    resolver_install("127.0.0.1");
    ck_assert_int_eq(talker_open(&t, &options), 0);
    ck_assert_int_eq(resolver.calls, 1);
    ck_assert_int_eq(resolver.flags, AI_ADDRCONFIG);
    ck_assert_int_ne(weft_address_port(name_of(&t, "sockname")), 0);
    talker_close(&t);
    resolver.addresses = "";
    t = (struct talker)TALKER;
    ck_assert_int_eq(talker_open(&t, &options), -EADDRNOTAVAIL);
    ck_assert_str_eq(sim_said(), "host \"host\", port \"\": no addresses");
    resolver.eai = EAI_NONAME;
    ck_assert_int_eq(talker_open(&t, &options), WEFT_EAI_NONAME);
    options = (weft_datagram_options){.local_host = "127.0.0.1", .remote_host = "host"};
    ck_assert_int_eq(talker_open(&t, &options), WEFT_EAI_NONAME);
    ck_assert_int_eq(t.made, 0);
    return 0;
}

/* DGRM-03, DGRM-05, DGRM-02: what does not go together. */
START_SIM(refused)
{
    struct talker t = TALKER;
    weft_address address, none = {0};
    weft_transport *transport;
    weft_socket *stream = weft_socket_new(AF_INET, SOCK_STREAM, 0);
    weft_socket *sock = weft_socket_new(AF_INET, SOCK_DGRAM, 0);

    resolver_install("127.0.0.1");
    ck_assert_int_eq(weft_address_numeric("127.0.0.1", 9, &address), 0);
    const struct {
        weft_datagram_options options;
        const char *said;
    } cases[] = {
        {{0}, "neither an address nor a family is given"},
        {{.local_host = "127.0.0.1", .remote_host = "::1"}, "the addresses do not go together"},
        {{.local_host = "::1", .remote_address = &address}, "the addresses do not go together"},
        {{.sock = stream}, "the socket is a stream socket"},
        {{.sock = sock, .local_port = "1"}, "with a socket no other option has a meaning"},
        {{.sock = sock, .remote_address = &address}, "with a socket no other option has a meaning"},
        {{.sock = sock, .family = AF_INET}, "with a socket no other option has a meaning"},
        {{.sock = sock, .proto = 1}, "with a socket no other option has a meaning"},
        {{.sock = sock, .flags = 1}, "with a socket no other option has a meaning"},
        {{.sock = sock, .reuse_port = true}, "with a socket no other option has a meaning"},
        {{.sock = sock, .allow_broadcast = true}, "with a socket no other option has a meaning"},
        {{.local_host = "a", .local_address = &address},
         "an address or a host and port, but not both"},
        {{.local_address = &none}, "the address is none"},
        {{.local_address = &address, .family = AF_INET6}, "the address is of another family"},
        {{.local_host = "::1", .local_port = "65536"}, "port 65536 is not in 0-65535"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        ck_assert_int_eq(talker_open(&t, &cases[i].options), -EINVAL);
        ck_assert_str_eq(sim_said(), cases[i].said);
    }
    ck_assert_int_eq(weft_create_datagram_endpoint(NULL, &on_loopback, &transport), -EINVAL);
    ck_assert_int_eq(weft_create_datagram_endpoint(&t.protocol, NULL, &transport), -EINVAL);
    ck_assert_int_eq(weft_create_datagram_endpoint(&t.protocol, &on_loopback, NULL), -EINVAL);
    ck_assert_trace("");
    weft_socket_close(sock);
    weft_socket_close(stream);
    return 0;
}

START_TEST(no_task)
{
    struct talker t = TALKER;
    weft_transport *transport;
    ck_assert_int_eq(weft_create_datagram_endpoint(&t.protocol, &on_loopback, &transport),
                     WEFT_ENOTASK);
}
END_TEST

/* DGRM-02, DGRM-03: a family alone makes a socket that is tied to nothing. */
START_SIM(family_alone)
{
    struct talker t = TALKER;
    weft_address address;
    char buffer[8];
    int fd = plain_socket(&address);

    ck_assert_int_eq(talker_open(&t, &(weft_datagram_options){.family = AF_INET}), 0);
    ck_assert_int_eq(send_text(&t, "x", NULL), -EINVAL);
    ck_assert_str_eq(sim_said(), "there is no address to send to");
    ck_assert_int_eq(send_text(&t, "x", &(weft_address){0}), -EINVAL);
    ck_assert_int_eq(send_text(&t, "hello", &address), 0);
    ck_assert_int_eq((int)recv(fd, buffer, sizeof(buffer), 0), 5);
    ck_assert_int_eq(weft_transport_write(t.transport, "x", 1), WEFT_ERUNTIME);
    ck_assert(!weft_transport_can_write_eof(t.transport));
    ck_assert_int_eq(weft_datagram_sendto(NULL, "x", 1, &address), -EINVAL);
    ck_assert_int_eq(weft_datagram_sendto(t.transport, NULL, 1, &address), -EINVAL);
    close(fd);
    talker_close(&t);
    return 0;
}

/* DGRM-05: a ready socket, connected or not. */
START_SIM(given_socket)
{
    weft_address address;
    char buffer[8];
    int fd = plain_socket(&address);

    for (int connected = 0; connected < 2; connected++) {
        struct talker t = TALKER;
        weft_socket *sock = weft_socket_new(AF_INET, SOCK_DGRAM, 0);
        if (connected)
            ck_assert_int_eq(weft_sock_connect(sock, &address), 0);
        ck_assert_int_eq(talker_open(&t, &(weft_datagram_options){.sock = sock}), 0);
        ck_assert_int_eq(send_text(&t, "x", NULL), connected ? 0 : -EINVAL);
        if (!connected)
            ck_assert_int_eq(send_text(&t, "x", &address), 0);
        ck_assert_int_eq((int)recv(fd, buffer, sizeof(buffer), 0), 1);
        const weft_transport_socket *socket =
            weft_transport_get_extra_info(t.transport, "socket", NULL);
        ck_assert_int_eq(socket->type, SOCK_DGRAM);
        ck_assert_int_eq(socket->family, AF_INET);
        ck_assert_int_eq(socket->proto, IPPROTO_UDP);
        talker_close(&t);
    }
    close(fd);
    return 0;
}

COROUTINE(receive)
{
    char byte;
    return (int)weft_sock_recv(arg, &byte, 1);
}

START_SIM(given_socket_in_use)
{
    struct talker t = TALKER;
    weft_socket *sock = weft_socket_new(AF_INET, SOCK_DGRAM, 0);
    weft_address address;

    ck_assert_int_eq(weft_address_numeric("127.0.0.1", 0, &address), 0);
    ck_assert_int_eq(weft_socket_bind(sock, &address), 0);
    weft_task *task = weft_create_task(receive, sock, NULL);
    sim_pass(1);
    ck_assert_int_eq(talker_open(&t, &(weft_datagram_options){.sock = sock}), -EBUSY);
    weft_cancel(task);
    ck_assert_int_eq(weft_join(task, NULL), WEFT_ECANCELLED);
    ck_assert_int_eq(talker_open(&t, &(weft_datagram_options){.sock = sock}), 0);
    talker_close(&t);
    return 0;
}

/* DGRM-06: what cannot be bound or connected is closed, and its address named. */
START_SIM(cannot_be_made)
{
    struct talker t = TALKER;
    weft_address address;
    int fd = plain_socket(&address);
    char expected[96];

    int descriptors = count_descriptors();
    ck_assert_int_eq(talker_open(&t, &(weft_datagram_options){.local_address = &address}),
                     -EADDRINUSE);
    snprintf(expected, sizeof(expected), "bind to %s: Address already in use", text_of(&address));
    ck_assert_str_eq(sim_said(), expected);
    ck_assert_int_eq(count_descriptors(), descriptors);
    weft_address broadcast;
    ck_assert_int_eq(weft_address_numeric("255.255.255.255", 9, &broadcast), 0);
    ck_assert_int_eq(talker_open(&t, &(weft_datagram_options){.remote_address = &broadcast}),
                     -EACCES);
    ck_assert_str_eq(sim_said(), "connect to 255.255.255.255:9: Permission denied");
    ck_assert_int_eq(count_descriptors(), descriptors);

    /* The next kind of address is tried; with none left the first error counts. */
    resolver_install("255.255.255.255 ::1");
    ck_assert_int_eq(
        talker_open(&t, &(weft_datagram_options){.remote_host = "host", .remote_port = "9"}), 0);
    ck_assert_str_eq(text_of(name_of(&t, "peername")), "[::1]:9");
    talker_close(&t);
    close(fd);
    return 0;
}

static int option_of(const struct talker *t, int option)
{
    const weft_transport_socket *socket =
        weft_transport_get_extra_info(t->transport, "socket", NULL);
    int value = -1;
    socklen_t bytes = sizeof(value);
    ck_assert_int_eq(weft_transport_socket_getsockopt(socket, SOL_SOCKET, option, &value, &bytes),
                     0);
    return value;
}

/* DGRM-07: options of the socket only when asked for; they may not be there. */
START_SIM(socket_options)
{
    for (int on = 0; on < 2; on++) {
        struct talker t = TALKER;
        weft_datagram_options options = on_loopback;
        options.reuse_port = options.allow_broadcast = on;
        ck_assert_int_eq(talker_open(&t, &options), 0);
        ck_assert_int_eq(option_of(&t, SO_REUSEPORT), on);
        ck_assert_int_eq(option_of(&t, SO_BROADCAST), on);
        if (on) { /* another one may have the same port */
            struct talker twin = TALKER;
            options.local_host = options.local_port = NULL;
            options.local_address = name_of(&t, "sockname");
            ck_assert_int_eq(talker_open(&twin, &options), 0);
            talker_close(&twin);
        }
        talker_close(&t);
    }
    struct talker t = TALKER;
    weft_datagram_options options = on_loopback;
    options.reuse_port = true;
    int descriptors = count_descriptors();
    wf_fault_arm(FAULT_SOCKOPT, 1, ENOPROTOOPT, false);
    ck_assert_int_eq(talker_open(&t, &options), -EINVAL);
    wf_fault_reset();
    ck_assert_str_eq(sim_said(), "reuse_port cannot be had: Protocol not available");
    ck_assert_int_eq(count_descriptors(), descriptors);
    return 0;
}

/* DGRM-08: with broadcast the remote address is the target only; DGRM-11: there as well. */
START_SIM(broadcast)
{
    struct talker t = TALKER;
    weft_address address, other;
    char buffer[8];
    int fd = plain_socket(&address), fd2 = plain_socket(&other);
    weft_datagram_options options = {.local_host = "127.0.0.1",
                                     .local_port = "0",
                                     .remote_address = &address,
                                     .allow_broadcast = true};

    ck_assert_int_eq(talker_open(&t, &options), 0);
    ck_assert_ptr_null(name_of(&t, "peername"));
    ck_assert_int_eq(send_text(&t, "one", NULL), 0);
    ck_assert_int_eq(send_text(&t, "two", &address), 0);
    ck_assert_int_eq(send_text(&t, "no", &other), -EINVAL);
    ck_assert_int_eq((int)recv(fd, buffer, sizeof(buffer), 0), 3);
    ck_assert_int_eq((int)recv(fd, buffer, sizeof(buffer), 0), 3);
    /* Everybody is heard. */
    ck_assert_int_eq((int)sendto(fd2, "hey", 3, 0, &name_of(&t, "sockname")->any, sizeof(other.in)),
                     3);
    talker_await(&t, t.received == 1);
    talker_close(&t);
    close(fd);
    close(fd2);
    return 0;
}

/* DGRM-11: a connected endpoint sends to its peer only. */
START_SIM(one_peer)
{
    struct talker t = TALKER;
    weft_address address, other;
    char buffer[8], expected[96];
    int fd = plain_socket(&address), fd2 = plain_socket(&other);

    ck_assert_int_eq(talker_open(&t, &(weft_datagram_options){.remote_address = &address}), 0);
    ck_assert_int_eq(send_text(&t, "x", &other), -EINVAL);
    snprintf(expected, sizeof(expected), "this endpoint sends to %s only", text_of(&address));
    ck_assert_str_eq(sim_said(), expected);
    ck_assert_int_eq(send_text(&t, "x", &address), 0);
    ck_assert_int_eq((int)recv(fd, buffer, sizeof(buffer), 0), 1);
    talker_close(&t);
    close(fd);
    close(fd2);
    return 0;
}

/* DGRM-13: nobody listens there. The endpoint goes on, and the loop comes to rest. */
START_SIM(refused_by_the_peer)
{
    struct talker t = TALKER;
    weft_address address;
    char buffer[8];
    int fd = plain_socket(&address);

    close(fd);
    ck_assert_int_eq(talker_open(&t, &(weft_datagram_options){.remote_address = &address}), 0);
    ck_assert_int_eq(send_text(&t, "x", NULL), 0);
    talker_await(&t, t.errors == 1);
    ck_assert_int_eq(t.error_code, -ECONNREFUSED);
    ck_assert_int_eq(weft_sleep(1), 0); /* virtual time: only a loop at rest gets there */
    ck_assert_int_eq(t.errors, 1);

    fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(fd, &address.any, address.bytes), 0);
    ck_assert_int_eq(send_text(&t, "y", NULL), 0);
    ck_assert_int_eq((int)recv(fd, buffer, sizeof(buffer), 0), 1);
    ck_assert(!weft_transport_is_closing(t.transport));
    ck_assert_int_eq(reports_count, 0);
    close(fd);
    talker_close(&t);
    ck_assert_trace("made ECONNREFUSED lost");
    return 0;
}

/* DGRM-13: what is too long is an error of that datagram. */
START_SIM(too_long)
{
    struct talker t = TALKER;
    weft_address address;
    static char data[70000];
    int fd = plain_socket(&address);

    ck_assert_int_eq(talker_open(&t, &(weft_datagram_options){.remote_address = &address}), 0);
    ck_assert_int_eq(weft_datagram_sendto(t.transport, data, sizeof(data), NULL), 0);
    ck_assert_int_eq(t.error_code, -EMSGSIZE);
    ck_assert(!weft_transport_is_closing(t.transport));
    talker_close(&t);
    close(fd);
    return 0;
}

/* DGRM-13: a protocol that fails closes the endpoint, which is reported. */
START_SIM(protocol_fails)
{
    struct talker server = TALKER, client = TALKER;

    server.fail_in_received = -EPROTO;
    ck_assert_int_eq(talker_open(&server, &on_loopback), 0);
    ck_assert_int_eq(talker_open(&client, &(weft_datagram_options){.remote_address = name_of(
                                                                       &server, "sockname")}),
                     0);
    ck_assert_int_eq(send_text(&client, "x", NULL), 0);
    talker_await(&server, server.lost);
    ck_assert_int_eq(server.lost_code, -EPROTO);
    ck_assert_int_eq(reports_count, 1);
    weft_transport_unref(server.transport);
    talker_close(&client);
    return 0;
}

/* A pair of connected Unix datagram sockets: one is an endpoint, one is the test's. */
static int unix_endpoint(struct talker *t)
{
    int ends[2];
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
    weft_socket *sock = weft_socket_from_fd(ends[0]);
    ck_assert_ptr_nonnull(sock);
    ck_assert_int_eq(talker_open(t, &(weft_datagram_options){.sock = sock}), 0);
    return ends[1];
}

/* Sends numbered datagrams of 1000 bytes until some wait; how many. */
static int send_until_full(struct talker *t)
{
    char data[1000];
    int count = 0;

    while (!weft_transport_get_write_buffer_size(t->transport)) {
        memset(data, 'a' + count % 26, sizeof(data));
        ck_assert_int_eq(weft_datagram_sendto(t->transport, data, sizeof(data), NULL), 0);
        memset(data, '!', sizeof(data)); /* the caller's again (DGRM-10) */
        ck_assert_int_lt(count++, 100000);
    }
    return count;
}

/* Reads what there is; each is the next one. */
static int take_all(int fd, int next)
{
    char data[2000];
    ssize_t n;

    while ((n = recv(fd, data, sizeof(data), 0)) >= 0) {
        ck_assert_int_eq((int)n, 1000);
        ck_assert_int_eq(data[0], 'a' + next % 26);
        ck_assert_int_eq(data[999], data[0]);
        next++;
    }
    ck_assert_int_eq(errno, EAGAIN);
    return next;
}

/* DGRM-10: what the system does not take waits, in order, each for itself. DGRM-14: flow control. */
START_SIM(full_socket)
{
    struct talker t = TALKER;
    int fd = unix_endpoint(&t), next = 0;
    char data[1000];

    ck_assert_int_eq(weft_transport_set_write_buffer_limits(t.transport, 3000, 1500), 0);
    int sent = send_until_full(&t);
    ck_assert_uint_eq(weft_transport_get_write_buffer_size(t.transport), 1008);
    ck_assert_trace("made");
    for (int i = 0; i < 2; i++, sent++) {
        memset(data, 'a' + sent % 26, sizeof(data));
        ck_assert_int_eq(weft_datagram_sendto(t.transport, data, sizeof(data), NULL), 0);
    }
    ck_assert_uint_eq(weft_transport_get_write_buffer_size(t.transport), 3024);
    ck_assert_trace("pause");
    while (next < sent) {
        next = take_all(fd, next);
        if (next < sent)
            sim_pass(1);
    }
    sim_pass(2);
    ck_assert_uint_eq(weft_transport_get_write_buffer_size(t.transport), 0);
    ck_assert_trace("resume");
    ck_assert_int_eq(weft_sleep(1), 0);
    talker_close(&t);
    close(fd);
    return 0;
}

/* DGRM-15: close sends what waits, then connection_lost; abort drops it. */
START_SIM(close_and_abort)
{
    struct talker t = TALKER;
    int fd = unix_endpoint(&t), next = 0, sent = send_until_full(&t);

    weft_transport_close(t.transport);
    ck_assert(weft_transport_is_closing(t.transport));
    sim_pass(3);
    ck_assert_int_eq(t.lost, 0);
    while (!t.lost) {
        next = take_all(fd, next);
        sim_pass(1);
    }
    ck_assert_int_eq(take_all(fd, next), sent);
    ck_assert_int_eq(t.lost_code, 0);
    weft_transport_unref(t.transport);
    close(fd);

    t = (struct talker)TALKER;
    fd = unix_endpoint(&t);
    sent = send_until_full(&t);
    weft_transport_abort(t.transport);
    ck_assert_uint_eq(weft_transport_get_write_buffer_size(t.transport), 0);
    talker_await(&t, t.lost);
    ck_assert_int_eq(take_all(fd, 0), sent - 1);
    weft_transport_unref(t.transport);
    close(fd);
    ck_assert_trace("made lost made lost");
    return 0;
}

/* The peer of what waits is gone: an error for each, and the end comes all the same. */
START_SIM(peer_gone)
{
    struct talker t = TALKER;
    int fd = unix_endpoint(&t);

    send_until_full(&t);
    close(fd);
    talker_await(&t, t.errors >= 1);
    ck_assert_int_eq(t.lost, 0);
    talker_close(&t);
    ck_assert_int_eq(t.lost_code, 0);
    return 0;
}

/* DGRM-17: after close it does nothing, and from the fifth time on that is reported. */
START_SIM(after_close)
{
    struct talker t = TALKER;
    weft_address address;
    char buffer[8];
    int fd = plain_socket(&address);

    ck_assert_int_eq(talker_open(&t, &(weft_datagram_options){.remote_address = &address}), 0);
    weft_transport_close(t.transport);
    talker_await(&t, t.lost);
    for (int i = 1; i <= 6; i++) {
        ck_assert_int_eq(send_text(&t, "x", NULL), 0);
        ck_assert_int_eq(reports_count, i < 5 ? 0 : i - 4);
    }
    ck_assert_str_eq(reports_message, "sendto() was called on a closed transport");
    ck_assert_int_lt((int)recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT), 0);
    ck_assert_int_ne(weft_address_port(name_of(&t, "sockname")), 0);
    weft_transport_unref(t.transport);
    close(fd);
    return 0;
}

/* DGRM-16: Unix sockets have paths; a stale socket there is removed, another file is not. */
START_SIM(unix_paths)
{
    char folder[] = "/tmp/weft-XXXXXX", path[64], said[128];
    weft_address address;
    struct talker server = TALKER, client = TALKER;

    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/socket", folder);
    ck_assert_int_eq(weft_address_unix(path, strlen(path), &address), 0);
    for (int again = 0; again < 2; again++) {
        server = (struct talker)TALKER;
        ck_assert_int_eq(talker_open(&server, &(weft_datagram_options){.local_address = &address}),
                         0);
        if (!again)
            talker_close(&server); /* the file stays */
    }
    ck_assert_int_eq(talker_open(&client, &(weft_datagram_options){.remote_address = &address}), 0);
    ck_assert_int_eq(send_text(&client, "hello", NULL), 0);
    talker_await(&server, server.received == 1);
    ck_assert_str_eq(text_of(&server.sender), "none"); /* it is not bound */
    talker_close(&client);
    talker_close(&server);
    ck_assert_int_eq(reports_count, 0);

    unlink(path);
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    fclose(file);
    server = (struct talker)TALKER;
    ck_assert_int_eq(talker_open(&server, &(weft_datagram_options){.local_address = &address}),
                     -EADDRINUSE);
    snprintf(said, sizeof(said), "bind to %s: Address already in use", path);
    ck_assert_str_eq(sim_said(), said);
    unlink(path);
    rmdir(folder);
    return 0;
}

/* Reading can be paused; what came meanwhile is there afterwards. */
START_SIM(paused)
{
    struct talker t = TALKER;
    int fd = unix_endpoint(&t);

    weft_transport_pause_reading(t.transport);
    ck_assert_int_eq((int)send(fd, "a", 1, 0), 1);
    ck_assert_int_eq(weft_sleep(1), 0);
    ck_assert_int_eq(t.received, 0);
    weft_transport_resume_reading(t.transport);
    talker_await(&t, t.received == 1);
    /* A crowd, of which one turn takes a part only. */
    t.quiet = true;
    for (int i = 0; i < 100; i++) {
        while (send(fd, "b", 1, MSG_DONTWAIT) != 1)
            sim_pass(1);
    }
    talker_await(&t, t.received == 101);
    /* The same, paused and resumed each time. */
    t.stutter = true;
    for (int i = 0; i < 100; i++) {
        while (send(fd, "c", 1, MSG_DONTWAIT) != 1)
            sim_pass(1);
    }
    talker_await(&t, t.received == 201);
    talker_close(&t);
    close(fd);
    return 0;
}

/* Cancelled at whatever step, nothing stays open. */
COROUTINE(open_task)
{
    struct talker *t = arg;
    weft_datagram_options options = {.remote_host = "host", .remote_port = "9"};
    int rc = talker_open(t, &options);
    if (!rc)
        talker_close(t);
    else
        weft_transport_unref(t->transport);
    return rc;
}

START_SIM(cancelled_anywhere)
{
    int rc = WEFT_ECANCELLED, turns = 0, descriptors = 0;
    struct talker first = TALKER;

    resolver_install("127.0.0.1");
    ck_assert_int_eq(weft_join(weft_create_task(open_task, &first, NULL), NULL), 0);
    descriptors = count_descriptors();
    for (; rc == WEFT_ECANCELLED; turns++) {
        struct talker t = TALKER;
        weft_task *task = weft_create_task(open_task, &t, NULL);
        for (int i = 0; i < turns && !weft_done(task) && !t.made; i++)
            sim_pass(1);
        while (resolver.inside)
            sim_pass(1);
        if (!t.made)
            weft_cancel(task);
        rc = weft_join(task, NULL);
        ck_assert_int_eq(t.made, t.lost);
        sim_pass(3);
        ck_assert_int_eq(count_descriptors(), descriptors);
        ck_assert_int_lt(turns, 1000);
    }
    ck_assert_int_eq(rc, 0);
    ck_assert_int_gt(turns, 2);
    return 0;
}

COROUTINE(open_and_return)
{
    return talker_open(arg, &on_loopback);
}

/* A loop that is closed over an endpoint closes its socket, and drops what waits. */
START_TEST(closed_loop)
{
    struct talker t = TALKER;
    weft_loop *loop = weft_new_event_loop(NULL);
    int descriptors = count_descriptors();

    weft_task *task = weft_create_task_on(loop, open_and_return, &t, NULL);
    ck_assert_int_eq(weft_loop_run_until_complete(loop, task, NULL), 0);
    weft_unref(task);
    wf_fault_arm(FAULT_SEND, 1, EAGAIN, false);
    ck_assert_int_eq(send_text(&t, "x", name_of(&t, "sockname")), 0);
    wf_fault_reset();
    ck_assert_uint_eq(weft_transport_get_write_buffer_size(t.transport), 9);
    ck_assert_int_eq(weft_loop_close(loop), 0);
    ck_assert_int_eq(t.dropped, 1);
    ck_assert_int_eq(t.lost, 0);
    weft_transport_unref(t.transport);
    ck_assert_int_eq(weft_loop_free(loop), 0);
    ck_assert_int_le(count_descriptors(), descriptors);
}
END_TEST

/* ---- Faults ---- */

static int fault_error;

COROUTINE(talk)
{
    struct talker server = TALKER, client = TALKER;

    int rc = talker_open(&server, &on_loopback);
    if (rc)
        return rc;
    rc = talker_open(&client,
                     &(weft_datagram_options){.remote_address = name_of(&server, "sockname")});
    for (int i = 0; !rc && i < 3; i++)
        rc = send_text(&client, "x", NULL);
    if (!rc) /* one of them may not have come */
        talker_await(&server,
                     server.received + server.errors + client.errors + server.lost + client.lost >=
                             3 ||
                         server.lost || client.lost);
    if (client.made)
        talker_close(&client);
    talker_close(&server);
    return rc;
}

static void talk_scenario(void)
{
    int rc = weft_run(talk, NULL, NULL);
    ck_assert_msg(rc == 0 || rc == -fault_error, "%s", weft_error_name(rc));
}

static unsigned long talk_faults(enum fault_site site, int error)
{
    fault_error = error;
    return run_with_each_fault(site, error, talk_scenario);
}

/* Each allocation and system call fails once: the call says so, the protocol, or connection_lost. */
START_TEST(faults)
{
    ck_assert_uint_gt(talk_faults(FAULT_ALLOC, ENOMEM), 15);
    ck_assert_uint_ge(talk_faults(FAULT_SOCKET, EMFILE), 2);
    ck_assert_uint_ge(talk_faults(FAULT_BIND, EADDRINUSE), 1);
    ck_assert_uint_ge(talk_faults(FAULT_CONNECT, ENETUNREACH), 1);
    ck_assert_uint_ge(talk_faults(FAULT_SEND, ENOBUFS), 3);
    ck_assert_uint_ge(talk_faults(FAULT_SEND, EAGAIN), 3);
    ck_assert_uint_ge(talk_faults(FAULT_SEND, EINTR), 3);
    ck_assert_uint_ge(talk_faults(FAULT_RECV, ENOMEM), 3);
    ck_assert_uint_ge(talk_faults(FAULT_RECV, EINTR), 3);
    ck_assert_uint_ge(talk_faults(FAULT_EPOLL_CTL, ENOSPC), 2);
    ck_assert_uint_ge(talk_faults(FAULT_EPOLL_CREATE, EMFILE), 1);
    ck_assert_uint_ge(talk_faults(FAULT_EVENTFD, EMFILE), 1);
    ck_assert_uint_ge(talk_faults(FAULT_SOCKOPT, ENOPROTOOPT), 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("datagram");
    TCase *tests = tcase_create("datagram");

    tcase_add_test(tests, both_ends);
    tcase_add_test(tests, names);
    tcase_add_test(tests, refused);
    tcase_add_test(tests, no_task);
    tcase_add_test(tests, family_alone);
    tcase_add_test(tests, given_socket);
    tcase_add_test(tests, given_socket_in_use);
    tcase_add_test(tests, cannot_be_made);
    tcase_add_test(tests, socket_options);
    tcase_add_test(tests, broadcast);
    tcase_add_test(tests, one_peer);
    tcase_add_test(tests, refused_by_the_peer);
    tcase_add_test(tests, too_long);
    tcase_add_test(tests, protocol_fails);
    tcase_add_test(tests, full_socket);
    tcase_add_test(tests, close_and_abort);
    tcase_add_test(tests, peer_gone);
    tcase_add_test(tests, after_close);
    tcase_add_test(tests, unix_paths);
    tcase_add_test(tests, paused);
    tcase_add_test(tests, cancelled_anywhere);
    tcase_add_test(tests, closed_loop);
    tcase_add_test(tests, faults);
    suite_add_tcase(suite, tests);
    return suite_main(suite);
}
