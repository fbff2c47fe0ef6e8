/*
 * stream_writer.c - the writing side of a stream: mostly its transport's, but for what suspends.
 */
#include <errno.h>

#include "api/stream_protocol.h"
#include "api/stream_reader.h"
#include "runtime/base/likely.h"

/* There is no transport. */
static int refuse(const weft_stream_writer *writer)
{
    if (!writer)
        return -EINVAL;
    return writer->dropped ? weft_fail(WEFT_ELOOPCLOSED, "the loop of the stream is closed")
                           : weft_fail(WEFT_ERUNTIME, "the stream has no transport yet");
}

static inline bool has_transport(const weft_stream_writer *writer)
{
    return likely(writer != NULL) && likely(writer->transport != NULL);
}

int weft_stream_write(weft_stream_writer *writer, const void *data, size_t bytes)
{
    if (unlikely(!has_transport(writer)))
        return refuse(writer);
    return weft_transport_write(writer->transport, data, bytes);
}

int weft_stream_writelines(weft_stream_writer *writer, const struct iovec *pieces, int count)
{
    if (unlikely(!has_transport(writer)))
        return refuse(writer);
    return weft_transport_writelines(writer->transport, pieces, count);
}

int weft_stream_write_eof(weft_stream_writer *writer)
{
    return has_transport(writer) ? weft_transport_write_eof(writer->transport) : refuse(writer);
}

bool weft_stream_can_write_eof(const weft_stream_writer *writer)
{
    return writer && weft_transport_can_write_eof(writer->transport);
}

void weft_stream_close(weft_stream_writer *writer)
{
    if (!writer)
        return;
    writer->closed = true; /* also when the loop is closed */
    weft_transport_close(writer->transport);
}

bool weft_stream_is_closing(const weft_stream_writer *writer)
{
    return writer && weft_transport_is_closing(writer->transport);
}

const void *weft_stream_get_extra_info(const weft_stream_writer *writer, const char *name,
                                       const void *fallback)
{
    return writer ? weft_transport_get_extra_info(writer->transport, name, fallback) : fallback;
}

weft_transport *weft_stream_transport(const weft_stream_writer *writer)
{
    return writer ? writer->transport : NULL;
}

weft_stream_writer *weft_stream_writer_ref(weft_stream_writer *writer)
{
    if (writer)
        writer->users++;
    return writer;
}

void weft_stream_writer_unref(weft_stream_writer *writer)
{
    if (!writer)
        return;
    writer->users--;
    wf_stream_release(writer);
}

/* ---- What suspends ---- */

static const struct wait_ops drain_ops = STREAM_WAIT_OPS("stream drain");
static const struct wait_ops close_ops = STREAM_WAIT_OPS("stream close");

int weft_stream_drain(weft_stream_writer *writer)
{
    if (unlikely(!writer))
        return -EINVAL;
    if (unlikely(writer->reader->code)) /* WRIT-11 */
        return wf_reader_failed(writer->reader);
    if (unlikely(weft_transport_is_closing(writer->transport))) {
        /* WRIT-10: connection_lost may be queued. A loop of writes and drains must come to see it. */
        int rc = weft_yield();
        if (rc)
            return rc;
    }
    if (unlikely(writer->lost))
        return weft_fail(-ECONNRESET, "the connection is lost");
    if (likely(!writer->paused))
        return 0;
    return wf_stream_wait(writer->loop, &writer->drains, &drain_ops, writer);
}

int weft_stream_wait_closed(weft_stream_writer *writer)
{
    if (unlikely(!writer))
        return -EINVAL;
    if (!writer->lost && !writer->connected)
        return refuse(writer);
    if (!writer->lost)
        return wf_stream_wait(writer->loop, &writer->closers, &close_ops, writer);
    if (writer->code) /* WRIT-14 */
        wf_error_raise(wf_error_slot(), weft_error_ref(writer->error));
    return writer->code;
}
