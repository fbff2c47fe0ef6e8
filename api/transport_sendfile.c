/*
 * transport_sendfile.c - a part of a file goes out over a transport: by the system call, or by reading
 * in the thread pool and writing.
 *
 * Meanwhile nothing else is written, and nothing is read: that the peer has ended its side may close
 * the transport, and is told when the file is sent.
 */
#include <errno.h>
#include <limits.h>
#include <unistd.h>

#include "api/file_read.h"
#include "api/transport.h"
#include "runtime/base/sys.h"
#include "runtime/park.h"
#include "runtime/sched/future_ops.h"

void wf_transport_wake_sendfile(weft_transport *transport)
{
    weft_future *wait = transport->file_wait;

    if (likely(!wait))
        return;
    transport->file_wait = NULL;
    (void)wf_future_succeed(wait, NULL); /* the one who waits holds it */
}

static int closed_meanwhile(const weft_transport *transport)
{
    return transport->closing || transport->lost
               ? weft_fail(-ECONNABORTED, "the transport was closed while a file was being sent")
               : 0;
}

int wf_transport_sendfile_wait(weft_transport *transport)
{
    int rc = closed_meanwhile(transport);
    if (rc)
        return rc;
    weft_future *wait = weft_create_future();
    if (!wait)
        return -errno;
    transport->file_wait = wait;
    rc = weft_join(wait, NULL);
    transport->file_wait = NULL;
    return rc ? rc : closed_meanwhile(transport);
}

/* Waits while the transport has too much to send. */
static int await_room(weft_transport *transport)
{
    int rc = closed_meanwhile(transport);
    while (!rc && transport->paused)
        rc = wf_transport_sendfile_wait(transport);
    return rc;
}

static int write_piece(weft_transport *transport, char *data, size_t bytes)
{
    struct iovec piece = {data, bytes};
    int rc = await_room(transport);
    return rc ? rc : transport->ops->write(transport, &piece, 1);
}

static int send_by_reading(weft_transport *transport, int fd, off_t offset, size_t count,
                           size_t *sent)
{
    struct file_read *reading;
    int rc = wf_file_read_make(&reading, fd);
    while (!rc && *sent < count) {
        rc = wf_file_read_next(&reading, offset + (off_t)*sent, count - *sent);
        if (rc || reading->got <= 0) {
            rc = rc ? rc : (int)reading->got;
            break;
        }
        size_t bytes = (size_t)reading->got;
        rc = write_piece(transport, reading->buffer, bytes);
        if (!rc)
            *sent += bytes;
    }
    wf_file_read_free(reading);
    return rc ? rc : await_room(transport);
}

static int check(const weft_transport *transport, int fd, off_t offset, ssize_t count)
{
    if (!transport)
        return -EINVAL;
    if (!task_current())
        return weft_fail(WEFT_ENOTASK, "only a task can send a file");
    if (transport->loop != loop_current())
        return weft_fail(WEFT_EWRONGTHREAD, "the transport belongs to another loop");
    if (transport->closing || transport->lost)
        return weft_fail(WEFT_ERUNTIME, "the transport is closing");
    if (transport->eof || transport->sending_file)
        return weft_fail(WEFT_ERUNTIME, transport->eof ? "cannot send a file after write_eof()"
                                                       : "a file is being sent already");
    if (offset < 0)
        return weft_fail(-EINVAL, "the offset is negative");
    if (count == 0)
        return weft_fail(-EINVAL, "the count is not positive");
    return sys_fd_is_open(fd) ? 0 : -EBADF;
}

static int send_part(weft_transport *transport, int fd, off_t offset, size_t count, bool fallback,
                     size_t *sent)
{
    int rc = transport->ops->sendfile ? transport->ops->sendfile(transport, fd, offset, count, sent)
                                      : WEFT_ESENDFILE;
    if (rc != WEFT_ESENDFILE)
        return rc;
    return fallback ? send_by_reading(transport, fd, offset, count, sent)
                    : weft_fail(rc, "the system cannot send descriptor %d over a %s transport", fd,
                                transport->ops->what);
}

ssize_t weft_transport_sendfile(weft_transport *transport, int fd, off_t offset, ssize_t count,
                                bool fallback)
{
    size_t sent = 0;
    int rc = check(transport, fd, offset, count);
    if (rc)
        return rc;
    transport_ref(transport);
    bool reading = transport->reading;
    weft_transport_pause_reading(transport);
    transport->sending_file = true;
    rc = send_part(transport, fd, offset, count < 0 ? SSIZE_MAX : (size_t)count, fallback, &sent);
    transport->sending_file = false;
    if (reading)
        weft_transport_resume_reading(transport);
    weft_transport_unref(transport);
    (void)lseek(fd, offset + (off_t)sent, SEEK_SET); /* a pipe has no position */
    return rc ? rc : (ssize_t)sent;
}
