/*
 * fake_transport.h - a transport with no system under it: a test says what comes in, how much of what
 * is written the system takes, and when it fails.
 *
 *     struct fake_transport *t = fake_new(protocol);    connection_made comes in the next iteration
 *     fake_feed(t, "abc", 3);                           as if received now
 *     t->takes = 0; ... fake_take(t, 100);              writes are buffered; the system takes some
 *     fake_connect(a, b);                               what one sends the other receives
 *
 * As with a socket, connection_lost comes from the loop, once. The caller owns a reference, to be given
 * back by weft_transport_unref().
 */
#ifndef WEFT_TESTS_SUPPORT_FAKE_TRANSPORT_H
#define WEFT_TESTS_SUPPORT_FAKE_TRANSPORT_H

#include <check.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <weft/weft.h>

#include "api/transport.h"
#include "runtime/sched/resident.h"

/* Bytes in a row: added at the end, taken from the beginning. */
struct fake_bytes {
    char *data;
    size_t begin, end, capacity;
};

struct fake_transport {
    weft_transport base;
    struct fake_bytes sent;   /* what the system has taken; `begin` is the test's */
    struct fake_bytes buffer; /* what it has not */
    struct fake_bytes
        arrived;         /* what comes in while reading is paused, or before connection_made */
    size_t takes;        /* so many bytes are taken at once from now on; SIZE_MAX: all */
    size_t write_error;  /* a positive errno: the next write meets it */
    int pauses, resumes; /* calls of pause_reading and resume_reading that changed something */
    bool made;
    bool eof_sent;    /* the end was written, after all that was buffered */
    bool eof_arrived; /* the end came in; after what has arrived */
    bool eof_told;
    bool losing, queued;
    int code; /* for connection_lost */
    weft_error *error;
    const char *info_name; /* what get_extra_info() knows */
    const void *info;
    struct fake_transport *peer; /* gets what is sent; or NULL */
    struct runnable step;
    struct resident resident;
};

static inline struct fake_transport *fake_of(const weft_transport *transport)
{
    return (struct fake_transport *)(uintptr_t)transport;
}

static inline size_t fake_size(const struct fake_bytes *b)
{
    return b->end - b->begin;
}

static inline void fake_add(struct fake_bytes *b, const void *data, size_t bytes)
{
    if (!bytes)
        return;
    if (b->capacity - b->end < bytes) {
        b->capacity = 2 * (b->end + bytes);
        b->data = realloc(b->data, b->capacity);
        ck_assert_ptr_nonnull(b->data);
    }
    memcpy(b->data + b->end, data, bytes);
    b->end += bytes;
}

static inline void fake_step_soon(struct fake_transport *t)
{
    if (t->queued)
        return;
    t->queued = true;
    ready_push(t->base.loop, &t->step);
}

static inline void fake_lose(struct fake_transport *t, int code, weft_error *error)
{
    if (t->losing || t->base.lost)
        return;
    t->losing = t->base.closing = true;
    t->buffer.begin = t->buffer.end;
    t->code = code;
    t->error = weft_error_ref(error);
    fake_step_soon(t);
}

/* What has arrived goes to the protocol, if it may. */
static inline void fake_deliver(struct fake_transport *t)
{
    while (t->made && t->base.reading && !t->base.closing && fake_size(&t->arrived)) {
        weft_protocol *protocol = t->base.protocol;
        const weft_protocol_ops *ops = protocol->ops;
        const char *data = t->arrived.data + t->arrived.begin;
        size_t bytes = fake_size(&t->arrived);
        const char *function = "data_received";
        int rc;
        if (ops->get_buffer) {
            void *room = NULL;
            size_t size = 0;
            function = "get_buffer";
            rc = ops->get_buffer(protocol, -1, &room, &size);
            if (rc >= 0) {
                bytes = bytes < size ? bytes : size;
                memcpy(room, data, bytes);
                t->arrived.begin += bytes;
                rc = ops->buffer_updated(protocol, bytes);
            }
        } else {
            t->arrived.begin += bytes;
            rc = ops->data_received(protocol, data, bytes);
        }
        if (rc < 0)
            wf_transport_protocol_failed(&t->base, rc, function);
    }
    if (t->eof_arrived && !t->eof_told && t->made && !t->base.closing && !fake_size(&t->arrived)) {
        t->eof_told = true;
        if (t->base.protocol->ops->eof_received(t->base.protocol) <= 0)
            weft_transport_close(&t->base);
    }
}

/* These bytes come in. */
static inline void fake_feed(struct fake_transport *t, const void *data, size_t bytes)
{
    fake_add(&t->arrived, data, bytes);
    fake_deliver(t);
}

/* The peer ends its side. */
static inline void fake_feed_eof(struct fake_transport *t)
{
    t->eof_arrived = true;
    fake_deliver(t);
}

/* The system takes so many of the bytes that are buffered. */
static inline void fake_take(struct fake_transport *t, size_t bytes)
{
    bytes = bytes < fake_size(&t->buffer) ? bytes : fake_size(&t->buffer);
    fake_add(&t->sent, t->buffer.data + t->buffer.begin, bytes);
    t->buffer.begin += bytes;
    transport_shrank(&t->base, fake_size(&t->buffer));
    bool empty = !fake_size(&t->buffer);
    if (empty && t->base.eof)
        t->eof_sent = true;
    if (empty && t->base.closing)
        fake_lose(t, 0, NULL);
    if (t->peer)
        fake_step_soon(t);
}

static inline int fake_write(weft_transport *transport, const struct iovec *pieces, int count)
{
    struct fake_transport *t = fake_of(transport);

    if (t->write_error) {
        fake_lose(t, -(int)t->write_error, NULL);
        return 0;
    }
    for (int i = 0; i < count; i++)
        fake_add(&t->buffer, pieces[i].iov_base, pieces[i].iov_len);
    if (t->takes) {
        size_t bytes = t->takes < fake_size(&t->buffer) ? t->takes : fake_size(&t->buffer);
        fake_add(&t->sent, t->buffer.data + t->buffer.begin, bytes);
        t->buffer.begin += bytes;
        if (t->peer)
            fake_step_soon(t);
    }
    transport_grew(&t->base, fake_size(&t->buffer));
    return 0;
}

static inline int fake_write_eof(weft_transport *transport)
{
    struct fake_transport *t = fake_of(transport);
    t->eof_sent = !fake_size(&t->buffer);
    if (t->peer)
        fake_step_soon(t);
    return 0;
}

static inline void fake_close(weft_transport *transport)
{
    struct fake_transport *t = fake_of(transport);
    transport->closing = true;
    if (!fake_size(&t->buffer))
        fake_lose(t, 0, NULL);
}

static inline void fake_force_close(weft_transport *transport, int code, weft_error *error)
{
    fake_lose(fake_of(transport), code, error);
}

static inline void fake_pause_reading(weft_transport *transport)
{
    fake_of(transport)->pauses++;
}

static inline void fake_resume_reading(weft_transport *transport)
{
    fake_of(transport)->resumes++;
    fake_step_soon(fake_of(transport));
}

static inline size_t fake_buffered(const weft_transport *transport)
{
    return fake_size(&fake_of(transport)->buffer);
}

static inline const void *fake_extra_info(const weft_transport *transport, const char *name)
{
    const struct fake_transport *t = fake_of(transport);
    return t->info_name && !strcmp(t->info_name, name) ? t->info : NULL;
}

static inline void fake_free(weft_transport *transport)
{
    struct fake_transport *t = fake_of(transport);
    free(t->sent.data);
    free(t->buffer.data);
    free(t->arrived.data);
    weft_error_unref(t->error);
    free(t);
}

static const struct transport_ops fake_ops = {
    .write = fake_write,
    .write_eof = fake_write_eof,
    .close = fake_close,
    .force_close = fake_force_close,
    .pause_reading = fake_pause_reading,
    .resume_reading = fake_resume_reading,
    .buffered = fake_buffered,
    .extra_info = fake_extra_info,
    .free = fake_free,
    .what = "fake",
};

/* What was sent goes to the peer, which may have gone. */
static inline void fake_pass_on(struct fake_transport *t)
{
    struct fake_transport *peer = t->peer;
    if (!peer)
        return;
    fake_add(&peer->arrived, t->sent.data + t->sent.begin, fake_size(&t->sent));
    t->sent.begin = t->sent.end;
    peer->eof_arrived |= t->eof_sent || t->losing;
    fake_deliver(peer);
}

/* From the loop: connection_made, what is to be delivered, connection_lost. */
static inline void fake_step(struct runnable *r, struct weft_loop *loop)
{
    struct fake_transport *t = container_of(r, struct fake_transport, step);

    t->queued = false;
    if (!loop)
        return;
    if (!t->made) {
        t->made = true;
        wf_transport_made(&t->base);
    }
    fake_deliver(t);
    fake_pass_on(t);
    if (!t->losing ||
        t->queued) /* closed only just now: connection_lost is not called from within */
        return;
    if (t->peer)
        t->peer->peer = NULL;
    resident_remove(loop, &t->resident);
    wf_transport_lost(&t->base, t->code, t->error);
    wf_transport_release(&t->base);
}

/* The loop is closed. */
static inline void fake_gone(struct resident *resident, struct weft_loop *loop)
{
    struct fake_transport *t = container_of(resident, struct fake_transport, resident);
    (void)loop;
    if (t->peer)
        t->peer->peer = NULL;
    wf_transport_dropped(&t->base);
    wf_transport_release(&t->base);
}

__attribute__((unused)) static struct fake_transport *fake_new(weft_protocol *protocol)
{
    struct fake_transport *t = calloc(1, sizeof(*t));
    struct weft_loop *loop = weft_get_running_loop();

    ck_assert_ptr_nonnull(t);
    wf_transport_init(&t->base, &fake_ops, loop, protocol);
    t->takes = SIZE_MAX;
    t->step.run = fake_step;
    resident_add(loop, &t->resident, fake_gone);
    fake_step_soon(t);
    return t;
}

/* Both ends of one connection. */
__attribute__((unused)) static void fake_connect(struct fake_transport *a, struct fake_transport *b)
{
    a->peer = b;
    b->peer = a;
}

/* The connection fails, by the system's word. */
__attribute__((unused)) static void fake_fail(struct fake_transport *t, int code)
{
    fake_lose(t, code, NULL);
}

/* What was sent so far is this text. */
#define ck_assert_sent(t, text)                                                              \
    do {                                                                                     \
        ck_assert_uint_eq(fake_size(&(t)->sent), strlen(text));                              \
        ck_assert_int_eq(memcmp((t)->sent.data + (t)->sent.begin, (text), strlen(text)), 0); \
    } while (0)

#endif
