/*
 * sock_sendfile_test.c - parts of files go out of sockets.
 */
#include <fcntl.h>

#include "tests/net/sockets.h"
#include "tests/support/suite.h"

#define FILE_BYTES ((size_t)3 << 20)

static unsigned char content[FILE_BYTES];

/* An unnamed file that begins with so many bytes of the content. */
static int make_file(size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        content[i] = (unsigned char)(i * 131 >> 5);
    int fd = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, content, bytes), (ssize_t)bytes);
    return fd;
}

struct receiving {
    size_t from, bytes; /* what is expected */
};

/* Receives what is expected to the end of the stream. */
COROUTINE(receive_part)
{
    struct receiving *receiving = arg;
    unsigned char buffer[16384];
    size_t got = 0;
    ssize_t n;
    while ((n = weft_sock_recv(pair[1], buffer, sizeof(buffer))) > 0) {
        ck_assert_uint_le(receiving->from + got + (size_t)n, FILE_BYTES);
        ck_assert_int_eq(memcmp(buffer, content + receiving->from + got, (size_t)n), 0);
        got += (size_t)n;
    }
    ck_assert_uint_eq(got, receiving->bytes);
    return (int)n;
}

/* Sends, and checks what arrived and where the file stands afterwards (SOCK-19). */
static void send_part(int file, off_t offset, ssize_t count, bool fallback, size_t expected)
{
    open_pair();
    struct receiving receiving = {(size_t)offset, expected};
    weft_task *task = weft_create_task(receive_part, &receiving, NULL);
    ck_assert_int_eq(weft_sock_sendfile(pair[0], file, offset, count, fallback), (ssize_t)expected);
    ck_assert_int_eq(lseek(file, 0, SEEK_CUR), offset + (off_t)expected);
    ck_assert_int_eq(weft_socket_shutdown(pair[0], SHUT_WR), 0);
    ck_assert_int_eq(weft_join(task, NULL), 0);
    close_pair();
}

/* So many bytes, or all to the end, from an offset; beyond the end there is nothing more (SOCK-18, SOCK-22). */
START_SIM(parts)
{
    int file = make_file(FILE_BYTES), empty = make_file(0);
    send_part(file, 0, -1, true, FILE_BYTES);
    send_part(file, 1234567, -1, true, FILE_BYTES - 1234567);
    send_part(file, 100, 2000, true, 2000);
    send_part(file, (off_t)FILE_BYTES - 10, 2000, true, 10);
    send_part(file, (off_t)FILE_BYTES + 10, 2000, true, 0);
    send_part(empty, 0, -1, true, 0);
    close(file);
    close(empty);
    return 0;
}

/* Where the system call cannot be used: it is read in the pool, or refused, as the caller wants; that goes
 * by its first failure (SOCK-21, SOCK-23). */
START_SIM(falls_back)
{
    int file = make_file(FILE_BYTES);
    wf_fault_arm(FAULT_SENDFILE, 1, EINVAL, true);
    send_part(file, 0, -1, true, FILE_BYTES);
    send_part(file, 1000, 700000, true, 700000);
    open_pair();
    ck_assert_int_eq(weft_sock_sendfile(pair[0], file, 5, -1, false), WEFT_ESENDFILE);
    ck_assert_int_eq(lseek(file, 0, SEEK_CUR), 5);
    wf_fault_arm(FAULT_SENDFILE, 2, EIO, true); /* not the first: it is raised */
    ck_assert_int_eq(weft_sock_sendfile(pair[0], file, 5, -1, true), -EIO);
    ck_assert_int_gt(lseek(file, 0, SEEK_CUR), 5);
    wf_fault_reset();
    wf_fault_arm(FAULT_SENDFILE, 1, EINVAL, true);
    wf_fault_arm(FAULT_FCNTL, 1, EMFILE, false); /* the pool reads from a descriptor of its own */
    ck_assert_int_eq(weft_sock_sendfile(pair[0], file, 9, -1, true), -EMFILE);
    ck_assert_int_eq(lseek(file, 0, SEEK_CUR), 9);
    wf_fault_reset();
    close_pair();
    close(file);
    return 0;
}

/* A pipe has no positions: the system refuses it, and so does the pool's read. */
START_SIM(from_pipe)
{
    int ends[2];
    ck_assert_int_eq(pipe(ends), 0);
    open_pair();
    ck_assert_int_eq(weft_sock_sendfile(pair[0], ends[0], 0, 10, true), -ESPIPE);
    ck_assert_int_eq(weft_sock_sendfile(pair[0], ends[0], 0, 10, false), WEFT_ESENDFILE);
    close(ends[0]);
    close(ends[1]);
    close_pair();
    return 0;
}

COROUTINE(sender)
{
    return (int)weft_sock_sendfile(pair[0], *(int *)arg, 0, -1, true);
}

/* A later failure is raised; a cancellation takes effect though the socket is never ready; the file stands
 * behind what was sent (SOCK-19, SOCK-23, SOCK-24). */
START_SIM(ends_early)
{
    int file = make_file(FILE_BYTES);
    for (int cancelled = 0; cancelled < 2; cancelled++) {
        open_pair();
        weft_task *task = weft_create_task(sender, &file, NULL);
        settle();
        ck_assert_int_eq(weft_done(task), 0);
        if (cancelled) {
            weft_cancel(task);
            ck_assert_int_eq(weft_join(task, NULL), WEFT_ECANCELLED);
        } else {
            weft_socket_close(pair[1]);
            pair[1] = NULL;
            int rc = weft_join(task, NULL);
            ck_assert(rc == -EPIPE || rc == -ECONNRESET);
        }
        off_t stands = lseek(file, 0, SEEK_CUR);
        ck_assert_int_gt(stands, 0);
        ck_assert_int_lt(stands, (off_t)FILE_BYTES);
        close_pair();
    }
    close(file);
    return 0;
}

/* The pool still reads when the task is cancelled: the buffer lives until it is done. */
START_SIM(cancelled_in_the_pool)
{
    int file = make_file(FILE_BYTES);
    wf_fault_arm(FAULT_SENDFILE, 1, EINVAL, true);
    for (int turns = 0; turns < 6; turns++) {
        open_pair();
        weft_task *task = weft_create_task(sender, &file, NULL);
        for (int i = 0; i < turns; i++)
            weft_yield();
        weft_cancel(task);
        ck_assert_int_eq(weft_join(task, NULL), WEFT_ECANCELLED);
        close_pair();
    }
    wf_fault_reset();
    close(file);
    return 0;
}

/* What cannot be is refused (SOCK-20). */
START_SIM(refused)
{
    int file = make_file(10);
    open_pair();
    ck_assert_int_eq(weft_sock_sendfile(pair[0], file, -1, 1, true), -EINVAL);
    ck_assert_int_eq(weft_sock_sendfile(pair[0], file, 0, 0, true), -EINVAL);
    ck_assert_int_eq(weft_sock_sendfile(pair[0], -1, 0, 1, true), -EBADF);
    ck_assert_int_eq(weft_sock_sendfile(NULL, file, 0, 1, true), -EINVAL);
    weft_socket *datagram = weft_socket_new(AF_INET, SOCK_DGRAM, 0);
    ck_assert_int_eq(weft_sock_sendfile(datagram, file, 0, 1, true), -EINVAL);
    weft_socket_close(datagram);
    close_pair();
    close(file);
    return 0;
}

SUITE("sock sendfile", parts, falls_back, from_pipe, ends_early, cancelled_in_the_pool, refused)
