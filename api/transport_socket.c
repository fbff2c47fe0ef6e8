/*
 * transport_socket.c - the socket under a transport: questions and options, nothing else (TSOC-02).
 */
#include "api/transport_socket.h"

#include <errno.h>
#include <string.h>

#include "runtime/base/sys.h"

/* -1 of one that was closed, which the system calls bad. */
static int fd_of(const weft_transport_socket *socket)
{
    return socket->fd;
}

int weft_transport_socket_getsockname(const weft_transport_socket *socket,
                                      weft_address *ret_address)
{
    weft_address address = {.bytes = sizeof(address.storage)};
    if (!socket || !ret_address)
        return -EINVAL;
    int rc = sys_getsockname(fd_of(socket), &address.any, &address.bytes);
    if (!rc)
        *ret_address = address;
    return rc;
}

int weft_transport_socket_getpeername(const weft_transport_socket *socket,
                                      weft_address *ret_address)
{
    weft_address address = {.bytes = sizeof(address.storage)};
    if (!socket || !ret_address)
        return -EINVAL;
    int rc = sys_getpeername(fd_of(socket), &address.any, &address.bytes);
    if (!rc)
        *ret_address = address;
    return rc;
}

int weft_transport_socket_getsockopt(const weft_transport_socket *socket, int level, int option,
                                     void *value, socklen_t *bytes)
{
    return socket ? sys_getsockopt(fd_of(socket), level, option, value, bytes) : -EINVAL;
}

int weft_transport_socket_setsockopt(const weft_transport_socket *socket, int level, int option,
                                     const void *value, socklen_t bytes)
{
    return socket ? sys_setsockopt(fd_of(socket), level, option, value, bytes) : -EINVAL;
}

int weft_transport_socket_shutdown(const weft_transport_socket *socket, int how)
{
    return socket ? sys_shutdown(fd_of(socket), how) : -EINVAL;
}

int weft_transport_socket_dup(const weft_transport_socket *socket)
{
    return socket ? sys_dup(fd_of(socket)) : -EINVAL;
}

int weft_transport_socket_setblocking(const weft_transport_socket *socket, bool blocking)
{
    if (!socket)
        return -EINVAL;
    return blocking ? weft_fail(-EINVAL, "a transport needs its socket non-blocking") : 0;
}

int weft_transport_socket_settimeout(const weft_transport_socket *socket, double timeout)
{
    if (!socket)
        return -EINVAL;
    return timeout == 0 ? 0 : weft_fail(-EINVAL, "a transport needs its socket non-blocking");
}

double weft_transport_socket_gettimeout(const weft_transport_socket *socket)
{
    (void)socket;
    return 0;
}

void wf_socket_names_ask(struct socket_names *names, int fd, int type, const weft_address *peer)
{
    weft_address *own = &names->sockname;

    own->bytes = sizeof(own->storage);
    if (sys_getsockname(fd, &own->any, &own->bytes))
        own->bytes = 0;
    if (peer) {
        names->peername = *peer;
    } else {
        names->peername.bytes = sizeof(names->peername.storage);
        if (sys_getpeername(fd, &names->peername.any, &names->peername.bytes))
            names->peername.bytes = 0;
    }
    names->socket =
        (weft_transport_socket){fd, own->bytes ? own->any.sa_family : AF_UNSPEC, type, 0};
}

const void *wf_socket_names_get(const struct socket_names *names, const char *name)
{
    if (!strcmp(name, "peername"))
        return names->peername.bytes ? &names->peername : NULL;
    if (!strcmp(name, "sockname"))
        return names->sockname.bytes ? &names->sockname : NULL;
    return !strcmp(name, "socket") ? &names->socket : NULL;
}
