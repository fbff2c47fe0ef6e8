/*
 * datagram_open_test.c - datagram endpoints that are made, and those that cannot be.
 */
#include <netdb.h>

#include "tests/net/resolver.h"
#include "tests/net/talker.h"

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
        for (int i = 0; i < turns && !weft_done(task) && !t.made; i++) {
            sim_pass(1);
            resolver_await_answers(turns + 1); /* the one before, and each but the first of these */
        }
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

SUITE("datagram_open", names, refused, no_task, given_socket, given_socket_in_use, cannot_be_made,
      socket_options, cancelled_anywhere)
