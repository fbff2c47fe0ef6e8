/*
 * server_listen.c - the sockets of a server over TCP: names are resolved, and every address is bound
 * once for each part.
 */
#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>

#include "api/server.h"
#include "runtime/base/sys.h"

/* All addresses that are wanted, each once (SRVR-07). */
struct addresses {
    weft_addrinfo *infos;
    int count, room;
};

static bool same_address(const weft_addrinfo *a, const weft_addrinfo *b)
{
    return a->family == b->family && a->type == b->type && a->proto == b->proto &&
           a->address.bytes == b->address.bytes &&
           !memcmp(&a->address.any, &b->address.any, a->address.bytes);
}

static bool is_known(const struct addresses *all, const weft_addrinfo *info)
{
    for (int i = 0; i < all->count; i++)
        if (same_address(&all->infos[i], info))
            return true;
    return false;
}

static int add_address(struct addresses *all, const weft_addrinfo *info)
{
    if (is_known(all, info))
        return 0;
    if (all->count == all->room) {
        int room = all->room ? 2 * all->room : 8;
        weft_addrinfo *infos = mem_resize(all->infos, (size_t)all->room * sizeof(*infos),
                                          (size_t)room * sizeof(*infos));
        if (!infos)
            return -ENOMEM;
        all->infos = infos;
        all->room = room;
    }
    all->infos[all->count] = *info;
    all->infos[all->count++].canonname = NULL;
    return 0;
}

/* The addresses of one host; NULL: all interfaces. */
static int resolve_host(struct addresses *all, const char *host, const char *port,
                        const weft_server_options *options)
{
    const weft_addrinfo_hints hints = {.family = options->family,
                                       .type = SOCK_STREAM,
                                       .flags = options->flags ? options->flags : AI_PASSIVE};
    weft_addrinfo *infos;
    int count = weft_getaddrinfo(host, port, &hints, &infos), rc = count < 0 ? count : 0;

    for (int i = 0; !rc && i < count; i++)
        rc = add_address(all, &infos[i]);
    if (count >= 0)
        weft_addrinfo_free(infos);
    return rc;
}

/* Of hosts with commas between them. */
static int resolve(struct addresses *all, const char *hosts, const char *port,
                   const weft_server_options *options)
{
    if (!hosts || !*hosts)
        return resolve_host(all, NULL, port, options);
    size_t bytes = strlen(hosts) + 1;
    char *copy = mem_alloc(bytes), *rest = copy, *host;
    int rc = copy ? 0 : -ENOMEM;
    if (copy)
        memcpy(copy, hosts, bytes);
    while (!rc && (host = strsep(&rest, ",")))
        rc = resolve_host(all, *host ? host : NULL, port, options);
    mem_free(copy, bytes);
    return rc;
}

static int set_option(int fd, int level, int option)
{
    int on = 1;
    return sys_setsockopt(fd, level, option, &on, sizeof(on));
}

static int share_port(int fd)
{
    int rc = set_option(fd, SOL_SOCKET, SO_REUSEPORT);
    return rc ? weft_fail(rc == -ENOPROTOOPT ? -EINVAL : rc, "the system has no SO_REUSEPORT") : 0;
}

/* What is set before the socket is bound (SRVR-14, SRVR-15, SRVR-18). */
static int set_options(int fd, const weft_addrinfo *info, const weft_server_options *options,
                       bool shared_port)
{
    int rc = 0;
    if (!options->no_reuse_address)
        rc = set_option(fd, SOL_SOCKET, SO_REUSEADDR);
    if (!rc && shared_port)
        rc = share_port(fd);
    if (!rc && options->keep_alive)
        rc = set_option(fd, SOL_SOCKET, SO_KEEPALIVE);
    if (!rc && info->family == AF_INET6)
        rc = set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY);
    return rc;
}

static int fail_bind(int code, const weft_address *address)
{
    char text[WEFT_ADDRESS_TEXT];
    return weft_fail(code, "error while attempting to bind on address %s: %s",
                     weft_address_text(address, text, sizeof(text)), weft_strerror(code));
}

/* The system has no such sockets: an address of that kind is left out. */
static bool is_unsupported(int code)
{
    return code == -EAFNOSUPPORT || code == -EPROTONOSUPPORT || code == -ESOCKTNOSUPPORT;
}

/*
 * Binds a socket whose port the server's other parts share. The first of them does so as if it were
 * alone: a port that somebody else has is an error, even if that one would share it. From then on it
 * shares the port; the system looks at what each socket says at that time.
 */
static int bind_socket(int fd, const weft_addrinfo *info, const weft_server_options *options,
                       bool several, bool first)
{
    bool alone = first && !options->reuse_port;
    int rc = set_options(fd, info, options, (several && !alone) || options->reuse_port);
    if (rc)
        return rc;
    rc = sys_bind(fd, &info->address.any, info->address.bytes);
    if (rc)
        return rc == -EADDRNOTAVAIL ? rc : fail_bind(rc, &info->address);
    return several && alone ? share_port(fd) : 0;
}

/* A listener of the part on an address, whose port is filled in when it was 0. 1; 0: the address
 * cannot be had on this machine (SRVR-17); or an error. */
static int bind_one(struct server_part *part, weft_addrinfo *info,
                    const weft_server_options *options)
{
    bool several = part->server->parts_count > 1;
    int fd = sys_socket(info->family, info->type, info->proto);
    if (fd < 0)
        return is_unsupported(fd) ? 0 : fd;
    bool first = part == &part->server->parts[0];
    int rc = bind_socket(fd, info, options, several, first);
    if (!rc && several && weft_address_port(&info->address) == 0) {
        info->address.bytes = sizeof(info->address.storage);
        rc = sys_getsockname(fd, &info->address.any, &info->address.bytes);
    }
    if (rc) {
        sys_close(fd);
        return rc == -EADDRNOTAVAIL ? 0 : rc;
    }
    struct listener *listener = &part->listeners[part->count++];
    wf_listener_init(listener, part, fd, info->family, info->proto);
    listener->own = several;
    listener->source.listens = true;
    /* What is accepted has it then (CONN-18). */
    listener->nodelay = info->proto == IPPROTO_TCP && !set_option(fd, IPPROTO_TCP, TCP_NODELAY);
    return 1;
}

/* Room for so many listeners in each part. */
static int make_room(struct weft_server *server, int count)
{
    for (int i = 0; i < server->parts_count; i++) {
        struct server_part *part = &server->parts[i];
        part->listeners = mem_alloc((size_t)count * sizeof(struct listener));
        if (!part->listeners)
            return -ENOMEM;
        part->room = count;
    }
    return 0;
}

static int bind_all(struct weft_server *server, struct addresses *all,
                    const weft_server_options *options)
{
    for (int i = 0; i < all->count; i++)
        for (int part = 0; part < server->parts_count; part++) {
            int rc = bind_one(&server->parts[part], &all->infos[i], options);
            if (rc < 0)
                return rc;
            if (rc == 0)
                break;
        }
    return server->parts[0].count ? 0 : -EADDRNOTAVAIL;
}

int wf_server_bind(struct weft_server *server, const char *host, const char *port,
                   const weft_server_options *options)
{
    struct addresses all = {0};
    int rc = resolve(&all, host, port, options);
    if (!rc)
        rc = make_room(server, all.count);
    if (!rc) {
        rc = bind_all(server, &all, options);
        if (rc == -EADDRNOTAVAIL)
            rc = weft_fail(rc, "could not bind on any address of %s", host && *host ? host : "*");
    }
    mem_free(all.infos, (size_t)all.room * sizeof(weft_addrinfo));
    return rc;
}

int wf_server_share(struct weft_server *server, int fd, int family, int proto,
                    const weft_server_options *options)
{
    int rc = make_room(server, 1);
    if (!rc && options->keep_alive)
        rc = set_option(fd, SOL_SOCKET, SO_KEEPALIVE);
    for (int i = 1; !rc && i < server->parts_count; i++) {
        int copy = sys_dup(fd);
        if (copy < 0)
            rc = copy;
        else
            wf_listener_init(&server->parts[i].listeners[server->parts[i].count++],
                             &server->parts[i], copy, family, proto);
    }
    if (rc)
        return rc;
    struct server_part *part = &server->parts[0];
    wf_listener_init(&part->listeners[part->count++], part, fd, family, proto);
    return 0;
}
