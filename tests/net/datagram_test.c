/*
 * datagram_test.c - what datagram endpoints send and receive, over loopback and Unix sockets.
 */
#include "tests/net/resolver.h"
#include "tests/net/talker.h"

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
    ck_assert_mem_eq(buffer, "one", 3);
    ck_assert_int_eq((int)recv(fd, buffer, sizeof(buffer), 0), 3);
    ck_assert_mem_eq(buffer, "two", 3);
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
    ck_assert_trace("made EMSGSIZE");
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

SUITE("datagram", both_ends, family_alone, broadcast, one_peer, refused_by_the_peer, too_long,
      protocol_fails, unix_paths)
