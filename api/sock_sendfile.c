/*
 * sock_sendfile.c - a part of a file goes out of a socket: by the system call, or where that cannot be,
 * by reading in the thread pool and sending.
 */
#include <errno.h>

#include "api/file_read.h"
#include "api/socket.h"
#include "runtime/base/sys.h"

#define SENDFILE_MOST ((size_t)4 << 20) /* in one call: the loop waits for it */

/* What is still to be sent. */
struct part {
    int file;
    off_t offset;
    size_t left;
    ssize_t sent;
};

static void part_advance(struct part *part, size_t bytes)
{
    part->offset += (off_t)bytes;
    part->left -= bytes;
    part->sent += (ssize_t)bytes;
}

/* 0: all was sent, or the file has no more; WEFT_ESENDFILE: the first call failed (SOCK-23). */
static int send_by_system(const struct socket_caller *caller, weft_socket *socket,
                          struct part *part)
{
    while (part->left) {
        off_t offset = part->offset;
        ssize_t n = wf_source_sendfile(&socket->source, part->file, &offset,
                                       part->left < SENDFILE_MOST ? part->left : SENDFILE_MOST);
        if (n == 0)
            return 0;
        if (n > 0) {
            part_advance(part, (size_t)n);
        } else if (n != -EAGAIN) {
            return part->sent ? (int)n : WEFT_ESENDFILE;
        }
        int rc = 0;
        if (n < 0)
            rc = wf_socket_wait(caller, socket, POLLER_WRITE);
        else if (part->left)
            rc = wf_socket_yield(caller->loop, socket); /* a peer that is as quick */
        if (rc)
            return rc;
    }
    return 0;
}

/* The socket is held. */
static int send_by_reading(weft_socket *socket, struct part *part)
{
    struct file_read *reading;
    int rc = wf_file_read_make(&reading, part->file);
    while (!rc && part->left) {
        rc = wf_file_read_next(&reading, part->offset, part->left);
        if (rc || reading->got <= 0) {
            rc = rc ? rc : (int)reading->got;
            break;
        }
        size_t bytes = (size_t)reading->got;
        rc = weft_sock_sendall(socket, reading->buffer, bytes);
        if (!rc)
            part_advance(part, bytes);
    }
    wf_file_read_free(reading);
    return rc;
}

ssize_t weft_sock_sendfile(weft_socket *socket, int fd, off_t offset, ssize_t count, bool fallback)
{
    struct socket_caller caller;
    int rc = socket_begin(&caller, socket);
    if (rc)
        return rc;
    if (offset < 0)
        return weft_fail(-EINVAL, "the offset is negative");
    if (count == 0)
        return weft_fail(-EINVAL, "the count is not positive");
    if (socket->type != SOCK_STREAM)
        return weft_fail(-EINVAL, "only a stream socket sends files");
    if (!sys_fd_is_open(fd))
        return -EBADF;
    struct part part = {fd, offset, count < 0 ? SSIZE_MAX : (size_t)count, 0};
    socket->users++; /* it may be closed while the pool reads */
    rc = send_by_system(&caller, socket, &part);
    if (rc == WEFT_ESENDFILE)
        rc = fallback ? send_by_reading(socket, &part)
                      : weft_fail(rc, "the system cannot send descriptor %d", fd);
    wf_socket_leave(socket);
    (void)lseek(fd, part.offset, SEEK_SET); /* a pipe has no position */
    return rc ? rc : part.sent;
}
