/*
 * echo server - sends each line back to whoever sent it.
 *
 *      echo_server [--host HOST] [--port PORT] [--unix PATH] [--cert FILE [--key FILE]]
 *
 * asyncio's example of streams, over TCP, a Unix socket or TLS. SIGTERM and Ctrl-C end it: what a
 * client has sent by then is still answered.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include <weft/tls.h>
#include <weft/weft.h>

#include "examples/common/program.h"

struct echo {
    const char *host, *port, *path; /* path: NULL unless it is a Unix socket */
    weft_ssl_context *ssl;
};

static int echo_lines(weft_stream_reader *reader, weft_stream_writer *writer)
{
    static const char too_long[] = "error: that line is too long\n";
    char *line;
    ssize_t n;
    while ((n = weft_stream_readline(reader, &line)) > 0) {
        int err = weft_stream_write(writer, line, (size_t)n);
        if (!err)
            err = weft_stream_drain(writer);
        if (err)
            return err;
    }
    if (n != -EINVAL)
        return (int)n;
    int err = weft_stream_write(writer, too_long, sizeof(too_long) - 1);
    if (!err && weft_stream_can_write_eof(writer))
        err = weft_stream_write_eof(writer);
    /* Closing with bytes that nobody has read would reset the connection, and take the answer along. */
    while (!err && weft_stream_read(reader, WEFT_STREAM_LIMIT, &line) > 0)
        ;
    return err;
}

/* A task for each connection. */
static int serve(weft_stream_reader *reader, weft_stream_writer *writer, void *arg)
{
    (void)arg;
    int err = echo_lines(reader, writer);
    weft_stream_close(writer);
    int rc = weft_stream_wait_closed(writer);
    weft_stream_reader_unref(reader);
    weft_stream_writer_unref(writer);
    /* A client that goes away in the middle is nothing to report. */
    return err == WEFT_ECANCELLED || rc == WEFT_ECANCELLED ? WEFT_ECANCELLED : 0;
}

static int run(void *arg, void **result)
{
    (void)result;
    struct echo *echo = arg;
    const weft_server_options options = {.ssl = echo->ssl};
    weft_server *server;
    int err = echo->path
                  ? weft_start_unix_server(serve, NULL, echo->path, &options, &server)
                  : weft_start_server(serve, NULL, echo->host, echo->port, &options, &server);
    if (err)
        return err;
    err = serve_until_asked(server);
    weft_server_close(server);
    weft_server_close_clients(server);
    if (!err)
        err = weft_server_wait_closed(server);
    weft_server_unref(server);
    return err;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"host", required_argument, NULL, 'h'}, {"port", required_argument, NULL, 'p'},
        {"unix", required_argument, NULL, 'u'}, {"cert", required_argument, NULL, 'c'},
        {"key", required_argument, NULL, 'k'},  {0},
    };
    struct echo echo = {.host = "127.0.0.1", .port = "8888"};
    const char *cert = NULL, *key = NULL;
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (option) {
        case 'h':
            echo.host = optarg;
            break;
        case 'p':
            echo.port = optarg;
            break;
        case 'u':
            echo.path = optarg;
            break;
        case 'c':
            cert = optarg;
            break;
        case 'k':
            key = optarg;
            break;
        default:
            fputs("usage: echo_server [--host HOST] [--port PORT] [--unix PATH]"
                  " [--cert FILE [--key FILE]]\n",
                  stderr);
            return EXIT_FAILURE;
        }
    }
    int err = 0;
    if (cert) {
        echo.ssl = weft_ssl_create_default_context(WEFT_SSL_CLIENT_AUTH);
        err = echo.ssl ? weft_ssl_context_load_cert_chain(echo.ssl, cert, key, NULL) : -errno;
    }
    if (!err)
        err = weft_run(run, &echo, NULL);
    int status = err ? complain("echo_server", err) : EXIT_SUCCESS;
    weft_ssl_context_unref(echo.ssl);
    return status;
}
