/*
 * open_connection.c - connections as streams (CONN-01, CONN-20).
 */
#include <errno.h>

#include <weft/connect.h>

#include "api/stream_protocol.h"
#include "runtime/park.h"

/* The handles are there from the start: a connection that is lost at once gives back what nobody has. */
struct opening {
    weft_protocol *protocol;
    weft_stream_reader *reader;
    weft_stream_writer *writer;
    weft_transport *transport;
};

static int begin(struct opening *opening, const weft_connection_options *options,
                 weft_stream_reader **ret_reader, weft_stream_writer **ret_writer)
{
    size_t limit = options && options->limit ? options->limit : WEFT_STREAM_LIMIT;

    if (!ret_reader || !ret_writer)
        return -EINVAL;
    if (!task_current())
        return weft_fail(WEFT_ENOTASK, "only a task can connect");
    opening->protocol = wf_stream_protocol_new(loop_current(), limit, NULL);
    if (!opening->protocol)
        return -errno;
    wf_stream_protocol_take(opening->protocol, &opening->reader, &opening->writer);
    return 0;
}

/* The connection is there, or not. */
static int end(const struct opening *opening, int rc, weft_stream_reader **ret_reader,
               weft_stream_writer **ret_writer)
{
    if (rc) {
        weft_stream_reader_unref(opening->reader);
        weft_stream_writer_unref(opening->writer);
        return rc;
    }
    weft_transport_unref(opening->transport); /* the writer has one of its own */
    *ret_reader = opening->reader;
    *ret_writer = opening->writer;
    return 0;
}

int weft_open_connection(const char *host, const char *port, const weft_connection_options *options,
                         weft_stream_reader **ret_reader, weft_stream_writer **ret_writer)
{
    struct opening opening = {NULL, NULL, NULL, NULL};
    int rc = begin(&opening, options, ret_reader, ret_writer);

    if (rc)
        return rc;
    rc = weft_create_connection(opening.protocol, host, port, options, &opening.transport);
    return end(&opening, rc, ret_reader, ret_writer);
}

int weft_open_unix_connection(const char *path, const weft_connection_options *options,
                              weft_stream_reader **ret_reader, weft_stream_writer **ret_writer)
{
    struct opening opening = {NULL, NULL, NULL, NULL};
    int rc = begin(&opening, options, ret_reader, ret_writer);

    if (rc)
        return rc;
    rc = weft_create_unix_connection(opening.protocol, path, options, &opening.transport);
    return end(&opening, rc, ret_reader, ret_writer);
}

int weft_open_unix_connection_at(const weft_address *address,
                                 const weft_connection_options *options,
                                 weft_stream_reader **ret_reader, weft_stream_writer **ret_writer)
{
    struct opening opening = {NULL, NULL, NULL, NULL};
    int rc = begin(&opening, options, ret_reader, ret_writer);

    if (rc)
        return rc;
    rc = weft_create_unix_connection_at(opening.protocol, address, options, &opening.transport);
    return end(&opening, rc, ret_reader, ret_writer);
}
