/*
 * proxy - passes TCP connections on to another server.
 *
 *      proxy --to HOST:PORT [--host HOST] [--port PORT] [--connect-timeout S] [--idle-timeout S]
 *            [--max-connections N]
 *
 * Either side may end its direction and go on reading: the end is passed on, and the other direction
 * lives until it ends too. A side that breaks ends both. A pair in which nothing moves for the idle
 * time is closed. What is in memory for each pair is bounded: a pump that cannot send does not
 * read. SIGTERM and Ctrl-C close what is open, and end it.
 */
#include <errno.h>
#include <getopt.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weft/weft.h>

#include "examples/common/program.h"
#include "examples/proxy/pump.h"

struct proxy {
    const char *host, *port;
    const char *to_host, *to_port;
    double connect_timeout, idle_timeout;
    int connections_max;
    _Atomic int connections; /* on all loops */
};

static int connect_target(const struct proxy *proxy, struct pair *pair)
{
    weft_timeout limit;
    int err = weft_timeout_init(&limit, proxy->connect_timeout);
    if (!err)
        err = weft_timeout_begin(&limit);
    if (err)
        return err;
    err = weft_open_connection(proxy->to_host, proxy->to_port, NULL, &pair->target.reader,
                               &pair->target.writer);
    return weft_timeout_end(&limit, err);
}

/*
 * broken: at once, whatever is still to be sent. Otherwise what is left may be taken, as long as the
 * idle time.
 */
static int close_side(struct side *side, double idle_timeout, bool broken)
{
    weft_timeout limit;
    if (!side->writer)
        return 0;
    if (broken)
        weft_transport_abort(weft_stream_transport(side->writer));
    weft_stream_close(side->writer);
    int err = weft_timeout_init(&limit, idle_timeout);
    if (!err)
        err = weft_timeout_begin(&limit);
    if (!err)
        err = weft_timeout_end(&limit, weft_stream_wait_closed(side->writer));
    if (err == WEFT_ETIMEDOUT) {
        weft_transport_abort(weft_stream_transport(side->writer));
        err = weft_stream_wait_closed(side->writer);
    }
    weft_stream_reader_unref(side->reader);
    weft_stream_writer_unref(side->writer);
    return err;
}

/* A task for each client. */
static int serve(weft_stream_reader *reader, weft_stream_writer *writer, void *arg)
{
    struct proxy *proxy = arg;
    struct pair pair = {
        .client = {reader, writer},
        .idle_timeout = proxy->idle_timeout,
        .moved = weft_loop_time(weft_get_running_loop()),
    };
    int open = atomic_fetch_add_explicit(&proxy->connections, 1, memory_order_relaxed);
    int err = open < proxy->connections_max ? connect_target(proxy, &pair) : -EBUSY;
    if (!err)
        err = pair_pump(&pair);
    int rc = close_side(&pair.target, pair.idle_timeout, err != 0);
    int rc2 = close_side(&pair.client, pair.idle_timeout, err != 0);
    atomic_fetch_sub_explicit(&proxy->connections, 1, memory_order_relaxed);
    /* How a connection has ended is between its two ends. */
    bool cancelled = err == WEFT_ECANCELLED || rc == WEFT_ECANCELLED || rc2 == WEFT_ECANCELLED;
    return cancelled ? WEFT_ECANCELLED : 0;
}

static int run(void *arg, void **result)
{
    (void)result;
    struct proxy *proxy = arg;
    weft_server *server;
    int err = weft_start_server(serve, proxy, proxy->host, proxy->port,
                                &(weft_server_options){.loops = WEFT_ALL_LOOPS, .backlog = 1024},
                                &server);
    if (err)
        return err;
    err = serve_until_asked(server);
    weft_server_close(server);
    weft_server_abort_clients(server);
    if (!err)
        err = weft_server_wait_closed(server);
    weft_server_unref(server);
    return err;
}

/* "host:port", cut in two. */
static bool take_target(char *text, struct proxy *proxy)
{
    char *colon = strrchr(text, ':');
    if (!colon || colon == text || !colon[1])
        return false;
    *colon = '\0';
    proxy->to_host = text;
    proxy->to_port = colon + 1;
    return true;
}

static bool take_option(int option, struct proxy *proxy)
{
    double number;
    switch (option) {
    case 'h':
        proxy->host = optarg;
        return true;
    case 'p':
        proxy->port = optarg;
        return true;
    case 't':
        return take_target(optarg, proxy);
    case 'C':
        return positive(optarg, &proxy->connect_timeout);
    case 'I':
        return positive(optarg, &proxy->idle_timeout);
    case 'm':
        if (!positive(optarg, &number))
            return false;
        proxy->connections_max = (int)number;
        return true;
    default:
        return false;
    }
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"host", required_argument, NULL, 'h'},
        {"port", required_argument, NULL, 'p'},
        {"to", required_argument, NULL, 't'},
        {"connect-timeout", required_argument, NULL, 'C'},
        {"idle-timeout", required_argument, NULL, 'I'},
        {"max-connections", required_argument, NULL, 'm'},
        {0},
    };
    static struct proxy proxy = {
        .host = "127.0.0.1",
        .port = "8080",
        .connect_timeout = 5,
        .idle_timeout = 60,
        .connections_max = 10000,
    };
    bool good = true;
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;)
        good = good && take_option(option, &proxy);
    if (!good || !proxy.to_host || optind < argc) {
        fputs("usage: proxy --to HOST:PORT [--host HOST] [--port PORT] [--connect-timeout S]\n"
              "             [--idle-timeout S] [--max-connections N]\n",
              stderr);
        return EXIT_FAILURE;
    }
    raise_limit_of_files(); /* two descriptors a pair */
    int err = weft_run(run, &proxy, NULL);
    return err ? complain("proxy", err) : EXIT_SUCCESS;
}
