/*
 * connection.c - see connection.h.
 *
 *      read ----> request ----> route ----> out ----> flush
 *      (4 KiB)    (bounded)                 (8 KiB)   before the next read
 *
 * Answers gather until there is nothing left to read: pipelined requests are answered with one
 * write. Each wait has a limit: for the first byte of a request, for the rest of it, for a client
 * that does not take its answer.
 */
#include "examples/httpd/connection.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "examples/httpd/routes.h"

/* The end of the stream, and whatever else needs no more than to be closed. */
enum { CONNECTION_OVER = -ECONNRESET };

/* How long, and for how much, a client is listened to that still talks when it has its last answer. */
#define LINGER_SECONDS 2.0
#define LINGER_BYTES   ((size_t)1024 * 1024)

static struct worker *worker_here(struct httpd *httpd)
{
    const weft_loop *loop = weft_get_running_loop();
    for (int i = 0; i < httpd->workers_count; i++) {
        if (httpd->workers[i].loop == loop)
            return &httpd->workers[i];
    }
    return NULL;
}

static const char *date_now(struct worker *worker)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    if (now.tv_sec != worker->date_seconds) {
        worker->date_seconds = now.tv_sec;
        response_date(now.tv_sec, worker->date);
    }
    return worker->date;
}

/* A time limit has struck: what is still to be sent is of no use. */
static int give_up(struct connection *connection)
{
    count(&connection->worker->counters.timeouts);
    weft_transport_abort(weft_stream_transport(connection->writer));
    return WEFT_ETIMEDOUT;
}

static int write_out(struct connection *connection, const char *data, size_t bytes)
{
    weft_timeout limit;
    int err = weft_stream_write(connection->writer, data, bytes);
    if (!err)
        err = weft_timeout_init(&limit, connection->worker->httpd->options.send_timeout);
    if (!err)
        err = weft_timeout_begin(&limit);
    if (err)
        return err;
    err = weft_timeout_end(&limit, weft_stream_drain(connection->writer));
    return err == WEFT_ETIMEDOUT ? give_up(connection) : err;
}

int connection_flush(struct connection *connection)
{
    struct text *out = &connection->out;
    if (out->bytes == 0)
        return 0;
    int err = write_out(connection, out->at, out->bytes);
    out->bytes = 0;
    return err;
}

int connection_answer_head(struct connection *connection, struct response *response)
{
    struct text *out = &connection->out;
    struct worker *worker = connection->worker;
    if (out->room - out->bytes < RESPONSE_HEAD_MAX + response->location_bytes) {
        int err = connection_flush(connection);
        if (err)
            return err;
    }
    connection->last = connection->last || !connection->request.keep_alive ||
                       atomic_load_explicit(&worker->httpd->draining, memory_order_relaxed);
    response->close = connection->last;
    response_head(out, response, date_now(worker));
    count(&worker->counters.answers[response->status / 100]);
    return 0;
}

int connection_answer(struct connection *connection, struct response *response, const char *body,
                      size_t bytes)
{
    struct text *out = &connection->out;
    response->length = bytes;
    int err = connection_answer_head(connection, response);
    if (err || connection->head_only)
        return err;
    if (bytes <= out->room - out->bytes) {
        text_add_bytes(out, body, bytes);
        return 0;
    }
    err = connection_flush(connection);
    return err ? err : write_out(connection, body, bytes);
}

int connection_answer_status(struct connection *connection, int status)
{
    char body[64];
    struct text text = {.at = body, .room = sizeof(body)};
    text_add_number(&text, (uint64_t)status);
    text_add(&text, " ");
    text_add(&text, response_reason(status));
    text_add(&text, "\n");
    struct response response = {.status = status, .type = "text/plain"};
    return connection_answer(connection, &response, body, text.bytes);
}

/* Reads on in what has been received. */
static enum request_state parse(struct connection *connection)
{
    size_t used;
    enum request_state state =
        request_feed(&connection->request, connection->in + connection->in_first,
                     connection->in_last - connection->in_first, &used);
    connection->in_first += used;
    return state;
}

/* Receives until there is a request, inside the limit. */
static int receive(struct connection *connection, weft_timeout *limit)
{
    struct request *request = &connection->request;
    struct httpd *httpd = connection->worker->httpd;
    for (;;) {
        if (!request->begun && atomic_load_explicit(&httpd->draining, memory_order_relaxed))
            return CONNECTION_OVER;
        connection->idle = !request->begun;
        ssize_t n =
            weft_stream_read_into(connection->reader, connection->in, sizeof(connection->in));
        connection->idle = false;
        if (n <= 0)
            return n ? (int)n : CONNECTION_OVER;
        bool begun = request->begun;
        connection->in_first = 0;
        connection->in_last = (size_t)n;
        if (parse(connection) != REQUEST_MORE)
            return 0;
        if (!begun && request->begun) {
            double now = weft_loop_time(connection->worker->loop);
            int err = weft_timeout_reschedule(limit, now + httpd->options.request_timeout);
            if (err)
                return err;
        }
    }
}

/* Waits for the next request, complete or one that cannot be taken. */
static int next_request(struct connection *connection)
{
    struct request *request = &connection->request;
    const struct options *options = &connection->worker->httpd->options;
    if (parse(connection) != REQUEST_MORE)
        return 0;
    int err = connection_flush(connection);
    if (err)
        return err;

    weft_timeout limit;
    err = weft_timeout_init(&limit,
                            request->begun ? options->request_timeout : options->idle_timeout);
    if (!err)
        err = weft_timeout_begin(&limit);
    if (err)
        return err;
    err = weft_timeout_end(&limit, receive(connection, &limit));
    if (err != WEFT_ETIMEDOUT)
        return err;
    count(&connection->worker->counters.timeouts);
    if (!request->begun)
        return CONNECTION_OVER;
    request->state = REQUEST_BAD;
    request->status = 408;
    return 0;
}

/*
 * Ends the answers, and drops what still comes. Closing at once, with bytes that nobody has read,
 * would reset the connection, and the client might lose the answer that says why.
 */
static int linger(struct connection *connection)
{
    weft_stream_writer *writer = connection->writer;
    weft_timeout limit;
    int err = weft_stream_can_write_eof(writer) ? weft_stream_write_eof(writer) : CONNECTION_OVER;
    if (!err)
        err = weft_timeout_init(&limit, LINGER_SECONDS);
    if (!err)
        err = weft_timeout_begin(&limit);
    if (err)
        return err == CONNECTION_OVER ? 0 : err;
    size_t dropped = 0;
    ssize_t n;
    do {
        n = weft_stream_read_into(connection->reader, connection->in, sizeof(connection->in));
        dropped += n > 0 ? (size_t)n : 0;
    } while (n > 0 && dropped < LINGER_BYTES);
    err = weft_timeout_end(&limit, n < 0 ? (int)n : 0);
    return err == WEFT_ETIMEDOUT ? 0 : err;
}

/* The last answer to a client that may not have said all that it has to say. */
static int refuse(struct connection *connection, int status)
{
    connection->last = true;
    int err = connection_answer_status(connection, status);
    if (!err)
        err = connection_flush(connection);
    return err ? err : linger(connection);
}

static int serve(struct connection *connection)
{
    struct request *request = &connection->request;
    int err = 0;
    while (!err && !connection->last) {
        connection->head_only = false;
        err = next_request(connection);
        if (err)
            break;
        count(&connection->worker->counters.requests);
        if (request->state == REQUEST_BAD)
            return refuse(connection, request->status);
        connection->head_only = request_method(request) == HTTP_HEAD;
        err = route(connection);
        if (!err && !connection->last)
            request_next(request);
    }
    if (!err)
        err = connection_flush(connection);
    return err || !request_value(request, REQUEST_EXPECT) ? err : linger(connection);
}

static void link_connection(struct connection *connection)
{
    struct worker *worker = connection->worker;
    connection->next = worker->connections;
    if (connection->next)
        connection->next->prev = connection;
    worker->connections = connection;
}

static void unlink_connection(struct connection *connection)
{
    if (connection->next)
        connection->next->prev = connection->prev;
    if (connection->prev)
        connection->prev->next = connection->next;
    else
        connection->worker->connections = connection->next;
}

static struct connection *connection_new(struct httpd *httpd, weft_stream_reader *reader,
                                         weft_stream_writer *writer)
{
    struct worker *worker = worker_here(httpd);
    struct connection *connection = worker ? malloc(sizeof(*connection)) : NULL;
    if (!connection)
        return NULL;
    connection->prev = NULL;
    connection->worker = worker;
    connection->reader = reader;
    connection->writer = writer;
    connection->idle = connection->last = connection->head_only = false;
    connection->in_first = connection->in_last = 0;
    connection->out = (struct text){.at = connection->out_memory, .room = CONNECTION_OUT};
    request_init(&connection->request);
    link_connection(connection);
    return connection;
}

static int serve_new(struct connection *connection)
{
    struct worker *worker = connection->worker;
    struct httpd *httpd = worker->httpd;
    int open = atomic_fetch_add_explicit(&httpd->connections, 1, memory_order_relaxed);
    int err;
    count(&worker->counters.connections);
    if (open < httpd->options.connections_max)
        err = serve(connection);
    else
        err = refuse(connection, 503);
    return err;
}

/* Closes, and waits until what is left has been taken, no longer than the send time-out. */
static int close_writer(const struct httpd *httpd, weft_stream_writer *writer)
{
    weft_timeout limit;
    weft_stream_close(writer);
    int err = weft_timeout_init(&limit, httpd->options.send_timeout);
    if (!err)
        err = weft_timeout_begin(&limit);
    if (!err)
        err = weft_timeout_end(&limit, weft_stream_wait_closed(writer));
    if (err != WEFT_ETIMEDOUT)
        return err;
    weft_transport_abort(weft_stream_transport(writer));
    return weft_stream_wait_closed(writer);
}

int connection_main(weft_stream_reader *reader, weft_stream_writer *writer, void *arg)
{
    struct httpd *httpd = arg;
    struct connection *connection = connection_new(httpd, reader, writer);
    bool counted = connection != NULL;
    int err = connection ? serve_new(connection) : -ENOMEM;
    if (err && err != CONNECTION_OVER) /* nothing more can be sent in order */
        weft_transport_abort(weft_stream_transport(writer));
    if (connection) {
        unlink_connection(connection);
        free(connection);
    }
    int rc = close_writer(httpd, writer); /* what was the matter with it is nobody's concern */
    if (counted) /* until now: a client that takes nothing of its last answer has a connection, too */
        atomic_fetch_sub_explicit(&httpd->connections, 1, memory_order_relaxed);
    weft_stream_reader_unref(reader);
    weft_stream_writer_unref(writer);
    return err == WEFT_ECANCELLED || rc == WEFT_ECANCELLED ? WEFT_ECANCELLED : 0;
}

int connections_drain(void *arg)
{
    struct worker *worker = arg;
    for (struct connection *connection = worker->connections; connection;
         connection = connection->next) {
        if (connection->idle)
            weft_stream_close(connection->writer);
    }
    return 0;
}
