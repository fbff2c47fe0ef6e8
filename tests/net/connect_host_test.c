/*
 * connect_host_test.c - hosts and ports: what they stand for, addresses tried in turn, and errors.
 */
#include <netdb.h>

#include "tests/net/connecting.h"
#include "tests/net/resolver.h"

/* CONN-02: the error of one address has its number, and names it. */
START_SIM(refused)
{
    struct port port;

    port_reserve(&port);
    ck_assert_int_eq(connect_to("127.0.0.1", port.text, NULL), -ECONNREFUSED);
    ck_assert_str_eq(sim_said(), refusal("127.0.0.1", &port));
    port_release(&port);
    return 0;
}

/* CONN-03: addresses are tried in the order of resolution. */
START_SIM(in_order)
{
    struct port port;
    char expected[512];

    port_reserve(&port);
    resolver_install("127.0.0.3 127.0.0.2");
    ck_assert_int_eq(connect_to("host", port.text, NULL), -ECONNREFUSED);
    snprintf(expected, sizeof(expected), "several errors: %s, %s", refusal("127.0.0.3", &port),
             refusal("127.0.0.2", &port));
    ck_assert_str_eq(sim_said(), expected);

    resolver.addresses = "127.0.0.3 127.0.0.3"; /* the same text: one error */
    ck_assert_int_eq(connect_to("host", port.text, NULL), -ECONNREFUSED);
    ck_assert_str_eq(sim_said(), refusal("127.0.0.3", &port));

    close(port.fd);
    weft_socket *first = listen_at("127.0.0.2", port.number, 5);
    weft_socket *second = listen_at("127.0.0.4", port.number, 5);
    resolver.addresses = "127.0.0.3 127.0.0.2 127.0.0.4";
    ck_assert_int_eq(connect_to("host", port.text, NULL), 0);
    snprintf(expected, sizeof(expected), "127.0.0.2:%s", port.text);
    ck_assert_str_eq(name_of("peername"), expected);
    hang_up();
    weft_socket_close(first);
    weft_socket_close(second);
    close(port.fd6);
    return 0;
}

/* CONN-04: nothing was found, for either end. CONN-10 */
START_SIM(nothing_found)
{
    resolver_install("");
    ck_assert_int_eq(connect_to("host", "80", NULL), -EADDRNOTAVAIL);
    ck_assert_str_eq(sim_said(), "host \"host\", port \"80\": no addresses");
    ck_assert_int_eq(
        connect_to("127.0.0.1", "80", &(weft_connection_options){.local_host = "local"}),
        -EADDRNOTAVAIL);
    ck_assert_str_eq(sim_said(), "host \"local\", port \"\": no addresses");
    resolver.eai = EAI_NONAME;
    ck_assert_int_eq(connect_to("host", "80", NULL), WEFT_EAI_NONAME);
    ck_assert_int_eq(
        connect_to("127.0.0.1", "80", &(weft_connection_options){.local_host = "local"}),
        WEFT_EAI_NONAME);
    return 0;
}

/* CONN-07: the port may be a number, text that is one, nothing, or a name for the resolver. */
START_SIM(ports)
{
    struct port port;
    char padded[12];

    port_reserve(&port);
    resolver_install(NULL);
    snprintf(padded, sizeof(padded), "00%s", port.text);
    ck_assert_int_eq(connect_to("127.0.0.1", padded, NULL), -ECONNREFUSED);
    ck_assert_str_eq(sim_said(), refusal("127.0.0.1", &port));
    ck_assert_int_eq(connect_to("127.0.0.1", "", NULL), -ECONNREFUSED);
    ck_assert_str_eq(sim_said(), "connect to 127.0.0.1:0: Connection refused");
    ck_assert_int_eq(connect_to("127.0.0.1", NULL, NULL), -ECONNREFUSED);
    ck_assert_int_eq(resolver.calls, 0);
    resolver.eai = EAI_SERVICE;
    ck_assert_int_eq(connect_to("127.0.0.1", "nosuch", NULL), WEFT_EAI_SERVICE);
    resolver.eai = 0;
    ck_assert_int_eq(connect_to(NULL, port.text, NULL), -ECONNREFUSED); /* this machine */
    ck_assert_int_eq(resolver.calls, 2);
    port_release(&port);
    return 0;
}

/* CONN-08: the zone is passed on to the system, which refuses one that is not there. */
START_SIM(zones)
{
    struct port port;
    char expected[128];

    port_reserve(&port);
    int rc = connect_to("fe80::1%4000000000", port.text, NULL);
    ck_assert_int_lt(rc, 0);
    ck_assert_int_ne(rc, -ECONNREFUSED);
    snprintf(expected, sizeof(expected), "connect to [fe80::1%%4000000000]:%s: %s", port.text,
             weft_strerror(rc));
    ck_assert_str_eq(sim_said(), expected);
    weft_socket *listener = listen_at("::1", 0, 5);
    snprintf(port.text, sizeof(port.text), "%u", (uint16_t)port_of(listener));
    ck_assert_int_eq(connect_to("::1%1", port.text, NULL), 0);
    hang_up();
    weft_socket_close(listener);
    port_release(&port);
    return 0;
}

/* CONN-09: family, proto and flags limit the resolution. */
START_SIM(limits_of_resolution)
{
    struct port port;
    weft_connection_options options = {
        .family = AF_INET6, .proto = IPPROTO_TCP, .flags = AI_ADDRCONFIG};

    port_reserve(&port);
    resolver_install("127.0.0.1 ::1");
    ck_assert_int_eq(connect_to("host", port.text, &options), -ECONNREFUSED);
    ck_assert_str_eq(sim_said(), refusal("[::1]", &port));
    ck_assert_int_eq(resolver.flags, AI_ADDRCONFIG);
    options.proto = IPPROTO_UDP; /* no stream socket has that */
    ck_assert_int_eq(connect_to("host", port.text, &options), -EPROTONOSUPPORT);
    snprintf(port.text, sizeof(port.text), "%u", (uint16_t)port.number);
    char expected[96];
    snprintf(expected, sizeof(expected), "socket for [::1]:%s: Protocol not supported", port.text);
    ck_assert_str_eq(sim_said(), expected);
    port_release(&port);
    return 0;
}

/* CONN-10: the socket is bound first; local addresses of another family are skipped. */
START_SIM(local_address)
{
    weft_socket *listener = listen_at("127.0.0.1", 0, 5);
    struct port port;
    char text[8], expected[64];

    port_reserve(&port);
    snprintf(text, sizeof(text), "%u", (uint16_t)port_of(listener));
    resolver_install("::1 127.0.0.5 127.0.0.6");
    weft_connection_options options = {.local_host = "local", .local_port = "0"};
    ck_assert_int_eq(connect_to("127.0.0.1", text, &options), 0);
    ck_assert_int_eq(strncmp(name_of("sockname"), "127.0.0.5:", 10), 0);
    hang_up();

    /* The first one is in use, the second one is not. */
    close(port.fd);
    weft_socket *taken = listen_at("127.0.0.5", port.number, 5);
    options.local_port = port.text;
    ck_assert_int_eq(connect_to("127.0.0.1", text, &options), 0);
    snprintf(expected, sizeof(expected), "127.0.0.6:%s", port.text);
    ck_assert_str_eq(name_of("sockname"), expected);
    hang_up();

    resolver.addresses = "::1";
    ck_assert_int_eq(connect_to("127.0.0.1", text, &options), -EADDRNOTAVAIL);
    ck_assert_ptr_eq(strstr(sim_said(), "no local address of the family of 127.0.0.1:"),
                     sim_said());
    weft_socket_close(taken);
    weft_socket_close(listener);
    close(port.fd6);
    return 0;
}

/* CONN-11: a local address in use makes the attempt fail, and is named. */
START_SIM(local_address_in_use)
{
    weft_socket *listener = listen_at("127.0.0.1", 0, 5), *taken = listen_at("127.0.0.5", 0, 5);
    char text[8], local[8], expected[256];

    snprintf(text, sizeof(text), "%u", (uint16_t)port_of(listener));
    snprintf(local, sizeof(local), "%u", (uint16_t)port_of(taken));
    weft_connection_options options = {.local_host = "127.0.0.5", .local_port = local};
    ck_assert_int_eq(connect_to("127.0.0.1", text, &options), -EADDRINUSE);
    snprintf(expected, sizeof(expected), "bind to 127.0.0.5:%s: Address already in use", local);
    ck_assert_str_eq(sim_said(), expected);

    /* CONN-10: all of them are in use, once for each address that is tried. */
    resolver_install("127.0.0.5 127.0.0.5");
    options.local_host = "local";
    options.all_errors = true;
    ck_assert_int_eq(connect_to("127.0.0.1", text, &options), WEFT_EGROUP);
    ck_assert_uint_eq(weft_error_count(weft_error_current()), 2);
    ck_assert_str_eq(weft_error_message(weft_error_at(weft_error_current(), 1)), expected);
    weft_socket_close(taken);
    weft_socket_close(listener);
    return 0;
}

/* CONN-15: a group of all errors, also of a single one. */
START_SIM(all_errors)
{
    struct port port;
    weft_connection_options options = {.all_errors = true};

    port_reserve(&port);
    resolver_install("127.0.0.2 127.0.0.3");
    ck_assert_int_eq(connect_to("host", port.text, &options), WEFT_EGROUP);
    weft_error *error = weft_catch(WEFT_EGROUP);
    ck_assert_uint_eq(weft_error_count(error), 2);
    ck_assert_int_eq(weft_error_code(weft_error_at(error, 0)), -ECONNREFUSED);
    ck_assert_str_eq(weft_error_message(weft_error_at(error, 0)), refusal("127.0.0.2", &port));
    ck_assert_str_eq(weft_error_message(weft_error_at(error, 1)), refusal("127.0.0.3", &port));
    weft_error_unref(error);
    ck_assert_int_eq(connect_to("127.0.0.1", port.text, &options), WEFT_EGROUP);
    ck_assert_uint_eq(weft_error_count(weft_error_current()), 1);
    port_release(&port);
    return 0;
}

/* CONN-14: families alternate after the first n of the first one. */
START_SIM(interleaved)
{
    static const char *const orders[] = {"2 3 4 1 8", "2 1 3 8 4", "2 3 1 4 8", "2 3 4 1 8"};
    struct port port;
    weft_connection_options options = {.all_errors = true};

    port_reserve(&port);
    resolver_install("127.0.0.2 127.0.0.3 127.0.0.4 ::1 ::ffff:127.0.0.8");
    for (int first = -1; first < 4; first++) {
        char order[64] = "";
        options.interleave = first;
        ck_assert_int_eq(connect_to("host", port.text, &options), WEFT_EGROUP);
        weft_error *error = weft_catch(WEFT_EGROUP);
        for (size_t i = 0; i < weft_error_count(error); i++) {
            const char *text = weft_error_message(weft_error_at(error, i));
            const char *colon = strrchr(text, ':') - strlen(port.text) - 1;
            while (*colon == ']' || *colon == ':')
                colon--;
            snprintf(order + strlen(order), sizeof(order) - strlen(order), "%s%c", i ? " " : "",
                     *colon);
        }
        weft_error_unref(error);
        ck_assert_str_eq(order, orders[first < 0 ? 0 : first]);
    }
    port_release(&port);
    return 0;
}

/* SOCK-09: a socket of one's own is connected to a name. SOCK-17: but no Unix socket. */
START_SIM(socket_to_host)
{
    weft_socket *listener = listen_at("127.0.0.1", 0, 5);
    weft_socket *socket = weft_socket_new(AF_INET, SOCK_STREAM, 0);
    weft_socket *local = weft_socket_new(AF_UNIX, SOCK_STREAM, 0);
    struct port port;
    weft_address peer;
    char text[8];

    port_reserve(&port);
    resolver_install("::1 127.0.0.1");
    snprintf(text, sizeof(text), "%u", (uint16_t)port_of(listener));
    ck_assert_int_eq(weft_sock_connect_host(socket, "host", port.text), -ECONNREFUSED);
    ck_assert_str_eq(sim_said(), refusal("127.0.0.1", &port));
    ck_assert_int_eq(weft_sock_connect_host(socket, "host", text), 0);
    ck_assert_int_eq(weft_socket_getpeername(socket, &peer), 0);
    ck_assert_int_eq(weft_address_port(&peer), port_of(listener));
    ck_assert_int_eq(resolver.calls, 2);
    ck_assert_int_eq(weft_sock_connect_host(local, "host", text), -EINVAL);
    ck_assert_int_eq(weft_sock_connect_host(NULL, "host", text), -EINVAL);
    ck_assert_int_eq(weft_sock_connect_host(socket, NULL, text), -EINVAL);
    ck_assert_int_eq(resolver.calls, 2);
    resolver.addresses = "";
    ck_assert_int_eq(weft_sock_connect_host(socket, "host", text), -EADDRNOTAVAIL);
    weft_socket_close(socket);
    weft_socket_close(local);
    weft_socket_close(listener);
    port_release(&port);
    return 0;
}

SUITE("connect_host", refused, in_order, nothing_found, ports, zones, limits_of_resolution,
      local_address, local_address_in_use, all_errors, interleaved, socket_to_host)
