/*
 * pipe.c - connect_read_pipe and connect_write_pipe.
 */
#include <weft/pipe.h>

#include <errno.h>
#include <weft/task.h>

#include "api/pipe_transport.h"
#include "runtime/base/sys_process.h"

/* What may be used as a pipe (PIPE-01), and how. */
static int look_at(int fd, struct pipe_transport_options *options)
{
    struct stat status;
    int rc = sys_fstat(fd, &status);
    if (rc)
        return weft_fail(rc, "descriptor %d: %s", fd, weft_strerror(rc));
    if (!S_ISFIFO(status.st_mode) && !S_ISSOCK(status.st_mode) && !S_ISCHR(status.st_mode))
        return weft_fail(-EINVAL, "descriptor %d is no pipe, socket or character device", fd);
    options->socket = S_ISSOCK(status.st_mode);
    options->hang_up = !S_ISCHR(status.st_mode);
    return sys_set_nonblocking(fd);
}

static int connect_pipe(int fd, weft_protocol *protocol, enum poller_side side,
                        weft_transport **ret_transport)
{
    struct pipe_transport_options options = {.side = side};

    if (!protocol || !protocol->ops || !ret_transport)
        return weft_fail(-EINVAL, "no protocol");
    if (!weft_current_task())
        return weft_fail(WEFT_ENOTASK, "only a task can connect a pipe");
    int rc = look_at(fd, &options);
    if (rc)
        return rc;
    options.waiter = weft_create_future();
    if (!options.waiter)
        return -ENOMEM;
    weft_transport *transport =
        wf_pipe_transport_new(weft_get_running_loop(), fd, protocol, &options);
    if (!transport) {
        rc = -errno;
        weft_unref(options.waiter);
        return weft_fail(rc, "descriptor %d: %s", fd, weft_strerror(rc));
    }
    rc = weft_join(options.waiter, NULL);
    if (rc) {
        weft_transport_close(transport);
        weft_transport_unref(transport);
        return rc;
    }
    *ret_transport = transport;
    return 0;
}

int weft_connect_read_pipe(int fd, weft_protocol *protocol, weft_transport **ret_transport)
{
    return connect_pipe(fd, protocol, POLLER_READ, ret_transport);
}

int weft_connect_write_pipe(int fd, weft_protocol *protocol, weft_transport **ret_transport)
{
    return connect_pipe(fd, protocol, POLLER_WRITE, ret_transport);
}
