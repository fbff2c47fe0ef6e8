/*
 * server_part.c - a server's part on one loop: accepts connections, and counts them.
 *
 * A listener is in at most one place (`pending`): it waits for the poller, for its timer, or its turn
 * in the queue, or has its turn. So many connections as the backlog allows are accepted in a turn (SRVR-12).
 */
#include <errno.h>

#include "api/server.h"
#include "api/ssl.h"
#include "runtime/base/sys.h"
#include "runtime/sched/current_scope.h"
#include "runtime/sched/future_ops.h"
#include "runtime/sched/report.h"
#include "runtime/task/error_slot.h"

static void report(struct listener *listener, const char *message, int code)
{
    weft_error *error = wf_error_slot_take(wf_error_slot(), code);
    wf_report(listener->part->loop, message, code, error, NULL, NULL);
    weft_error_unref(error);
}

/* ---- A connection ---- */

/* In debug mode it is reported that a connection could not be set up (DBG-12). error: borrowed. */
static void report_setup(struct weft_loop *loop, int code, weft_error *error)
{
    if (loop_is_debug(loop))
        wf_report(loop, "a connection could not be set up", code, error, NULL, NULL);
}

static void drop_connection(struct listener *listener, int fd, weft_protocol *protocol, int code)
{
    weft_error *error = wf_error_slot_take(wf_error_slot(), code);

    report_setup(listener->part->loop, code, error);
    weft_error_unref(error);
    if (protocol)
        wf_stream_protocol_give_up(protocol);
    if (fd >= 0)
        sys_close(fd);
}

/* The handshake of a connection is over: either its protocol has been told, or nobody wants it
 * (SRVR-44). */
static void connection_shaken(void *arg, int code, weft_error *error)
{
    if (!code || code == WEFT_ELOOPCLOSED) /* then its dropped() is called */
        return;
    report_setup(loop_current(), code, error);
    wf_stream_protocol_give_up(arg);
}

/* Puts TLS on a new transport; its reference is the call's. */
static void begin_tls(struct listener *listener, weft_transport *lower, weft_protocol *protocol)
{
    const struct weft_server *server = listener->part->server;
    const struct ssl_wrap wrap = {.server_side = true,
                                  .connection_made = true,
                                  .handshake_timeout = server->handshake_timeout,
                                  .shutdown_timeout = server->shutdown_timeout,
                                  .shaken = connection_shaken,
                                  .arg = protocol};
    weft_transport *upper = server->ssl->ops->wrap(server->ssl, lower, protocol, &wrap);

    if (upper) {
        wf_socket_transport_set_upper(lower, upper);
        wf_transport_release(upper); /* the handshake keeps it */
        weft_transport_unref(lower);
        return;
    }
    /* The protocol has been told of nothing: the transport ends without it. */
    static const weft_protocol_ops nothing;
    static weft_protocol nobody = {&nothing};
    int code = errno > 0 ? -errno : errno;
    (void)weft_transport_set_protocol(lower, &nobody);
    drop_connection(listener, -1, protocol, code);
    weft_transport_abort(lower);
    weft_transport_unref(lower);
}

static void take_connection(struct listener *listener, int fd, const weft_address *peer)
{
    struct server_part *part = listener->part;
    const struct weft_server *server = part->server;
    const struct socket_transport_options options = {.peer = peer->bytes ? peer : NULL,
                                                     .proto = listener->socket.proto,
                                                     .nodelay_set = listener->nodelay,
                                                     .group = &part->group};
    weft_protocol *protocol = wf_stream_protocol_new(part->loop, server->limit, &server->handler);

    if (!protocol) {
        drop_connection(listener, fd, NULL, -ENOMEM);
        return;
    }
    weft_transport *transport = wf_socket_transport_new(part->loop, fd, protocol, &options);
    if (!transport)
        drop_connection(listener, fd, protocol, -ENOMEM);
    else if (server->ssl)
        begin_tls(listener, transport, protocol);
    else
        weft_transport_unref(transport); /* the stream has its own from connection_made on */
}

/* ---- Accepting ---- */

/* The part's memory is still needed while a listener is in a queue (V2). */
static void part_look(struct server_part *part);

/* Whoever was told why may have closed the server. */
static void pause_accepting(struct listener *listener)
{
    if (listener->part->closed) {
        listener->pending = false;
        return;
    }
    listener->pending = true;
    loop_arm(listener->part->loop, &listener->retry.timer, clock_ns(SERVER_RETRY_DELAY));
}

static void await_connections(struct listener *listener)
{
    struct server_part *part = listener->part;
    int rc = wf_source_watch(&listener->source, &part->loop->poller, POLLER_READ, &listener->wait);

    listener->pending = true; /* also while it is reported: the part is not over */
    if (likely(!rc))
        return;
    report(listener, "a listening socket could not be watched", rc);
    pause_accepting(listener);
}

/* Whether accept() failed for what happened to one connection: the next one may be there (SRVR-35). */
static bool is_of_the_connection(int code)
{
    switch (-code) {
    case ECONNABORTED:
    case EPROTO:
    case EPERM: /* a firewall's rule */
    case ETIMEDOUT:
    case EHOSTDOWN:
    case EHOSTUNREACH:
    case ENETDOWN:
    case ENETUNREACH:
        return true;
    default:
        return false;
    }
}

/* False: nothing more can be accepted for now, and the listener waits. */
static bool accept_one(struct listener *listener)
{
    weft_address peer = {.bytes = sizeof(peer.storage)};
    int fd = wf_source_accept(&listener->source, &peer.any, &peer.bytes);

    if (likely(fd >= 0)) {
        take_connection(listener, fd, &peer);
        return true;
    }
    if (fd == -EAGAIN) {
        await_connections(listener);
        return false;
    }
    if (is_of_the_connection(fd))
        return true;
    /* Relaxed: the command is taken from the mail. A socket that was shut down before gives errors. */
    if (!atomic_load_explicit(&listener->part->shut, memory_order_relaxed))
        report(listener,
               fd == -EMFILE || fd == -ENFILE || fd == -ENOBUFS || fd == -ENOMEM
                   ? "out of resources for a connection: none is accepted for a second"
                   : "a connection could not be accepted: none is for a second",
               fd);
    pause_accepting(listener);
    return false;
}

static void accept_run(struct runnable *r, struct weft_loop *loop)
{
    struct listener *listener = container_of(r, struct listener, retry.fire);
    struct server_part *part = listener->part;

    if (unlikely(!loop) || unlikely(part->closed)) {
        listener->pending = false;
        part_look(part);
        return;
    }
    /* It stays pending: what is reported may make the program close the server. */
    (void)scope_begin(&wf_scope_thread, &part->scope);
    int left = part->server->backlog;
    while (accept_one(listener)) {
        if (--left > 0 && !part->closed)
            continue;
        if (!part->closed)
            ready_push(loop, r);
        break;
    }
    scope_end(&wf_scope_thread, &part->scope);
    if (unlikely(part->closed)) {
        listener->pending = false;
        part_look(part);
    }
}

static void listener_close(struct listener *listener)
{
    if (listener->pending && (wf_source_unwatch(&listener->source, POLLER_READ, &listener->wait) ||
                              timer_is_armed(&listener->retry.timer))) {
        wheel_cancel(&listener->part->loop->wheel, &listener->retry.timer);
        listener->pending = false;
    }
    wf_listener_remove_path(listener);
    wf_source_close(&listener->source);
}

/* ---- The part ---- */

static bool part_is_queued(const struct server_part *part)
{
    for (int i = 0; i < part->count; i++)
        if (part->listeners[i].pending)
            return true;
    return false;
}

static void ended_run(struct runnable *r, struct weft_loop *loop)
{
    struct weft_server *server = container_of(r, struct server_part, ended)->server;

    if (loop)
        wf_server_part_over(server);
    wf_server_release(server);
}

/* Looks whether the part is over (V2). */
static void part_look(struct server_part *part)
{
    struct weft_server *server = part->server;

    if (part->over || !part->closed || part->group.count || part_is_queued(part))
        return;
    part->over = true;
    resident_remove(part->loop, &part->resident);
    if (part->loop == loop_current() && part->loop == server->loop) {
        wf_server_part_over(server);
        wf_server_release(server);
    } else if (!wf_loop_post(server->loop, &part->ended)) {
        ended_run(&part->ended, NULL);
    }
}

static void group_left(struct socket_group *group)
{
    part_look(container_of(group, struct server_part, group));
}

static void part_close_listeners(struct server_part *part)
{
    if (part->closed)
        return;
    part->closed = true;
    for (int i = 0; i < part->count; i++)
        listener_close(&part->listeners[i]);
}

/* The server's own loop is closed: nobody will tell the parts that have been told nothing yet. */
static void close_parts_untold(struct weft_server *server)
{
    server->closed = true;
    server->serving = false;
    for (int i = 0; i < server->parts_count; i++) {
        struct server_part *part = &server->parts[i];
        if (part->loop == server->loop || part->told)
            continue;
        part_close_listeners(part);
        part_look(part);
    }
}

/* The loop is closed. What was queued is dropped, what the poller and the wheel had is forgotten. */
static void part_gone(struct resident *resident, struct weft_loop *loop)
{
    struct server_part *part = container_of(resident, struct server_part, resident);

    if (loop == part->server->loop)
        close_parts_untold(part->server);
    for (int i = 0; i < part->count; i++)
        part->listeners[i].pending = false;
    part_close_listeners(part);
    wf_socket_group_disband(&part->group);
    part_look(part);
}

/* On the part's loop: from now on it ends with that. */
static void part_enter(struct server_part *part)
{
    if (part->present)
        return;
    part->present = true;
    resident_add(part->loop, &part->resident, part_gone);
}

static void part_start(struct server_part *part)
{
    for (int i = 0; i < part->count; i++)
        if (!part->listeners[i].pending)
            await_connections(&part->listeners[i]);
}

/* On the part's loop; or on the server's, to close a part that its own has never heard of. */
static void part_obey(struct server_part *part, uint32_t commands)
{
    if (part->over)
        return;
    if (!part->closed && part->loop == loop_current())
        part_enter(part);
    if (commands & PART_START && !part->closed)
        part_start(part);
    if (commands & PART_CLOSE)
        part_close_listeners(part);
    if (commands & PART_CLOSE_CLIENTS)
        wf_socket_group_close(&part->group);
    if (commands & PART_ABORT_CLIENTS)
        wf_socket_group_abort(&part->group);
    part_look(part);
}

static void command_run(struct runnable *r, struct weft_loop *loop)
{
    struct server_part *part = container_of(r, struct server_part, command);
    struct weft_server *server = part->server;
    /* Acquire, with the release in wf_part_tell(): the listeners are seen. Release, with the acquire
     * there: the mail's link is the teller's again. */
    uint32_t commands = atomic_exchange_explicit(&part->wanted, 0, memory_order_acq_rel);

    if (loop) {
        part_obey(part, commands);
    } else if (!part->present) { /* its loop was closed before it got there */
        part_close_listeners(part);
        part_look(part);
    }
    wf_server_release(server); /* the mail's */
}

void wf_part_init(struct server_part *part, struct weft_server *server, struct weft_loop *loop)
{
    *part = (struct server_part){.server = server, .loop = loop};
    part->group.left = group_left;
    part->command.run = command_run;
    part->ended.run = ended_run;
    atomic_init(&part->wanted, 0);
    scope_init(&part->scope, NULL, scope_current());
    if (loop == server->loop)
        part_enter(part);
}

void wf_listener_init(struct listener *listener, struct server_part *part, int fd, int family,
                      int proto)
{
    *listener = (struct listener){.part = part, .socket = {fd, family, SOCK_STREAM, proto}};
    wf_source_init(&listener->source, fd, true, false);
    listener->wait.ready = &listener->retry.fire;
    listener->retry.fire.run = accept_run;
}

void wf_part_tell(struct server_part *part, uint32_t command)
{
    struct weft_server *server = part->server;

    /* A part that its loop has never heard of is still ours. */
    if (part->loop == server->loop || (!part->told && command == PART_CLOSE)) {
        part_obey(part, command);
        return;
    }
    part->told = true;
    /* Release and acquire, with those in command_run(). */
    uint32_t before =
        atomic_fetch_or_explicit(&part->wanted, command | PART_MAILED, memory_order_acq_rel);
    if (before & PART_MAILED)
        return;
    atomic_fetch_add_explicit(&server->refs, 1, memory_order_relaxed); /* the caller has one */
    if (!wf_loop_post(part->loop, &part->command))
        command_run(&part->command, NULL); /* nobody runs that loop any more */
}
