/*
 * sock_connect_host.c - a socket of one's own is connected to a name.
 */
#include <errno.h>

#include <weft/dns.h>
#include <weft/socket.h>

int weft_sock_connect_host(weft_socket *socket, const char *host, const char *port)
{
    weft_addrinfo *infos;

    if (!socket || !host)
        return -EINVAL;
    int family = weft_socket_family(socket);
    if (family == AF_UNIX) /* SOCK-17 */
        return weft_fail(-EINVAL, "a Unix socket has no host");
    const weft_addrinfo_hints hints = {.family = family, .type = weft_socket_type(socket)};
    int count = weft_getaddrinfo(host, port, &hints, &infos);
    if (count < 0)
        return count;
    if (count == 0)
        return weft_fail(-EADDRNOTAVAIL, "host \"%s\": no addresses", host);
    /* As asyncio does: the first one, and no other. */
    weft_address address = infos[0].address;
    weft_addrinfo_free(infos);
    return weft_sock_connect(socket, &address);
}
