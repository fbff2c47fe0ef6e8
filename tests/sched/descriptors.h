/*
 * descriptors.h - a loop that each test finds open, with a pipe and a pair of sockets to watch.
 */
#ifndef WEFT_TESTS_SCHED_DESCRIPTORS_H
#define WEFT_TESTS_SCHED_DESCRIPTORS_H

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/sched/callbacks.h"

static weft_loop *loop;
static int ends[2]; /* a pipe: read here, written there */
static int pair[2]; /* a connected pair of sockets */

static inline void open_all(void)
{
    loop = virtual_loop();
    ck_assert_int_eq(pipe2(ends, O_NONBLOCK), 0);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
}

static inline void close_all(void)
{
    ck_assert_int_eq(weft_loop_free(loop), 0);
    for (int i = 0; i < 2; i++) {
        close(ends[i]);
        close(pair[i]);
    }
}

static inline void put(int fd)
{
    ck_assert_int_eq(write(fd, "x", 1), 1);
}

static inline void take(int fd)
{
    char byte;
    ck_assert_int_eq(read(fd, &byte, 1), 1);
}

/* Fills a pipe or a socket until it takes no more. */
static inline void fill(int fd)
{
    static const char bytes[4096];
    while (write(fd, bytes, sizeof(bytes)) > 0)
        continue;
    while (write(fd, bytes, 1) > 0)
        continue;
}

static inline void drain(int fd)
{
    char bytes[4096];
    while (read(fd, bytes, sizeof(bytes)) > 0)
        continue;
}

#endif
