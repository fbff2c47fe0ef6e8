/*
 * datagram_transport.c - a datagram socket that calls a protocol.
 *
 *     new --step--> connection_made, receives and sends --close, error--> losing --step--> lost
 *
 * D1  Three runnables are embedded: one for each side of the socket, and `step`, which calls
 *     connection_made and connection_lost. A flag says of each whether it is queued, or watched for
 *     by the poller (`*_pending`). The transport is not freed while one is.
 * D2  A datagram goes to the system at once while none waits. What it does not take is copied to the
 *     end of the queue, and the write side is watched until that is empty (DGRM-10).
 * D3  Once `losing`, nothing is received, sent or queued any more: only connection_lost is to come.
 * D4  In each turn at most TURN_MAX datagrams go each way; the others in the next one.
 */
#include "api/datagram_transport.h"

#include <errno.h>
#include <string.h>

#include "api/datagram_queue.h"
#include "runtime/base/mem.h"
#include "runtime/base/sys.h"
#include "runtime/io/source.h"
#include "runtime/sched/future_ops.h"
#include "runtime/sched/resident.h"

#define TURN_MAX 16
#define RECEIVE_BYTES \
    ((size_t)256 * 1024) /* the longest datagram; only what comes is ever touched */
#define HEADER_BYTES 8u  /* what a datagram counts beside its bytes */

struct datagram_transport {
    struct weft_transport base;
    struct source source;
    struct source_wait read_wait, write_wait;
    struct runnable read_ready, write_ready, step;
    bool read_pending, write_pending, step_pending; /* D1 */
    bool made;                                      /* connection_made was called */
    bool losing;                                    /* D3 */
    bool gone;                                      /* the loop was closed */
    bool connected;                                 /* to peername */
    struct datagram_queue queue;                    /* D2 */
    char *received;                                 /* room for one */
    int lost_code;                                  /* for connection_lost */
    weft_error *lost_error;                         /* owned, may be NULL */
    weft_future *waiter;                            /* owned, may be NULL */
    struct resident resident;
    weft_transport_socket socket; /* for the user */
    weft_address sockname, peername;
    weft_address remote; /* the only target, if it has bytes */
};

static inline struct datagram_transport *datagram_of(const weft_transport *transport)
{
    return (struct datagram_transport *)(uintptr_t)transport;
}

static void step_soon(struct datagram_transport *d)
{
    if (d->step_pending)
        return;
    d->step_pending = true;
    ready_push(d->base.loop, &d->step);
}

/* The loop's reference goes, unless something of the transport is in a queue (D1). */
static void settle(struct datagram_transport *d)
{
    if (d->base.lost && !d->read_pending && !d->write_pending && !d->step_pending)
        wf_transport_release(&d->base);
}

static void stop_reading(struct datagram_transport *d)
{
    if (d->read_pending && wf_source_unwatch(&d->source, POLLER_READ, &d->read_wait))
        d->read_pending = false;
}

static void stop_writing(struct datagram_transport *d)
{
    if (d->write_pending && wf_source_unwatch(&d->source, POLLER_WRITE, &d->write_wait))
        d->write_pending = false;
}

/* ---- The end ---- */

/* connection_lost is to be called (D3). */
static void lose(struct datagram_transport *d, int code, weft_error *error)
{
    d->losing = true;
    d->base.closing = true;
    stop_reading(d);
    stop_writing(d);
    datagram_queue_clear(&d->queue);
    d->lost_code = code;
    d->lost_error = weft_error_ref(error);
    step_soon(d);
}

static void datagram_force_close(weft_transport *transport, int code, weft_error *error)
{
    struct datagram_transport *d = datagram_of(transport);

    if (!d->losing && !d->base.lost)
        lose(d, code, error);
}

static void datagram_close(weft_transport *transport)
{
    struct datagram_transport *d = datagram_of(transport);

    d->base.closing = true;
    stop_reading(d);
    if (!d->queue.first)
        lose(d, 0, NULL);
}

/* ---- What comes ---- */

static void watch(struct datagram_transport *d, enum poller_side side)
{
    bool reads = side == POLLER_READ;
    bool *pending = reads ? &d->read_pending : &d->write_pending;

    if (*pending)
        return;
    int rc = wf_source_watch(&d->source, &d->base.loop->poller, side,
                             reads ? &d->read_wait : &d->write_wait);
    if (rc)
        wf_transport_fatal(&d->base, rc, reads ? "receiving from" : "sending to");
    else
        *pending = true;
}

static bool wants_to_read(const struct datagram_transport *d)
{
    return d->base.reading && !d->base.closing;
}

/* An error of the system ends nothing (DGRM-13). */
static void tell_error(struct datagram_transport *d, int code)
{
    weft_protocol *protocol = d->base.protocol;

    if (protocol->ops->error_received)
        protocol->ops->error_received(protocol, code, NULL);
}

/* False: there is none. */
static bool receive_one(struct datagram_transport *d)
{
    weft_protocol *protocol = d->base.protocol;
    weft_address sender = {.bytes = sizeof(sender.storage)};
    ssize_t n =
        wf_source_recvfrom(&d->source, d->received, RECEIVE_BYTES, &sender.any, &sender.bytes);

    if (n == -EAGAIN)
        return false;
    if (n < 0) {
        tell_error(d, (int)n);
    } else if (protocol->ops->datagram_received) {
        int code = protocol->ops->datagram_received(protocol, d->received, (size_t)n, &sender);
        if (code < 0)
            wf_transport_protocol_failed(&d->base, code, "datagram_received");
    }
    return true;
}

static void read_run(struct runnable *r, struct weft_loop *loop)
{
    struct datagram_transport *d = container_of(r, struct datagram_transport, read_ready);

    d->read_pending = false;
    if (!loop || d->losing) {
        settle(d);
        return;
    }
    transport_enter(&d->base);
    for (int turn = 0; wants_to_read(d); turn++) {
        if (turn == TURN_MAX) {
            if (!d->read_pending) { /* else the protocol has paused and resumed */
                d->read_pending = true;
                ready_push(loop, &d->read_ready);
            }
            break;
        }
        if (!receive_one(d)) {
            watch(d, POLLER_READ);
            break;
        }
    }
    transport_leave(&d->base);
}

static void datagram_pause_reading(weft_transport *transport)
{
    stop_reading(datagram_of(transport));
}

static void datagram_resume_reading(weft_transport *transport)
{
    struct datagram_transport *d = datagram_of(transport);

    if (d->made && wants_to_read(d))
        watch(d, POLLER_READ);
}

/* ---- What goes ---- */

/* False: the system takes none now. */
static bool send_first(struct datagram_transport *d)
{
    const struct datagram *datagram = d->queue.first;
    union { /* aligned, as the system wants it */
        struct sockaddr any;
        struct sockaddr_storage storage;
    } address;

    memcpy(&address.storage, datagram->content, datagram->address_bytes);
    ssize_t n =
        wf_source_sendto(&d->source, datagram->content + datagram->address_bytes, datagram->bytes,
                         datagram->address_bytes ? &address.any : NULL, datagram->address_bytes);
    if (n == -EAGAIN)
        return false;
    datagram_queue_pop(&d->queue);
    if (n < 0)
        tell_error(d, (int)n);
    return true;
}

static void write_run(struct runnable *r, struct weft_loop *loop)
{
    struct datagram_transport *d = container_of(r, struct datagram_transport, write_ready);

    d->write_pending = false;
    if (!loop || d->losing) {
        settle(d);
        return;
    }
    transport_enter(&d->base);
    for (int turn = 0; d->queue.first && turn < TURN_MAX; turn++)
        if (!send_first(d))
            break;
    transport_shrank(&d->base, d->queue.counted); /* which may send more */
    transport_leave(&d->base);
    if (d->losing)
        return;
    if (d->queue.first)
        watch(d, POLLER_WRITE);
    else if (d->base.closing)
        lose(d, 0, NULL); /* DGRM-15 */
}

static bool is_same(const weft_address *a, const weft_address *b)
{
    return a->bytes == b->bytes && !memcmp(&a->storage, &b->storage, a->bytes);
}

static int target_check(const struct datagram_transport *d, const weft_address *address)
{
    if (address && (!address->bytes || address->bytes > sizeof(address->storage)))
        return weft_fail(-EINVAL, "the address is none");
    if (address && d->remote.bytes && !is_same(address, &d->remote)) { /* DGRM-11 */
        char text[WEFT_ADDRESS_TEXT];
        return weft_fail(-EINVAL, "this endpoint sends to %s only",
                         weft_address_text(&d->remote, text, sizeof(text)));
    }
    if (!address && !d->remote.bytes && !d->connected)
        return weft_fail(-EINVAL, "there is no address to send to");
    return 0;
}

static int datagram_write(weft_transport *transport, const struct iovec *pieces, int count)
{
    (void)transport;
    (void)pieces;
    (void)count;
    return weft_fail(WEFT_ERUNTIME, "a datagram endpoint sends with weft_datagram_sendto()");
}

static size_t datagram_buffered(const weft_transport *transport)
{
    return datagram_of(transport)->queue.counted;
}

static const void *datagram_extra_info(const weft_transport *transport, const char *name)
{
    const struct datagram_transport *d = datagram_of(transport);

    if (!strcmp(name, "peername"))
        return d->peername.bytes ? &d->peername : NULL;
    if (!strcmp(name, "sockname"))
        return d->sockname.bytes ? &d->sockname : NULL;
    return !strcmp(name, "socket") ? &d->socket : NULL;
}

static void datagram_free(weft_transport *transport)
{
    mem_free(transport, sizeof(struct datagram_transport));
}

static const struct transport_ops datagram_ops = {
    .write = datagram_write,
    .close = datagram_close,
    .force_close = datagram_force_close,
    .pause_reading = datagram_pause_reading,
    .resume_reading = datagram_resume_reading,
    .buffered = datagram_buffered,
    .extra_info = datagram_extra_info,
    .free = datagram_free,
    .what = "datagram",
};

int weft_datagram_sendto(weft_transport *transport, const void *data, size_t bytes,
                         const weft_address *address)
{
    if (!transport || transport->ops != &datagram_ops || (!data && bytes))
        return -EINVAL;
    struct datagram_transport *d = datagram_of(transport);
    int rc = target_check(d, address);
    if (rc)
        return rc;
    if (transport->closing || transport->lost) { /* DGRM-17 */
        wf_transport_warn_of_writes(transport, "sendto");
        return 0;
    }
    if (d->connected)
        address = NULL;
    else if (!address)
        address = &d->remote;
    ssize_t n = -EAGAIN;
    if (!d->queue.first)
        n = wf_source_sendto(&d->source, data, bytes, address ? &address->any : NULL,
                             address ? address->bytes : 0);
    if (n >= 0)
        return 0;
    if (n != -EAGAIN) {
        tell_error(d, (int)n);
        return 0;
    }
    rc = datagram_queue_push(&d->queue, data, bytes, address);
    if (rc)
        return rc;
    watch(d, POLLER_WRITE);
    if (!d->losing)
        transport_grew(transport, d->queue.counted);
    return 0;
}

/* ---- The beginning ---- */

static void step_made(struct datagram_transport *d)
{
    weft_future *waiter = d->waiter;

    d->made = true;
    wf_transport_made(&d->base);
    if (wants_to_read(d))
        watch(d, POLLER_READ);
    d->waiter = NULL;
    if (waiter) {
        (void)wf_future_succeed(waiter, NULL);
        weft_unref(waiter);
    }
    if (d->losing)
        step_soon(d);
    weft_transport_unref(&d->base); /* from here on it is for the program to keep it */
}

static void close_socket(struct datagram_transport *d)
{
    wf_source_close(&d->source);
    d->socket.fd = -1;
    datagram_queue_clear(&d->queue);
    mem_free(d->received, RECEIVE_BYTES);
    d->received = NULL;
    weft_error_unref(d->lost_error);
    d->lost_error = NULL;
    weft_unref(d->waiter);
    d->waiter = NULL;
}

static void step_lost(struct datagram_transport *d)
{
    resident_remove(d->base.loop, &d->resident);
    wf_transport_lost(&d->base, d->lost_code, d->lost_error);
    close_socket(d);
    settle(d);
}

static void step_run(struct runnable *r, struct weft_loop *loop)
{
    struct datagram_transport *d = container_of(r, struct datagram_transport, step);

    d->step_pending = false;
    if (!loop) {
        if (d->gone)
            settle(d);
    } else if (!d->made) {
        step_made(d);
    } else {
        step_lost(d);
    }
}

/* The loop is closed: nobody is called but who frees the protocol. */
static void datagram_gone(struct resident *resident, struct weft_loop *loop)
{
    struct datagram_transport *d = container_of(resident, struct datagram_transport, resident);

    (void)loop;
    d->gone = true;
    d->losing = true;
    close_socket(d);
    d->read_pending = d->write_pending = false; /* what was queued is dropped by now */
    if (!d->made)
        d->base.refs--; /* the one of step_made(): not the last, the loop has one */
    wf_transport_dropped(&d->base);
    settle(d);
}

/* What the system says of the socket; nothing where it says nothing. */
static void ask_names(struct datagram_transport *d, int fd)
{
    int proto = 0;
    socklen_t bytes = sizeof(proto);

    d->sockname.bytes = sizeof(d->sockname.storage);
    if (sys_getsockname(fd, &d->sockname.any, &d->sockname.bytes))
        d->sockname.bytes = 0;
    d->peername.bytes = sizeof(d->peername.storage);
    if (sys_getpeername(fd, &d->peername.any, &d->peername.bytes))
        d->peername.bytes = 0;
    if (sys_getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &proto, &bytes))
        proto = 0;
    d->connected = d->peername.bytes != 0;
    d->socket = (weft_transport_socket){
        fd, d->sockname.bytes ? d->sockname.any.sa_family : AF_UNSPEC, SOCK_DGRAM, proto};
}

weft_transport *wf_datagram_transport_new(struct weft_loop *loop, int fd, weft_protocol *protocol,
                                          const struct datagram_transport_options *options)
{
    struct datagram_transport *d = mem_zalloc(sizeof(*d));
    char *received = d ? mem_alloc(RECEIVE_BYTES) : NULL;

    if (!received) {
        mem_free(d, sizeof(*d));
        errno = ENOMEM;
        return NULL;
    }
    d->received = received;
    wf_transport_init(&d->base, &datagram_ops, loop, protocol);
    wf_source_init(&d->source, fd, true, false);
    d->read_wait.ready = &d->read_ready;
    d->write_wait.ready = &d->write_ready;
    d->read_ready.run = read_run;
    d->write_ready.run = write_run;
    d->step.run = step_run;
    d->waiter = weft_ref(options->waiter);
    if (options->remote)
        d->remote = *options->remote;
    ask_names(d, fd);
    resident_add(loop, &d->resident, datagram_gone);
    transport_ref(&d->base); /* until step_made() is over */
    step_soon(d);
    return &d->base;
}
