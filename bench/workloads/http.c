/*
 * http.c - an HTTP server that answers each request with 13 bytes of text, a task a connection.
 *
 * Requests are parsed with llhttp, as a program would; pipelined ones are answered with one write.
 */
#include <assert.h>
#include <llhttp.h>

#include "bench/workloads/listen.h"
#include "bench/workloads/sampler.h"
#include "bench/workloads/workloads.h"

#define ANSWER                     \
    "HTTP/1.1 200 OK\r\n"          \
    "Content-Type: text/plain\r\n" \
    "Content-Length: 13\r\n"       \
    "\r\n"                         \
    "Hello, World!"

#define FOUR_ANSWERS ANSWER ANSWER ANSWER ANSWER

enum { BUFFER_BYTES = 4096, ANSWER_BYTES = sizeof(ANSWER) - 1, ANSWERS_MAX = 16 };

static const char answers[] = FOUR_ANSWERS FOUR_ANSWERS FOUR_ANSWERS FOUR_ANSWERS;
static_assert(sizeof(answers) == ANSWERS_MAX * ANSWER_BYTES + 1, "as many as are sent at once");

struct parser {
    llhttp_t llhttp;
    unsigned answers; /* complete requests that are not answered yet */
    bool last;        /* the client wants no more than these */
};

static int on_message_complete(llhttp_t *llhttp)
{
    struct parser *parser = llhttp->data;
    parser->answers++;
    parser->last = !llhttp_should_keep_alive(llhttp);
    return parser->answers == ANSWERS_MAX || parser->last ? HPE_PAUSED : HPE_OK;
}

static void parser_init(struct parser *parser)
{
    static const llhttp_settings_t settings = {.on_message_complete = on_message_complete};
    llhttp_init(&parser->llhttp, HTTP_REQUEST, &settings);
    parser->llhttp.data = parser;
    parser->answers = 0;
    parser->last = false;
}

/* How a connection sends: by a socket or a stream. 0, or a negative error. */
typedef int (*send_bytes)(void *to, const char *data, size_t bytes);

/* Parses what was received, and answers each request that ends in it. False: the end. */
static bool answer(struct parser *parser, const char *data, size_t bytes, send_bytes send, void *to)
{
    const char *end = data + bytes;
    while (data < end) {
        llhttp_errno_t rc = llhttp_execute(&parser->llhttp, data, (size_t)(end - data));
        if (rc != HPE_OK && rc != HPE_PAUSED)
            return false;
        data = rc == HPE_PAUSED ? llhttp_get_error_pos(&parser->llhttp) : end;
        if (parser->answers && send(to, answers, (size_t)parser->answers * ANSWER_BYTES))
            return false;
        parser->answers = 0;
        if (parser->last)
            return false;
        if (rc == HPE_PAUSED)
            llhttp_resume(&parser->llhttp);
    }
    return true;
}

static int send_socket(void *to, const char *data, size_t bytes)
{
    return weft_sock_sendall(to, data, bytes);
}

static int http_socket(void *arg, void **result)
{
    (void)result;
    weft_socket *socket = arg;
    char buffer[BUFFER_BYTES];
    struct parser parser;
    parser_init(&parser);

    ssize_t n;
    do
        n = weft_sock_recv(socket, buffer, sizeof(buffer));
    while (n > 0 && answer(&parser, buffer, (size_t)n, send_socket, socket));
    weft_socket_close(socket);
    return 0;
}

static int send_stream(void *to, const char *data, size_t bytes)
{
    int err = weft_stream_write(to, data, bytes);
    return err ? err : weft_stream_drain(to);
}

static int http_stream(weft_stream_reader *reader, weft_stream_writer *writer, void *arg)
{
    (void)arg;
    struct parser parser;
    parser_init(&parser);

    char *data;
    ssize_t n;
    do
        n = weft_stream_read(reader, BUFFER_BYTES, &data);
    while (n > 0 && answer(&parser, data, (size_t)n, send_stream, writer));
    weft_stream_close(writer);
    weft_stream_reader_unref(reader);
    weft_stream_writer_unref(writer);
    return 0;
}

void workload_http(const char *port, bool streams)
{
    if (streams)
        listen_for_streams(port, http_stream);
    else
        listen_for_sockets(port, http_socket);
}
