/*
 * datagram_transport.c - a datagram socket that calls a protocol.
 *
 * D1  A datagram goes to the system at once while none waits. What it does not take is copied to the
 *     end of the queue, and the write side is watched until that is empty (DGRM-10).
 * D2  In each turn at most TURN_MAX datagrams go each way; the others in the next one.
 */
#include "api/datagram_transport.h"

#include <errno.h>
#include <string.h>

#include "api/datagram_queue.h"
#include "api/fd_transport.h"
#include "api/transport_socket.h"
#include "runtime/base/mem.h"
#include "runtime/base/sys.h"

#define TURN_MAX 16
#define RECEIVE_BYTES \
    ((size_t)256 * 1024) /* the longest datagram; only what comes is ever touched */

struct datagram_transport {
    struct fd_transport fd;
    bool connected;              /* to its peer */
    struct datagram_queue queue; /* D1 */
    char *received;              /* room for one */
    struct socket_names names;
    weft_address remote; /* the only target, if it has bytes */
};

static inline struct datagram_transport *datagram_of(const weft_transport *transport)
{
    return (struct datagram_transport *)(uintptr_t)transport;
}

/* ---- What comes ---- */

/* An error of the system ends nothing (DGRM-13). */
static void tell_error(struct datagram_transport *d, int code)
{
    weft_protocol *protocol = d->fd.base.protocol;

    if (protocol->ops->error_received)
        protocol->ops->error_received(protocol, code, NULL);
}

/* False: there is none. */
static bool receive_one(struct datagram_transport *d)
{
    weft_protocol *protocol = d->fd.base.protocol;
    weft_address sender = {.bytes = sizeof(sender.storage)};
    ssize_t n =
        wf_source_recvfrom(&d->fd.source, d->received, RECEIVE_BYTES, &sender.any, &sender.bytes);

    if (n == -EAGAIN)
        return false;
    if (n < 0) {
        tell_error(d, (int)n);
    } else if (protocol->ops->datagram_received) {
        int code = protocol->ops->datagram_received(protocol, d->received, (size_t)n, &sender);
        if (code < 0)
            wf_transport_protocol_failed(&d->fd.base, code, "datagram_received");
    }
    return true;
}

static void read_ready(struct fd_transport *t)
{
    struct datagram_transport *d = container_of(t, struct datagram_transport, fd);

    transport_enter(&t->base);
    for (int turn = 0; fd_wants_to_read(t); turn++) {
        if (turn == TURN_MAX) {
            wf_fd_again(t, POLLER_READ);
            break;
        }
        if (!receive_one(d)) {
            (void)wf_fd_watch(t, POLLER_READ);
            break;
        }
    }
    transport_leave(&t->base);
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
    ssize_t n = wf_source_sendto(&d->fd.source, datagram->content + datagram->address_bytes,
                                 datagram->bytes, datagram->address_bytes ? &address.any : NULL,
                                 datagram->address_bytes);
    if (n == -EAGAIN)
        return false;
    datagram_queue_pop(&d->queue);
    if (n < 0)
        tell_error(d, (int)n);
    return true;
}

static void write_ready(struct fd_transport *t)
{
    struct datagram_transport *d = container_of(t, struct datagram_transport, fd);

    transport_enter(&t->base);
    for (int turn = 0; d->queue.first && turn < TURN_MAX; turn++)
        if (!send_first(d))
            break;
    transport_shrank(&t->base, d->queue.counted); /* which may send more */
    transport_leave(&t->base);
    if (t->losing)
        return;
    if (d->queue.first)
        (void)wf_fd_watch(t, POLLER_WRITE);
    else if (t->base.closing)
        wf_fd_lose(t, 0, NULL); /* DGRM-15 */
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
    return wf_socket_names_get(&datagram_of(transport)->names, name);
}

static void datagram_free(weft_transport *transport)
{
    mem_free(transport, sizeof(struct datagram_transport));
}

static const struct transport_ops datagram_ops = {
    .write = datagram_write,
    .close = wf_fd_close,
    .force_close = wf_fd_force_close,
    .pause_reading = wf_fd_pause_reading,
    .resume_reading = wf_fd_resume_reading,
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
        n = wf_source_sendto(&d->fd.source, data, bytes, address ? &address->any : NULL,
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
    if (wf_fd_watch(&d->fd, POLLER_WRITE))
        transport_grew(transport, d->queue.counted);
    return 0;
}

/* ---- The beginning ---- */

static void datagram_drop(struct fd_transport *t)
{
    datagram_queue_clear(&container_of(t, struct datagram_transport, fd)->queue);
}

static void datagram_closed(struct fd_transport *t)
{
    struct datagram_transport *d = container_of(t, struct datagram_transport, fd);

    d->names.socket.fd = -1;
    mem_free(d->received, RECEIVE_BYTES);
    d->received = NULL;
}

static const struct fd_kind datagram_kind = {
    .ready = {read_ready, write_ready},
    .reads = true,
    .drop = datagram_drop,
    .closed = datagram_closed,
};

/* What the system says of the socket; nothing where it says nothing. */
static void ask_names(struct datagram_transport *d, int fd)
{
    int *proto = &d->names.socket.proto;
    socklen_t bytes = sizeof(*proto);

    wf_socket_names_ask(&d->names, fd, SOCK_DGRAM, NULL);
    d->connected = d->names.peername.bytes != 0;
    if (sys_getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, proto, &bytes))
        *proto = 0;
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
    wf_fd_init(&d->fd, &datagram_ops, &datagram_kind, loop, protocol);
    wf_source_init(&d->fd.source, fd, true, false);
    if (options->remote)
        d->remote = *options->remote;
    ask_names(d, fd);
    wf_fd_begin(&d->fd, options->waiter);
    return &d->fd.base;
}
