/*
 * serving.h - a server in a test, and clients of it: weft_socket in tasks.
 */
#ifndef WEFT_TESTS_NET_SERVING_H
#define WEFT_TESTS_NET_SERVING_H

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/faults.h"
#include "tests/support/sim.h"
#include "tests/support/suite.h"

/* The handlers that are in a connection now, and those that have been. */
__attribute__((unused)) static _Atomic int handlers_now, handlers_ever;

/* Sends back what comes, until the end; closes. */
__attribute__((unused)) static int serve_echo(weft_stream_reader *reader,
                                              weft_stream_writer *writer, void *arg)
{
    char *data;
    ssize_t n;
    int rc = 0;
    (void)arg;
    handlers_now++;
    handlers_ever++;
    while ((n = weft_stream_read(reader, 65536, &data)) > 0) {
        rc = weft_stream_write(writer, data, (size_t)n);
        if (!rc)
            rc = weft_stream_drain(writer);
        if (rc)
            break;
    }
    weft_stream_close(writer);
    weft_stream_reader_unref(reader);
    weft_stream_writer_unref(writer);
    handlers_now--;
    return n < 0 ? (int)n : rc;
}

/* A server on a free port of the loopback interface. */
__attribute__((unused)) static weft_server *serve(weft_client_connected handler, void *arg,
                                                  const weft_server_options *options)
{
    weft_server *server = NULL;
    int rc = weft_start_server(handler, arg, "127.0.0.1", "0", options, &server);
    ck_assert_msg(rc == 0, "%s: %s", weft_error_name(rc), sim_said());
    return server;
}

/* Where its first socket listens. */
static inline weft_address server_address(const weft_server *server)
{
    weft_transport_socket socket;
    weft_address address;
    ck_assert_int_ge(weft_server_sockets(server, &socket, 1), 1);
    ck_assert_int_eq(weft_transport_socket_getsockname(&socket, &address), 0);
    return address;
}

/* A connection to an address; the code of the attempt. */
__attribute__((unused)) static int try_connect(const weft_address *address,
                                               weft_socket **ret_socket)
{
    weft_socket *socket = weft_socket_new(address->any.sa_family, SOCK_STREAM, 0);
    ck_assert_ptr_nonnull(socket);
    int rc = weft_sock_connect(socket, address);
    if (rc)
        weft_socket_close(socket);
    else
        *ret_socket = socket;
    return rc;
}

__attribute__((unused)) static weft_socket *client_of(const weft_server *server)
{
    weft_socket *socket = NULL;
    weft_address address = server_address(server);
    int rc = try_connect(&address, &socket);
    ck_assert_msg(rc == 0, "%s: %s", weft_error_name(rc), sim_said());
    return socket;
}

/* A connection that is made without a turn of the loop: a descriptor. */
__attribute__((unused)) static int connect_at_once(const weft_address *address)
{
    int fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(connect(fd, &address->any, address->bytes), 0);
    return fd;
}

/* Sends a text, and gets it back. */
__attribute__((unused)) static void ask_echo(weft_socket *socket, const char *text)
{
    char back[256];
    size_t got = 0, bytes = strlen(text);
    ck_assert_int_eq(weft_sock_sendall(socket, text, bytes), 0);
    while (got < bytes) {
        ssize_t n = weft_sock_recv(socket, back + got, sizeof(back) - got);
        ck_assert_int_gt(n, 0);
        got += (size_t)n;
    }
    ck_assert_mem_eq(back, text, bytes);
}

/* A server of echoes takes a connection, and talks. */
__attribute__((unused)) static void ck_assert_serves(const weft_server *server)
{
    weft_socket *client = client_of(server);
    ask_echo(client, "hello");
    weft_socket_close(client);
}

/* What the other end has closed. */
__attribute__((unused)) static void await_end(weft_socket *socket)
{
    char byte;
    ck_assert_int_eq(weft_sock_recv(socket, &byte, 1), 0);
}

/* Closes, waits for the connections to end, and gives the server back. */
__attribute__((unused)) static void end_server(weft_server *server)
{
    weft_server_close(server);
    ck_assert_int_eq(weft_server_wait_closed(server), 0);
    weft_server_unref(server);
}

#endif
