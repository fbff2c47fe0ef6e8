/*
 * hosts.h - ports on the loopback interface that take connections, refuse them, or let them hang.
 *
 * The whole of 127.0.0.0/8 is this machine, so one port can be all three, at different addresses.
 */
#ifndef WEFT_TESTS_NET_HOSTS_H
#define WEFT_TESTS_NET_HOSTS_H

#include <check.h>
#include <netinet/in.h>
#include <stdio.h>
#include <unistd.h>
#include <weft/weft.h>

/* A port that no one listens on: bound at all addresses, and no other program gets it. */
struct port {
    int number;
    char text[8];
    int fd, fd6;
};

static inline int bound_socket(int family, int type, int port)
{
    struct sockaddr_in6 at6 = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int on = 1, fd = socket(family, type | SOCK_CLOEXEC, 0);

    ck_assert_int_ge(fd, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
    int rc = family == AF_INET6 ? bind(fd, (struct sockaddr *)&at6, sizeof(at6))
                                : bind(fd, (struct sockaddr *)&at, sizeof(at));
    if (rc) {
        close(fd);
        return -1;
    }
    return fd;
}

__attribute__((unused)) static void port_reserve(struct port *port)
{
    struct sockaddr_in at = {0};
    socklen_t bytes = sizeof(at);

    *port = (struct port){.fd = -1, .fd6 = -1};
    do { /* the number must be free in both families */
        port->fd = bound_socket(AF_INET, SOCK_STREAM, 0);
        ck_assert_int_eq(getsockname(port->fd, (struct sockaddr *)&at, &bytes), 0);
        port->number = ntohs(at.sin_port);
        port->fd6 = bound_socket(AF_INET6, SOCK_STREAM, port->number);
        if (port->fd6 < 0)
            close(port->fd);
    } while (port->fd6 < 0);
    snprintf(port->text, sizeof(port->text), "%u", (uint16_t)port->number);
}

__attribute__((unused)) static void port_release(struct port *port)
{
    close(port->fd);
    close(port->fd6);
}

/* A socket that listens there. Port 0: any. */
static inline weft_socket *listen_at(const char *host, int port, int backlog)
{
    weft_address address;
    int on = 1;

    ck_assert_int_eq(weft_address_numeric(host, port, &address), 0);
    weft_socket *socket = weft_socket_new(address.any.sa_family, SOCK_STREAM, 0);
    ck_assert_ptr_nonnull(socket);
    weft_socket_setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    int rc = weft_socket_bind(socket, &address);
    ck_assert_msg(rc == 0, "%s: %s", host, weft_strerror(rc));
    ck_assert_int_eq(weft_socket_listen(socket, backlog), 0);
    return socket;
}

__attribute__((unused)) static int port_of(const weft_socket *socket)
{
    weft_address address;
    ck_assert_int_eq(weft_socket_getsockname(socket, &address), 0);
    return weft_address_port(&address);
}

/* A place where connections hang: its queue has room for one, which is there. */
struct tarpit {
    weft_socket *listener;
    int guest;
};

__attribute__((unused)) static void tarpit_open(struct tarpit *pit, const char *host, int port)
{
    weft_address address;

    pit->listener = listen_at(host, port, 0);
    ck_assert_int_eq(weft_socket_getsockname(pit->listener, &address), 0);
    pit->guest = socket(address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(connect(pit->guest, &address.any, address.bytes), 0);
}

__attribute__((unused)) static void tarpit_close(struct tarpit *pit)
{
    close(pit->guest);
    weft_socket_close(pit->listener);
}

#endif
