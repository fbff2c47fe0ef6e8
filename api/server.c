/*
 * server.c - servers: made, started, closed, and waited for.
 */
#include "api/server.h"

#include <errno.h>

#include "api/socket.h"
#include "api/ssl.h"
#include "runtime/base/sys.h"
#include "runtime/sched/future_ops.h"
#include "runtime/sched/runtime.h"

/* ---- References ---- */

weft_server *weft_server_ref(weft_server *server)
{
    if (server)
        atomic_fetch_add_explicit(&server->refs, 1, memory_order_relaxed); /* the caller has one */
    return server;
}

void wf_server_release(struct weft_server *server)
{
    /* Acquire and release: all uses come before the end. */
    if (atomic_fetch_sub_explicit(&server->refs, 1, memory_order_acq_rel) != 1)
        return;
    for (int i = 0; i < server->parts_count; i++) {
        struct server_part *part = &server->parts[i];
        mem_free(part->listeners, (size_t)part->room * sizeof(struct listener));
        scope_fini(&part->scope);
    }
    mem_free(server, server_bytes(server->parts_count));
}

void weft_server_unref(weft_server *server)
{
    if (server)
        wf_server_release(server);
}

void wf_server_part_over(struct weft_server *server)
{
    if (--server->parts_left == 0)
        (void)weft_event_set(&server->gone);
}

/* ---- Making ---- */

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

/* ---- Serving ---- */

static int listen_all(weft_server *server)
{
    for (int i = 0; i < server->parts_count; i++)
        for (int j = 0; j < server->parts[i].count; j++) {
            int rc = sys_listen(server->parts[i].listeners[j].socket.fd, server->backlog);
            if (rc)
                return weft_fail(rc, "cannot listen: %s", weft_strerror(rc));
        }
    return 0;
}

/* Begins to accept, unless it does so already. */
static int begin_serving(weft_server *server)
{
    if (server->serving)
        return 0;
    if (server->closed)
        return weft_fail(WEFT_ERUNTIME, "the server is closed");
    int rc = listen_all(server);
    if (rc)
        return rc;
    server->serving = true;
    for (int i = 0; i < server->parts_count; i++)
        wf_part_tell(&server->parts[i], PART_START);
    return 0;
}

/* A task of the server's own loop calls. */
static int check_task(const weft_server *server)
{
    if (!server)
        return -EINVAL;
    if (!task_current())
        return weft_fail(WEFT_ENOTASK, "only a task can wait for a server");
    return loop_current() == server->loop
               ? 0
               : weft_fail(WEFT_EWRONGTHREAD, "the server belongs to another loop");
}

int weft_server_start_serving(weft_server *server)
{
    int rc = check_task(server);
    if (!rc)
        rc = begin_serving(server);
    return rc ? rc : weft_yield(); /* so that it accepts when the call returns (SRVR-19) */
}

/* The wait was cancelled, or the server closed: the error goes on when all is over. */
static int end_serving(weft_server *server, int code)
{
    weft_error *error = weft_catch(code);

    weft_server_close(server);
    int rc = weft_server_wait_closed(server);
    if (rc) { /* it was cancelled again */
        weft_error_unref(error);
        return rc;
    }
    return error ? weft_raise(error) : code;
}

int weft_server_serve_forever(weft_server *server)
{
    int rc = check_task(server);
    if (rc)
        return rc;
    if (server->forever)
        return weft_fail(WEFT_ERUNTIME, "serve_forever() is already being awaited");
    if (server->closed)
        return weft_fail(WEFT_ERUNTIME, "the server is closed");
    rc = begin_serving(server);
    if (rc)
        return rc;
    weft_future *forever = weft_create_future();
    if (!forever)
        return -errno;
    weft_server_ref(server);
    server->forever = forever;
    rc = weft_await(forever, NULL);
    if (rc == WEFT_ECANCELLED)
        rc = end_serving(server, rc);
    server->forever = NULL;
    weft_unref(forever);
    weft_server_unref(server);
    return rc;
}

bool weft_server_is_serving(const weft_server *server)
{
    return server && server->serving;
}

/* Nobody can connect any more, before the other loop has closed the sockets. */
static void stop_listening(struct server_part *part)
{
    /* Relaxed: whoever sees the socket shut down has been in the kernel after this. */
    atomic_store_explicit(&part->shut, true, memory_order_relaxed);
    for (int i = 0; i < part->count; i++)
        if (part->listeners[i].own)
            (void)sys_shutdown(part->listeners[i].socket.fd, SHUT_RD);
}

void weft_server_close(weft_server *server)
{
    if (!server || server->closed || loop_is_elsewhere(server->loop))
        return;
    weft_server_ref(server);
    server->closed = true;
    server->serving = false;
    for (int i = 0; i < server->parts_count; i++) {
        if (server->parts[i].loop != server->loop)
            stop_listening(&server->parts[i]);
        wf_part_tell(&server->parts[i], PART_CLOSE);
    }
    if (server->forever)
        (void)weft_cancel(server->forever); /* SRVR-30 */
    weft_server_unref(server);
}

int weft_server_wait_closed(weft_server *server)
{
    int rc = check_task(server);
    if (rc || weft_event_is_set(&server->gone))
        return rc;
    weft_server_ref(server);
    rc = weft_event_wait(&server->gone);
    weft_server_unref(server);
    return rc;
}

int weft_server_exit(void *server, int code)
{
    weft_server_close(server);
    int rc = weft_server_wait_closed(server);
    return rc ? rc : code;
}

static void tell_all(weft_server *server, uint32_t command)
{
    if (!server || loop_is_elsewhere(server->loop) || loop_is_closed(server->loop))
        return;
    weft_server_ref(server);
    for (int i = 0; i < server->parts_count; i++)
        wf_part_tell(&server->parts[i], command);
    weft_server_unref(server);
}

void weft_server_close_clients(weft_server *server)
{
    tell_all(server, PART_CLOSE_CLIENTS);
}

void weft_server_abort_clients(weft_server *server)
{
    tell_all(server, PART_ABORT_CLIENTS);
}

int weft_server_sockets(const weft_server *server, weft_transport_socket *ret_sockets, int max)
{
    int count = 0;

    if (!server || (max > 0 && !ret_sockets))
        return -EINVAL;
    for (int i = 0; i < server->parts_count && !server->closed; i++)
        for (int j = 0; j < server->parts[i].count; j++, count++)
            if (count < max)
                ret_sockets[count] = server->parts[i].listeners[j].socket;
    return count;
}

weft_loop *weft_server_get_loop(const weft_server *server)
{
    return server ? server->loop : NULL;
}
