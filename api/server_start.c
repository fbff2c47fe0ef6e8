/*
 * server_start.c - a server is made: what was asked for is looked at, and its sockets are bound.
 */
#include <errno.h>

#include "api/server.h"
#include "api/socket.h"
#include "api/ssl.h"
#include "runtime/base/sys.h"
#include "runtime/sched/runtime.h"

/* Starts the loops of the runtime that have not been needed yet. */
static int start_loops(struct runtime *runtime)
{
    for (unsigned i = 1; i < runtime->loops_max; i++) {
        if (!atomic_load_explicit(&runtime->loops[i], memory_order_acquire) && runtime->start_loop)
            runtime->start_loop(runtime, i);
        if (!atomic_load_explicit(&runtime->loops[i], memory_order_acquire))
            return weft_fail(-EAGAIN, "loop %u of the runtime cannot be started", i);
    }
    return 0;
}

static void init_parts(struct weft_server *server, struct weft_loop *loop)
{
    int made = 0;

    wf_part_init(&server->parts[made++], server, loop);
    for (unsigned i = 0; made < server->parts_count; i++) {
        struct weft_loop *other =
            atomic_load_explicit(&loop->runtime->loops[i], memory_order_acquire);
        if (other != loop)
            wf_part_init(&server->parts[made++], server, other);
    }
    server->parts_left = made;
}

static int check_options(const weft_server_options *o)
{
    if (o->loops != 0 && o->loops != WEFT_ALL_LOOPS)
        return weft_fail(-EINVAL, "a server is for one loop (0) or all (WEFT_ALL_LOOPS)");
    if (o->backlog < 0)
        return weft_fail(-EINVAL, "the backlog is negative");
    if (!o->ssl && (o->ssl_handshake_timeout != 0 || o->ssl_shutdown_timeout != 0))
        return weft_fail(-EINVAL, "the time-outs of TLS are only meaningful with ssl");
    if (!(o->ssl_handshake_timeout >= 0) || !(o->ssl_shutdown_timeout >= 0))
        return weft_fail(-EINVAL, "a time-out of TLS is not positive");
    return 0;
}

/* A server without a socket. */
static int make_server(weft_client_connected client_connected, void *arg,
                       const weft_server_options *o, weft_server **ret_server)
{
    struct weft_loop *loop = loop_current();
    int parts = 1, rc = check_options(o);

    if (rc)
        return rc;
    if (o->loops == WEFT_ALL_LOOPS && loop->runtime) {
        rc = start_loops(loop->runtime);
        if (rc)
            return rc;
        parts = (int)loop->runtime->loops_max;
    }
    struct weft_server *server = mem_zalloc(server_bytes(parts));
    if (!server)
        return -ENOMEM;
    server->loop = loop;
    server->parts_count = parts;
    atomic_init(&server->refs, 1 + (uint32_t)parts);
    server->handler = (struct stream_handler){client_connected, arg, o->stack_size, o->plain};
    server->limit = o->limit ? o->limit : WEFT_STREAM_LIMIT;
    server->backlog = o->backlog ? o->backlog : SERVER_BACKLOG;
    server->ssl = o->ssl;
    server->handshake_timeout =
        o->ssl_handshake_timeout > 0 ? o->ssl_handshake_timeout : SSL_HANDSHAKE_TIMEOUT;
    server->shutdown_timeout =
        o->ssl_shutdown_timeout > 0 ? o->ssl_shutdown_timeout : SSL_SHUTDOWN_TIMEOUT;
    init_parts(server, loop);
    *ret_server = server;
    return 0;
}

/* Its sockets were made (rc: 0), or could not be. */
static int finish_server(weft_server *server, int rc, const weft_server_options *o,
                         weft_server **ret_server)
{
    if (!rc && !o->no_start_serving)
        rc = weft_server_start_serving(server);
    if (!rc) {
        *ret_server = server;
        return 0;
    }
    weft_server_close(server);
    weft_server_unref(server);
    return rc;
}

/* What a socket of the caller's must be; its descriptor is taken over when the call succeeds. */
static int check_sock(const weft_socket *sock, bool is_unix)
{
    if (sock->type != SOCK_STREAM)
        return weft_fail(-EINVAL, "a stream socket was expected");
    if (is_unix && sock->family != AF_UNIX)
        return weft_fail(-EINVAL, "a Unix stream socket was expected");
    return 0;
}

static void note_paths(weft_server *server, const weft_server_options *o)
{
    if (!o->keep_socket && server->parts[0].listeners[0].socket.family == AF_UNIX)
        wf_listener_note_path(&server->parts[0].listeners[0]);
}

/* A server on the caller's socket. */
static int serve_sock(weft_client_connected client_connected, void *arg,
                      const weft_server_options *o, weft_server **ret_server)
{
    weft_server *server;
    int rc = make_server(client_connected, arg, o, &server);
    if (rc)
        return rc;
    int family = o->sock->family;
    int fd = sys_dup(o->sock->source.fd);
    if (fd < 0)
        return finish_server(server, fd, o, ret_server);
    int proto = family == AF_INET || family == AF_INET6 ? IPPROTO_TCP : 0;
    rc = wf_server_share(server, fd, family, proto, o);
    if (rc)
        sys_close(fd);
    else
        note_paths(server, o);
    rc = finish_server(server, rc, o, ret_server);
    if (!rc)
        weft_socket_close(o->sock);
    return rc;
}

static int check_caller(weft_client_connected client_connected, weft_server **ret_server)
{
    if (!client_connected || !ret_server)
        return -EINVAL;
    return task_current() ? 0 : weft_fail(WEFT_ENOTASK, "only a task can start a server");
}

static const weft_server_options no_options;

int weft_start_server(weft_client_connected client_connected, void *arg, const char *host,
                      const char *port, const weft_server_options *options,
                      weft_server **ret_server)
{
    const weft_server_options *o = options ? options : &no_options;
    int rc = check_caller(client_connected, ret_server);

    if (rc)
        return rc;
    if (o->sock) {
        if (host || port)
            return weft_fail(-EINVAL, "host and port cannot be given together with sock");
        rc = check_sock(o->sock, false);
        return rc ? rc : serve_sock(client_connected, arg, o, ret_server);
    }
    if (!host && !port)
        return weft_fail(-EINVAL, "neither host and port nor sock were given");
    weft_server *server;
    rc = make_server(client_connected, arg, o, &server);
    if (rc)
        return rc;
    return finish_server(server, wf_server_bind(server, host, port, o), o, ret_server);
}

static int serve_unix(weft_client_connected client_connected, void *arg,
                      const weft_address *address, const weft_server_options *o,
                      weft_server **ret_server)
{
    weft_server *server;
    int rc = make_server(client_connected, arg, o, &server);
    if (rc)
        return rc;
    int fd = wf_server_bind_unix(server->loop, address);
    rc = fd < 0 ? fd : wf_server_share(server, fd, AF_UNIX, 0, o);
    if (!rc)
        note_paths(server, o);
    else if (fd >= 0)
        sys_close(fd);
    return finish_server(server, rc, o, ret_server);
}

int weft_start_unix_server(weft_client_connected client_connected, void *arg, const char *path,
                           const weft_server_options *options, weft_server **ret_server)
{
    const weft_server_options *o = options ? options : &no_options;
    int rc = check_caller(client_connected, ret_server);

    if (rc)
        return rc;
    if (o->sock) {
        if (path)
            return weft_fail(-EINVAL, "path and sock cannot be given together");
        rc = check_sock(o->sock, true);
        return rc ? rc : serve_sock(client_connected, arg, o, ret_server);
    }
    if (!path)
        return weft_fail(-EINVAL, "neither path nor sock were given");
    weft_address address;
    rc = weft_address_unix(path, strlen(path), &address);
    return rc ? rc : serve_unix(client_connected, arg, &address, o, ret_server);
}

int weft_start_unix_server_at(weft_client_connected client_connected, void *arg,
                              const weft_address *address, const weft_server_options *options,
                              weft_server **ret_server)
{
    const weft_server_options *o = options ? options : &no_options;
    int rc = check_caller(client_connected, ret_server);

    if (rc)
        return rc;
    if (!address || address->any.sa_family != AF_UNIX)
        return weft_fail(-EINVAL, "a Unix address was expected");
    if (o->sock)
        return weft_fail(-EINVAL, "an address and sock cannot be given together");
    return serve_unix(client_connected, arg, address, o, ret_server);
}
