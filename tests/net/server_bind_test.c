/*
 * server_bind_test.c - which sockets a server listens on.
 */
#include "tests/net/hosts.h"
#include "tests/net/serving.h"

static int start(const char *host, const char *port, const weft_server_options *options,
                 weft_server **ret_server)
{
    return weft_start_server(serve_echo, NULL, host, port, options, ret_server);
}

static int option_of(const weft_server *server, int index, int level, int option)
{
    weft_transport_socket sockets[8];
    int value = -1;
    socklen_t bytes = sizeof(value);
    ck_assert_int_gt(weft_server_sockets(server, sockets, 8), index);
    ck_assert_int_eq(
        weft_transport_socket_getsockopt(&sockets[index], level, option, &value, &bytes), 0);
    return value;
}

/* Several hosts; each distinct address has one socket (SRVR-07). */
START_SIM(one_socket_an_address)
{
    weft_transport_socket sockets[8];
    weft_address names[2];
    weft_server *server;
    ck_assert_int_eq(start("127.0.0.1,127.0.0.2,127.0.0.1", "0", NULL, &server), 0);
    ck_assert_int_eq(weft_server_sockets(server, sockets, 8), 2);
    for (int i = 0; i < 2; i++) {
        weft_socket *client;
        ck_assert_int_eq(weft_transport_socket_getsockname(&sockets[i], &names[i]), 0);
        ck_assert_int_eq(names[i].in.sin_addr.s_addr, htonl(INADDR_LOOPBACK + (uint32_t)i));
        ck_assert_int_gt(weft_address_port(&names[i]), 0); /* SRVR-08 */
        ck_assert_int_eq(try_connect(&names[i], &client), 0);
        ask_echo(client, "x");
        weft_socket_close(client);
    }
    end_server(server);
    return 0;
}

/* No host: all interfaces (SRVR-07). */
static void on_all_interfaces(const char *host)
{
    weft_transport_socket sockets[8];
    weft_server *server;
    weft_socket *client;
    weft_address name;
    ck_assert_int_eq(start(host, "0", &(weft_server_options){.family = AF_INET}, &server), 0);
    ck_assert_int_eq(weft_server_sockets(server, sockets, 8), 1);
    ck_assert_int_eq(weft_transport_socket_getsockname(&sockets[0], &name), 0);
    ck_assert_int_eq(name.in.sin_addr.s_addr, htonl(INADDR_ANY));
    name.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ck_assert_int_eq(try_connect(&name, &client), 0);
    weft_socket_close(client);
    end_server(server);
}

START_SIM(no_host_is_every_interface)
{
    on_all_interfaces(NULL);
    on_all_interfaces("");
    return 0;
}

/* host and port with sock, or nothing of them; and a sock that is no stream socket (SRVR-09). */
START_SIM(what_contradicts_itself)
{
    weft_server *server;
    weft_socket *sock = weft_socket_new(AF_INET, SOCK_STREAM, 0);
    weft_socket *datagrams = weft_socket_new(AF_INET, SOCK_DGRAM, 0);
    ck_assert_int_eq(start("127.0.0.1", NULL, &(weft_server_options){.sock = sock}, &server),
                     -EINVAL);
    ck_assert_int_eq(start(NULL, "0", &(weft_server_options){.sock = sock}, &server), -EINVAL);
    ck_assert_int_eq(start(NULL, NULL, NULL, &server), -EINVAL);
    ck_assert_int_eq(start(NULL, NULL, &(weft_server_options){.sock = datagrams}, &server),
                     -EINVAL);
    ck_assert_int_eq(weft_start_server(NULL, NULL, "127.0.0.1", "0", NULL, &server), -EINVAL);
    ck_assert_int_eq(start("127.0.0.1", "0", NULL, NULL), -EINVAL);
    ck_assert_int_eq(start("127.0.0.1", "0", &(weft_server_options){.backlog = -1}, &server),
                     -EINVAL);
    ck_assert_int_eq(start("127.0.0.1", "0", &(weft_server_options){.loops = 3}, &server), -EINVAL);
    ck_assert_int_eq(start("127.0.0.1", "70000", NULL, &server), -EINVAL);
    /* SRVR-11 */
    ck_assert_int_eq(
        start("127.0.0.1", "0", &(weft_server_options){.ssl_handshake_timeout = 1}, &server),
        -EINVAL);
    ck_assert_int_eq(
        start("127.0.0.1", "0", &(weft_server_options){.ssl_shutdown_timeout = 1}, &server),
        -EINVAL);
    weft_socket_close(sock);
    weft_socket_close(datagrams);
    return 0;
}

/* sock= takes a bound socket, and listens on it (SRVR-10). */
START_SIM(a_bound_socket_is_taken)
{
    weft_address address, name;
    weft_server *server;
    weft_socket *client, *sock = weft_socket_new(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(weft_address_numeric("127.0.0.1", 0, &address), 0);
    ck_assert_int_eq(weft_socket_bind(sock, &address), 0);
    ck_assert_int_eq(weft_socket_getsockname(sock, &name), 0);
    ck_assert_int_eq(start(NULL, NULL, &(weft_server_options){.sock = sock}, &server), 0);
    address = server_address(server);
    ck_assert_int_eq(weft_address_port(&address), weft_address_port(&name));
    ck_assert_int_eq(try_connect(&address, &client), 0);
    ask_echo(client, "x");
    weft_socket_close(client);
    end_server(server);
    ck_assert_int_eq(try_connect(&address, &client), -ECONNREFUSED);
    return 0;
}

/* The address can be used again by default, and the port shared on request (SRVR-14); keep_alive is set on
 * the listening socket (SRVR-18). */
START_SIM(options_of_the_sockets)
{
    char port[8];
    weft_server *plain, *other, *shared;
    ck_assert_int_eq(start("127.0.0.1", "0", NULL, &plain), 0);
    ck_assert_int_eq(option_of(plain, 0, SOL_SOCKET, SO_REUSEADDR), 1);
    ck_assert_int_eq(option_of(plain, 0, SOL_SOCKET, SO_REUSEPORT), 0);
    ck_assert_int_eq(option_of(plain, 0, SOL_SOCKET, SO_KEEPALIVE), 0);
    end_server(plain);
    const weft_server_options options = {
        .no_reuse_address = true, .reuse_port = true, .keep_alive = true};
    ck_assert_int_eq(start("127.0.0.1", "0", &options, &other), 0);
    ck_assert_int_eq(option_of(other, 0, SOL_SOCKET, SO_REUSEADDR), 0);
    ck_assert_int_eq(option_of(other, 0, SOL_SOCKET, SO_REUSEPORT), 1);
    ck_assert_int_eq(option_of(other, 0, SOL_SOCKET, SO_KEEPALIVE), 1);
    weft_address address = server_address(other);
    snprintf(port, sizeof(port), "%d", weft_address_port(&address));
    ck_assert_int_eq(start("127.0.0.1", port, &options, &shared), 0);
    end_server(shared);
    end_server(other);
    return 0;
}

/* An IPv6 socket takes no IPv4 connections: both can have one port (SRVR-15). */
START_SIM(both_families_on_one_port)
{
    struct port port;
    weft_server *six, *four;
    port_reserve(&port);
    ck_assert_int_eq(start("::", port.text, NULL, &six), 0);
    ck_assert_int_eq(option_of(six, 0, IPPROTO_IPV6, IPV6_V6ONLY), 1);
    ck_assert_int_eq(start("0.0.0.0", port.text, NULL, &four), 0);
    end_server(four);
    end_server(six);
    port_release(&port);
    return 0;
}

/* An address in use fails with a text that names it, and nothing stays open (SRVR-16). */
START_SIM(an_address_in_use_is_named)
{
    struct port port;
    char text[128];
    weft_server *server, *second;
    port_reserve(&port);
    ck_assert_int_eq(start("127.0.0.2", port.text, NULL, &server), 0);
    int before = count_descriptors();
    ck_assert_int_eq(start("127.0.0.1,127.0.0.2", port.text, NULL, &second), -EADDRINUSE);
    snprintf(text, sizeof(text), "error while attempting to bind on address 127.0.0.2:%s: %s",
             port.text, weft_strerror(-EADDRINUSE));
    ck_assert_str_eq(sim_said(), text);
    ck_assert_int_eq(count_descriptors(), before);
    end_server(server);
    port_release(&port);
    return 0;
}

/* What is no address of this machine is left out, as long as there is another (SRVR-17). 192.0.2.1 is for
 * documentation. */
START_SIM(a_foreign_address_is_left_out)
{
    weft_server *server;
    ck_assert_int_eq(start("192.0.2.1,127.0.0.1", "0", NULL, &server), 0);
    ck_assert_int_eq(weft_server_sockets(server, NULL, 0), 1);
    end_server(server);
    ck_assert_int_eq(start("192.0.2.1", "0", NULL, &server), -EADDRNOTAVAIL);
    ck_assert_str_eq(sim_said(), "could not bind on any address of 192.0.2.1");
    return 0;
}

/* A start that is cancelled leaves nothing open. */
COROUTINE(start_one)
{
    return start("127.0.0.1", "0", NULL, arg);
}

START_SIM(a_start_can_be_cancelled)
{
    weft_server *server = NULL;
    int before = count_descriptors();
    weft_unref(weft_create_task(start_one, &server, NULL));
    sim_pass(3);
    end_server(server); /* the poller is open from now on */
    int after = count_descriptors();
    ck_assert_int_eq(after, before + poller_descriptors());
    server = NULL;
    weft_task *task = weft_create_task(start_one, &server, NULL);
    ck_assert_int_eq(weft_yield(), 0);
    weft_cancel(task);
    ck_assert_int_eq(weft_join(task, NULL), WEFT_ECANCELLED);
    ck_assert_ptr_null(server);
    sim_pass(2);
    ck_assert_int_eq(count_descriptors(), after);
    return 0;
}

SUITE("server_bind", one_socket_an_address, no_host_is_every_interface, what_contradicts_itself,
      a_bound_socket_is_taken, options_of_the_sockets, both_families_on_one_port,
      an_address_in_use_is_named, a_foreign_address_is_left_out, a_start_can_be_cancelled)
