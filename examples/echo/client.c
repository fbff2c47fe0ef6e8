/*
 * echo client - sends the lines of its standard input to a server, and prints what comes back.
 *
 *      echo_client [--host HOST] [--port PORT] [--unix PATH] [--ca FILE [--name NAME]]
 *
 * --ca: TLS, and the server's certificate must lead to this one and be for NAME (the host, unless
 * given). Standard input may block, so a thread of the pool reads it.
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
    weft_connection_options options;
    weft_stream_reader *reader;
    weft_stream_writer *writer;
};

/* A line of standard input. A thread may still be reading when its task is cancelled: so it belongs
 * to the program. */
static struct {
    char *text;
    size_t room;
    ssize_t bytes; /* < 0: the end */
} input;

/* In the pool. */
static int read_input(void *arg, void **result)
{
    (void)arg;
    (void)result;
    errno = 0;
    input.bytes = getline(&input.text, &input.room, stdin);
    return input.bytes < 0 && errno ? -errno : 0;
}

static int send_input(const struct echo *echo)
{
    int err = weft_stream_write(echo->writer, input.text, (size_t)input.bytes);
    if (!err && input.text[input.bytes - 1] != '\n') /* the last one */
        err = weft_stream_write(echo->writer, "\n", 1);
    return err ? err : weft_stream_drain(echo->writer);
}

static int print_answer(const struct echo *echo)
{
    char *line;
    ssize_t n = weft_stream_readline(echo->reader, &line);
    if (n <= 0)
        return n ? (int)n : weft_fail(-EPIPE, "the server has closed the connection");
    fwrite(line, 1, (size_t)n, stdout);
    return fflush(stdout) ? -errno : 0;
}

static int talk(const struct echo *echo)
{
    for (;;) {
        int err = weft_join(weft_to_thread(read_input, NULL), NULL);
        if (err || input.bytes < 0)
            return err;
        err = send_input(echo);
        if (!err)
            err = print_answer(echo);
        if (err)
            return err;
    }
}

static int run(void *arg, void **result)
{
    (void)result;
    struct echo *echo = arg;
    int err = echo->path ? weft_open_unix_connection(echo->path, &echo->options, &echo->reader,
                                                     &echo->writer)
                         : weft_open_connection(echo->host, echo->port, &echo->options,
                                                &echo->reader, &echo->writer);
    if (err)
        return err;
    err = talk(echo);
    weft_stream_close(echo->writer);
    int rc = weft_stream_wait_closed(echo->writer);
    weft_stream_reader_unref(echo->reader);
    weft_stream_writer_unref(echo->writer);
    return err ? err : rc;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"host", required_argument, NULL, 'h'}, {"port", required_argument, NULL, 'p'},
        {"unix", required_argument, NULL, 'u'}, {"ca", required_argument, NULL, 'c'},
        {"name", required_argument, NULL, 'n'}, {0},
    };
    struct echo echo = {.host = "127.0.0.1", .port = "8888"};
    const char *ca = NULL;
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
            ca = optarg;
            break;
        case 'n':
            echo.options.server_hostname = optarg;
            break;
        default:
            fputs("usage: echo_client [--host HOST] [--port PORT] [--unix PATH]"
                  " [--ca FILE [--name NAME]]\n",
                  stderr);
            return EXIT_FAILURE;
        }
    }
    int err = 0;
    if (ca) {
        weft_ssl_context *ssl = weft_ssl_create_default_context(WEFT_SSL_SERVER_AUTH);
        err = ssl ? weft_ssl_context_load_verify_locations(ssl, ca, NULL, NULL) : -errno;
        echo.options.ssl = ssl;
    }
    if (!err)
        err = weft_run(run, &echo, NULL);
    int status = err ? complain("echo_client", err) : EXIT_SUCCESS;
    weft_ssl_context_unref(echo.options.ssl);
    free(input.text);
    return status;
}
