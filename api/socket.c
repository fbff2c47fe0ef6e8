/*
 * socket.c - sockets as objects: they are made, asked, set, and closed.
 */
#include "api/socket.h"

#include <errno.h>

#include "runtime/base/mem.h"
#include "runtime/base/sys.h"

static weft_socket *fail_with(int code)
{
    errno = -code;
    return NULL;
}

weft_socket *wf_socket_make(int fd, int family, int type)
{
    weft_socket *socket = mem_alloc(sizeof(*socket));
    if (!socket)
        return NULL;
    wf_source_init(&socket->source, fd, true,
                   type == SOCK_STREAM && (family == AF_INET || family == AF_INET6));
    socket->source.stream = type == SOCK_STREAM;
    socket->family = family;
    socket->type = type;
    socket->users = 0;
    socket->closed = false;
    return socket;
}

/* As wf_socket_make(), and the descriptor is closed if it fails. */
static weft_socket *make_or_close(int fd, int family, int type)
{
    weft_socket *socket = wf_socket_make(fd, family, type);
    if (socket)
        return socket;
    sys_close(fd);
    return fail_with(-ENOMEM);
}

weft_socket *weft_socket_new(int family, int type, int proto)
{
    int fd = sys_socket(family, type, proto);
    if (fd < 0)
        return fail_with(fd);
    return make_or_close(fd, family, type & ~(SOCK_NONBLOCK | SOCK_CLOEXEC));
}

weft_socket *weft_socket_from_fd(int fd)
{
    int family = 0, type = 0;
    socklen_t bytes = sizeof(family);
    int rc = sys_getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &bytes);
    bytes = sizeof(type);
    if (!rc)
        rc = sys_getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &bytes);
    if (!rc)
        rc = sys_set_nonblocking(fd);
    if (rc)
        return fail_with(rc);
    weft_socket *socket = wf_socket_make(fd, family, type);
    return socket ? socket : fail_with(-ENOMEM);
}

int weft_socketpair(weft_socket *ret_pair[2])
{
    int fds[2];
    if (!ret_pair)
        return -EINVAL;
    int rc = sys_socketpair(fds);
    if (rc)
        return rc;
    weft_socket *first = make_or_close(fds[0], AF_UNIX, SOCK_STREAM);
    weft_socket *second = make_or_close(fds[1], AF_UNIX, SOCK_STREAM);
    if (!first || !second) {
        weft_socket_close(first);
        weft_socket_close(second);
        return -ENOMEM;
    }
    ret_pair[0] = first;
    ret_pair[1] = second;
    return 0;
}

static void socket_free(weft_socket *socket)
{
    mem_free(socket, sizeof(*socket));
}

int weft_socket_close(weft_socket *socket)
{
    if (!socket)
        return 0;
    wf_source_close(&socket->source);
    if (socket->users)
        socket->closed = true;
    else
        socket_free(socket);
    return 0;
}

int weft_socket_detach(weft_socket *socket)
{
    if (!socket)
        return -EINVAL;
    if (socket->users)
        return -EBUSY;
    int fd = wf_source_detach(&socket->source);
    if (fd >= 0)
        socket_free(socket);
    return fd;
}

void wf_socket_leave(weft_socket *socket)
{
    if (--socket->users == 0 && socket->closed)
        socket_free(socket);
}

int weft_socket_fileno(const weft_socket *socket)
{
    return socket ? socket->source.fd : -EINVAL;
}

int weft_socket_family(const weft_socket *socket)
{
    return socket ? socket->family : -EINVAL;
}

int weft_socket_type(const weft_socket *socket)
{
    return socket ? socket->type : -EINVAL;
}

int weft_socket_bind(weft_socket *socket, const weft_address *address)
{
    return socket && address ? sys_bind(socket->source.fd, &address->any, address->bytes) : -EINVAL;
}

int weft_socket_listen(weft_socket *socket, int backlog)
{
    return socket ? sys_listen(socket->source.fd, backlog) : -EINVAL;
}

int weft_socket_shutdown(weft_socket *socket, int how)
{
    return socket ? sys_shutdown(socket->source.fd, how) : -EINVAL;
}

int weft_socket_getsockname(const weft_socket *socket, weft_address *ret_address)
{
    if (!socket || !ret_address)
        return -EINVAL;
    ret_address->bytes = sizeof(ret_address->storage);
    return sys_getsockname(socket->source.fd, &ret_address->any, &ret_address->bytes);
}

int weft_socket_getpeername(const weft_socket *socket, weft_address *ret_address)
{
    if (!socket || !ret_address)
        return -EINVAL;
    ret_address->bytes = sizeof(ret_address->storage);
    return sys_getpeername(socket->source.fd, &ret_address->any, &ret_address->bytes);
}

int weft_socket_setsockopt(weft_socket *socket, int level, int option, const void *value,
                           socklen_t bytes)
{
    return socket ? sys_setsockopt(socket->source.fd, level, option, value, bytes) : -EINVAL;
}

int weft_socket_getsockopt(const weft_socket *socket, int level, int option, void *value,
                           socklen_t *bytes)
{
    return socket ? sys_getsockopt(socket->source.fd, level, option, value, bytes) : -EINVAL;
}

int wf_socket_refuse(const struct socket_caller *caller, const weft_socket *socket)
{
    if (!socket)
        return -EINVAL;
    if (!caller->task)
        return weft_fail(WEFT_ENOTASK, "only a task can wait for a socket");
    if (socket->closed)
        return -EBADF;
    return weft_fail(WEFT_EWRONGTHREAD, "the socket is registered with another loop");
}

int wf_socket_yield(struct weft_loop *loop, weft_socket *socket)
{
    loop_attend(loop); /* timers and descriptors get theirs too */
    socket->users++;
    int rc = weft_yield();
    bool closed = socket->closed;
    wf_socket_leave(socket);
    return closed && !rc ? -EBADF : rc;
}

/* A task in an operation. */
struct socket_wait {
    struct wait wait;
    struct source_wait entry;
    weft_socket *socket;
    enum poller_side side;
    bool cancelled;
    weft_error *error; /* the message of the cancellation; owned */
};

static bool socket_cancel(struct wait *wait, struct task *task, weft_error *error)
{
    struct socket_wait *waiting = container_of(wait, struct socket_wait, wait);
    if (!wf_source_unwatch(&waiting->socket->source, waiting->side, &waiting->entry))
        return false;
    waiting->cancelled = true;
    waiting->error = weft_error_ref(error);
    task_unpark(future_loop(&task->future), task);
    return true;
}

/* The attempt goes with the wait: else the system would refuse the next one, or take it for this. */
static bool connect_cancel(struct wait *wait, struct task *task, weft_error *error)
{
    struct socket_wait *waiting = container_of(wait, struct socket_wait, wait);
    if (!socket_cancel(wait, task, error))
        return false;
    wf_source_disconnect(&waiting->socket->source);
    return true;
}

static void socket_abandon(struct wait *wait, struct task *task)
{
    struct socket_wait *waiting = container_of(wait, struct socket_wait, wait);
    (void)task;
    wf_source_unwatch(&waiting->socket->source, waiting->side, &waiting->entry);
    weft_error_unref(waiting->error);
    wf_socket_leave(waiting->socket);
}

static const struct wait_ops read_ops = {socket_cancel, socket_abandon, "socket to read"};
static const struct wait_ops write_ops = {socket_cancel, socket_abandon, "socket to write"};
static const struct wait_ops connect_ops = {connect_cancel, socket_abandon, "socket to connect"};

static inline int wait_with(const struct wait_ops *ops, const struct socket_caller *caller,
                            weft_socket *socket, enum poller_side side)
{
    struct socket_wait waiting = {
        .wait = {ops, socket},
        .entry = {.ready = &caller->task->future.entry},
        .socket = socket,
        .side = side,
    };
    int rc = wf_source_watch(&socket->source, &caller->loop->poller, side, &waiting.entry);
    if (unlikely(rc)) /* TRAN-13 */
        return rc == -EEXIST ? weft_fail(WEFT_ERUNTIME, "descriptor %d is used by a transport",
                                         socket->source.fd)
                             : rc;
    socket->users++;
    wf_park(caller->loop, caller->task, &waiting.wait);
    bool closed = socket->closed;
    wf_socket_leave(socket);
    rc = wait_outcome(caller->task, waiting.cancelled, waiting.error);
    return unlikely(closed) && !rc ? -EBADF : rc;
}

int wf_socket_wait(const struct socket_caller *caller, weft_socket *socket, enum poller_side side)
{
    return wait_with(side == POLLER_READ ? &read_ops : &write_ops, caller, socket, side);
}

int wf_socket_wait_connected(const struct socket_caller *caller, weft_socket *socket)
{
    return wait_with(&connect_ops, caller, socket, POLLER_WRITE);
}
