/*
 * pipes.h - a protocol that writes down what it is told, over one end of a pipe.
 */
#ifndef WEFT_TESTS_NET_PIPES_H
#define WEFT_TESTS_NET_PIPES_H

#include "tests/net/probe.h"

typedef int connect_pipe(int fd, weft_protocol *protocol, weft_transport **ret_transport);

static inline void probe_pipe(struct probe *p, int fd, connect_pipe *connect)
{
    weft_transport *transport = NULL;
    if (!p->protocol.ops)
        p->protocol.ops = &probe_ops;
    ck_assert_msg(!connect(fd, &p->protocol, &transport), "%s", sim_said());
    ck_assert_int_eq(p->made, 1);
    ck_assert_ptr_eq(p->transport, transport);
    weft_transport_unref(transport); /* the probe has one */
}

static inline void probe_read_pipe(struct probe *p, int fd)
{
    probe_pipe(p, fd, weft_connect_read_pipe);
}

static inline void probe_write_pipe(struct probe *p, int fd)
{
    probe_pipe(p, fd, weft_connect_write_pipe);
}

/* Of the pipe, the end that the test has does not block. */
static inline void open_pipe(int ends[2], int of_test)
{
    ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
    ck_assert_int_eq(fcntl(ends[of_test], F_SETFL, O_NONBLOCK), 0);
}

/* A pipe of which the probe has the end that is read; or, the one that is written. */
static inline void open_read_pipe(struct probe *p, int ends[2])
{
    open_pipe(ends, 1);
    probe_read_pipe(p, ends[0]);
}

static inline void open_write_pipe(struct probe *p, int ends[2])
{
    open_pipe(ends, 0);
    probe_write_pipe(p, ends[1]);
}

static inline void put(int fd, const char *text)
{
    ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

static inline bool is_open(int fd)
{
    return fcntl(fd, F_GETFD) >= 0;
}

#endif
