/*
 * socket_transport.c - the life of a socket transport (see socket_transport.h and socket_state.h).
 */
#include "api/socket_transport.h"

#include <errno.h>
#include <netinet/tcp.h>

#include "api/socket_state.h"
#include "runtime/base/sys.h"
#include "runtime/sched/future_ops.h"

/* Queues the step, unless it is queued. */
static void step_soon(struct socket_transport *s)
{
    if (s->step_pending)
        return;
    s->step_pending = true;
    ready_push(s->base.loop, &s->step);
}

/* The loop's reference goes, unless something of the transport is in a queue (T1). */
void wf_socket_settle(struct socket_transport *s)
{
    if (s->base.lost && !s->read_pending && !s->write_pending && !s->step_pending)
        wf_transport_release(&s->base);
}

/* connection_lost is to be called (T4). */
void wf_socket_lose(struct socket_transport *s, int code, weft_error *error)
{
    s->losing = true;
    s->base.closing = true;
    wf_socket_stop_reading(s);
    wf_socket_stop_writing(s);
    write_buffer_clear(&s->buffer);
    s->lost_code = code;
    s->lost_error = weft_error_ref(error);
    wf_transport_wake_sendfile(&s->base);
    step_soon(s);
}

static void socket_force_close(weft_transport *transport, int code, weft_error *error)
{
    struct socket_transport *s = socket_of(transport);

    if (!s->losing && !s->base.lost)
        wf_socket_lose(s, code, error);
}

static void socket_close(weft_transport *transport)
{
    struct socket_transport *s = socket_of(transport);

    s->base.closing = true;
    wf_socket_stop_reading(s);
    if (!write_buffer_size(&s->buffer))
        wf_socket_lose(s, 0, NULL);
}

static const void *socket_extra_info(const weft_transport *transport, const char *name)
{
    const struct socket_transport *s = socket_of(transport);

    if (!strcmp(name, "peername"))
        return s->peername.bytes ? &s->peername : NULL;
    if (!strcmp(name, "sockname"))
        return s->sockname.bytes ? &s->sockname : NULL;
    return !strcmp(name, "socket") ? &s->socket : NULL;
}

static void socket_free(weft_transport *transport)
{
    mem_free(transport, sizeof(struct socket_transport));
}

static const struct transport_ops socket_ops = {
    .write = wf_socket_write,
    .write_eof = wf_socket_write_eof,
    .close = socket_close,
    .force_close = socket_force_close,
    .pause_reading = wf_socket_pause_reading,
    .resume_reading = wf_socket_resume_reading,
    .buffered = wf_socket_buffered,
    .extra_info = socket_extra_info,
    .sendfile = wf_socket_sendfile,
    .free = socket_free,
    .what = "socket",
};

/* The first step: connection_made, then reading (TRAN-05). */
static void step_made(struct socket_transport *s)
{
    weft_future *waiter = s->waiter;

    s->made = true;
    wf_transport_made(&s->base);
    if (wants_to_read(s))
        wf_socket_watch_read(s);
    s->waiter = NULL;
    if (waiter) {
        (void)wf_future_succeed(waiter, NULL);
        weft_unref(waiter);
    }
    if (s->losing)
        step_soon(s);
    weft_transport_unref(&s->base); /* from here on it is for the program to keep it */
}

static void close_socket(struct socket_transport *s)
{
    wf_source_close(&s->source);
    s->socket.fd = -1;
    write_buffer_clear(&s->buffer);
    weft_error_unref(s->lost_error);
    s->lost_error = NULL;
    weft_unref(s->waiter);
    s->waiter = NULL;
}

/* The last one: connection_lost. */
static void step_lost(struct socket_transport *s)
{
    struct socket_group *group = s->group;

    resident_remove(s->base.loop, &s->resident);
    wf_transport_lost(&s->base, s->lost_code, s->lost_error);
    close_socket(s);
    wf_socket_group_leave(s);
    if (group)
        group->left(group);
    wf_socket_settle(s);
}

static void step_run(struct runnable *r, struct weft_loop *loop)
{
    struct socket_transport *s = container_of(r, struct socket_transport, step);

    s->step_pending = false;
    if (unlikely(!loop)) {
        if (s->gone)
            wf_socket_settle(s);
    } else if (!s->made) {
        step_made(s);
    } else {
        step_lost(s);
    }
}

/* The loop is closed: nobody is called but who frees the protocol. */
static void socket_gone(struct resident *resident, struct weft_loop *loop)
{
    struct socket_transport *s = container_of(resident, struct socket_transport, resident);

    (void)loop;
    s->gone = true;
    s->losing = true;
    close_socket(s);
    wf_socket_group_leave(s);
    /* Neither is in a queue: those were dropped, and the poller has told nobody of the others. */
    s->read_pending = s->write_pending = false;
    if (!s->made)
        s->base.refs--; /* the one of step_made(): not the last, the loop has one */
    wf_transport_dropped(&s->base);
    wf_socket_settle(s);
}

weft_transport *wf_socket_transport_new(struct weft_loop *loop, int fd, weft_protocol *protocol,
                                        const struct socket_transport_options *options)
{
    static const struct socket_transport_options none;
    struct socket_transport *s = mem_alloc(sizeof(*s));

    if (!s) {
        errno = ENOMEM;
        return NULL;
    }
    if (!options)
        options = &none;
    memset(s, 0, offsetof(struct socket_transport, sockname));
    wf_transport_init(&s->base, &socket_ops, loop, protocol);
    wf_source_init(&s->source, fd, true, false);
    s->source.stream = true;
    if (options->source)
        wf_source_move(options->source, &s->source);
    s->read_wait.ready = &s->read_ready;
    s->write_wait.ready = &s->write_ready;
    s->read_ready.run = wf_socket_read_run;
    s->write_ready.run = wf_socket_write_run;
    s->step.run = step_run;
    s->waiter = weft_ref(options->waiter);
    s->sockname.bytes = sizeof(s->sockname.storage);
    if (sys_getsockname(fd, &s->sockname.any, &s->sockname.bytes))
        s->sockname.bytes = 0;
    if (options->peer) {
        s->peername = *options->peer;
    } else {
        s->peername.bytes = sizeof(s->peername.storage);
        if (sys_getpeername(fd, &s->peername.any, &s->peername.bytes))
            s->peername.bytes = 0;
    }
    int family = s->sockname.bytes ? s->sockname.any.sa_family : AF_UNSPEC;
    s->source.tcp = family == AF_INET || family == AF_INET6;
    bool internet = family == AF_INET || family == AF_INET6;
    int proto = options->proto ? options->proto : internet ? IPPROTO_TCP : 0;
    s->socket = (weft_transport_socket){fd, family, SOCK_STREAM, proto};
    if (internet && proto == IPPROTO_TCP && !options->nodelay_set) {
        /* CONN-18. Without it the connection works too. */
        int on = 1;
        (void)sys_setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    }
    resident_add(loop, &s->resident, socket_gone);
    wf_socket_group_join(options->group, s);
    transport_ref(&s->base); /* until step_made() is over */
    step_soon(s);
    return &s->base;
}
