/*
 * sock_connect.c - connections are made, and taken.
 */
#include <errno.h>

#include "api/socket.h"
#include "runtime/base/sys.h"

#define FULL_WAIT_FIRST 0.001
#define FULL_WAIT_MOST  0.05

int wf_socket_fail_connect(int code, const weft_address *address)
{
    char text[WEFT_ADDRESS_TEXT];
    weft_address_text(address, text, sizeof(text));
    return weft_fail(code, "connect to %s: %s", text, weft_strerror(code));
}

/* Nothing tells when the queue of a Unix listener has room again: it is asked from time to time. */
static int connect_when_not_full(weft_socket *socket, const weft_address *address)
{
    int rc;
    double delay = FULL_WAIT_FIRST;
    while ((rc = wf_source_connect(&socket->source, &address->any, address->bytes, false)) ==
           -EAGAIN) {
        socket->users++;
        rc = weft_sleep(delay);
        bool closed = socket->closed;
        wf_socket_leave(socket);
        if (rc || closed)
            return rc ? rc : -EBADF;
        delay = delay * 2 < FULL_WAIT_MOST ? delay * 2 : FULL_WAIT_MOST;
    }
    return rc;
}

int weft_sock_connect(weft_socket *socket, const weft_address *address)
{
    struct socket_caller caller;
    int rc = socket_begin(&caller, socket);
    if (rc)
        return rc;
    if (!address || !address->bytes)
        return -EINVAL;
    weft_address peer = *address; /* the caller may drop it meanwhile */
    rc = connect_when_not_full(socket, &peer);
    while (rc == -EINPROGRESS) {
        rc = wf_socket_wait_connected(&caller, socket);
        if (rc)
            return rc;
        rc = wf_source_connect(&socket->source, &peer.any, peer.bytes, true);
    }
    return rc == 0 || rc == WEFT_ECANCELLED ? rc : wf_socket_fail_connect(rc, &peer);
}

int weft_sock_accept(weft_socket *socket, weft_socket **ret_socket, weft_address *ret_address)
{
    struct socket_caller caller;
    weft_address peer;
    int fd, rc = socket_begin(&caller, socket);
    if (rc)
        return rc;
    if (!ret_socket)
        return -EINVAL;
    /* Made first: a connection that was taken is not lost for lack of memory. */
    weft_socket *accepted = wf_socket_make(-1, socket->family, socket->type);
    if (!accepted)
        return -ENOMEM;
    for (;;) {
        peer.bytes = sizeof(peer.storage);
        fd = wf_source_accept(&socket->source, &peer.any, &peer.bytes);
        if (fd != -EAGAIN)
            break;
        fd = wf_socket_wait(&caller, socket, POLLER_READ);
        if (fd)
            break;
    }
    if (fd < 0) {
        weft_socket_close(accepted);
        return fd;
    }
    accepted->source.fd = fd;
    *ret_socket = accepted;
    if (ret_address)
        *ret_address = peer;
    return 0;
}
