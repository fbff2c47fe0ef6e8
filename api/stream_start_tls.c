/*
 * stream_start_tls.c - an open stream becomes one over TLS, under the same handles.
 *
 * The new transport takes its place at once: what is written during the handshake is not sent in the
 * clear. What was received and not read belongs to the new one, too: nobody vouches for it, so it must
 * not be read later as if it had come over TLS.
 */
#include <errno.h>
#include <math.h>

#include "api/ssl.h"
#include "api/stream_protocol.h"
#include "api/stream_reader.h"
#include "runtime/sched/future_ops.h"

static void handshake_over(void *arg, int code, weft_error *error)
{
    weft_future *shaken = arg;

    /* Either is refused by one that was cancelled. */
    if (code)
        (void)wf_future_fail(shaken, OUTCOME_FAILED, code, weft_error_ref(error));
    else
        (void)wf_future_succeed(shaken, NULL);
    weft_unref(shaken);
}

static bool seconds_are_bad(double seconds)
{
    return isnan(seconds) || seconds < 0;
}

static int check_arguments(const weft_stream_writer *writer, const weft_ssl_context *context,
                           const weft_start_tls_options *options)
{
    if (!context || !context->ops)
        return weft_fail(-EINVAL, "there is no TLS context"); /* TLSS-10 */
    if (seconds_are_bad(options->ssl_handshake_timeout) ||
        seconds_are_bad(options->ssl_shutdown_timeout))
        return weft_fail(-EINVAL, "a time-out of TLS must be more than 0 seconds");
    if (!writer->server && !options->server_hostname)
        return weft_fail(-EINVAL, "server_hostname is needed: the name to check, or \"\" for none");
    return task_current() ? 0 : weft_fail(WEFT_ENOTASK, "only a task can start TLS");
}

/* Under the same reader and writer. */
static void replace_transport(weft_stream_writer *writer, weft_transport *transport)
{
    weft_transport *lower = writer->transport;

    wf_reader_forget(writer->reader); /* so the lower one reads again */
    writer->transport = transport;
    writer->over_tls = true;
    wf_reader_replace_transport(writer->reader, transport);
    weft_transport_unref(lower); /* which the upper one has as well */
}

/* After the last wait before the upgrade. */
static int check_state(const weft_stream_writer *writer)
{
    const weft_stream_reader *reader = writer->reader;

    if (weft_transport_is_closing(writer->transport))
        return weft_fail(-ECONNRESET, "the connection is closing");
    if (reader->busy && buffer_bytes(&reader->buffer)) /* these are for the one who reads */
        return weft_fail(WEFT_ERUNTIME, "another task is reading from the stream");
    if (reader->eof) { /* TLSS-05 */
        weft_transport_abort(writer->transport);
        return weft_fail(-ECONNRESET, "the peer has ended the stream before the TLS handshake");
    }
    return 0;
}

int weft_stream_start_tls(weft_stream_writer *writer, weft_ssl_context *context,
                          const weft_start_tls_options *options)
{
    static const weft_start_tls_options none;

    if (!writer)
        return -EINVAL;
    if (!options)
        options = &none;
    int rc = check_arguments(writer, context, options);
    if (!rc)
        rc = weft_stream_drain(writer);
    if (!rc)
        rc = check_state(writer);
    if (rc)
        return rc;
    weft_future *shaken = weft_create_future();
    if (!shaken)
        return -ENOMEM;
    struct iovec received[2];
    wf_buffer_pieces(&writer->reader->buffer, received);
    const struct ssl_wrap wrap = {
        .server_side = writer->server,
        .server_hostname = options->server_hostname,
        .received = received,
        .received_count = 2,
        .handshake_timeout = options->ssl_handshake_timeout > 0 ? options->ssl_handshake_timeout
                                                                : SSL_HANDSHAKE_TIMEOUT,
        .shutdown_timeout = options->ssl_shutdown_timeout > 0 ? options->ssl_shutdown_timeout
                                                              : SSL_SHUTDOWN_TIMEOUT,
        .shaken = handshake_over,
        .arg = weft_ref(shaken),
    };
    weft_transport *transport =
        context->ops->wrap(context, writer->transport, &writer->protocol, &wrap);
    if (!transport) {
        rc = errno > 0 ? -errno : -ENOMEM;
        weft_unref(shaken);
        weft_unref(shaken);
        return rc;
    }
    replace_transport(writer, transport);
    rc = weft_join(shaken, NULL);
    if (rc) /* TLSS-11 */
        weft_transport_abort(writer->transport);
    return rc;
}
