/*
 * pipes.h - a protocol that writes down what it is told, over one end of a pipe.
 */
#ifndef WEFT_TESTS_NET_PIPES_H
#define WEFT_TESTS_NET_PIPES_H

#include "tests/net/probe.h"

static inline void probe_read_pipe(struct probe *p, int fd)
{
    weft_transport *transport = NULL;
    if (!p->protocol.ops)
        p->protocol.ops = &probe_ops;
    ck_assert_msg(!weft_connect_read_pipe(fd, &p->protocol, &transport), "%s", sim_said());
    ck_assert_int_eq(p->made, 1);
    ck_assert_ptr_eq(p->transport, transport);
    weft_transport_unref(transport); /* the probe has one */
}

static inline void probe_write_pipe(struct probe *p, int fd)
{
    weft_transport *transport = NULL;
    if (!p->protocol.ops)
        p->protocol.ops = &probe_ops;
    ck_assert_msg(!weft_connect_write_pipe(fd, &p->protocol, &transport), "%s", sim_said());
    ck_assert_int_eq(p->made, 1);
    ck_assert_ptr_eq(p->transport, transport);
    weft_transport_unref(transport);
}

/* Of the pipe, the end that the test has does not block. */
static inline void open_pipe(int ends[2], int of_test)
{
    ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
    ck_assert_int_eq(fcntl(ends[of_test], F_SETFL, O_NONBLOCK), 0);
}

static inline void put(int fd, const char *text)
{
    ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

static inline bool is_open(int fd)
{
    return fcntl(fd, F_GETFD) >= 0;
}

/* The protocol has been told of the end, and the transport is given back. */
static inline void probe_gone(struct probe *p)
{
    ck_assert_int_eq(p->lost, 1);
    weft_transport_unref(p->transport);
    p->transport = NULL;
}

#endif
