/*
 * socket_transport.c - a connected stream socket that calls a protocol (see socket_transport.h).
 *
 *     new --step--> connection_made, reads and writes --close, error--> losing --step--> lost
 *
 * T1  Three runnables are embedded: one for each side of the socket, and `step`, which calls
 *     connection_made and connection_lost. A flag says of each whether it is queued, or watched for
 *     by the poller (`*_pending`). The transport is not freed while one is.
 * T2  Reading: at most READS_MAX calls in a turn; the rest in the next one. A paused or closing
 *     transport is not read.
 * T3  Writing goes to the system at once while the buffer is empty; what it does not take is copied
 *     to the buffer, and the write side is watched until that is empty.
 * T4  Once `losing`, nothing is read, written or buffered any more: only connection_lost is to come.
 * T5  The descriptor is closed after connection_lost.
 */
#include "api/socket_transport.h"

#include <errno.h>
#include <limits.h>
#include <netinet/tcp.h>

#include "api/write_buffer.h"
#include "runtime/base/sys.h"
#include "runtime/io/source.h"
#include "runtime/sched/future_ops.h"
#include "runtime/sched/resident.h"

#define READS_MAX     4
#define SENDFILE_MOST ((size_t)4 * 1024 * 1024) /* in one call: then others have a turn */
#define READ_BYTES    ((size_t)64 * 1024)

struct socket_transport {
    struct weft_transport base;
    struct source source;
    struct source_wait read_wait, write_wait;
    struct runnable read_ready, write_ready;
    bool read_pending, write_pending; /* T1 */
    bool at_end;                      /* the peer has ended the stream */
    bool made;                        /* connection_made was called */
    bool losing;                      /* T4 */
    bool step_pending;                /* T1 */
    bool gone;                        /* the loop was closed; what is queued frees it */
    struct write_buffer buffer;
    struct runnable step;
    int lost_code;          /* for connection_lost */
    weft_error *lost_error; /* owned, may be NULL */
    weft_future *waiter;    /* of connection_made; owned, may be NULL */
    struct resident resident;
    struct socket_group *group;
    struct socket_transport *prev, *next; /* in the group */
    weft_transport *upper;                /* that is closed in its place; borrowed; or NULL */
    weft_transport_socket socket;         /* for the user */
    weft_address sockname, peername;
};

static inline struct socket_transport *socket_of(const weft_transport *transport)
{
    return (struct socket_transport *)(uintptr_t)transport;
}

static void group_join(struct socket_group *group, struct socket_transport *s)
{
    s->group = group;
    if (!group)
        return;
    s->next = group->first;
    if (s->next)
        s->next->prev = s;
    group->first = s;
    group->count++;
}

static void group_leave(struct socket_transport *s)
{
    struct socket_group *group = s->group;

    if (!group)
        return;
    *(s->prev ? &s->prev->next : &group->first) = s->next;
    if (s->next)
        s->next->prev = s->prev;
    s->prev = s->next = NULL;
    s->group = NULL;
    group->count--;
}

/* Queues the step, unless it is queued. */
static void step_soon(struct socket_transport *s)
{
    if (s->step_pending)
        return;
    s->step_pending = true;
    ready_push(s->base.loop, &s->step);
}

/* The loop's reference goes, unless something of the transport is in a queue (T1). */
static void settle(struct socket_transport *s)
{
    if (s->base.lost && !s->read_pending && !s->write_pending && !s->step_pending)
        wf_transport_release(&s->base);
}

static void stop_reading(struct socket_transport *s)
{
    if (s->read_pending && wf_source_unwatch(&s->source, POLLER_READ, &s->read_wait))
        s->read_pending = false;
}

static void stop_writing(struct socket_transport *s)
{
    if (s->write_pending && wf_source_unwatch(&s->source, POLLER_WRITE, &s->write_wait))
        s->write_pending = false;
}

/* connection_lost is to be called (T4). */
static void lose(struct socket_transport *s, int code, weft_error *error)
{
    s->losing = true;
    s->base.closing = true;
    stop_reading(s);
    stop_writing(s);
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
        lose(s, code, error);
}

static void watch_read(struct socket_transport *s)
{
    if (s->read_pending)
        return;
    int rc = wf_source_watch(&s->source, &s->base.loop->poller, POLLER_READ, &s->read_wait);
    if (unlikely(rc))
        wf_transport_fatal(&s->base, rc, "reading from");
    else
        s->read_pending = true;
}

static void watch_write(struct socket_transport *s)
{
    if (s->write_pending)
        return;
    int rc = wf_source_watch(&s->source, &s->base.loop->poller, POLLER_WRITE, &s->write_wait);
    if (unlikely(rc))
        wf_transport_fatal(&s->base, rc, "writing to");
    else
        s->write_pending = true;
}

static inline bool wants_to_read(const struct socket_transport *s)
{
    return s->base.reading && !s->base.closing && !s->at_end;
}

/* The peer has ended its side (TRAN-09). */
static void read_end(struct socket_transport *s)
{
    weft_protocol *protocol = s->base.protocol;
    int keep = 0;

    s->at_end = true;
    if (protocol->ops->eof_received)
        keep = protocol->ops->eof_received(protocol);
    if (unlikely(keep < 0))
        wf_transport_protocol_failed(&s->base, keep, "eof_received");
    else if (!keep)
        weft_transport_close(&s->base);
}

/* What a call gave: false if that was no data. */
static inline bool read_went_well(struct socket_transport *s, ssize_t n)
{
    if (likely(n > 0))
        return true;
    if (n == 0)
        read_end(s);
    else if (n != -EAGAIN)
        wf_transport_fatal(&s->base, (int)n, "reading from");
    return false;
}

/* Into the protocol's own buffer (TRAN-14). */
static inline bool read_into(struct socket_transport *s)
{
    weft_protocol *protocol = s->base.protocol;
    void *buffer = NULL;
    size_t size = 0;

    int code = protocol->ops->get_buffer(protocol, -1, &buffer, &size);
    if (likely(code >= 0) && unlikely(!buffer || !size))
        code = weft_fail(WEFT_ERUNTIME, "get_buffer() gave an empty buffer");
    if (unlikely(code < 0)) {
        wf_transport_protocol_failed(&s->base, code, "get_buffer");
        return false;
    }
    ssize_t n = wf_source_recv(&s->source, buffer, size);
    if (!read_went_well(s, n))
        return false;
    code = protocol->ops->buffer_updated ? protocol->ops->buffer_updated(protocol, (size_t)n) : 0;
    if (unlikely(code < 0))
        wf_transport_protocol_failed(&s->base, code, "buffer_updated");
    return likely(code >= 0);
}

/* Into a buffer of this frame, for a protocol that looks at data where they are. */
static __attribute__((noinline)) bool read_plain(struct socket_transport *s)
{
    weft_protocol *protocol = s->base.protocol;
    char buffer[READ_BYTES];

    ssize_t n = wf_source_recv(&s->source, buffer, sizeof(buffer));
    if (!read_went_well(s, n))
        return false;
    int code = protocol->ops->data_received
                   ? protocol->ops->data_received(protocol, buffer, (size_t)n)
                   : 0;
    if (unlikely(code < 0))
        wf_transport_protocol_failed(&s->base, code, "data_received");
    return likely(code >= 0);
}

/* T2 */
static void read_run(struct runnable *r, struct weft_loop *loop)
{
    struct socket_transport *s = container_of(r, struct socket_transport, read_ready);

    s->read_pending = false;
    if (unlikely(!loop) || unlikely(s->losing)) {
        settle(s);
        return;
    }
    transport_enter(&s->base);
    for (int reads = 0; wants_to_read(s); reads++) {
        if (s->source.blocked[POLLER_READ] && reads > 0 && !s->source.hung) {
            watch_read(s);
            break;
        }
        if (reads == READS_MAX) {
            if (!s->read_pending) { /* else the protocol has paused and resumed */
                s->read_pending = true;
                ready_push(loop, &s->read_ready);
            }
            break;
        }
        bool went_well =
            likely(s->base.protocol->ops->get_buffer != NULL) ? read_into(s) : read_plain(s);
        if (unlikely(!went_well)) {
            if (wants_to_read(s))
                watch_read(s);
            break;
        }
    }
    transport_leave(&s->base);
}

static void socket_pause_reading(weft_transport *transport)
{
    stop_reading(socket_of(transport));
}

static void socket_resume_reading(weft_transport *transport)
{
    struct socket_transport *s = socket_of(transport);

    if (s->made && wants_to_read(s))
        watch_read(s);
}

static void shut_write_side(struct socket_transport *s)
{
    int rc = sys_shutdown(s->source.fd, SHUT_WR);
    /* Not connected any more: the reading side will say why. */
    if (rc && rc != -ENOTCONN)
        wf_transport_fatal(&s->base, rc, "ending the stream of");
}

/* The buffer could be sent, or there is room (T3). */
static void write_run(struct runnable *r, struct weft_loop *loop)
{
    struct socket_transport *s = container_of(r, struct socket_transport, write_ready);

    s->write_pending = false;
    if (unlikely(!loop) || unlikely(s->losing)) {
        settle(s);
        return;
    }
    size_t size = write_buffer_size(&s->buffer);
    if (size) {
        struct iovec piece = {write_buffer_data(&s->buffer), size};
        ssize_t n = wf_source_send(&s->source, &piece, 1);
        if (unlikely(n < 0) && n != -EAGAIN) {
            wf_transport_fatal(&s->base, (int)n, "writing to");
            return;
        }
        if (n > 0)
            write_buffer_consume(&s->buffer, (size_t)n);
    }
    transport_enter(&s->base);
    transport_shrank(&s->base, write_buffer_size(&s->buffer)); /* which may write more */
    transport_leave(&s->base);
    if (s->losing)
        return;
    if (write_buffer_size(&s->buffer)) {
        watch_write(s);
        return;
    }
    wf_transport_wake_sendfile(&s->base);
    if (s->base.closing)
        lose(s, 0, NULL);
    else if (s->base.eof)
        shut_write_side(s);
}

static size_t pieces_size(const struct iovec *pieces, int count)
{
    size_t bytes = 0;
    for (int i = 0; i < count; i++)
        bytes += pieces[i].iov_len;
    return bytes;
}

/* Keeps what the system has not taken: all but the first `sent` bytes. */
static __attribute__((noinline)) int write_later(struct socket_transport *s,
                                                 const struct iovec *pieces, int count, size_t sent)
{
    size_t bytes = pieces_size(pieces, count);

    if (!wf_write_buffer_reserve(&s->buffer, bytes - sent)) {
        if (sent)
            wf_transport_fatal(&s->base, -ENOMEM, "writing to");
        return -ENOMEM;
    }
    write_buffer_append(&s->buffer, pieces, count, sent);
    watch_write(s);
    if (likely(!s->losing))
        transport_grew(&s->base, write_buffer_size(&s->buffer));
    return 0;
}

static int socket_write(weft_transport *transport, const struct iovec *pieces, int count)
{
    struct socket_transport *s = socket_of(transport);
    ssize_t n = 0;

    if (likely(!write_buffer_size(&s->buffer))) {
        /* The pieces are only read. */
        n = wf_source_send(&s->source, (struct iovec *)(uintptr_t)pieces,
                           count < IOV_MAX ? count : IOV_MAX);
        if (likely(n >= 0) && likely((size_t)n == pieces_size(pieces, count)))
            return 0;
        if (n < 0) {
            if (n != -EAGAIN) {
                wf_transport_fatal(&s->base, (int)n, "writing to");
                return 0;
            }
            n = 0;
        }
    }
    return write_later(s, pieces, count, (size_t)n);
}

static int socket_write_eof(weft_transport *transport)
{
    struct socket_transport *s = socket_of(transport);

    if (!write_buffer_size(&s->buffer))
        shut_write_side(s);
    return 0;
}

static void socket_close(weft_transport *transport)
{
    struct socket_transport *s = socket_of(transport);

    s->base.closing = true;
    stop_reading(s);
    if (!write_buffer_size(&s->buffer))
        lose(s, 0, NULL);
}

/* In a task: after the buffer, straight from the file (TRAN-15). */
static int socket_sendfile(weft_transport *transport, int fd, off_t offset, size_t count,
                           size_t *sent)
{
    struct socket_transport *s = socket_of(transport);
    int rc = 0;

    while (!rc && write_buffer_size(&s->buffer))
        rc = wf_transport_sendfile_wait(&s->base);
    while (!rc && count) {
        ssize_t n = wf_source_sendfile(&s->source, fd, &offset,
                                       count < SENDFILE_MOST ? count : SENDFILE_MOST);
        if (n == 0)
            return 0;
        if (n > 0) {
            *sent += (size_t)n;
            count -= (size_t)n;
            rc = weft_yield(); /* others have a turn */
        } else if (n == -EAGAIN) {
            watch_write(s);
            rc = wf_transport_sendfile_wait(&s->base);
        } else if (*sent == 0 && !wf_is_connection_error((int)n)) {
            return WEFT_ESENDFILE;
        } else {
            wf_transport_fatal(&s->base, (int)n, "sending a file to");
            return (int)n;
        }
        if (!rc && s->losing)
            rc = wf_transport_sendfile_wait(&s->base);
    }
    return rc;
}

static size_t socket_buffered(const weft_transport *transport)
{
    return write_buffer_size(&socket_of(transport)->buffer);
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
    .write = socket_write,
    .write_eof = socket_write_eof,
    .close = socket_close,
    .force_close = socket_force_close,
    .pause_reading = socket_pause_reading,
    .resume_reading = socket_resume_reading,
    .buffered = socket_buffered,
    .extra_info = socket_extra_info,
    .sendfile = socket_sendfile,
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
        watch_read(s);
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
    group_leave(s);
    if (group)
        group->left(group);
    settle(s);
}

static void step_run(struct runnable *r, struct weft_loop *loop)
{
    struct socket_transport *s = container_of(r, struct socket_transport, step);

    s->step_pending = false;
    if (unlikely(!loop)) {
        if (s->gone)
            settle(s);
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
    group_leave(s);
    /* Neither is in a queue: those were dropped, and the poller has told nobody of the others. */
    s->read_pending = s->write_pending = false;
    if (!s->made)
        s->base.refs--; /* the one of step_made(): not the last, the loop has one */
    wf_transport_dropped(&s->base);
    settle(s);
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
    s->read_wait.ready = &s->read_ready;
    s->write_wait.ready = &s->write_ready;
    s->read_ready.run = read_run;
    s->write_ready.run = write_run;
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
    group_join(options->group, s);
    transport_ref(&s->base); /* until step_made() is over */
    step_soon(s);
    return &s->base;
}

void wf_socket_transport_set_upper(weft_transport *transport, weft_transport *upper)
{
    socket_of(transport)->upper = upper;
}

void wf_socket_group_close(struct socket_group *group)
{
    for (struct socket_transport *s = group->first; s; s = s->next)
        weft_transport_close(s->upper ? s->upper : &s->base);
}

void wf_socket_group_abort(struct socket_group *group)
{
    for (struct socket_transport *s = group->first; s; s = s->next)
        weft_transport_abort(&s->base);
}

void wf_socket_group_disband(struct socket_group *group)
{
    while (group->first)
        group_leave(group->first);
}
