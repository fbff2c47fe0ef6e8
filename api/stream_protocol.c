/*
 * stream_protocol.c - what a transport tells a stream, and when a stream ends.
 */
#include "api/stream_protocol.h"

#include <errno.h>

#include "api/stream_reader.h"
#include "api/transport.h"
#include "runtime/base/likely.h"
#include "runtime/base/mem.h"
#include "runtime/sched/report.h"

/* P4 */
struct stream {
    struct weft_stream_reader reader;
    struct weft_stream_writer writer;
};

static weft_stream_writer *writer_of(weft_protocol *protocol)
{
    return container_of(protocol, weft_stream_writer, protocol);
}

/* ---- A stream's life ---- */

/* The program's last handle, and nobody has closed the connection (WRIT-24). */
static void warn_unclosed(weft_stream_writer *writer)
{
    struct weft_loop *loop = loop_life(writer->loop) == writer->life ? writer->loop : NULL;

    wf_report(loop,
              writer->dropped ? "a stream writer was not closed, and its loop is closed"
                              : "a stream writer was given back without being closed",
              0, NULL, NULL, NULL);
    if (writer->connected)
        weft_transport_close(writer->transport);
}

void wf_stream_release(weft_stream_writer *writer)
{
    if (writer->users || writer->serving)
        return;
    bool closed =
        writer->closed ||
        (writer->connected ? weft_transport_is_closing(writer->transport) : !writer->dropped);
    writer->closed = true;
    if (!closed)
        warn_unclosed(writer);
    weft_transport *transport = writer->transport;
    writer->transport = NULL;
    if (!writer->connected) {
        weft_error_unref(writer->error);
        weft_stream_reader_unref(writer->reader); /* P4 */
    }
    weft_transport_unref(transport);
}

/* Gives back the handles that the program never had (P3). */
static void release_own(weft_stream_writer *writer)
{
    if (writer->own_reader) {
        writer->own_reader = false;
        weft_stream_reader_unref(writer->reader);
    }
    if (writer->own_writer) {
        writer->own_writer = false;
        writer->users--;
    }
}

/* ---- What the transport tells ---- */

static int stream_connection_made(weft_protocol *protocol, weft_transport *transport)
{
    weft_stream_writer *writer = writer_of(protocol);

    writer->transport = weft_transport_ref(transport);
    writer->connected = true;
    wf_reader_replace_transport(writer->reader, transport);
    writer->over_tls = weft_transport_get_extra_info(transport, "sslcontext", NULL) != NULL;
    return writer->server ? wf_stream_handler_start(writer) : 0;
}

static int stream_data_received(weft_protocol *protocol, const void *data, size_t bytes)
{
    return weft_stream_feed_data(writer_of(protocol)->reader, data, bytes);
}

static int stream_get_buffer(weft_protocol *protocol, ssize_t hint, void **ret_buffer,
                             size_t *ret_size)
{
    (void)hint;
    return wf_reader_room(writer_of(protocol)->reader, ret_buffer, ret_size);
}

static int stream_buffer_updated(weft_protocol *protocol, size_t bytes)
{
    wf_reader_fed(writer_of(protocol)->reader, bytes);
    return 0;
}

static int stream_eof_received(weft_protocol *protocol)
{
    weft_stream_writer *writer = writer_of(protocol);
    (void)weft_stream_feed_eof(writer->reader);
    return !writer->over_tls; /* RDER-26; TLS has no half-close (TLSS-08) */
}

static void stream_pause_writing(weft_protocol *protocol)
{
    writer_of(protocol)->paused = true;
}

static void stream_resume_writing(weft_protocol *protocol)
{
    weft_stream_writer *writer = writer_of(protocol);
    writer->paused = false;
    wf_stream_wake(&writer->drains, 0, NULL); /* WRIT-07 */
}

static void stream_connection_lost(weft_protocol *protocol, int code, weft_error *error)
{
    weft_stream_writer *writer = writer_of(protocol);

    if (!writer->connected)
        return;
    writer->connected = false;
    writer->lost = true;
    writer->code = code;
    writer->error = weft_error_ref(error);
    if (code)
        (void)weft_stream_set_exception(writer->reader, code, error);
    else
        (void)weft_stream_feed_eof(writer->reader); /* RDER-25 */
    wf_reader_replace_transport(writer->reader, NULL);
    wf_stream_wake(&writer->closers, code, error);
    wf_stream_wake(&writer->drains, code, error); /* WRIT-09 */
    release_own(writer);
    wf_stream_release(writer);
}

/* The loop is being closed: no task of it will run again, and the transport is not to be used. */
static void stream_dropped(weft_protocol *protocol)
{
    weft_stream_writer *writer = writer_of(protocol);
    weft_transport *transport = writer->transport;

    if (!writer->connected)
        return;
    writer->connected = false;
    writer->dropped = writer->lost = true;
    writer->closed |= writer->own_writer || weft_transport_is_closing(transport);
    writer->code = WEFT_ELOOPCLOSED;
    writer->transport = NULL;
    (void)weft_stream_set_exception(writer->reader, WEFT_ELOOPCLOSED, NULL);
    wf_reader_replace_transport(writer->reader, NULL);
    release_own(writer);
    wf_stream_release(writer);
    if (transport)
        wf_transport_release(transport); /* of what was not closed the writer warns, if at all */
}

static const weft_protocol_ops stream_ops = {
    .connection_made = stream_connection_made,
    .data_received = stream_data_received,
    .get_buffer = stream_get_buffer,
    .buffer_updated = stream_buffer_updated,
    .eof_received = stream_eof_received,
    .connection_lost = stream_connection_lost,
    .pause_writing = stream_pause_writing,
    .resume_writing = stream_resume_writing,
    .dropped = stream_dropped,
};

/* ---- For who makes connections ---- */

weft_protocol *wf_stream_protocol_new(struct weft_loop *loop, size_t limit,
                                      const struct stream_handler *handler)
{
    weft_stream_reader *reader = wf_reader_new(loop, limit, sizeof(struct stream));
    if (!reader)
        return NULL;
    weft_stream_writer *writer = &((struct stream *)(void *)reader)->writer;
    writer->protocol.ops = &stream_ops;
    writer->reader = weft_stream_reader_ref(reader);
    writer->loop = loop;
    writer->life = loop_life(loop);
    writer->users = 1;
    writer->own_reader = writer->own_writer = true;
    writer->server = handler != NULL;
    if (handler)
        writer->handler = *handler;
    return &writer->protocol;
}

void wf_stream_protocol_take(weft_protocol *protocol, weft_stream_reader **ret_reader,
                             weft_stream_writer **ret_writer)
{
    weft_stream_writer *writer = writer_of(protocol);

    if (ret_reader) {
        writer->own_reader = false;
        *ret_reader = writer->reader;
    }
    if (ret_writer) {
        writer->own_writer = false;
        *ret_writer = writer;
    }
}

void wf_stream_protocol_give_up(weft_protocol *protocol)
{
    weft_stream_writer *writer = writer_of(protocol);

    if (writer->connected)
        weft_transport_abort(writer->transport);
    release_own(writer);
    wf_stream_release(writer);
}

weft_protocol *weft_stream_protocol_new(size_t limit, weft_stream_reader **ret_reader,
                                        weft_stream_writer **ret_writer)
{
    struct weft_loop *loop = weft_get_running_loop();

    if (!ret_reader || !ret_writer) {
        errno = EINVAL;
        return NULL;
    }
    if (!loop)
        return NULL;
    weft_protocol *protocol = wf_stream_protocol_new(loop, limit ? limit : WEFT_STREAM_LIMIT, NULL);
    if (protocol)
        wf_stream_protocol_take(protocol, ret_reader, ret_writer);
    return protocol;
}
