/*
 * sockets.h - pairs of sockets, and tasks that use them.
 */
#ifndef WEFT_TESTS_NET_SOCKETS_H
#define WEFT_TESTS_NET_SOCKETS_H

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/faults.h"
#include "tests/support/sim.h"

static weft_socket *pair[2];

/* Makes a connected pair; Unix sockets. */
static inline void open_pair(void)
{
    ck_assert_int_eq(weft_socketpair(pair), 0);
}

static inline void close_pair(void)
{
    for (int i = 0; i < 2; i++) {
        weft_socket_close(pair[i]);
        pair[i] = NULL;
    }
}

/* An address of the loopback interface. */
static inline weft_address loopback(int port)
{
    weft_address address = {.bytes = sizeof(struct sockaddr_in)};
    address.in.sin_family = AF_INET;
    address.in.sin_port = htons((uint16_t)port);
    address.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

/* A listening TCP socket on a free port, and its address. */
static inline weft_socket *listen_on_loopback(int backlog, weft_address *ret_address)
{
    weft_socket *listener = weft_socket_new(AF_INET, SOCK_STREAM, 0);
    weft_address any = loopback(0);
    ck_assert_ptr_nonnull(listener);
    ck_assert_int_eq(weft_socket_bind(listener, &any), 0);
    ck_assert_int_eq(weft_socket_listen(listener, backlog), 0);
    ck_assert_int_eq(weft_socket_getsockname(listener, ret_address), 0);
    return listener;
}

/* Sends with the bare system call, as a peer would that is no task. */
static inline void peer_sends(weft_socket *socket, const char *text)
{
    ssize_t bytes = (ssize_t)strlen(text);
    ck_assert_int_eq(send(weft_socket_fileno(socket), text, (size_t)bytes, 0), bytes);
}

/* Fills a socket until it takes no more; how many bytes it took. */
static inline size_t fill(weft_socket *socket)
{
    static const char bytes[4096];
    size_t total = 0;
    for (size_t piece = sizeof(bytes); piece; piece /= 2) {
        ssize_t n;
        while ((n = send(weft_socket_fileno(socket), bytes, piece, MSG_DONTWAIT)) > 0)
            total += (size_t)n;
    }
    return total;
}

/* Receives so many bytes with the bare system call. */
static inline void drain(weft_socket *socket, size_t bytes)
{
    char buffer[4096];
    while (bytes) {
        ssize_t n = recv(weft_socket_fileno(socket), buffer,
                         bytes < sizeof(buffer) ? bytes : sizeof(buffer), 0);
        ck_assert_int_gt(n, 0);
        bytes -= (size_t)n;
    }
}

/* Receives once and traces what came: the text, "eof", or the error's name. */
__attribute__((unused)) COROUTINE(receiver)
{
    char buffer[64];
    ssize_t n = weft_sock_recv(arg, buffer, sizeof(buffer) - 1);
    if (n > 0) {
        buffer[n] = '\0';
        trace("%s", buffer);
    } else {
        trace("%s", n ? weft_error_name((int)n) : "eof");
    }
    return n < 0 ? (int)n : 0;
}

/* Has everything that is ready run, and its consequences, a few turns long. */
static inline void settle(void)
{
    for (int i = 0; i < 8; i++)
        ck_assert_int_eq(weft_sleep(0.001), 0);
}

#endif
