/*
 * httpd - an HTTP/1.1 server on every core.
 *
 *      httpd [--port PORT] [--root DIR] [--cert FILE --key FILE] ...
 *
 * Each loop has a listener, which the kernel gives its share of the connections, and serves them by
 * itself: loops share a few numbers and nothing else. A connection is a task (connection.c); a
 * request is parsed in place (request.c) and goes to a route (routes.c): files are opened in the thread
 * pool and sent by the kernel (files.c), computing is spread over the loops (hash.c).
 *
 * SIGTERM or SIGINT: nothing new is accepted, idle connections are closed, requests in flight are
 * answered, up to a time limit. A second one does not wait.
 *
 * Bounded are the requests (request.h), the connections, their memory, and every wait. Not bounded is
 * how long a disk takes under sendfile, which reads what is not in memory while the loop waits.
 */
#include "examples/httpd/httpd.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <weft/tls.h>

#include "examples/common/program.h"
#include "examples/httpd/connection.h"
#include "examples/httpd/options.h"
#include "examples/httpd/routes.h"

#define BACKLOG 1024

/* The end, as the main task and the signals' callback see it: on the first loop. */
struct ending {
    weft_server *server;
    weft_future *asked; /* done by the first signal */
};

static int on_signal(void *arg)
{
    struct ending *ending = arg;
    if (!weft_done(ending->asked))
        return weft_future_set_result(ending->asked, NULL);
    weft_server_abort_clients(ending->server);
    return 0;
}

static int listen_for_signals(struct ending *ending)
{
    weft_loop *loop = weft_get_running_loop();
    int err = weft_loop_add_signal_handler(loop, SIGTERM, on_signal, ending);
    return err ? err : weft_loop_add_signal_handler(loop, SIGINT, on_signal, ending);
}

/* Lets the requests in flight end, for a limited time. */
static int drain(struct httpd *httpd, weft_server *server)
{
    atomic_store_explicit(&httpd->draining, true, memory_order_relaxed);
    weft_server_close(server);
    for (int i = 0; i < httpd->workers_count; i++) {
        struct worker *worker = &httpd->workers[i];
        int err = weft_call_soon_threadsafe(worker->loop, connections_drain, worker, NULL);
        if (err)
            return err;
    }
    weft_timeout limit;
    int err = weft_timeout_init(&limit, httpd->options.drain_timeout);
    if (!err)
        err = weft_timeout_begin(&limit);
    if (err)
        return err;
    err = weft_timeout_end(&limit, weft_server_wait_closed(server));
    if (err != WEFT_ETIMEDOUT)
        return err;
    fprintf(stderr, "httpd: %d connections are cut off\n",
            atomic_load_explicit(&httpd->connections, memory_order_relaxed));
    weft_server_abort_clients(server);
    return weft_server_wait_closed(server);
}

static int serve(void *arg, void **result)
{
    (void)result;
    struct httpd *httpd = arg;
    const struct options *options = &httpd->options;
    struct ending ending = {.asked = weft_create_future()};
    if (!ending.asked)
        return -errno;
    httpd->started = weft_loop_time(weft_get_running_loop());
    int err = weft_start_server(
        connection_main, httpd, options->host, options->port,
        &(weft_server_options){.loops = WEFT_ALL_LOOPS,
                               .backlog = BACKLOG,
                               .ssl = httpd->ssl,
                               .ssl_handshake_timeout = httpd->ssl ? options->request_timeout : 0},
        &ending.server);
    if (!err) {
        err = listen_for_signals(&ending);
        if (!err)
            err = say_where(ending.server,
                            httpd->ssl ? "listening on https://" : "listening on http://", "/");
        if (!err)
            err = weft_await(ending.asked, NULL);
        if (!err)
            err = drain(httpd, ending.server);
        weft_loop_remove_signal_handler(weft_get_running_loop(), SIGTERM);
        weft_loop_remove_signal_handler(weft_get_running_loop(), SIGINT);
        weft_server_close(ending.server);
        weft_server_unref(ending.server);
    }
    weft_unref(ending.asked);
    return err;
}

static int open_root(struct httpd *httpd)
{
    const char *root = httpd->options.root;
    httpd->root = -1;
    if (root)
        httpd->root = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return root && httpd->root < 0 ? weft_fail(-errno, "%s", root) : 0;
}

static int load_certificate(struct httpd *httpd)
{
    const struct options *options = &httpd->options;
    if (!options->cert)
        return 0;
    httpd->ssl = weft_ssl_create_default_context(WEFT_SSL_CLIENT_AUTH);
    if (!httpd->ssl)
        return -errno;
    return weft_ssl_context_load_cert_chain(httpd->ssl, options->cert, options->key, NULL);
}

static int run(struct httpd *httpd)
{
    weft_runner runner;
    int err = weft_runner_init(&runner, &(weft_runner_options){.loops = httpd->options.loops});
    if (err)
        return err;
    if (!weft_runner_get_loop(&runner)) /* makes them all */
        err = -errno;
    int count = weft_runner_loops(&runner);
    httpd->workers = calloc((size_t)count, sizeof(*httpd->workers));
    if (!err && !httpd->workers)
        err = -ENOMEM;
    for (int i = 0; !err && i < count; i++) {
        httpd->workers[i].httpd = httpd;
        httpd->workers[i].loop = weft_runner_loop_at(&runner, i);
        httpd->workers_count = i + 1;
    }
    if (!err)
        err = weft_runner_run(&runner, serve, httpd, NULL);
    int rc = weft_runner_close(&runner);
    for (int i = 0; i < httpd->workers_count; i++)
        files_fini(&httpd->workers[i]);
    free(httpd->workers);
    return err ? err : rc;
}

int main(int argc, char **argv)
{
    static struct httpd httpd;
    int status = options_parse(argc, argv, &httpd.options);
    if (status >= 0)
        return status;
    raise_limit_of_files();
    int err = open_root(&httpd);
    if (!err)
        err = load_certificate(&httpd);
    if (!err)
        err = run(&httpd);
    status = err ? complain("httpd", err) : EXIT_SUCCESS;
    weft_ssl_context_unref(httpd.ssl);
    if (httpd.root >= 0)
        close(httpd.root);
    return status;
}
