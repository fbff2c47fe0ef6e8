/*
 * sock_transfer.c - bytes and datagrams in and out of sockets.
 */
#include <errno.h>
#include <limits.h>

#include "api/socket.h"

ssize_t weft_sock_recv(weft_socket *socket, void *buffer, size_t bytes)
{
    struct socket_caller caller;
    int rc = socket_begin(&caller, socket);
    if (unlikely(rc))
        return rc;
    if (unlikely(!buffer) || unlikely(!bytes) || unlikely(bytes > SSIZE_MAX))
        return -EINVAL;
    for (;;) {
        ssize_t n = wf_source_recv(&socket->source, buffer, bytes);
        if (n != -EAGAIN)
            return n;
        rc = wf_socket_wait(&caller, socket, POLLER_READ);
        if (unlikely(rc))
            return rc;
    }
}

ssize_t weft_sock_recv_into(weft_socket *socket, void *buffer, size_t bytes)
{
    return weft_sock_recv(socket, buffer, bytes);
}

ssize_t weft_sock_recvfrom(weft_socket *socket, void *buffer, size_t bytes,
                           weft_address *ret_sender)
{
    struct socket_caller caller;
    weft_address sender = {.bytes = 0};
    if (socket && socket->type == SOCK_STREAM) {
        if (ret_sender)
            *ret_sender = sender; /* as the system's call does */
        return weft_sock_recv(socket, buffer, bytes);
    }
    int rc = socket_begin(&caller, socket);
    if (rc)
        return rc;
    if (!buffer || !bytes || bytes > SSIZE_MAX)
        return -EINVAL;
    for (;;) {
        sender.bytes = sizeof(sender.storage);
        ssize_t n = wf_source_recvfrom(&socket->source, buffer, bytes, &sender.any, &sender.bytes);
        if (n != -EAGAIN) {
            if (n >= 0 && ret_sender)
                *ret_sender = sender;
            return n;
        }
        rc = wf_socket_wait(&caller, socket, POLLER_READ);
        if (rc)
            return rc;
    }
}

int weft_sock_sendall(weft_socket *socket, const void *buffer, size_t bytes)
{
    struct socket_caller caller;
    int rc = socket_begin(&caller, socket);
    if (unlikely(rc))
        return rc;
    if (unlikely(!buffer && bytes) || unlikely(bytes > SSIZE_MAX))
        return -EINVAL;
    struct iovec rest = {(void *)(uintptr_t)buffer, bytes};
    for (unsigned calls = 1; rest.iov_len; calls++) {
        ssize_t n = wf_source_send(&socket->source, &rest, 1);
        if (likely(n >= 0)) {
            rest.iov_base = (char *)rest.iov_base + n;
            rest.iov_len -= (size_t)n;
            if (unlikely(rest.iov_len) && unlikely(calls % SOCKET_BUDGET == 0)) {
                rc = wf_socket_yield(caller.loop, socket); /* a peer that is as quick */
                if (rc)
                    return rc;
            }
        } else if (n != -EAGAIN) {
            return (int)n;
        } else {
            rc = wf_socket_wait(&caller, socket, POLLER_WRITE);
            if (unlikely(rc))
                return rc;
        }
    }
    return 0;
}

ssize_t weft_sock_sendto(weft_socket *socket, const void *buffer, size_t bytes,
                         const weft_address *address)
{
    struct socket_caller caller;
    int rc = socket_begin(&caller, socket);
    if (rc)
        return rc;
    if ((!buffer && bytes) || bytes > SSIZE_MAX)
        return -EINVAL;
    for (;;) {
        ssize_t n = wf_source_sendto(&socket->source, buffer, bytes, address ? &address->any : NULL,
                                     address ? address->bytes : 0);
        if (n != -EAGAIN)
            return n;
        rc = wf_socket_wait(&caller, socket, POLLER_WRITE);
        if (rc)
            return rc;
    }
}
