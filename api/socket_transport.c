/*
 * socket_transport.c - a connected stream socket that calls a protocol (see socket_transport.h).
 */
#include "api/socket_transport.h"

#include <errno.h>
#include <netinet/tcp.h>

#include "api/socket_state.h"
#include "runtime/base/sys.h"

/* The peer has ended its side (TRAN-09). */
static void socket_ended(struct byte_transport *b)
{
    weft_protocol *protocol = b->fd.base.protocol;
    int keep = protocol->ops->eof_received ? protocol->ops->eof_received(protocol) : 0;

    if (unlikely(keep < 0))
        wf_transport_protocol_failed(&b->fd.base, keep, "eof_received");
    else if (!keep)
        weft_transport_close(&b->fd.base);
}

static void socket_failed(struct byte_transport *b, enum poller_side side, int code)
{
    wf_transport_fatal(&b->fd.base, code, side == POLLER_READ ? "reading from" : "writing to");
}

static void shut_write_side(struct byte_transport *b)
{
    int rc = sys_shutdown(b->fd.source.fd, SHUT_WR);
    /* Not connected any more: the reading side will say why. */
    if (rc && rc != -ENOTCONN)
        wf_transport_fatal(&b->fd.base, rc, "ending the stream of");
}

static void socket_drained(struct byte_transport *b)
{
    wf_transport_wake_sendfile(&b->fd.base);
    if (b->fd.base.closing)
        wf_fd_lose(&b->fd, 0, NULL);
    else if (b->fd.base.eof)
        shut_write_side(b);
}

static const struct byte_events socket_events = {socket_ended, socket_failed, socket_drained};

static void socket_closed(struct fd_transport *t)
{
    struct socket_transport *s = container_of(t, struct socket_transport, bytes.fd);
    struct socket_group *group = s->group;

    s->names.socket.fd = -1;
    wf_socket_group_leave(s);
    if (group && !t->gone) /* else whoever looks after it goes with the loop as well */
        group->left(group);
}

static const struct fd_kind socket_kind = {
    .ready = {wf_bytes_read_ready, wf_bytes_write_ready},
    .reads = true,
    .drop = wf_bytes_drop,
    .closed = socket_closed,
};

static int socket_write_eof(weft_transport *transport)
{
    if (!wf_bytes_buffered(transport))
        shut_write_side(bytes_of(transport));
    return 0;
}

static const void *socket_extra_info(const weft_transport *transport, const char *name)
{
    return wf_socket_names_get(&socket_of(transport)->names, name);
}

static void socket_free(weft_transport *transport)
{
    mem_free(transport, sizeof(struct socket_transport));
}

static const struct transport_ops socket_ops = {
    .write = wf_bytes_write,
    .write_eof = socket_write_eof,
    .close = wf_fd_close,
    .force_close = wf_fd_force_close,
    .pause_reading = wf_fd_pause_reading,
    .resume_reading = wf_fd_resume_reading,
    .buffered = wf_bytes_buffered,
    .extra_info = socket_extra_info,
    .sendfile = wf_socket_sendfile,
    .free = socket_free,
    .what = "socket",
};

/* What the system says of the socket, and what it is told. */
static void set_up(struct socket_transport *s, int fd,
                   const struct socket_transport_options *options)
{
    wf_socket_names_ask(&s->names, fd, SOCK_STREAM, options->peer);
    int family = s->names.socket.family;
    bool internet = family == AF_INET || family == AF_INET6;
    int proto = options->proto ? options->proto : internet ? IPPROTO_TCP : 0;
    s->names.socket.proto = proto;
    s->bytes.fd.source.tcp = internet;
    if (internet && proto == IPPROTO_TCP && !options->nodelay_set) {
        /* CONN-18. Without it the connection works too. */
        int on = 1;
        (void)sys_setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    }
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
    memset(s, 0, offsetof(struct socket_transport, names));
    struct fd_transport *t = &s->bytes.fd;
    wf_fd_init(t, &socket_ops, &socket_kind, loop, protocol);
    s->bytes.events = &socket_events;
    wf_source_init(&t->source, fd, true, false);
    t->source.stream = true;
    if (options->source)
        wf_source_move(options->source, &t->source);
    set_up(s, fd, options);
    wf_socket_group_join(options->group, s);
    wf_fd_begin(t, options->waiter);
    return &t->base;
}
