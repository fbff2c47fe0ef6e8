/*
 * socket.h - what a weft_socket is made of, and how a task waits for it.
 *
 * K1  `users` counts the tasks that wait in an operation. A socket that is closed meanwhile is freed by
 *     the last of them.
 */
#ifndef WEFT_API_SOCKET_H
#define WEFT_API_SOCKET_H

#include <weft/socket.h>

#include "runtime/base/likely.h"
#include "runtime/io/source.h"
#include "runtime/park.h"

/* So many calls in a row that succeed at once, then others have their turn. */
#define SOCKET_BUDGET 64u

struct weft_socket {
    struct source source;
    int family, type;
    unsigned users; /* K1 */
    bool closed;
};

/* A socket of this family and type on a descriptor, which is its own from now on; NULL: no memory. */
weft_socket *wf_socket_make(int fd, int family, int type);

/* Who calls an operation. */
struct socket_caller {
    struct weft_loop *loop;
    struct task *task;
};

/* What is wrong with the caller or the socket. */
int wf_socket_refuse(const struct socket_caller *caller, const weft_socket *socket);

/* The budget is used up: others have a turn. 0; WEFT_ECANCELLED; -EBADF: one of them has closed it. */
int wf_socket_yield(struct weft_loop *loop, weft_socket *socket);

/* Before an operation: 0, or why it cannot be; WEFT_ECANCELLED. */
static inline int socket_begin(struct socket_caller *caller, weft_socket *socket)
{
    struct weft_loop *loop = loop_current();
    caller->loop = loop;
    caller->task = likely(loop != NULL) ? loop->current : NULL;
    if (unlikely(!socket) || unlikely(!caller->task) || unlikely(socket->closed) ||
        unlikely(socket->source.poller && socket->source.poller != &loop->poller))
        return wf_socket_refuse(caller, socket);
    if (loop->io_step != loop->ready.steps) {
        loop->io_step = loop->ready.steps;
        loop->io_calls = 0;
    } else if (unlikely(++loop->io_calls > SOCKET_BUDGET)) {
        return wf_socket_yield(loop, socket);
    }
    return 0;
}

/* Waits until a call may succeed: 0, and the caller tries again; WEFT_ECANCELLED; -EBADF: it was
 * closed; -ENOMEM and the like. */
int wf_socket_wait(const struct socket_caller *caller, weft_socket *socket, enum poller_side side);

/* The same after a connection was begun, which is given up when the wait is cancelled. */
int wf_socket_wait_connected(const struct socket_caller *caller, weft_socket *socket);

/* A task that was counted in `users` waits no longer (K1). */
void wf_socket_leave(weft_socket *socket);

/* An error of the connection to an address as the current one. */
int wf_socket_fail_connect(int code, const weft_address *address);

#endif
