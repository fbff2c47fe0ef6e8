/*
 * stream_handler.c - a server's handler of one connection: its task, and what its end leads to.
 *
 * The end is looked at one iteration later, as asyncio's done callback does. Until then the
 * connection is not closed for want of handles: a handler that fails may have given back the writer
 * without closing it, and only its error is reported.
 */
#include <errno.h>

#include "api/stream_protocol.h"
#include "api/stream_reader.h"
#include "runtime/base/likely.h"
#include "runtime/sched/report.h"

static const char failed_text[] = "Unhandled exception in client_connected_cb";

/* The error object that goes with a code; borrowed, or NULL. */
static weft_error *error_of(int code)
{
    weft_error *error = wf_error_slot()->current;
    return error && weft_error_code(error) == code ? error : NULL;
}

/* One iteration after the end; or with no loop, which is being closed. */
static void handler_served(struct runnable *r, struct weft_loop *loop)
{
    weft_stream_writer *writer = container_of(r, weft_stream_writer, served);

    writer->serving = false;
    if (writer->served_code) {
        if (loop && writer->served_code != WEFT_ECANCELLED) /* SRVR-04 */
            wf_report(loop, failed_text, writer->served_code, writer->served_error, NULL, NULL);
        if (writer->connected) /* SRVR-03 */
            weft_transport_close(writer->transport);
    }
    weft_error_unref(writer->served_error);
    writer->served_error = NULL;
    wf_stream_release(writer);
}

static void handler_ended(weft_stream_writer *writer, int code)
{
    writer->served_code = code < 0 ? code : 0;
    writer->served_error = weft_error_ref(code < 0 ? error_of(code) : NULL);
    writer->served.run = handler_served;
    if (loop_is_closed(writer->loop))
        handler_served(&writer->served, NULL);
    else
        ready_push(writer->loop, &writer->served);
}

/* The body of the handler's task. */
static int handler_main(void *arg, void **result)
{
    weft_stream_writer *writer = arg;
    int rc = writer->handler.client_connected(writer->reader, writer, writer->handler.arg);

    (void)result;
    /* Its error is reported by us. Relaxed: a flag for whoever gives back the task. */
    atomic_store_explicit(&task_current()->future.taken, 1, memory_order_relaxed);
    handler_ended(writer, rc);
    return rc;
}

/* It was cancelled before it began. */
static void handler_dropped(void *arg)
{
    weft_stream_writer *writer = arg;

    weft_stream_reader_unref(writer->reader);
    writer->users--;
    handler_ended(writer, WEFT_ECANCELLED);
}

static int start_task(weft_stream_writer *writer)
{
    const weft_task_options options = {.stack_bytes = writer->handler.stack_bytes,
                                       .arg_drop = handler_dropped};

    writer->own_reader = writer->own_writer = false;
    writer->serving = true;
    weft_task *task = weft_create_task_on(writer->loop, handler_main, writer, &options);
    if (unlikely(!task)) {
        int code = errno > 0 ? -errno : -ENOMEM;
        writer->own_reader = writer->own_writer = true;
        writer->serving = false;
        return weft_fail(code, "no task for a connection");
    }
    weft_unref(task); /* the loop keeps it */
    return 0;
}

int wf_stream_handler_start(weft_stream_writer *writer)
{
    if (!writer->handler.plain)
        return start_task(writer);
    writer->own_reader = writer->own_writer = false;
    int rc = writer->handler.client_connected(writer->reader, writer, writer->handler.arg);
    if (rc < 0) /* SRVR-06 */
        wf_report(writer->loop, failed_text, rc, error_of(rc), NULL, NULL);
    return 0;
}
